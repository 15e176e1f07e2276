//! The side that copies: matches, keeps, acknowledges, promises.
//!
//! An acknowledgement names the last position that was matched *in this epoch* and is durable,
//! never merely the log's own end: what lies behind the match may be another history. It leaves
//! only after the fence of its epoch is durable, too. Otherwise a node that crashed could forget
//! that it had acknowledged in this epoch and let a straggler of an older one cut what was counted.
//!
//! # When may a copy take the place of the log?
//! When it drops nothing that was acknowledged in this epoch, for the primary may still count on
//! that. Whoever lags behind the primary's memory, or is contradicted where its log was applied,
//! was never matched beyond what is copied. One who only hears of less than it has may hear a
//! straggler, and after a restart it has forgotten what it acknowledged: it copies only if it is
//! known to have no say in this epoch and has heard of no commit that reaches as far. A twin never
//! copies: it holds all there is, or is replaced as twin first, as one that comes no closer is.

use super::{Alarm, Mutant, Output, Replica, Role, Settings, promise::GRACE};
use protocol::{
    cluster::{Epoch, Lsn, NodeKey},
    twin::{At, Entry, TwinFrame},
};

/// What a node knows in an epoch in which it is not primary.
#[derive(Debug)]
pub(super) struct Follow {
    pub(super) epoch: Epoch,
    /// Who acts in this epoch; oneself when named but not allowed to act.
    pub(super) primary: Option<NodeKey>,
    /// The generation of this epoch's configuration, once somebody said it.
    pub(super) generation: Option<u32>,
    /// The log here equals the primary's up to this position.
    pub(super) matched: Option<Lsn>,
    /// The last hint given, until something fits.
    asked: Option<At>,
    /// The primary says that everything up to here is committed.
    commit: Lsn,
    /// An append waits for its acknowledgement: in which epoch, to whom.
    owed: Option<(Epoch, NodeKey)>,
    acked: Lsn,
    unmatched_beats: u32,
    heard: u64,
    pub(super) down: bool,
    /// The primary spoke in this epoch.
    pub(super) fed: bool,
}

/// The whole state is being copied.
#[derive(Debug, Clone, Copy)]
pub(super) struct Copy {
    pub(super) from: NodeKey,
    generation: Option<u32>,
}

/// What an append carries.
pub(super) struct Appended {
    pub(super) generation: u32,
    pub(super) prev: At,
    pub(super) entries: Vec<Entry>,
    pub(super) commit: Lsn,
}

impl Appended {
    /// Whether positions are gapless and epochs in order; a stranger's mistake is not obeyed.
    fn is_sound(&self, epoch: Epoch) -> bool {
        let mut before = self.prev;
        self.entries.iter().all(|entry| {
            let follows = entry.at.lsn == before.lsn.next() && entry.at.epoch >= before.epoch;
            before = entry.at;
            follows
        }) && before.epoch <= epoch
    }

    fn end(&self) -> At {
        self.entries.last().map_or(self.prev, |entry| entry.at)
    }
}

impl Follow {
    pub(super) fn new(epoch: Epoch, primary: Option<NodeKey>, now: u64) -> Self {
        Self {
            epoch,
            primary,
            generation: None,
            matched: None,
            asked: None,
            commit: Lsn(0),
            owed: None,
            acked: Lsn(0),
            unmatched_beats: 0,
            heard: now,
            down: false,
            fed: false,
        }
    }

    pub(super) fn is_suspect(&self, now: u64, after: u64) -> bool {
        self.down || now.saturating_sub(self.heard) > after
    }

    /// Gives the primary two beats from now at least.
    pub(super) fn spare(&mut self, now: u64, settings: &Settings) {
        let since = (now + 2 * settings.beat).saturating_sub(settings.suspect_primary);
        self.heard = self.heard.max(since);
    }

    pub(super) fn forget_match(&mut self) {
        (self.matched, self.asked, self.owed) = (None, None, None);
    }
}

