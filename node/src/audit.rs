//! What surrounds the audit logs on a node: keys, addresses, and what is taken elsewhere to be
//! checked.
//!
//! ```text
//! gateway ─ Draft ─► actors::audit ─► journal = the log ─┐
//!    └─ address ─► addresses/DAY, gone after 30 days     ├─► export ─► a folder ─► verify
//!                  signing.key ─► the log's own key ─────┘     (C2SP tlog-tiles)
//! ```
//!
//! The folder is laid out so that others can check it with programs that are not ours: entries and
//! hashes as c2sp.org/tlog-tiles, the signed root as c2sp.org/tlog-checkpoint.

pub mod addresses;
pub mod export;
pub mod note;
pub mod tiles;
pub mod verify;

use protocol::{audit::AuditLog, audit::Commitment, time::Time};
use std::{io, net::IpAddr, path::Path, sync::Arc};
use tokio::sync::watch;

use crate::{clock::now, secrets::Secrets};
use addresses::Addresses;
use note::SigningKey;

/// What a node has of the logs beside their records.
pub struct Desk {
    addresses: Arc<Addresses>,
}

impl Desk {
    /// With these day files.
    pub fn new(addresses: Arc<Addresses>) -> Self {
        Self { addresses }
    }

    /// The day files.
    pub fn addresses(&self) -> Arc<Addresses> {
        self.addresses.clone()
    }

    /// Keeps an address for its 30 days and says what a record holds instead of it. None when it
    /// could not be kept: then a record without it is worth more than none.
    pub async fn from(&self, now: Time, address: IpAddr) -> Option<Commitment> {
        let addresses = self.addresses.clone();
        let kept = tokio::task::spawn_blocking(move || addresses.remember(now, address)).await;
        match kept.ok()? {
            Ok(commitment) => Some(commitment),
            Err(fault) => {
                tracing::error!(%fault, "an address is missing in the audit log");
                None
            }
        }
    }
}

/// Opens the day files of a data folder; what is too old in them is gone before anybody is served.
///
/// # Errors
/// What the disk says.
pub fn addresses(data: &Path) -> io::Result<Arc<Addresses>> {
    let addresses = Addresses::open(data)?;
    addresses.forget(now())?;
    Ok(Arc::new(addresses))
}

/// Goes on doing so until the node stops.
pub async fn forget(addresses: Arc<Addresses>, mut stopping: watch::Receiver<bool>) {
    let mut tick = tokio::time::interval(addresses::ROUND);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
        let addresses = addresses.clone();
        match tokio::task::spawn_blocking(move || addresses.forget(now())).await {
            Ok(Ok(0)) | Err(_) => {}
            Ok(Ok(days)) => tracing::info!(days, "addresses that are 29 days old are gone"),
            Ok(Err(fault)) => tracing::error!(%fault, "old addresses were not deleted"),
        }
    }
}

/// The key of a log: the same on every node of the cluster, and in every restore of it.
pub fn key_of(secrets: &Secrets, log: AuditLog) -> SigningKey {
    SigningKey::new(&origin(log), &secrets.audit_seed(log))
}

/// The name of a log in its checkpoints.
pub fn origin(log: AuditLog) -> String {
    format!("konsil/{log}")
}
