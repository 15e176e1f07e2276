//! The state machine of the control plane: the map in memory, its snapshot in a file.
//!
//! # Invariants
//! - **K1** Maps are published in the order in which their changes were applied.
//! - **K2** The snapshot file is whole or is the one before: written aside, synced, renamed.
//! - **K3** A snapshot is never replaced by an older one.
//! - **K4** A map of a new level is published after a snapshot of it is on the disk: nobody acts on
//!   the level before the release before is told that this folder is not its own any more.
//! - **K5** A map is neither opened, applied nor taken in when its level is above what this release
//!   knows, or below what it reads.

use std::{io::Cursor, sync::Arc};

use openraft::{
    EntryPayload, OptionalSend, RaftSnapshotBuilder, Snapshot, storage::RaftStateMachine,
};
use parking_lot::Mutex;
use protocol::{
    cluster::Map,
    version::{PEER_WIRE, PEER_WIRE_OLDEST},
};
use storage::{StorageFault, control, disk::Disk};
use tokio::sync::watch;

use super::types::{Answered, Entry, Fault, LogId, Membership, Meta, Part, Plane, fault};

mod file;
#[cfg(test)]
mod tests;

/// The level of the first release, which there is no way back from.
const FIRST: u16 = 1;

/// Bytes of a map that are believed.
pub const MAP_BYTES: usize = 64 * 1024 * 1024;

/// A snapshot: what it says of itself, and the encoded map.
type Kept = (Meta, Arc<Vec<u8>>);

/// The state machine of one member. Clones are the same.
#[derive(Clone)]
pub struct Machine {
    state: Arc<Mutex<State>>,
    /// Held while the snapshot file is written (K3).
    kept: Arc<Mutex<Option<Kept>>>,
    disk: Arc<dyn Disk>,
    maps: watch::Sender<Arc<Map>>,
}

#[derive(Clone)]
struct State {
    applied: Option<LogId>,
    membership: Membership,
    map: Arc<Map>,
}

impl Machine {
    /// Reads the snapshot on `disk`, when there is one.
    ///
    /// # Errors
    /// A damaged snapshot, or what the disk says.
    pub fn open(disk: Arc<dyn Disk>) -> Result<Self, StorageFault> {
        let (state, kept) = match file::read(&*disk)? {
            None => {
                let (membership, map) = (Membership::default(), Arc::new(Map::default()));
                (State { applied: None, membership, map }, None)
            }
            Some((version, (meta, bytes))) => {
                let map = Arc::new(read_map(&bytes)?);
                if version < file::version_of(map.level) {
                    file::write(&*disk, file::version_of(map.level), &meta, &map.to_bytes())?; // K4
                }
                let (applied, membership) = (meta.last_log_id, meta.last_membership.clone());
                let kept = (meta, Arc::new(map.to_bytes()));
                (State { applied, membership, map }, Some(kept))
            }
        };
        let maps = watch::Sender::new(Arc::clone(&state.map));
        let (state, kept) = (Arc::new(Mutex::new(state)), Arc::new(Mutex::new(kept)));
        Ok(Self { state, kept, disk, maps })
    }

    /// The map, each time it changes.
    pub fn maps(&self) -> watch::Receiver<Arc<Map>> {
        self.maps.subscribe()
    }

    /// The index of the last snapshot.
    pub fn snapshot(&self) -> Option<u64> {
        self.kept.lock().as_ref().and_then(|(meta, _)| meta.last_log_id).map(|at| at.index)
    }

    /// Keeps a snapshot unless a newer one is there (K3); answers what is there now.
    pub(super) fn keep(&self, meta: Meta, map: &Map) -> Result<Kept, StorageFault> {
        let mut kept = self.kept.lock();
        if let Some(newer) = kept.as_ref().filter(|(it, _)| it.last_log_id > meta.last_log_id) {
            return Ok(newer.clone());
        }
        let bytes = map.to_bytes();
        file::write(&*self.disk, file::version_of(map.level), &meta, &bytes)?;
        let now = (meta, Arc::new(bytes));
        *kept = Some(now.clone());
        Ok(now)
    }

