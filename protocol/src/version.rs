//! Versions of what travels and of what is kept, and what a release owes the one before it.
//!
//! A cluster is upgraded node by node, so two releases work side by side for a while, on the wire
//! and on the disks. They need not know each other's release for that, only the version of the wire
//! each speaks. A cluster has a **level**: the lowest version that all members ever spoke at one
//! time. The map holds it, so everybody knows it of everybody.
//!
//! # Invariants
//! - **VR1** Two nodes speak the lower of the newest versions either of them speaks. When one of
//!   them does not speak that any more, they do not connect, and both can say why.
//!   *(negotiated by the node's `swarm`)*
//! - **VR2** What travels or is kept grows at the end only: an enum by variants, the map by a tail.
//!   Nothing is taken out, moved or given another meaning. *(`vectors/` remembers)*
//! - **VR3** What the other node does not know is not sent to it, and the asker is told so at once;
//!   what arrives and is not understood is answered as unknown, and the line goes on. *(the node's
//!   `peers`)*
//! - **VR4** A release reads whatever the one before it wrote. A new shape is written, and a new
//!   change, event or input is made, only at a level at which every member reads it. Until then
//!   each node can go back to the release before. *(`storage::control` keeps the level, the node's
//!   `control::machine` writes it down before anybody acts on it)*
//! - **VR5** The level never falls. Who does not speak it is no longer let in; a folder of a newer
//!   level, or of one that is too old, is not opened. Each of the three is refused in words.
//!
//! # Why not a version for each message?
//! A number in the greeting is compared once for each line; messages stay as small as they are, and
//! what is new asks [`crate::peer::PeerFrame::since`] in the one place that sends.

/// What a browser and a node speak. Each number says what changed.
///
/// - 1: the first: session, tenant, room, conversation, file, media. Since then, where the other side
///   cannot be surprised by it: generations, which are spoken of only after a use of force.
pub const WIRE: u16 = 1;

/// The shape of stored events. Each number says what changed.
///
/// - 1: the first.
/// - 2: an event may be followed by the request it was kept for, a snapshot by the requests that
///   were answered. Written once every member speaks [`REQUESTS`].
pub const STORED: u16 = 2;

/// What nodes speak among themselves, and the highest level this release knows. Each number says
/// what changed.
///
/// - 1: the first. What is not understood is passed over in silence.
/// - 2: the greeting says the oldest version that is spoken, too. What is not understood is answered
///   as unknown. From level 2 on the map holds the level and what was chosen for the whole cluster,
///   and a member that is behind it is refused as too old. An input says which request it is, and is
///   done once however often it comes. What must not stand on one disk is refused with a fault of
///   its own. A watch may name its generation. A node says which contents of files it misses.
/// - 3: accounts hold who has which role, and the map holds the tenants. There are audit logs.
pub const PEER_WIRE: u16 = 3;

/// The level from which on actors remember requests.
pub const REQUESTS: u16 = 2;

/// The level from which on anything is chosen for the whole cluster.
pub const SETTINGS: u16 = 2;

/// The level from which on anything is refused because of one copy.
pub const STRICT: u16 = 2;

/// The level from which on there are accounts: roles are given and taken away.
pub const ACCOUNTS: u16 = 3;

/// The level from which on there are tenants beside the first.
pub const TENANTS: u16 = 3;
/// The level from which on there are audit logs: who does not know their name would look for them
/// in another shard.
pub const AUDIT: u16 = 3;

/// The oldest version that this release still speaks, and the lowest level whose folders it opens:
/// that of the release before.
pub const PEER_WIRE_OLDEST: u16 = 1;

/// The versions that a node speaks with other nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spoken {
    /// The oldest.
    pub oldest: u16,
    /// The newest.
    pub newest: u16,
}

/// Two nodes have no version in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Gap {
    /// The other one is behind.
    #[error(
        "its release is too old: it speaks version {speaks}, and {needs} is needed by now. Install \
         the release of the other nodes on it"
    )]
    Old {
        /// The newest it speaks.
        speaks: u16,
        /// The oldest that is spoken here.
        needs: u16,
    },
    /// The other one is ahead.
    #[error(
        "its release is too new: it speaks version {speaks} and later, and this one knows up to \
         {knows}. Upgrade this node first"
    )]
    New {
        /// The oldest it speaks.
        speaks: u16,
        /// The newest that is known here.
        knows: u16,
    },
}

impl Spoken {
    /// What this release speaks.
    pub const OURS: Self = Self { oldest: PEER_WIRE_OLDEST, newest: PEER_WIRE };

    /// The same, when nothing before `level` is needed any more.
    #[must_use]
    pub fn from_level(self, level: u16) -> Self {
        Self { oldest: self.oldest.max(level), ..self }
    }

    /// The version in which this node speaks with one that speaks `other` (VR1).
    ///
    /// # Errors
    /// Who of the two is too far behind.
    pub fn with(self, other: Self) -> Result<u16, Gap> {
        let both = self.newest.min(other.newest);
        if both < self.oldest {
            return Err(Gap::Old { speaks: other.newest, needs: self.oldest });
        }
        if both < other.oldest {
            return Err(Gap::New { speaks: other.oldest, knows: self.newest });
        }
        Ok(both)
    }
}

const _: () = {
    // The release before is always understood: a rolling upgrade must be possible.
    assert!(PEER_WIRE_OLDEST < PEER_WIRE);
};

#[cfg(test)]
mod tests {
    use super::*;

    const fn spoken(oldest: u16, newest: u16) -> Spoken {
        Spoken { oldest, newest }
    }

    #[test]
    fn vr1_the_lower_of_the_newest_is_spoken_or_both_see_the_gap() {
        assert_eq!(spoken(1, 2).with(spoken(1, 1)), Ok(1));
        assert_eq!(spoken(1, 2).with(spoken(2, 3)), Ok(2));
        assert_eq!(spoken(2, 2).with(spoken(1, 1)), Err(Gap::Old { speaks: 1, needs: 2 }));
        assert_eq!(spoken(1, 2).with(spoken(3, 4)), Err(Gap::New { speaks: 3, knows: 2 }));
        let of = |bits: u16| {
            let (one, two) = (bits & 3, bits >> 2 & 3);
            spoken(one.min(two), one.max(two))
        };
        for (a, b) in (0..256).map(|bits| (of(bits), of(bits >> 4))) {
            let fits = match (a.with(b), b.with(a)) {
                (Ok(one), Ok(other)) => one == other,
                (Err(Gap::Old { .. }), Err(Gap::New { .. })) => true,
                (Err(Gap::New { .. }), Err(Gap::Old { .. })) => true,
                _ => false,
            };
            assert!(fits, "{a:?} {b:?}: both sides come to the same");
        }
    }

    #[test]
    fn vr5_a_level_leaves_older_versions_behind() {
        assert_eq!(Spoken::OURS.with(spoken(1, 1)), Ok(1));
        let behind = Spoken::OURS.from_level(2).with(spoken(1, 1));
        let words = behind.expect_err("too old").to_string();
        assert!(words.contains("too old") && words.contains("Install"), "{words}");
        assert_eq!(Spoken::OURS.from_level(0), Spoken::OURS, "before it was founded");
    }
}
