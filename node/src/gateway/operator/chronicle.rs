//! What happened lately: told apart by comparing one look at the cluster with the next.
//!
//! # Invariants
//! - **X1** At most [`KEPT`] happenings are kept, newest first.
//! - **X2** Two looks that see the same make no happening.

use protocol::{
    cluster::{Chosen, Map, Setting},
    operator::{Happening, Occurrence},
    time::Time,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Happenings that are kept.
const KEPT: usize = 100;

/// One look at the cluster.
#[derive(Debug, Clone, Default)]
struct Look {
    leader: Option<u64>,
    up: BTreeSet<u64>,
    names: BTreeMap<u64, String>,
    draining: BTreeSet<u64>,
    primaries: Vec<u64>,
    forced: usize,
    chosen: Option<Chosen>,
}

/// What happened lately.
#[derive(Debug, Default)]
pub struct Chronicle {
    before: Option<Look>,
    kept: VecDeque<Happening>,
}

impl Chronicle {
    /// Takes one more look; the first one makes no happening.
    pub fn look(&mut self, now: Time, map: &Map, leader: Option<u64>, up: &BTreeSet<u64>) {
        let names = map.members.iter().map(|(number, it)| (*number, it.labels.name.clone()));
        let draining = map.members.iter().filter(|(_, it)| it.draining).map(|(number, _)| *number);
        let look = Look {
            leader,
            up: up.clone(),
            names: names.collect(),
            draining: draining.collect(),
            primaries: map.places.iter().map(|it| it.config.primary.number).collect(),
            forced: map.forced.len(),
            chosen: map.settings.chosen.last().cloned(),
        };
        if let Some(before) = self.before.replace(look.clone()) {
            for what in happened(&before, &look, map) {
                self.kept.push_front(Happening { at: now, what });
            }
            self.kept.truncate(KEPT); // X1
        }
    }

    /// Takes what happened on this node and no look shows.
    pub fn note(&mut self, at: Time, what: Occurrence) {
        self.kept.push_front(Happening { at, what });
        self.kept.truncate(KEPT); // X1
    }

    /// What happened lately, newest first.
    pub fn latest(&self) -> Vec<Happening> {
        self.kept.iter().cloned().collect()
    }
}

fn happened(before: &Look, now: &Look, map: &Map) -> Vec<Occurrence> {
    let name = |number: &u64| {
        let known = now.names.get(number).or_else(|| before.names.get(number));
        known.cloned().unwrap_or_else(|| format!("n{number}"))
    };
    let mut all = Vec::new();
    all.extend(before.up.difference(&now.up).map(|it| Occurrence::Down { name: name(it) }));
    if before.leader != now.leader {
        all.push(match &now.leader {
            Some(leader) => Occurrence::Elected { name: name(leader) },
            None => Occurrence::Leaderless {},
        });
    }
    all.extend(now.up.difference(&before.up).map(|it| Occurrence::Up { name: name(it) }));
    let drain = |on| move |it: &u64| (*it, on);
    let begun = now.draining.difference(&before.draining).map(drain(true));
    let ended = before.draining.difference(&now.draining).map(drain(false));
    all.extend(begun.chain(ended).map(|(it, on)| Occurrence::Drain { name: name(&it), on }));
    let pairs = before.primaries.iter().zip(&now.primaries);
    let shards = pairs.filter(|(before, now)| before != now).count() as u32;
    if shards > 0 {
        all.push(Occurrence::Moved { shards });
    }
    let forced = map.forced.iter().skip(before.forced);
    all.extend(forced.map(|it| Occurrence::Forced { shard: it.shard, by: it.by.clone() }));
    if let Some(Chosen { setting: Setting::Countries { allowed }, by, .. }) = &now.chosen
        && before.chosen != now.chosen
    {
        let countries = allowed.iter().cloned().collect::<Vec<_>>().join(", ");
        all.push(Occurrence::Countries { countries, by: by.clone() });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s69_a_choice_of_countries_is_told_with_who_made_it() {
        let (mut map, mut chronicle, up) = (Map::default(), Chronicle::default(), BTreeSet::new());
        let mut choose = |at: u64, by: &str| {
            let allowed = BTreeSet::from(["AT".to_owned(), "DE".to_owned()]);
            let setting = Setting::Countries { allowed };
            let at = Time::from_ms(at);
            map.settings.chosen.push(Chosen { setting, by: by.into(), at });
            chronicle.look(at, &map, None, &up);
            chronicle.latest().into_iter().map(|it| it.what).collect::<Vec<_>>()
        };
        assert_eq!(choose(1, "a"), [], "the first look makes no happening");
        let countries = "AT, DE".to_owned();
        assert_eq!(choose(2, "b"), [Occurrence::Countries { countries, by: "b".into() }]);
    }

    #[test]
    fn x1_x2_only_changes_are_kept_newest_first_and_not_for_ever() {
        let (map, mut chronicle) = (Map::default(), Chronicle::default());
        let (both, one) = (BTreeSet::from([1, 2]), BTreeSet::from([1]));
        for at in 0..10 {
            chronicle.look(Time::from_ms(at), &map, Some(2), &both);
        }
        assert!(chronicle.latest().is_empty(), "X2");
        chronicle.look(Time::from_ms(10), &map, Some(1), &one);
        let what: Vec<_> = chronicle.latest().into_iter().map(|it| it.what).collect();
        let (down, led) =
            (Occurrence::Down { name: "n2".into() }, Occurrence::Elected { name: "n1".into() });
        assert_eq!(what, [led, down]);
        for at in 0..500 {
            chronicle.look(Time::from_ms(at), &map, (at % 2 == 0).then_some(1), &one);
        }
        assert_eq!(chronicle.latest().len(), KEPT, "X1");
    }
}
