//! A browser's socket: asks, watches, acknowledges.

use futures_util::{SinkExt, StreamExt};
use protocol::{
    codec,
    conversation::ConversationEvent,
    frame::{Command, Cut, Event, Reply, ToBrowser, ToNode, Topic},
    id::{PersonId, Seq, SessionId},
    limits, version,
};
use std::{
    collections::VecDeque,
    io,
    sync::atomic::{AtomicU64, Ordering},
};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest,
        http::{HeaderValue, Request, header},
        protocol::WebSocketConfig,
    },
};

use super::{Browser, soon};

/// The bare socket, for those who say things no browser says.
pub type Ws = WebSocketStream<TlsStream<TcpStream>>;

/// How often any socket of this process asked anything.
static ASKED: AtomicU64 = AtomicU64::new(0);

/// A socket that was welcomed.
pub struct Socket {
    /// The bare socket.
    pub ws: Ws,
    /// Who the node says this is.
    pub session: SessionId,
    /// And which person.
    pub person: PersonId,
    /// The whole welcome.
    pub welcome: ToBrowser,
    /// Whether frames are acknowledged on time, as a browser does.
    pub acknowledges: bool,
    /// Frames taken in.
    pub seen: u32,
    asks: u32,
    unread: VecDeque<ToBrowser>,
}

impl Browser {
    /// Opens a socket and says hello.
    ///
    /// # Panics
    /// When it is not welcomed.
    pub async fn socket(&self) -> Socket {
        let mut ws = self.bare_socket().await.expect("the node opens a socket");
        say(&mut ws, &ToNode::Hello { version: version::WIRE }).await;
        let welcome = frame(&mut ws).await.expect("a welcome");
        let ToBrowser::Welcome { session, person, .. } = welcome else {
            panic!("not a welcome: {welcome:?}")
        };
        Socket {
            ws,
            session,
            person,
            welcome,
            acknowledges: true,
            seen: 1,
            asks: 0,
            unread: VecDeque::new(),
        }
    }

    /// Opens a socket and says nothing.
    ///
    /// # Errors
    /// When the handshake is refused.
    pub async fn bare_socket(&self) -> Result<Ws, Error> {
        let origin = format!("https://{}", self.site.host);
        self.socket_from(Some(&origin)).await
    }

    /// Opens a socket as a page of another origin, or of none, does.
    ///
    /// # Errors
    /// When the handshake is refused.
    pub async fn socket_from(&self, origin: Option<&str>) -> Result<Ws, Error> {
        let mut request: Request<()> =
            format!("wss://{}/ws", self.site.host).into_client_request()?;
        let value = |text: &str| HeaderValue::from_str(text).map_err(io::Error::other);
        if let Some(origin) = origin {
            request.headers_mut().insert(header::ORIGIN, value(origin)?);
        }
        if let Some(cookie) = &self.cookie {
            request.headers_mut().insert(header::COOKIE, value(cookie)?);
        }
        let stream = soon("a connection", self.site.connect()).await?;
        let config = WebSocketConfig::default().write_buffer_size(0);
        let shake = tokio_tungstenite::client_async_with_config(request, stream, Some(config));
        Ok(soon("a handshake", shake).await?.0)
    }
}

/// Sends one frame; a socket that was cut meanwhile takes nothing, which the reader sees.
pub async fn say(ws: &mut Ws, frame: &ToNode) {
    // The other side may have closed: what it said before is still to be read.
    let _ = soon("room to write", ws.send(Message::text(codec::to_json(frame)))).await;
}

/// The next frame; nothing at the end of the socket.
///
/// # Panics
/// When it is none of this protocol.
pub async fn frame(ws: &mut Ws) -> Option<ToBrowser> {
    // One wait for all of it: a node that only pings is as good as silent.
    soon("a frame", async {
        loop {
            match ws.next().await {
                Some(Ok(Message::Text(text))) => {
                    let read = codec::from_json::<ToBrowser, { limits::FRAME_DOWN_BYTES }>(&text);
                    return Some(read.expect("the node says what the protocol knows"));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(other)) => panic!("the node sends text only, not {other:?}"),
            }
        }
    })
    .await
}

impl Socket {
    /// Sends a frame.
    pub async fn say(&mut self, frame: &ToNode) {
        say(&mut self.ws, frame).await;
    }

