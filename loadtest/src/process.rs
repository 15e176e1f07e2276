//! The nodes' processes on this machine: their memory and their time, as the kernel counts them.

use anyhow::{Context, Result};
use std::fs;

/// Linux counts a process's time in these, on every machine it runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// One process, or those of all nodes together.
pub(crate) struct Process {
    pids: Vec<u32>,
}

impl Process {
    /// Processes that are there.
    pub(crate) fn new(pids: &[u32]) -> Result<Self> {
        let process = Self { pids: pids.to_vec() };
        process.memory().with_context(|| format!("there is no process {pids:?} to measure"))?;
        Ok(process)
    }

    /// Bytes of memory they have touched and keep; what is shared counts once.
    pub(crate) fn memory(&self) -> Result<u64> {
        self.sum("smaps_rollup", |text| Some(proportional(text)? as f64)).map(|sum| sum as u64)
    }

    /// Seconds of processor time so far, all their threads together.
    pub(crate) fn time(&self) -> Result<f64> {
        self.sum("stat", seconds)
    }

    fn sum(&self, file: &str, read: impl Fn(&str) -> Option<f64>) -> Result<f64> {
        let one = |pid: &u32| {
            let text = fs::read_to_string(format!("/proc/{pid}/{file}"))?;
            read(&text).with_context(|| format!("the kernel says nothing in {pid}/{file}"))
        };
        self.pids.iter().map(one).sum()
    }
}

fn proportional(rollup: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
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
        assert_eq!(proportional("Rss:\t 9 kB\nPss:\t 2048 kB\n"), Some(2 * 1024 * 1024));
        let me = std::process::id();
        let myself = Process::new(&[me]).expect("I am there");
        assert!(myself.memory().expect("Linux") > 0 && myself.time().expect("Linux") >= 0.0);
        assert!(Process::new(&[me, u32::MAX]).is_err());
    }
}
