//! Restoring: an empty data folder becomes that of a node that is a cluster of one.
//!
//! The folder is marked before anything is written into it, and the mark goes last; a node does not
//! start on a marked folder (D2 of `cluster::identity`).
//!
//! # Invariants
//! - **RE1** A restore is whole or nothing: what failed is taken away again, and what was killed is
//!   refused by everybody.
//! - **RE2** Nothing that lies in the folder is written over.

use serde_json::json;
use std::{fs, io, path::Path};
use storage::{
    backup::{self, compare},
    crypto::SealKey,
    files::Files,
    ledger::Ledger,
};

use super::{ArchiveFault, House, Progress, Report, moment, verify::open};
use crate::{
    clock::now, cluster::identity, config::Config, node::ledger_options, secrets::write_private,
};

/// What a file system puts into a folder of its own.
const NOBODYS: &str = "lost+found";

/// Restores a backup into the data folder of this configuration. Blocks on the disk.
///
/// # Errors
/// When the folder is not empty, with the first bad place of the backup, or what the disk says.
/// Nothing is left of it then.
pub fn restore(
    file: &Path,
    key: &SealKey,
    config: &Config,
    told: &mut dyn FnMut(Progress),
) -> Result<Report, ArchiveFault> {
    let data = &config.storage.data;
    fs::create_dir_all(data).map_err(ArchiveFault::file(data))?;
    empty(data).map_err(ArchiveFault::file(data))?;
    identity::restoring(data).map_err(ArchiveFault::file(data))?;
    let done = fill(file, key, config, told).and_then(|report| {
        identity::restored(data).map_err(ArchiveFault::file(data))?;
        Ok(report)
    });
    if done.is_err() {
        // RE1; when even this fails, the mark stays or is the last to go.
        let _ = clear(data);
    }
    done
}

/// RE2
fn empty(data: &Path) -> io::Result<()> {
    identity::whole(data)?;
    match fs::read_dir(data)?.find(|it| it.as_ref().map_or(true, |it| it.file_name() != NOBODYS)) {
        None => Ok(()),
        Some(Err(fault)) => Err(fault),
        Some(Ok(found)) => Err(io::Error::other(format!(
            "the folder is not empty ({} lies in it). A restore makes a new node: name an empty \
             folder in storage.data",
            found.file_name().display()
        ))),
    }
}

fn fill(
    file: &Path,
    key: &SealKey,
    config: &Config,
    told: &mut dyn FnMut(Progress),
) -> Result<Report, ArchiveFault> {
    let data = &config.storage.data;
    let mut items = open(file, key)?;
    let ledger = Ledger::open(ledger_options(config))?;
    let files = Files::open(&data.join("files"))?;
    let looked_on = std::iter::from_fn(|| {
        let item = items.next();
        told(items.progress());
        item
    });
    let taken = backup::restore(looked_on, &ledger, &files);
    ledger.close();
    let (_, manifest) = taken?;
    let (report, house) = items.report()?;
    // Opened again, so that the disk is what is compared.
    let ledger = Ledger::open(ledger_options(config))?;
    let same = compare(&ledger, &manifest);
    ledger.close();
    same?;
    settle(data, file, key, &house, &report).map_err(ArchiveFault::file(data))?;
    Ok(report)
}

/// Who the node is, and where it comes from.
fn settle(
    data: &Path,
    file: &Path,
    key: &SealKey,
    house: &House,
    report: &Report,
) -> io::Result<()> {
    write_private(&data.join("tenant"), house.keys.tenant.to_string().as_bytes())?;
    write_private(&data.join("signing.key"), &house.keys.signing)?;
    let tally = &report.manifest.tally;
    let record = json!({
        "backup": file.display().to_string(),
        "key": key.mark().to_string(),
        "cluster": house.cluster,
        "begun": moment(report.begin.begun),
        "ended": moment(report.manifest.ended),
        "release": report.begin.release,
        "restored": moment(now()),
        "journals": tally.journals(),
        "entries": tally.entries(),
        "contents": tally.contents,
        "lost": tally.lost,
    });
    write_private(&data.join("restored.json"), serde_json::to_string_pretty(&record)?.as_bytes())
}

/// Takes everything away, the mark last.
fn clear(data: &Path) -> io::Result<()> {
    for found in fs::read_dir(data)? {
        let found = found?;
        let name = found.file_name();
        if name == identity::HALF || name == NOBODYS {
            continue;
        }
        match found.file_type()?.is_dir() {
            true => fs::remove_dir_all(found.path())?,
            false => fs::remove_file(found.path())?,
        }
    }
    identity::restored(data)
}