    /// Sends any text.
    pub async fn say_text(&mut self, text: impl Into<String>) {
        let message = Message::text(text.into());
        // As above: a socket that was cut is seen by its reader.
        let _ = soon("room to write", self.ws.send(message)).await;
    }

    /// Acknowledges everything that was taken in.
    pub async fn ack(&mut self) {
        let frames = self.seen;
        self.say(&ToNode::Ack { frames }).await;
    }

    /// Asks, and waits for the answer; what else arrives is kept for [`Self::next`].
    pub async fn ask(&mut self, command: Command) -> Reply {
        // Of no other socket either: the same request of the same session is the same ask.
        let request = format!("{}-{}", self.session, ASKED.fetch_add(1, Ordering::Relaxed));
        self.ask_again(&request, command).await
    }

    /// Asks under a request that was perhaps used before.
    ///
    /// # Panics
    /// When the socket ends without an answer.
    pub async fn ask_again(&mut self, request: &str, command: Command) -> Reply {
        let mine = self.post(request, command).await;
        self.pick("an answer", |frame| match frame {
            ToBrowser::Answered { ask, reply } if *ask == mine => Some(reply.clone()),
            _ => None,
        })
        .await
    }

    /// Asks and does not wait.
    pub async fn post(&mut self, request: &str, command: Command) -> u32 {
        self.asks += 1;
        let (ask, request) = (self.asks, request.to_string());
        self.say(&ToNode::Ask { ask, request, command }).await;
        ask
    }

    /// Watches, and waits for the view or the refusal.
    pub async fn watch(&mut self, topic: Topic, after: Seq) -> ToBrowser {
        self.say(&ToNode::Watch { topic, after }).await;
        self.pick("a view", |frame| match frame {
            ToBrowser::Shown { topic: it, .. } | ToBrowser::NotShown { topic: it, .. }
                if *it == topic =>
            {
                Some(frame.clone())
            }
            _ => None,
        })
        .await
    }

    /// Looks for a frame among those kept and those to come, and takes it out of their order.
    ///
    /// # Panics
    /// When the socket ends before it.
    pub async fn pick<T>(&mut self, what: &str, is: impl Fn(&ToBrowser) -> Option<T>) -> T {
        let kept = self.unread.iter().enumerate();
        if let Some((place, found)) = kept.filter_map(|(n, it)| Some((n, is(it)?))).next() {
            self.unread.remove(place);
            return found;
        }
        loop {
            let Some(frame) = self.fresh().await else { panic!("the socket ended before {what}") };
            match is(&frame) {
                Some(found) => return found,
                None => self.unread.push_back(frame),
            }
        }
    }

    /// The next frame in order, answers to asks left out.
    ///
    /// # Panics
    /// When the socket ends.
    pub async fn next(&mut self) -> ToBrowser {
        self.next_or_end().await.expect("the socket goes on")
    }

    /// The next frame in order; nothing at the socket's end.
    pub async fn next_or_end(&mut self) -> Option<ToBrowser> {
        match self.unread.pop_front() {
            Some(frame) => Some(frame),
            None => self.fresh().await,
        }
    }

    /// Reads on until the node says why it cuts the socket; nothing when it ends without a word.
    pub async fn bye(&mut self) -> Option<Cut> {
        loop {
            match self.next_or_end().await {
                Some(ToBrowser::Bye { why }) => return Some(why),
                Some(_) => {}
                None => return None,
            }
        }
    }

    /// The texts said from here on, until one of them is the last.
    pub async fn texts_until(&mut self, last: &str) -> Vec<String> {
        let mut texts = Vec::new();
        while texts.last().is_none_or(|text| text != last) {
            if let ToBrowser::Happened {
                event: Event::Conversation { event: ConversationEvent::Said { text, .. } },
                ..
            } = self.next().await
            {
                texts.push(text);
            }
        }
        texts
    }

    /// Proves that nothing else was on its way: an ask is answered after all that came before it.
    /// What arrived meanwhile is handed out.
    pub async fn settled(&mut self) -> Vec<ToBrowser> {
        let people = Vec::new();
        self.ask(Command::Names { topic: Topic::Tenant {}, people }).await;
        self.unread.drain(..).collect()
    }

    async fn fresh(&mut self) -> Option<ToBrowser> {
        let frame = frame(&mut self.ws).await?;
        self.seen += 1;
        if self.acknowledges && (self.seen as usize).is_multiple_of(limits::ACK_EVERY) {
            self.ack().await;
        }
        Some(frame)
    }
}
