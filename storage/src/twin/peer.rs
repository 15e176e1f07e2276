//! What a primary knows of another copy, and what it sends there.
//!
//! A copy is first asked where it stands: an append without entries either fits, and is
//! acknowledged, or is answered with a hint. From then on entries flow, a bounded window ahead of
//! what was acknowledged. Whatever is lost on the way shows as silence or as a hint, and both lead
//! back to asking.

use super::{Output, Settings, log::Log, pace::Pace};
use protocol::{
    cluster::{Epoch, Lsn, NodeKey},
    twin::{At, TwinFrame},
};

/// Another copy, as its primary sees it in one epoch.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) node: NodeKey,
    /// It acknowledged in this epoch and was not at a loss since.
    pub(super) synced: bool,
    /// Durable there, and equal to the log here, up to this position.
    pub(super) matched: Lsn,
    /// Sent up to here; while not synced, where to ask.
    sent: Lsn,
    /// When something was sent that silence should be measured from.
    tried: u64,
    /// When it last came closer, or was last level.
    progress: u64,
    beat_at: u64,
    pub(super) heard: u64,
    pub(super) down: bool,
    /// Its promise protects reads here until then.
    pub(super) lease: u64,
    pub(super) copy: Option<Copying>,
    /// The last hint that was followed, to where, and when.
    answered: Option<(At, u64)>,
    pub(super) pace: Pace,
}

/// It copies the whole state.
#[derive(Debug)]
pub(super) struct Copying {
    /// Entries behind this are kept for it while they fit.
    pub(super) pin: Lsn,
    told: u64,
}

/// What goes with everything a primary sends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Voice<'a> {
    pub(super) now: u64,
    pub(super) epoch: Epoch,
    pub(super) generation: u32,
    pub(super) commit: Lsn,
    pub(super) log: &'a Log,
    pub(super) settings: &'a Settings,
}

impl Peer {
    /// A copy of which nothing is known yet; it is asked at once.
    pub(super) fn new(node: NodeKey, now: u64, last: Lsn) -> Self {
        Self {
            node,
            synced: false,
            matched: Lsn(0),
            sent: last,
            tried: 0,
            progress: now,
            beat_at: 0,
            heard: now,
            down: false,
            lease: 0,
            copy: None,
            answered: None,
            pace: Pace::default(),
        }
    }

    pub(super) fn heard(&mut self, now: u64) {
        (self.heard, self.down) = (now, false);
    }

    /// Silent for too long, or too slow for too long (R7): it answers, but comes no closer, or
    /// closer each time far too late.
    pub(super) fn is_suspect(&self, now: u64, settings: &Settings) -> bool {
        let behind = !self.synced || self.sent > self.matched;
        self.down
            || self.pace.is_slow(now)
            || now.saturating_sub(self.heard) > settings.suspect_twin
            || (behind && now.saturating_sub(self.progress) > settings.stall_twin)
    }

    /// Gives it two beats from now at least, and two to come closer.
    pub(super) fn spare(&mut self, now: u64, settings: &Settings) {
        let since = |after: u64| (now + 2 * settings.beat).saturating_sub(after);
        self.heard = self.heard.max(since(settings.suspect_twin));
        self.progress = self.progress.max(since(settings.stall_twin));
        self.pace.spare();
    }

    /// The first position that is still needed for it.
    pub(super) fn pin(&self) -> Option<Lsn> {
        match &self.copy {
            Some(copy) => Some(copy.pin),
            None => self.synced.then_some(self.matched),
        }
    }

    /// Beats, asks or sends, whatever is due.
    pub(super) fn speak(&mut self, voice: Voice<'_>, out: &mut Vec<Output>) {
        if self.beat_at == 0 || voice.now >= self.beat_at + voice.settings.beat {
            self.beat_at = voice.now.max(1);
            let (epoch, sent, commit) = (voice.epoch, voice.now, voice.commit);
            self.send(TwinFrame::Beat { epoch, sent, commit }, out);
        }
        self.pump(voice, out);
    }

