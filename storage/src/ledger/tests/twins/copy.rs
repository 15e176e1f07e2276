//! A copy that is too far behind fetches the whole state.

use super::*;

/// Two nodes; the first has written much alone and started anew, so that its log is gone.
fn written(entries: u64, len: usize) -> (Cluster, Vec<World>, JournalId) {
    let (mut cluster, worlds) = cluster(2);
    let journal = id("room/1");
    let shard = journal.shard();
    cluster.until("it serves", |it| it.serves(1, shard));
    for after in 0..entries {
        let kept = cluster.append(1, &journal, after, &vec![after as u8; len]);
        assert_eq!(kept, Ok(Seq(after + 1)));
    }
    let other = neighbour(&journal);
    assert_eq!(cluster.append(1, &other, 0, b"other"), Ok(Seq(1)));
    cluster.at(1).snapshot(&journal, Seq(entries), 1, vec![7; 5000]).expect("taken in");
    cluster.stop(1);
    cluster.start(1);
    (cluster, worlds, journal)
}

/// Another journal of the same shard.
fn neighbour(journal: &JournalId) -> JournalId {
    let names = (2..).map(|number| id(&format!("room/{number}")));
    names.into_iter().find(|it| it.shard() == journal.shard()).expect("there is one")
}

#[test]
fn an_empty_node_fetches_the_state_in_pages_and_goes_on_with_the_log() {
    let (mut cluster, _worlds, journal) = written(300, 9000);
    let (shard, other) = (journal.shard(), neighbour(&journal));
    cluster.pair(shard, 1, 2);
    assert_eq!(cluster.append(1, &journal, 300, b"both"), Ok(Seq(301)));
    cluster.until("it is applied", |it| it.bodies(2, &journal).len() == 301);
    assert_eq!(cluster.bodies(2, &journal), cluster.bodies(1, &journal));
    assert_eq!(cluster.bodies(2, &other), [b"other".to_vec()]);
    let fold = cluster.at(2).load_snapshot(&journal).expect("sound").expect("copied");
    assert_eq!((fold.seq, fold.body.len()), (Seq(300), 5000));

    cluster.up.remove(&node(1)).expect("it runs").close();
    cluster.until("the copy serves", |it| it.serves(2, shard));
    assert_eq!(cluster.append(2, &journal, 301, b"alone"), Ok(Seq(302)));
    cluster.stop(2);
    cluster.start(2);
    cluster.until("it serves again", |it| it.serves(2, shard));
    assert_eq!(cluster.bodies(2, &journal).len(), 302);
    assert_eq!(cluster.at(2).verify(&journal), Ok(()));
}

#[test]
fn ta2_a_copy_that_was_cut_short_begins_again() {
    for seed in 0..6 {
        let (mut cluster, worlds, journal) = written(300, 9000);
        let shard = journal.shard();
        cluster.until("it serves", |it| it.serves(1, shard));
        cluster.want(shard, 1, Some(2));
        for _ in 0..2 {
            let wants = |it: &Cluster| it.hub.pulls.lock().front().copied();
            for _ in 0..100_000 {
                if wants(&cluster).is_some() {
                    break;
                }
                cluster.pump_frames();
            }
            let (learner, pulled, from) = wants(&cluster).expect("it asks for the state");
            cluster.hub.pulls.lock().clear();
            assert_eq!((learner, pulled, from), (node(2), shard, node(1)));
            assert_eq!(cluster.copy(learner, shard, from, 2), Some(2));
            let dead = cluster.up.remove(&node(2)).expect("it runs");
            worlds[1].crash(dead, &mut Dice::new(seed));
            cluster.start(2);
        }
        cluster.pair(shard, 1, 2);
        cluster.until("all is here", |it| it.bodies(2, &journal).len() == 300);
        assert_eq!(cluster.at(2).verify(&journal), Ok(()));
    }
}

