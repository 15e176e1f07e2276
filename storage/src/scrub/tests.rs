//! The scrubber against its invariants, with answers made up.

use bytes::Bytes;
use protocol::{
    cluster::{Epoch, Lsn},
    id::{FileId, RoomId},
    key::Key,
    time::Time,
};

use super::*;
use crate::{
    content::ContentId,
    fault::StorageFault,
    history,
    journal::{JournalId, Link, Seq},
};

const MIB: u64 = 1024 * 1024;
const DAY: u64 = 24 * 3600 * 1000;
const OTHER: NodeKey = NodeKey { number: 2, storage: 102 };

fn settings() -> Settings {
    Settings { bytes_per_second: MIB, every_ms: DAY }
}

fn held(shard: u16) -> Held {
    Held { shard, epoch: Epoch(3), other: Some(OTHER) }
}

fn room(shard: u16) -> JournalId {
    let key = Key::Room(RoomId::from_u128(0x100 + u128::from(shard)));
    JournalId::new(&key.to_string()).expect("a good name")
}

fn link(seq: u64, hash: u8) -> Link {
    Link { seq: Seq(seq), hash: [hash; 32] }
}

fn looked(verdict: Verdict) -> Done {
    Done::Looked(Ok(Look { entries: 1, bytes: 100, end: Some(link(9, 9)), verdict }))
}

fn sums(ends: &[(JournalId, Option<Link>)]) -> Done {
    let sums = Sums { since: Lsn(9), upto: Lsn(9), sums: ends.to_vec(), more: false };
    Done::Sums { from: OTHER, sums: Ok(sums) }
}

/// A node on which everything is sound and each shard holds one room.
fn sound(act: &Act) -> Done {
    match act {
        Act::Wait { .. } => unreachable!("nobody answers a wait"),
        Act::Places { .. } => Done::Places(Ok(0)),
        Act::Sums { shard, .. } => sums(&[(room(*shard), Some(link(9, 9)))]),
        Act::List { shard, .. } => Done::Listed(Ok(vec![room(*shard)])),
        Act::Look { .. } => looked(Verdict::Whole),
        Act::Tidy { .. } => Done::Tidied(Ok(1)),
        Act::Stored { .. } => Done::Stored(Ok(vec![Bytes::from_static(b"entry")])),
        Act::Mend { left, .. } => {
            let before = Link { seq: Seq(left.seq.0 - 1), ..*left };
            Done::Mended(Ok((before, 1)))
        }
        Act::Extend { theirs, .. } => Done::Extended(Ok(theirs.end)),
        Act::Head { .. } => Done::Headed(Ok(())),
        Act::Record { .. } => Done::Record(Ok(None)),
        Act::Content { .. } => Done::Content(Ok(ContentLook { bytes: 7, whole: true })),
        Act::Fetch { .. } => Done::Fetched(Ok(())),
    }
}

/// A scrubber and the time it lives in.
struct Life {
    scrubber: Scrubber,
    now: u64,
    acts: Vec<Act>,
}

impl Life {
    fn new(held: &[Held]) -> Self {
        let mut scrubber = Scrubber::new(settings(), 0, 7);
        scrubber.holds(0, held.iter().copied());
        Self { scrubber, now: 0, acts: Vec::new() }
    }

    /// Goes on until a round is over, or a complaint is dealt with when no round is due.
    fn run(&mut self, rounds: u64, mut answer: impl FnMut(&Act) -> Option<Done>) {
        let mut waits = 0;
        while self.scrubber.figures(self.now).rounds < rounds && waits < 10_000 {
            match self.scrubber.next(self.now, false) {
                Act::Wait { until } => {
                    assert!(until > self.now, "it never waits for what was");
                    if self.figures().rounds < rounds {
                        self.now = until;
                    }
                    waits += 1;
                }
                act => {
                    let done = answer(&act).unwrap_or_else(|| sound(&act));
                    self.acts.push(act);
                    self.scrubber.done(self.now, done);
                }
            }
        }
        assert_eq!(self.scrubber.figures(self.now).rounds, rounds);
    }

    fn figures(&self) -> Figures {
        self.scrubber.figures(self.now)
    }

    fn looks(&self) -> usize {
        self.acts.iter().filter(|act| matches!(act, Act::Look { .. })).count()
    }
}

