//! Figures: what was measured of whom, over some rounds, and whether it is what was aimed at.

use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

use super::{machine::Machine, median};

/// One part of a bench: figures that were measured in turns.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Where it was measured, and of what.
    pub machine: Machine,
    /// Where all chance came from.
    pub seed: u64,
    /// Seconds since 1970.
    pub at: u64,
    /// What was measured.
    pub figures: Vec<Figure>,
    /// What one has to know to read them.
    pub notes: Vec<String>,
}

/// One thing that was measured of several.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Figure {
    /// What.
    pub what: String,
    /// In what.
    pub unit: String,
    /// What is aimed at.
    pub goals: Vec<Goal>,
    /// Of whom; ours come first.
    pub entries: Vec<Entry>,
}

/// One of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    /// Who, and how it was set up.
    pub who: String,
    /// Whether it is ours.
    pub ours: bool,
    /// What each round came to.
    pub rounds: Vec<f64>,
}

/// What is aimed at, for the first of ours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Goal {
    /// So much.
    AtLeast(f64),
    /// No more than that.
    AtMost(f64),
    /// So many times what another one has, whose name begins so.
    TimesOf(f64, String),
}

/// Whether a goal is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Met,
    /// It is not.
    Missed,
    /// Nobody knows: something was not measured.
    Open,
}

impl Figure {
    /// A figure of nobody yet.
    pub fn new(what: &str, unit: &str, goals: Vec<Goal>) -> Self {
        Self { what: what.into(), unit: unit.into(), goals, entries: Vec::new() }
    }

    /// One more round of somebody.
    pub fn add(&mut self, who: &str, ours: bool, value: f64) {
        match self.entries.iter_mut().find(|entry| entry.who == who) {
            Some(entry) => entry.rounds.push(value),
            None => self.entries.push(Entry { who: who.into(), ours, rounds: vec![value] }),
        }
    }

    /// Whether a goal is reached, by the medians.
    pub fn verdict(&self, goal: &Goal) -> Verdict {
        let of = |entry: Option<&Entry>| entry.map_or(f64::NAN, Entry::median);
        let ours = of(self.entries.iter().find(|entry| entry.ours));
        let (is, other) = match goal {
            Goal::AtLeast(bar) => (ours >= *bar, *bar),
            Goal::AtMost(bar) => (ours <= *bar, *bar),
            Goal::TimesOf(times, who) => {
                let peer = |entry: &&Entry| !entry.ours && entry.who.starts_with(who.as_str());
                // Several set-ups of one peer: the fastest is the one to beat.
                let best = self.entries.iter().filter(peer).map(Entry::median);
                let best = best.fold(f64::NAN, f64::max);
                (ours >= times * best, best)
            }
        };
        match is {
            _ if ours.is_nan() || other.is_nan() => Verdict::Open,
            true => Verdict::Met,
            false => Verdict::Missed,
        }
    }

    /// All goals, each with its verdict.
    pub fn judged(&self) -> Vec<(String, Verdict)> {
        self.goals.iter().map(|goal| (goal.words(), self.verdict(goal))).collect()
    }
}

impl Entry {
    /// The middle round.
    pub fn median(&self) -> f64 {
        median(&self.rounds)
    }

    /// The lowest and the highest round.
    pub fn range(&self) -> (f64, f64) {
        let fold = |start, pick: fn(f64, f64) -> f64| self.rounds.iter().copied().fold(start, pick);
        (fold(f64::INFINITY, f64::min), fold(f64::NEG_INFINITY, f64::max))
    }
}

impl Goal {
    fn words(&self) -> String {
        match self {
            Self::AtLeast(bar) => format!("≥ {}", spelled(*bar)),
            Self::AtMost(bar) => format!("≤ {}", spelled(*bar)),
            Self::TimesOf(1.0, who) => format!("≥ {who}"),
            Self::TimesOf(times, who) => format!("≥ {} x {who}", spelled(*times)),
        }
    }
}

impl Verdict {
    /// For people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "MISSED",
            Self::Open => "open",
        }
    }
}

/// All parts as one table.
pub fn table(parts: &[Part]) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    for part in parts {
        let _ = writeln!(text, "\n── {}", part.name);
        let _ = writeln!(text, "{:<58} {:>12}  {:<24} goal", "", "median", "lowest – highest");
        for figure in &part.figures {
            let comma = if figure.unit.is_empty() { "" } else { ", " };
            let _ = writeln!(text, "{}{comma}{}", figure.what, figure.unit);
            let goals = figure.judged();
            for line in 0..figure.entries.len().max(goals.len()) {
                let (who, median, range) =
                    figure.entries.get(line).map_or_else(Default::default, cells);
                let goal = goals.get(line).map(|(words, is)| format!("{words}: {}", is.word()));
                let goal = goal.unwrap_or_default();
                let line = format!("  {who:<56} {median:>12}  {range:<24} {goal}");
                let _ = writeln!(text, "{}", line.trim_end());
            }
        }
        part.notes.iter().for_each(|note| text += &format!("  · {note}\n"));
        let _ = writeln!(text, "  {}; seed {}", part.machine.line(), part.seed);
    }
    text
}

/// Who, the middle round, all rounds.
fn cells(entry: &Entry) -> (String, String, String) {
    let (low, high) = entry.range();
    let range = format!("{} – {} ({})", spelled(low), spelled(high), entry.rounds.len());
    (entry.who.clone(), spelled(entry.median()), range)
}

/// A number as people read it.
pub fn spelled(value: f64) -> String {
    match value.abs() {
        100.0.. => {
            let digits = format!("{value:.0}");
            let groups = digits.as_bytes().rchunks(3).rev();
            let groups: Vec<&str> =
                groups.map(|group| str::from_utf8(group).unwrap_or_default()).collect();
            groups.join(",")
        }
        _ if value.fract() == 0.0 => format!("{value:.0}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn figure() -> Figure {
        let goals = vec![
            Goal::AtLeast(10_000.0),
            Goal::TimesOf(1.0, "PostgreSQL".into()),
            Goal::TimesOf(5.0, "nats".into()),
            Goal::TimesOf(1.0, "nobody".into()),
        ];
        let mut figure = Figure::new("commands", "/s", goals);
        for round in [9000.0, 12_000.0, 11_000.0] {
            figure.add("konsil", true, round);
            figure.add("PostgreSQL 15", false, round / 2.0);
            figure.add("nats 1", false, 1000.0);
            figure.add("nats 2", false, 3000.0);
        }
        figure
    }

    #[test]
    fn goals_are_judged_by_medians_and_against_the_best_of_a_peer() {
        let verdicts: Vec<Verdict> = figure().judged().into_iter().map(|it| it.1).collect();
        assert_eq!(verdicts, [Verdict::Met, Verdict::Met, Verdict::Missed, Verdict::Open]);
        let nobody = Figure::new("x", "y", vec![Goal::AtMost(1.0)]);
        assert_eq!(nobody.verdict(&nobody.goals[0]), Verdict::Open);
    }

    #[test]
    fn the_table_shows_everybody_and_every_goal_of_ours() {
        let machine = Machine::here(Path::new("."));
        let part = Part {
            name: "commands".into(),
            machine,
            seed: 1,
            at: 0,
            figures: vec![figure()],
            notes: vec!["on one disk".into()],
        };
        let text = table(&[part]);
        for words in ["konsil", "11,000", "≥ 10,000: met", "PostgreSQL 15", "· on one disk"] {
            assert!(text.contains(words), "{words} in {text}");
        }
    }
}
