//! The judges can see: each fault that is put into a sound history is found.

use storage::dice::Dice;
use tests::history::{
    Fate, Fold, History, Log, Looked, NEVER, Said, Seen, chain, contract, linear,
};

/// Clients of a made-up conversation.
const CLIENTS: u32 = 6;

/// A history as an honest cluster makes it: every act takes effect at one moment between its call
/// and its answer. Some answers are lost, some acts are refused.
fn honest(seed: u64, acts: u64) -> Log {
    let mut dice = Dice::new(seed);
    let (mut log, mut truth) = (Log::default(), Vec::<Seen>::new());
    let mut free = [0_u64; CLIENTS as usize];
    let mut now = 0;
    for act in 0..acts {
        now += 1 + dice.below(40);
        let client = dice.below(CLIENTS.into()) as u32;
        // It took effect now: it was called before, and is answered later.
        let call = now.saturating_sub(dice.below(200)).max(free[client as usize] + 1).min(now);
        let back = now + 1 + dice.below(200);
        free[client as usize] = back;
        if dice.one_in(3) {
            let (length, chain) = (truth.len(), chained(&truth));
            log.looked.push(Looked { client, call, back, length, chain, fresh: true });
            continue;
        }
        let message = u128::from(act) + 1000;
        let said = |fate, back| Said { client, call, back, message, fate };
        if dice.one_in(20) {
            log.said.push(said(Fate::Refused, back));
            continue;
        }
        let unanswered = dice.one_in(10);
        if unanswered && dice.one_in(2) {
            log.said.push(said(Fate::Unknown, NEVER)); // and it never took effect
            continue;
        }
        let seq = truth.last().map_or(1, |seen| seen.seq) + 1 + dice.below(3);
        truth.push(Seen { seq, message });
        let fate = if unanswered { Fate::Unknown } else { Fate::Kept { upto: seq } };
        log.said.push(said(fate, if unanswered { NEVER } else { back }));
    }
    log.ends = vec![truth.clone(), truth.clone(), truth];
    log
}

fn chained(list: &[Seen]) -> u64 {
    list.iter().fold(0, |before, seen| chain(before, *seen))
}

fn sentences(log: &Log) -> String {
    let history = History { logs: vec![log.clone()], marks: Vec::new() };
    history.judged().join("\n")
}

/// Changes every end alike: the cluster agrees with itself.
fn everywhere(log: &mut Log, change: impl Fn(&mut Vec<Seen>)) {
    log.ends.iter_mut().for_each(change);
}

fn position(log: &Log, is: impl Fn(&Said) -> bool) -> usize {
    let found = log.said.iter().position(is).expect("a long history holds every kind");
    let message = log.said[found].message;
    log.ends[0].iter().position(|seen| seen.message == message).expect("it took effect")
}

#[test]
fn honest_histories_pass() {
    for seed in 0..20 {
        let log = honest(seed, 400);
        assert!(log.ends[0].len() > 100);
        assert_eq!(sentences(&log), "", "seed {seed}");
    }
}

#[test]
fn a_long_history_is_judged_in_a_moment() {
    let log = honest(7, 20_000);
    assert_eq!(sentences(&log), "");
}

#[test]
fn cc1_a_lost_message_is_found() {
    let mut log = honest(1, 400);
    let at = position(&log, |it| matches!(it.fate, Fate::Kept { .. }));
    everywhere(&mut log, |list| {
        list.remove(at);
    });
    let said = sentences(&log);
    assert!(said.contains("CC1") && said.contains("not linearizable"), "{said}");
}

#[test]
fn cc1_a_lost_last_message_is_found_although_nobody_looked() {
    let mut log = honest(2, 400);
    log.looked.clear();
    let last = log.ends[0].last().expect("long").message;
    let known = log.said.iter_mut().find(|it| it.message == last).expect("said");
    (known.fate, known.back) = (Fate::Kept { upto: 1 << 40 }, known.call + 10);
    everywhere(&mut log, |list| {
        list.pop();
    });
    assert!(contract::wrong(&log).iter().any(|it| it.starts_with("CC1")));
    assert!(linear::wrong(&log).is_some());
}

#[test]
fn cc2_a_doubled_message_is_found() {
    let mut log = honest(3, 400);
    log.looked.clear();
    everywhere(&mut log, |list| {
        let (first, last) = (list[3], list.last().map_or(0, |it| it.seq));
        list.push(Seen { seq: last + 1, ..first });
    });
    let said = sentences(&log);
    assert!(said.contains("CC2"), "{said}");
}

#[test]
fn cc3_a_refused_message_that_stands_there_is_found() {
    let mut log = honest(4, 400);
    let refused = log.said.iter().find(|it| it.fate == Fate::Refused).expect("some").message;
    everywhere(&mut log, |list| {
        let seq = list.last().map_or(0, |it| it.seq) + 1;
        list.push(Seen { seq, message: refused });
    });
    assert!(sentences(&log).contains("CC3"));
}

