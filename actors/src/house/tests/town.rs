//! A town: houses, the roads between them, and what can happen to those.

use bytes::Bytes;
use parking_lot::Mutex;
use protocol::{
    caller::Caller,
    cluster::Epoch,
    codec,
    conversation::{ConversationCommand, ConversationEvent, ConversationView},
    frame::{Cut, Event, Fault, ToBrowser, View},
    id::{CaseId, MessageId, Seq},
    key::{Key, SHARDS},
    peer::{PEER_FRAME_BYTES, PeerAnswer, PeerFrame, PeerNo, PeerRequest, Told},
    time::Time,
    version::PEER_WIRE,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};
use storage::{
    disk::memory::MemoryDisk,
    journal::JournalId,
    ledger::{Engine, Ledger, Options as LedgerOptions},
};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    calls::{Calls, no_media},
    conversation::{Conversation, Input},
    handle::{Cursor, Watch},
    house::{House, Options},
    outbox::{listener::Listener, outbox},
    road::{Later, Road, Whose},
    trial::{BANK, customer, expert},
};

/// Nodes that could be reached, the ways between them, and who serves what.
pub(super) struct Town {
    ledger: Ledger,
    _dir: tempfile::TempDir,
    houses: Mutex<BTreeMap<u64, Arc<House>>>,
    state: Mutex<State>,
    moves: watch::Sender<u64>,
    lanes: Mutex<BTreeMap<(u64, u64), Lane>>,
}

#[derive(Default)]
struct State {
    owners: BTreeMap<u16, Option<u64>>,
    owner: Option<u64>,
    epoch: u64,
    unreadable: bool,
    asked: Vec<(u64, u64)>,
    /// So many answers on their way back are lost.
    lose_answers: usize,
    /// What every member speaks, when that is not what this release does.
    level: Option<u16>,
    /// Everything has long stood on one disk.
    frail: bool,
    /// How often force was used.
    generation: u32,
}

/// The way of news from one node to another.
struct Lane {
    line: u64,
    number: u64,
    lose: usize,
    full: bool,
    tolds: Vec<usize>,
    out: mpsc::UnboundedSender<Told>,
}

/// One node's view of the town.
struct Street {
    me: u64,
    town: OnceLock<Arc<Town>>,
}

impl Town {
    /// So many houses, numbered from 1; the first serves everything.
    pub(super) async fn of(houses: u64) -> Arc<Self> {
        Self::with_calls(houses, &|_| no_media()).await
    }

    pub(super) async fn with_calls(
        houses: u64,
        calls: &dyn Fn(u64) -> Arc<dyn Calls>,
    ) -> Arc<Self> {
        let dir = tempfile::tempdir().expect("a folder");
        let mut options = LedgerOptions::new(dir.path());
        options.engine = Engine::Memory;
        options.disk = Some(Arc::new(MemoryDisk::new()));
        options.segment_bytes = 1 << 20;
        options.reserve_bytes = 0;
        let ledger = Ledger::open(options).expect("opens");
        let state = State { owner: Some(1), ..State::default() };
        let town = Arc::new(Self {
            ledger: ledger.clone(),
            _dir: dir,
            houses: Mutex::default(),
            state: Mutex::new(state),
            moves: watch::channel(0).0,
            lanes: Mutex::default(),
        });
        for me in 1..=houses {
            let street = Arc::new(Street { me, town: OnceLock::new() });
            assert!(street.town.set(town.clone()).is_ok());
            let options = Options {
                ledger: ledger.clone(),
                clock: Arc::new(|| Time::from_ms(1_800_000_000_000)),
                media: calls(me),
                road: street,
                awake_max: 100,
                birth: me,
            };
            let house = House::open(options).await.expect("opens");
            town.houses.lock().insert(me, house);
        }
        town
    }

    pub(super) fn house(&self, number: u64) -> Arc<House> {
        self.houses.lock()[&number].clone()
    }

