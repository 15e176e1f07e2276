//! A room of a peer: listeners who count, and one speaker with so many messages on the way.
//!
//! A message is on its way until everybody has heard it, as in the plans of our own people.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt, TryStreamExt, stream};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tests::{
    bench::usage,
    peers::nats::{Reader, Word},
};
use tokio::{runtime::Runtime, sync::Notify};
use tokio_tungstenite::tungstenite::Message;

use crate::sockets::{Place, Socket, say, until};

/// Bytes of a message.
pub(crate) const BYTES: usize = 200;
/// Who comes in at the same time.
const AT_ONCE: usize = 32;
/// Longer than this nothing is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// What ejabberd calls a room.
const ROOM: &str = "room@conference.localhost";

/// Which language is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// NATS' own, in binary frames; nobody hears himself.
    Nats,
    /// XMPP, a stanza in each frame of text; a speaker hears himself, too.
    Xmpp,
}

/// People in one room of a server.
pub(crate) struct Room {
    language: Language,
    heard: Arc<Heard>,
    speaker: Socket,
    runtime: Runtime,
    pids: Vec<u32>,
}

/// What the listeners heard.
struct Heard {
    listeners: u64,
    count: AtomicU64,
    whole: Notify,
}

/// What came of some talk.
pub(crate) struct Talk {
    /// Deliveries in a second.
    pub(crate) per_second: f64,
    /// Deliveries in a second of the server's processor time.
    pub(crate) per_core: f64,
}

impl Room {
    /// Lets so many listeners and a speaker in, into the room of the server with these processes.
    pub(crate) fn enter(
        language: Language,
        place: &Place,
        listeners: usize,
        pids: Vec<u32>,
    ) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let count = AtomicU64::new(0);
        let heard = Arc::new(Heard { listeners: listeners as u64, count, whole: Notify::new() });
        let speaker = runtime.block_on(async {
            let speaker = hello(language, place, 0).await?;
            // Where the speaker hears himself he is one of the listeners.
            let others = listeners - usize::from(language == Language::Xmpp);
            let coming = stream::iter(1..=others).map(|number| hello(language, place, number));
            let sockets: Vec<Socket> = coming.buffer_unordered(AT_ONCE).try_collect().await?;
            for socket in sockets {
                tokio::spawn(listens(language, socket, heard.clone()));
            }
            anyhow::Ok(speaker)
        })?;
        Ok(Self { language, heard, speaker, runtime, pids })
    }

    /// Speaks for so long with so many messages on the way.
    pub(crate) fn talk(&mut self, window: u64, time: Duration) -> Result<Talk> {
        let Self { language, heard, speaker, runtime, pids } = self;
        runtime.block_on(async {
            let (before, cpu, start) = (heard.count(), usage::cpu(pids)?, Instant::now());
            let mut sent = 0;
            while start.elapsed() < time {
                let done = (heard.count() - before) / heard.listeners;
                match (window + done).saturating_sub(sent) {
                    0 => {
                        let waited = wait(*language, speaker, heard);
                        let waited = tokio::time::timeout(PATIENCE, waited).await;
                        waited.context("the room stands still")??;
                    }
                    free => {
                        speak(*language, speaker, free).await?;
                        sent += free;
                    }
                }
            }
            let (seconds, deliveries) =
                (start.elapsed().as_secs_f64(), (heard.count() - before) as f64);
            let spent = usage::cpu(pids)? - cpu;
            let end = Instant::now() + PATIENCE;
            while heard.count() - before < sent * heard.listeners {
                if Instant::now() > end {
                    bail!("deliveries were lost");
                }
                let _ = tokio::time::timeout(PATIENCE, wait(*language, speaker, heard)).await;
            }
            Ok(Talk { per_second: deliveries / seconds, per_core: deliveries / spent })
        })
    }
}

impl Heard {
    fn count(&self) -> u64 {
        self.count.load(Relaxed)
    }

    fn add(&self, messages: u64) {
        let before = self.count.fetch_add(messages, Relaxed);
        if before / self.listeners != (before + messages) / self.listeners {
            self.whole.notify_one();
        }
    }
}

