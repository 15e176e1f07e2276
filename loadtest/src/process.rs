//! The node's process on this machine: its memory and its time, as the kernel counts them.

use anyhow::{Context, Result};
use std::fs;

/// Linux counts a process's time in these, on every machine it runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// A process.
pub(crate) struct Process {
    pid: u32,
}

impl Process {
    /// A process that is there.
    pub(crate) fn new(pid: u32) -> Result<Self> {
        let process = Self { pid };
        process.memory().with_context(|| format!("there is no process {pid} to measure"))?;
        Ok(process)
    }

    /// Bytes of memory it has touched and keeps.
    pub(crate) fn memory(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        resident(&status).context("the kernel does not say how much memory a process holds")
    }

    /// Seconds of processor time so far, all its threads together.
    pub(crate) fn time(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        seconds(&stat).context("the kernel does not say how much time a process took")
    }
}

fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

fn seconds(stat: &str) -> Option<f64> {
    // The name stands in brackets and may hold anything, brackets too.
    let mut fields = stat[stat.rfind(')')? + 1..].split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_understood() {
        let stat = "17 (a) b) S 1 2 3 4 5 6 7 8 9 10 250 150 0 0 20 0 1 0";
        assert_eq!(seconds(stat), Some(4.0));
        assert_eq!(resident("VmPeak:\t 9 kB\nVmRSS:\t 2048 kB\n"), Some(2 * 1024 * 1024));
        let myself = Process::new(std::process::id()).expect("I am there");
        assert!(myself.memory().expect("Linux") > 0 && myself.time().expect("Linux") >= 0.0);
        assert!(Process::new(u32::MAX).is_err());
    }
}