    /// Everything moves to another house, as the twins would do it.
    pub(super) async fn move_to(&self, owner: u64) {
        self.leave();
        self.durable().await;
        self.arrive(owner);
    }

    /// Nobody serves anything.
    pub(super) fn leave(&self) {
        self.state.lock().owner = None;
        self.change(None);
    }

    /// This one serves everything.
    pub(super) fn arrive(&self, owner: u64) {
        self.state.lock().owner = Some(owner);
        self.change(Some(owner));
    }

    fn change(&self, owner: Option<u64>) {
        self.state.lock().epoch += 1;
        for (number, house) in self.houses.lock().iter() {
            (0..SHARDS).for_each(|shard| house.serves(shard, owner == Some(*number)));
        }
        self.moves.send_modify(|it| *it += 1);
    }

    /// One shard has an owner of its own.
    pub(super) fn give(&self, key: Key, owner: Option<u64>) {
        self.state.lock().owners.insert(key.shard(), owner);
        for (number, house) in self.houses.lock().iter() {
            house.serves(key.shard(), owner == Some(*number));
        }
        self.moves.send_modify(|it| *it += 1);
    }

    /// Something moved somewhere, and nothing that matters.
    pub(super) fn tick(&self) {
        self.moves.send_modify(|it| *it += 1);
    }

    /// Waits until everything that was handed to the log is durable.
    pub(super) async fn durable(&self) {
        let journal = JournalId::new("barrier/of-the-town").expect("a name");
        let (done, kept) = oneshot::channel();
        let done = Box::new(move |kept| drop(done.send(kept)));
        let before = self.ledger.read(&journal, Seq::START, 10_000).expect("readable").len();
        self.ledger.append(&journal, Seq(before as u64), Time::default(), vec![vec![1]], done);
        kept.await.expect("answered").expect("kept");
    }

    pub(super) fn readable(&self, readable: bool) {
        self.state.lock().unreadable = !readable;
    }

    /// The next frames on this way are lost without anybody noticing.
    pub(super) fn lose(&self, way: (u64, u64), frames: usize) {
        self.lane(way, |lane| lane.lose = frames);
    }

    /// There is no room on this way, or there is again.
    pub(super) fn fill(&self, way: (u64, u64), full: bool) {
        self.lane(way, |lane| lane.full = full);
    }

    /// The next answers between nodes are lost: what was asked is done, and nobody hears of it.
    pub(super) fn lose_answers(&self, answers: usize) {
        self.state.lock().lose_answers = answers;
    }

    /// How many of them are still to be lost.
    pub(super) fn answers_to_lose(&self) -> usize {
        self.state.lock().lose_answers
    }

    /// There is a member of an older release, or there is none any more.
    pub(super) fn level(&self, level: u16) {
        self.state.lock().level = Some(level);
    }

    /// Everything has long stood on one disk, or does not any more.
    pub(super) fn frail(&self, frail: bool) {
        self.state.lock().frail = frail;
    }

    /// An operator gives everything to a copy that may lack something.
    pub(super) async fn force(&self, owner: u64) {
        self.leave();
        self.durable().await;
        self.state.lock().generation += 1;
        self.arrive(owner);
    }

    /// Everything an actor's journal holds, as it is stored.
    pub(super) fn entries(&self, key: Key) -> Vec<Vec<u8>> {
        let journal = JournalId::new(&key.to_string()).expect("a name");
        let entries = self.ledger.read(&journal, Seq::START, 10_000).expect("readable");
        entries.into_iter().map(|entry| entry.body).collect()
    }

    /// Whether an actor's fold was saved.
    pub(super) fn is_saved(&self, key: Key) -> bool {
        let journal = JournalId::new(&key.to_string()).expect("a name");
        self.ledger.load_snapshot(&journal).expect("readable").is_some()
    }

