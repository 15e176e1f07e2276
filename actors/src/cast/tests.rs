//! Lives of actors over a real log on a real disk: sleep, death, and what people notice of it.

use super::*;
use crate::{
    conversation::{Answer, Conversation, Input, Query},
    effect::Effect,
    outbox::{listener::Listener, outbox},
    trial::{BANK, customer, expert},
};
use protocol::{
    caller::Caller,
    conversation::{
        ConversationCommand, ConversationEvent, ConversationNote, ConversationRefusal,
        ConversationView,
    },
    frame::{Event, Refusal, ToBrowser, Topic, View},
    id::{CaseId, MessageId, Seq},
    machine::{Machine, News, Plan},
    time::Time,
};
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;
use storage::{disk::memory::MemoryDisk, fault::StorageFault, ledger::Options};

/// A conversation that panics while deciding, as often as a message's text says it should.
#[derive(Default, Serialize, Deserialize)]
struct Fragile(Conversation);

/// How often the text `panic` has killed.
static KILLS: AtomicUsize = AtomicUsize::new(0);

impl Machine for Fragile {
    type Input = Input;
    type Event = ConversationEvent;
    type Note = ConversationNote;
    type Effect = Effect;
    type Refusal = ConversationRefusal;
    type View = ConversationView;

    fn decide(&self, now: Time, by: &Caller, input: Input, plan: &mut Plan<Self>) {
        let Input::Command(ConversationCommand::Say { text, .. }) = &input else {
            return self.delegate(now, by, input, plan);
        };
        match text.as_str() {
            "panic once" if KILLS.fetch_add(1, Ordering::SeqCst) == 0 => panic!("as asked"),
            "panic always" => panic!("as asked"),
            _ => self.delegate(now, by, input, plan),
        }
    }

    fn fold(&mut self, seq: Seq, at: Time, event: &ConversationEvent) {
        self.0.fold(seq, at, event);
    }

    fn view(&self, by: &Caller, after: Seq) -> Result<ConversationView, ConversationRefusal> {
        self.0.view(by, after)
    }

    fn tells(&self, by: &Caller, news: &News<'_, Self>) -> bool {
        match news {
            News::Event(event) => self.0.tells(by, &News::Event(*event)),
            News::Note(note) => self.0.tells(by, &News::Note(*note)),
        }
    }

    fn check(&self) {
        self.0.check();
    }
}

impl Fragile {
    fn delegate(&self, now: Time, by: &Caller, input: Input, plan: &mut Plan<Self>) {
        let mut inner = Plan::empty();
        self.0.decide(now, by, input, &mut inner);
        plan.events.extend(inner.events);
        plan.notes.extend(inner.notes);
        plan.refusal = inner.refusal;
    }
}

impl Part for Fragile {
    const NAME: &'static str = "fragile";

    type Query = Query;
    type Answer = Answer;

    fn answer(&self, query: Query) -> Answer {
        self.0.answer(query)
    }

    fn topic(key: Key) -> Option<Topic> {
        Conversation::topic(key)
    }

    fn event(event: ConversationEvent) -> Option<Event> {
        Conversation::event(event)
    }

    fn shown(view: ConversationView) -> Option<View> {
        Conversation::shown(view)
    }

    fn no(why: ConversationRefusal) -> Refusal {
        Conversation::no(why)
    }
}

/// A world for one cast.
#[derive(Default)]
struct Ground<M: Part> {
    cast: OnceLock<Weak<Cast<M>>>,
}

impl<M: Part> World for Ground<M> {
    fn now(&self) -> Time {
        Time::from_ms(1_800_000_000_000)
    }

    fn perform(&self, _from: Key, _effect: Effect) -> bool {
        true
    }

    fn slept(&self, key: Key) {
        if let Some(cast) = self.cast.get().and_then(Weak::upgrade) {
            cast.slept(key);
        }
    }
}

async fn cast<M: Part>(ledger: &Ledger, awake_max: usize) -> Arc<Cast<M>> {
    let ground = Arc::new(Ground { cast: OnceLock::new() });
    let cast = Cast::<M>::new(ledger.clone(), ground.clone(), awake_max).await.expect("starts");
    drop(ground.cast.set(Arc::downgrade(&cast)));
    cast
}

fn options(dir: &std::path::Path) -> Options {
    let mut options = Options::new(dir);
    options.segment_bytes = 1 << 20;
    options.reserve_bytes = 0;
    options
}

fn ledger(dir: &std::path::Path) -> Ledger {
    Ledger::open(options(dir)).expect("an empty folder is a ledger")
}

/// Opens a folder whose last holders are about to let go of it.
async fn reopened(dir: &std::path::Path) -> Ledger {
    loop {
        match Ledger::open(options(dir)) {
            Ok(ledger) => return ledger,
            Err(StorageFault::Locked { .. }) => tokio::task::yield_now().await,
            Err(fault) => panic!("{fault}"),
        }
    }
}

