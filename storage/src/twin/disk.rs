//! What was given to the disk and what of it is durable.
//!
//! Writes become durable in the order given, so one number tells all. Until a write is durable it
//! is remembered how to undo it: a disk that is full, say, keeps nothing of it.

use super::{Output, Write, log::Log};
use protocol::{
    cluster::{Epoch, Lsn},
    twin::Entry,
};
use std::collections::VecDeque;

/// The fence as it is or will be on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FenceKept {
    pub(super) seen: Epoch,
    pub(super) act: Epoch,
}

/// Writes under way.
#[derive(Debug)]
pub(super) struct Disk {
    next: u64,
    pending: VecDeque<(u64, Note)>,
    cuts: usize,
    durable_fence: FenceKept,
    written_fence: FenceKept,
}

#[derive(Debug)]
enum Note {
    Fence(FenceKept),
    Entries {
        first: Lsn,
    },
    Cut {
        removed: Vec<Entry>,
    },
    /// An entry or a cut that a copied state has made meaningless.
    Void,
}

impl Disk {
    pub(super) fn new(fence: FenceKept) -> Self {
        Self {
            next: 1,
            pending: VecDeque::new(),
            cuts: 0,
            durable_fence: fence,
            written_fence: fence,
        }
    }

    /// The fence that survives a crash at this moment.
    pub(super) fn fence(&self) -> FenceKept {
        self.durable_fence
    }

    /// Everything in the log up to here survives a crash at this moment.
    pub(super) fn durable(&self, log: &Log) -> Lsn {
        let firsts = self.pending.iter().filter_map(|(_, note)| match note {
            Note::Entries { first } => Some(*first),
            _ => None,
        });
        // Without a cut the first pending entry is the lowest.
        let first = if self.cuts == 0 { firsts.take(1).min() } else { firsts.min() };
        let last = log.last().lsn;
        first.map_or(last, |first| last.min(Lsn(first.0 - 1)))
    }

    /// Sees to it that this fence is on disk before anything written after it.
    pub(super) fn ensure_fence(&mut self, fence: FenceKept, out: &mut Vec<Output>) {
        if self.written_fence != fence {
            self.written_fence = fence;
            let write = Write::Fence { seen: fence.seen, act: fence.act };
            self.give(Note::Fence(fence), write, out);
        }
    }

    /// Writes entries that were just pushed on to the log.
    pub(super) fn entries(&mut self, entries: Vec<Entry>, out: &mut Vec<Output>) {
        if let Some(first) = entries.first().map(|entry| entry.at.lsn) {
            self.give(Note::Entries { first }, Write::Entries(entries), out);
        }
    }

    /// Writes that the log was just cut.
    pub(super) fn cut(&mut self, keep: Lsn, removed: Vec<Entry>, out: &mut Vec<Output>) {
        self.cuts += 1;
        self.give(Note::Cut { removed }, Write::Cut { keep }, out);
    }

    fn give(&mut self, note: Note, write: Write, out: &mut Vec<Output>) {
        out.push(Output::Write { ticket: self.next, write });
        self.pending.push_back((self.next, note));
        self.next += 1;
    }

    /// This ticket and all before it are durable.
    pub(super) fn kept(&mut self, ticket: u64) {
        while let Some((_, note)) = self.pending.pop_front_if(|(first, _)| *first <= ticket) {
            match note {
                Note::Fence(fence) => self.durable_fence = fence,
                Note::Cut { .. } => self.cuts -= 1,
                Note::Entries { .. } | Note::Void => {}
            }
        }
    }

    /// This ticket and all after it were not kept: brings the log back to what the disk holds.
    /// Whether anything was undone.
    pub(super) fn lost(&mut self, ticket: u64, log: &mut Log) -> bool {
        let mut undone = false;
        while let Some((_, note)) = self.pending.pop_back_if(|(last, _)| *last >= ticket) {
            undone = true;
            match note {
                Note::Entries { first } => drop(log.cut(Lsn(first.0 - 1))),
                Note::Cut { removed } => {
                    self.cuts -= 1;
                    removed.into_iter().for_each(|entry| log.push(entry));
                }
                Note::Fence(_) | Note::Void => {}
            }
        }
        let fences = self.pending.iter().rev().filter_map(|(_, note)| match note {
            Note::Fence(fence) => Some(*fence),
            _ => None,
        });
        self.written_fence = fences.take(1).last().unwrap_or(self.durable_fence);
        undone
    }

    /// The log was replaced as a whole: what was under way for the old one says nothing more.
    pub(super) fn replaced(&mut self) {
        for (_, note) in &mut self.pending {
            if !matches!(note, Note::Fence(_)) {
                *note = Note::Void;
            }
        }
        self.cuts = 0;
    }
}
