//! Who holds the shard: learning it, and proposing that it change.
//!
//! A configuration may be learned late or twice; an older one than was seen is nothing. A
//! proposal may be lost, doubled or answered by nobody; it names the epoch it expects, so at most
//! one per epoch takes effect. Proposing twice is therefore harmless, and everything here is
//! simply said again until a newer epoch is learned.

use super::{
    Mutant, Output, Replica, Role,
    follower::Follow,
    primary::{Joint, Primary},
};
use protocol::{
    cluster::{Cas, Config, Epoch, NodeKey, Wanted},
    twin::TwinFrame,
};

/// A proposal that was sent.
#[derive(Debug)]
pub(super) struct Asked {
    cas: Cas,
    at: u64,
}

/// What a primary would like to happen next.
enum Wish {
    Nothing,
    /// A new epoch with this twin.
    Twin(Option<NodeKey>),
    /// This learner shall acknowledge like a twin.
    Court(NodeKey),
    /// The learner in the ackset does not keep up and was not proposed: without it, then.
    LetGo,
    /// Stop taking entries in.
    Quiesce,
    /// Take them in again; the handoff did not come about.
    Resume,
    /// Everything is with the twin: it shall serve.
    HandOff(NodeKey),
}

impl Replica {
    pub(super) fn learn(&mut self, config: Config, out: &mut Vec<Output>) {
        if config.epoch < self.seen || self.config == Some(config) {
            return;
        }
        if matches!(self.role, Role::Halted) {
            return;
        }
        let twice = self.config.is_some_and(|known| known.epoch == config.epoch);
        assert!(!twice || !self.settings.sound(), "I1: one configuration per epoch");
        self.config = Some(config);
        if config.is_eligible(self.me) {
            self.copy = None; // I2: what it holds counts from now on
        }
        if config.primary == self.me {
            let again = self.settings.breaks(Mutant::SameEpochRestart);
            let acts = matches!(&self.role, Role::Primary(it) if it.config.epoch == config.epoch);
            if config.epoch > self.act || (again && !acts) {
                return self.activate(config, out);
            }
        }
        match &mut self.role {
            Role::Primary(primary) if primary.config.epoch == config.epoch => {}
            Role::Follow(follow) if follow.epoch == config.epoch => {
                follow.primary = Some(config.primary);
                follow.generation = Some(config.generation);
            }
            _ => {
                let mut follow = Follow::new(config.epoch, Some(config.primary), self.now);
                follow.generation = Some(config.generation);
                self.role = Role::Follow(follow);
            }
        }
        self.seen = config.epoch;
    }

    pub(super) fn want(&mut self, wanted: Option<Wanted>) {
        if self.wanted != wanted {
            self.wanted = wanted;
            self.choose_peers();
        }
    }

    /// The learner that placement would like to see become the twin.
    pub(super) fn join_target(&self) -> Option<NodeKey> {
        let Role::Primary(primary) = &self.role else { return None };
        let wanted = self.wanted?;
        // Whoever shall serve has to hold a copy first.
        let target = if wanted.primary == self.me { wanted.twin } else { Some(wanted.primary) };
        target.filter(|node| *node != self.me && primary.config.twin != Some(*node))
    }

    /// A newer epoch exists: whatever this node was, it is no longer.
    pub(super) fn hear_fence(&mut self, seen: Epoch) {
        if seen > self.seen && !matches!(self.role, Role::Halted) {
            self.seen = seen;
            self.role = Role::Follow(Follow::new(seen, None, self.now));
        }
    }

    pub(super) fn refused(&mut self, expect: Epoch) {
        match &mut self.role {
            Role::Primary(primary) if primary.config.epoch == expect => {
                if let Some(joint) = primary.joint.as_mut().filter(|joint| joint.proposed) {
                    joint.refused = true;
                    self.joint_after = self.now + self.settings.handoff_again;
                }
            }
            Role::Follow(follow) if follow.epoch == expect && follow.primary == Some(self.me) => {
                self.rest_until = self.now;
            }
            _ => {}
        }
    }

    pub(super) fn link(&mut self, node: NodeKey, up: bool) {
        match &mut self.role {
            Role::Primary(primary) => {
                if let Some(peer) = primary.peers.get_mut(&node) {
                    peer.down = !up;
                }
            }
            Role::Follow(follow) if follow.primary == Some(node) => follow.down = !up,
            _ => {}
        }
    }

    /// Proposes what is due.
    pub(super) fn drive(&mut self, out: &mut Vec<Output>) {
        match &self.role {
            Role::Follow(follow) => {
                let suspects = follow.is_suspect(self.now, self.settings.suspect_primary);
                let epoch = follow.epoch;
                self.drive_follower(epoch, suspects, out);
            }
            Role::Primary(primary) => {
                let wish = self.wish(primary);
                self.grant(wish, out);
            }
            Role::Halted => {}
        }
    }

    fn drive_follower(&mut self, epoch: Epoch, suspects: bool, out: &mut Vec<Output>) {
        let Some(config) = self.config else { return };
        if config.epoch == epoch && config.primary == self.me {
            // Named, and acted already: what was sent in this epoch may be forgotten here, so
            // only a new epoch may be acted in.
            if self.now >= self.rest_until {
                self.ask(self.me, config.twin, out);
            }
            return;
        }
        if !suspects {
            return;
        }
        let eligible = config.epoch == epoch && config.twin == Some(self.me);
        if eligible && self.settings.breaks(Mutant::SelfPromote) {
            let alone = Config { epoch: epoch.next(), primary: self.me, twin: None, ..config };
            self.config = Some(alone);
            return self.activate(alone, out);
        }
        if eligible || self.settings.breaks(Mutant::PromoteLearner) {
            self.ask(self.me, None, out);
        }
    }

