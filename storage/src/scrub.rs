//! The scrubber: walks the copies this node holds, finds damage before somebody needs what is
//! damaged, and mends it from the other copy.
//!
//! ```text
//! round ─► shard ─► page of journals ─► journal: head ─► entries, last to first ─► its file
//!              └─ the other copy's sums ─┘          └─ damaged: ask, prove, put in place
//! ```
//!
//! This machine decides what is looked at next, what is asked of whom, and what follows from the
//! answer. It knows no clock, disk or network: whoever drives it asks [`Scrubber::next`], does the
//! one [`Act`] it is told, and says with [`Scrubber::done`] what came of it.
//!
//! A journal is read from its last entry to its first: the head proves the last entry, each entry
//! the one before it. So a long journal is read a stretch at a time, what was read is proven for
//! good, and an entry of the other copy is proven before it is put in place.
//!
//! # Invariants
//! - **SB1** One thing at a time: nothing new is asked while an answer is awaited.
//! - **SB2** Not more is read than the rate allows, and one look more; nothing while the node is
//!   strained.
//! - **SB3** Every held shard is looked at once in a round, and a complaint before the round goes on.
//! - **SB4** A node changes its own copy alone. What the other copy lacks is for its own node to see.
//! - **SB5** A difference that time may explain is none: hashes are compared where both copies have
//!   an entry, in one epoch, and a second look confirms a contradiction.
//! - **SB6** Where both copies are damaged or contradict each other nothing is touched, and it is
//!   said once, with the shard, the journal and the entry.
//! - **SB7** Complaints and findings are bounded; beyond that the next round finds them again.
//!
//! # Why at most once a day?
//! Disks damage little and slowly; what matters is that both copies of one entry are not damaged
//! between two rounds. A round costs one reading of everything, a hash over it, and for each 256
//! journals one question to another node.

use std::collections::{BTreeMap, VecDeque};

use protocol::cluster::NodeKey;

mod job;
mod round;
mod shard;
#[cfg(test)]
mod tests;
mod words;

pub use words::{
    Act, Complaint, ContentLook, Done, Figures, Finding, Held, Look, Miss, News, Settings, Sums,
    Theirs, Verdict, Why,
};

use self::{
    job::{Job, Outcome},
    round::Round,
    shard::{Next, Walk},
};

/// Complaints that wait; findings that are remembered (SB7).
pub const REMEMBERED: usize = 256;
/// Milliseconds until the scrubber looks again whether the node is still strained.
const YIELD: u64 = 1_000;
/// Milliseconds after which what could not be mended is tried again.
const RETRY: u64 = 60_000;
/// Unanswered questions after which a node is not asked again in this round.
const SILENT: u32 = 3;
/// Milliseconds that a question to another node costs: time for the other copy to catch up, too.
const ASK: u64 = 50;
/// What a look at one entry costs beside its bytes.
const ENTRY: u64 = 256;

/// See the module.
#[derive(Debug)]
pub struct Scrubber {
    settings: Settings,
    held: BTreeMap<u16, Held>,
    round: Round,
    walk: Option<Walk>,
    job: Option<Job>,
    complaints: VecDeque<Complaint>,
    again: VecDeque<(u64, Complaint)>,
    silent: BTreeMap<NodeKey, u32>,
    open: BTreeMap<String, Finding>,
    news: Vec<News>,
    figures: Figures,
    /// Nothing is read before this moment.
    ready: u64,
    asked: bool,
}

impl Scrubber {
    /// Begins its first round after a minute, or after a whole pause when that is shorter. `chance`
    /// decides which shard is the first, so that a node that is started often looks at all of them.
    pub fn new(settings: Settings, now: u64, chance: u16) -> Self {
        Self {
            settings,
            held: BTreeMap::new(),
            round: Round::new(now, settings.every_ms, chance),
            walk: None,
            job: None,
            complaints: VecDeque::new(),
            again: VecDeque::new(),
            silent: BTreeMap::new(),
            open: BTreeMap::new(),
            news: Vec::new(),
            figures: Figures::default(),
            ready: now,
            asked: false,
        }
    }

    /// What this node holds, as of now.
    pub fn holds(&mut self, now: u64, held: impl IntoIterator<Item = Held>) {
        let before = std::mem::take(&mut self.held);
        self.held = held.into_iter().map(|it| (it.shard, it)).collect();
        self.round.holds(now, &self.held);
        let given_away = |shard: &u16| before.contains_key(shard) && !self.held.contains_key(shard);
        self.open.retain(|_, finding| !given_away(&finding.shard));
    }

    /// Somebody ran into damage: it is looked at first (SB3).
    pub fn complain(&mut self, complaint: Complaint) {
        if self.complaints.len() < REMEMBERED && !self.complaints.contains(&complaint) {
            self.complaints.push_back(complaint); // SB7
        }
    }

