//! The side that serves: takes entries in, counts acknowledgements, commits.
//!
//! What was inherited from older epochs is committed by counting acknowledgements of *this*
//! epoch, without first adding an entry of its own. Raft may not do that: there, a node outside
//! the counted majority could win a later election and overwrite what was counted. Here whoever
//! comes next stands in the counted set: only eligible nodes are promoted, all of them are in the
//! ackset (with a proposed twin among them from before its proposal), and an acknowledgement says
//! that the whole log up to its position is matched in this epoch and durable.

use super::{
    Mutant, Output, Replica, Role, Unproposed,
    follower::Follow,
    log::weight,
    peer::{Peer, Voice},
    promise::LEASE,
};
use bytes::Bytes;
use protocol::{
    cluster::{Config, Epoch, Lsn, NodeKey},
    twin::{At, Entry},
};
use std::collections::BTreeMap;

/// What a primary knows in its epoch.
#[derive(Debug)]
pub(super) struct Primary {
    pub(super) config: Config,
    /// The log's end when the epoch began: committed before anything is served.
    pub(super) inherited: Lsn,
    /// Serves.
    pub(super) ready: bool,
    pub(super) peers: BTreeMap<NodeKey, Peer>,
    /// A learner that acknowledges like a twin already.
    pub(super) joint: Option<Joint>,
    /// Stopped taking entries in, since then, in order to hand over.
    pub(super) handing: Option<u64>,
}

/// A learner whose acknowledgement counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Joint {
    pub(super) node: NodeKey,
    pub(super) since: u64,
    /// It was proposed: from here on only a higher epoch ends this (I5).
    pub(super) proposed: bool,
    /// The proposal is known to have failed, at least once.
    pub(super) refused: bool,
}

impl Primary {
    /// Who has to acknowledge, beside this node.
    pub(super) fn ackset(&self) -> impl Iterator<Item = &Peer> {
        let twin = self.config.twin;
        let joint = self.joint.map(|joint| joint.node).filter(|node| Some(*node) != twin);
        twin.into_iter().chain(joint).map(|node| {
            self.peers.get(&node).expect("I5: every node that has to acknowledge is spoken to")
        })
    }
}

impl Replica {
    /// Becomes primary of an epoch that names this node. The fence goes to disk first, and
    /// nothing is said or committed before it is durable: what was never said can be forgotten.
    pub(super) fn activate(&mut self, config: Config, out: &mut Vec<Output>) {
        // The same primary goes straight on: nobody else can have acted in between, so it knows
        // everything that was ever acknowledged and need not stop for what it inherits from itself.
        let goes_on = matches!(&self.role, Role::Primary(primary)
            if primary.ready && primary.config.epoch.next() == config.epoch);
        (self.seen, self.act) = (config.epoch, config.epoch);
        self.ensure_fence(out);
        self.copy = None;
        self.log_generation = Some(config.generation);
        self.solo_since = match config.twin {
            Some(_) => None,
            None => self.solo_since.or(Some(self.now)),
        };
        self.role = Role::Primary(Box::new(Primary {
            config,
            inherited: self.log.last().lsn,
            ready: goes_on,
            peers: BTreeMap::new(),
            joint: None,
            handing: None,
        }));
        self.choose_peers();
    }

    /// Speaks to the twin, to whoever is in the ackset and to the wanted learner; to nobody else.
    pub(super) fn choose_peers(&mut self) {
        let target = self.join_target();
        let Role::Primary(primary) = &mut self.role else { return };
        let joint = primary.joint.map(|joint| joint.node);
        let wanted: Vec<NodeKey> =
            primary.config.twin.into_iter().chain(joint).chain(target).collect();
        primary.peers.retain(|node, _| wanted.contains(node));
        for node in wanted {
            let last = self.log.last().lsn;
            primary.peers.entry(node).or_insert_with(|| Peer::new(node, self.now, last));
        }
    }

    /// Whether this node is primary and its fence is durable, so that it may speak.
    fn speaks(&self) -> bool {
        let kept = |epoch: Epoch| self.disk.fence().act >= epoch;
        matches!(&self.role, Role::Primary(primary) if kept(primary.config.epoch))
    }

