//! The cluster: who belongs to it, where each shard lives, and how either may change.
//!
//! These are the words of the control plane. The rule that applies a [`Change`] is
//! `storage::control`; consensus about the order of changes is the node's affair. Liveness is not
//! among them: who answers at the moment is never written down.

use crate::{
    codec,
    id::{NodeId, TenantId},
    time::Time,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};
use ts_rs::TS;

macro_rules! number {
    ($($(#[$meta:meta])* $name:ident;)*) => {$(
        $(#[$meta])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, TS,
        )]
        #[ts(type = "number")]
        pub struct $name(pub u64);

        impl $name {
            /// The one after.
            pub const fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(to)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(to)
            }
        }
    )*};
}

number! {
    /// The number of a shard's configuration; a message of an older epoch is refused.
    Epoch;
    /// A position in a shard's log: 1 is the first entry, 0 is before it.
    Lsn;
}

/// A node of the cluster: the number it was admitted under and the disk it came with. Neither is
/// ever used again, so a node that lost its disk is another node (rule R3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(rename_all = "camelCase")]
pub struct NodeKey {
    /// The index of the change that admitted it.
    #[ts(type = "number")]
    pub number: u64,
    /// Chance, made with its data folder.
    #[ts(type = "number")]
    pub storage: u64,
}

impl fmt::Display for NodeKey {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "n{}", self.number)
    }
}

impl fmt::Debug for NodeKey {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "n{}", self.number)
    }
}

shape! {
    /// Where a node stands, for placement and for people.
    #[derive(Eq, Default)]
    pub struct Labels {
        /// What people call it.
        pub name: String,
        /// ISO 3166 code of the country its disks stand in; decides what may be placed there.
        pub country: String,
        /// The building, room or zone; the two copies of a shard stand in different ones.
        pub site: String,
    }
}

names! {
    /// What a node is for.
    pub enum Purpose {
        /// Holds shards, serves browsers, may vote.
        Data,
        /// Votes and holds nothing: what makes two machines safe.
        Witness,
    }
}

shape! {
    /// A node as the others know it.
    #[derive(Eq)]
    pub struct Member {
        /// Its number and disk.
        pub key: NodeKey,
        /// The id that browsers and logs know.
        pub id: NodeId,
        /// Its libp2p PeerId, base 58: who it proves to be on every connection.
        pub peer: String,
        /// Where other nodes reach it, as libp2p multiaddresses.
        pub addresses: Vec<String>,
        /// Where browsers reach it, as origins (`https://host:port`); none for a witness.
        pub web: Vec<String>,
        /// Where it stands.
        pub labels: Labels,
        /// What it is for.
        pub purpose: Purpose,
        /// The release it runs.
        pub release: String,
        /// The newest wire version between nodes that it speaks.
        pub wire: u16,
        /// On its way out: given nothing, and relieved of what it has.
        pub draining: bool,
    }
}

shape! {
    /// Who holds a shard. Only a compare-and-set on the epoch changes it.
    #[derive(Copy, Eq)]
    pub struct Config {
        /// Rises by one with every change.
        pub epoch: Epoch,
        /// Serves the shard.
        pub primary: NodeKey,
        /// Holds the second copy; without one the shard is alone (Solo).
        pub twin: Option<NodeKey>,
        /// Rises only when copies were given up by force: cursors of an older one are void.
        #[ts(type = "number")]
        pub generation: u32,
    }
}

impl Config {
    /// Whether this node's copy holds everything that was ever acknowledged.
    pub fn is_eligible(&self, node: NodeKey) -> bool {
        self.primary == node || self.twin == Some(node)
    }
}

shape! {
    /// Where placement would like a shard to be; the shard's primary brings it about.
    #[derive(Copy, Eq)]
    pub struct Wanted {
        /// Who should serve.
        pub primary: NodeKey,
        /// Who should hold the second copy.
        pub twin: Option<NodeKey>,
    }
}

shape! {
    /// One shard in the map.
    #[derive(Copy, Eq)]
    pub struct Place {
        /// Who holds it.
        pub config: Config,
        /// Who should.
        pub wanted: Option<Wanted>,
    }
}

shape! {
    /// A proposal to change who holds a shard.
    #[derive(Copy, Eq)]
    pub struct Cas {
        /// Which shard.
        pub shard: u16,
        /// The epoch the proposer knows.
        pub expect: Epoch,
        /// Who shall serve.
        pub primary: NodeKey,
        /// Who shall hold the second copy.
        pub twin: Option<NodeKey>,
        /// Who proposes.
        pub proposer: NodeKey,
    }
}