impl Replica {
    /// Whether a frame of a primary is to be obeyed: never one of an older epoch (I4). One of a
    /// newer epoch ends whatever this node was before.
    pub(super) fn admit(&mut self, from: NodeKey, epoch: Epoch, out: &mut Vec<Output>) -> bool {
        if matches!(self.role, Role::Halted) {
            return false;
        }
        if epoch < self.seen {
            if !(self.settings.breaks(Mutant::NoFence) && matches!(self.role, Role::Follow(_))) {
                let frame = TwinFrame::Fence { seen: self.seen };
                out.push(Output::Send { to: from, frame });
                return false;
            }
        } else if epoch > self.seen {
            self.seen = epoch;
            self.role = Role::Follow(Follow::new(epoch, Some(from), self.now));
        }
        let stranger = match &mut self.role {
            Role::Halted => return false,
            Role::Primary(_) => true,
            Role::Follow(follow) => {
                let primary = *follow.primary.get_or_insert(from);
                if primary == from || epoch < self.seen {
                    (follow.heard, follow.down, follow.fed) = (self.now, false, true);
                    return true;
                }
                true
            }
        };
        if stranger {
            out.push(Output::Alarm(Alarm::TwoPrimaries { epoch, other: from }));
        }
        false
    }

    pub(super) fn hear_append(
        &mut self,
        from: NodeKey,
        epoch: Epoch,
        append: Appended,
        out: &mut Vec<Output>,
    ) {
        if !append.is_sound(epoch) || !self.admit(from, epoch, out) {
            return;
        }
        let Role::Follow(follow) = &mut self.role else { return };
        follow.generation = Some(append.generation);
        if self.copy.is_some() {
            return;
        }
        let start = self.log.start();
        if append.prev.lsn < start.lsn {
            return self.hear_below_start(from, epoch, append, out);
        }
        match self.log.floor(append.prev) {
            Some(floor) if floor == append.prev => self.take(from, epoch, append, out),
            Some(floor) => self.mismatch(from, epoch, floor, out),
            // Where this log was applied already, the other is of an older epoch.
            None => self.contradicted(from, start, append.prev, out),
        }
    }

    /// The append begins before everything in memory. What was applied was committed and is equal
    /// at every primary, except after force.
    fn hear_below_start(
        &mut self,
        from: NodeKey,
        epoch: Epoch,
        mut append: Appended,
        out: &mut Vec<Output>,
    ) {
        let start = self.log.start();
        let contradicts = |at: At| {
            at.epoch > start.epoch && at.lsn <= start.lsn || at.lsn == start.lsn && at != start
        };
        let places = append.entries.iter().map(|entry| entry.at);
        if let Some(theirs) = [append.prev].into_iter().chain(places).find(|at| contradicts(*at)) {
            return self.contradicted(from, start, theirs, out);
        }
        if append.end().lsn >= start.lsn {
            append.entries.retain(|entry| entry.at.lsn > start.lsn);
            append.prev = start;
            return self.take(from, epoch, append, out);
        }
        let last = self.log.last();
        let Role::Follow(follow) = &mut self.role else { return };
        if follow.matched.is_some_and(|matched| matched >= start.lsn) {
            // An old one, late or doubled: what it brings is here, and is acknowledged again.
            follow.owed = Some((epoch, from));
            return self.acknowledge(out);
        }
        let asked = follow.asked == Some(last) && follow.unmatched_beats > 1;
        let lacks = follow.commit < start.lsn;
        if asked && lacks && self.has_no_say() && self.is_foreign() {
            // Asked for what follows the last, it goes on offering less: its log is another one.
            return self.copy_from(from, out);
        }
        // The last and nothing less: what lies between may be good and acknowledged, and an answer
        // that the primary has forgotten the start must not lead to a copy that drops it.
        self.mismatch(from, epoch, last, out);
    }

    fn mismatch(&mut self, to: NodeKey, epoch: Epoch, hint: At, out: &mut Vec<Output>) {
        let Role::Follow(follow) = &mut self.role else { return };
        follow.asked = Some(hint);
        out.push(Output::Send { to, frame: TwinFrame::Mismatch { epoch, hint } });
    }

