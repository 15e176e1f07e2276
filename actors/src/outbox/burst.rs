//! Frames told at once, put down as they go over a socket.

use bytes::Bytes;
use protocol::websocket::{self, HEAD_BYTES};

/// One frame or several, in their order. Cheap to clone: everybody who gets them shares the bytes.
#[derive(Debug, Clone)]
pub struct Burst {
    bytes: Bytes,
    frames: u32,
}

impl Burst {
    /// Puts these down.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a Bytes, IntoIter: Clone>) -> Self {
        let texts = texts.into_iter();
        let size = texts.clone().map(|text| text.len() + HEAD_BYTES).sum();
        let (mut bytes, mut frames) = (Vec::with_capacity(size), 0);
        for text in texts {
            websocket::text(&mut bytes, text);
            frames += 1;
        }
        Self { bytes: Bytes::from(bytes), frames }
    }

    /// As they go over a socket.
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// How many frames.
    pub const fn frames(&self) -> usize {
        self.frames as usize
    }

    /// What each of them says.
    pub fn texts(&self) -> impl Iterator<Item = &[u8]> {
        websocket::texts(&self.bytes)
    }
}