shape! {
    /// A node that asks to be admitted.
    #[derive(Eq)]
    pub struct Candidate {
        /// Of its data folder.
        #[ts(type = "number")]
        pub storage: u64,
        /// The id that browsers and logs will know.
        pub id: NodeId,
        /// Its libp2p PeerId.
        pub peer: String,
        /// Where other nodes reach it.
        pub addresses: Vec<String>,
        /// Where browsers reach it.
        pub web: Vec<String>,
        /// Where it stands.
        pub labels: Labels,
        /// What it is for.
        pub purpose: Purpose,
        /// The release it runs.
        pub release: String,
        /// The newest wire version between nodes that it speaks.
        pub wire: u16,
    }
}

word! {
    /// A change that the control plane orders and every node applies alike.
    pub enum Change {
        /// The first of all: this node alone holds everything.
        Found { cluster: NodeId, shards: u16, first: Candidate },
        /// Whoever shows the token with this SHA-256 before it expires may join, once.
        Invite { digest: [u8; 32], expires: Time, purpose: Purpose },
        /// A node joins; it shows a token. Its number is the index of this change.
        Admit { digest: [u8; 32], now: Time, candidate: Candidate },
        /// A member started: these are its addresses and its release now.
        Announce { node: NodeKey, addresses: Vec<String>, web: Vec<String>, labels: Labels, release: String, wire: u16 },
        /// A member shall give everything away, or shall not after all.
        Drain { number: u64, on: bool },
        /// A member that holds no copy is no longer one; its key is never used again.
        Remove { number: u64 },
        /// Who holds which shard: each is taken or refused by itself.
        Cas { cases: Vec<Cas> },
        /// Where shards should be.
        Want { wants: Vec<(u16, Option<Wanted>)> },
        /// An operator gives a shard to a node although acknowledged data may be lost (rule R8).
        Force { shard: u16, primary: NodeKey, by: String, why: String, now: Time },
        /// An operator chooses something for the whole cluster.
        Set { setting: Setting, by: String, now: Time },
    }
}

word! {
    /// What an operator chooses for the whole cluster.
    #[derive(Eq)]
    pub enum Setting {
        /// Countries in which data of people may lie, as ISO 3166 codes.
        Countries { allowed: BTreeSet<String> },
        /// A tenant, as it is from now on. Since version 3.
        Tenant { tenant: TenantId, info: TenantInfo },
    }
}

shape! {
    /// A tenant as every node knows it: where it is found, and what it has. Nothing here is about a
    /// person.
    #[derive(Eq, Default)]
    pub struct TenantInfo {
        /// What people call it.
        pub name: String,
        /// Host names under which it is reached, in lower case; each is one tenant's alone.
        pub domains: BTreeSet<String>,
        /// A test system beside a live one (S135): every page says so.
        pub test: bool,
        /// It is served no longer.
        pub closed: bool,
        /// Editions and add-ons, on or off (S206).
        pub editions: BTreeMap<String, bool>,
    }
}

/// What was chosen for the whole cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Settings {
    /// Countries in which data may lie; empty as long as nobody has said.
    pub countries: BTreeSet<String>,
    /// The latest choices, oldest first.
    pub chosen: Vec<Chosen>,
}

/// A choice, and who made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// What.
    pub setting: Setting,
    /// Who chose it.
    pub by: String,
    /// When.
    pub at: Time,
}

/// An open invitation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// SHA-256 of the token.
    pub digest: [u8; 32],
    /// Good until then.
    pub expires: Time,
    /// What the newcomer may be.
    pub purpose: Purpose,
}

/// A use of force, kept for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forced {
    /// Which shard.
    pub shard: u16,
    /// Who held it before.
    pub before: Config,
    /// Who was given it.
    pub primary: NodeKey,
    /// Who ordered it.
    pub by: String,
    /// Why, in the operator's words.
    pub why: String,
    /// When.
    pub at: Time,
}