#[test]
fn cc4_a_message_nobody_said_is_found() {
    let mut log = honest(5, 400);
    everywhere(&mut log, |list| {
        let seq = list.last().map_or(0, |it| it.seq) + 1;
        list.push(Seen { seq, message: 1 });
    });
    assert!(sentences(&log).contains("CC4"));
}

#[test]
fn cc5_nodes_that_disagree_are_found() {
    let mut log = honest(6, 400);
    log.ends[2].pop();
    let said = sentences(&log);
    assert!(said.contains("CC5: end 2"), "{said}");
}

#[test]
fn cc6_another_order_is_found_in_what_was_seen_and_in_the_times() {
    let mut log = honest(8, 400);
    everywhere(&mut log, |list| {
        let (one, two) = (list[10].message, list[90].message);
        (list[10].message, list[90].message) = (two, one);
    });
    let said = sentences(&log);
    assert!(said.contains("CC6") && said.contains("not linearizable"), "{said}");
    // Even when nobody looked, the times of two acknowledgements do not fit.
    log.looked.clear();
    assert!(linear::wrong(&log).is_some());
}

#[test]
fn cc7_a_position_before_its_message_is_found() {
    let mut log = honest(9, 400);
    let kept = log.said.iter_mut().find(|it| matches!(it.fate, Fate::Kept { .. })).expect("some");
    kept.fate = Fate::Kept { upto: 0 };
    assert!(sentences(&log).contains("CC7"));
}

#[test]
fn a_stale_look_is_found_by_its_times_alone() {
    for seed in 0..20 {
        let mut log = honest(100 + seed, 600);
        let truth = log.ends[0].clone();
        let looks = log.looked.len();
        // A look that shows the list as it was ten messages before: sound in itself, only old.
        let look = log.looked[looks / 2..].iter_mut().find(|it| it.length > 20).expect("late");
        let length = look.length - 20;
        (look.length, look.chain) = (length, chained(&truth[..length]));
        assert_eq!(contract::wrong(&log), Vec::<String>::new(), "seed {seed}");
        let said = linear::wrong(&log).expect("found");
        assert!(said.contains("not linearizable") && said.contains("was shown"), "{said}");
    }
}

#[test]
fn a_look_that_sees_what_was_not_said_yet_is_found() {
    let mut log = honest(10, 400);
    let truth = log.ends[0].clone();
    let look = log.looked.iter_mut().find(|it| it.length < 5).expect("an early one");
    (look.length, look.chain) = (100, chained(&truth[..100]));
    assert_eq!(contract::wrong(&log), Vec::<String>::new());
    assert!(linear::wrong(&log).is_some());
}

#[test]
fn an_unknown_message_may_come_late_and_may_not_come_twice() {
    let truth: Vec<Seen> = (1..=3).map(|seq| Seen { seq, message: seq.into() }).collect();
    let said =
        |message, call, back, fate| Said { client: message as u32, call, back, message, fate };
    let kept = |upto| Fate::Kept { upto };
    let mut log = Log {
        said: vec![
            said(3, 0, NEVER, Fate::Unknown), // given up early, took effect last
            said(1, 10, 20, kept(1)),
            said(2, 30, 40, kept(2)),
            said(9, 50, NEVER, Fate::Unknown), // never took effect
        ],
        ends: vec![truth],
        ..Log::default()
    };
    assert_eq!(sentences(&log), "");
    everywhere(&mut log, |list| list.push(Seen { seq: 4, message: 3 }));
    assert!(sentences(&log).contains("CC2"));
}

#[test]
fn a_fold_keeps_its_beginning_and_refuses_falling_positions() {
    use protocol::{
        conversation::ConversationEvent,
        id::{MessageId, PersonId},
    };
    let said = |message| ConversationEvent::Said {
        message: MessageId::from_u128(message),
        by: PersonId::from_u128(1),
        text: "x".into(),
        files: Vec::new(),
    };
    let mut fold = Fold::default();
    assert_eq!(fold.happened(3, &said(30)), Ok(true));
    assert_eq!(fold.happened(3, &said(30)), Ok(false), "F1: not above its own");
    assert_eq!(fold.happened(5, &said(50)), Ok(true));
    assert_eq!(fold.at(4), (1, chain(0, Seen { seq: 3, message: 30 })));
    assert_eq!(fold.at(2), (0, 0));
    assert_eq!(fold.at(5).0, 2);
}

#[test]
fn nothing_to_judge_by_is_not_all_well() {
    assert!(!contract::wrong(&Log::default()).is_empty());
}
