//! One copy of a shard: the rules by which two nodes keep one log.
//!
//! A shard has a primary and, when all is well, a twin. An entry is **committed** once it is
//! durable at both; only then is it applied and answered for. Who they are is decided by the
//! control plane alone, one numbered configuration (an *epoch*) after another. This machine
//! does everything else: [`Replica::step`] is handed the time and one input and says what should
//! follow. It knows no clock, no disk, no network and no chance, so one seed replays one life.
//!
//! # What it may rely on
//! Writes become durable in the order given, a prefix at a time. Frames may be lost, doubled,
//! delayed and reordered, but a sender is who it seems to be. Configurations may be learned late;
//! a compare-and-set on the epoch decides between proposals. Clocks need no common hour, only
//! rates within a tenth of each other. Every node may have [`Settings`] of its own.
//!
//! # Invariants
//! Asserted by [`Replica::check`] after every step as far as one replica can see them; the
//! simulator sees the rest.
//! - **I1** There is one configuration per shard and epoch.
//! - **I2** Every acknowledged entry is durable in the log of every eligible node.
//! - **I3** At most one payload is ever acknowledged per position; an epoch and position that
//!   may have left this node never carry another.
//! - **I4** Nobody acknowledges or serves in an epoch unless it is active in it; a fenced node
//!   does neither.
//! - **I5** From before a proposal leaves until its outcome is known, both the old and the
//!   proposed copies have to acknowledge.
//! - **I6** Only an eligible node becomes primary, except by force.
//! - **I7** Equal epoch and position mean an equal beginning of the log.
//! - **I8** What was published stays published, per generation.
//! - **I9** A command takes effect once. *(kept by the actors: their state knows its commands)*
//! - **I10** A read sees every write that was acknowledged before it began.
//! - **I11** What two copies acknowledged survives the loss of either disk; what one
//!   acknowledged survives its restart.
//!
//! `log` and `disk` know what is kept, `follower` and `primary` are the two sides, `promise` the
//! rule between them about time, `change` the way from one epoch to the next, `pace` when a copy is
//! too slow to be waited for.

mod change;
mod check;
mod disk;
mod follower;
mod log;
mod mutant;
mod pace;
mod peer;
mod primary;
mod promise;
mod settings;
mod status;
#[cfg(test)]
mod tests;
mod words;

pub use mutant::Mutant;
pub use settings::Settings;
pub use status::{PeerStatus, RoleName, Status};
pub use words::{Alarm, Durable, Input, Output, Standing, Unproposed, Write};

use change::Asked;
use disk::{Disk, FenceKept};
use follower::{Appended, Copy, Follow};
use log::Log;
use primary::Primary;
use promise::Promise;
use protocol::{
    cluster::{Config, Epoch, Lsn, NodeKey, Wanted},
    twin::{At, Entry, TwinFrame},
};

/// One node's copy of one shard.
#[derive(Debug)]
pub struct Replica {
    me: NodeKey,
    shard: u16,
    settings: Settings,
    now: u64,
    /// The newest epoch seen; the fence.
    seen: Epoch,
    /// The last epoch in which this node acted.
    act: Epoch,
    config: Option<Config>,
    wanted: Option<Wanted>,
    log: Log,
    disk: Disk,
    commit: Lsn,
    /// What the host had been told to apply before this step: only that may be forgotten.
    told: Lsn,
    role: Role,
    promise: Promise,
    copy: Option<Copy>,
    /// The generation to which everything in the log is known to belong.
    log_generation: Option<u32>,
    asked: Option<Asked>,
    /// Named but not active, this node proposes nothing before this moment.
    rest_until: u64,
    /// No learner is taken into the ackset before this moment.
    joint_after: u64,
    /// Was dropped for its slowness, and is not taken in again before this moment (R7).
    shunned: Option<(NodeKey, u64)>,
    /// Nothing is handed over before this moment.
    hand_after: u64,
    solo_since: Option<u64>,
    standing: Standing,
    /// Slept, and spared the others once for it.
    spared: bool,
}

/// What a replica is in the newest epoch it has seen.
#[derive(Debug)]
enum Role {
    /// Not primary: twin, learner, fenced or nothing at all.
    Follow(Follow),
    Primary(Box<Primary>),
    /// Its committed log was contradicted. Only a person can help.
    Halted,
}

impl Replica {
    /// Starts from what the disk held.
    pub fn boot(me: NodeKey, shard: u16, settings: Settings, now: u64, durable: Durable) -> Self {
        settings.check();
        let log = Log::new(durable.base, durable.tail);
        let seen = durable.seen.max(durable.act).max(log.last().epoch);
        let forgets = settings.breaks(Mutant::ForgetPromise);
        let firm = if forgets { 0 } else { now + promise::GRACE };
        Self {
            me,
            shard,
            now,
            seen,
            act: durable.act,
            config: None,
            wanted: None,
            disk: Disk::new(FenceKept { seen: durable.seen, act: durable.act }),
            commit: log.start().lsn,
            told: log.start().lsn,
            log,
            role: Role::Follow(Follow::new(seen, None, now)),
            promise: Promise::after_start(firm),
            copy: None,
            log_generation: None,
            asked: None,
            rest_until: 0,
            joint_after: 0,
            shunned: None,
            hand_after: 0,
            solo_since: None,
            standing: Standing::Idle,
            spared: false,
            settings,
        }
    }

