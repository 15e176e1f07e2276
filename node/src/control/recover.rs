//! Going on with one member when the majority of the votes is lost for good, disks and all.
//!
//! Done to the folder of a node that is stopped, and never by itself: whoever decides it knows that
//! the others cannot come back. What they acknowledged among themselves is not here. Like etcd's
//! `force-new-cluster`, everything in this member's own log counts as decided.
//!
//! # Invariants
//! - **RC1** The folder that was is kept whole beside the new one; until the new one stands, a
//!   start finds the old one.
//! - **RC2** No position, term or epoch of the old group is used again: the new group begins behind
//!   all of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use openraft::{EmptyNode, storage::RaftLogStorage};
use protocol::{
    cluster::{ChangeRefusal, Map, NodeKey},
    time::Time,
};
use storage::{StorageFault, disk::real::RealDisk};

use super::{
    log::LogStore,
    machine::Machine,
    seam::Options,
    types::{LogId, Membership, Meta, Vote},
};

/// What keeps a member from going on alone.
#[derive(Debug, thiserror::Error)]
pub enum RecoverFault {
    /// The control plane's folder cannot be read or written.
    #[error(transparent)]
    Storage(#[from] StorageFault),
    /// A folder could not be moved.
    #[error("{}: {reason}", folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// Nothing was ever founded here.
    #[error("this node has no map of a cluster: there is nothing to go on with")]
    NoMap,
    /// The map does not allow it.
    #[error(
        "this node cannot go on alone: it is a witness, or no member by its own map, or it stands in \
         a country in which no data may lie ({0:?})"
    )]
    Refused(ChangeRefusal),
}

/// What came of it.
#[derive(Debug)]
pub struct Recovered {
    /// The map before.
    pub before: Arc<Map>,
    /// The map from now on.
    pub now: Map,
    /// Where the old folder lies.
    pub kept: PathBuf,
}

/// Makes of the control plane in `data/control` one whose only member is `alone`.
///
/// # Errors
/// In words; the folder is as it was then.
pub async fn recover(
    data: &Path,
    alone: NodeKey,
    (by, why): (&str, &str),
    at: Time,
) -> Result<Recovered, RecoverFault> {
    let (old, new) = (data.join("control"), data.join("control.new"));
    let segment = Options::default().segment_bytes;
    let told = |folder: &Path| {
        let folder = folder.to_owned();
        move |reason| RecoverFault::Folder { folder, reason }
    };
    let open = |folder: &Path| RealDisk::open(folder).map(Arc::new).map_err(told(folder));

    // Read without a change: what is written goes elsewhere (RC1).
    let disk = open(&old)?;
    let log = LogStore::open(disk.clone(), segment)?;
    let machine = Machine::open(disk)?;
    let entries = log.all_after(machine.applied());
    let terms = entries.iter().map(|it| it.log_id.leader_id.term);
    let term = terms.chain(machine.applied().map(|at| at.leader_id.term)).max().unwrap_or(0);
    let term = term.max(log.vote().map_or(0, |vote| vote.leader_id().term)) + 1; // RC2
    machine.apply_all(entries)?;
    drop(log);
    let before = machine.maps().borrow().clone();
    let last = machine.applied().filter(|_| before.cluster.is_some());
    let last = last.ok_or(RecoverFault::NoMap)?;
    let now = storage::control::recovered(&before, alone, by, why, at);
    let now = now.map_err(RecoverFault::Refused)?;

    if new.exists() {
        fs::remove_dir_all(&new).map_err(told(&new))?; // of a try that was cut off
    }
    let disk = open(&new)?;
    let votes = openraft::Membership::new(
        vec![BTreeSet::from([alone.number])],
        BTreeMap::from([(alone.number, EmptyNode {})]),
    );
    let place = LogId { leader_id: openraft::LeaderId::new(term, alone.number), ..last };
    let meta = Meta {
        last_log_id: Some(place),
        last_membership: Membership::new(Some(place), votes),
        snapshot_id: place.to_string(),
    };
    Machine::open(disk.clone())?.keep(meta, &now)?;
    let mut log = LogStore::open(disk, segment)?;
    let vote = log.save_vote(&Vote::new(term, alone.number)).await;
    vote.map_err(|why| told(&new)(io::Error::other(why.to_string())))?;
    log.close().await;
    drop(log);

    let kept = data.join(format!("control.before-{}", at.ms()));
    fs::rename(&old, &kept).map_err(told(&old))?;
    if let Err(reason) = fs::rename(&new, &old) {
        fs::rename(&kept, &old).map_err(told(&kept))?; // RC1
        return Err(told(&new)(reason));
    }
    Ok(Recovered { before, now, kept })
}
