//! The bytes of one WebSocket: what is said to a browser and what it says, one task's.
//!
//! A quiet socket holds no buffer: what comes is read on the stack, and what goes is shared by
//! everybody who gets it until the connection's cipher takes it.
//!
//! # Invariants
//! - **PI1** A ping is answered, the newest alone when there are many, and never within a frame.
//! - **PI2** Nothing is read while nothing may be said, but for what came along with it.

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use protocol::websocket::{Broken, Reader, Said, pong};
use std::{
    collections::VecDeque,
    future::poll_fn,
    io::{self, IoSlice},
    mem::MaybeUninit,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes read at a time.
const READ_BYTES: usize = 4 * 1024;
/// Pieces handed to the connection at a time.
const PIECES: usize = 16;

/// A WebSocket.
pub(super) struct Pipe {
    stream: TokioIo<Upgraded>,
    reader: Reader,
    /// Came and is not looked at yet: at most [`READ_BYTES`].
    ahead: Vec<u8>,
    unsent: VecDeque<Bytes>,
    unflushed: bool,
    /// The answer to the last ping.
    pong: Option<Bytes>,
    taken: u64,
}

/// What a socket came to.
#[derive(Debug)]
pub(super) enum Turn {
    /// The connection took everything.
    Sent,
    /// The browser said something.
    Said(Said),
}

/// Nothing more goes over this socket.
#[derive(Debug, thiserror::Error)]
pub(super) enum Gone {
    /// The connection ended.
    #[error(transparent)]
    Ended(#[from] io::Error),
    /// The browser does not speak WebSocket.
    #[error(transparent)]
    Broken(#[from] Broken),
}

impl Pipe {
    /// A socket over a connection that was upgraded.
    pub(super) fn new(connection: Upgraded) -> Self {
        Self {
            stream: TokioIo::new(connection),
            reader: Reader::default(),
            ahead: Vec::new(),
            unsent: VecDeque::new(),
            unflushed: false,
            pong: None,
            taken: 0,
        }
    }

    /// Puts frames behind what is to be sent.
    pub(super) fn put(&mut self, frames: Bytes) {
        self.unsent.push_back(frames);
    }

    /// Whether the connection has not taken everything.
    pub(super) fn has_unsent(&self) -> bool {
        !self.unsent.is_empty() || self.unflushed || self.pong.is_some()
    }

    /// Bytes the connection took so far.
    pub(super) const fn taken(&self) -> u64 {
        self.taken
    }

    /// Sends as much as the connection takes at once.
    ///
    /// # Errors
    /// `Gone`.
    pub(super) async fn start(&mut self) -> Result<(), Gone> {
        poll_fn(|cx| match self.poll_send(cx) {
            Poll::Ready(sent) => Poll::Ready(sent),
            Poll::Pending => Poll::Ready(Ok(())),
        })
        .await
    }

    /// Waits until everything is sent.
    ///
    /// # Errors
    /// `Gone`.
    pub(super) async fn sent(&mut self) -> Result<(), Gone> {
        poll_fn(|cx| self.poll_send(cx)).await
    }

    /// Goes on sending, and reads on when it may, until one of the two came to something.
    ///
    /// # Errors
    /// `Gone`.
    pub(super) async fn turn(&mut self, may_read: bool) -> Result<Turn, Gone> {
        poll_fn(|cx| {
            if self.has_unsent()
                && let Poll::Ready(sent) = self.poll_send(cx)
            {
                return Poll::Ready(sent.map(|()| Turn::Sent));
            }
            if may_read { self.poll_said(cx).map_ok(Turn::Said) } else { Poll::Pending } // PI2
        })
        .await
    }

    /// The next text, whatever else is said before it.
    ///
    /// # Errors
    /// `Gone`.
    pub(super) async fn text(&mut self) -> Result<Option<String>, Gone> {
        loop {
            match self.turn(true).await? {
                Turn::Said(Said::Text(text)) => return Ok(Some(text)),
                Turn::Said(Said::Binary | Said::Close) => return Ok(None),
                Turn::Said(Said::Ping(_) | Said::Pong) | Turn::Sent => {}
            }
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        loop {
            if self.unsent.is_empty() {
                self.unsent.extend(self.pong.take()); // PI1
            }
            if self.unsent.is_empty() {
                break;
            }
            let mut pieces = [IoSlice::new(&[]); PIECES];
            let count = self.unsent.len().min(PIECES);
            for (piece, bytes) in pieces.iter_mut().zip(&self.unsent) {
                *piece = IoSlice::new(bytes);
            }
            let stream = Pin::new(&mut self.stream);
            let taken = ready!(stream.poll_write_vectored(cx, &pieces[..count]))?;
            if taken == 0 {
                return Poll::Ready(Err(io::Error::from(io::ErrorKind::WriteZero).into()));
            }
            self.unflushed = true;
            self.took(taken);
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn took(&mut self, mut taken: usize) {
        self.taken += taken as u64;
        while let Some(first) = self.unsent.front_mut() {
            if taken < first.len() {
                drop(first.split_to(taken));
                return;
            }
            taken -= first.len();
            self.unsent.pop_front();
        }
        self.unsent.shrink_to(2); // a quiet socket holds next to nothing
    }

    fn poll_said(&mut self, cx: &mut Context<'_>) -> Poll<Result<Said, Gone>> {
        if !self.ahead.is_empty() {
            let ahead = std::mem::take(&mut self.ahead);
            if let Some(said) = self.look(&ahead)? {
                return Poll::Ready(Ok(said));
            }
        }
        loop {
            let mut space = [MaybeUninit::uninit(); READ_BYTES];
            let mut buffer = ReadBuf::uninit(&mut space);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
            if buffer.filled().is_empty() {
                return Poll::Ready(Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()));
            }
            if let Some(said) = self.look(buffer.filled())? {
                return Poll::Ready(Ok(said));
            }
        }
    }

    /// What these bytes complete; what is left of them is looked at later.
    fn look(&mut self, mut bytes: &[u8]) -> Result<Option<Said>, Broken> {
        let said = self.reader.next(&mut bytes)?;
        self.ahead = bytes.to_vec();
        if let Some(Said::Ping(body)) = &said {
            self.pong = Some(Bytes::from(pong(body))); // PI1
        }
        Ok(said)
    }
}
