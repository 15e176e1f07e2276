//! The room's rules, one story a test.

use super::*;
use crate::trial::{BANK, OTHER_BANK, Trial, customer, expert, vectors, who};
use protocol::media::Source;

const CASE: CaseId = CaseId::from_u128(7);

fn open() -> Trial<Room> {
    let mut room = Trial::new();
    let lead = expert(1).person;
    room.ask(Caller::node(BANK), Input::Open { case: CASE, lead }).expect("opens");
    room
}

fn ask(room: &mut Trial<Room>, by: Caller, command: RoomCommand) -> Result<(), RoomRefusal> {
    room.ask(by, Input::Command(command)).map(|_| ())
}

/// A room with its lead and one admitted customer.
fn two() -> Trial<Room> {
    let mut room = open();
    ask(&mut room, expert(1), RoomCommand::Knock {}).expect("the lead sits down");
    ask(&mut room, customer(2), RoomCommand::Knock {}).expect("knocks");
    let session = customer(2).session;
    ask(&mut room, expert(1), RoomCommand::Admit { session }).expect("is let in");
    room
}

#[test]
fn a_guest_knocks_and_sees_nobody_until_let_in() {
    let mut room = open();
    ask(&mut room, expert(1), RoomCommand::Knock {}).expect("sits down");
    ask(&mut room, customer(2), RoomCommand::Knock {}).expect("knocks");
    let view = room.machine.view(&customer(2), Seq::START).expect("may look");
    assert_eq!((view.standing, view.seats.len(), view.ahead), (Standing::Waiting, 0, 0));
    let session = customer(2).session;
    ask(&mut room, expert(1), RoomCommand::Admit { session }).expect("is let in");
    let view = room.machine.view(&customer(2), Seq::START).expect("may look");
    assert_eq!((view.standing, view.seats.len()), (Standing::Seated, 2));
}

#[test]
fn who_comes_back_on_another_device_does_not_sit_twice() {
    let mut room = two(); // nobody watches, so every device counts as gone
    let phone = Caller { session: SessionId::from_u128(77), ..expert(1) };
    ask(&mut room, phone, RoomCommand::Knock {}).expect("the lead sits down on the phone");
    let view = room.machine.view(&phone, Seq::START).expect("may look");
    let seats: Vec<_> = view.seats.iter().map(|seat| seat.session).collect();
    assert_eq!(seats, [customer(2).session, phone.session]);

    let mut here = Plan::empty();
    room.machine.arrive(room.now, &phone, &mut here);
    room.fold(&here);
    let tablet = Caller { session: SessionId::from_u128(78), ..expert(1) };
    ask(&mut room, tablet, RoomCommand::Knock {}).expect("two devices that are here both sit");
    assert_eq!(room.machine.seats.len(), 3);
}

#[test]
fn who_waits_is_told_of_its_own_door_only() {
    let mut room = open();
    ask(&mut room, customer(2), RoomCommand::Knock {}).expect("knocks");
    ask(&mut room, customer(3), RoomCommand::Knock {}).expect("knocks");
    let knocked = RoomEvent::Knocked {
        session: customer(3).session,
        person: customer(3).person,
        role: Role::Customer,
    };
    let news = News::Event(&knocked);
    assert!(!room.machine.tells(&customer(2), &news));
    assert!(room.machine.tells(&customer(3), &news) && room.machine.tells(&expert(1), &news));
    let view = room.machine.view(&customer(3), Seq::START).expect("may look");
    assert_eq!((view.waiting.len(), view.ahead), (1, 1));
}

#[test]
fn s236_only_the_lead_steers() {
    let session = expert(1).session;
    for by in [customer(2), expert(9)] {
        for command in [
            RoomCommand::Lock {},
            RoomCommand::End {},
            RoomCommand::Remove { session },
            RoomCommand::Mute { session },
            RoomCommand::Admit { session },
            RoomCommand::HandOver { session },
        ] {
            assert_eq!(ask(&mut two(), by, command), Err(RoomRefusal::NotLead));
        }
    }
}

#[test]
fn r5_s238_an_administrator_neither_sits_nor_waits_nor_looks() {
    let mut room = two();
    let admin = who(5, Role::Administrator);
    assert_eq!(
        ask(&mut room, admin, RoomCommand::Knock {}),
        Err(RoomRefusal::NotForAdministrators)
    );
    assert!(room.machine.view(&admin, Seq::START).is_err());
}

#[test]
fn another_tenants_caller_finds_no_room() {
    let mut room = two();
    let stranger = Caller { tenant: OTHER_BANK, ..expert(1) };
    assert_eq!(ask(&mut room, stranger, RoomCommand::Knock {}), Err(RoomRefusal::NotFound));
    assert_eq!(room.machine.view(&stranger, Seq::START), Err(RoomRefusal::NotFound));
    let take = Input::Open { case: CASE, lead: stranger.person };
    assert_eq!(room.ask(Caller::node(OTHER_BANK), take).map(|_| ()), Err(RoomRefusal::NotFound));
}

#[test]
fn held_rejected_locked_and_full_are_said() {
    let mut room = open();
    let session = customer(2).session;
    ask(&mut room, customer(2), RoomCommand::Knock {}).expect("knocks");
    let message = "Noch fünf Minuten".to_string();
    ask(&mut room, expert(1), RoomCommand::Hold { session, message }).expect("holds");
    let view = room.machine.view(&customer(2), Seq::START).expect("may look");
    assert_eq!(view.waiting[0].held.as_deref(), Some("Noch fünf Minuten"));
    ask(&mut room, expert(1), RoomCommand::Reject { session }).expect("rejects");
    let again = RoomCommand::Admit { session };
    assert_eq!(ask(&mut room, expert(1), again), Err(RoomRefusal::NotWaiting));
    ask(&mut room, expert(1), RoomCommand::Lock {}).expect("locks");
    assert_eq!(ask(&mut room, customer(2), RoomCommand::Knock {}), Err(RoomRefusal::Locked));
    ask(&mut room, expert(1), RoomCommand::Knock {}).expect("the lead enters a locked room");
}

