//! One journal, and the content its record names: looked at, compared, mended.

use bytes::Bytes;
use protocol::{cluster::NodeKey, key::Key, peer::SumsOf};

use super::{
    Act, Complaint, ContentLook, Done, Figures, Finding, Held, Look, Miss, Sums, Theirs, Verdict,
    Why,
};
use crate::{
    content::ContentId,
    fault::StorageFault,
    history,
    journal::{JournalId, Link, Seq},
};

/// How often the other copy is asked for a head until it has caught up with this one.
const TRIES: u32 = 20;

/// See the module.
#[derive(Debug)]
pub(super) struct Job {
    shard: u16,
    /// None for a content whose record is not held here.
    held: Option<Held>,
    of: Of,
    step: Step,
    theirs: Option<Theirs>,
    /// Where the journal ended at the first look.
    end: Option<Link>,
    tidied: bool,
    /// The head cannot be read; everything up to here had been applied by then.
    headless: Option<protocol::cluster::Lsn>,
    tries: u32,
    /// A contradiction was seen once.
    doubted: bool,
    mended: u64,
}

#[derive(Debug)]
enum Of {
    Journal(JournalId),
    Content(ContentId),
}

#[derive(Debug)]
enum Step {
    Sum,
    Look { from: Option<Link> },
    Tidy,
    Ask { from: Seq, upto: Seq, then: Then },
    Put { entries: Vec<Bytes>, then: Then },
    Head { end: Link },
    Record,
    Content { content: ContentId, begin: bool },
    Fetch { content: ContentId },
    Over(Outcome),
}

/// What entries are asked for.
#[derive(Debug, Clone, Copy)]
enum Then {
    /// To be put in the place of damaged ones; the last must hash to this.
    Mend { left: Link },
    /// To be added at the end.
    Extend,
    /// To see what the other copy has under them: it is ahead, and may be.
    Compare { end: Link },
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// What is damaged no more counts as sound.
    Sound,
    /// Something is damaged.
    Unmended(Finding),
    /// It is changing: look again later.
    Later,
    /// The shard is not held any more as it was.
    Moved,
}

impl Job {
    /// A journal of a page that was compared.
    pub(super) fn compared(held: Held, journal: JournalId, theirs: Option<Theirs>) -> Self {
        Self::new(held.shard, Some(held), Of::Journal(journal), Step::Look { from: None }, theirs)
    }

    /// A journal by itself.
    pub(super) fn alone(held: Held, journal: JournalId) -> Self {
        Self::new(held.shard, Some(held), Of::Journal(journal), Step::Sum, None)
    }

    /// A content by itself.
    pub(super) fn content(held: Option<Held>, shard: u16, content: ContentId) -> Self {
        let step = Step::Content { content, begin: true };
        Self::new(shard, held, Of::Content(content), step, None)
    }

    fn new(shard: u16, held: Option<Held>, of: Of, step: Step, theirs: Option<Theirs>) -> Self {
        Self {
            shard,
            held,
            of,
            step,
            theirs,
            end: None,
            tidied: false,
            headless: None,
            tries: 0,
            doubted: false,
            mended: 0,
        }
    }

    pub(super) const fn shard(&self) -> u16 {
        self.shard
    }

    pub(super) const fn mended(&self) -> u64 {
        self.mended
    }

    /// What it is about, for people.
    pub(super) fn what(&self) -> String {
        match &self.of {
            Of::Journal(journal) => journal.to_string(),
            Of::Content(content) => content.to_string(),
        }
    }

    /// What asks for the same again.
    pub(super) fn complaint(&self) -> Complaint {
        match &self.of {
            Of::Journal(journal) => Complaint::Journal(journal.clone()),
            Of::Content(content) => Complaint::Content { shard: self.shard, content: *content },
        }
    }

    /// How it ended, once [`Job::act`] says that nothing is left to do.
    pub(super) fn outcome(self) -> Outcome {
        match self.step {
            Step::Over(outcome) => outcome,
            _ => Outcome::Later,
        }
    }

    fn other(&self) -> Option<NodeKey> {
        self.held.and_then(|held| held.other)
    }

    /// What to do next; none when it is over.
    pub(super) fn act(&mut self) -> Option<Act> {
        if matches!(self.step, Step::Sum) && self.other().is_none() {
            self.step = Step::Look { from: None };
        }
        let content = |content: &ContentId, begin| Act::Content { content: *content, begin };
        match &self.step {
            Step::Content { content: it, begin } => return Some(content(it, *begin)),
            Step::Fetch { content } => {
                return Some(Act::Fetch { shard: self.shard, content: *content });
            }
            Step::Over(_) => return None,
            _ => {}
        }
        let (Some(Held { shard, epoch, other }), Of::Journal(journal)) = (self.held, &self.of)
        else {
            return None;
        };
        let journal = journal.clone();
        Some(match &mut self.step {
            Step::Sum => {
                let of = SumsOf::Only(journal.as_str().to_owned());
                Act::Sums { to: other?, shard, epoch, of }
            }
            Step::Look { from } => Act::Look { journal, epoch, from: *from, theirs: self.theirs },
            Step::Tidy => Act::Tidy { journal, epoch },
            Step::Ask { from, upto, .. } => {
                Act::Stored { to: other?, shard, epoch, journal, from: *from, upto: *upto }
            }
            Step::Put { entries, then } => {
                let entries = std::mem::take(entries);
                match then {
                    Then::Mend { left } => Act::Mend { journal, epoch, left: *left, entries },
                    _ => Act::Extend { journal, epoch, theirs: self.theirs?, entries },
                }
            }
            Step::Head { end } => Act::Head { journal, epoch, end: *end },
            Step::Record => Act::Record { journal },
            Step::Content { .. } | Step::Fetch { .. } | Step::Over(_) => return None,
        })
    }

