//! Is there one order of everything that fits the times? Judged by porcupine.
//!
//! The model is a list that only grows: saying appends one message, looking shows how many there
//! are. The end of the history fixes the order of the list, so a say fits exactly when its turn has
//! come and a look exactly when so many were said: the search has one way to go, and a history of
//! ten thousand entries takes a moment. (That what was looked at *is* that beginning of the list is
//! CC6 of the contract.)
//!
//! A message of unknown fate that does not stand in the list never took effect and is left out; one
//! that does took effect at some moment after it was asked for, however late.

use porcupine_rs::{CheckResult, Model, Operation};
use std::{collections::BTreeMap, time::Duration};

use super::{Fate, Log};

/// How long the search may take: far more than it does.
const PATIENCE: Duration = Duration::from_secs(120);

/// A list that only grows; its state is its length.
#[derive(Debug, Clone)]
struct Growing;

/// What somebody did.
#[derive(Debug, Clone)]
enum Done {
    /// Said the message that stands at this place (0 is the first).
    Said(usize),
    /// Said a message that stands nowhere, and was told it does.
    Lost,
    /// Was shown so many messages.
    Looked(usize),
}

impl Model for Growing {
    type State = usize;
    type Op = Done;
    type Metadata = ();

    fn init() -> usize {
        0
    }

    fn step(state: &usize, done: &Done) -> (bool, usize) {
        match done {
            Done::Said(place) => (place == state, state + 1),
            Done::Lost => (false, *state),
            Done::Looked(length) => (length == state, *state),
        }
    }
}

/// What is wrong with the order, in a sentence; nothing when there is one that fits.
pub fn wrong(log: &Log) -> Option<String> {
    let operations = operations(log);
    match porcupine_rs::check_operations_timeout(&operations, PATIENCE) {
        CheckResult::Ok => None,
        CheckResult::Unknown => Some(format!(
            "no verdict on the order of {} entries within {PATIENCE:?}",
            operations.len()
        )),
        CheckResult::Illegal => Some(format!(
            "not linearizable: no order of {} entries fits the times. {}",
            operations.len(),
            first_stale(log).unwrap_or_default()
        )),
    }
}

fn operations(log: &Log) -> Vec<Operation<Growing>> {
    let truth = log.ends.first().map(Vec::as_slice).unwrap_or_default();
    let places: BTreeMap<u128, usize> =
        truth.iter().enumerate().map(|(place, seen)| (seen.message, place)).collect();
    let says = log.said.iter().filter_map(|said| {
        let done = match (said.fate, places.get(&said.message)) {
            (_, Some(place)) => Done::Said(*place),
            (Fate::Kept { .. }, None) => Done::Lost,
            (Fate::Refused | Fate::Unknown, None) => return None,
        };
        Some(operation(said.client, said.call, said.back, done))
    });
    let fresh = log.looked.iter().filter(|it| it.fresh);
    let looks = fresh.map(|it| operation(it.client, it.call, it.back, Done::Looked(it.length)));
    says.chain(looks).collect()
}

fn operation(client: u32, call: u64, back: u64, op: Done) -> Operation<Growing> {
    let time = |us: u64| i64::try_from(us).unwrap_or(i64::MAX);
    Operation {
        client_id: Some(client),
        call_time: time(call),
        return_time: time(back),
        op,
        metadata: None,
    }
}

/// A pointer for whoever has to find out: the first look that shows less than was acknowledged
/// before it began.
fn first_stale(log: &Log) -> Option<String> {
    let truth = log.ends.first()?;
    let places: BTreeMap<u128, usize> =
        truth.iter().enumerate().map(|(place, seen)| (seen.message, place)).collect();
    let mut looks: Vec<_> = log.looked.iter().filter(|it| it.fresh).collect();
    looks.sort_by_key(|it| it.call);
    looks.into_iter().find_map(|look| {
        let before = log.said.iter().filter(|said| said.back < look.call);
        let owed = before.filter_map(|said| Some((*places.get(&said.message)? + 1, said)));
        let (owed, said) = owed.max_by_key(|(owed, _)| *owed)?;
        (owed > look.length).then(|| {
            format!(
                "Client {} asked at {} us and was shown {} messages, although {:032x} at place \
                 {owed} was acknowledged at {} us",
                look.client, look.call, look.length, said.message, said.back
            )
        })
    })
}
