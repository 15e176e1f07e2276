//! Who watches one actor. Outlives the actor's lives: a refold loses no watcher.

use parking_lot::Mutex;
use protocol::{caller::Caller, id::SessionId};
use std::collections::BTreeMap;

use crate::handle::Watch;

/// The watchers of one actor on this node.
#[derive(Debug, Default)]
pub(crate) struct Watchers(Mutex<BTreeMap<u64, Watch>>);

impl Watchers {
    pub(crate) fn add(&self, watch: Watch) {
        self.0.lock().insert(watch.id, watch);
    }

    /// Takes a watch away; names its caller when it was the last one of that device.
    pub(crate) fn remove(&self, id: u64) -> Option<Caller> {
        let mut all = self.0.lock();
        let by = all.remove(&id)?.by;
        all.values().all(|other| other.by.session != by.session).then_some(by)
    }

    /// Whether any socket of this device watches.
    pub(crate) fn has(&self, session: SessionId) -> bool {
        self.0.lock().values().any(|watch| watch.by.session == session)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    /// Everybody who watches.
    pub(crate) fn all(&self) -> Vec<Watch> {
        self.0.lock().values().cloned().collect()
    }

    /// One caller per device that watches; sockets that ended meanwhile are forgotten.
    pub(crate) fn sessions(&self) -> Vec<Caller> {
        let mut all = self.0.lock();
        all.retain(|_, watch| watch.outbox.is_open());
        let by_session: BTreeMap<SessionId, Caller> =
            all.values().map(|watch| (watch.by.session, watch.by)).collect();
        by_session.into_values().collect()
    }

    pub(crate) fn each(&self, mut visit: impl FnMut(&Watch)) {
        self.0.lock().values().for_each(&mut visit);
    }
}