    /// Takes the answer, and what follows from it.
    pub(super) fn done(&mut self, done: Done, figures: &mut Figures) {
        self.step = match done {
            Done::Sums { sums, .. } => self.summed(sums),
            Done::Looked(Ok(look)) => self.looked(look),
            Done::Tidied(Ok(count)) => {
                self.tidied = true;
                self.healed(count, figures);
                Step::Look { from: None }
            }
            Done::Stored(entries) => self.stored(entries, figures),
            Done::Mended(mended) => self.put(mended, figures),
            Done::Extended(extended) => self.extended(extended, figures),
            Done::Headed(Ok(())) => {
                self.healed(1, figures);
                self.proven()
            }
            Done::Record(Ok(Some(content))) => Step::Content { content, begin: true },
            Done::Record(Ok(None)) => Step::Over(Outcome::Sound),
            Done::Content(look) => self.content_looked(look, figures),
            Done::Fetched(fetched) => self.fetched(fetched),
            Done::Looked(Err(miss))
            | Done::Tidied(Err(miss))
            | Done::Headed(Err(miss))
            | Done::Record(Err(miss)) => self.missed(miss, Seq(0)),
            Done::Places(_) | Done::Listed(_) => Step::Over(Outcome::Later),
        };
    }

    /// What was mended was damaged.
    fn healed(&mut self, count: u64, figures: &mut Figures) {
        self.mended += count;
        figures.damaged += count;
    }

    /// The other copy's word on this journal alone.
    fn summed(&mut self, sums: Result<Sums, Miss>) -> Step {
        let sums = match sums {
            Ok(sums) => sums,
            Err(Miss::Moved) => return Step::Over(Outcome::Moved),
            Err(_) if self.headless.is_some() => return self.unmended(Seq(0), Why::Unanswered),
            Err(_) => {
                self.theirs = None; // its own entries all the same
                return Step::Look { from: None };
            }
        };
        let (since, upto) = (sums.since, sums.upto);
        let end = sums.sums.into_iter().next().and_then(|(_, end)| end);
        self.theirs = end.map(|end| Theirs { end, since, upto });
        match (self.headless, self.theirs) {
            (None, _) => Step::Look { from: None },
            (Some(_), None) => self.unmended(Seq(0), Why::Both),
            // Only a copy that has all that was here can say where it ended.
            (Some(base), Some(theirs)) if theirs.since >= base => {
                Step::Look { from: Some(theirs.end) }
            }
            (Some(_), Some(_)) if self.tries < TRIES => {
                self.tries += 1;
                Step::Sum
            }
            _ => Step::Over(Outcome::Later),
        }
    }

    fn looked(&mut self, look: Look) -> Step {
        self.end = look.end.or(self.end);
        match look.verdict {
            Verdict::More { left } => Step::Look { from: Some(left) },
            Verdict::Untidy if !self.tidied => Step::Tidy,
            Verdict::Untidy => Step::Over(Outcome::Later),
            Verdict::Damaged { from, left } => match self.other() {
                Some(_) => Step::Ask { from, upto: left.seq, then: Then::Mend { left } },
                None => self.unmended(left.seq, Why::Alone),
            },
            Verdict::Headless { base } => {
                self.headless = Some(base);
                match self.other() {
                    Some(_) => Step::Sum,
                    None => self.unmended(Seq(0), Why::Alone),
                }
            }
            Verdict::Short { end } => match self.theirs {
                Some(theirs) => {
                    let (from, upto) = (end.seq.next(), theirs.end.seq);
                    Step::Ask { from, upto, then: Then::Extend }
                }
                None => Step::Over(Outcome::Later),
            },
            // SB5: time may have passed between the two; both are asked anew.
            Verdict::Contradicted { .. } if !self.doubted && self.other().is_some() => {
                (self.doubted, self.headless) = (true, None);
                Step::Sum
            }
            Verdict::Contradicted { seq } => self.unmended(seq, Why::Contradicted),
            Verdict::Whole => self.whole(),
        }
    }

    /// Every entry is proven.
    fn whole(&mut self) -> Step {
        match (self.headless, self.theirs, self.end) {
            (Some(_), Some(theirs), _) => Step::Head { end: theirs.end },
            // It may be ahead; then what it has under its next entry is compared.
            (None, Some(theirs), Some(end)) if theirs.end.seq > end.seq && end.seq > Seq(0) => {
                let next = end.seq.next();
                Step::Ask { from: next, upto: next, then: Then::Compare { end } }
            }
            _ => self.proven(),
        }
    }

