//! Shards move under load: nothing is lost, doubled, or answered from an old reign.

use protocol::id::Seq;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
};

use super::town::{Browser, Town, open, say, until};
use crate::{house::House, trial::expert};

#[tokio::test]
async fn everything_said_while_shards_move_is_kept_once_and_told_in_order() {
    const MOVES: u64 = 6;
    const TALKS: u128 = 4;
    let town = Town::of(3).await;
    let mut keys = Vec::new();
    for number in 0..TALKS {
        keys.push(open(&town.house(1), 100 + number).await);
    }
    // Each conversation is watched on every node, and talked to through every node.
    let mut browsers = Vec::new();
    for key in &keys {
        for node in 1..=3 {
            let browser = Browser::watch(&town.house(node), expert(1), *key, Seq::START).await;
            browsers.push((*key, browser));
        }
    }
    let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut writers = Vec::new();
    for (at, key) in keys.iter().enumerate() {
        for node in 1..=3u64 {
            let (house, key): (Arc<House>, _) = (town.house(node), *key);
            let (stop, count) = (stop.clone(), count.clone());
            let base = (at as u128 + 1) * 1_000_000 + u128::from(node) * 100_000;
            writers.push(tokio::spawn(async move {
                let mut said = Vec::new();
                let mut number = base;
                while !stop.load(Relaxed) {
                    number += 1;
                    let seq = say(&house, key, number, &number.to_string()).await;
                    said.push((seq.0, number.to_string()));
                    count.fetch_add(1, Relaxed);
                }
                (key, said)
            }));
        }
    }
    for round in 0..MOVES {
        let before = count.load(Relaxed);
        until("it is talked", || count.load(Relaxed) > before + 200).await;
        town.move_to(1 + (round + 1) % 3).await;
    }
    stop.store(true, Relaxed);
    let mut acknowledged: BTreeMap<_, (Seq, BTreeSet<String>)> = BTreeMap::new();
    for writer in writers {
        let (key, said) = writer.await.expect("everything was said");
        let (last, texts) = acknowledged.entry(key).or_default();
        for (seq, text) in said {
            *last = (*last).max(Seq(seq));
            assert!(texts.insert(text));
        }
    }
    let mut orders: BTreeMap<_, BTreeMap<u64, String>> = BTreeMap::new();
    for (key, browser) in &mut browsers {
        let (last, texts) = &acknowledged[key];
        let mut seen = BTreeMap::new();
        browser.read_to(*last, &mut seen).await;
        let once: BTreeSet<String> = seen.values().cloned().collect();
        assert_eq!(once.len(), seen.len(), "nothing is told twice");
        assert_eq!(&once, texts, "everything that was acknowledged is told");
        let order = orders.entry(*key).or_insert_with(|| seen.clone());
        assert_eq!(order, &seen, "in one order for everybody");
    }
    let died: usize = (1..=3).map(|node| town.house(node).conversations.deaths()).sum();
    assert_eq!(died, 0, "A3: a move is no death");
}

#[tokio::test]
async fn k6_a3_a_life_of_an_earlier_reign_is_not_asked_again() {
    let town = Town::of(2).await;
    let (here, there) = (town.house(1), town.house(2));
    let key = open(&here, 7).await;
    say(&here, key, 1, "vorher").await;
    // Away and back at once; meanwhile the other one said something.
    town.move_to(2).await;
    assert_eq!(say(&there, key, 2, "drüben").await, Seq(5));
    town.move_to(1).await;
    assert_eq!(say(&here, key, 3, "nachher").await, Seq(6), "K6: it knows what was said meanwhile");
    until("nobody lives on both", || there.conversations.awake() == 0).await;
    assert_eq!(here.conversations.deaths() + there.conversations.deaths(), 0);
}

#[tokio::test]
async fn a_watch_follows_its_actor_home_and_away_again() {
    let town = Town::of(2).await;
    let (here, there) = (town.house(1), town.house(2));
    let key = open(&here, 7).await;
    let mut browser = Browser::watch(&there, expert(1), key, Seq::START).await;
    let mut seen = BTreeMap::new();
    for (round, owner) in [2, 1, 2, 1].into_iter().enumerate() {
        let said = say(&here, key, 1 + 2 * round as u128, "davor").await;
        browser.read_to(said, &mut seen).await;
        town.move_to(owner).await;
        let said = say(&there, key, 2 + 2 * round as u128, "danach").await;
        browser.read_to(said, &mut seen).await;
    }
    assert_eq!(seen.len(), 8);
    until("one watch, held by the owner", || here.guests() == 1 && there.guests() == 0).await;
    assert_eq!((here.watches(), there.watches()), (0, 1));
}
