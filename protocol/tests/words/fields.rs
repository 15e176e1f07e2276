//! Any value of each type that fields are made of, with a liking for the ends of its range.

use super::{Any, Chance};
use protocol::{
    id::{
        CaseId, ConversationId, FileId, GrantId, LinkId, MessageId, NodeId, PersonId, RequestId,
        RoomId, Seq, SessionId, TenantId,
    },
    time::{Span, Time},
};

/// Texts that have broken somebody's parser before.
const TEXTS: [&str; 12] = [
    "",
    "Guten Tag",
    "Grüße aus Köln, straße",
    "日本語テキスト",
    "🙂👩‍👩‍👧",
    "\"quoted\" \\ back",
    "line\nbreak\r\n\ttab",
    "\u{0}\u{1}\u{7f}",
    "\u{202e}right to left",
    "<script>alert(1)</script>",
    "{\"kind\":\"opened\"}",
    "e\u{301}\u{fe0f}\u{10ffff}",
];

impl Any for String {
    fn any(from: &mut Chance<'_>) -> Self {
        let text = TEXTS[from.below(TEXTS.len())];
        if from.one_in(8) { text.repeat(1 + from.below(40)) } else { text.to_owned() }
    }
}

impl Any for u64 {
    fn any(from: &mut Chance<'_>) -> Self {
        match from.below(6) {
            0 => u64::from(from.byte()),
            // The edges of bincode's varint.
            1 => [0, 250, 251, 65_535, 65_536, 4_294_967_295, 4_294_967_296][from.below(7)],
            2 => u64::MAX - u64::from(from.byte()),
            // The last whole number a browser can hold.
            3 => (1 << 53) - 1 - u64::from(from.byte()),
            _ => u64::from_be_bytes(from.bytes()),
        }
    }
}

impl Any for u32 {
    fn any(from: &mut Chance<'_>) -> Self {
        u64::any(from) as u32
    }
}

impl Any for u16 {
    fn any(from: &mut Chance<'_>) -> Self {
        u64::any(from) as u16
    }
}

impl Any for bool {
    fn any(from: &mut Chance<'_>) -> Self {
        from.byte() & 1 == 1
    }
}

impl Any for [u8; 32] {
    fn any(from: &mut Chance<'_>) -> Self {
        from.bytes()
    }
}

impl<T: Any> Any for Option<T> {
    fn any(from: &mut Chance<'_>) -> Self {
        bool::any(from).then(|| T::any(from))
    }
}

impl<T: Any> Any for Vec<T> {
    fn any(from: &mut Chance<'_>) -> Self {
        let len = from.below(4);
        (0..len).map(|_| T::any(from)).collect()
    }
}

impl Any for Seq {
    fn any(from: &mut Chance<'_>) -> Self {
        Self(u64::any(from))
    }
}

impl Any for Time {
    fn any(from: &mut Chance<'_>) -> Self {
        Self::from_ms(u64::any(from))
    }
}

impl Any for Span {
    fn any(from: &mut Chance<'_>) -> Self {
        Self::from_ms(u64::any(from))
    }
}

macro_rules! any_ids {
    ($($id:ident)*) => {$(
        impl Any for $id {
            fn any(from: &mut Chance<'_>) -> Self {
                match from.below(8) {
                    0 => Self::from_u128(0),
                    1 => Self::from_u128(u128::MAX),
                    _ => Self::from_u128(u128::from_be_bytes(from.bytes())),
                }
            }
        }
    )*};
}

any_ids! {
    CaseId ConversationId FileId GrantId LinkId MessageId NodeId PersonId RequestId RoomId SessionId
    TenantId
}
