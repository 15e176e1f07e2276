//! What is printed.

use ::tests::bench::{
    figures::{Figure, Goal, Part},
    machine::Machine,
};
use std::time::{Duration, SystemTime};

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

/// The trials as a part of a larger bench: every trial is a round.
pub(crate) fn part(
    machine: Machine,
    seed: u64,
    own: &[Trial],
    peer: Option<(&str, &Vec<Trial>)>,
) -> Part {
    let (led, not): (Vec<Trial>, Vec<Trial>) = own.iter().partition(|trial| trial.led);
    let all = [
        ("konsil", own, true),
        ("konsil, the node did not lead the control plane", &not, true),
        ("konsil, the node led the control plane, too", &led, true),
    ];
    let peer = peer.map(|(name, trials)| (name, trials.as_slice(), false));
    let figure = |what: &str, unit, goals, value: fn(&[Trial]) -> Option<f64>| {
        let mut figure = Figure::new(what, unit, goals);
        for (who, trials, ours) in all.into_iter().chain(peer) {
            if let Some(value) = value(trials) {
                figure.add(&format!("{who}, {} trials", trials.len()), ours, value);
            }
        }
        figure
    };
    let what = "kill -9 until the first acknowledgement of something asked for after it";
    let figures = vec![
        figure(&format!("{what}, p50"), "ms", vec![Goal::AtMost(1000.0)], |it| at(it, 50)),
        figure(&format!("{what}, p99"), "ms", vec![Goal::AtMost(2000.0)], |it| at(it, 99)),
        figure(&format!("{what}, longest"), "ms", vec![Goal::AtMost(3000.0)], |it| at(it, 100)),
        figure("acknowledged messages that were lost", "", vec![Goal::AtMost(0.0)], |it| {
            (!it.is_empty()).then(|| it.iter().map(|trial| trial.lost).sum::<usize>() as f64)
        }),
    ];
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let notes =
        vec!["on namespaces and disks of their own; eight writers, one conversation".into()];
    Part { name: "failover".into(), machine, seed, at: now.as_secs(), figures, notes }
}

fn at(trials: &[Trial], percent: usize) -> Option<f64> {
    upto(&sorted(trials), percent).map(|ms| ms as f64)
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
    format!("{:<48} {:>6} {:>7} {:>7} {:>7} {:>6}", "", "trials", "p50", "p99", "most", "lost")
}

/// One row of it, in milliseconds.
pub(crate) fn table_row(who: &str, trials: &[Trial]) -> String {
    let times = sorted(trials);
    if times.is_empty() {
        return format!("{who:<46} {:>6}", 0);
    }
    let upto = |percent| upto(&times, percent).unwrap_or_default();
    let lost: usize = trials.iter().map(|trial| trial.lost).sum();
    format!(
        "{who:<46} {:>6} {:>7} {:>7} {:>7} {lost:>6}",
        times.len(),
        upto(50),
        upto(99),
        upto(100)
    )
}

fn sorted(trials: &[Trial]) -> Vec<u128> {
    let mut times: Vec<u128> = trials.iter().map(|trial| trial.took.as_millis()).collect();
    times.sort_unstable();
    times
}

/// The smallest time that so many of a hundred trials do not pass.
fn upto(times: &[u128], percent: usize) -> Option<u128> {
    times.get((times.len() * percent).div_ceil(100).max(1) - 1).copied()
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
