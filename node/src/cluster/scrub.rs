//! The scrubber as it runs in a node: does what `storage::scrub` decides, one thing at a time.
//!
//! It reads on threads that may wait for the disk, asks other nodes on the stream for bulk, and
//! ends with the member: at most one short read is left then.

use actors::{file::File, keeper};
use parking_lot::Mutex;
use protocol::{
    cluster::{Map, NodeKey},
    file::FileEvent,
    frame::Fault,
    key::SHARDS,
    operator::Occurrence,
    peer::{PeerAnswer, PeerNo, PeerRequest},
    time::Time,
};
use std::{sync::Arc, time::Duration};
use storage::{
    content::ContentId,
    fault::StorageFault,
    files::Verifying,
    journal::{JournalId, Link, Seq},
    ledger::Ledger,
    scrub::{
        Act, Complaint, ContentLook, Done, Figures, Finding, Held, Miss, News, Scrubber, Settings,
        Sums,
    },
};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use super::{content::Contents, ways::manner};
use crate::{
    clock::{now, steady_ms},
    config::Storage,
    peers::Peers,
    secrets::chance,
};

/// How often it is looked what is held here, and who complained.
const AROUND: Duration = Duration::from_secs(1);
/// Journals named at a time.
const PAGE: usize = 256;
/// Bytes of a content read at a time.
const STRETCH: u64 = 1024 * 1024;
/// Entries a file's record has at most.
const RECORD: usize = 16;
/// News that wait for the chronicle; what is lost of it stands in the log and in the figures.
const NEWS: usize = 64;

/// What the scrubber shows of itself.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    /// Its counts.
    pub figures: Figures,
    /// When its last whole round ended; none when none did since the node started.
    pub ended: Option<Time>,
    /// What is damaged now and could not be mended.
    pub open: Vec<Finding>,
}

/// The scrubber, as the rest of the node sees it.
pub struct Scrub {
    shown: Mutex<Shown>,
    news: mpsc::Sender<News>,
    told: Mutex<Option<mpsc::Receiver<News>>>,
}

/// What it works on.
pub struct Parts {
    /// This node.
    pub me: NodeKey,
    /// Its journals.
    pub ledger: Ledger,
    /// Its files' contents.
    pub contents: Arc<Contents>,
    /// Everybody else.
    pub peers: Arc<Peers>,
    /// Who holds what.
    pub maps: watch::Receiver<Arc<Map>>,
}

impl Scrub {
    /// Nothing was looked at yet.
    pub fn new() -> Arc<Self> {
        let (news, told) = mpsc::channel(NEWS);
        Arc::new(Self { shown: Mutex::default(), news, told: Mutex::new(Some(told)) })
    }

    /// What there is to show.
    pub fn shown(&self) -> Shown {
        self.shown.lock().clone()
    }

    /// What it finds and mends from now on, for the one who tells people; none the second time.
    pub fn news(&self) -> Option<mpsc::Receiver<News>> {
        self.told.lock().take()
    }

    /// Looks, for ever; never when the operator wants it so.
    pub async fn run(self: Arc<Self>, knobs: Storage, parts: Parts) {
        if knobs.scrub_bytes_per_second == 0 {
            return;
        }
        let settings = Settings {
            bytes_per_second: knobs.scrub_bytes_per_second,
            every_ms: knobs.scrub_every_seconds * 1000,
        };
        let mut scrubber = Scrubber::new(settings, steady_ms(), u16::from_be_bytes(chance()));
        let (mut verifying, mut around) = (None, None::<Instant>);
        loop {
            if around.is_none_or(|it| it.elapsed() >= AROUND) {
                around = Some(Instant::now());
                scrubber.holds(steady_ms(), parts.held());
                parts.complaints().into_iter().for_each(|it| scrubber.complain(it));
                self.show(&scrubber);
            }
            match scrubber.next(steady_ms(), parts.ledger.strained()) {
                Act::Wait { until } => {
                    let left = Duration::from_millis(until.saturating_sub(steady_ms()));
                    tokio::time::sleep(left.min(AROUND)).await;
                }
                act => {
                    let done = parts.perform(act, &mut verifying).await;
                    scrubber.done(steady_ms(), done);
                }
            }
            // Acts that end at once must not keep the node from stopping.
            tokio::task::yield_now().await;
            for news in scrubber.news() {
                log(&news);
                let _ = self.news.try_send(news); // full, or nobody listens: it is in the log
            }
        }
    }

