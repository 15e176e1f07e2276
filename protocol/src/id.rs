//! Every kind of thing that exists, as a type.
//!
//! An id is a UUIDv7 (RFC 9562): 16 bytes on the wire, and for people a prefix and 26 letters of
//! Crockford's base 32 (`room_01jd4v…`), so that a log line explains itself. Ids of one case share
//! their 16 bytes: its room and its conversation are found without looking anything up.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};
use ts_rs::TS;

use crate::time::Time;

const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const TEXT_LEN: usize = 26;

/// The text is not an id of the kind that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an id that starts with `{expected}_` and goes on with 26 letters or digits")]
pub struct NotAnId {
    /// The prefix that was looked for.
    pub expected: &'static str,
}

macro_rules! id {
    ($($(#[$meta:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, TS)]
        #[ts(type = "string")]
        pub struct $name(u128);

        impl $name {
            /// The prefix of the text form.
            pub const PREFIX: &'static str = $prefix;

            /// A new id from a moment and ten bytes of chance, both handed in.
            pub fn new(now: Time, chance: [u8; 10]) -> Self {
                let id = uuid::Builder::from_unix_timestamp_millis(now.ms(), &chance).into_uuid();
                Self(id.as_u128())
            }

            /// The id with these 16 bytes, most significant first.
            pub const fn from_u128(bits: u128) -> Self {
                Self(bits)
            }

            /// The 16 bytes as a number.
            pub const fn as_u128(self) -> u128 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_text(to, $prefix, self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_text(to, $prefix, self.0)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                read_text($prefix, text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                if to.is_human_readable() {
                    to.collect_str(self)
                } else {
                    self.0.to_be_bytes().serialize(to)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                if from.is_human_readable() {
                    let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
                    text.parse().map_err(de::Error::custom)
                } else {
                    Ok(Self(u128::from_be_bytes(<[u8; 16]>::deserialize(from)?)))
                }
            }
        }
    )*};
}

id! {
    /// One controller (Verantwortlicher): a bank, an insurer, an office.
    TenantId = "tenant";
    /// A human, known everywhere by this opaque id; the name stands in the vault only.
    PersonId = "person";
    /// Everything between one customer and the tenant about one matter.
    CaseId = "case";
    /// A conference: one actor, one journal, one twin.
    RoomId = "room";
    /// A thread of messages, whatever channels it crosses.
    ConversationId = "conversation";
    /// One message of a conversation; made by the browser, so a retry is not a second message.
    MessageId = "message";
    /// One person on one device, alive across reconnects.
    SessionId = "session";
    /// A file that was offered to a conversation.
    FileId = "file";
    /// A guest link: the right to knock at one case.
    LinkId = "link";
    /// A machine of the cluster.
    NodeId = "node";
    /// One command of one device, the same on every try.
    RequestId = "request";
    /// A critical right that was asked for.
    GrantId = "grant";
}

impl CaseId {
    /// The case's room.
    pub const fn room(self) -> RoomId {
        RoomId::from_u128(self.0)
    }

    /// The case's conversation.
    pub const fn conversation(self) -> ConversationId {
        ConversationId::from_u128(self.0)
    }
}

impl RoomId {
    /// The case whose room this is.
    pub const fn case(self) -> CaseId {
        CaseId::from_u128(self.0)
    }
}

/// A position in a journal: 1 is the first event, 0 is before it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, TS,
)]
#[ts(type = "number")]
pub struct Seq(pub u64);

impl Seq {
    /// Before the first event.
    pub const START: Self = Self(0);

    /// The position after this one.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(to)
    }
}

fn write_text(to: &mut fmt::Formatter<'_>, prefix: &str, bits: u128) -> fmt::Result {
    let mut text = [0u8; TEXT_LEN];
    for (place, letter) in text.iter_mut().rev().enumerate() {
        *letter = LETTERS[(bits >> (5 * place)) as usize & 31];
    }
    let text = str::from_utf8(&text).map_err(|_| fmt::Error)?;
    write!(to, "{prefix}_{text}")
}

fn read_text(prefix: &'static str, text: &str) -> Result<u128, NotAnId> {
    let no = NotAnId { expected: prefix };
    let letters = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_'));
    let letters = letters.ok_or(no.clone())?.as_bytes();
    // 26 letters carry 130 bits; the first may only use three of its five.
    if letters.len() != TEXT_LEN || letters[0] > b'7' {
        return Err(no);
    }
    letters.iter().try_fold(0u128, |bits, letter| {
        let value = LETTERS.iter().position(|known| known == letter).ok_or(no.clone())?;
        Ok(bits << 5 | value as u128)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_there_and_back_and_refuses_its_neighbours() {
        for bits in [0, 1, u128::MAX, 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef] {
            let id = RoomId::from_u128(bits);
            assert_eq!(id.to_string().parse(), Ok(id));
            assert!(id.to_string().parse::<SessionId>().is_err());
        }
        for bad in ["", "room_", "room_8zzzzzzzzzzzzzzzzzzzzzzzzz", "room_ü", "ROOM_0"] {
            assert!(bad.parse::<RoomId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_sort_by_their_moment() {
        let early = MessageId::new(Time::from_ms(1), [255; 10]);
        let late = MessageId::new(Time::from_ms(2), [0; 10]);
        assert!(early < late && early.to_string() < late.to_string());
    }
}
