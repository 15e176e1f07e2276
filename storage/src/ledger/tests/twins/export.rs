//! What a backup reads of a shard, while the shard is written to and moves.

use super::*;
use crate::{
    history,
    journal::Link,
    ledger::{Chosen, PageItem, read_page, rebuild::follow},
};

/// What the pages hold of each journal, its chain followed.
#[derive(Default)]
struct Taken {
    journals: Vec<(JournalId, Link)>,
    pages: usize,
}

impl Taken {
    fn take(&mut self, page: Vec<u8>) {
        assert!(page.len() <= 1024 * 1024, "a page is bounded");
        self.pages += 1;
        for item in read_page(page).expect("a page") {
            match item {
                PageItem::Journal(name) => match self.journals.last() {
                    Some((last, _)) if *last == name => {}
                    _ => self.journals.push((name.clone(), Link::genesis(&name))),
                },
                PageItem::Entry(entry) => {
                    let (journal, link) = self.journals.last_mut().expect("a journal before it");
                    *link = follow(journal, *link, &entry).expect("its chain holds");
                    assert!(history::read_entry(&entry).is_some());
                }
                PageItem::Snapshot(_) => panic!("folds are left out"),
            }
        }
    }

    fn names(&self) -> Vec<(&str, u64)> {
        self.journals.iter().map(|(name, link)| (name.as_str(), link.seq.0)).collect()
    }
}

fn all(ledger: &Ledger, shard: u16, chosen: &Chosen) -> Taken {
    let (mut taken, mut after) = (Taken::default(), Some(chosen.start()));
    while let Some(cursor) = after {
        let (page, next) = ledger.export(shard, &cursor).expect("a page");
        taken.take(page);
        after = next;
    }
    taken
}

/// Journals of one shard, of several kinds.
fn kinds(shard: u16) -> [JournalId; 5] {
    ["file/", "room", "room/", "room/", "zoo/"].map({
        let mut number = 0;
        move |kind| loop {
            number += 1;
            let journal = id(&format!("{kind}{number}"));
            if journal.shard() == shard {
                return journal;
            }
        }
    })
}

#[test]
fn ex2_a_journal_is_given_as_it_stood_and_by_whoever_serves_it() {
    let (mut cluster, _worlds) = cluster(2);
    let journal = id("room/1");
    let shard = journal.shard();
    cluster.pair(shard, 1, 2);
    for after in 0..200 {
        assert_eq!(cluster.append(1, &journal, after, &[after as u8; 9000]), Ok(Seq(after + 1)));
    }
    let chosen = Chosen::only("room/");
    let mut taken = Taken::default();
    let (page, next) = cluster.at(1).export(shard, &chosen.start()).expect("a page");
    taken.take(page);
    let given = taken.journals[0].1.seq.0;
    assert!(given < 200, "there is more than a page");
    // It is written to meanwhile, and the node that gave the first page is gone.
    assert_eq!(cluster.append(1, &journal, 200, b"later"), Ok(Seq(201)));
    cluster.stop(1);
    cluster.until("the other serves", |it| it.serves(2, shard) && it.at(2).readable(shard));
    assert_eq!(cluster.append(2, &journal, 201, b"later still"), Ok(Seq(202)));
    let mut after = next;
    while let Some(cursor) = after {
        let (page, next) = cluster.at(2).export(shard, &cursor).expect("a page");
        taken.take(page);
        after = next;
    }
    assert_eq!(taken.names(), [("room/1", 200)], "EX2");
    assert!(taken.pages > 1);
    assert_eq!(all(cluster.at(2), shard, &chosen).names(), [("room/1", 202)]);
}

#[test]
fn every_journal_is_of_one_kind_or_of_the_rest() {
    let (cluster, _worlds) = cluster(1);
    let shard = id("room/1").shard();
    let journals = kinds(shard);
    cluster.until("it serves", |it| it.serves(1, shard));
    for journal in &journals {
        assert_eq!(cluster.append(1, journal, 0, b"one"), Ok(Seq(1)));
    }
    let names = |chosen: &Chosen| {
        let taken = all(cluster.at(1), shard, chosen);
        taken.journals.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    let mut rooms = journals[2..4].to_vec();
    rooms.sort();
    assert_eq!(names(&Chosen::only("room/")), rooms);
    assert_eq!(names(&Chosen::only("file/")), journals[..1]);
    assert_eq!(names(&Chosen::only("session/")), []);
    let rest = [journals[1].clone(), journals[4].clone()];
    assert_eq!(names(&Chosen::all_but(&["room/", "file/"])), rest);
    let mut everything = journals.to_vec();
    everything.sort();
    assert_eq!(names(&Chosen::all_but(&[])), everything);
}

#[test]
fn ex1_who_may_not_answer_for_a_shard_gives_nothing_of_it() {
    let (cluster, _worlds) = cluster(2);
    let journal = id("room/1");
    let shard = journal.shard();
    cluster.pair(shard, 1, 2);
    assert_eq!(cluster.append(1, &journal, 0, b"one"), Ok(Seq(1)));
    let start = Chosen::only("room/").start();
    let away = |number| {
        matches!(cluster.at(number).export(shard, &start), Err(StorageFault::NotHere { .. }))
    };
    assert!(away(2), "EX1: the second copy");
    cluster.until("it may read", |it| it.at(1).export(shard, &start).is_ok());
    // Cut off, it still shows itself as serving for a while; its lease is over before another's
    // reign begins.
    cluster.hub.cut.lock().insert(node(1));
    cluster.until("the other serves", |it| it.serves(2, shard));
    assert!(away(1), "EX1");
    assert_eq!(cluster.append(2, &journal, 1, b"two"), Ok(Seq(2)));
    assert_eq!(all(cluster.at(2), shard, &Chosen::only("room/")).names(), [("room/1", 2)]);
    for bad in [&b""[..], &[1, 0, 9, 200], &[9; 40]] {
        assert!(matches!(cluster.at(2).export(shard, bad), Err(StorageFault::BadCopy { .. })));
    }
}
