//! What is typed about audit logs, and what is printed.

use clap::Subcommand;
use protocol::{audit::Log, id::TenantId};
use std::{fs, io, path::PathBuf};
use storage::digest::unhex;

use super::Where;
use crate::audit::{
    addresses::Addresses,
    export::{self, ExportFault},
    note::{NoteFault, Verifier},
    verify::{Wrong, verify},
};

/// What can be done with an audit log.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Writes a log into a new folder, so that it can be checked elsewhere. That it was exported is
    /// its last record.
    Export {
        /// The node that is asked.
        #[command(flatten)]
        place: Where,
        /// Whose log; by default that of the node's own tenant.
        #[arg(long)]
        tenant: Option<TenantId>,
        /// `application`, what people did, or `system`, what operators did.
        #[arg(long)]
        log: Log,
        /// The folder; one that is there is never written into.
        #[arg(long)]
        out: PathBuf,
    },
    /// Checks an exported log and names what was changed, removed, moved or cut off. Needs no node.
    Verify {
        /// The folder.
        folder: PathBuf,
        /// The key it is checked with, as `konsil audit key` printed it once. Without it the key
        /// that came with the export is believed.
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// A checkpoint of an earlier export: the log must go on from there.
        #[arg(long, value_name = "FILE")]
        older: Option<PathBuf>,
    },
    /// Prints the key that checks a log. Keep it away from the exports.
    Key {
        /// The node that is asked.
        #[command(flatten)]
        place: Where,
        /// Whose log.
        #[arg(long)]
        tenant: Option<TenantId>,
        /// Which of the two.
        #[arg(long)]
        log: Log,
    },
    /// Says from which address something was done, as long as that is known: less than 30 days, on
    /// the node that saw it. Needs no running node.
    Address {
        /// The data folder.
        #[command(flatten)]
        place: Where,
        /// What the record says under `from`.
        from: String,
    },
}

/// It was not done, or not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum CommandFault {
    /// Not taken out.
    #[error(transparent)]
    Export(#[from] ExportFault),
    /// A key or a checkpoint.
    #[error(transparent)]
    Note(#[from] NoteFault),
    /// A file.
    #[error("{path}: {reason}")]
    Disk {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// Which node is meant.
    #[error("{0}")]
    Where(String),
    /// A log that is not sound.
    #[error("this log is NOT sound:\n{0}")]
    Unsound(String),
    /// Not a commitment.
    #[error("this is not what a record says under `from`: 64 letters and digits")]
    NotFrom,
    /// Gone, or of another node.
    #[error("this node does not know it: it is older than 29 days, or another node saw it")]
    Gone,
}

/// Does it and prints what came of it.
///
/// # Errors
/// In words.
pub async fn audit(command: AuditCommand) -> Result<(), CommandFault> {
    let folder = |place: &Where| place.folder().map_err(|it| CommandFault::Where(it.to_string()));
    match command {
        AuditCommand::Export { place, tenant, log, out } => {
            let size = export::export(&folder(&place)?, tenant, log, &out).await?;
            println!("{size} records of the {log} log are in {}.", out.display());
            println!("Check them, here or elsewhere: konsil audit verify {}", out.display());
            Ok(())
        }
        AuditCommand::Verify { folder, key, older } => check(&folder, key, older),
        AuditCommand::Key { place, tenant, log } => {
            let said = export::head(&folder(&place)?, tenant, log, false).await?;
            println!("{}", said.verifier);
            Ok(())
        }
        AuditCommand::Address { place, from } => {
            let data = folder(&place)?;
            let from = unhex(&from).ok_or(CommandFault::NotFrom)?;
            let found = Addresses::open(&data).and_then(|it| it.find(&from));
            let found = found.map_err(|reason| CommandFault::Disk { path: data, reason })?;
            println!("{}", found.ok_or(CommandFault::Gone)?);
            Ok(())
        }
    }
}

fn check(
    folder: &std::path::Path,
    key: Option<PathBuf>,
    older: Option<PathBuf>,
) -> Result<(), CommandFault> {
    let read = |path: PathBuf| {
        fs::read_to_string(&path).map_err(|reason| CommandFault::Disk { path, reason })
    };
    let own = key.is_some();
    let key = Verifier::read(&read(key.unwrap_or_else(|| folder.join("vkey")))?)?;
    let older = older.map(read).transpose()?;
    let sound = verify(&folder.join("log"), &key, older.as_deref());
    let sound = sound.map_err(|wrong| CommandFault::Unsound(listed(&wrong)))?;
    println!("{}: {} records, every one as it was recorded.", sound.origin, sound.size);
    if !own {
        println!("The key came with the export. To be sure, give the one you have: --key FILE");
    }
    Ok(())
}

fn listed(wrong: &[Wrong]) -> String {
    wrong.iter().map(|it| format!("  {it}")).collect::<Vec<_>>().join("\n")
}
