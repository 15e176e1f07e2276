//! What actors ask of each other: never too late, and again when it was given up.

use protocol::{
    caller::Caller,
    id::{CaseId, LinkId, PersonId},
    key::Key,
    room::RoomCommand,
    tenant::TenantCommand,
};
use std::sync::Arc;

use super::town::{Town, in_time, open, talk};
use crate::{
    conversation::{Answer, Conversation, Input, Query},
    effect::Ask,
    handle::{Asker, No},
    house::{House, roof::Errand},
    room::{self, Room},
    shell::World,
    tenant::{self, Tenant},
    trial::{BANK, customer, expert},
};

const CASE: CaseId = CaseId::from_u128(7);
const ROOM: Key = Key::Room(CASE.room());
const TALK: Key = Key::Conversation(CASE.conversation());

async fn admits(house: &Arc<House>, key: Key, number: u128) -> bool {
    let query = Query::Admits { by: customer(number) };
    let answer = house.query::<Conversation>(key, query).await;
    matches!(answer, Ok(Answer::Admits(true)))
}

#[tokio::test]
async fn ho4_nobody_is_let_in_by_an_ask_that_was_long_on_its_way() {
    let town = Town::of(2).await;
    let (here, there) = (town.house(1), town.house(2));
    open(&here, 7).await;
    let (conversation, tenant, person) = (CASE.conversation(), BANK, customer(3).person);
    let ask = Ask::Grant { conversation, tenant, person };
    let late = Errand { from: ROOM, reign: here.roof.reign(ROOM), ask };
    assert_eq!(here.run(&late).await, Ok(()));
    assert!(admits(&there, TALK, 3).await);
    // Whoever serves next removes the guest; what the first one still carries is too late.
    town.move_to(2).await;
    let withdraw = Ask::Withdraw { conversation, tenant, person };
    there.deliver(withdraw).await.expect("withdrawn");
    assert_eq!(here.run(&late).await, Err(No::Away), "HO4");
    assert!(!admits(&here, TALK, 3).await);
    // Home again, and the ask was past its first look: the life it was meant for is gone.
    town.move_to(1).await;
    assert_eq!(here.run(&late).await, Err(No::Away), "HO4");
    let asker = Asker::within(Caller::node(BANK), late.reign);
    let granted = here.ask::<Conversation>(TALK, asker, Input::Grant(person)).await;
    assert_eq!(granted, Err(No::Away), "HO4");
    assert!(!admits(&there, TALK, 3).await);
}

#[tokio::test(start_paused = true)]
async fn what_a_messenger_gave_up_is_asked_again_while_its_actor_is_awake() {
    let town = Town::of(2).await;
    let (key, tenant) = (talk(8), Key::Tenant(BANK));
    assert_ne!(key.shard(), tenant.shard());
    town.give(key, None);
    let (case, link) = (CaseId::from_u128(8), LinkId::from_u128(9));
    let command = TenantCommand::Open { title: "Baufinanzierung".into() };
    let input = tenant::Input::Command { command, case, link, customer: customer(2).person };
    let house = town.house(1);
    house.ask::<Tenant>(tenant, expert(1), input).await.expect("opened");
    let owed = async || house.roof.owed.lock().contains(&tenant);
    in_time("it was given up", owed).await;
    town.give(key, Some(2));
    let there = town.house(2);
    in_time("it was asked again", async || admits(&there, key, 2).await).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_room_had_planned_when_it_moved_is_asked_by_whom_it_moved_to() {
    let town = Town::of(2).await;
    let (here, there) = (town.house(1), town.house(2));
    open(&here, 7).await;
    let lead = expert(1);
    let born = room::Input::Open { case: CASE, lead: lead.person };
    here.ask::<Room>(ROOM, Caller::node(BANK), born).await.expect("opened");
    let guest = customer(3);
    for (by, command) in [
        (lead, RoomCommand::Knock {}),
        (guest, RoomCommand::Knock {}),
        (lead, RoomCommand::Admit { session: guest.session }),
    ] {
        here.ask::<Room>(ROOM, by, room::Input::Command(command)).await.expect("done");
    }
    in_time("the guest is let in", async || admits(&here, TALK, 3).await).await;
    // An ask of this reign that nobody brought any more.
    let (conversation, tenant, person) = (CASE.conversation(), BANK, guest.person);
    let ask = Ask::Withdraw { conversation, tenant, person: PersonId::from_u128(0xff) };
    let reign = here.roof.reign(ROOM);
    town.move_to(2).await;
    there.deliver(Ask::Withdraw { conversation, tenant, person }).await.expect("withdrawn");
    let bag = usize::from(TALK.shard()) % here.roof.bags.len();
    let errand = Errand { from: ROOM, reign, ask };
    assert!(here.roof.bags[bag].try_send(errand).is_ok());
    // It is dropped, and the room is woken where it lives: whoever sits there reads and writes.
    in_time("the room asks again", async || admits(&there, TALK, 3).await).await;
}
