//! Asks and queries find their actor, wherever it lives.

use protocol::{
    accounts::AccountsCommand,
    caller::{Caller, Role},
    cluster::Epoch,
    codec,
    frame::Fault,
    id::{CaseId, GrantId, LinkId, PersonId, SessionId},
    key::Key,
    peer::{PeerNo, PeerRequest},
    tenant::TenantCommand,
    time::Span,
};
use std::sync::Arc;

use super::town::{Town, open, say, talk, until};
use crate::{
    accounts::{self, Accounts},
    conversation::{Answer, Conversation, Query},
    handle::No,
    house::House,
    tenant::{self, Tenant},
    trial::{BANK, customer, expert},
    vault::{self, Vault},
};

async fn admits(house: &Arc<House>, key: Key, by: Caller) -> Result<bool, No> {
    match house.query::<Conversation>(key, Query::Admits { by }).await? {
        Answer::Admits(admits) => Ok(admits),
        other => panic!("{other:?} is the answer to another question"),
    }
}

#[tokio::test]
async fn who_asks_need_not_know_where_an_actor_lives() {
    let town = Town::of(2).await;
    let (here, there) = (town.house(1), town.house(2));
    let key = open(&there, 7).await;
    assert_eq!(say(&there, key, 1, "von drüben").await.0, 4);
    assert_eq!(say(&here, key, 2, "von hier").await.0, 5);
    assert_eq!(admits(&there, key, customer(2)).await, Ok(true));
    assert_eq!(admits(&there, key, customer(3)).await, Ok(false));
    assert_eq!((here.conversations.awake(), there.conversations.awake()), (1, 0));
}

#[tokio::test]
async fn ho1_an_ask_is_carried_once_and_then_served_or_refused() {
    let town = Town::of(3).await;
    let key = talk(7);
    let query = codec::encode(&Query::Admits { by: customer(2) });
    let request = PeerRequest::Query { key, query };
    let no = town.house(2).serve(3, request).await;
    assert_eq!(no, Err(PeerNo::NotOwner(Epoch(0))));
    assert!(town.asked().is_empty(), "HO1: it was not carried on");
    let odd = PeerRequest::Query { key, query: vec![0xff; 9] };
    assert_eq!(town.house(1).serve(3, odd).await, Err(PeerNo::Unknown));
    assert_eq!(town.house(1).serve(3, PeerRequest::Status).await, Err(PeerNo::Unknown));
}

#[tokio::test(start_paused = true)]
async fn ho2_patience_has_an_end_when_nobody_serves() {
    let town = Town::of(2).await;
    town.leave();
    let asked = tokio::time::Instant::now();
    let answer = admits(&town.house(1), talk(7), customer(2)).await;
    assert_eq!(answer, Err(No::Faulted(Fault::Restarted)), "HO2");
    let waited = asked.elapsed().as_secs();
    assert!((20..22).contains(&waited), "{waited} s");
}

#[tokio::test]
async fn k5_what_may_be_old_is_not_answered_until_it_surely_is_the_newest() {
    let town = Town::of(2).await;
    let (here, there) = (town.house(1), town.house(2));
    let key = open(&here, 7).await;
    town.readable(false);
    let asks = [here.clone(), there.clone()]
        .map(|house| tokio::spawn(async move { admits(&house, key, customer(2)).await }));
    // Said twice: the second time rests on nothing new, so it waits like a query.
    let first = say(&here, key, 1, "geht").await;
    let again = {
        let house = here.clone();
        tokio::spawn(async move { say(&house, key, 1, "geht").await })
    };
    for _ in 0..500 {
        tokio::task::yield_now().await;
    }
    assert!(asks.iter().all(|ask| !ask.is_finished()) && !again.is_finished(), "K5");
    town.readable(true);
    for ask in asks {
        assert_eq!(ask.await.expect("ran"), Ok(true));
    }
    assert_eq!(again.await.expect("ran"), first);
}

#[tokio::test]
async fn a_cut_reaches_the_sockets_of_every_node() {
    let town = Town::of(3).await;
    let (tenant, case) = (Key::Tenant(BANK), CaseId::from_u128(7));
    let (link, by) = (LinkId::from_u128(9), expert(1));
    let mut cuts = [1, 2, 3].map(|number| town.house(number).cuts());
    let input =
        |command| tenant::Input::Command { command, case, link, customer: PersonId::from_u128(2) };
    let house = town.house(2);
    let opened = TenantCommand::Open { title: "Baufinanzierung".into() };
    house.ask::<Tenant>(tenant, by, input(opened)).await.expect("opened");
    let revoked = TenantCommand::Revoke { link };
    house.ask::<Tenant>(tenant, by, input(revoked)).await.expect("revoked");
    for cuts in &mut cuts {
        assert_eq!(cuts.recv().await, Ok(link));
    }
    let ended: Arc<parking_lot::Mutex<Vec<u64>>> = Arc::default();
    for number in 1..=3 {
        let ended = ended.clone();
        town.house(number).on_session_cut(move |session| {
            assert_eq!(session, SessionId::from_u128(5));
            ended.lock().push(number);
        });
    }
    town.house(3).cut_session(SessionId::from_u128(5));
    until("every node ended the session's sockets", || ended.lock().len() == 3).await;
}

