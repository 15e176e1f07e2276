//! What nodes say to each other and what the control plane keeps: the words that two releases of
//! one cluster must both understand (VR2).

use super::{Any, Chance, Made, Visitor, made_enums, made_structs};
use protocol::{cluster, key::Key, peer, twin};
use std::collections::{BTreeMap, BTreeSet};

/// A frame between nodes may be longer; what is tried is not.
const BYTES: usize = 256 * 1024;

/// Visits every word between nodes.
pub(super) fn between_nodes(to: &mut impl Visitor) {
    to.visit::<peer::PeerFrame, BYTES>("peer/frames");
    to.visit::<peer::PeerRequest, BYTES>("peer/requests");
    to.visit::<peer::PeerAnswer, BYTES>("peer/answers");
    to.visit::<peer::PeerNo, BYTES>("peer/noes");
    to.visit::<peer::Told, BYTES>("peer/told");
    to.visit::<peer::NodeStatus, BYTES>("peer/statuses");
    to.visit::<peer::ShardStatus, BYTES>("peer/shards");
    to.visit::<peer::ContentStatus, BYTES>("peer/content-statuses");
    to.visit::<Key, BYTES>("peer/keys");
    to.visit::<twin::TwinBatch, BYTES>("twin/batches");
    to.visit::<twin::TwinFrame, BYTES>("twin/frames");
    to.visit::<twin::Entry, BYTES>("twin/entries");
    to.visit::<cluster::Change, BYTES>("cluster/changes");
    to.visit::<cluster::ChangeRefusal, BYTES>("cluster/refusals");
    to.visit::<cluster::Candidate, BYTES>("cluster/candidates");
    to.visit::<cluster::Member, BYTES>("cluster/members");
    to.visit::<cluster::Purpose, BYTES>("cluster/purposes");
    to.visit::<cluster::Setting, BYTES>("cluster/settings");
    to.visit::<cluster::TenantInfo, BYTES>("cluster/tenants");
    to.visit::<cluster::Place, BYTES>("cluster/places");
    to.visit::<cluster::Invitation, BYTES>("cluster/invitations");
    to.visit::<cluster::Forced, BYTES>("cluster/forced");
    to.visit::<cluster::Map, BYTES>("cluster/maps");
}

made_enums! {
    Key {
        Tenant { 0 } Vault { 0 } Session { 0 } Room { 0 } Conversation { 0 } File { 0 }
        Accounts { 0 } Audit { 0 }
    }
    peer::PeerFrame {
        Ask { id, request } Answer { id, answer } Twins { 0 } Told { 0 }
    }
    peer::PeerRequest {
        Raft { 0 } Change { 0 } Status {} Input { key, by, input } Query { key, query }
        Watch { key, watch, by, after } Unwatch { key, watch } Media { room, by, watch, command }
        CutLink { 0 } CutSession { 0 } State { shard, after } Content { hash, len, offset }
        KeepContent { file, hash, len } Sums { shard, after } Backup { shard, after }
        Once { key, by, request, input } WatchIn { key, watch, by, after, generation }
        ContentStatus {} SumUp { shard, epoch, of } Stored { shard, epoch, journal, from, upto }
        CutRole { tenant, person, role }
    }
    peer::SumsOf { Behind { 0 } Only { 0 } }
    peer::PeerAnswer {
        Done {} Seq { 0 } Bytes { 0 } Changed { index, refused } Sdp { 0 }
        State { base, page, next } Content { bytes } Sums { since, upto, sums, more }
        Stored { entries }
    }
    peer::PeerNo { Refused { 0 } Faulted { 0 } NotOwner { 0 } NotLeader { 0 } Unknown {} }
    twin::TwinFrame {
        Append { epoch, generation, prev, entries, commit } Ack { epoch, durable }
        Mismatch { epoch, hint } Fence { seen } Beat { epoch, sent, commit }
        BeatAck { epoch, sent, durable } TooFar { epoch, hint } Release { epoch }
    }
    cluster::Purpose { Data {} Witness {} }
    cluster::Setting { Countries { allowed } Tenant { tenant, info } }
    cluster::Change {
        Found { cluster, shards, first } Invite { digest, expires, purpose }
        Admit { digest, now, candidate } Announce { node, addresses, web, labels, release, wire }
        Drain { number, on } Remove { number } Cas { cases } Want { wants }
        Force { shard, primary, by, why, now } Set { setting, by, now }
    }
    cluster::ChangeRefusal {
        Epoch {} NotEligible {} NotPrimary {} NotMember {} NoShard {} Founded {} Token {} Holds {}
        Witness {} Last {} Used {} NotFounded {} TooMuch {} Country {}
        Setting {} TooOld {}
    }
}