#[test]
fn a_round_over_sound_copies_looks_at_everything_and_touches_nothing() {
    let mut life = Life::new(&[held(1), held(2)]);
    life.run(1, |_| None);
    let writes = |act: &&Act| {
        matches!(
            act,
            Act::Tidy { .. }
                | Act::Mend { .. }
                | Act::Extend { .. }
                | Act::Head { .. }
                | Act::Fetch { .. }
        )
    };
    assert_eq!(life.acts.iter().filter(writes).count(), 0);
    assert_eq!(life.looks(), 2);
    let figures = life.figures();
    assert_eq!((figures.damaged, figures.healed, figures.unmended), (0, 0, 0));
    assert!(life.scrubber.news().is_empty());
}

#[test]
#[should_panic(expected = "SB1")]
fn sb1_nothing_is_asked_while_an_answer_is_awaited() {
    let mut life = Life::new(&[held(1)]);
    life.scrubber.complain(Complaint::Journal(room(1)));
    assert!(!matches!(life.scrubber.next(0, false), Act::Wait { .. }));
    life.scrubber.next(0, false);
}

#[test]
fn sb2_what_was_read_is_waited_for_and_a_strained_node_is_left_alone() {
    let mut life = Life::new(&[held(1)]);
    life.scrubber.complain(Complaint::Journal(room(1)));
    assert_eq!(life.scrubber.next(0, true), Act::Wait { until: YIELD }, "SB2");
    let asks = life.scrubber.next(0, false);
    life.scrubber.done(0, sound(&asks));
    life.now = ASK;
    let look = life.scrubber.next(life.now, false);
    assert!(matches!(look, Act::Look { .. }), "{look:?}");
    let verdict = Verdict::More { left: link(5, 5) };
    let read = Look { entries: 0, bytes: 3 * MIB, end: None, verdict };
    life.scrubber.done(life.now, Done::Looked(Ok(read)));
    let until = life.now + 3000;
    assert_eq!(life.scrubber.next(life.now, false), Act::Wait { until }, "SB2");
    let on = life.scrubber.next(until, false);
    assert!(matches!(on, Act::Look { from: Some(_), .. }), "{on:?}");
    let mut life = Life::new(&(0..100).map(held).collect::<Vec<_>>());
    life.run(1, |act| match act {
        Act::Look { .. } => {
            let look = Look { entries: 4, bytes: MIB, end: None, verdict: Verdict::Whole };
            Some(Done::Looked(Ok(look)))
        }
        _ => None,
    });
    assert!(life.now >= 100_000, "SB2: 100 MiB at one in a second took {} ms", life.now);
}

#[test]
fn sb3_every_shard_once_a_round_the_oldest_first_and_a_complaint_before_it_goes_on() {
    let all: Vec<Held> = (0..50).map(held).collect();
    let mut life = Life::new(&all);
    life.run(1, |_| None);
    let shards = |acts: &[Act]| {
        let places = acts.iter().filter_map(|act| match act {
            Act::Places { shard, .. } => Some(*shard),
            _ => None,
        });
        places.collect::<Vec<u16>>()
    };
    let first = shards(&life.acts);
    assert_eq!(first, (7..50).chain(0..7).collect::<Vec<_>>(), "SB3: turned by chance");
    assert!(life.figures().oldest_ms < DAY);
    let begun = life.now;
    life.acts.clear();
    life.run(2, |_| None);
    assert!(life.now >= begun.max(DAY), "SB3: a round a day");
    assert_eq!(shards(&life.acts), first, "SB3: the oldest first");

    life.acts.clear();
    life.scrubber.complain(Complaint::Journal(room(9)));
    life.scrubber.complain(Complaint::Journal(room(200)));
    life.run(3, |_| None);
    let named = |act: &Act| matches!(act, Act::Look { journal, .. } if *journal == room(9));
    let (looked, round) = (life.acts.iter().position(named), shards(&life.acts).len());
    assert_eq!((looked, round), (Some(1), 50), "SB3");
    assert_eq!(life.looks(), 51, "what is not held here is not looked at");
}

#[test]
fn sb3_a_shard_that_moves_is_tried_once_more_and_one_that_is_given_away_is_left() {
    let mut life = Life::new(&[held(1), held(2)]);
    let mut moves = 0;
    life.run(1, |act| match act {
        Act::Look { journal, .. } if *journal == room(1) => {
            moves += 1;
            Some(Done::Looked(Err(Miss::Moved)))
        }
        _ => None,
    });
    assert_eq!((moves, life.looks()), (2, 3), "SB3");
    assert!(life.figures().oldest_ms >= 60_000, "it was not looked at");
    life.scrubber.holds(life.now, [held(2)]);
    assert!(life.figures().oldest_ms < 60_000);
}