    fn wish(&self, primary: &Primary) -> Wish {
        let suspect = |node: NodeKey| {
            let peer = primary.peers.get(&node);
            peer.is_none_or(|peer| peer.is_suspect(self.now, &self.settings))
        };
        let twin = primary.config.twin;
        let remains = twin.filter(|twin| !suspect(*twin));
        let target = self.join_target();
        let may_hand_off = primary.joint.is_none()
            && primary.ready
            && remains.is_some_and(|twin| self.wanted.is_some_and(|it| it.primary == twin));
        if primary.handing.is_some() && !may_hand_off {
            return Wish::Resume;
        }
        if let Some(joint) = primary.joint {
            let peer = primary.peers.get(&joint.node);
            let caught_up = peer.is_some_and(|peer| peer.synced && peer.matched >= self.commit);
            return match joint.proposed {
                // The proposal may still come true: a new epoch is the only way out.
                true if joint.refused || suspect(joint.node) => Wish::Twin(remains),
                true => Wish::Twin(Some(joint.node)),
                false if caught_up && target == Some(joint.node) => Wish::Twin(Some(joint.node)),
                false
                    if target != Some(joint.node)
                        || suspect(joint.node)
                        || self.now > joint.since + self.settings.suspect_twin =>
                {
                    Wish::LetGo
                }
                false => Wish::Nothing,
            };
        }
        if remains != twin {
            return Wish::Twin(None);
        }
        let waits = |node: NodeKey| {
            let shunned = self.shunned.is_some_and(|(it, until)| it == node && self.now < until);
            self.now < self.joint_after || shunned
        };
        if let Some(node) = target.filter(|node| primary.ready && !waits(*node)) {
            let last = self.log.last().lsn;
            let near = primary.peers.get(&node).is_some_and(|peer| {
                peer.synced && self.log.between(peer.matched, last) <= self.settings.batch_max_bytes
            });
            return if near && !suspect(node) { Wish::Court(node) } else { Wish::Nothing };
        }
        match remains {
            Some(twin) if may_hand_off => self.wish_to_hand_off(primary, twin),
            _ => Wish::Nothing,
        }
    }

    fn wish_to_hand_off(&self, primary: &Primary, twin: NodeKey) -> Wish {
        if self.now < self.hand_after {
            return Wish::Nothing;
        }
        let last = self.log.last().lsn;
        let held = primary.peers.get(&twin).is_some_and(|peer| peer.synced && peer.matched == last);
        let hasty = self.settings.breaks(Mutant::HandoffWhileServing);
        match primary.handing {
            _ if hasty || (held && self.commit == last) => Wish::HandOff(twin),
            Some(since) if self.now > since + self.settings.suspect_twin => Wish::Resume,
            Some(_) => Wish::Nothing,
            None => Wish::Quiesce,
        }
    }

    fn grant(&mut self, wish: Wish, out: &mut Vec<Output>) {
        let (now, me) = (self.now, self.me);
        let Role::Primary(primary) = &mut self.role else { return };
        match wish {
            Wish::Nothing => {}
            Wish::Court(node) => {
                primary.joint = Some(Joint { node, since: now, proposed: false, refused: false });
                self.drive(out);
            }
            Wish::LetGo => {
                primary.joint = None;
                self.joint_after = now + self.settings.cas_again;
                self.choose_peers();
            }
            Wish::Twin(twin) => {
                // Before the proposal leaves, its twin is in the ackset, and stays there (I5).
                if let Some(joint) = primary.joint.as_mut().filter(|it| Some(it.node) == twin) {
                    joint.proposed = true;
                }
                let dropped = primary.config.twin.filter(|it| Some(*it) != twin);
                if let Some(slow) = dropped.and_then(|it| primary.peers.get(&it))
                    && slow.pace.is_slow(now)
                {
                    self.shunned = Some((slow.node, now + self.settings.slow_again));
                }
                self.ask(me, twin, out);
            }
            Wish::Quiesce => {
                primary.handing = Some(now);
                self.drive(out);
            }
            Wish::Resume => {
                primary.handing = None;
                self.hand_after = now + self.settings.handoff_again;
            }
            Wish::HandOff(twin) if self.settings.breaks(Mutant::HandoffWhileServing) => {
                self.ask(twin, Some(me), out);
            }
            Wish::HandOff(twin) => {
                let epoch = self.seen;
                self.hand_after = now + self.settings.handoff_again;
                self.retire(self.settings.cas_again);
                // This node never acts in this epoch again, so nobody has to wait for it.
                out.push(Output::Send { to: twin, frame: TwinFrame::Release { epoch } });
                self.ask(twin, Some(me), out);
            }
        }
    }

    /// Proposes; the same again only after a while, something else not before a beat.
    fn ask(&mut self, primary: NodeKey, twin: Option<NodeKey>, out: &mut Vec<Output>) {
        let (shard, expect, proposer) = (self.shard, self.seen, self.me);
        let cas = Cas { shard, expect, primary, twin, proposer };
        if let Some(asked) = self.asked.as_ref().filter(|asked| asked.cas.expect == expect) {
            let again = if asked.cas == cas { self.settings.cas_again } else { self.settings.beat };
            if self.now < asked.at + again {
                return;
            }
        }
        self.asked = Some(Asked { cas, at: self.now });
        out.push(Output::Propose(cas));
    }
}