/// Waits until one more message is heard by everybody; what the speaker is told is read meanwhile.
async fn wait(language: Language, speaker: &mut Socket, heard: &Heard) -> Result<()> {
    loop {
        tokio::select! {
            () = heard.whole.notified() => return Ok(()),
            frame = speaker.next() => {
                let frame = frame.context("the server hung up")??;
                match language {
                    Language::Xmpp => heard.add(said(&frame)),
                    Language::Nats => pong(speaker, &frame).await?,
                }
            }
        }
    }
}

/// Answers a server that wants to know whether somebody is there.
async fn pong(socket: &mut Socket, frame: &Message) -> Result<()> {
    if let Message::Binary(bytes) = frame
        && bytes.as_ref() == b"PING\r\n"
    {
        socket.send(Message::binary(&b"PONG\r\n"[..])).await?;
    }
    Ok(())
}

/// Messages in a frame of XMPP.
fn said(frame: &Message) -> u64 {
    let Message::Text(text) = frame else { return 0 };
    u64::from(text.starts_with("<message") && text.contains("<body>"))
}

async fn listens(language: Language, mut socket: Socket, heard: Arc<Heard>) -> Result<()> {
    let mut reader = Reader::default();
    while let Some(frame) = socket.next().await {
        let frame = frame?;
        if language == Language::Xmpp {
            heard.add(said(&frame));
            continue;
        }
        let (mut messages, mut pinged) = (0, false);
        reader.take(&frame.into_data(), |word| match word {
            Word::Message { .. } => messages += 1,
            Word::Ping => pinged = true,
            Word::Pong | Word::Other => {}
        })?;
        if messages > 0 {
            heard.add(messages);
        }
        if pinged {
            socket.send(Message::binary(&b"PONG\r\n"[..])).await?;
        }
    }
    Ok(())
}

async fn speak(language: Language, speaker: &mut Socket, messages: u64) -> Result<()> {
    let body = "x".repeat(BYTES);
    match language {
        Language::Nats => {
            let one = format!("PUB room {BYTES}\r\n{body}\r\n");
            let all = Bytes::from(one.repeat(messages as usize));
            Ok(speaker.send(Message::binary(all)).await?)
        }
        Language::Xmpp => {
            let one = format!(
                "<message xmlns='jabber:client' to='{ROOM}' type='groupchat'>\
                 <body>{body}</body></message>"
            );
            for _ in 0..messages {
                say(speaker, one.clone()).await?;
            }
            Ok(())
        }
    }
}

/// Somebody new, in the room.
async fn hello(language: Language, place: &Place, number: usize) -> Result<Socket> {
    let mut socket = place.open().await.context("no socket")?;
    match language {
        Language::Nats => nats(&mut socket, "room", number > 0).await?,
        Language::Xmpp => xmpp(&mut socket, number).await?,
    }
    Ok(socket)
}

/// Says hello to NATS, and listens to a subject.
pub(crate) async fn nats(socket: &mut Socket, subject: &str, listens: bool) -> Result<()> {
    let hello = r#"CONNECT {"verbose":false,"pedantic":false,"headers":false}"#;
    let subscribe = if listens { format!("SUB {subject} 1\r\n") } else { String::new() };
    let text = format!("{hello}\r\n{subscribe}PING\r\n");
    socket.send(Message::binary(text.into_bytes())).await?;
    until(socket, "PONG").await
}

/// Says hello to ejabberd and enters the room; the first one opens it.
async fn xmpp(socket: &mut Socket, number: usize) -> Result<()> {
    let open = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>";
    say(socket, open.into()).await?;
    until(socket, "<mechanisms").await?;
    let anybody = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>";
    say(socket, anybody.into()).await?;
    until(socket, "<success").await?;
    say(socket, open.into()).await?;
    until(socket, "<bind").await?;
    let bind = "<iq xmlns='jabber:client' type='set' id='b'>\
                <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
    say(socket, bind.into()).await?;
    until(socket, "<jid>").await?;
    let enter = format!(
        "<presence xmlns='jabber:client' to='{ROOM}/n{number}'>\
         <x xmlns='http://jabber.org/protocol/muc'/></presence>"
    );
    say(socket, enter).await?;
    until(socket, "<subject").await?;
    if number == 0 {
        let settle = format!(
            "<iq xmlns='jabber:client' to='{ROOM}' type='set' id='c'>\
             <query xmlns='http://jabber.org/protocol/muc#owner'>\
             <x xmlns='jabber:x:data' type='submit'/></query></iq>"
        );
        say(socket, settle).await?;
        until(socket, "id='c'").await?;
    }
    Ok(())
}
