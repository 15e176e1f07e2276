//! Elections, lost leaders, joining, leaving.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn one_node_founds_and_leads_at_once_when_it_starts_again() {
    let mut world = World::founded(quick()).await;
    world.make(1).await;
    let before = world.at(1).map();
    let words = world.at(1).verdict();
    assert!(words[0].contains("One node holds everything"), "{words:?}");
    world.stop(1).await;
    let begun = Instant::now();
    world.start(1).await;
    assert_eq!(*world.at(1).map(), *before, "it stopped in good order");
    world.until_led(|it| it == 1).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "nobody is waited for");
    let first = candidate(9, Purpose::Data);
    let again = world.at(1).found(NodeId::from_u128(2), 4, first).await;
    assert!(matches!(again, Err(ControlFault::Founded)));
}

#[tokio::test(flavor = "multi_thread")]
async fn three_vote_and_a_change_at_any_of_them_is_seen_by_all() {
    let mut world = World::of(3).await;
    for control in world.everybody() {
        world.make(control.number()).await;
    }
    let map = world.until_agreed().await;
    assert_eq!(map.invitations.len(), 3);
    let leader = world.until_led(|_| true).await;
    let follower = world.everybody().into_iter().find(|it| it.number() != leader);
    let no = follower.expect("three run").change(Change::Remove { number: 77 }).await;
    assert_eq!(no, Err(ControlNo::Refused(ChangeRefusal::NotMember)), "a no is carried too");
    assert_eq!(world.at(leader).verdict(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_p4_a_leader_cut_off_commits_nothing_and_the_others_go_on() {
    let mut world = World::of(3).await;
    let old = world.until_led(|_| true).await;
    world.net.cut(old, true);
    let lost = world.invite();
    let at_old = world.at(old);
    let asked = tokio::spawn({
        let lost = lost.clone();
        async move { at_old.change(lost).await }
    });
    let new = world.until_led(|it| it != old).await;
    world.make(new).await;
    let answer = asked.await.expect("it ended");
    assert!(
        matches!(answer, Err(ControlNo::Unknown | ControlNo::NoLeader)),
        "P2: never made, never refused: {answer:?}"
    );
    until("P4: the old one knows that it does not lead", || {
        world.at(old).status().leader.is_none()
    })
    .await;
    assert_eq!(world.at(old).change(lost.clone()).await, Err(ControlNo::NoLeader), "P4");
    world.net.cut(old, false);
    let map = world.until_agreed().await;
    assert!(!has(&map, &lost), "what it began alone is gone");
    assert_eq!(map.invitations.len(), 1);
    assert!(world.at(new).status().elections > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn five_lose_two_and_go_on_and_a_minority_refuses() {
    let mut world = World::of(5).await;
    world.until_agreed().await;
    let all: Vec<u64> = world.everybody().iter().map(Control::number).collect();
    world.stop(all[0]).await;
    world.stop(all[1]).await;
    world.until_led(|_| true).await;
    world.make(all[2]).await;
    world.stop(all[2]).await;
    let change = world.invite();
    let answer = world.at(all[3]).change(change.clone()).await;
    assert!(matches!(answer, Err(ControlNo::NoLeader | ControlNo::Unknown)), "{answer:?}");
    for number in &all[..3] {
        world.start(*number).await;
    }
    world.until_led(|_| true).await;
    world.make(all[0]).await;
    let map = world.until_agreed().await;
    assert_eq!(map.members.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_stop_and_start_and_know_what_they_knew() {
    let mut world = World::of(3).await;
    world.make(1).await;
    let before = world.until_agreed().await;
    let all: Vec<u64> = world.everybody().iter().map(Control::number).collect();
    for number in &all {
        world.stop(*number).await;
    }
    for number in &all {
        world.start(*number).await;
    }
    world.until_led(|_| true).await;
    let after = world.until_agreed().await;
    assert_eq!(after.members, before.members);
    assert_eq!(after.invitations, before.invitations);
    world.make(all[2]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_and_a_witness_survive_either_node() {
    let mut world = World::of(2).await;
    let words = world.at(1).verdict();
    assert!(words[0].contains("no safe automatic failover"), "{words:?}");
    let witness = world.join(Purpose::Witness).await;
    world.until_votes(3).await;
    assert_eq!(world.at(1).verdict(), Vec::<String>::new());
    let leader = world.until_led(|_| true).await;
    let victim = if leader == witness { 1 } else { leader };
    world.stop(victim).await;
    world.until_led(|it| it != victim).await;
    let left = world.everybody().iter().map(Control::number).find(|it| *it != witness);
    world.make(left.expect("a node with data is left")).await;
    world.start(victim).await;
    world.until_agreed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_drains_loses_the_vote_and_who_is_removed_is_told_no_more() {
    let world = World::of(4).await;
    let leader = world.until_led(|_| true).await;
    let voters = world.at(leader).status().voters;
    let leaving = voters.iter().copied().find(|it| *it != leader && *it != 1);
    let leaving = leaving.expect("three vote");
    world.at(leader).change(Change::Drain { number: leaving, on: true }).await.expect("drained");
    let votes = || world.leader().map(|it| world.at(it).status().voters).unwrap_or_default();
    until("another votes instead", || {
        let votes = votes();
        votes.len() == 3 && !votes.contains(&leaving)
    })
    .await;
    let said = || world.leader().map(|it| world.at(it).status().words).unwrap_or_default();
    until("it is said that it holds nothing", || {
        said().iter().any(|it| it.contains("holds no shard any more"))
    })
    .await;
    let any = world.until_led(|_| true).await;
    world.at(any).change(Change::Remove { number: leaving }).await.expect("removed");
    until("it is told no more", || {
        let status = world.leader().map(|it| world.at(it).status()).unwrap_or_default();
        status.leader.is_some() && !status.learners.contains(&leaving)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_drains_hands_its_vote_on() {
    let mut world = World::of(4).await;
    let old = world.until_led(|_| true).await;
    world.at(old).change(Change::Drain { number: old, on: true }).await.expect("drained");
    let new = world.until_led(|it| it != old).await;
    until("it votes no more", || {
        let status = world.at(new).status();
        status.voters.len() == 3 && !status.voters.contains(&old)
    })
    .await;
    world.make(old).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_member_catches_up_from_a_snapshot() {
    let options = Options { snapshot_after: 20, entries_kept: 2, ..quick() };
    let mut world = World::founded(options).await;
    for _ in 0..90 {
        world.make(1).await;
    }
    until("old entries are gone", || world.at(1).status().log_entries < 60).await;
    let late = world.join(Purpose::Data).await;
    let map = world.until_agreed().await;
    assert!(map.invitations.len() >= 90);
    until("it has a snapshot", || world.at(late).status().snapshot > 20).await;
    world.stop(late).await;
    world.start(late).await;
    world.until_agreed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn places_are_wanted_where_there_is_room_and_only_once() {
    let world = World::of(3).await;
    let wanted = || {
        let map = world.at(1).map();
        map.places.iter().filter(|it| it.wanted.is_some()).count()
    };
    until("every shard is to have two copies", || wanted() == 8).await;
    let index = world.at(1).map().index;
    // Many rounds later nothing was written again (T3).
    let asked = world.at(1).status().last;
    until("time passes", {
        let begun = Instant::now();
        move || begun.elapsed() > Duration::from_millis(600)
    })
    .await;
    assert_eq!(world.at(1).map().index, index, "T3");
    assert!(world.at(1).status().last <= asked + 2);
}

fn add_twin(map: &Map, twin: NodeKey) -> Change {
    let config = map.places[0].config;
    let (expect, primary) = (config.epoch, config.primary);
    let case = Cas { shard: 0, expect, primary, twin: Some(twin), proposer: primary };
    Change::Cas { cases: vec![case] }
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_when_the_answer_was_lost_a_refusal_is_a_doubt() {
    let world = World::of(3).await;
    let map = world.until_agreed().await;
    let leader = world.until_led(|_| true).await;
    let follower = map.members.keys().copied().find(|it| *it != leader).expect("three");
    let twin = map.members.values().map(|it| it.key).find(|it| it.number != 1).expect("three");

    world.net.0.lock().lose = 1;
    let change = add_twin(&map, twin);
    let answer = world.at(follower).change(change.clone()).await;
    assert_eq!(answer, Err(ControlNo::Unknown), "P2: it was made, and then found made");
    let map = world.until_agreed().await;
    assert_eq!(map.places[0].config.twin, Some(twin));
    let late = world.at(follower).change(change).await.expect("one answer each");
    assert_eq!(late.refused, [Some(ChangeRefusal::Epoch)], "without a doubt, a refusal is one");

    world.net.0.lock().lose = 1;
    let digest = [99; 32];
    let expires = Time::from_ms(1);
    let once = Change::Invite { digest, expires, purpose: Purpose::Data };
    let answer = world.at(follower).change(once).await;
    assert_eq!(answer, Err(ControlNo::Unknown), "P2: not tried again, it could be made twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_for_somebody_else_is_not_taken() {
    let world = World::founded(quick()).await;
    let stray = wire::Envelope { to: 5, said: wire::Said::Change(Change::Remove { number: 1 }) };
    let answer = world.at(1).heard(protocol::codec::encode(&stray)).await.expect("answered");
    let answer = wire::read::<wire::Reply>(&answer).expect("a reply");
    assert!(matches!(answer, wire::Reply::No(_)));
    assert!(matches!(world.at(1).heard(vec![255; 9]).await, Err(ControlFault::Garbled(_))));
}