    /// Takes one input; what should follow is pushed on to `out`, to be done in that order.
    pub fn step(&mut self, now: u64, input: Input, out: &mut Vec<Output>) {
        self.told = self.commit;
        self.wake(now);
        let mut speak = true;
        match input {
            Input::Tick => {}
            Input::Config(config) => self.learn(config, out),
            Input::Wanted(wanted) => self.want(wanted),
            Input::Frame { from, frame } => {
                speak = false;
                if from != self.me {
                    self.hear(from, frame, out);
                }
            }
            Input::Durable(ticket) => {
                self.disk.kept(ticket);
                self.acknowledge(out);
            }
            Input::Lost(ticket) => self.lost(ticket, out),
            Input::Refused { expect } => self.refused(expect),
            Input::Up(node) => self.link(node, true),
            Input::Down(node) => self.link(node, false),
            Input::Installed(at) => self.installed(at, out),
            Input::CopyFailed => self.copy_failed(),
            Input::Forgotten => self.forgotten(),
        }
        self.settle(out);
        self.drive(out);
        if speak {
            self.with_peers(|peer, voice| peer.speak(voice, out));
        }
        self.trim();
        let standing = self.standing();
        if standing != self.standing {
            self.standing = standing;
            out.push(Output::Standing(standing));
        }
        self.check();
    }

    /// Time goes on. Whoever slept blames nobody: the others get two beats to be heard, once.
    fn wake(&mut self, now: u64) {
        let slept = now.saturating_sub(self.now) >= self.settings.suspect_twin / 2;
        self.now = self.now.max(now);
        if !slept || self.spared {
            self.spared = slept;
            return;
        }
        self.spared = true;
        match &mut self.role {
            Role::Primary(primary) => {
                primary.peers.values_mut().for_each(|peer| peer.spare(self.now, &self.settings));
            }
            Role::Follow(follow) => follow.spare(self.now, &self.settings),
            Role::Halted => {}
        }
    }

    fn hear(&mut self, from: NodeKey, frame: TwinFrame, out: &mut Vec<Output>) {
        match frame {
            TwinFrame::Append { epoch, generation, prev, entries, commit } => {
                self.hear_append(from, epoch, Appended { generation, prev, entries, commit }, out);
            }
            TwinFrame::Beat { epoch, sent, commit } => {
                self.hear_beat(from, epoch, sent, commit, out);
            }
            TwinFrame::TooFar { epoch, hint } => self.hear_too_far(from, epoch, hint, out),
            TwinFrame::Ack { epoch, durable } => self.hear_ack(from, epoch, durable, out),
            TwinFrame::BeatAck { epoch, sent, durable } => {
                self.hear_promise(from, epoch, sent, durable, out);
            }
            TwinFrame::Mismatch { epoch, hint } => self.hear_mismatch(from, epoch, hint, out),
            TwinFrame::Fence { seen } => self.hear_fence(seen),
            TwinFrame::Release { epoch } => self.promise.release(epoch, from),
        }
    }

    /// The disk did not keep some writes. What was given to others of them must never be said
    /// differently, so a primary gives its epoch up; the twin, which may hold them, goes first.
    fn lost(&mut self, ticket: u64, out: &mut Vec<Output>) {
        if !self.disk.lost(ticket, &mut self.log) {
            return;
        }
        out.push(Output::Alarm(Alarm::Unkept { last: self.log.last().lsn }));
        match &mut self.role {
            Role::Primary(_) => self.retire(4 * self.settings.cas_again),
            Role::Follow(follow) => follow.forget_match(),
            Role::Halted => {}
        }
    }

    fn ensure_fence(&mut self, out: &mut Vec<Output>) {
        self.disk.ensure_fence(FenceKept { seen: self.seen, act: self.act }, out);
    }

    /// Forgets committed entries that nobody needs, or that are too many.
    fn trim(&mut self) {
        let pin = match &self.role {
            Role::Primary(primary) => primary.peers.values().filter_map(|peer| peer.pin()).min(),
            _ => None,
        };
        loop {
            let start = self.log.start().lsn;
            let needed = pin.is_some_and(|pin| start >= pin);
            let keep =
                if needed { self.settings.ring_max_bytes } else { self.settings.ring_keep_bytes };
            if self.log.between(start, self.commit) <= keep || !self.log.forget_first(self.told) {
                return;
            }
        }
    }

    /// Where this replica stands.
    pub fn standing(&self) -> Standing {
        match &self.role {
            Role::Primary(primary) if primary.ready => Standing::Serving { epoch: self.seen },
            Role::Primary(_) => Standing::Warming { epoch: self.seen },
            Role::Follow(follow) => match follow.primary {
                Some(primary) if primary != self.me && (follow.fed || self.is_twin()) => {
                    Standing::Follows { epoch: self.seen, primary }
                }
                _ => Standing::Idle,
            },
            Role::Halted => Standing::Idle,
        }
    }

    fn is_twin(&self) -> bool {
        self.config.is_some_and(|it| it.epoch == self.seen && it.twin == Some(self.me))
    }

    /// An entry that is still in memory; everything behind what was applied is.
    pub fn entry(&self, lsn: Lsn) -> Option<&Entry> {
        self.log.get(lsn)
    }

    /// The log's last place.
    pub fn last(&self) -> At {
        self.log.last()
    }

    /// Everything up to here is known to be committed.
    pub fn commit(&self) -> Lsn {
        self.commit
    }

    /// From whom the whole state is being copied, if it is.
    pub fn copying(&self) -> Option<NodeKey> {
        self.copy.map(|copy| copy.from)
    }
}