#[test]
fn damage_is_asked_for_put_in_place_and_told() {
    let mut life = Life::new(&[held(1)]);
    let mut damaged = 1;
    life.run(1, |act| match act {
        Act::Look { .. } if damaged > 0 => {
            damaged -= 1;
            Some(looked(Verdict::Damaged { from: Seq(4), left: link(5, 5) }))
        }
        Act::Stored { from, upto, to, .. } => {
            assert_eq!(*to, OTHER);
            let _ = (from, upto);
            Some(Done::Stored(Ok(vec![entry(upto.0)])))
        }
        _ => None,
    });
    let asked: Vec<(u64, u64)> = life
        .acts
        .iter()
        .filter_map(|act| match act {
            Act::Stored { from, upto, .. } => Some((from.0, upto.0)),
            _ => None,
        })
        .collect();
    assert_eq!(asked, [(4, 5)]);
    let figures = life.figures();
    assert_eq!((figures.damaged, figures.healed, figures.unmended), (1, 1, 0));
    let what = room(1).to_string();
    assert_eq!(life.scrubber.news(), [News::Mended { shard: 1, what }]);
}

/// An entry as it is stored, with its place in it.
fn entry(seq: u64) -> Bytes {
    let link = link(seq - 1, 1);
    let (append, ..) = history::write_append(&room(1), link, Time::from_ms(1), &[b"x".to_vec()]);
    append.entries[0].clone()
}

#[test]
fn an_answer_that_does_not_reach_the_last_entry_is_asked_for_again_by_itself() {
    let mut life = Life::new(&[held(1)]);
    let mut damaged = 1;
    life.run(1, |act| match act {
        Act::Look { .. } if damaged > 0 => {
            damaged -= 1;
            Some(looked(Verdict::Damaged { from: Seq(2), left: link(9, 5) }))
        }
        Act::Stored { from, .. } => Some(Done::Stored(Ok(vec![entry(from.0)]))),
        _ => None,
    });
    let mends: Vec<&Act> = life.acts.iter().filter(|act| matches!(act, Act::Mend { .. })).collect();
    assert!(matches!(mends[..], [Act::Mend { left, .. }] if left.seq == Seq(9)), "{mends:?}");
}

#[test]
fn sb4_what_the_other_copy_lacks_or_has_damaged_is_left_to_it() {
    for theirs in [Some(link(3, 3)), None] {
        let mut life = Life::new(&[held(1)]);
        life.run(1, |act| match act {
            Act::Sums { shard, .. } => Some(sums(&[(room(*shard), theirs)])),
            _ => None,
        });
        assert_eq!((life.looks(), life.figures().damaged), (1, 0), "SB4");
    }
}

#[test]
fn sb5_a_copy_that_is_ahead_is_compared_under_its_next_entry() {
    for (parent, contradicted) in [([9; 32], false), ([8; 32], true)] {
        let mut life = Life::new(&[held(1)]);
        life.run(1, |act| match act {
            Act::Sums { shard, .. } => Some(sums(&[(room(*shard), Some(link(12, 1)))])),
            Act::Stored { from, upto, .. } => {
                assert_eq!((*from, *upto), (Seq(10), Seq(10)));
                let before = Link { seq: Seq(9), hash: parent };
                let body = vec![b"x".to_vec()];
                let (append, ..) = history::write_append(&room(1), before, Time::from_ms(1), &body);
                Some(Done::Stored(Ok(append.entries)))
            }
            _ => None,
        });
        assert_eq!(life.figures().unmended, u64::from(contradicted), "SB5");
    }
}

