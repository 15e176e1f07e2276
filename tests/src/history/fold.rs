//! A conversation as one browser knows it: what it was shown and told, put together.

use protocol::conversation::{ConversationEvent, ConversationView, Message};

use super::{Seen, chain};

/// A conversation, folded up to a position.
#[derive(Debug, Clone, Default)]
pub struct Fold {
    /// Everything up to here is in it.
    pub upto: u64,
    /// The messages in their order.
    pub list: Vec<Seen>,
    /// The chain value after each of them.
    values: Vec<u64>,
}

impl Fold {
    /// How long the list was at a position, and the chain value of that beginning of it.
    pub fn at(&self, seq: u64) -> (usize, u64) {
        let length = self.list.partition_point(|seen| seen.seq <= seq);
        (length, length.checked_sub(1).map_or(0, |last| self.values[last]))
    }

    /// Takes in a view that continues what is known. What is not above the own position was known.
    ///
    /// # Errors
    /// With a sentence, when a node shows what it may not.
    pub fn continued(&mut self, view: &ConversationView, seq: u64) -> Result<(), String> {
        let upto = self.upto;
        for message in view.messages.iter().filter(|it| it.seq.0 > upto) {
            if message.seq.0 > seq {
                return Err(format!("a view of {seq} holds a message of {}", message.seq.0));
            }
            self.push(message.seq.0, message.message.as_u128())?;
        }
        self.upto = self.upto.max(seq);
        Ok(())
    }

    /// A fold made anew from a last page and the pages before it, the earliest last.
    ///
    /// # Errors
    /// With a sentence, when the pages hold positions that do not rise.
    pub fn anew(seq: u64, last: &[Message], before: &[Vec<Message>]) -> Result<Self, String> {
        let mut fold = Self::default();
        let pages = before.iter().rev().map(Vec::as_slice).chain([last]);
        for message in pages.flatten() {
            fold.push(message.seq.0, message.message.as_u128())?;
        }
        fold.upto = seq;
        Ok(fold)
    }

    /// Takes in what happened; true when it was a message and new.
    ///
    /// # Errors
    /// With a sentence, when positions do not rise.
    pub fn happened(&mut self, seq: u64, event: &ConversationEvent) -> Result<bool, String> {
        if seq <= self.upto {
            return Ok(false); // F1: a browser ignores what is not above its own
        }
        let said = match event {
            ConversationEvent::Said { message, .. } => {
                self.push(seq, message.as_u128())?;
                true
            }
            _ => false,
        };
        self.upto = seq;
        Ok(said)
    }

    fn push(&mut self, seq: u64, message: u128) -> Result<(), String> {
        let before = self.list.last().map_or(0, |seen| seen.seq);
        if seq <= before {
            return Err(format!("position {seq} was shown after {before}"));
        }
        let seen = Seen { seq, message };
        self.values.push(chain(self.values.last().copied().unwrap_or(0), seen));
        self.list.push(seen);
        Ok(())
    }
}