const TALK: CaseId = CaseId::from_u128(7);

fn key(number: u128) -> Key {
    Key::Conversation(CaseId::from_u128(number).conversation())
}

async fn open<M: Part<Input = Input>>(cast: &Arc<Cast<M>>, number: u128) {
    let people = vec![expert(1).person, customer(2).person];
    let input = Input::Open { case: CaseId::from_u128(number), people };
    cast.ask(key(number), Caller::node(BANK), input).await.expect("opens");
}

fn say(number: u128, text: &str) -> Input {
    let message = MessageId::from_u128(number);
    Input::Command(ConversationCommand::Say { message, text: text.into(), files: Vec::new() })
}

/// What a browser that comes back to the conversation is shown.
async fn shown(cast: &Arc<Cast<Conversation>>, after: Seq) -> ConversationView {
    let (outbox, browser) = outbox();
    let mut browser = Listener::new(browser);
    let watch = Watch { id: 1, by: expert(1), outbox };
    cast.watch(key(7), watch, after).await.expect("may watch");
    cast.unwatch(key(7), 1);
    match browser.told().await {
        ToBrowser::Shown { view: View::Conversation { view }, .. } => view,
        other => panic!("a view comes first, not {other:?}"),
    }
}

#[tokio::test]
async fn people_notice_a_pause_and_nothing_else_when_their_actor_panics() {
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = ledger(dir.path());
    let cast = cast::<Fragile>(&ledger, 100).await;
    open(&cast, 7).await;
    let (outbox, browser) = outbox();
    let mut browser = Listener::new(browser);
    let watch = Watch { id: 1, by: expert(1), outbox };
    cast.watch(key(7), watch, Seq::START).await.expect("may watch");
    assert!(matches!(browser.told().await, ToBrowser::Shown { .. }));

    cast.ask(key(7), customer(2), say(1, "vorher")).await.expect("said");
    let after = cast.ask(key(7), customer(2), say(2, "panic once")).await;
    assert_eq!(after, Ok(Seq(5)), "the second life does what the first died of");
    cast.ask(key(7), customer(2), say(3, "nachher")).await.expect("said");
    assert_eq!(cast.deaths(), 1);

    let mut heard = Vec::new();
    while heard.len() < 3 {
        if let ToBrowser::Happened {
            seq,
            event: Event::Conversation { event: ConversationEvent::Said { text, .. } },
            ..
        } = browser.told().await
        {
            heard.push((seq.0, text));
        }
    }
    let expected = [(4, "vorher"), (5, "panic once"), (6, "nachher")];
    assert_eq!(heard, expected.map(|(seq, text)| (seq, text.to_string())));
}

