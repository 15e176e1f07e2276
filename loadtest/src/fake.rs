//! A node of a hundred lines, inside a test: enough of the protocol to prove the people right.

use futures_util::{SinkExt, StreamExt};
use protocol::{
    caller::Role,
    codec,
    conversation::{ConversationCommand, ConversationEvent, ConversationView},
    frame::{Command, Cut, Event, Reply, ToBrowser, ToNode, Topic, View},
    id::{CaseId, ConversationId, LinkId, MessageId, NodeId, PersonId, Seq, SessionId, TenantId},
    limits::FRAME_UP_BYTES,
    tenant::{CaseView, LinkView, TenantCommand, TenantView},
    time::Time,
};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::broadcast,
};
use tokio_tungstenite::{accept_async, tungstenite::Message};

use crate::{
    measure::{Clock, Latencies},
    person::{Person, Shared},
    site::Site,
};

/// The one case there is.
const CASE: CaseId = CaseId::from_u128(1);

/// A node with one conversation.
pub(crate) struct Fake {
    port: u16,
    talk: Arc<Talk>,
}

struct Talk {
    seq: AtomicU64,
    sessions: AtomicU64,
    told: broadcast::Sender<String>,
}

impl Fake {
    /// Listens on a port of its own.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("127.0.0.1 has ports");
        let port = listener.local_addr().expect("bound").port();
        let told = broadcast::channel(4096).0;
        let talk = Arc::new(Talk { seq: AtomicU64::new(1), sessions: AtomicU64::new(1), told });
        let shared = talk.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, shared.clone()));
            }
        });
        Self { port, talk }
    }

    /// How people find it.
    pub(crate) fn site(&self) -> Site {
        Site::new(&format!("http://127.0.0.1:{}", self.port), false, Path::new(""))
            .expect("a loopback address")
    }

    /// Somebody who is connected.
    pub(crate) async fn person(&self, index: usize) -> Person {
        let clock = Arc::new(Clock::new());
        let (sites, deliveries) = ([self.site()].into(), Arc::new(Latencies::new()));
        let shared = Shared { sites, clock, deliveries, window: None };
        Person::connect(&shared, index, "k=v".into(), None).await.expect("welcome")
    }

    /// Something to ask.
    pub(crate) fn say(&self, text: &str) -> Command {
        let (message, text, files) = (MessageId::from_u128(9), text.to_owned(), Vec::new());
        let command = ConversationCommand::Say { message, text, files };
        Command::Conversation { conversation: CASE.conversation(), command }
    }

    /// Tells of something and leaves out what came before it.
    pub(crate) fn tell_skipping(&self, count: u64) {
        self.talk.seq.fetch_add(count, Relaxed);
        self.talk.tell("skipped".into());
    }

    /// Tells the last thing a second time.
    pub(crate) fn tell_again(&self) {
        self.talk.seq.fetch_sub(1, Relaxed);
        self.talk.tell("again".into());
    }

    /// Cuts every socket.
    pub(crate) fn cut(&self) {
        let bye = codec::to_json(&ToBrowser::Bye { why: Cut::Stopping });
        self.talk.told.send(bye).expect("somebody listens");
    }
}

impl Talk {
    fn tell(&self, text: String) -> Seq {
        let seq = Seq(self.seq.fetch_add(1, Relaxed) + 1);
        let message = MessageId::from_u128(u128::from(seq.0));
        let by = PersonId::from_u128(1);
        let event = ConversationEvent::Said { message, by, text, files: vec![] };
        let frame = ToBrowser::Happened {
            topic: topic(),
            seq,
            at: Time::from_ms(1),
            event: Event::Conversation { event },
        };
        // Nobody may be listening.
        let _ = self.told.send(codec::to_json(&frame));
        seq
    }

    fn answer(&self, command: Command) -> Reply {
        match command {
            Command::Tenant { command: TenantCommand::Open { .. } } => Reply::Case { case: CASE },
            Command::Link { .. } => Reply::Link { path: "/room#secret".into() },
            Command::Conversation { command: ConversationCommand::Say { text, .. }, .. } => {
                Reply::Done { seq: self.tell(text) }
            }
            _ => Reply::Done { seq: Seq(1) },
        }
    }
}

async fn serve(mut stream: TcpStream, talk: Arc<Talk>) {
    let mut first = [0; 4];
    while stream.peek(&mut first).await.expect("readable") < 4 {}
    if &first == b"POST" {
        let mut request = [0; 4096];
        assert!(stream.read(&mut request).await.expect("a request") > 0);
        let answer = "HTTP/1.1 204 No Content\r\nSet-Cookie: k=v; Path=/\r\n\r\n";
        return stream.write_all(answer.as_bytes()).await.expect("writable");
    }
    let mut socket = accept_async(stream).await.expect("a handshake");
    let mut told = talk.told.subscribe();
    loop {
        let (text, last) = tokio::select! {
            // What was told before an answer goes out before it.
            biased;
            text = told.recv() => match text {
                Ok(text) => { let bye = text.contains("\"bye\""); (text, bye) }
                Err(_) => return,
            },
            frame = socket.next() => match frame {
                Some(Ok(Message::Text(text))) => match hear(&text, &talk) {
                    Some(answer) => (codec::to_json(&answer), false),
                    None => continue,
                },
                _ => return,
            },
        };
        if socket.send(Message::text(text)).await.is_err() || last {
            return;
        }
    }
}

fn hear(text: &str, talk: &Talk) -> Option<ToBrowser> {
    match codec::from_json::<ToNode, FRAME_UP_BYTES>(text).expect("people speak protocol") {
        ToNode::Hello { version } => Some(ToBrowser::Welcome {
            version,
            tenant: TenantId::from_u128(1),
            person: PersonId::from_u128(1),
            session: SessionId::from_u128(u128::from(talk.sessions.fetch_add(1, Relaxed))),
            role: Role::Customer,
            name: "Guest".into(),
            case: None,
            node: NodeId::from_u128(1),
            now: Time::from_ms(1),
        }),
        ToNode::Watch { topic, .. } | ToNode::WatchIn { topic, .. } => {
            Some(ToBrowser::Shown { topic, seq: Seq(talk.seq.load(Relaxed)), view: view(topic) })
        }
        ToNode::Ask { ask, command, .. } => {
            Some(ToBrowser::Answered { ask, reply: talk.answer(command) })
        }
        ToNode::Unwatch { .. } | ToNode::Ack { .. } => None,
        // People of a load come from one node and are not asked whether they are there.
        ToNode::Arrive { .. } | ToNode::Ping {} => None,
    }
}

fn topic() -> Topic {
    Topic::Conversation { conversation: ConversationId::from_u128(1) }
}

fn view(topic: Topic) -> View {
    if topic != (Topic::Tenant {}) {
        let (people, messages, reads) = (vec![], vec![], vec![]);
        let (continues, earlier) = (false, false);
        let view = ConversationView { case: CASE, people, messages, continues, earlier, reads };
        return View::Conversation { view };
    }
    let (link, until) = (LinkId::from_u128(1), Time::from_ms(u64::MAX));
    let links = vec![LinkView { link, until, revoked: false }];
    let (customer, since) = (PersonId::from_u128(2), Time::from_ms(1));
    let case = CaseView { case: CASE, title: "x".into(), since, customer, closed: false, links };
    View::Tenant { view: TenantView { cases: vec![case] } }
}