    /// Sends what the window allows; asks again after silence.
    pub(super) fn pump(&mut self, voice: Voice<'_>, out: &mut Vec<Output>) {
        if self.copy.is_some() {
            return;
        }
        let (start, last) = (voice.log.start().lsn, voice.log.last().lsn);
        if self.sent < start || self.sent > last {
            // It fell behind what is in memory: ask at the edge, and it will say so.
            (self.synced, self.sent, self.tried) = (false, self.sent.clamp(start, last), 0);
        }
        let waits = !self.synced || self.sent > self.matched;
        if waits && (self.tried == 0 || voice.now >= self.tried + voice.settings.resend) {
            self.append(voice, 0, out);
            self.tried = voice.now.max(1);
        }
        let window = voice.settings.window_max_bytes;
        while self.synced && self.sent < last && voice.log.between(self.matched, self.sent) < window
        {
            if self.sent == self.matched {
                (self.tried, self.progress) = (voice.now.max(1), voice.now);
            }
            let before = voice.log.between(self.matched, self.sent);
            self.sent = self.append(voice, voice.settings.batch_max_bytes, out);
            if before <= voice.settings.batch_max_bytes / 4 {
                self.pace.sent(self.sent, voice.now);
            }
        }
    }

    /// Sends what follows the last that was sent, or nothing but a question; says up to where.
    fn append(&self, voice: Voice<'_>, max_bytes: u64, out: &mut Vec<Output>) -> Lsn {
        let Voice { epoch, generation, commit, log, .. } = voice;
        let prev = log.at(self.sent).expect("what was sent last is in memory or just before it");
        let entries = if max_bytes == 0 { Vec::new() } else { log.batch(prev.lsn, max_bytes) };
        let end = entries.last().map_or(prev.lsn, |entry| entry.at.lsn);
        self.send(TwinFrame::Append { epoch, generation, prev, entries, commit }, out);
        end
    }

    /// It holds everything up to here, durable and equal.
    pub(super) fn acknowledged(&mut self, voice: Voice<'_>, durable: Lsn) {
        let durable = durable.min(voice.log.last().lsn);
        if durable > self.matched {
            self.matched = durable;
            (self.tried, self.progress) = (voice.now.max(1), voice.now);
            self.pace.acknowledged(durable, voice.now, voice.settings);
        }
        if !self.synced {
            // Whatever was under way may be lost: go on behind what is certain.
            self.sent = self.matched;
            self.synced = true;
        }
        self.sent = self.sent.max(self.matched);
        self.copy = None;
    }

    /// It says that less is matched than it once acknowledged, and nothing is on its way: it was
    /// restarted and has forgotten what its log was matched with. Asking reminds it; without that
    /// it could not apply the end of the log before the next entry comes.
    pub(super) fn forgot(&mut self, now: u64, durable: Lsn) -> bool {
        let forgot = self.synced && self.sent == self.matched && durable < self.matched;
        if forgot {
            (self.synced, self.tried, self.progress) = (false, 0, now);
        }
        forgot
    }

    /// It does not hold what an append followed on; `hint` is the last it may share.
    pub(super) fn mismatched(&mut self, voice: Voice<'_>, hint: At, out: &mut Vec<Output>) {
        self.pace.lose_count();
        let soon = |since: u64| voice.now < since + voice.settings.resend;
        match voice.log.floor(hint) {
            Some(point) => {
                // One lost frame makes every later one mismatch: one answer is enough.
                if self.answered.is_some_and(|(at, when)| at == point && soon(when)) {
                    return;
                }
                self.answered = Some((point, voice.now));
                (self.synced, self.copy, self.sent) = (false, None, point.lsn);
                self.tried = voice.now.max(1);
                self.append(voice, voice.settings.batch_max_bytes, out);
            }
            None => {
                if self.copy.as_ref().is_some_and(|copy| soon(copy.told)) {
                    return;
                }
                let start = voice.log.start().lsn;
                let pin = self.copy.as_ref().map(|copy| copy.pin).filter(|pin| *pin >= start);
                let pin = pin.unwrap_or(start);
                self.synced = false;
                self.copy = Some(Copying { pin, told: voice.now });
                self.send(TwinFrame::TooFar { epoch: voice.epoch, hint }, out);
            }
        }
    }

    fn send(&self, frame: TwinFrame, out: &mut Vec<Output>) {
        out.push(Output::Send { to: self.node, frame });
    }
}
