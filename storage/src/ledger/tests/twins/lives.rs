//! Writing, failing over, restarting.

use super::*;

#[test]
fn alone_a_node_serves_every_shard_and_starts_again() {
    let (mut cluster, _worlds) = cluster(1);
    let journal = id("room/1");
    let shard = journal.shard();
    assert!(matches!(
        append(cluster.at(1), &journal, 0, b"early").wait(),
        Err(StorageFault::NotHere { .. })
    ));
    cluster.until("it serves", |it| (0..SHARDS).all(|shard| it.serves(1, shard)));
    assert!(cluster.at(1).readable(shard));
    for after in 0..40 {
        assert_eq!(cluster.append(1, &journal, after, &[after as u8; 300]), Ok(Seq(after + 1)));
    }
    cluster.at(1).snapshot(&journal, Seq(40), 1, b"fold".to_vec()).expect("taken in");
    for round in 0..3 {
        cluster.stop(1);
        cluster.start(1);
        cluster.until("it serves again", |it| it.serves(1, shard));
        assert_eq!(cluster.config(shard).epoch, Epoch(2 + round), "a new epoch for a new life");
        assert_eq!(cluster.bodies(1, &journal).len(), 40);
        let fold = cluster.at(1).load_snapshot(&journal).expect("sound").expect("kept");
        assert_eq!(fold.seq, Seq(40));
    }
}

#[test]
fn tw2_what_one_writes_both_read_and_the_twin_takes_over() {
    let (mut cluster, worlds) = cluster(2);
    let journal = id("room/1");
    let shard = journal.shard();
    cluster.pair(shard, 1, 2);
    for after in 0..20 {
        assert_eq!(cluster.append(1, &journal, after, &[after as u8]), Ok(Seq(after + 1)));
    }
    cluster.at(1).snapshot(&journal, Seq(20), 1, b"fold".to_vec()).expect("taken in");
    cluster.until("the twin reads it", |it| it.bodies(2, &journal).len() == 20);
    cluster.until("the twin has the fold", |it| {
        it.at(2).load_snapshot(&journal).is_ok_and(|fold| fold.is_some())
    });
    let refused = append(cluster.at(2), &journal, 20, b"x").wait();
    assert!(matches!(refused, Err(StorageFault::NotHere { .. })), "{refused:?}");

    let dead = cluster.up.remove(&node(1)).expect("it runs");
    worlds[0].crash(dead, &mut Dice::new(1));
    cluster.until("the twin serves", |it| it.serves(2, shard));
    assert_eq!(cluster.append(2, &journal, 20, b"on"), Ok(Seq(21)));

    cluster.start(1);
    cluster.want(shard, 2, Some(1));
    cluster.until("it is the twin now", |it| it.config(shard).twin == Some(node(1)));
    assert_eq!(cluster.append(2, &journal, 21, b"both"), Ok(Seq(22)));
    cluster.until("the old primary has it", |it| it.bodies(1, &journal).len() == 22);
    assert_eq!(cluster.bodies(1, &journal), cluster.bodies(2, &journal));
}

#[test]
fn tw4_a_tail_that_was_not_committed_is_cut_and_its_caller_is_told_that_it_moved() {
    let (cluster, _worlds) = cluster(2);
    let journal = id("room/1");
    let shard = journal.shard();
    cluster.pair(shard, 1, 2);
    assert_eq!(cluster.append(1, &journal, 0, b"both"), Ok(Seq(1)));
    cluster.hub.cut.lock().insert(node(1));
    let lonely = append(cluster.at(1), &journal, 1, b"lonely");
    cluster.until("the twin serves", |it| it.serves(2, shard));
    assert_eq!(cluster.append(2, &journal, 1, b"other"), Ok(Seq(2)));
    assert!(!cluster.at(1).readable(shard), "its lease is over");
    cluster.hub.cut.lock().clear();
    assert_eq!(cluster.answer(&lonely), Err(StorageFault::Moved { shard }), "TW4");
    cluster.want(shard, 2, Some(1));
    cluster.until("it is the twin now", |it| it.config(shard).twin == Some(node(1)));
    cluster.until("the other history wins", |it| it.bodies(1, &journal).len() == 2);
    assert_eq!(cluster.bodies(1, &journal), [b"both".to_vec(), b"other".to_vec()]);
    assert_eq!(*cluster.hub.alarms.lock(), []);
}

