//! The control plane's state machine: how one change becomes the next map.
//!
//! Pure: the order of changes is consensus' affair (the node's `control`), and every member that
//! applies the same changes has the same map. The words are `protocol::cluster`'s.
//!
//! # Invariants
//! - **M1** A shard has one configuration per epoch; only a compare-and-set or force makes the
//!   next, and its epoch is one more.
//! - **M2** Without force, who serves next held a whole copy before (rules a, b); a node without
//!   one becomes the second copy only when the primary itself proposes it (rule c).
//! - **M3** Whoever holds or shall hold a copy is a member with data (rule d).
//! - **M4** A member's number is the index of the change that admitted it, the founder's is 1; no
//!   number, disk or PeerId comes in twice, not even after its member left (rule R3).
//! - **M5** A generation counts the uses of force on its shard; each is on record.
//! - **M6** A refused change leaves everything but the index as it was.
//! - **M7** A want differs from the configuration: what has come true is no longer wanted.
//! - **M8** The level never falls, and rises to what all members speak; nobody below it is a member.
//! - **M9** Nobody is given a copy in a country that is not allowed, not even by force or by wish;
//!   who has one when the rule changes keeps it until it is moved away (S69).
//! - **M10** A host name belongs to one tenant, also when it is closed (S137).
//!
//! Members of the release before apply the same changes and know no level, so nothing here may
//! depend on it before it is 2: then they are gone.

use protocol::{
    cluster::{Change, ChangeRefusal, Config, Epoch, Map, Member, NodeKey, Place, Purpose, Wanted},
    time::Time,
};

mod members;
mod places;
mod settings;
#[cfg(test)]
mod tests;

/// Open invitations at a time.
pub const INVITATIONS_MAX: usize = 256;

/// Addresses of one kind that a member may have.
pub const ADDRESSES_MAX: usize = 32;

/// Bytes of one text a member brings: an address, a label, its release.
pub const TEXT_MAX: usize = 512;

/// Bytes of the reason an operator gives for using force.
pub const WHY_MAX: usize = 4096;

/// Countries that may be named.
pub const COUNTRIES_MAX: usize = 64;

/// Choices that are remembered.
pub const CHOSEN_MAX: usize = 64;

/// Tenants beside the first.
pub const TENANTS_MAX: usize = 256;

/// Host names one tenant may have.
pub const DOMAINS_MAX: usize = 16;

/// Editions and add-ons one tenant may have.
pub const EDITIONS_MAX: usize = 64;

/// The founder's number.
pub const FOUNDER: u64 = 1;

/// Applies the change that was ordered as number `index`. A batch of compare-and-sets has one
/// answer for each, none meaning that it was made; of any other change the list is empty.
///
/// # Errors
/// Why the change was refused (M6).
///
/// # Panics
/// When `index` is not larger than the last: changes have an order.
pub fn apply(
    map: &mut Map,
    index: u64,
    change: &Change,
) -> Result<Vec<Option<ChangeRefusal>>, ChangeRefusal> {
    assert!(index > map.index, "changes are applied in their order, each once");
    map.index = index;
    if map.cluster.is_none() && !matches!(change, Change::Found { .. }) {
        return Err(ChangeRefusal::NotFounded);
    }
    let answer = make(map, index, change)?;
    map.level = map.level.max(map.least()); // M8
    Ok(answer)
}

fn make(
    map: &mut Map,
    index: u64,
    change: &Change,
) -> Result<Vec<Option<ChangeRefusal>>, ChangeRefusal> {
    match change {
        Change::Cas { cases } => return Ok(places::cas_all(map, cases)),
        Change::Found { cluster, shards, first } => members::found(map, *cluster, *shards, first),
        Change::Invite { digest, expires, purpose } => {
            members::invite(map, *digest, *expires, *purpose)
        }
        Change::Admit { digest, now, candidate } => {
            members::admit(map, index, digest, *now, candidate)
        }
        Change::Announce { node, addresses, web, labels, release, wire } => {
            let news = members::News { addresses, web, labels, release, wire: *wire };
            members::announce(map, *node, &news)
        }
        Change::Drain { number, on } => members::drain(map, *number, *on),
        Change::Remove { number } => members::remove(map, *number),
        Change::Want { wants } => places::want(map, wants),
        Change::Force { shard, primary, by, why, now } => {
            places::force(map, *shard, *primary, by, why, *now)
        }
        Change::Set { setting, by, now } => settings::set(map, setting, by, *now),
    }?;
    Ok(Vec::new())
}

