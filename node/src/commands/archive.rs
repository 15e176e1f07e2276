//! What an operator types about backups, and what is printed.

use clap::Subcommand;
use std::{
    fmt::Write as _,
    io::{IsTerminal, stderr},
    path::PathBuf,
    time::{Duration, Instant},
};

use super::Where;
use crate::{
    backup::{ArchiveFault, Progress, Report, make_key, moment, read_key, restore, take, verify},
    config::{Config, ConfigFault},
};

/// What can be done with a backup.
#[derive(Debug, Subcommand)]
pub enum ArchiveCommand {
    /// Writes everything a cluster holds into one sealed file, while people use it. Run it beside
    /// any one of its nodes.
    Backup {
        /// The node that is asked.
        #[command(flatten)]
        place: Where,
        /// The file; one that is there is never written over.
        #[arg(long, required_unless_present = "new_key")]
        out: Option<PathBuf>,
        /// The file of the key that seals it.
        #[arg(long, required_unless_present = "new_key")]
        key: Option<PathBuf>,
        /// Makes a key into this file, and does nothing else. Without it no backup can be read:
        /// keep a copy of it away from the backups and away from the cluster.
        #[arg(long, value_name = "FILE", conflicts_with_all = ["out", "key"])]
        new_key: Option<PathBuf>,
    },
    /// Reads a backup to its end and says whether all of it is sound. Needs no node.
    Verify {
        /// The backup.
        file: PathBuf,
        /// The file of the key it is sealed with.
        #[arg(long)]
        key: PathBuf,
    },
    /// Makes a new node of a backup: a cluster of one, which others can join.
    Restore {
        /// The backup.
        file: PathBuf,
        /// The file of the key it is sealed with.
        #[arg(long)]
        key: PathBuf,
        /// The configuration of the new node. Its data folder must be empty.
        #[arg(long)]
        config: PathBuf,
    },
}

/// It was not done, or not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum CommandFault {
    /// Not done.
    #[error(transparent)]
    Archive(#[from] ArchiveFault),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigFault),
    /// Which node is meant.
    #[error("{0}")]
    Where(String),
    /// Done, and not all there was to be had.
    #[error(
        "the backup is kept, but {count} contents are missing in it, because no node gave them. \
         Their files: {files}. The nodes' logs say more"
    )]
    Lost {
        /// How many.
        count: u64,
        /// The first of them.
        files: String,
    },
}

/// Does it and prints what came of it.
///
/// # Errors
/// In words.
pub async fn archive(command: ArchiveCommand) -> Result<(), CommandFault> {
    match command {
        ArchiveCommand::Backup { new_key: Some(path), .. } => {
            let mark = make_key(&path)?;
            println!("The key {mark} lies in {}.", path.display());
            println!("Without it no backup can be read: keep a copy elsewhere.");
            Ok(())
        }
        ArchiveCommand::Backup { place, out: Some(out), key: Some(key), .. } => {
            let data = place.folder().map_err(|fault| CommandFault::Where(fault.to_string()))?;
            let key = read_key(&key)?;
            let report = take(&data, &key, &out, shown()).await?;
            clear();
            println!(
                "{}",
                told(&report, &format!("is in {}, sealed with {}", out.display(), key.mark()))
            );
            lost(&report)
        }
        ArchiveCommand::Backup { .. } => unreachable!("the arguments were required"),
        ArchiveCommand::Verify { file, key } => {
            let key = read_key(&key)?;
            let report = blocking(move || verify(&file, &key, &mut shown())).await?;
            println!("{}", told(&report, "is sound: every seal, chain, content and count"));
            Ok(())
        }
        ArchiveCommand::Restore { file, key, config } => {
            let (key, config) = (read_key(&key)?, Config::read(Some(&config))?);
            let data = config.storage.data.display().to_string();
            let report = blocking(move || restore(&file, &key, &config, &mut shown())).await?;
            println!("{}", told(&report, &format!("is in {data}, and was read back from there")));
            println!(
                "Start it: konsil node --config FILE. It is a cluster of its own: make sure that"
            );
            println!("the old one stays off. Others join it: konsil cluster invite.");
            Ok(())
        }
    }
}