    /// Shows the last number of a way, as nodes do now and then.
    pub(super) fn show(&self, way: (u64, u64)) {
        self.lane(way, |lane| {
            let (line, number) = (lane.line, lane.number);
            let told = Told { line, number, to: Vec::new(), seq: None, frame: Vec::new() };
            drop(lane.out.send(told));
        });
    }

    /// For how many watches each frame on this way was.
    pub(super) fn tolds(&self, way: (u64, u64)) -> Vec<usize> {
        self.lane(way, |lane| lane.tolds.clone())
    }

    /// Who asked whom.
    pub(super) fn asked(&self) -> Vec<(u64, u64)> {
        self.state.lock().asked.clone()
    }

    fn lane<R>(&self, way: (u64, u64), with: impl FnOnce(&mut Lane) -> R) -> R {
        let mut lanes = self.lanes.lock();
        let lane = lanes.entry(way).or_insert_with(|| {
            let (out, mut arriving) = mpsc::unbounded_channel::<Told>();
            let (from, house) = (way.0, self.house(way.1));
            tokio::spawn(async move {
                while let Some(told) = arriving.recv().await {
                    house.told(from, told);
                }
            });
            let line = from * 1000;
            Lane { line, number: 0, lose: 0, full: false, tolds: Vec::new(), out }
        });
        with(lane)
    }
}

impl Street {
    fn town(&self) -> &Arc<Town> {
        self.town.get().expect("the town was founded")
    }
}

impl Road for Street {
    fn whose(&self, shard: u16) -> Whose {
        let state = self.town().state.lock();
        let owner = state.owners.get(&shard).copied().unwrap_or(state.owner);
        match owner {
            Some(node) if node == self.me => Whose::Here,
            Some(node) => Whose::There { node, epoch: Epoch(state.epoch) },
            None => Whose::Nobody,
        }
    }

    fn readable(&self, shard: u16) -> bool {
        self.whose(shard) == Whose::Here && !self.town().state.lock().unreadable
    }

    fn moves(&self) -> watch::Receiver<u64> {
        self.town().moves.subscribe()
    }

    fn generation(&self, _shard: u16) -> u32 {
        self.town().state.lock().generation
    }

    fn frail(&self, _shard: u16) -> bool {
        self.town().state.lock().frail
    }

    fn level(&self) -> u16 {
        self.town().state.lock().level.unwrap_or(PEER_WIRE)
    }

    fn members(&self) -> Vec<u64> {
        self.town().houses.lock().keys().copied().filter(|it| *it != self.me).collect()
    }

    fn ask(&self, node: u64, request: PeerRequest) -> Later<Result<PeerAnswer, PeerNo>> {
        // Through the codec, as on a wire.
        let bytes = codec::encode(&PeerFrame::Ask { id: 1, request });
        let frame = codec::decode::<PeerFrame, PEER_FRAME_BYTES>(&bytes).expect("C3");
        let PeerFrame::Ask { request, .. } = frame else { unreachable!("C3") };
        self.town().state.lock().asked.push((self.me, node));
        let (from, town, house) = (self.me, self.town().clone(), self.town().house(node));
        let full = self.town().lane((from, node), |lane| lane.full);
        Box::pin(async move {
            if full {
                return Err(PeerNo::Faulted(Fault::Restarted));
            }
            let answer = house.serve(from, request).await;
            let lost = town.state.lock().lose_answers.checked_sub(1);
            if let Some(left) = lost {
                town.state.lock().lose_answers = left;
                std::future::pending::<()>().await;
            }
            answer
        })
    }

    fn tell(&self, node: u64, to: Vec<u64>, seq: Option<Seq>, frame: Bytes) -> bool {
        self.town().lane((self.me, node), |lane| {
            if lane.full {
                (lane.line, lane.number) = (lane.line + 1, 0);
                return false;
            }
            lane.number += 1;
            lane.tolds.push(to.len());
            if lane.lose > 0 {
                lane.lose -= 1;
                return true;
            }
            let (line, number) = (lane.line, lane.number);
            let told = Told { line, number, to, seq, frame: frame.to_vec() };
            drop(lane.out.send(told));
            true
        })
    }
}

