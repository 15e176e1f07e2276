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
        let fields = fields(text)?;
        let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
        Some((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND)
    })
}

/// The same of a process and its children, those included that have ended.
///
/// # Errors
/// When it is not there.
pub fn cpu_of_family(pid: u32) -> Result<f64> {
    let mut all = 0.0;
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(one) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // Whoever is gone by now is counted by its parent.
        let Ok(text) = fs::read_to_string(format!("/proc/{one}/stat")) else { continue };
        let Some(fields) = fields(&text) else { continue };
        let parent = fields.get(1).and_then(|it| it.parse::<u32>().ok());
        let times = match one == pid {
            true => 11..15, // with the children it has seen end
            false if parent == Some(pid) => 11..13,
            false => continue,
        };
        let ticks = fields.get(times).into_iter().flatten().filter_map(|it| it.parse::<f64>().ok());
        all += ticks.sum::<f64>() / TICKS_PER_SECOND;
    }
    Ok(all)
}

/// What stands after the name, which stands in brackets and may hold anything, brackets too.
fn fields(stat: &str) -> Option<Vec<&str>> {
    Some(stat[stat.rfind(')')? + 1..].split_whitespace().collect())
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
        let mine = cpu(&me).expect("Linux");
        assert!(cpu_of_family(me[0]).expect("Linux") >= mine, "the family is more than one");
    }
}
