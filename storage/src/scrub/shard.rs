//! One shard: its pages of journals, beside those of the other copy.

use std::collections::{BTreeMap, VecDeque};

use protocol::{cluster::NodeKey, peer::SumsOf};

use super::{Act, Done, Figures, Finding, Held, Miss, SILENT, Sums, Theirs, Why, job::Job};
use crate::journal::{JournalId, Seq};

/// Own journals named at a time.
pub(crate) const PAGE: usize = 256;

/// A shard that is being looked at.
#[derive(Debug)]
pub(super) struct Walk {
    held: Held,
    step: Step,
    /// Journals up to here were looked at.
    after: Option<JournalId>,
    theirs: Option<Sums>,
    jobs: VecDeque<(JournalId, Option<Theirs>)>,
    last: bool,
}

#[derive(Debug, PartialEq)]
enum Step {
    Places,
    Sums,
    List,
    Journals,
    Moved,
    Over,
}

/// What a walk wants next.
pub(super) enum Next {
    Act(Act),
    Job(Job),
    Over,
}

impl Walk {
    pub(super) fn new(held: Held) -> Self {
        let (theirs, jobs) = (None, VecDeque::new());
        Self { held, step: Step::Places, after: None, theirs, jobs, last: false }
    }

    pub(super) const fn shard(&self) -> u16 {
        self.held.shard
    }

    /// The shard is not held any more as it was when the walk began.
    pub(super) fn moved(&self) -> bool {
        self.step == Step::Moved
    }

    pub(super) fn next(&mut self, silent: &BTreeMap<NodeKey, u32>) -> Next {
        let Held { shard, epoch, other } = self.held;
        loop {
            match self.step {
                Step::Places => return Next::Act(Act::Places { shard, epoch }),
                Step::Sums => {
                    let asks = |it: &NodeKey| silent.get(it).is_none_or(|count| *count < SILENT);
                    if let Some(to) = other.filter(asks) {
                        let after = self.after.as_ref().map(|it| it.as_str().to_owned());
                        let of = SumsOf::Behind(after);
                        return Next::Act(Act::Sums { to, shard, epoch, of });
                    }
                    (self.theirs, self.step) = (None, Step::List);
                }
                Step::List => {
                    return Next::Act(Act::List { shard, after: self.after.clone() });
                }
                Step::Journals => match self.jobs.pop_front() {
                    Some((journal, theirs)) => {
                        return Next::Job(Job::compared(self.held, journal, theirs));
                    }
                    None => self.step = if self.last { Step::Over } else { Step::Sums },
                },
                Step::Moved | Step::Over => return Next::Over,
            }
        }
    }

    pub(super) fn done(&mut self, done: Done, figures: &mut Figures) -> Option<Finding> {
        match done {
            Done::Places(Ok(mended)) => {
                figures.damaged += mended;
                figures.healed += mended;
                self.step = Step::Sums;
            }
            Done::Sums { sums, .. } => match sums {
                Ok(sums) => (self.theirs, self.step) = (Some(sums), Step::List),
                Err(Miss::Moved) => self.step = Step::Moved,
                // Its own entries are looked at all the same.
                Err(_) => (self.theirs, self.step) = (None, Step::List),
            },
            Done::Listed(Ok(mine)) => self.merge(mine),
            Done::Places(Err(miss)) | Done::Listed(Err(miss)) => {
                self.step = Step::Moved;
                return self.unreadable(miss);
            }
            // No answer to what was asked: the shard is tried once more in this round.
            _ => self.step = Step::Moved,
        }
        None
    }

    fn unreadable(&self, miss: Miss) -> Option<Finding> {
        let Miss::Fault(fault) = miss else { return None };
        let shard = self.held.shard;
        let what = format!("shard {shard}");
        Some(Finding { shard, what, seq: Seq(0), why: Why::Unreadable(fault.to_string()) })
    }

    /// Both lists in one, up to the end of the shorter page.
    fn merge(&mut self, mine: Vec<JournalId>) {
        let theirs = self.theirs.take().unwrap_or_default();
        let mine_end = mine.last().filter(|_| mine.len() >= PAGE).cloned();
        let their_end = theirs.sums.last().filter(|_| theirs.more).map(|(journal, _)| journal);
        let bound = match (mine_end, their_end.cloned()) {
            (Some(mine), Some(theirs)) => Some(mine.min(theirs)),
            (mine, theirs) => mine.or(theirs),
        };
        let (since, upto) = (theirs.since, theirs.upto);
        let mut all: BTreeMap<JournalId, Option<Theirs>> =
            mine.into_iter().map(|journal| (journal, None)).collect();
        for (journal, end) in theirs.sums {
            all.insert(journal, end.map(|end| Theirs { end, since, upto }));
        }
        if let Some(bound) = &bound {
            all.retain(|journal, _| journal <= bound);
        }
        (self.last, self.step) = (bound.is_none(), Step::Journals);
        self.after = bound;
        self.jobs = all.into_iter().collect();
    }
}