    fn show(&self, scrubber: &Scrubber) {
        let mut shown = self.shown.lock();
        let figures = scrubber.figures(steady_ms());
        if figures.rounds > shown.figures.rounds {
            shown.ended = Some(now());
        }
        shown.figures = figures;
        shown.open = scrubber.open().cloned().collect();
    }
}

fn log(news: &News) {
    match news {
        News::Damaged(Finding { shard, what, seq, why }) => {
            tracing::error!(shard, what, entry = seq.0, ?why, "damage was found and is not mended");
        }
        News::Mended { shard, what } => {
            tracing::warn!(shard, what, "damage was found and mended from the other copy");
        }
    }
}

/// News as the chronicle tells them.
pub fn occurrence(news: News) -> Occurrence {
    match news {
        News::Damaged(Finding { shard, what, seq, .. }) => {
            Occurrence::Damaged { shard, what, entry: seq }
        }
        News::Mended { shard, what } => Occurrence::Mended { shard, what },
    }
}

impl Parts {
    /// The shards whose copy here is whole, and who else holds them.
    fn held(&self) -> Vec<Held> {
        let map = self.maps.borrow().clone();
        let held = (0..SHARDS).filter_map(|shard| {
            let epoch = self.ledger.whole(shard)?;
            let config = map.config(shard).filter(|it| it.epoch == epoch)?;
            let other = [Some(config.primary), config.twin];
            let other = other.into_iter().flatten().find(|it| *it != self.me);
            Some(Held { shard, epoch, other })
        });
        held.collect()
    }

    fn complaints(&self) -> Vec<Complaint> {
        let journals = self.ledger.complaints().into_iter().map(Complaint::Journal);
        let contents = self.contents.complaints().into_iter();
        let contents = contents.map(|(shard, content)| Complaint::Content { shard, content });
        journals.chain(contents).collect()
    }

    async fn perform(&self, act: Act, verifying: &mut Option<Verifying>) -> Done {
        match act {
            Act::Sums { to, shard, epoch, of } => {
                let answer = self.ask(to, PeerRequest::SumUp { shard, epoch, of }).await;
                Done::Sums { from: to, sums: answer.and_then(|it| sums(it, shard)) }
            }
            Act::Stored { to, shard, epoch, journal, from, upto } => {
                let journal = journal.as_str().to_owned();
                let request = PeerRequest::Stored { shard, epoch, journal, from, upto };
                Done::Stored(match self.ask(to, request).await {
                    Ok(PeerAnswer::Stored { entries }) => {
                        Ok(entries.into_iter().map(Into::into).collect())
                    }
                    Ok(_) => Err(Miss::Silent),
                    Err(miss) => Err(miss),
                })
            }
            Act::Fetch { shard, content } => {
                Done::Fetched(self.contents.mend(shard, content).await)
            }
            Act::Content { content, begin } => {
                Done::Content(self.read(content, begin, verifying).await)
            }
            other => self.local(other).await,
        }
    }