    /// Does something with each copy, in this epoch's voice.
    pub(super) fn with_peers(&mut self, mut act: impl FnMut(&mut Peer, Voice<'_>)) {
        if !self.speaks() {
            return;
        }
        let Role::Primary(primary) = &mut self.role else { return };
        let voice = Voice {
            now: self.now,
            epoch: primary.config.epoch,
            generation: primary.config.generation,
            commit: self.commit,
            log: &self.log,
            settings: &self.settings,
        };
        primary.peers.values_mut().for_each(|peer| act(peer, voice));
    }

    /// Takes an entry into the log, when this node serves.
    ///
    /// The entry is on its way to the disk and to the other copy at once; it counts when
    /// [`Output::Committed`] reaches it.
    pub fn propose(
        &mut self,
        now: u64,
        kind: u8,
        payload: Bytes,
        out: &mut Vec<Output>,
    ) -> Result<At, Unproposed> {
        self.now = self.now.max(now);
        let primary = match &self.role {
            Role::Primary(primary) if primary.ready => primary,
            Role::Primary(_) => {
                return Err(Unproposed::NotServing { primary: Some(self.me), epoch: self.seen });
            }
            Role::Follow(follow) => {
                let primary = follow.primary.filter(|node| *node != self.me);
                return Err(Unproposed::NotServing { primary, epoch: self.seen });
            }
            Role::Halted => {
                return Err(Unproposed::NotServing { primary: None, epoch: self.seen });
            }
        };
        let last = self.log.last().lsn;
        let open = self.log.between(self.commit, last);
        let full = open > 0 && open + weight(payload.len()) > self.settings.uncommitted_max_bytes;
        let hands_over =
            primary.handing.is_some() && !self.settings.breaks(Mutant::HandoffWhileServing);
        if full || hands_over {
            return Err(Unproposed::Full);
        }
        let at = At { epoch: primary.config.epoch, lsn: last.next() };
        let entry = Entry { at, kind, payload };
        self.log.push(entry.clone());
        self.disk.entries(vec![entry], out);
        self.with_peers(|peer, voice| peer.pump(voice, out));
        self.settle(out);
        self.check();
        Ok(at)
    }

    /// What another copy answered. Answers of another epoch mean nothing in this one.
    fn answered(&mut self, from: NodeKey, epoch: Epoch, mut act: impl FnMut(&mut Peer, Voice<'_>)) {
        let obeys = self.settings.breaks(Mutant::NoFence);
        self.with_peers(|peer, voice| {
            if peer.node == from && (voice.epoch == epoch || obeys) {
                peer.heard(voice.now);
                act(peer, voice);
            }
        });
    }

    pub(super) fn hear_ack(
        &mut self,
        from: NodeKey,
        epoch: Epoch,
        durable: Lsn,
        out: &mut Vec<Output>,
    ) {
        self.answered(from, epoch, |peer, voice| {
            peer.acknowledged(voice, durable);
            peer.pump(voice, out);
        });
    }

    pub(super) fn hear_mismatch(
        &mut self,
        from: NodeKey,
        epoch: Epoch,
        hint: At,
        out: &mut Vec<Output>,
    ) {
        self.answered(from, epoch, |peer, voice| peer.mismatched(voice, hint, out));
    }

    pub(super) fn hear_promise(
        &mut self,
        from: NodeKey,
        epoch: Epoch,
        sent: u64,
        durable: Lsn,
        out: &mut Vec<Output>,
    ) {
        let from_receipt = self.settings.breaks(Mutant::LeaseFromReceipt);
        self.answered(from, epoch, |peer, voice| {
            if sent <= voice.now {
                let since = if from_receipt { voice.now } else { sent };
                peer.lease = peer.lease.max(since + LEASE);
            }
            if peer.forgot(voice.now, durable) {
                peer.pump(voice, out);
            } else if durable > Lsn(0) {
                peer.acknowledged(voice, durable);
                peer.pump(voice, out);
            }
        });
    }

    /// Commits what everybody in the ackset holds; serves once that is everything inherited.
    pub(super) fn settle(&mut self, out: &mut Vec<Output>) {
        let Role::Primary(primary) = &mut self.role else { return };
        let unsynced = self.settings.breaks(Mutant::AckBeforeSync);
        if self.disk.fence().act < primary.config.epoch && !unsynced {
            return;
        }
        // An older primary may still read under the lease this node's promise gave it.
        if self.promise.until() > self.now && !self.settings.breaks(Mutant::NoPromiseWait) {
            return;
        }
        let mut upto = if unsynced { self.log.last().lsn } else { self.disk.durable(&self.log) };
        for peer in primary.ackset() {
            let joins = primary.config.twin != Some(peer.node);
            let excused = (joins && self.settings.breaks(Mutant::NoJoint))
                || (!joins
                    && self.settings.breaks(Mutant::LocalSolo)
                    && peer.is_suspect(self.now, &self.settings));
            upto = if excused { upto } else { upto.min(peer.matched) };
        }
        if upto > self.commit {
            self.commit = upto;
            out.push(Output::Committed(upto));
        }
        primary.ready |=
            self.commit >= primary.inherited || self.settings.breaks(Mutant::ReadEarly);
    }

    /// Before this moment this node's state holds every acknowledged write: `u64::MAX` when it
    /// serves alone, 0 when it may not read.
    pub fn readable_until(&self) -> u64 {
        match &self.role {
            Role::Primary(primary) if primary.ready => {
                if self.settings.breaks(Mutant::ReadUnconfirmed) {
                    return u64::MAX;
                }
                primary.ackset().map(|peer| peer.lease).min().unwrap_or(u64::MAX)
            }
            _ => 0,
        }
    }

    /// Gives the role up for good in this epoch; named again, this node takes a new one first.
    pub(super) fn retire(&mut self, rest: u64) {
        self.role = Role::Follow(Follow::new(self.seen, Some(self.me), self.now));
        self.rest_until = self.now + rest;
        self.asked = None;
    }
}
