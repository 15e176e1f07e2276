//! Who belongs to the cluster: found, invite, admit, announce, drain, remove.

use protocol::{
    cluster::{
        Candidate, ChangeRefusal as No, Config, Epoch, Invitation, Labels, Map, Member, NodeKey,
        Place, Purpose,
    },
    id::NodeId,
    time::Time,
};

use super::{ADDRESSES_MAX, FOUNDER, INVITATIONS_MAX, TEXT_MAX, holds, staying};

/// What a member says of itself when it starts.
pub(super) struct News<'a> {
    pub(super) addresses: &'a [String],
    pub(super) web: &'a [String],
    pub(super) labels: &'a Labels,
    pub(super) release: &'a str,
    pub(super) wire: u16,
}

pub(super) fn found(
    map: &mut Map,
    cluster: NodeId,
    shards: u16,
    first: &Candidate,
) -> Result<(), No> {
    if map.cluster.is_some() {
        return Err(No::Founded);
    }
    if shards == 0 {
        return Err(No::NoShard);
    }
    if first.purpose != Purpose::Data {
        return Err(No::Witness);
    }
    if !fits(&news_of(first)) || first.peer.len() > TEXT_MAX {
        return Err(No::TooMuch);
    }
    map.cluster = Some(cluster);
    let primary = enter(map, FOUNDER, first);
    let config = Config { epoch: Epoch(1), primary, twin: None, generation: 0 };
    map.places = vec![Place { config, wanted: None }; usize::from(shards)];
    Ok(())
}

pub(super) fn invite(
    map: &mut Map,
    digest: [u8; 32],
    expires: Time,
    purpose: Purpose,
) -> Result<(), No> {
    if map.invitations.iter().any(|it| it.digest == digest) {
        return Err(No::Used);
    }
    if map.invitations.len() >= INVITATIONS_MAX {
        return Err(No::TooMuch);
    }
    map.invitations.push(Invitation { digest, expires, purpose });
    Ok(())
}

/// A disk that came in before is told so before its token is looked at: a candidate that did not
/// hear the answer to its first try asks again, and finds itself in the map.
pub(super) fn admit(
    map: &mut Map,
    index: u64,
    digest: &[u8; 32],
    now: Time,
    candidate: &Candidate,
) -> Result<(), No> {
    if candidate.wire < map.level {
        return Err(No::TooOld); // M8
    }
    let known = map.members.values().any(|it| it.id == candidate.id);
    if known || map.storages.contains(&candidate.storage) || map.peers.contains(&candidate.peer) {
        return Err(No::Used);
    }
    let good = |it: &Invitation| {
        it.digest == *digest && it.expires > now && it.purpose == candidate.purpose
    };
    let Some(found) = map.invitations.iter().position(good) else {
        return Err(No::Token);
    };
    if !fits(&news_of(candidate)) || candidate.peer.len() > TEXT_MAX {
        return Err(No::TooMuch);
    }
    map.invitations.remove(found);
    map.invitations.retain(|it| it.expires > now);
    enter(map, index, candidate);
    Ok(())
}

pub(super) fn announce(map: &mut Map, node: NodeKey, news: &News<'_>) -> Result<(), No> {
    if map.member(node).is_none() {
        return Err(No::NotMember);
    }
    if news.wire < map.level {
        return Err(No::TooOld); // M8
    }
    if !fits(news) {
        return Err(No::TooMuch);
    }
    if let Some(member) = map.members.get_mut(&node.number) {
        member.addresses = news.addresses.to_vec();
        member.web = news.web.to_vec();
        member.labels = news.labels.clone();
        member.release = news.release.to_owned();
        member.wire = news.wire;
    }
    Ok(())
}

pub(super) fn drain(map: &mut Map, number: u64, on: bool) -> Result<(), No> {
    let alone = staying(map) == 1;
    let Some(member) = map.members.get_mut(&number) else {
        return Err(No::NotMember);
    };
    if on && alone && member.purpose == Purpose::Data && !member.draining {
        return Err(No::Last);
    }
    member.draining = on;
    Ok(())
}

pub(super) fn remove(map: &mut Map, number: u64) -> Result<(), No> {
    let Some(member) = map.members.get(&number) else {
        return Err(No::NotMember);
    };
    let data = map.members.values().filter(|it| it.purpose == Purpose::Data).count();
    if member.purpose == Purpose::Data && data == 1 {
        return Err(No::Last);
    }
    let key = member.key;
    if holds(map, key) {
        return Err(No::Holds);
    }
    map.members.remove(&number);
    for place in &mut map.places {
        place.wanted = place.wanted.filter(|it| it.primary != key && it.twin != Some(key));
    }
    Ok(())
}

fn enter(map: &mut Map, number: u64, candidate: &Candidate) -> NodeKey {
    let key = NodeKey { number, storage: candidate.storage };
    let member = Member {
        key,
        id: candidate.id,
        peer: candidate.peer.clone(),
        addresses: candidate.addresses.clone(),
        web: candidate.web.clone(),
        labels: candidate.labels.clone(),
        purpose: candidate.purpose,
        release: candidate.release.clone(),
        wire: candidate.wire,
        draining: false,
    };
    let before = map.members.insert(number, member);
    assert!(before.is_none(), "M4");
    assert!(map.storages.insert(candidate.storage), "M4");
    assert!(map.peers.insert(candidate.peer.clone()), "M4");
    key
}

fn news_of(candidate: &Candidate) -> News<'_> {
    News {
        addresses: &candidate.addresses,
        web: &candidate.web,
        labels: &candidate.labels,
        release: &candidate.release,
        wire: candidate.wire,
    }
}

fn fits(news: &News<'_>) -> bool {
    let Labels { name, country, site } = news.labels;
    let short = |text: &str| text.len() <= TEXT_MAX;
    let few = |list: &[String]| list.len() <= ADDRESSES_MAX && list.iter().all(|it| short(it));
    few(news.addresses)
        && few(news.web)
        && [name, country, site].into_iter().all(|it| short(it))
        && short(news.release)
}
