//! What a chat owes, judged from outside.
//!
//! # Invariants
//! - **CC1** Every acknowledged message stands in the conversation.
//! - **CC2** No message stands in it twice, and positions rise.
//! - **CC3** A message that was refused, on every try, does not stand in it.
//! - **CC4** Nothing stands in it that nobody said.
//! - **CC5** Every node shows the same list when all is calm.
//! - **CC6** Whatever anybody was ever shown is a beginning of that list: nothing seen was lost,
//!   doubled or put elsewhere.
//! - **CC7** An acknowledged position is not before the message's own.

use std::collections::BTreeMap;

use super::{Fate, Log, Seen, chains};

/// What a log breaks, in sentences.
pub fn wrong(log: &Log) -> Vec<String> {
    let Some((truth, others)) = log.ends.split_first() else {
        return vec!["nobody looked at the end: there is nothing to judge by".into()];
    };
    let mut wrong = log.wrong.clone();
    let places = places(truth, &mut wrong);
    fates(log, &places, &mut wrong);
    strangers(log, truth, &mut wrong);
    for (other, list) in others.iter().enumerate().filter(|(_, list)| *list != truth) {
        let at = truth.iter().zip(list).take_while(|(one, two)| one == two).count();
        wrong.push(format!(
            "CC5: end {} has {} messages and the first has {}; they part after {at}",
            other + 1,
            list.len(),
            truth.len()
        ));
    }
    beginnings(log, truth, &mut wrong);
    wrong
}

/// Where each message stands.
fn places(truth: &[Seen], wrong: &mut Vec<String>) -> BTreeMap<u128, u64> {
    let mut places = BTreeMap::new();
    let mut before = 0;
    for seen in truth {
        if seen.seq <= before {
            wrong.push(format!("CC2: position {} comes after {before}", seen.seq));
        }
        before = seen.seq;
        if let Some(first) = places.insert(seen.message, seen.seq) {
            let (message, second) = (seen.message, seen.seq);
            wrong.push(format!("CC2: {message:032x} stands at {first} and at {second}"));
        }
    }
    places
}

fn fates(log: &Log, places: &BTreeMap<u128, u64>, wrong: &mut Vec<String>) {
    for said in &log.said {
        let name = || format!("{:032x} of client {}", said.message, said.client);
        match (said.fate, places.get(&said.message)) {
            (Fate::Kept { upto }, None) => wrong.push(format!(
                "CC1: {} was acknowledged at {} us as durable up to {upto} and is lost",
                name(),
                said.back
            )),
            (Fate::Kept { upto }, Some(at)) if upto < *at => {
                wrong.push(format!("CC7: {} stands at {at}, acknowledged up to {upto}", name()));
            }
            (Fate::Refused, Some(at)) => {
                wrong.push(format!("CC3: {} was refused and stands at {at}", name()));
            }
            _ => {}
        }
    }
}

fn strangers(log: &Log, truth: &[Seen], wrong: &mut Vec<String>) {
    let known: BTreeMap<u128, ()> = log.said.iter().map(|said| (said.message, ())).collect();
    let strangers = truth.iter().filter(|seen| !known.contains_key(&seen.message));
    wrong.extend(strangers.map(|seen| {
        let Seen { seq, message } = *seen;
        format!("CC4: {message:032x} at {seq} was said by nobody")
    }));
}

fn beginnings(log: &Log, truth: &[Seen], wrong: &mut Vec<String>) {
    let chains = chains(truth);
    let strange = log.looked.iter().filter(|it| chains.get(it.length) != Some(&it.chain));
    // One bad order makes every later look bad: a few say enough.
    wrong.extend(strange.take(5).map(|it| {
        format!(
            "CC6: client {} was shown {} messages at {} us that are no beginning of the truth",
            it.client, it.length, it.back
        )
    }));
}