async fn blocking(
    work: impl FnOnce() -> Result<Report, ArchiveFault> + Send + 'static,
) -> Result<Report, ArchiveFault> {
    let done = tokio::task::spawn_blocking(work).await;
    clear();
    done.unwrap_or_else(|gone| Err(ArchiveFault::BrokenOff(gone.to_string())))
}

fn lost(report: &Report) -> Result<(), CommandFault> {
    let count = report.manifest.tally.lost;
    let files: Vec<String> = report.lost.iter().map(ToString::to_string).collect();
    if count == 0 { Ok(()) } else { Err(CommandFault::Lost { count, files: files.join(", ") }) }
}

/// A backup in words.
fn told(report: &Report, what: &str) -> String {
    let (Report { begin, cluster, manifest, .. }, tally) = (report, &report.manifest.tally);
    let mut text = format!("The backup of {} {what}.\n", moment(begin.begun));
    let seconds = manifest.ended.ms().saturating_sub(begin.begun.ms()) as f64 / 1000.0;
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "It is of cluster {cluster}, by release {}, and took {seconds:.1} s.",
        begin.release
    );
    let _ = write!(
        text,
        "{} journals, {} entries, {} contents ({}).",
        tally.journals(),
        tally.entries(),
        tally.contents,
        size(tally.bytes)
    );
    if tally.lost > 0 {
        let _ = write!(text, " {} contents were lost before it was taken.", tally.lost);
    }
    text
}

fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        (value, unit) = (value / 1024.0, unit + 1);
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// How often progress is shown: on a terminal, and in a log.
const OFTEN: Duration = Duration::from_millis(200);
/// See [`OFTEN`].
const SELDOM: Duration = Duration::from_secs(30);

/// Shows progress: on a terminal in one line, otherwise in a line now and then.
fn shown() -> impl FnMut(Progress) + Send + 'static {
    let terminal = stderr().is_terminal();
    let mut last = Instant::now();
    move |it| {
        if last.elapsed() < if terminal { OFTEN } else { SELDOM } {
            return;
        }
        last = Instant::now();
        let Progress { kind, journals, contents, bytes } = it;
        let line = format!("{journals} journals, {contents} contents, {}  {kind}", size(bytes));
        match terminal {
            true => eprint!("\r\x1b[K{line}"),
            false => eprintln!("{line}"),
        }
    }
}

/// Takes the line of progress away.
fn clear() {
    if stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{
        id::{FileId, NodeId},
        time::Time,
    };
    use storage::backup::{Begin, Manifest, Sum, Tally};

    fn report(gone: u64) -> Report {
        let sum = Sum { journals: 3, entries: 40, ..Sum::default() };
        let tally = Tally { shards: vec![sum], contents: 2, bytes: 3 << 20, lost: gone };
        Report {
            begin: Begin { begun: Time::from_ms(0), release: "0.1.0".into(), more: vec![] },
            cluster: NodeId::from_u128(1),
            manifest: Manifest { ended: Time::from_ms(1500), tally },
            lost: (0..gone).map(|it| FileId::from_u128(it.into())).collect(),
        }
    }

    #[test]
    fn a_backup_is_told_in_words_and_one_with_gaps_is_no_success() {
        let text = told(&report(0), "is sound");
        for words in
            ["1970-01-01 00:00:00 UTC is sound", "1.5 s", "3 journals, 40 entries", "3.0 MiB"]
        {
            assert!(text.contains(words), "{text}");
        }
        assert!(lost(&report(0)).is_ok());
        assert!(told(&report(2), "is sound").contains("2 contents were lost"));
        let said = lost(&report(2)).expect_err("gaps").to_string();
        assert!(said.contains("file_") && said.contains("is kept"), "{said}");
    }
}