#[tokio::test]
async fn ac3_a_role_that_is_taken_away_ends_its_sockets_on_every_node() {
    let town = Town::of(3).await;
    let (accounts, person, role) = (Key::Accounts(BANK), PersonId::from_u128(4), Role::Expert);
    let ended: Arc<parking_lot::Mutex<Vec<u64>>> = Arc::default();
    for number in 1..=3 {
        let ended = ended.clone();
        town.house(number).on_role_cut(move |tenant, who, what| {
            assert_eq!((tenant, who, what), (BANK, person, role));
            ended.lock().push(number);
        });
    }
    let house = town.house(2);
    let admit = accounts::Input::Admit { person, role };
    house.ask::<Accounts>(accounts, Caller::node(BANK), admit).await.expect("let in");
    let command = AccountsCommand::Withdraw { person, role };
    let take = accounts::Input::Command { command, grant: GrantId::from_u128(1), before: None };
    let by = Caller { role: Role::Administrator, ..expert(1) };
    house.ask::<Accounts>(accounts, by, take).await.expect("taken away");
    until("every node ended the role's sockets", || ended.lock().len() == 3).await;
}

#[tokio::test]
async fn what_was_left_open_is_asked_again_by_whoever_serves_next() {
    let town = Town::of(2).await;
    let case = CaseId::from_u128(7);
    let key = talk(7);
    assert_ne!(key.shard(), Key::Tenant(BANK).shard());
    town.give(key, None); // nobody serves the case's room and conversation
    let (tenant, link) = (Key::Tenant(BANK), LinkId::from_u128(9));
    let command = TenantCommand::Open { title: "Baufinanzierung".into() };
    let input = tenant::Input::Command { command, case, link, customer: customer(2).person };
    town.house(1).ask::<Tenant>(tenant, expert(1), input).await.expect("opened");
    // The tenant moves before its asks were delivered; the next life makes them again.
    town.move_to(2).await;
    town.give(key, Some(2));
    let there = town.house(2);
    until("the tenant was roused", || there.conversations.awake() == 1).await;
    assert_eq!(admits(&town.house(1), key, customer(2)).await, Ok(true));
    let by = expert(1);
    let query = tenant::Query::LinkOf { by, case, link };
    let answer = town.house(1).query::<Tenant>(tenant, query).await;
    assert!(matches!(answer, Ok(tenant::Answer::LinkOf(Ok(until))) if until.ms() > 0));
}

#[tokio::test]
async fn k8_with_one_copy_what_is_important_is_refused_and_people_go_on() {
    let town = Town::of(2).await;
    let house = town.house(2);
    let key = open(&house, 8).await;
    let (tenant, case) = (Key::Tenant(BANK), CaseId::from_u128(7));
    let ask = async |command, link: u128| {
        let (link, customer) = (LinkId::from_u128(link), PersonId::from_u128(2));
        let input = tenant::Input::Command { command, case, link, customer };
        house.ask::<Tenant>(tenant, expert(1), input).await
    };
    let invite = TenantCommand::Invite { case, life: Span::from_secs(3600) };
    ask(TenantCommand::Open { title: "Baufinanzierung".into() }, 9).await.expect("opened");
    town.frail(true);
    let refused = Err(No::Faulted(Fault::OneCopy));
    let links = async || match house.query::<Tenant>(tenant, links_of(case)).await {
        Ok(tenant::Answer::LinkOf(found)) => found.is_ok(),
        other => panic!("{other:?}"),
    };
    assert_eq!(ask(invite.clone(), 10).await, refused, "K8");
    assert!(!links().await, "nothing of it is kept");
    say(&house, key, 1, "weiter").await;
    let revoke = TenantCommand::Revoke { link: LinkId::from_u128(9) };
    ask(revoke, 11).await.expect("what protects somebody is never refused");
    let secret = vault::Input::Enroll {
        person: PersonId::from_u128(1),
        login: "yildiz@bank.example".into(),
        secret: "$argon2id$".into(),
    };
    let name = vault::Input::Name {
        person: PersonId::from_u128(1),
        role: Role::Expert,
        name: "Frau Yıldız".into(),
    };
    let node = Caller::node(BANK);
    house.ask::<Vault>(Key::Vault(BANK), node, name).await.expect("guests are let in");
    assert_eq!(house.ask::<Vault>(Key::Vault(BANK), node, secret).await, refused, "K8");
    // A member of the first release could not tell its browsers why.
    town.level(1);
    ask(invite.clone(), 12).await.expect("invited");
    town.level(protocol::version::PEER_WIRE);
    assert_eq!(ask(invite.clone(), 10).await, refused, "K8");
    town.frail(false);
    ask(invite, 10).await.expect("there are two copies again");
    assert!(links().await);
}

fn links_of(case: CaseId) -> tenant::Query {
    tenant::Query::LinkOf { by: expert(1), case, link: LinkId::from_u128(10) }
}
