//! What stands in a backup, and its bytes.

use bytes::Bytes;
use protocol::codec;

use super::{Begin, Manifest};
use crate::{content::ContentId, digest::HASH_BYTES, journal::JournalId};

/// Bytes of the largest item: what two nodes can hand to each other in one frame.
pub(super) const ITEM_BYTES: usize = protocol::peer::PEER_FRAME_BYTES;
/// Bytes before an item's own.
pub(super) const ITEM_HEAD: usize = 5;

/// One thing in a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// The first.
    Begin(Begin),
    /// A journal begins; the entries behind it are its.
    Journal(JournalId),
    /// An entry as it is stored.
    Entry(Bytes),
    /// A content begins; the pieces behind it are its.
    Content(ContentId),
    /// The next bytes of a content.
    Piece(Bytes),
    /// The content is whole.
    Kept,
    /// The content is nowhere; what came of it does not count.
    Lost,
    /// The last.
    End(Manifest),
}

const BEGIN: u8 = 1;
const JOURNAL: u8 = 2;
const ENTRY: u8 = 3;
const CONTENT: u8 = 4;
const PIECE: u8 = 5;
const KEPT: u8 = 6;
const LOST: u8 = 7;
const END: u8 = 8;

impl Item {
    /// Its head and its bytes.
    pub(super) fn write(&self) -> ([u8; ITEM_HEAD], Bytes) {
        let (kind, bytes) = match self {
            Self::Begin(begin) => (BEGIN, codec::encode(begin).into()),
            Self::Journal(name) => (JOURNAL, Bytes::copy_from_slice(name.as_str().as_bytes())),
            Self::Entry(entry) => (ENTRY, entry.clone()),
            Self::Content(id) => (CONTENT, [&id.hash[..], &id.len.to_le_bytes()].concat().into()),
            Self::Piece(bytes) => (PIECE, bytes.clone()),
            Self::Kept => (KEPT, Bytes::new()),
            Self::Lost => (LOST, Bytes::new()),
            Self::End(manifest) => (END, codec::encode(manifest).into()),
        };
        let [a, b, c, d] = (bytes.len() as u32).to_le_bytes();
        ([kind, a, b, c, d], bytes)
    }

    /// How long the item with this head is; none when none can be so long.
    pub(super) fn announced(head: [u8; ITEM_HEAD]) -> Option<usize> {
        let [_, a, b, c, d] = head;
        let len = u32::from_le_bytes([a, b, c, d]) as usize;
        (len <= ITEM_BYTES).then_some(len)
    }

    /// Reads it back; none when it is none. What an entry holds is checked by its chain.
    pub(super) fn read(kind: u8, bytes: Bytes) -> Option<Self> {
        Some(match kind {
            BEGIN => Self::Begin(codec::decode::<Begin, ITEM_BYTES>(&bytes).ok()?),
            JOURNAL => Self::Journal(JournalId::new(std::str::from_utf8(&bytes).ok()?).ok()?),
            ENTRY => Self::Entry(bytes),
            CONTENT => {
                let (hash, len) = bytes.split_first_chunk::<HASH_BYTES>()?;
                let len = u64::from_le_bytes(len.try_into().ok()?);
                Self::Content(ContentId { hash: *hash, len })
            }
            PIECE => Self::Piece(bytes),
            KEPT if bytes.is_empty() => Self::Kept,
            LOST if bytes.is_empty() => Self::Lost,
            END => Self::End(codec::decode::<Manifest, ITEM_BYTES>(&bytes).ok()?),
            _ => return None,
        })
    }
}
