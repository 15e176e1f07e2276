//! Calls are carried by the node that serves the room, and end when it does not any more.

use bytes::Bytes;
use parking_lot::Mutex;
use protocol::{
    caller::Caller,
    frame::{Refusal, ToBrowser},
    id::{CaseId, RoomId, Seq, SessionId},
    key::Key,
    media::{MediaCommand, MediaRefusal, MediaSignal},
    room::RoomCommand,
};
use std::sync::Arc;

use super::town::{Browser, Town, until};
use crate::{
    calls::Calls,
    effect::MediaOrder,
    handle::No,
    house::House,
    outbox::Outbox,
    road::Later,
    room::{Input, Room},
    shell::pack,
    trial::{BANK, customer, expert},
};

/// By which node, in which room, of whom, and where its signals go.
type Call = (u64, RoomId, SessionId, Outbox);

/// A media path that answers every offer with the number of its node.
#[derive(Clone, Default)]
struct Fake {
    node: u64,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Calls for Fake {
    fn order(&self, _room: RoomId, _order: MediaOrder) {}

    fn offer(
        self: Arc<Self>,
        room: RoomId,
        session: SessionId,
        sdp: String,
        outbox: Outbox,
    ) -> Later<Result<String, MediaRefusal>> {
        self.calls.lock().push((self.node, room, session, outbox));
        let answer = format!("{sdp} to node {}", self.node);
        Box::pin(async move { Ok(answer) })
    }

    fn hangup(&self, room: RoomId, session: SessionId) {
        self.calls.lock().retain(|it| (it.0, it.1, it.2) != (self.node, room, session));
    }

    fn joined(&self, _room: RoomId, _session: SessionId, _outbox: &Outbox) {}

    fn leave(&self, shard: u16) {
        let mut calls = self.calls.lock();
        let over = |it: &Call| it.0 == self.node && Key::Room(it.1).shard() == shard;
        for (_, room, _, outbox) in calls.extract_if(.., |it| over(it)) {
            outbox.push(gone(room));
        }
    }
}

fn gone(room: RoomId) -> Bytes {
    pack(&ToBrowser::Signal { room, signal: MediaSignal::Gone {} })
}

async fn town() -> (Arc<Town>, Fake) {
    let fake = Fake::default();
    let calls = fake.clone();
    let town = Town::with_calls(2, &move |node| Arc::new(Fake { node, ..calls.clone() })).await;
    (town, fake)
}

/// A room in which the first expert sits.
async fn seated(house: &Arc<House>) -> RoomId {
    let case = CaseId::from_u128(7);
    let (room, open) = (case.room(), Input::Open { case, lead: expert(1).person });
    let key = Key::Room(room);
    house.ask::<Room>(key, Caller::node(BANK), open).await.expect("opened");
    let knock = Input::Command(RoomCommand::Knock {});
    house.ask::<Room>(key, expert(1), knock).await.expect("seated");
    room
}

fn offer() -> MediaCommand {
    MediaCommand::Offer { sdp: "an offer".into() }
}

/// Reads until the browser hears that its call is gone.
async fn hears_gone(browser: &mut Browser) {
    loop {
        if let ToBrowser::Signal { signal: MediaSignal::Gone {}, .. } = browser.told().await {
            return;
        }
    }
}

#[tokio::test]
async fn an_offer_reaches_the_node_that_serves_the_room_and_its_signals_come_back() {
    let (town, fake) = town().await;
    let there = town.house(2);
    let room = seated(&there).await;
    let mut browser = Browser::watch(&there, expert(1), Key::Room(room), Seq::START).await;
    let answer = there.call(room, expert(1), &browser.outbox, offer()).await;
    assert_eq!(answer, Ok(Some("an offer to node 1".into())));
    let (_, _, _, outbox) = fake.calls.lock()[0].clone();
    let signal = MediaSignal::Wanted { audio: 1, video: 2 };
    outbox.push(pack(&ToBrowser::Signal { room, signal: signal.clone() }));
    loop {
        if let ToBrowser::Signal { signal: heard, .. } = browser.told().await {
            assert_eq!(heard, signal);
            break;
        }
    }
    let done = there.call(room, expert(1), &browser.outbox, MediaCommand::Hangup {}).await;
    assert_eq!(done, Ok(None));
    assert!(fake.calls.lock().is_empty());
    let no = there.call(room, customer(2), &browser.outbox, offer()).await;
    let why = MediaRefusal::NotSeated;
    assert_eq!(no, Err(No::Refused(Refusal::Media { why })));
}

#[tokio::test]
async fn a_call_is_gone_as_soon_as_its_room_moves_and_is_offered_anew_there() {
    let (town, fake) = town().await;
    let room = seated(&town.house(1)).await;
    let mut browsers = Vec::new();
    for node in [1, 2] {
        let by = expert(1);
        let browser = Browser::watch(&town.house(node), by, Key::Room(room), Seq::START).await;
        let answer = town.house(node).call(room, by, &browser.outbox, offer()).await;
        assert_eq!(answer, Ok(Some("an offer to node 1".into())));
        browsers.push((node, browser));
    }
    town.move_to(2).await;
    for (node, browser) in &mut browsers {
        hears_gone(browser).await;
        let answer = town.house(*node).call(room, expert(1), &browser.outbox, offer()).await;
        assert_eq!(answer, Ok(Some("an offer to node 2".into())));
    }
    let carried = fake.calls.lock().iter().filter(|it| it.0 == 1).count();
    assert_eq!(carried, 0, "the first node carries nothing any more");
}

#[tokio::test]
async fn a_call_is_gone_when_the_link_to_its_node_is_down() {
    let (town, _fake) = town().await;
    let there = town.house(2);
    let room = seated(&there).await;
    let mut browser = Browser::watch(&there, expert(1), Key::Room(room), Seq::START).await;
    let answer = there.call(room, expert(1), &browser.outbox, offer()).await;
    assert!(matches!(answer, Ok(Some(_))));
    // Another socket of the same device, which came later: the call is its call too.
    let mut later = Browser::watch(&there, expert(1), Key::Room(room), Seq::START).await;
    there.line_lost(1);
    hears_gone(&mut browser).await;
    hears_gone(&mut later).await;
    town.house(1).line_lost(2);
    until("the watches are back", || town.house(1).guests() == 2).await;
    let answer = there.call(room, expert(1), &browser.outbox, offer()).await;
    assert!(matches!(answer, Ok(Some(_))));
}

#[tokio::test]
async fn a_shard_that_got_another_copy_and_stayed_disturbs_nobody() {
    let (town, fake) = town().await;
    let (here, there) = (town.house(1), town.house(2));
    let room = seated(&here).await;
    let key = Key::Room(room);
    let mut browsers = Vec::new();
    for house in [&here, &there] {
        let mut browser = Browser::watch(house, expert(1), key, Seq::START).await;
        assert!(matches!(browser.told().await, ToBrowser::Shown { .. }));
        let answer = house.call(room, expert(1), &browser.outbox, offer()).await;
        assert!(matches!(answer, Ok(Some(_))));
        browsers.push(browser);
    }
    here.serves(key.shard(), true);
    there.serves(key.shard(), false);
    town.tick();
    let lock = Input::Command(RoomCommand::Lock {});
    let locked = here.ask::<Room>(key, expert(1), lock).await.expect("locked");
    for browser in &mut browsers {
        let next = browser.told().await;
        assert!(matches!(next, ToBrowser::Happened { seq, .. } if seq == locked), "{next:?}");
    }
    assert_eq!(fake.calls.lock().len(), 2);
}