#[test]
fn sb5_sb6_a_contradiction_is_looked_at_twice_and_told_once() {
    let mut life = Life::new(&[held(1)]);
    let mut doubts = 1;
    let contradicted = |_: &Act| Some(looked(Verdict::Contradicted { seq: Seq(4) }));
    life.run(1, |act| match act {
        Act::Look { .. } if doubts > 0 => {
            doubts -= 1;
            contradicted(act)
        }
        _ => None,
    });
    assert_eq!((life.looks(), life.figures().unmended), (2, 0), "SB5");
    for round in 2..4 {
        life.acts.clear();
        life.run(round, |act| match act {
            Act::Look { .. } => contradicted(act),
            _ => None,
        });
        let touched = life.acts.iter().any(|act| matches!(act, Act::Mend { .. }));
        assert!(!touched, "SB6");
    }
    let finding =
        Finding { shard: 1, what: room(1).to_string(), seq: Seq(4), why: Why::Contradicted };
    assert_eq!(life.scrubber.open().collect::<Vec<_>>(), [&finding]);
    assert_eq!(life.scrubber.news(), [News::Damaged(finding)], "SB6: once");
}

#[test]
fn sb6_what_both_have_damaged_is_named_and_forgotten_when_it_is_sound_again() {
    let mut life = Life::new(&[held(1)]);
    let corrupt = StorageFault::Corrupt { journal: room(1), seq: Seq(5) };
    life.run(1, |act| match act {
        Act::Look { .. } => Some(looked(Verdict::Damaged { from: Seq(5), left: link(5, 5) })),
        Act::Stored { .. } => Some(Done::Stored(Ok(vec![entry(5)]))),
        Act::Mend { .. } => Some(Done::Mended(Err(Miss::Fault(corrupt.clone())))),
        _ => None,
    });
    let found: Vec<_> = life.scrubber.open().cloned().collect();
    assert_eq!((found[0].seq, &found[0].why), (Seq(5), &Why::Both), "SB6");
    let figures = life.figures();
    assert_eq!((figures.damaged, figures.healed, figures.unmended), (1, 0, 1));
    life.run(2, |_| None);
    assert_eq!(life.figures().unmended, 0);
}

#[test]
fn what_cannot_be_mended_now_is_tried_again_soon() {
    let mut life = Life::new(&[held(1)]);
    life.run(1, |act| match act {
        Act::Look { .. } => Some(looked(Verdict::Damaged { from: Seq(5), left: link(5, 5) })),
        Act::Stored { .. } => Some(Done::Stored(Err(Miss::Silent))),
        _ => None,
    });
    assert_eq!(life.figures().unmended, 1);
    let found = life.now;
    let mut damaged = 1;
    life.acts.clear();
    while life.figures().unmended > 0 {
        match life.scrubber.next(life.now, false) {
            Act::Wait { until } => life.now = until.min(life.now + 1000),
            act @ Act::Look { .. } if damaged > 0 => {
                damaged -= 1;
                let left = link(5, 5);
                life.scrubber.done(life.now, looked(Verdict::Damaged { from: Seq(5), left }));
                let _ = act;
            }
            Act::Stored { upto, .. } => {
                life.scrubber.done(life.now, Done::Stored(Ok(vec![entry(upto.0)])));
            }
            act => life.scrubber.done(life.now, sound(&act)),
        }
    }
    assert!(life.now - found < 2 * RETRY, "not only with the next round");
}

#[test]
fn a_head_nobody_knows_is_taken_from_a_copy_that_has_caught_up() {
    let mut life = Life::new(&[held(1)]);
    let (mut behind, mut heads) = (3, Vec::new());
    life.run(1, |act| match act {
        Act::Look { from: None, .. } => Some(looked(Verdict::Headless { base: Lsn(20) })),
        Act::Sums { of: protocol::peer::SumsOf::Only(_), .. } => {
            behind -= 1;
            let since = if behind > 0 { Lsn(19) } else { Lsn(20) };
            let ends = vec![(room(1), Some(link(8, 8)))];
            let sums = Sums { since, upto: Lsn(30), sums: ends, more: false };
            Some(Done::Sums { from: OTHER, sums: Ok(sums) })
        }
        Act::Look { from: Some(from), .. } => {
            heads.push(*from);
            None
        }
        _ => None,
    });
    assert_eq!((behind, heads), (0, vec![link(8, 8)]));
    assert!(life.acts.iter().any(|act| matches!(act, Act::Head { end, .. } if *end == link(8, 8))));
    assert_eq!((life.figures().healed, life.figures().unmended), (1, 0));
}

