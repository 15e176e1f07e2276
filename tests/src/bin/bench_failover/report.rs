//! What is printed.

use std::{fs, time::Duration};

/// One kill.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trial {
    /// From the kill to the first acknowledgement of something asked for after it.
    pub(crate) took: Duration,
    /// The killed node led the control plane as well.
    pub(crate) led: bool,
    /// Messages acknowledged in the trial.
    pub(crate) acknowledged: usize,
    /// Of these, lost.
    pub(crate) lost: usize,
}

/// Where and what.
pub(crate) fn heading(trials: u32, seed: u64, commit: &str) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let about = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = about.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("unknown", |(_, name)| name.trim());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "failover after kill -9: {trials} trials from seed {seed}, commit {commit}\n\
         {cores} cores ({model}), Linux {}\n",
        kernel.trim()
    )
}

/// One trial.
pub(crate) fn line(who: &str, number: u32, trial: &Trial) -> String {
    let led = if trial.led { ", led" } else { "" };
    format!(
        "{who:<12} trial {number:>3}: {:>6} ms, {} acknowledged, {} lost{led}",
        trial.took.as_millis(),
        trial.acknowledged,
        trial.lost
    )
}

/// The head of the table.
pub(crate) fn table_head() -> String {
    format!("{:<46} {:>6} {:>7} {:>7} {:>7} {:>6}", "", "trials", "p50", "p99", "most", "lost")
}

/// One row of it, in milliseconds.
pub(crate) fn table_row(who: &str, trials: &[Trial]) -> String {
    let mut times: Vec<u128> = trials.iter().map(|trial| trial.took.as_millis()).collect();
    times.sort_unstable();
    if times.is_empty() {
        return format!("{who:<46} {:>6}", 0);
    }
    // The smallest time that so many of a hundred trials do not pass.
    let upto = |percent: usize| times[(times.len() * percent).div_ceil(100).max(1) - 1];
    let lost: usize = trials.iter().map(|trial| trial.lost).sum();
    format!(
        "{who:<46} {:>6} {:>7} {:>7} {:>7} {lost:>6}",
        times.len(),
        upto(50),
        upto(99),
        upto(100)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_counts_from_the_smallest() {
        let trial =
            |ms| Trial { took: Duration::from_millis(ms), led: false, acknowledged: 1, lost: 0 };
        let trials: Vec<Trial> = (1..=100).map(trial).collect();
        let row = table_row("us", &trials);
        let words: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(words, ["us", "100", "50", "99", "100", "0"]);
        assert!(table_row("nobody", &[]).ends_with('0'));
    }
}
