//! The table at the end of `cargo xtask test`.

use std::time::Duration;

use crate::run::spelled;

/// How a step ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// There is nothing to judge yet.
    Skipped,
    /// A step before it failed.
    NotRun,
}

/// One step's line.
pub(crate) struct Row {
    /// The step.
    pub(crate) name: &'static str,
    /// How it ended.
    pub(crate) verdict: Verdict,
    /// How long it took.
    pub(crate) time: Duration,
    /// Why, when it did not pass.
    pub(crate) note: String,
}

impl Row {
    /// A step that had no chance.
    pub(crate) const fn not_run(name: &'static str) -> Self {
        Self { name, verdict: Verdict::NotRun, time: Duration::ZERO, note: String::new() }
    }
}

/// The table, and the line that counts the steps.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut text = format!("\n{:<10} {:<8} {:>12}\n", "step", "", "time");
    for row in rows {
        let verdict = match row.verdict {
            Verdict::Passed => "passed",
            Verdict::Failed => "FAILED",
            Verdict::Skipped => "skipped",
            Verdict::NotRun => "not run",
        };
        let time = if row.verdict == Verdict::NotRun { "-".into() } else { spelled(row.time) };
        text += format!("{:<10} {verdict:<8} {time:>12}  {}", row.name, row.note).trim_end();
        text += "\n";
    }
    let count = |verdict| rows.iter().filter(|row| row.verdict == verdict).count();
    let total: Duration = rows.iter().map(|row| row.time).sum();
    text += &format!("{:<10} {:<8} {:>12}\n\n", "all", "", spelled(total));
    text += &format!("{} passed, {} failed\n", count(Verdict::Passed), count(Verdict::Failed));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_counts_steps_and_nothing_else() {
        let row = |verdict| Row { name: "fmt", verdict, time: Duration::ZERO, note: "x".into() };
        let (passed, skipped) = (row(Verdict::Passed), row(Verdict::Skipped));
        let text = table(&[passed, skipped, row(Verdict::Failed), Row::not_run("load")]);
        assert_eq!(text.lines().last(), Some("1 passed, 1 failed"));
        assert!(text.contains("FAILED") && text.contains("not run") && text.contains("skipped"));
    }
}