#[test]
fn a_handover_loses_nothing_and_both_start_again() {
    let (mut cluster, _worlds) = cluster(2);
    let journal = id("room/1");
    let shard = journal.shard();
    cluster.pair(shard, 1, 2);
    for after in 0..5 {
        assert_eq!(cluster.append(1, &journal, after, b"x"), Ok(Seq(after + 1)));
    }
    cluster.want(shard, 2, Some(1));
    cluster.until("it moved", |it| it.serves(2, shard));
    assert_eq!(cluster.config(shard).twin, Some(node(1)));
    assert_eq!(cluster.append(2, &journal, 5, b"y"), Ok(Seq(6)));
    for _ in 0..2 {
        (1..=2).for_each(|number| cluster.stop(number));
        (1..=2).for_each(|number| cluster.start(number));
        cluster.until("one of them serves", |it| it.serves(1, shard) || it.serves(2, shard));
        let primary = cluster.config(shard).primary.number;
        assert_eq!(cluster.bodies(primary, &journal).len(), 6);
    }
    let statuses = cluster.at(2).shards();
    assert!(statuses.iter().any(|status| status.shard == shard && status.last.0 >= 6));
}

#[test]
fn tw8_whoever_hands_over_may_not_read_any_more_when_it_says_so() {
    let (cluster, _worlds) = cluster(2);
    let journal = id("room/1");
    let shard = journal.shard();
    cluster.pair(shard, 1, 2);
    cluster.until("it may be read", |it| it.at(1).readable(shard));
    let (ledger, reads) = (cluster.at(1).clone(), Arc::new(Mutex::new(Vec::new())));
    let said = Arc::clone(&reads);
    *cluster.hub.witness.lock() = Some(Box::new(move |from, frame| {
        if from == node(1) && matches!(frame, TwinFrame::Release { .. }) {
            said.lock().push(ledger.readable(shard));
        }
    }));
    cluster.want(shard, 2, Some(1));
    cluster.until("it moved", |it| it.serves(2, shard));
    cluster.hub.witness.lock().take();
    assert_eq!(*reads.lock(), [false], "TW8");
}

#[test]
fn crashes_of_either_lose_nothing_that_was_acknowledged() {
    for seed in 0..12 {
        let mut dice = Dice::new(seed);
        let (mut cluster, worlds) = cluster(2);
        let journals: Vec<JournalId> = (0..3).map(|n| id(&format!("room/{n}"))).collect();
        journals.iter().for_each(|journal| cluster.pair(journal.shard(), 1, 2));
        let mut heads = [0_u64; 3];
        for _ in 0..4 {
            for _ in 0..dice.below(30) {
                let which = dice.below(3) as usize;
                let journal = &journals[which];
                let number = cluster.config(journal.shard()).primary.number;
                cluster.until("somebody serves", |it| it.serves(number, journal.shard()));
                let body = vec![heads[which] as u8; dice.below(500) as usize];
                match cluster.append(number, journal, heads[which], &body) {
                    Ok(seq) => heads[which] = seq.0,
                    Err(fault) => panic!("seed {seed}: {fault}"),
                }
            }
            let number = 1 + dice.below(2);
            let dead = cluster.up.remove(&node(number)).expect("it runs");
            worlds[number as usize - 1].crash(dead, &mut dice);
            let other = 3 - number;
            for journal in &journals {
                let shard = journal.shard();
                cluster.until("the other goes on", |it| it.serves(other, shard));
            }
            for (journal, head) in journals.iter().zip(heads) {
                assert_eq!(cluster.bodies(other, journal).len() as u64, head, "seed {seed}");
            }
            cluster.start(number);
            for journal in &journals {
                let shard = journal.shard();
                cluster.want(shard, other, Some(number));
                cluster.until("two copies", |it| it.config(shard).twin.is_some());
            }
        }
        assert_eq!(*cluster.hub.alarms.lock(), []);
    }
}

#[test]
fn how_long_a_shard_stands_alone_is_told_beside_what_may_be_read() {
    let (mut cluster, worlds) = cluster(2);
    let journal = id("room/1");
    let shard = journal.shard();
    cluster.pair(shard, 1, 2);
    assert_eq!((cluster.at(1).solo_for(shard), cluster.at(2).solo_for(shard)), (None, None));
    let dead = cluster.up.remove(&node(1)).expect("it runs");
    worlds[0].crash(dead, &mut Dice::new(1));
    cluster.until("the twin serves", |it| it.serves(2, shard));
    let since = cluster.at(2).solo_for(shard).expect("it is alone");
    cluster.until("time passes", |it| it.at(2).solo_for(shard) > Some(since + 10_000));
    cluster.start(1);
    cluster.want(shard, 2, Some(1));
    cluster.until("it is the twin now", |it| it.config(shard).twin == Some(node(1)));
    cluster.until("both know", |it| it.at(2).solo_for(shard).is_none());
    assert_eq!(cluster.at(1).solo_for(shard), None, "who follows is not alone");
}
