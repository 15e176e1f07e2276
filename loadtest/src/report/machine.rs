//! Where and of what a run was measured: figures without that are rumours.

use serde::Serialize;
use std::{fs, process::Command, time::SystemTime};

/// The machine, and the commit of the tree.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: u64,
    pub(crate) kernel: String,
    pub(crate) commit: String,
    /// Seconds since 1970.
    pub(crate) at: u64,
}

impl Machine {
    /// This one.
    pub(crate) fn here() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let memory = field(&read("/proc/meminfo"), "MemTotal").unwrap_or_default();
        let kib: u64 = memory.split(' ').next().and_then(|it| it.parse().ok()).unwrap_or(0);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self {
            processor: field(&read("/proc/cpuinfo"), "model name").unwrap_or("unknown".into()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: kib / 1024 / 1024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            commit: commit(),
            at: now.as_secs(),
        }
    }

    /// In one line.
    pub(crate) fn line(&self) -> String {
        let Self { processor, cores, memory_gib, kernel, commit, .. } = self;
        format!("{processor}, {cores} cores, {memory_gib} GiB, Linux {kernel}, commit {commit}")
    }
}

fn field(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}

/// The commit, and whether the tree has moved on since.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success().then_some(text)
    };
    match (git(&["rev-parse", "--short=12", "HEAD"]), git(&["status", "--porcelain"])) {
        (Some(commit), Some(changes)) if changes.is_empty() => commit,
        (Some(commit), _) => format!("{commit} and changes"),
        _ => "unknown".to_owned(),
    }
}