#[test]
fn r1_the_queue_is_bounded() {
    let mut room = open();
    for number in 0..limits::ROOM_WAITING as u128 {
        ask(&mut room, customer(100 + number), RoomCommand::Knock {}).expect("knocks");
    }
    assert_eq!(ask(&mut room, customer(2), RoomCommand::Knock {}), Err(RoomRefusal::QueueFull));
}

#[test]
fn the_lead_goes_to_a_seated_expert_and_to_nobody_else() {
    let mut room = two();
    let to_customer = RoomCommand::HandOver { session: customer(2).session };
    assert_eq!(ask(&mut room, expert(1), to_customer), Err(RoomRefusal::NotAnExpert));
    ask(&mut room, expert(3), RoomCommand::Knock {}).expect("knocks");
    let session = expert(3).session;
    ask(&mut room, expert(1), RoomCommand::Admit { session }).expect("is let in");
    ask(&mut room, expert(1), RoomCommand::HandOver { session }).expect("hands over");
    assert_eq!(ask(&mut room, expert(1), RoomCommand::Lock {}), Err(RoomRefusal::NotLead));
    ask(&mut room, expert(3), RoomCommand::Lock {}).expect("leads now");
}

#[test]
fn r6_who_leaves_takes_the_tracks_along_and_everybody_else_keeps_receiving() {
    let mut room = two();
    let track = |mid: &str, source| Track { mid: mid.into(), source, on: true };
    let tracks = vec![track("0", Source::Microphone), track("1", Source::Camera)];
    let plan =
        room.ask(customer(2), Input::Command(RoomCommand::Publish { tracks })).expect("publishes");
    let [Effect::Media(_, MediaOrder::Forward(shares))] = plan.effects.as_slice() else {
        panic!("one order: {:?}", plan.effects)
    };
    let of = |session| shares.iter().find(|(id, _)| *id == session).map(|(_, feeds)| feeds.len());
    assert_eq!((of(expert(1).session), of(customer(2).session)), (Some(2), Some(0)));
    ask(&mut room, customer(2), RoomCommand::Leave {}).expect("leaves");
    assert!(room.machine.tracks.is_empty(), "R6");
}

#[test]
fn the_silenced_stay_silenced_after_a_restart_until_they_unmute() {
    let mut room = two();
    let session = customer(2).session;
    ask(&mut room, expert(1), RoomCommand::Mute { session }).expect("mutes");
    let hushes = |room: &Trial<Room>| {
        let mut wake = Plan::empty();
        room.machine.wake(Key::Room(CASE.room()), room.now, &mut wake);
        let hush = Effect::Media(CASE.room(), MediaOrder::Hush(session, true));
        wake.effects.contains(&hush)
    };
    assert!(hushes(&room));
    ask(&mut room, customer(2), RoomCommand::Unmute {}).expect("unmutes");
    assert!(!hushes(&room));
}

#[test]
fn the_removed_lose_the_conversation_and_the_admitted_get_it_back() {
    let mut room = two();
    let session = customer(2).session;
    let plan =
        room.ask(expert(1), Input::Command(RoomCommand::Remove { session })).expect("removes");
    assert!(plan.effects.iter().any(|it| matches!(it, Effect::Ask(Ask::Withdraw { .. }))));
    let mut wake = Plan::empty();
    room.machine.wake(Key::Room(CASE.room()), room.now, &mut wake);
    assert!(wake.effects.iter().any(|it| matches!(it, Effect::Ask(Ask::Withdraw { .. }))));
    ask(&mut room, customer(2), RoomCommand::Knock {}).expect("knocks again");
    ask(&mut room, expert(1), RoomCommand::Admit { session }).expect("is let in again");
    assert!(room.machine.removed.is_empty());
}

#[test]
fn r4_after_the_end_nobody_sits_and_nothing_is_done() {
    let mut room = two();
    ask(&mut room, expert(1), RoomCommand::End {}).expect("ends");
    assert_eq!(ask(&mut room, customer(2), RoomCommand::Knock {}), Err(RoomRefusal::Ended));
    let view = room.machine.view(&customer(2), Seq::START).expect("may look");
    assert!(view.ended && view.seats.is_empty());
}

#[test]
fn r2_a_device_that_is_here_does_not_knock_again() {
    let mut room = two();
    assert_eq!(ask(&mut room, customer(2), RoomCommand::Knock {}), Err(RoomRefusal::AlreadyHere));
}

#[test]
fn golden_vectors_fold_to_their_views() {
    for vector in vectors("room/folds.json") {
        let mut room = Room::default();
        for kept in vector["events"].as_array().expect("events") {
            let event: RoomEvent = serde_json::from_value(kept["event"].clone()).expect("event");
            let seq = Seq(kept["seq"].as_u64().expect("seq"));
            room.fold(seq, Time::from_ms(kept["at"].as_u64().expect("at")), &event);
            room.check();
        }
        let by: Caller = serde_json::from_value(vector["by"].clone()).expect("caller");
        let view: RoomView = serde_json::from_value(vector["state"].clone()).expect("view");
        assert_eq!(room.view(&by, Seq::START), Ok(view), "{}", vector["name"]);
    }
}