/// Everything the control plane knows, as of one change.
///
/// Its bytes are those of version 1, followed from level 2 on by a tail ([`Map::to_bytes`]).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Map {
    /// The index of the last change that is in here.
    pub index: u64,
    /// The cluster's id; none before it was founded.
    pub cluster: Option<NodeId>,
    /// Members by number.
    pub members: BTreeMap<u64, Member>,
    /// Every shard.
    pub places: Vec<Place>,
    /// Open invitations.
    pub invitations: Vec<Invitation>,
    /// What was done by force.
    pub forced: Vec<Forced>,
    /// Disks that ever came in; none comes in twice, not even after it left (rule R3).
    pub storages: BTreeSet<u64>,
    /// PeerIds that ever came in, likewise.
    pub peers: BTreeSet<String>,
    /// The lowest version of the wire that all members ever spoke at one time; 0 before it was
    /// founded. What a release newer than that brings is not yet written (VR4).
    #[serde(skip)]
    pub level: u16,
    /// What was chosen for the whole cluster. It follows the rest: see [`Map::to_bytes`].
    #[serde(skip)]
    pub settings: Settings,
    /// Tenants beside the first. They follow the settings: see [`Map::to_bytes`].
    #[serde(skip)]
    pub tenants: BTreeMap<TenantId, TenantInfo>,
}

/// What follows the map of version 1; grows at its end.
#[derive(Serialize, Deserialize)]
struct Tail {
    level: u16,
    settings: Settings,
}

/// The first level whose maps have a tail.
const TAILED: u16 = 2;

/// The first level whose maps have tenants behind the tail.
const TENANTED: u16 = crate::version::TENANTS;

impl Map {
    /// The map as it is kept and sent: in the words of its own level (VR4).
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = codec::encode(self);
        // Nothing is chosen below that level, but what was must never be forgotten.
        if self.level >= TAILED || self.settings != Settings::default() {
            let settings = self.settings.clone();
            bytes.extend(codec::encode(&Tail { level: self.level, settings }));
        }
        // None are made below that level, and it never falls.
        if self.level >= TENANTED {
            bytes.extend(codec::encode(&self.tenants));
        }
        bytes
    }

    /// Reads a map of any level; allocates no more than `MAX` bytes.
    ///
    /// # Errors
    /// When the bytes are none.
    pub fn from_bytes<const MAX: usize>(bytes: &[u8]) -> Result<Self, codec::CodecFault> {
        let (mut map, tail) = codec::decode_front::<Self, MAX>(bytes)?;
        // Whoever wrote none knew no level: it was as high as its members allowed.
        if tail.is_empty() {
            map.level = map.least();
        } else {
            let (known, rest) = codec::decode_front::<Tail, MAX>(tail)?;
            if known.level >= TENANTED {
                map.tenants = codec::decode::<BTreeMap<_, _>, MAX>(rest)?;
            } else {
                codec::decode::<Tail, MAX>(tail)?; // nothing follows it
            }
            Tail { level: map.level, settings: map.settings } = known;
        }
        Ok(map)
    }

    /// The lowest version of the wire that all members speak; 0 when there are none.
    pub fn least(&self) -> u16 {
        self.members.values().map(|it| it.wire).min().unwrap_or(0)
    }

    /// The member with this key; none when it left, or came with another disk.
    pub fn member(&self, node: NodeKey) -> Option<&Member> {
        self.members.get(&node.number).filter(|it| it.key == node)
    }

    /// Who holds a shard.
    pub fn config(&self, shard: u16) -> Option<Config> {
        self.places.get(usize::from(shard)).map(|place| place.config)
    }
}

names! {
    /// Why a change was not made.
    pub enum ChangeRefusal {
        /// The epoch is another one by now: somebody was quicker.
        Epoch,
        /// Only a node whose copy is whole may serve.
        NotEligible,
        /// Only the shard's primary may add a second copy.
        NotPrimary,
        /// That node is no member, or was admitted with another disk.
        NotMember,
        /// There is no such shard.
        NoShard,
        /// A cluster is founded once.
        Founded,
        /// The token is unknown, used or expired.
        Token,
        /// The node still holds copies; drain it first.
        Holds,
        /// A witness holds no data.
        Witness,
        /// The last member with data cannot leave.
        Last,
        /// That disk or that PeerId came in before; each comes in once (rule R3).
        Used,
        /// Nothing is founded yet.
        NotFounded,
        /// More, or longer, than there is room for in the map.
        TooMuch,
        /// That node stands in a country in which no data may lie.
        Country,
        /// What was chosen is none, or leaves no node that data may lie on.
        Setting,
        /// Its release is behind the level of the cluster (VR5). Since version 2.
        TooOld,
    }
}
