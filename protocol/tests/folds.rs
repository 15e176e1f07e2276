//! The fold vectors are well formed: Rust and TypeScript both fold `events` and compare `state`.
//!
//! `by` is the caller whose view `state` is, with `after` at the start. Nobody is present and
//! nobody publishes: notes are not folded here.

use protocol::{
    caller::Caller,
    conversation::{ConversationEvent, ConversationView},
    id::Seq,
    room::{RoomEvent, RoomView},
    time::Time,
};
use serde::{Deserialize, de::DeserializeOwned};
use std::{collections::BTreeSet, fs, path::PathBuf};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fold<E, V> {
    name: String,
    by: Caller,
    events: Vec<Kept<E>>,
    state: V,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept<E> {
    seq: Seq,
    at: Time,
    event: E,
}

fn read<E: DeserializeOwned, V: DeserializeOwned>(word: &str) -> Vec<Fold<E, V>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors").join(word);
    let text = fs::read_to_string(path.join("folds.json")).expect("every word has its folds");
    let folds: Vec<Fold<E, V>> = serde_json::from_str(&text).expect("folds are words");
    let names: BTreeSet<_> = folds.iter().map(|fold| fold.name.clone()).collect();
    assert_eq!(names.len(), folds.len(), "{word}: two folds of one name");
    for fold in &folds {
        let mut before = (Seq::START, Time::from_ms(0));
        for kept in &fold.events {
            assert_eq!(kept.seq, before.0.next(), "{word}, {}: a gap", fold.name);
            assert!(kept.at > before.1, "{word}, {}: time stands still", fold.name);
            before = (kept.seq, kept.at);
        }
    }
    folds
}

#[test]
fn room_folds_begin_with_opened_and_are_seen_by_the_lead() {
    let folds = read::<RoomEvent, RoomView>("room");
    assert!(folds.len() >= 6);
    for fold in folds {
        assert!(matches!(fold.events[0].event, RoomEvent::Opened { .. }), "{}", fold.name);
        assert_eq!(fold.by.person, fold.state.lead, "{}", fold.name);
        assert!(fold.state.leading, "{}", fold.name);
        assert!(fold.state.seats.iter().is_sorted_by_key(|seat| seat.since), "{}", fold.name);
        assert!(fold.state.waiting.iter().is_sorted_by_key(|one| one.since), "{}", fold.name);
    }
}

#[test]
fn conversation_folds_begin_with_opened_and_are_seen_by_one_of_its_people() {
    let folds = read::<ConversationEvent, ConversationView>("conversation");
    assert!(folds.len() >= 6);
    for fold in folds {
        assert!(matches!(fold.events[0].event, ConversationEvent::Opened { .. }), "{}", fold.name);
        assert!(fold.state.people.contains(&fold.by.person), "{}", fold.name);
        let messages = &fold.state.messages;
        assert!(messages.iter().is_sorted_by_key(|message| message.seq), "{}", fold.name);
        assert!(messages.iter().all(|message| message.changed >= message.seq), "{}", fold.name);
    }
}
