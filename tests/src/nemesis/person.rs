//! A person's browser among nodes that die: it waits a little, then moves on to the next one.
//!
//! It speaks what every browser speaks, over [`crate::browser`]; what is different is that nothing
//! that a node does, or does not do, is a panic here.

use protocol::{
    frame::{Command, Reply, ToBrowser, ToNode},
    limits, version,
};
use std::{net::SocketAddr, path::PathBuf, time::Duration};
use tokio::time::{Instant, timeout, timeout_at};

use crate::browser::{Browser, Site, Ws, frame, say};

/// How long a connection may take, from the first packet to the welcome.
const CONNECT: Duration = Duration::from_secs(3);

/// Where a node is, and a folder that holds its certificate as a data folder does.
#[derive(Debug, Clone)]
pub struct Address {
    /// Where it listens.
    pub web: SocketAddr,
    /// Whom to trust.
    pub trust: PathBuf,
}

impl Address {
    /// The node as browsers know it.
    pub fn site(&self) -> Site {
        Site::of(self.web, &self.trust)
    }
}

/// A socket to one of the nodes.
pub struct Line {
    /// Which node.
    pub node: usize,
    ws: Ws,
    seen: u32,
    asks: u32,
}

/// What came of listening.
pub enum Heard {
    /// A frame.
    Frame(Box<ToBrowser>),
    /// Nothing in time.
    Silence,
    /// The socket is over.
    End,
}

impl Line {
    /// A welcomed socket; nothing when this node has none to give.
    pub async fn open(cookie: Option<&str>, address: &Address, node: usize) -> Option<Self> {
        let browser = Browser { site: address.site(), cookie: cookie.map(str::to_owned) };
        let open = async {
            let mut ws = browser.bare_socket().await.ok()?;
            say(&mut ws, &ToNode::Hello { version: version::WIRE }).await;
            match frame(&mut ws).await? {
                ToBrowser::Welcome { .. } => Some(ws),
                _ => None,
            }
        };
        let ws = timeout(CONNECT, open).await.ok()??;
        Some(Self { node, ws, seen: 1, asks: 0 })
    }

    /// Sends a frame; false when it was not taken in time.
    pub async fn send(&mut self, frame: &ToNode) -> bool {
        timeout(CONNECT, say(&mut self.ws, frame)).await.is_ok()
    }

    /// Listens until a moment. Nothing that began to arrive is lost when it passes.
    pub async fn next(&mut self, until: Instant) -> Heard {
        match timeout_at(until, frame(&mut self.ws)).await {
            Err(_) => Heard::Silence,
            Ok(None | Some(ToBrowser::Bye { .. })) => Heard::End,
            Ok(Some(came)) => {
                self.seen += 1;
                if (self.seen as usize).is_multiple_of(limits::ACK_EVERY) {
                    let frames = self.seen;
                    self.send(&ToNode::Ack { frames }).await;
                }
                Heard::Frame(Box::new(came))
            }
        }
    }

    /// Asks, and waits so long for the answer; nothing when there was none, and then the line is of
    /// no more use. What else arrives is handed on.
    pub async fn ask(
        &mut self,
        request: &str,
        command: Command,
        patience: Duration,
        mut other: impl FnMut(ToBrowser),
    ) -> Option<Reply> {
        self.asks += 1;
        let (mine, until) = (self.asks, Instant::now() + patience);
        let request = request.to_owned();
        if !self.send(&ToNode::Ask { ask: mine, request, command }).await {
            return None;
        }
        loop {
            match self.next(until).await {
                Heard::Silence | Heard::End => return None,
                Heard::Frame(came) => match *came {
                    ToBrowser::Answered { ask, reply } if ask == mine => return Some(reply),
                    came => other(came),
                },
            }
        }
    }
}