    /// The journal is sound; there may be a content beside it.
    fn proven(&self) -> Step {
        let Of::Journal(journal) = &self.of else { return Step::Over(Outcome::Sound) };
        match journal.as_str().parse() {
            Ok(Key::File(_)) => Step::Record,
            _ => Step::Over(Outcome::Sound),
        }
    }

    fn stored(&mut self, entries: Result<Vec<Bytes>, Miss>, figures: &mut Figures) -> Step {
        let Step::Ask { from, upto, then } = self.step else {
            return Step::Over(Outcome::Later);
        };
        let entries = match (entries, then) {
            (Ok(entries), _) => entries,
            (Err(Miss::Moved), _) => return Step::Over(Outcome::Moved),
            // Only a comparison is lost.
            (Err(_), Then::Compare { .. }) => return self.proven(),
            (Err(Miss::Later), _) => return Step::Over(Outcome::Later),
            (Err(miss), _) => {
                figures.damaged += upto.0 - from.0 + 1;
                let why = if miss == Miss::Silent { Why::Unanswered } else { Why::Both };
                return self.unmended(upto, why);
            }
        };
        let last = entries.last().and_then(|it| history::peek_seq(it));
        match then {
            Then::Compare { end } => {
                let next = entries.first().and_then(|it| history::read_entry(it));
                match next.filter(|it| it.entry.seq == end.seq.next()) {
                    Some(next) if next.parent != end.hash => self.looked(Look {
                        entries: 0,
                        bytes: 0,
                        end: None,
                        verdict: Verdict::Contradicted { seq: end.seq },
                    }),
                    _ => self.proven(),
                }
            }
            // What does not reach the last one cannot be proven: it is asked for by itself.
            Then::Mend { .. } if last != Some(upto) && from < upto => {
                Step::Ask { from: upto, upto, then }
            }
            _ => Step::Put { entries, then },
        }
    }

    fn put(&mut self, mended: Result<(Link, u64), Miss>, figures: &mut Figures) -> Step {
        match mended {
            Ok((left, count)) => {
                self.healed(count, figures);
                Step::Look { from: Some(left) }
            }
            Err(Miss::Fault(StorageFault::Corrupt { seq, .. })) => {
                figures.damaged += 1;
                self.unmended(seq, Why::Both)
            }
            Err(miss) => self.missed(miss, Seq(0)),
        }
    }

    fn extended(&mut self, extended: Result<Link, Miss>, figures: &mut Figures) -> Step {
        let (from, theirs) = match (&extended, self.theirs) {
            (Ok(link), Some(theirs)) => (*link, theirs),
            (Err(Miss::Fault(StorageFault::Corrupt { seq, .. })), _) => {
                let seq = *seq;
                return self.unmended(seq, Why::Both);
            }
            (Err(miss), _) => return self.missed(miss.clone(), Seq(0)),
            (Ok(_), None) => return Step::Over(Outcome::Later),
        };
        let before = self.end.map_or(Seq(0), |end| end.seq);
        self.healed(from.seq.0.saturating_sub(before.0), figures);
        self.end = Some(from);
        if from.seq < theirs.end.seq {
            let (from, upto) = (from.seq.next(), theirs.end.seq);
            return Step::Ask { from, upto, then: Then::Extend };
        }
        Step::Look { from: None }
    }

    fn content_looked(&mut self, look: Result<ContentLook, Miss>, figures: &mut Figures) -> Step {
        let Step::Content { content, .. } = self.step else {
            return Step::Over(Outcome::Later);
        };
        match look {
            Ok(ContentLook { whole: true, .. }) => Step::Over(Outcome::Sound),
            Ok(_) => Step::Content { content, begin: false },
            Err(Miss::Fault(StorageFault::CorruptFile { .. } | StorageFault::NoFile { .. })) => {
                figures.damaged += 1;
                Step::Fetch { content }
            }
            Err(miss) => self.missed(miss, Seq(0)),
        }
    }

    fn fetched(&mut self, fetched: Result<(), Miss>) -> Step {
        match fetched {
            Ok(()) => {
                self.mended += 1;
                Step::Over(Outcome::Sound)
            }
            Err(Miss::Silent) => self.unmended(Seq(0), Why::Unanswered),
            Err(Miss::Moved) => self.unmended(Seq(0), Why::Alone),
            Err(Miss::Later) => Step::Over(Outcome::Later),
            Err(Miss::Fault(_)) => self.unmended(Seq(0), Why::Both),
        }
    }

    fn missed(&self, miss: Miss, seq: Seq) -> Step {
        match miss {
            Miss::Moved => Step::Over(Outcome::Moved),
            Miss::Later | Miss::Silent => Step::Over(Outcome::Later),
            Miss::Fault(fault) => self.unmended(seq, Why::Unreadable(fault.to_string())),
        }
    }

    fn unmended(&self, seq: Seq, why: Why) -> Step {
        let (shard, what) = (self.shard, self.what());
        Step::Over(Outcome::Unmended(Finding { shard, what, seq, why }))
    }
}