    /// What to do now. It must be told with [`Scrubber::done`] unless it is to wait.
    ///
    /// # Panics
    /// When the answer to the act before is still awaited (SB1).
    pub fn next(&mut self, now: u64, strained: bool) -> Act {
        assert!(!self.asked, "SB1");
        if strained {
            return Act::Wait { until: now + YIELD }; // SB2
        }
        if now < self.ready {
            return Act::Wait { until: self.ready }; // SB2
        }
        loop {
            if let Some(job) = &mut self.job {
                if let Some(act) = job.act() {
                    self.asked = true;
                    return act;
                }
                self.finish_job(now);
            } else if let Some(job) = self.complained(now) {
                self.job = Some(job);
            } else if let Some(walk) = &mut self.walk {
                match walk.next(&self.silent) {
                    Next::Act(act) => {
                        self.asked = true;
                        return act;
                    }
                    Next::Job(job) => self.job = Some(job),
                    Next::Over => {
                        self.round.looked(now, walk.shard());
                        self.walk = None;
                    }
                }
            } else {
                let rounds = self.round.rounds();
                let next = self.round.next(now, &self.held);
                if self.round.rounds() > rounds {
                    self.silent.clear();
                }
                match next {
                    Some(held) => self.walk = Some(Walk::new(held)),
                    None => return Act::Wait { until: self.round.due() },
                }
            }
        }
    }

    /// What came of the act that was told last.
    pub fn done(&mut self, now: u64, done: Done) {
        assert!(self.asked, "SB1");
        self.asked = false;
        self.account(now, &done);
        match (&mut self.job, &mut self.walk) {
            (Some(job), _) => job.done(done, &mut self.figures),
            (None, Some(walk)) => {
                if let Some(finding) = walk.done(done, &mut self.figures) {
                    self.found(now, finding, None);
                }
                if self.walk.as_ref().is_some_and(Walk::moved) {
                    self.give_up_walk();
                }
            }
            (None, None) => {}
        }
    }

    /// What it cost (SB2), and who answers.
    fn account(&mut self, now: u64, done: &Done) {
        let (entries, bytes) = done.cost();
        self.figures.entries += entries;
        self.figures.bytes += bytes;
        let cost = (bytes + entries * ENTRY) * 1000 / self.settings.bytes_per_second.max(1);
        self.ready = self.ready.max(now) + cost;
        if let Done::Sums { from, sums } = done {
            self.ready += ASK;
            match sums {
                Err(Miss::Silent) => *self.silent.entry(*from).or_default() += 1,
                _ => drop(self.silent.remove(from)),
            }
        }
    }

    /// The next complaint of something that is held, as a job.
    fn complained(&mut self, now: u64) -> Option<Job> {
        while let Some((_, complaint)) = self.again.pop_front_if(|(due, _)| *due <= now) {
            self.complain(complaint);
        }
        while let Some(complaint) = self.complaints.pop_front() {
            let shard = match &complaint {
                Complaint::Journal(journal) => journal.shard(),
                Complaint::Content { shard, .. } => *shard,
            };
            match (self.held.get(&shard), complaint) {
                (Some(held), Complaint::Journal(journal)) => {
                    return Some(Job::alone(*held, journal));
                }
                (held, Complaint::Content { content, .. }) => {
                    return Some(Job::content(held.copied(), shard, content));
                }
                (None, Complaint::Journal(_)) => {} // looked at by whoever holds it
            }
        }
        None
    }

    fn finish_job(&mut self, now: u64) {
        let Some(job) = self.job.take() else { return };
        let (shard, what, complaint) = (job.shard(), job.what(), job.complaint());
        let mended = job.mended();
        match job.outcome() {
            Outcome::Sound => {
                self.open.remove(&what);
            }
            Outcome::Unmended(finding) => self.found(now, finding, Some(complaint)),
            Outcome::Later => self.later(now, complaint),
            Outcome::Moved if self.walk.as_ref().is_some_and(|walk| walk.shard() == shard) => {
                self.give_up_walk(); // it comes again in this round
            }
            Outcome::Moved => self.later(now, complaint),
        }
        if mended > 0 {
            self.figures.healed += mended;
            self.tell(News::Mended { shard, what });
        }
    }

    /// The shard is not held any more as it was: it is tried once more in this round.
    fn give_up_walk(&mut self) {
        if let Some(walk) = self.walk.take() {
            self.round.again(walk.shard());
        }
    }

    fn later(&mut self, now: u64, complaint: Complaint) {
        if self.again.len() < REMEMBERED {
            self.again.push_back((now + RETRY, complaint)); // SB7
        }
    }

    /// SB6
    fn found(&mut self, now: u64, finding: Finding, complaint: Option<Complaint>) {
        if let Some(complaint) = complaint.filter(|_| finding.why.may_pass()) {
            self.later(now, complaint);
        }
        let known = self.open.get(&finding.what);
        if known == Some(&finding) || (known.is_none() && self.open.len() >= REMEMBERED) {
            return;
        }
        self.open.insert(finding.what.clone(), finding.clone());
        self.tell(News::Damaged(finding));
    }

    fn tell(&mut self, news: News) {
        if self.news.len() < REMEMBERED {
            self.news.push(news); // SB7
        }
    }

    /// What a person should hear of, once.
    pub fn news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// What is damaged now and could not be mended.
    pub fn open(&self) -> impl Iterator<Item = &Finding> {
        self.open.values()
    }

    /// The counts so far.
    pub fn figures(&self, now: u64) -> Figures {
        Figures {
            unmended: self.open.len() as u64,
            rounds: self.round.rounds(),
            oldest_ms: self.round.oldest(now),
            ..self.figures
        }
    }
}