    /// What only this node's disk is needed for.
    async fn local(&self, act: Act) -> Done {
        let ledger = self.ledger.clone();
        let done = tokio::task::spawn_blocking(move || match act {
            Act::Places { shard, epoch } => Done::Places(miss(ledger.mend_places(shard, epoch))),
            Act::List { shard, after } => {
                Done::Listed(miss(ledger.journals_in(shard, after.as_ref(), PAGE)))
            }
            Act::Look { journal, epoch, from, theirs } => {
                Done::Looked(miss(ledger.look(&journal, epoch, from, theirs)))
            }
            Act::Tidy { journal, epoch } => Done::Tidied(miss(ledger.tidy(&journal, epoch))),
            Act::Mend { journal, epoch, left, entries } => {
                Done::Mended(miss(ledger.mend(&journal, epoch, left, &entries)))
            }
            Act::Extend { journal, epoch, theirs, entries } => {
                Done::Extended(miss(ledger.extend(&journal, epoch, theirs, &entries)))
            }
            Act::Head { journal, epoch, end } => {
                Done::Headed(miss(ledger.mend_head(&journal, epoch, end)))
            }
            Act::Record { journal } => Done::Record(miss(record(&ledger, &journal))),
            Act::Wait { .. }
            | Act::Sums { .. }
            | Act::Stored { .. }
            | Act::Content { .. }
            | Act::Fetch { .. } => unreachable!("it is no matter of this disk"),
        });
        // A read that panicked is a bug of an engine; the journal is looked at again later.
        done.await.unwrap_or(Done::Looked(Err(Miss::Later)))
    }

    async fn read(
        &self,
        content: ContentId,
        begin: bool,
        verifying: &mut Option<Verifying>,
    ) -> Result<ContentLook, Miss> {
        let (contents, held) = (self.contents.clone(), verifying.take().filter(|_| !begin));
        let read = tokio::task::spawn_blocking(move || {
            let mut verifying = match held {
                Some(verifying) => verifying,
                None => contents.verifying(&content)?,
            };
            let read = verifying.step(STRETCH)?;
            Ok::<_, StorageFault>((verifying, read))
        });
        let (on, read) = read.await.map_err(|_| Miss::Later)??;
        *verifying = Some(on);
        Ok(ContentLook { bytes: read.unwrap_or(0), whole: read.is_none() })
    }

    async fn ask(&self, to: NodeKey, request: PeerRequest) -> Result<PeerAnswer, Miss> {
        if self.maps.borrow().member(to).is_none() {
            return Err(Miss::Moved);
        }
        let (class, patience) = manner(&request);
        self.peers.ask(to.number, class, request, patience).await.map_err(|no| match no {
            PeerNo::NotOwner(_) => Miss::Moved,
            PeerNo::Faulted(Fault::Busy) => Miss::Later,
            // It is there, and cannot read it.
            PeerNo::Faulted(Fault::Disk) => {
                let why = std::io::Error::other("it is damaged");
                Miss::Fault(StorageFault::disk(format!("read it on {to}"), &why))
            }
            _ => Miss::Silent, // away, or of an older release
        })
    }
}

fn miss<T>(result: Result<T, StorageFault>) -> Result<T, Miss> {
    result.map_err(Miss::from)
}

/// Another node's sums, as far as they are of this shard.
fn sums(answer: PeerAnswer, shard: u16) -> Result<Sums, Miss> {
    let PeerAnswer::Sums { since, upto, sums, more } = answer else { return Err(Miss::Silent) };
    let sums = sums.into_iter().filter_map(|it| {
        let journal = JournalId::new(&it.journal).ok().filter(|it| it.shard() == shard)?;
        Some((journal, it.end.map(|(seq, hash)| Link { seq, hash })))
    });
    Ok(Sums { since, upto, sums: sums.collect(), more })
}

/// The content that the record in this journal names, unless it is withdrawn.
fn record(ledger: &Ledger, journal: &JournalId) -> Result<Option<ContentId>, StorageFault> {
    let mut named = None;
    for entry in ledger.read(journal, Seq(0), RECORD)? {
        match keeper::event::<File>(&entry.body) {
            Ok(FileEvent::Kept { bytes, content, .. }) => {
                named = Some(ContentId { hash: content, len: bytes });
            }
            Ok(FileEvent::Withdrawn {}) => named = None,
            Err(fault) => tracing::warn!(%journal, %fault, "a record is of another shape"),
        }
    }
    Ok(named)
}