#[test]
fn ta1_a_page_that_is_damaged_or_not_the_next_is_refused() {
    let (cluster, _worlds, journal) = written(300, 9000);
    let shard = journal.shard();
    cluster.until("it serves", |it| it.serves(1, shard));
    let (base, first, next) = cluster.at(1).state_page(shard, None).expect("a page");
    let unasked = cluster.at(2).take_state(shard, node(1), base, first.clone(), false);
    assert!(matches!(unasked, Err(StorageFault::BadCopy { .. })), "{unasked:?}");

    cluster.want(shard, 1, Some(2));
    for _ in 0..100_000 {
        if !cluster.hub.pulls.lock().is_empty() {
            break;
        }
        cluster.pump_frames();
    }
    let (_, second, _) = cluster.at(1).state_page(shard, next).expect("a page");
    let early = cluster.at(2).take_state(shard, node(1), base, second.clone(), false);
    assert!(matches!(early, Err(StorageFault::BadCopy { .. })), "{early:?}");
    let mut damaged = first.clone();
    damaged[20_000] ^= 1;
    let refused = cluster.at(2).take_state(shard, node(1), base, damaged, false);
    assert!(matches!(refused, Err(StorageFault::Corrupt { .. })), "TA1: {refused:?}");
    assert_eq!(cluster.at(2).head(&journal), Ok(Seq(0)), "nothing of it was kept");
}

#[test]
fn ta3_after_force_the_old_history_is_put_aside_and_replaced() {
    let (mut cluster, worlds) = cluster(2);
    let journal = id("room/1");
    let (shard, stray) = (journal.shard(), neighbour(&journal));
    cluster.pair(shard, 1, 2);
    for after in 0..3 {
        assert_eq!(cluster.append(1, &journal, after, b"both"), Ok(Seq(after + 1)));
    }
    cluster.until("both have it", |it| it.bodies(2, &journal).len() == 3);
    cluster.stop(2);
    cluster.until("it goes on alone", |it| it.config(shard).twin.is_none());
    for after in 3..6 {
        assert_eq!(cluster.append(1, &journal, after, b"lost"), Ok(Seq(after + 1)));
    }
    assert_eq!(cluster.append(1, &stray, 0, b"lost"), Ok(Seq(1)));
    cluster.stop(1);
    cluster.start(2);
    let (by, why) = ("op".into(), "node 1 burned".into());
    let now = Time::from_ms(1);
    cluster.change(&Change::Force { shard, primary: node(2), by, why, now });
    cluster.until("the older copy serves", |it| it.serves(2, shard));
    assert_eq!(cluster.append(2, &journal, 3, b"new"), Ok(Seq(4)));
    assert_eq!(cluster.at(2).generation(shard), 1, "I8: cursors of before are void");
    assert_eq!(cluster.at(2).generation(stray.shard().wrapping_add(1)), 0);

    cluster.start(1);
    cluster.want(shard, 2, Some(1));
    cluster.until("it is the twin", |it| it.config(shard).twin == Some(node(1)));
    cluster.until("the histories agree", |it| it.bodies(1, &journal).len() == 4);
    assert_eq!(cluster.bodies(1, &journal), cluster.bodies(2, &journal));
    assert_eq!(cluster.bodies(1, &stray), Vec::<Vec<u8>>::new());
    let aside = crate::disk::Disk::list(&worlds[0].disk, "quarantine/").expect("listed");
    assert!(aside.len() >= 2, "TA3: {aside:?}");
    let kept = aside
        .iter()
        .any(|name| worlds[0].disk.bytes(name).windows(4).any(|window| window == b"lost"));
    assert!(kept, "TA3: what was given up can be read by people");
    cluster.stop(1);
    cluster.start(1);
    assert_eq!(cluster.bodies(1, &journal).len(), 4);
}

#[test]
fn what_was_written_without_twins_is_taken_over_and_copied() {
    let worlds = [World::new(), World::new()];
    let journal = id("room/1");
    let shard = journal.shard();
    let old = worlds[0].open();
    for after in 0..50 {
        append(&old, &journal, after, &[1; 700]).wait().expect("kept");
    }
    old.snapshot(&journal, Seq(50), 1, b"fold".to_vec()).expect("taken in");
    worlds[0].crash(old, &mut Dice::new(3));
    let mut cluster = Cluster::new(worlds.iter().map(World::options).collect());
    cluster.pair(shard, 1, 2);
    assert_eq!(cluster.append(1, &journal, 50, b"new"), Ok(Seq(51)));
    cluster.until("both have it", |it| it.bodies(2, &journal).len() == 51);
    for _ in 0..2 {
        (1..=2).for_each(|number| cluster.stop(number));
        (1..=2).for_each(|number| cluster.start(number));
        cluster.until("it serves", |it| it.serves(1, shard));
        assert_eq!(cluster.bodies(1, &journal).len(), 51);
        assert_eq!(cluster.bodies(2, &journal).len(), 51);
    }
}