#[test]
fn a_silent_node_is_not_asked_without_end_and_own_entries_are_looked_at_all_the_same() {
    let mut life = Life::new(&(0..30).map(held).collect::<Vec<_>>());
    life.run(1, |act| match act {
        Act::Sums { .. } => Some(Done::Sums { from: OTHER, sums: Err(Miss::Silent) }),
        _ => None,
    });
    let asks = |acts: &[Act]| acts.iter().filter(|act| matches!(act, Act::Sums { .. })).count();
    assert_eq!((asks(&life.acts), life.looks()), (SILENT as usize, 30));
    life.acts.clear();
    life.run(2, |_| None);
    assert_eq!(asks(&life.acts), 30, "the next round asks again");
}

#[test]
fn both_lists_are_walked_page_by_page_to_the_end_of_both() {
    let mut names: Vec<JournalId> = (0..600)
        .map(|it| Key::Room(RoomId::from_u128(it * 256 + 1)).to_string())
        .map(|name| JournalId::new(&name).expect("a good name"))
        .collect();
    names.sort();
    let page = |half: usize, after: Option<&JournalId>| {
        let mine = names.iter().enumerate().filter(|(at, _)| at % 3 != half).map(|(_, it)| it);
        mine.filter(|it| after.is_none_or(|after| *it > after)).take(256).cloned().collect()
    };
    let mut life = Life::new(&[held(1)]);
    life.run(1, |act| match act {
        Act::List { after, .. } => Some(Done::Listed(Ok(page(0, after.as_ref())))),
        Act::Sums { of: protocol::peer::SumsOf::Behind(after), .. } => {
            let after = after.as_ref().and_then(|it| JournalId::new(it).ok());
            let found: Vec<JournalId> = page(1, after.as_ref());
            let more = found.len() == 256;
            let sums = found.into_iter().map(|it| (it, Some(link(9, 9)))).collect();
            let sums = Sums { since: Lsn(9), upto: Lsn(9), sums, more };
            Some(Done::Sums { from: OTHER, sums: Ok(sums) })
        }
        _ => None,
    });
    let looked = life.acts.iter().filter_map(|act| match act {
        Act::Look { journal, .. } => Some(journal.clone()),
        _ => None,
    });
    assert_eq!(looked.collect::<Vec<_>>(), names, "each once, in order");
}

#[test]
fn sb7_complaints_and_findings_are_bounded() {
    let mut life = Life::new(&(0..256).map(held).collect::<Vec<_>>());
    for number in 0..2 * REMEMBERED as u128 {
        let name = Key::Room(RoomId::from_u128(number)).to_string();
        let journal = JournalId::new(&name).expect("a good name");
        for _ in 0..2 {
            life.scrubber.complain(Complaint::Journal(journal.clone()));
        }
    }
    life.run(1, |act| match act {
        Act::Look { .. } => Some(looked(Verdict::Contradicted { seq: Seq(1) })),
        _ => None,
    });
    assert_eq!(life.figures().unmended, REMEMBERED as u64, "SB7");
    assert_eq!(life.scrubber.news().len(), REMEMBERED, "SB7");
}

#[test]
fn the_content_of_a_record_is_read_against_its_name_and_fetched_when_it_is_not() {
    let file = JournalId::new(&Key::File(FileId::from_u128(1)).to_string()).expect("a good name");
    let content = ContentId { hash: [4; 32], len: 9 };
    let damaged = Miss::Fault(StorageFault::CorruptFile { content, chunk: 0 });
    for (fetched, unmended) in [(Ok(()), 0), (Err(damaged), 1)] {
        let mut life = Life::new(&[held(1)]);
        let mut stretches = 3;
        life.run(1, |act| match act {
            Act::List { .. } => Some(Done::Listed(Ok(vec![file.clone()]))),
            Act::Sums { .. } => Some(sums(&[(file.clone(), Some(link(9, 9)))])),
            Act::Record { .. } => Some(Done::Record(Ok(Some(content)))),
            Act::Content { begin, .. } => {
                assert_eq!(*begin, stretches == 3);
                stretches -= 1;
                Some(Done::Content(if stretches > 0 {
                    Ok(ContentLook { bytes: MIB, whole: false })
                } else {
                    Err(Miss::Fault(StorageFault::CorruptFile { content, chunk: 2 }))
                }))
            }
            Act::Fetch { content: it, .. } => {
                assert_eq!(*it, content);
                Some(Done::Fetched(fetched.clone()))
            }
            _ => None,
        });
        let figures = life.figures();
        assert_eq!((stretches, figures.damaged, figures.unmended), (0, 1, unmended));
        assert_eq!(figures.healed, 1 - unmended);
    }
}