    /// Takes entries whose predecessor is here.
    fn take(&mut self, from: NodeKey, epoch: Epoch, append: Appended, out: &mut Vec<Output>) {
        let known = append.entries.iter().take_while(|it| self.log.at(it.at.lsn) == Some(it.at));
        let known = known.count();
        let fresh = &append.entries[known..];
        self.ensure_fence(out);
        if let Some(first) = fresh.first()
            && let Some(mine) = self.log.at(first.at.lsn)
            && !self.cut(mine, first.at, out)
        {
            return;
        }
        fresh.iter().for_each(|entry| self.log.push(entry.clone()));
        self.disk.entries(fresh.to_vec(), out);
        let end = append.end().lsn;
        let Role::Follow(follow) = &mut self.role else { return };
        let matched = follow.matched.map_or(end, |before| before.max(end));
        (follow.matched, follow.asked, follow.owed) = (Some(matched), None, Some((epoch, from)));
        follow.unmatched_beats = 0;
        follow.commit = follow.commit.max(append.commit);
        if matched == self.log.last().lsn {
            self.log_generation = Some(append.generation);
        }
        self.acknowledge(out);
    }

    /// Cuts the log before `mine`, where the primary has something else; false when that must not
    /// be. A mere longer tail is never cut.
    fn cut(&mut self, mine: At, theirs: At, out: &mut Vec<Output>) -> bool {
        let Role::Follow(follow) = &mut self.role else { return false };
        if mine.lsn <= self.commit {
            if let Some(from) = follow.primary {
                self.contradicted(from, mine, theirs, out);
            }
            return false;
        }
        let keep = Lsn(mine.lsn.0 - 1);
        follow.matched = follow.matched.map(|matched| matched.min(keep));
        follow.acked = follow.acked.min(keep);
        let removed = self.log.cut(keep);
        if self.is_foreign() {
            out.push(Output::Quarantine(removed.clone()));
        }
        self.disk.cut(keep, removed, out);
        true
    }

    /// Whether what is here may have been given up by force (R8): the generation has risen since
    /// it was written, or nobody remembers in which it was.
    fn is_foreign(&self) -> bool {
        match &self.role {
            Role::Follow(Follow { generation: Some(now), .. }) => {
                *now > 0 && self.log_generation != Some(*now)
            }
            _ => false,
        }
    }

    /// Whether nobody can have counted on what this node holds: it is in no role in this epoch.
    fn has_no_say(&self) -> bool {
        self.config.is_some_and(|it| it.epoch == self.seen && !it.is_eligible(self.me))
    }

    /// What is committed here is not so at the primary. After force that is the price: the whole
    /// state is copied anew. Otherwise nothing is right any more and this replica stops.
    fn contradicted(&mut self, from: NodeKey, mine: At, theirs: At, out: &mut Vec<Output>) {
        if self.is_foreign() && !self.is_twin() {
            return self.copy_from(from, out);
        }
        self.role = Role::Halted;
        out.push(Output::Alarm(Alarm::CommittedConflict { mine, theirs }));
    }

    fn copy_from(&mut self, from: NodeKey, out: &mut Vec<Output>) {
        if self.is_twin() {
            return; // I2: what it holds counts
        }
        if let (Role::Follow(follow), None) = (&mut self.role, self.copy) {
            follow.forget_match();
            self.copy = Some(Copy { from, generation: follow.generation });
            out.push(Output::NeedState { from });
        }
    }

    pub(super) fn hear_too_far(
        &mut self,
        from: NodeKey,
        epoch: Epoch,
        hint: At,
        out: &mut Vec<Output>,
    ) {
        if !self.admit(from, epoch, out) {
            return;
        }
        let Role::Follow(follow) = &self.role else { return };
        // Only the answer to the newest question counts: a late one would copy for nothing.
        if follow.asked == Some(hint) {
            self.copy_from(from, out);
        }
    }