#[tokio::test]
async fn a_mail_that_kills_every_time_is_set_aside_and_the_others_go_on() {
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = ledger(dir.path());
    let cast = cast::<Fragile>(&ledger, 100).await;
    open(&cast, 7).await;
    let answer = cast.ask(key(7), customer(2), say(1, "panic always")).await;
    assert_eq!(answer, Err(No::Faulted(Fault::Restarted)));
    assert!(cast.deaths() >= 2);
    cast.ask(key(7), customer(2), say(2, "weiter")).await.expect("others go on");
    for number in 3..20 {
        let answer = cast.ask(key(7), customer(2), say(number, "panic always")).await;
        assert!(answer.is_err());
    }
    let rests = cast.ask(key(7), customer(2), say(99, "x")).await;
    assert_eq!(rests, Err(No::Faulted(Fault::Busy)), "U1: it rests, bounded in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a2_ten_thousand_touched_once_leave_no_more_awake_than_configured() {
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = ledger(dir.path());
    let cast = cast::<Conversation>(&ledger, 200).await;
    for batch in 0..100u128 {
        let touched = (0..100).map(|number| {
            let cast = cast.clone();
            tokio::spawn(async move { open(&cast, 1 + batch * 100 + number).await })
        });
        for done in touched.collect::<Vec<_>>() {
            done.await.expect("opened");
        }
    }
    // Sleep is asked for by mail: looked for until it is so, not waited for by the clock.
    while cast.awake() > 200 {
        cast.sweep();
        tokio::task::yield_now().await;
    }
    assert!(cast.awake() <= 200, "A2");
    let seen = cast.query(key(5_000), Query::Admits { by: customer(2) }).await;
    assert_eq!(seen, Ok(Answer::Admits(true)), "the sleeping wake with everything they knew");
}

#[tokio::test]
async fn who_is_watched_or_asked_does_not_sleep() {
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = ledger(dir.path());
    let cast = cast::<Conversation>(&ledger, 0).await;
    open(&cast, 7).await;
    let (outbox, _browser) = outbox();
    let watch = Watch { id: 1, by: expert(1), outbox };
    cast.watch(key(7), watch, Seq::START).await.expect("may watch");
    for _ in 0..50 {
        cast.sweep();
        tokio::task::yield_now().await;
    }
    assert_eq!(cast.awake(), 1);
    cast.unwatch(key(7), 1);
    while cast.awake() > 0 {
        cast.sweep();
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_socket_that_ends_before_its_view_is_ready_watches_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = ledger(dir.path());
    let cast = cast::<Conversation>(&ledger, 0).await;
    open(&cast, 7).await;
    let (outbox, browser) = outbox();
    outbox.cut(protocol::frame::Cut::Slow);
    drop(browser);
    let watch = Watch { id: 1, by: expert(1), outbox };
    cast.watch(key(7), watch, Seq::START).await.expect("is answered all the same");
    while cast.awake() > 0 {
        cast.sweep(); // a leaked watch would keep it awake for ever
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a1_asks_during_sleep_and_waking_are_all_answered_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = ledger(dir.path());
    let cast = cast::<Conversation>(&ledger, 0).await;
    open(&cast, 7).await;
    let asks = (1..=200u128).map(|number| {
        let cast = cast.clone();
        tokio::spawn(async move {
            cast.sweep();
            cast.ask(key(7), customer(2), say(number, "x")).await
        })
    });
    let mut seqs = Vec::new();
    for ask in asks.collect::<Vec<_>>() {
        seqs.push(ask.await.expect("ran").expect("said").0);
    }
    seqs.sort_unstable();
    assert_eq!(seqs, (4..204).collect::<Vec<_>>(), "each kept once, without a gap");
}

#[tokio::test]
async fn everything_is_there_after_the_ledger_was_closed_and_opened() {
    let dir = tempfile::tempdir().expect("a folder");
    let first = ledger(dir.path());
    let before = cast::<Conversation>(&first, 10).await;
    open(&before, 7).await;
    for number in 1..=1_200 {
        before.ask(key(7), customer(2), say(number, "x")).await.expect("said");
    }
    before.stop();
    drop(before);
    first.close();
    let second = reopened(dir.path()).await;
    let after = cast::<Conversation>(&second, 10).await;
    let view = shown(&after, Seq(1_100)).await;
    let ids: Vec<_> = view.messages.iter().map(|it| it.message.as_u128()).collect();
    assert_eq!(ids, (1_098..=1_200).collect::<Vec<_>>());
    assert_eq!(view.case, TALK);
}

#[tokio::test]
async fn a_full_disk_refuses_in_words_serves_reads_and_recovers_by_itself() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = MemoryDisk::new();
    let mut options = options(dir.path());
    options.engine = storage::ledger::Engine::Memory;
    options.disk = Some(Arc::new(disk.clone()));
    let ledger = Ledger::open(options).expect("opens");
    let cast = cast::<Conversation>(&ledger, 10).await;
    open(&cast, 7).await;
    cast.ask(key(7), customer(2), say(1, "vorher")).await.expect("said");

    disk.faults(|faults| faults.capacity = Some(0));
    let long = "x".repeat(8_000);
    let mut said = 1;
    let full = loop {
        match cast.ask(key(7), customer(2), say(said + 1, &long)).await {
            Ok(_) => said += 1, // what was allocated ahead is still good
            Err(no) => break no,
        }
        assert!(said < 10_000, "a full disk is noticed");
    };
    assert_eq!(full, No::Faulted(Fault::DiskFull));
    let view = shown(&cast, Seq::START).await;
    let last = view.messages.last().map(|it| it.message.as_u128());
    assert_eq!(last, Some(said), "reads go on, and what was refused is not there");

    disk.faults(|faults| faults.capacity = None);
    while cast.ask(key(7), customer(2), say(said + 1, "nachher")).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn k1_k3_a_watcher_sees_the_view_and_then_only_what_follows_in_order() {
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = ledger(dir.path());
    let cast = cast::<Conversation>(&ledger, 10).await;
    open(&cast, 7).await;
    let talking = {
        let cast = cast.clone();
        tokio::spawn(async move {
            for number in 1..=300 {
                cast.ask(key(7), customer(2), say(number, "x")).await.expect("said");
            }
        })
    };
    for id in 0..20u64 {
        let (outbox, browser) = outbox();
        let mut browser = Listener::new(browser);
        let watch = Watch { id, by: expert(1), outbox };
        cast.watch(key(7), watch, Seq::START).await.expect("may watch");
        let ToBrowser::Shown { seq: mut last, .. } = browser.told().await else {
            panic!("the view comes first")
        };
        while last < Seq(200) && !talking.is_finished() {
            if let ToBrowser::Happened { seq, .. } = browser.told().await {
                assert_eq!(seq, last.next(), "no gap, no double");
                last = seq;
            }
            if id < 19 {
                break;
            }
        }
        cast.unwatch(key(7), id);
    }
    talking.await.expect("talked");
}
