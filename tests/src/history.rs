//! What people did to conversations and what they saw, written down as it happened, and two judges.
//!
//! A history is made of one [`Log`] per conversation. Writers put down when they asked, when they
//! were answered and what the answer was worth ([`Fate`]); readers put down how long the
//! conversation was when they looked, and a chain value that stands for everything in it, so that
//! looking ten thousand times costs ten thousand lines and not their product. When everything is
//! calm again each node's whole list is put down as an end.
//!
//! [`contract`] judges what a chat owes; [`linear`] judges whether there is one order of everything
//! that fits the times (porcupine). Both answer with sentences.

pub mod contract;
mod fold;
pub mod linear;

use serde::{Deserialize, Serialize};

pub use fold::Fold;

/// The time of an answer that never came.
pub const NEVER: u64 = u64::MAX;

/// What became of a message, as far as its writer was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fate {
    /// Acknowledged: durable up to this position.
    Kept {
        /// The position that was told.
        upto: u64,
    },
    /// Every try was answered with a no that means: not done.
    Refused,
    /// At least one try was not answered, or not clearly. It may stand there, or not.
    Unknown,
}

/// One message and its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Which writer.
    pub client: u32,
    /// When it was first asked for, in microseconds of the history.
    pub call: u64,
    /// When the answer came; [`NEVER`] for an unknown fate.
    pub back: u64,
    /// Its id.
    pub message: u128,
    /// What became of it.
    pub fate: Fate,
}

/// A message in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The position of `Said` in the journal.
    pub seq: u64,
    /// Its id.
    pub message: u128,
}

/// A conversation as it stood when somebody looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looked {
    /// Which reader.
    pub client: u32,
    /// When it asked.
    pub call: u64,
    /// When it was shown.
    pub back: u64,
    /// Messages shown.
    pub length: usize,
    /// Stands for all of them and their order, see [`chain`].
    pub chain: u64,
    /// Whether it asked to be shown what is now. What a watcher was told by and by may be behind.
    pub fresh: bool,
}

/// Everything about one conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// Messages, in the order in which their fates were known.
    pub said: Vec<Said>,
    /// Looks, in the order in which they were answered.
    pub looked: Vec<Looked>,
    /// The whole list when all was calm, as each node shows it. The first is the truth.
    pub ends: Vec<Vec<Seen>>,
    /// What a client saw that no node may ever show, in words.
    pub wrong: Vec<String>,
}

/// A whole run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// One per conversation.
    pub logs: Vec<Log>,
    /// What was done to the cluster, and when.
    pub marks: Vec<(u64, String)>,
}

impl History {
    /// Room for so many conversations.
    pub fn of(conversations: usize) -> Self {
        Self { logs: vec![Log::default(); conversations], marks: Vec::new() }
    }

    /// What both judges object to; nothing when all is well.
    pub fn judged(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (number, log) in self.logs.iter().enumerate() {
            let all = contract::wrong(log).into_iter().chain(linear::wrong(log));
            wrong.extend(all.map(|sentence| format!("conversation {number}: {sentence}")));
        }
        wrong
    }

    /// One line of figures.
    pub fn summary(&self) -> String {
        let said = || self.logs.iter().flat_map(|log| &log.said);
        let fates = |is: fn(&Fate) -> bool| said().filter(|it| is(&it.fate)).count();
        let looked: usize = self.logs.iter().map(|log| log.looked.len()).sum();
        format!(
            "{} acknowledged, {} refused, {} unknown, {looked} looks in {} conversations",
            fates(|it| matches!(it, Fate::Kept { .. })),
            fates(|it| *it == Fate::Refused),
            fates(|it| *it == Fate::Unknown),
            self.logs.len(),
        )
    }
}

/// The chain value after one more message; 0 is the value of nothing.
pub const fn chain(before: u64, seen: Seen) -> u64 {
    let message = (seen.message ^ (seen.message >> 64)) as u64;
    // Dice mix well: one value follows from all that came before it.
    let mut dice = storage::dice::Dice::new(before ^ message.rotate_left(17));
    let rolled = dice.roll();
    storage::dice::Dice::new(rolled ^ seen.seq).roll()
}

/// The chain values of every beginning of a list: the first is that of nothing.
fn chains(list: &[Seen]) -> Vec<u64> {
    let mut value = 0;
    let rest = list.iter().map(|seen| {
        value = chain(value, *seen);
        value
    });
    std::iter::once(0).chain(rest).collect()
}