    pub(super) fn installed(&mut self, at: At, out: &mut Vec<Output>) {
        let Some(copy) = self.copy.take() else { return };
        let foreign =
            copy.generation.is_none_or(|it| it > 0) && self.log_generation != copy.generation;
        let removed = self.log.restart(at);
        self.disk.replaced();
        if foreign && !removed.is_empty() {
            out.push(Output::Quarantine(removed));
        }
        (self.commit, self.told, self.log_generation) = (at.lsn, at.lsn, copy.generation);
        if at.epoch > self.seen {
            self.seen = at.epoch;
            self.role = Role::Follow(Follow::new(at.epoch, None, self.now));
        }
        if let Role::Follow(follow) = &mut self.role {
            follow.forget_match();
            follow.acked = Lsn(0);
            let epoch = follow.epoch;
            if let Some(primary) = follow.primary.filter(|_| follow.fed) {
                self.mismatch(primary, epoch, at, out);
            }
        }
    }

    /// Whether what is here may be dropped: two others hold the shard in the newest epoch that is
    /// known, this node has no say in it, and nobody builds a copy here.
    pub fn counts_for_nothing(&self) -> bool {
        let Role::Follow(follow) = &self.role else { return false };
        let silent = follow.is_suspect(self.now, self.settings.suspect_primary);
        let two = self.config.is_some_and(|it| it.twin.is_some());
        two && self.has_no_say() && self.copy.is_none() && (!follow.fed || silent)
    }

    /// Begins with nothing, but for what was seen and done.
    pub(super) fn forgotten(&mut self) {
        assert!(self.has_no_say() && self.copy.is_none(), "I2: nobody counts on it");
        self.log.restart(At::default());
        self.disk.replaced();
        (self.commit, self.told, self.log_generation) = (Lsn(0), Lsn(0), None);
        if let Role::Follow(follow) = &mut self.role {
            follow.forget_match();
            (follow.commit, follow.acked) = (Lsn(0), Lsn(0));
        }
    }

    pub(super) fn copy_failed(&mut self) {
        self.copy = None;
        if let Role::Follow(follow) = &mut self.role {
            follow.forget_match();
        }
    }

    /// Everything that is matched in this epoch and durable here.
    fn certain(&self) -> Option<Lsn> {
        let Role::Follow(follow) = &self.role else { return None };
        let matched = follow.matched?;
        if self.settings.breaks(Mutant::AckBeforeSync) {
            return Some(matched);
        }
        let fenced = self.disk.fence().seen >= follow.epoch;
        fenced.then(|| matched.min(self.disk.durable(&self.log)))
    }

    /// Acknowledges what is owed, as far as it is certain, and applies what is committed.
    pub(super) fn acknowledge(&mut self, out: &mut Vec<Output>) {
        let Some(durable) = self.certain() else { return };
        let Role::Follow(follow) = &mut self.role else { return };
        let whole = follow.matched == Some(durable);
        if let Some((epoch, to)) = follow.owed
            && (whole || durable > follow.acked)
        {
            follow.acked = durable;
            follow.owed = follow.owed.filter(|_| !whole);
            out.push(Output::Send { to, frame: TwinFrame::Ack { epoch, durable } });
        }
        let commit = follow.commit.min(durable);
        if commit > self.commit {
            self.commit = commit;
            out.push(Output::Committed(commit));
        }
    }

    pub(super) fn hear_beat(
        &mut self,
        from: NodeKey,
        epoch: Epoch,
        sent: u64,
        commit: Lsn,
        out: &mut Vec<Output>,
    ) {
        if !self.admit(from, epoch, out) {
            return;
        }
        let grace = if self.settings.breaks(Mutant::ShortGrace) { 0 } else { GRACE };
        self.promise.give(epoch, from, self.now + grace);
        let durable = self.certain().unwrap_or_default();
        out.push(Output::Send { to: from, frame: TwinFrame::BeatAck { epoch, sent, durable } });
        let Role::Follow(follow) = &mut self.role else { return };
        follow.commit = follow.commit.max(commit);
        let open = follow.matched.is_none() || follow.asked.is_some();
        if !open {
            return self.acknowledge(out);
        }
        // Appends come with the first beat; later beats without an answer mean one was lost.
        follow.unmatched_beats += 1;
        if follow.unmatched_beats > 1 && self.copy.is_none() {
            let hint = follow.asked.unwrap_or(self.log.last());
            self.mismatch(from, epoch, hint, out);
        }
    }
}