/// The map with which one member goes on alone, because those who decided with it are lost for
/// good: no other member is left, and every shard is given to it by force, for nobody can know what
/// the others acknowledged last.
///
/// # Errors
/// [`ChangeRefusal::NotMember`] or [`ChangeRefusal::Witness`] when it cannot, and
/// [`ChangeRefusal::TooMuch`] when the words are too long.
pub fn recovered(
    map: &Map,
    alone: NodeKey,
    by: &str,
    why: &str,
    at: Time,
) -> Result<Map, ChangeRefusal> {
    let mut map = map.clone();
    for shard in 0..u16::try_from(map.places.len()).map_err(|_| ChangeRefusal::TooMuch)? {
        places::force(&mut map, shard, alone, by, why, at)?;
    }
    map.members.retain(|number, _| *number == alone.number);
    map.invitations.clear();
    if let Some(member) = map.members.get_mut(&alone.number) {
        member.draining = false;
    }
    check(&map);
    Ok(map)
}

/// Whether the node holds a copy of any shard that must not be lost.
pub fn holds(map: &Map, node: NodeKey) -> bool {
    map.places.iter().any(|place| place.config.is_eligible(node))
}

/// Whether data may lie where this member stands (M9). As long as nobody has said where it may, it
/// may anywhere.
pub fn may_lie(map: &Map, member: &Member) -> bool {
    let allowed = &map.settings.countries;
    allowed.is_empty() || allowed.contains(&member.labels.country)
}

/// How many members could take a shard: with data, and staying.
pub fn staying(map: &Map) -> usize {
    map.members.values().filter(|it| it.purpose == Purpose::Data && !it.draining).count()
}

/// Panics when an invariant of this module is broken.
pub fn check(map: &Map) {
    if map.cluster.is_none() {
        assert!(map.members.is_empty() && map.places.is_empty(), "nothing before it was founded");
        return;
    }
    assert!(!map.places.is_empty(), "a cluster has shards");
    assert!(map.members.values().any(|it| it.purpose == Purpose::Data), "somebody holds the data");
    check_members(map);
    let domains: Vec<_> = map.tenants.values().flat_map(|it| &it.domains).collect();
    let once: std::collections::BTreeSet<_> = domains.iter().collect();
    assert_eq!(once.len(), domains.len(), "M10");
    for (shard, place) in map.places.iter().enumerate() {
        check_place(map, shard, place);
    }
}

fn check_members(map: &Map) {
    let mut storages = std::collections::BTreeSet::new();
    let mut peers = std::collections::BTreeSet::new();
    for (number, member) in &map.members {
        assert_eq!(*number, member.key.number, "M4");
        assert!(*number <= map.index && *number >= FOUNDER, "M4");
        assert!(storages.insert(member.key.storage) && peers.insert(&member.peer), "M4");
        assert!(map.storages.contains(&member.key.storage), "M4");
        assert!(map.peers.contains(&member.peer), "M4");
        assert!(member.wire >= map.level, "M8");
    }
}

fn check_place(map: &Map, shard: usize, place: &Place) {
    let Config { epoch, primary, twin, generation } = place.config;
    assert!(epoch >= Epoch(1), "M1");
    check_pair(map, primary, twin);
    if let Some(Wanted { primary: serving, twin: second }) = place.wanted {
        check_pair(map, serving, second);
        assert!((serving, second) != (primary, twin), "M7");
    }
    let forced = map.forced.iter().filter(|it| usize::from(it.shard) == shard).count();
    assert_eq!(generation as usize, forced, "M5");
}

fn check_pair(map: &Map, primary: NodeKey, twin: Option<NodeKey>) {
    assert!(twin != Some(primary), "two copies are on two nodes");
    for node in std::iter::once(primary).chain(twin) {
        let holder = map.member(node);
        assert!(holder.is_some_and(|it| it.purpose == Purpose::Data), "M3");
    }
}