    /// Applies entries; true when the level rose, and then the new map is not yet published.
    pub(super) fn apply_all(
        &self,
        entries: impl IntoIterator<Item = Entry>,
    ) -> Result<(Vec<Answered>, bool), StorageFault> {
        let mut state = self.state.lock();
        let mut map: Option<Map> = None;
        let (mut answers, level) = (Vec::new(), state.map.level);
        for entry in entries {
            let at = entry.log_id;
            assert!(state.applied.is_none_or(|applied| applied.index < at.index), "K1");
            state.applied = Some(at);
            answers.push(match entry.payload {
                EntryPayload::Blank => Ok(Vec::new()),
                EntryPayload::Membership(membership) => {
                    state.membership = Membership::new(Some(at), membership);
                    Ok(Vec::new())
                }
                EntryPayload::Normal(change) => {
                    let map = map.get_or_insert_with(|| Map::clone(&state.map));
                    control::apply(map, at.index, &change)
                }
            });
        }
        if let Some(map) = map {
            if cfg!(debug_assertions) {
                control::check(&map);
            }
            readable(&map)?; // K5
            state.map = Arc::new(map);
            if state.map.level > level.max(FIRST) {
                return Ok((answers, true)); // K4
            }
            self.publish(&state);
        }
        Ok((answers, false))
    }

    /// Writes down the level that was reached, then lets everybody know (K4).
    fn rise(&self) -> Result<(), StorageFault> {
        self.build()?;
        self.publish(&self.state.lock());
        Ok(())
    }

    /// Called with the state held, so that nobody publishes in between (K1).
    fn publish(&self, state: &State) {
        self.maps.send_replace(Arc::clone(&state.map));
    }

    /// Up to where everything is applied.
    pub(super) fn applied(&self) -> Option<LogId> {
        self.state.lock().applied
    }

    fn build(&self) -> Result<Kept, StorageFault> {
        let State { applied, membership, map } = self.state.lock().clone();
        let snapshot_id = applied.map_or_else(|| "empty".into(), |at| at.to_string());
        let meta = Meta { last_log_id: applied, last_membership: membership, snapshot_id };
        self.keep(meta, &map)
    }

    fn install(&self, meta: &Meta, bytes: &[u8]) -> Result<(), StorageFault> {
        let map = Arc::new(read_map(bytes)?);
        control::check(&map);
        self.keep(meta.clone(), &map)?;
        let mut state = self.state.lock();
        *state = State { applied: meta.last_log_id, membership: meta.last_membership.clone(), map };
        self.publish(&state);
        Ok(())
    }
}

fn read_map(bytes: &[u8]) -> Result<Map, StorageFault> {
    let map = Map::from_bytes::<MAP_BYTES>(bytes);
    let map = map.map_err(|why| file::damaged(&why.to_string()))?;
    readable(&map).map(|()| map)
}

/// Whether this release may act on a map (K5).
fn readable(map: &Map) -> Result<(), StorageFault> {
    let found = u32::from(map.level);
    if map.level > PEER_WIRE {
        return Err(StorageFault::NewerData { found, known: PEER_WIRE.into() });
    }
    if map.cluster.is_some() && map.level < PEER_WIRE_OLDEST {
        return Err(StorageFault::OlderData { found, oldest: PEER_WIRE_OLDEST.into() });
    }
    Ok(())
}

fn shown((meta, bytes): Kept) -> Snapshot<Plane> {
    Snapshot { meta, snapshot: Box::new(Cursor::new(Vec::clone(&bytes))) }
}

/// The disk is waited for on a thread where waiting is allowed.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StorageFault> + Send + 'static,
) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or(Err(StorageFault::Closed)).map_err(|why| fault(Part::Snapshot, &why))
}

impl RaftSnapshotBuilder<Plane> for Machine {
    async fn build_snapshot(&mut self) -> Result<Snapshot<Plane>, Fault> {
        let machine = self.clone();
        aside(move || machine.build()).await.map(shown)
    }
}

impl RaftStateMachine<Plane> for Machine {
    type SnapshotBuilder = Self;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, Membership), Fault> {
        let state = self.state.lock();
        Ok((state.applied, state.membership.clone()))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Answered>, Fault>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let (answers, rose) = self.apply_all(entries).map_err(|why| fault(Part::Snapshot, &why))?;
        if rose {
            let machine = self.clone();
            aside(move || machine.rise()).await?;
        }
        Ok(answers)
    }

    async fn get_snapshot_builder(&mut self) -> Self {
        self.clone()
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<Cursor<Vec<u8>>>, Fault> {
        Ok(Box::new(Cursor::new(Vec::new())))
    }

    async fn install_snapshot(
        &mut self,
        meta: &Meta,
        snapshot: Box<Cursor<Vec<u8>>>,
    ) -> Result<(), Fault> {
        let (machine, meta) = (self.clone(), meta.clone());
        aside(move || machine.install(&meta, snapshot.get_ref())).await
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot<Plane>>, Fault> {
        Ok(self.kept.lock().clone().map(shown))
    }
}
