//! Frames of a WebSocket (RFC 6455), as far as this protocol uses them.
//!
//! What the node says is put down once and shared by every socket that gets it: its frames are
//! bare, so they look the same to everybody. What browsers say is masked and comes in pieces.
//!
//! # Invariants
//! - **WS1** A frame that would not fit its bound is refused when it is announced, before any of
//!   it is kept.
//! - **WS2** What breaks RFC 6455 is refused, and nothing is read behind it.
//! - **WS3** However the bytes are cut, the same words are read.
//! - **WS4** A message comes in at most [`PIECES`] frames, so that what costs time is counted.

use crate::limits::FRAME_UP_BYTES;

/// Bytes of the longest head of a frame of the node's.
pub const HEAD_BYTES: usize = 10;
/// Bytes a control frame may carry (RFC 6455, 5.5).
pub const CONTROL_BYTES: usize = 125;
/// Frames of one message: browsers cut none of those this protocol allows.
pub const PIECES: u16 = 256;
/// What is hashed behind a browser's key to answer its handshake (RFC 6455, 1.3).
pub const HANDSHAKE: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const FINAL: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;

const MORE: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Puts one text frame behind what is there.
pub fn text(into: &mut Vec<u8>, text: &[u8]) {
    put(into, TEXT, text);
}

/// A question whether the other side is there.
pub fn ping() -> Vec<u8> {
    control(PING, &[])
}

/// The answer to a browser's ping.
pub fn pong(body: &[u8]) -> Vec<u8> {
    control(PONG, body)
}

/// The last frame; nothing is said behind it.
pub fn close(code: u16, why: &str) -> Vec<u8> {
    control(CLOSE, &[&code.to_be_bytes(), why.as_bytes()].concat())
}

fn control(kind: u8, body: &[u8]) -> Vec<u8> {
    let body = &body[..body.len().min(CONTROL_BYTES)];
    let mut frame = Vec::with_capacity(HEAD_BYTES + body.len());
    put(&mut frame, kind, body);
    frame
}

fn put(into: &mut Vec<u8>, kind: u8, body: &[u8]) {
    into.push(FINAL | kind);
    match body.len() {
        short @ 0..=125 => into.push(short as u8),
        middle @ 126..=0xffff => {
            into.push(126);
            into.extend((middle as u16).to_be_bytes());
        }
        long => {
            into.push(127);
            into.extend((long as u64).to_be_bytes());
        }
    }
    into.extend_from_slice(body);
}

/// The texts that [`text`] put behind each other.
pub fn texts(mut frames: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (&short, rest) = frames.get(1..)?.split_first()?;
        let (len, rest) = match short {
            126 => {
                rest.split_first_chunk().map(|(len, rest)| (u16::from_be_bytes(*len).into(), rest))
            }
            127 => rest.split_first_chunk().map(|(len, rest)| (u64::from_be_bytes(*len), rest)),
            short => Some((short.into(), rest)),
        }?;
        let (text, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
        frames = rest;
        Some(text)
    })
}

/// What a browser said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A text.
    Text(String),
    /// Bytes, which this protocol has no use for.
    Binary,
    /// A question whether the node is there, to be answered with the same bytes.
    Ping(Vec<u8>),
    /// An answer to the node's question.
    Pong,
    /// The end.
    Close,
}

/// Why nothing more is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A message longer than this protocol allows.
    #[error("a message of more than {FRAME_UP_BYTES} bytes")]
    TooLong,
    /// A text that is none.
    #[error("a text that is not UTF-8")]
    NotText,
    /// Something RFC 6455 forbids.
    #[error("a frame that RFC 6455 forbids")]
    Forbidden,
}

/// Reads one browser's frames, wherever its bytes are cut. Holds nothing between frames.
#[derive(Debug, Default)]
pub struct Reader {
    head: [u8; 14],
    head_len: u8,
    frame: Option<Frame>,
    /// The kind of the message under way, and how many frames of it have begun.
    kind: Option<u8>,
    pieces: u16,
    message: Vec<u8>,
    control: Vec<u8>,
}

/// A frame whose head is read.
#[derive(Debug, Clone, Copy)]
struct Frame {
    kind: u8,
    last: bool,
    mask: [u8; 4],
    /// Bytes of it that have come.
    at: usize,
    len: usize,
}