/// A browser that watches.
pub(super) struct Browser {
    pub(super) id: u64,
    pub(super) outbox: crate::outbox::Outbox,
    frames: Listener,
}

impl Browser {
    pub(super) async fn watch(
        house: &Arc<House>,
        by: Caller,
        key: Key,
        after: impl Into<Cursor>,
    ) -> Self {
        let (outbox, frames) = outbox();
        let id = house.watch_id();
        let watch = Watch { id, by, outbox: outbox.clone() };
        house.watch(key, watch, after).await.expect("may watch");
        Self { id, outbox, frames: Listener::new(frames) }
    }

    /// What it is told next.
    pub(super) async fn told(&mut self) -> ToBrowser {
        self.frames.told().await
    }

    /// The next view of a conversation, and of which generation it was said to be.
    pub(super) async fn shown(&mut self) -> (Option<u32>, ConversationView) {
        let mut named = None;
        loop {
            match self.told().await {
                ToBrowser::Generation { generation, .. } => named = Some(generation),
                ToBrowser::Shown { view: View::Conversation { view }, .. } => return (named, view),
                _ => {}
            }
        }
    }

    /// Reads to the end of its socket: why it ended.
    pub(super) async fn cut(&mut self) -> Cut {
        let ended = tokio::time::timeout(Duration::from_secs(60), self.frames.cut()).await;
        ended.expect("the socket ends within the test's patience")
    }

    /// Reads until it has folded this position: every message it saw, in the order of positions,
    /// as a browser folds them (F1).
    pub(super) async fn read_to(&mut self, upto: Seq, seen: &mut BTreeMap<u64, String>) {
        let mut at = Seq(seen.keys().next_back().copied().unwrap_or(0));
        while at < upto {
            match self.told().await {
                ToBrowser::Shown { seq, view, .. } => {
                    let View::Conversation { view } = view else { continue };
                    for message in view.messages {
                        seen.insert(message.seq.0, message.text);
                    }
                    at = at.max(seq);
                }
                ToBrowser::Happened { seq, event, .. } if seq > at => {
                    assert_eq!(seq, at.next(), "no gap");
                    if let Event::Conversation { event: ConversationEvent::Said { text, .. } } =
                        event
                    {
                        seen.insert(seq.0, text);
                    }
                    at = seq;
                }
                _ => {}
            }
        }
    }
}

pub(super) fn talk(number: u128) -> Key {
    Key::Conversation(CaseId::from_u128(number).conversation())
}

/// A conversation between the first expert and the second customer.
pub(super) async fn open(house: &Arc<House>, number: u128) -> Key {
    let people = vec![expert(1).person, customer(2).person];
    let input = Input::Open { case: CaseId::from_u128(number), people };
    let node = Caller::node(BANK);
    house.ask::<Conversation>(talk(number), node, input).await.expect("opens");
    talk(number)
}

pub(super) async fn say(house: &Arc<House>, key: Key, number: u128, text: &str) -> Seq {
    let message = MessageId::from_u128(number);
    let said = ConversationCommand::Say { message, text: text.into(), files: Vec::new() };
    let input = Input::Command(said);
    house.ask::<Conversation>(key, customer(2), input).await.expect("said")
}

/// Waits for a fact.
pub(super) async fn until(what: &str, fact: impl Fn() -> bool) {
    let waited = async {
        while !fact() {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), waited).await;
    assert!(waited.is_ok(), "{what}");
}

/// Waits for a fact while a paused clock goes on: the log's thread knows nothing of that clock, so
/// the real one says when it is enough.
pub(super) async fn in_time(what: &str, fact: impl AsyncFn() -> bool) {
    let (begun, mut tick) = (Instant::now(), tokio::time::interval(Duration::from_millis(10)));
    while !fact().await {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
        tick.tick().await;
    }
}
