//! Where and of what something was measured: figures without that are rumours.

use serde::{Deserialize, Serialize};
use std::{fs, path::Path, process::Command};

/// The machine, and the commit of the tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Its processor.
    pub processor: String,
    /// How many cores.
    pub cores: usize,
    /// How much memory.
    pub memory: String,
    /// Linux' own number.
    pub kernel: String,
    /// What the folder lies on.
    pub disk: String,
    /// The commit, and whether the tree has moved on since.
    pub commit: String,
    /// Whether it was built to be fast.
    pub release: bool,
}

impl Machine {
    /// This one, with the disk on which a folder lies.
    pub fn here(folder: &Path) -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let unknown = || "unknown".to_owned();
        let mount = ["-no", "SOURCE,FSTYPE", "-T"];
        Self {
            processor: field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(unknown),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory: field(&read("/proc/meminfo"), "MemTotal").unwrap_or_else(unknown),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            disk: heard(Command::new("findmnt").args(mount).arg(folder)),
            commit: heard(Command::new("git").args(["describe", "--always", "--dirty"])),
            release: !cfg!(debug_assertions),
        }
    }

    /// In one line.
    pub fn line(&self) -> String {
        let Self { processor, cores, memory, kernel, disk, commit, release } = self;
        let build = if *release { "release" } else { "DEBUG BUILD: no figures to keep" };
        format!(
            "{cores} x {processor}, {memory}, Linux {kernel}, disk {disk}; commit {commit}, {build}"
        )
    }
}

fn heard(command: &mut Command) -> String {
    let said = command.output().ok().filter(|output| output.status.success());
    said.map_or("unknown".into(), |output| {
        let words = String::from_utf8_lossy(&output.stdout);
        words.split_whitespace().collect::<Vec<_>>().join(" ")
    })
}