impl Reader {
    /// Takes bytes until they complete something that was said; what is left stays in `bytes`.
    /// None when all were taken and nothing is complete.
    ///
    /// # Errors
    /// `Broken`; then this socket is not to be read any more.
    pub fn next(&mut self, bytes: &mut &[u8]) -> Result<Option<Said>, Broken> {
        loop {
            let mut frame = match self.frame {
                Some(frame) => frame,
                None => match self.head(bytes)? {
                    Some(frame) => frame,
                    None => return Ok(None),
                },
            };
            let (now, rest) = bytes.split_at(bytes.len().min(frame.len - frame.at));
            *bytes = rest;
            let body = if frame.kind >= CLOSE { &mut self.control } else { &mut self.message };
            let mask = (frame.at..).map(|at| frame.mask[at % 4]);
            body.extend(now.iter().zip(mask).map(|(byte, mask)| byte ^ mask));
            frame.at += now.len();
            self.frame = Some(frame);
            if frame.at < frame.len {
                return Ok(None);
            }
            self.frame = None;
            if let Some(said) = self.complete(frame)? {
                return Ok(Some(said));
            }
        }
    }

    /// The head of the next frame, once all of it is there.
    fn head(&mut self, bytes: &mut &[u8]) -> Result<Option<Frame>, Broken> {
        loop {
            let have = usize::from(self.head_len);
            let long = match self.head[1] & !MASKED {
                126 => 2,
                127 => 8,
                _ => 0,
            };
            let need = if have < 2 { 2 } else { 2 + long + 4 };
            if have == need && have > 2 {
                self.head_len = 0;
                return self.announced(long).map(Some);
            }
            let Some((&byte, rest)) = bytes.split_first() else { return Ok(None) };
            self.head[have] = byte;
            self.head_len += 1;
            *bytes = rest;
            if have == 1 && (self.head[0] & RESERVED != 0 || byte & MASKED == 0) {
                return Err(Broken::Forbidden); // WS2: at once, for a bare frame may end here
            }
        }
    }

    /// Judges a head before anything of its frame is kept.
    fn announced(&mut self, long: usize) -> Result<Frame, Broken> {
        let [first, second, more @ ..] = self.head;
        assert!(second & MASKED != 0, "WS2");
        let (kind, last) = (first & 0x0f, first & FINAL != 0);
        let len = match long {
            0 => u64::from(second & !MASKED),
            long => more[..long].iter().fold(0, |len, byte| len << 8 | u64::from(*byte)),
        };
        let mask = [more[long], more[long + 1], more[long + 2], more[long + 3]];
        let right = match kind {
            MORE => self.kind.is_some() && self.pieces < PIECES, // WS4
            TEXT | BINARY => self.kind.is_none(),
            CLOSE | PING | PONG => last && len <= CONTROL_BYTES as u64 && (kind, len) != (CLOSE, 1),
            _ => false,
        };
        if !right {
            return Err(Broken::Forbidden); // WS2
        }
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        if kind < CLOSE && len > FRAME_UP_BYTES - self.message.len() {
            return Err(Broken::TooLong); // WS1
        }
        match kind {
            MORE => self.pieces += 1,
            TEXT | BINARY => (self.kind, self.pieces) = (Some(kind), 1),
            _ => {}
        }
        Ok(Frame { kind, last, mask, at: 0, len })
    }

    /// What a whole frame says, when it is the last of its message.
    fn complete(&mut self, frame: Frame) -> Result<Option<Said>, Broken> {
        if frame.kind >= CLOSE {
            let body = std::mem::take(&mut self.control);
            return Ok(Some(match frame.kind {
                PING => Said::Ping(body),
                PONG => Said::Pong,
                _ => Said::Close,
            }));
        }
        if !frame.last {
            return Ok(None);
        }
        let body = std::mem::take(&mut self.message);
        Ok(Some(match self.kind.take() {
            Some(TEXT) => Said::Text(String::from_utf8(body).map_err(|_| Broken::NotText)?),
            _ => Said::Binary,
        }))
    }
}

#[cfg(test)]
mod tests;