made_structs! {
    peer::JournalSum { journal, end }
    peer::Told { line, number, to, seq, frame }
    peer::NodeStatus { node, map, leader, sockets, calls, rooms, reaches, shards }
    peer::ShardStatus { shard, epoch, serves, last, commit, lag, copying }
    peer::ContentStatus { map, unlooked, missing }
    twin::TwinBatch { from, frames }
    twin::Entry { at, kind, payload }
    twin::At { epoch, lsn }
    cluster::NodeKey { number, storage }
    cluster::Labels { name, country, site }
    cluster::Candidate { storage, id, peer, addresses, web, labels, purpose, release, wire }
    cluster::Member {
        key, id, peer, addresses, web, labels, purpose, release, wire, draining
    }
    cluster::Config { epoch, primary, twin, generation }
    cluster::Wanted { primary, twin }
    cluster::Place { config, wanted }
    cluster::TenantInfo { name, domains, test, closed, editions }
    cluster::Cas { shard, expect, primary, twin, proposer }
    cluster::Invitation { digest, expires, purpose }
    cluster::Forced { shard, before, primary, by, why, at }
}

/// By hand: the level and the settings are no fields of it on the wire, but its tail.
impl Any for cluster::Map {
    fn any(from: &mut Chance<'_>) -> Self {
        Self {
            index: Any::any(from),
            cluster: Any::any(from),
            members: Any::any(from),
            places: Any::any(from),
            invitations: Any::any(from),
            forced: Any::any(from),
            storages: Any::any(from),
            peers: Any::any(from),
            level: 0,
            settings: cluster::Settings::default(),
            tenants: BTreeMap::new(),
        }
    }
}

impl Made for cluster::Map {
    const NAMES: &'static [&'static str] = &["Map"];

    fn made(_variant: usize, from: &mut Chance<'_>) -> Self {
        Self::any(from)
    }

    fn name(&self) -> &'static str {
        "Map"
    }
}

macro_rules! any_numbers {
    ($($name:ident)*) => {$(
        impl Any for cluster::$name {
            fn any(from: &mut Chance<'_>) -> Self {
                Self(u64::any(from))
            }
        }
    )*};
}

any_numbers! { Epoch Lsn }

impl Any for u8 {
    fn any(from: &mut Chance<'_>) -> Self {
        from.byte()
    }
}

impl Any for bytes::Bytes {
    fn any(from: &mut Chance<'_>) -> Self {
        Vec::any(from).into()
    }
}

impl<A: Any, B: Any> Any for (A, B) {
    fn any(from: &mut Chance<'_>) -> Self {
        (A::any(from), B::any(from))
    }
}

impl<A: Any, B: Any> Any for Result<A, B> {
    fn any(from: &mut Chance<'_>) -> Self {
        if bool::any(from) { Ok(A::any(from)) } else { Err(B::any(from)) }
    }
}

impl<K: Any + Ord, V: Any> Any for BTreeMap<K, V> {
    fn any(from: &mut Chance<'_>) -> Self {
        Vec::<(K, V)>::any(from).into_iter().collect()
    }
}

impl<T: Any + Ord> Any for BTreeSet<T> {
    fn any(from: &mut Chance<'_>) -> Self {
        Vec::<T>::any(from).into_iter().collect()
    }
}
