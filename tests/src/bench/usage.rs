//! What processes use, as the kernel counts it.

use anyhow::{Context, Result};
use std::fs;

/// Linux counts a process's time in these, on every machine it runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Seconds of processor time so far of these processes, all their threads together.
///
/// # Errors
/// When one of them is not there.
pub fn cpu(pids: &[u32]) -> Result<f64> {
    sum(pids, "stat", |text| {
        // The name stands in brackets and may hold anything, brackets too.
        let mut fields = text[text.rfind(')')? + 1..].split_whitespace().skip(11);
        let user: f64 = fields.next()?.parse().ok()?;
        let system: f64 = fields.next()?.parse().ok()?;
        Some((user + system) / TICKS_PER_SECOND)
    })
}

/// KiB of memory they have touched and keep; what they share counts once.
///
/// # Errors
/// As above.
pub fn memory(pids: &[u32]) -> Result<f64> {
    sum(pids, "smaps_rollup", |text| {
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        line.split_whitespace().next()?.parse().ok()
    })
}

fn sum(pids: &[u32], file: &str, read: impl Fn(&str) -> Option<f64>) -> Result<f64> {
    let one = |pid: &u32| {
        let path = format!("/proc/{pid}/{file}");
        let text = fs::read_to_string(&path).with_context(|| path.clone())?;
        read(&text).with_context(|| format!("the kernel says nothing in {path}"))
    };
    pids.iter().map(one).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_knows_what_we_use() {
        let me = [std::process::id()];
        assert!(cpu(&me).expect("Linux") >= 0.0 && memory(&me).expect("Linux") > 0.0);
        assert!(cpu(&[u32::MAX]).is_err());
    }
}
