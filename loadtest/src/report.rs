//! What the people saw: a table, a file for machines, a page for people.

mod machine;
mod page;
mod plot;

use anyhow::{Context, Result};
use serde::Serialize;
use std::{fmt::Write, fs, path::Path};

use crate::{measure::Table, plan::Plan};
use machine::Machine;

/// Bars of a histogram's picture.
const BARS: usize = 40;

/// What one run measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// The plan's name.
    pub(crate) plan: String,
    /// Its sentence.
    pub(crate) what: String,
    /// Where all chance came from.
    pub(crate) seed: u64,
    /// Where and of what it was measured.
    pub(crate) machine: Machine,
    /// Deliveries that never arrived.
    pub(crate) lost: u64,
    /// Deliveries that arrived twice; a browser ignores them.
    pub(crate) again: u64,
    /// Asks that were refused or failed.
    pub(crate) failed: u64,
    /// Single numbers.
    pub(crate) figures: Vec<Figure>,
    /// Times.
    pub(crate) latencies: Vec<Latency>,
    /// Sentences.
    pub(crate) notes: Vec<String>,
}

/// A number with its unit.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
}

/// Times of one kind, in milliseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Latency {
    /// From what to what.
    pub(crate) name: String,
    /// How many.
    pub(crate) count: u64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
    /// How many lie below each bound and above the one before.
    pub(crate) bars: Vec<Bar>,
    /// Second by second.
    pub(crate) seconds: Vec<Second>,
}

/// One bar of a histogram.
#[derive(Debug, Serialize)]
pub(crate) struct Bar {
    pub(crate) below_ms: f64,
    pub(crate) count: u64,
}

/// One second of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Second {
    pub(crate) count: u64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
}

impl Report {
    /// An empty report of a plan.
    pub(crate) fn of(plan: &Plan) -> Self {
        Self {
            plan: plan.name.clone(),
            what: plan.what.clone(),
            seed: plan.seed,
            machine: Machine::here(),
            lost: 0,
            again: 0,
            failed: 0,
            figures: Vec::new(),
            latencies: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// One more number.
    pub(crate) fn figure(&mut self, name: &str, value: f64, unit: &'static str) {
        self.figures.push(Figure { name: name.to_owned(), value, unit });
    }

    /// One more kind of times, when there are any.
    pub(crate) fn latency(&mut self, name: &str, table: &Table) {
        if table.all.is_empty() {
            return self.note(&format!("{name}: nothing was measured"));
        }
        self.latencies.push(Latency::of(name, table));
    }

    /// One more sentence. Only the first hundred are kept: the rest says the same.
    pub(crate) fn note(&mut self, sentence: &str) {
        if self.notes.len() < 100 {
            self.notes.push(sentence.to_owned());
        }
    }

    /// For a terminal.
    pub(crate) fn table(&self) -> String {
        let mut text = format!("\n{}: {} (seed {})\n\n", self.plan, self.what, self.seed);
        for Figure { name, value, unit } in &self.figures {
            let _ = writeln!(text, "  {name:<52} {:>14} {unit}", spelled(*value));
        }
        if !self.latencies.is_empty() {
            let head = ["count", "p50", "p99", "p99.9", "max"];
            let _ = write!(text, "\n  {:<52}", "milliseconds");
            head.iter().for_each(|name| text += &format!(" {name:>10}"));
            text.push('\n');
        }
        for it in &self.latencies {
            let _ = write!(text, "  {:<52} {:>10}", it.name, it.count);
            [it.p50, it.p99, it.p999, it.max].iter().for_each(|ms| text += &format!(" {ms:>10.2}"));
            text.push('\n');
        }
        let _ = writeln!(
            text,
            "\n  lost {}, told twice {}, failed {}",
            self.lost, self.again, self.failed
        );
        self.notes.iter().for_each(|note| text += &format!("  ! {note}\n"));
        text + &format!("  {}\n", self.machine.line())
    }

    /// As JSON and as a page, named by the plan.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
        let path = folder.join(&self.plan);
        let json = serde_json::to_string_pretty(self)?;
        fs::write(path.with_extension("json"), json + "\n")?;
        let page = path.with_extension("html");
        fs::write(&page, page::page(self)).with_context(|| format!("{}", page.display()))?;
        println!("  {}", page.display());
        Ok(())
    }
}

impl Latency {
    fn of(name: &str, table: &Table) -> Self {
        let all = &table.all;
        let at = |quantile| all.value_at_quantile(quantile) as f64 / 1e3;
        let second = |it: &hdrhistogram::Histogram<u32>| {
            let at = |quantile| it.value_at_quantile(quantile) as f64 / 1e3;
            Second { count: it.len(), p50: at(0.5), p99: at(0.99), p999: at(0.999) }
        };
        Self {
            name: name.to_owned(),
            count: all.len(),
            p50: at(0.5),
            p99: at(0.99),
            p999: at(0.999),
            max: all.max() as f64 / 1e3,
            bars: bars(table),
            seconds: table.seconds.iter().map(second).collect(),
        }
    }
}

/// Bars whose bounds grow by the same factor, from the smallest to the largest value.
fn bars(table: &Table) -> Vec<Bar> {
    let (low, high) = (table.all.min().max(1) as f64, table.all.max() as f64 + 1.0);
    let factor = (high / low).powf(1.0 / BARS as f64).max(1.01);
    let mut from = 0;
    let bound = |bar: usize| (low * factor.powi(bar as i32 + 1)).ceil() as u64;
    let count = |below: u64, from: &mut u64| {
        let count = if below > *from { table.all.count_between(*from, below - 1) } else { 0 };
        *from = below.max(*from);
        count
    };
    (0..BARS)
        .map(|bar| Bar { below_ms: bound(bar) as f64 / 1e3, count: count(bound(bar), &mut from) })
        .collect()
}

/// A number as people read it.
fn spelled(value: f64) -> String {
    match value.abs() {
        100.0.. => {
            let digits = format!("{value:.0}");
            let groups: Vec<&str> = digits
                .as_bytes()
                .rchunks(3)
                .rev()
                .map(|group| str::from_utf8(group).unwrap_or_default())
                .collect();
            groups.join(",")
        }
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Latencies;
    use std::time::Duration;

    #[test]
    fn every_value_stands_in_one_bar_and_the_page_needs_nobody() {
        let latencies = Latencies::new();
        (1..=500).for_each(|ms| latencies.record_span(ms / 100, Duration::from_millis(ms)));
        let plan = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans/short.toml");
        let mut report = Report::of(&Plan::read(&plan).expect("a plan"));
        report.latency("a <b> until c", &latencies.table());
        report.figure("messages", 1_234_567.8, "/s");
        report.note("no & yes");
        let counted: u64 = report.latencies[0].bars.iter().map(|bar| bar.count).sum();
        assert_eq!(counted, 500);
        assert!(report.table().contains("1,234,568"), "{}", report.table());
        let page = page::page(&report);
        assert!(page.contains("<svg") && page.contains("a &lt;b&gt; until c"));
        for foreign in ["src=", "href=", "@import", "url("] {
            assert!(!page.contains(foreign), "{foreign} asks somebody else");
        }
    }
}
