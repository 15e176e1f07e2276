//! Who holds which shard: compare-and-set, wants, force.

use protocol::{
    cluster::{Cas, ChangeRefusal as No, Config, Forced, Map, NodeKey, Purpose, Wanted},
    time::Time,
};

use super::{TEXT_MAX, WHY_MAX, may_lie};

/// Each case by itself: one that comes too late does not hold up the others.
pub(super) fn cas_all(map: &mut Map, cases: &[Cas]) -> Vec<Option<No>> {
    cases.iter().map(|case| cas(map, case).err()).collect()
}

fn cas(map: &mut Map, case: &Cas) -> Result<(), No> {
    let Some(config) = map.config(case.shard) else {
        return Err(No::NoShard);
    };
    if config.epoch != case.expect {
        return Err(No::Epoch); // rule a
    }
    if map.member(case.proposer).is_none() {
        return Err(No::NotMember); // rule d
    }
    may_hold(map, config, case.primary, case.twin)?; // rule d
    if !config.is_eligible(case.primary) {
        return Err(No::NotEligible); // rule b
    }
    let adds = case.twin.is_some_and(|twin| !config.is_eligible(twin));
    if adds && !(case.proposer == config.primary && case.primary == config.primary) {
        return Err(No::NotPrimary); // rule c
    }
    let next = Config { primary: case.primary, twin: case.twin, ..config };
    enact(map, case.shard, config, next);
    Ok(())
}

pub(super) fn want(map: &mut Map, wants: &[(u16, Option<Wanted>)]) -> Result<(), No> {
    for (shard, wanted) in wants {
        let Some(config) = map.config(*shard) else {
            return Err(No::NoShard);
        };
        if let Some(wanted) = wanted {
            may_hold(map, config, wanted.primary, wanted.twin)?;
        }
    }
    for (shard, wanted) in wants {
        let place = &mut map.places[usize::from(*shard)];
        place.wanted = wanted.filter(|it| !has_come_true(place.config, *it));
    }
    Ok(())
}

pub(super) fn force(
    map: &mut Map,
    shard: u16,
    primary: NodeKey,
    by: &str,
    why: &str,
    at: Time,
) -> Result<(), No> {
    let Some(before) = map.config(shard) else {
        return Err(No::NoShard);
    };
    may_hold(map, before, primary, None)?;
    if by.len() > TEXT_MAX || why.len() > WHY_MAX {
        return Err(No::TooMuch);
    }
    let (by, why) = (by.to_owned(), why.to_owned());
    map.forced.push(Forced { shard, before, primary, by, why, at });
    let next = Config { primary, twin: None, generation: before.generation + 1, ..before };
    enact(map, shard, before, next);
    map.places[usize::from(shard)].wanted = None;
    Ok(())
}

/// The only place where a configuration changes (M1).
fn enact(map: &mut Map, shard: u16, before: Config, next: Config) {
    assert_eq!(map.config(shard), Some(before), "M1");
    let new = |node: &NodeKey| !before.is_eligible(*node);
    let stands = |node: NodeKey| map.members.get(&node.number).is_some_and(|it| may_lie(map, it));
    let pair = std::iter::once(next.primary).chain(next.twin);
    assert!(pair.filter(new).all(stands), "M9");
    let place = &mut map.places[usize::from(shard)];
    let forced = next.generation != before.generation;
    assert!(forced || before.is_eligible(next.primary), "M2");
    place.config = Config { epoch: before.epoch.next(), ..next };
    place.wanted = place.wanted.filter(|it| !has_come_true(place.config, *it));
}

fn has_come_true(config: Config, wanted: Wanted) -> bool {
    (config.primary, config.twin) == (wanted.primary, wanted.twin)
}

/// Two nodes, both members, both for data (M3); who has no whole copy yet stands where one may lie
/// (M9).
fn may_hold(map: &Map, config: Config, primary: NodeKey, twin: Option<NodeKey>) -> Result<(), No> {
    for node in std::iter::once(primary).chain(twin) {
        match map.member(node) {
            None => return Err(No::NotMember),
            Some(member) if member.purpose == Purpose::Witness => return Err(No::Witness),
            Some(member) if !config.is_eligible(node) && !may_lie(map, member) => {
                return Err(No::Country);
            }
            Some(_) => {}
        }
    }
    if twin == Some(primary) { Err(No::NotEligible) } else { Ok(()) }
}
