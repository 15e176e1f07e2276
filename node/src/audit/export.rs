//! Takes a log out of a running cluster into a folder.
//!
//! ```text
//! FOLDER/vkey               what checks it; get it by another way, too
//! FOLDER/log/checkpoint     size and root, signed
//! FOLDER/log/tile/...       entries and hashes
//! ```
//!
//! # Invariants
//! - **EX1** What lies in the folder comes to the root that was signed, or there is no checkpoint.
//! - **EX2** A folder that is there is not written into.

use protocol::{audit::Log, id::TenantId};
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    note::{NoteFault, Verifier},
    tiles::{self, Tiles},
};
use crate::cluster::admin::{self, Order, OrderFault};

/// What a node says of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Said {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its signed size and root.
    pub checkpoint: String,
    /// What checks that.
    pub verifier: String,
}

/// A log was not taken out.
#[derive(Debug, thiserror::Error)]
pub enum ExportFault {
    /// The node.
    #[error(transparent)]
    Order(#[from] OrderFault),
    /// The folder.
    #[error("{path}: {reason}")]
    Disk {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// What the node signed.
    #[error(transparent)]
    Note(#[from] NoteFault),
    /// Its records are others than it signed.
    #[error(
        "the records that the node gives do not come to the root it signed: the journal is damaged. \
         What came lies in the folder, without a checkpoint"
    )]
    Damaged,
    /// The answer is odd.
    #[error("the answer is not understood; use the program of the node's release")]
    Odd,
}

/// Writes a log of the node of this data folder into `out`, and says how many records it has.
///
/// # Errors
/// In words.
pub async fn export(
    data: &Path,
    tenant: Option<TenantId>,
    log: Log,
    out: &Path,
) -> Result<u64, ExportFault> {
    if out.exists() {
        let (path, reason) = (out.to_owned(), io::ErrorKind::AlreadyExists.into());
        return Err(ExportFault::Disk { path, reason }); // EX2, before anything is recorded
    }
    let said = head(data, tenant, log, true).await?;
    let verifier = Verifier::read(&said.verifier)?;
    let signed = verifier.open(&said.checkpoint)?;
    let folder = out.join("log");
    let disk = |path: &Path| {
        let path = path.to_owned();
        move |reason| ExportFault::Disk { path, reason }
    };
    if let Some(above) = out.parent() {
        fs::create_dir_all(above).map_err(disk(above))?;
    }
    fs::create_dir(out).map_err(disk(out))?; // EX2
    fs::create_dir(&folder).map_err(disk(&folder))?;
    let mut tiles = Tiles::new(|path: &str, bytes: &[u8]| put(&folder.join(path), bytes));
    let mut after = 0;
    while after < signed.size {
        let order = Order::AuditLines { tenant: Some(said.tenant), log, after, upto: signed.size };
        let piece = admin::fetch(data, &order).await?;
        let (lines, whole) = tiles::entries(&piece.bytes);
        if lines.is_empty() || !whole {
            return Err(ExportFault::Odd);
        }
        for line in lines {
            tiles.push(line).map_err(disk(&folder))?;
            after += 1;
        }
    }
    let tree = tiles.finish().map_err(disk(&folder))?;
    if (tree.size(), tree.root()) != (signed.size, signed.root) {
        return Err(ExportFault::Damaged); // EX1
    }
    put(&out.join("vkey"), format!("{verifier}\n").as_bytes()).map_err(disk(out))?;
    let checkpoint = folder.join("checkpoint");
    put(&checkpoint, said.checkpoint.as_bytes()).map_err(disk(&checkpoint))?;
    Ok(signed.size)
}

/// Asks the node of this data folder how a log stands. `taken` says that it is about to be
/// exported, which is recorded in it first.
///
/// # Errors
/// In words.
pub async fn head(
    data: &Path,
    tenant: Option<TenantId>,
    log: Log,
    taken: bool,
) -> Result<Said, ExportFault> {
    let said = admin::order(data, &Order::AuditHead { tenant, log, taken }).await?;
    serde_json::from_value(said).map_err(|_| ExportFault::Odd)
}

fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes)
}
