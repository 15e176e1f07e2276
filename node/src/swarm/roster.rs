//! Who is admitted, by number and by peer id; read by everybody, replaced by the swarm task.

use super::{
    Heard, Unsent,
    frames::LineId,
    member::{Member, News},
};
use crate::secrets::chance;
use arc_swap::ArcSwap;
use bytes::Bytes;
use libp2p::PeerId;
use protocol::{peer::Class, version::Spoken};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicU64, Ordering},
    },
};

/// The admitted members, and what all tasks share.
pub(super) struct Roster {
    pub(super) news: Arc<News>,
    pub(super) heard: Heard,
    members: ArcSwap<Members>,
    boot: u64,
    lines: AtomicU64,
    speaks: Spoken,
    level: AtomicU16,
}

#[derive(Default)]
struct Members {
    by_number: BTreeMap<u64, Arc<Member>>,
    by_peer: BTreeMap<PeerId, Arc<Member>>,
}

impl Roster {
    pub(super) fn new(heard: Heard, speaks: Spoken) -> Self {
        Self {
            news: Arc::new(News::new()),
            heard,
            members: ArcSwap::default(),
            boot: u64::from_le_bytes(chance()),
            lines: AtomicU64::new(0),
            speaks,
            level: AtomicU16::new(0),
        }
    }

    /// What this node speaks at the moment.
    pub(super) fn spoken(&self) -> Spoken {
        self.speaks.from_level(self.level.load(Ordering::Relaxed))
    }

    /// From now on nothing before `level` is spoken; whoever speaks no better goes down (VR5).
    pub(super) fn require(&self, level: u16) {
        if self.level.fetch_max(level, Ordering::Relaxed) < level {
            let oldest = self.spoken().oldest;
            self.members.load().by_peer.values().for_each(|member| member.require(oldest));
        }
    }

    pub(super) fn send(&self, to: u64, class: Class, frame: Bytes) -> Result<(), Unsent> {
        let members = self.members.load();
        let member = members.by_number.get(&to).ok_or(Unsent::Away)?; // SW1
        member.send(class, frame)
    }

    pub(super) fn of(&self, peer: &PeerId) -> Option<Arc<Member>> {
        self.members.load().by_peer.get(peer).cloned()
    }

    /// The name of a line that is to be opened.
    pub(super) fn next_line(&self) -> LineId {
        let count = self.lines.fetch_add(1, Ordering::Relaxed) + 1;
        LineId { boot: self.boot, count }
    }

    /// Replaces the list. Who stays keeps its lines; who leaves is dismissed and returned.
    pub(super) fn replace(&self, list: &BTreeMap<PeerId, u64>) -> Vec<PeerId> {
        let old = self.members.load_full();
        let mut new = Members::default();
        for (&peer, &number) in list {
            let known = old.by_peer.get(&peer).filter(|member| member.number == number);
            let fresh = || Arc::new(Member::new(number, peer, self.news.clone()));
            let member = known.cloned().unwrap_or_else(fresh);
            new.by_peer.insert(peer, member.clone());
            new.by_number.insert(number, member);
        }
        let stays = |member: &Arc<Member>| {
            new.by_peer.get(&member.peer).is_some_and(|other| Arc::ptr_eq(other, member))
        };
        let left: Vec<_> = old.by_peer.values().filter(|member| !stays(member)).cloned().collect();
        self.members.store(Arc::new(new));
        left.iter().for_each(|member| member.dismiss());
        left.iter().map(|member| member.peer).collect()
    }

    /// Every member goes down, for the swarm ends.
    pub(super) fn dismiss_all(&self) {
        self.members.load().by_peer.values().for_each(|member| member.dismiss());
    }
}
