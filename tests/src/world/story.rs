//! The story of a world: everything that happened, as one number, and as text when asked for.
//!
//! Two runs of one seed are the same run when their stories are the same byte for byte.

use std::fmt::Write;

use super::clock::Moment;

/// Lines kept at most; a longer story loses its beginning.
const LINES_MAX: usize = 400_000;

/// What happened so far.
#[derive(Debug, Default)]
pub struct Story {
    sum: u64,
    now: Moment,
    text: Option<Vec<String>>,
    /// Events so far.
    pub steps: u64,
}

impl Story {
    /// A story; in full text when `told` is set.
    pub fn new(told: bool) -> Self {
        Self { sum: 0xcbf2_9ce4_8422_2325, now: 0, text: told.then(Vec::new), steps: 0 }
    }

    /// The next event happens.
    pub fn turns(&mut self, now: Moment) {
        self.now = now;
        self.steps += 1;
        self.mark(&[now]);
    }

    /// Numbers that tell this event from any other.
    pub fn mark(&mut self, numbers: &[u64]) {
        for number in numbers {
            self.sum = (self.sum ^ number).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(17);
        }
    }

    /// A line, written only when the story is told in full.
    pub fn line(&mut self, what: std::fmt::Arguments<'_>) {
        let Some(text) = &mut self.text else { return };
        let mut line = String::new();
        write!(line, "{:>12.3} ms  {what}", self.now as f64 / 1000.0).expect("a string takes it");
        if text.len() >= LINES_MAX {
            text.drain(..LINES_MAX / 2);
        }
        text.push(line);
    }

    /// The story as one number.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// The whole text.
    pub fn text(&self) -> &[String] {
        self.text.as_deref().unwrap_or_default()
    }
}
