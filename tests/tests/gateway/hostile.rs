//! Things no browser says.

use super::stage::{Stage, done, eventually, no};
use actors::vault;
use futures_util::{SinkExt, StreamExt};
use protocol::{
    codec,
    conversation::ConversationCommand,
    frame::{Command, Cut, ToBrowser, ToNode, Topic},
    id::{CaseId, FileId, Seq},
    key::Key,
    limits,
    room::RoomCommand,
    version,
};
use serde_json::json;
use tests::browser::{Browser, Ws, frame, say, soon};
use tokio_tungstenite::tungstenite::{Error, Message};

/// What the node says last after it was sent this: its reason, or nothing.
async fn last_word(ws: &mut Ws) -> Option<Cut> {
    loop {
        match frame(ws).await {
            Some(ToBrowser::Bye { why }) => return Some(why),
            Some(_) => {}
            None => return None,
        }
    }
}

async fn cut_by_first(browser: &Browser, first: Message) -> Option<Cut> {
    let mut ws = browser.bare_socket().await.expect("a handshake");
    // A frame too long is refused while it is being sent.
    let _ = ws.send(first).await;
    last_word(&mut ws).await
}

async fn cut_by(browser: &Browser, said: Message) -> Option<Cut> {
    let mut socket = browser.socket().await;
    let _ = socket.ws.send(said).await;
    socket.bye().await
}

fn text(text: impl Into<String>) -> Message {
    Message::text(text.into())
}

#[tokio::test(flavor = "multi_thread")]
async fn w1_the_first_frame_is_a_hello_of_this_version() {
    let stage = Stage::start().await;
    let browser = stage.expert().await;
    let wrong = json!({ "kind": "hello", "version": version::WIRE + 1 });
    let early = json!({ "kind": "ack", "frames": 0 });
    assert_eq!(cut_by_first(&browser, text(wrong.to_string())).await, Some(Cut::Version));
    assert_eq!(cut_by_first(&browser, text(early.to_string())).await, Some(Cut::Version));
    assert_eq!(cut_by_first(&browser, text("hello")).await, Some(Cut::Malformed));
    assert_eq!(cut_by_first(&browser, text("")).await, Some(Cut::Malformed));
    let binary = cut_by_first(&browser, Message::binary(vec![1, 2, 3])).await;
    assert_eq!(binary, Some(Cut::Version));
    let second = json!({ "kind": "hello", "version": version::WIRE });
    assert_eq!(cut_by(&browser, text(second.to_string())).await, Some(Cut::Malformed));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_of_this_protocol_ends_the_socket_and_nothing_else() {
    let stage = Stage::start().await;
    let browser = stage.expert().await;
    let mut bystander = browser.socket().await;
    let (case, room) = (CaseId::from_u128(1), CaseId::from_u128(1).room());
    let ask = |command: serde_json::Value| {
        json!({ "kind": "ask", "ask": 1, "request": "r", "command": command }).to_string()
    };
    let knock = json!({ "kind": "knock" });
    let frames = [
        "{".to_string(),
        "[]".into(),
        "null".into(),
        "\u{0}".into(),
        json!({ "kind": "shout" }).to_string(),
        json!({ "kind": "ack", "frames": 1, "extra": 1 }).to_string(),
        json!({ "kind": "ack", "frames": -1 }).to_string(),
        json!({ "kind": "ack", "frames": u64::MAX }).to_string(),
        json!({ "kind": "watch", "topic": { "kind": "room", "room": case }, "after": 0 })
            .to_string(),
        json!({ "kind": "watch", "topic": { "kind": "tenant" }, "after": -1 }).to_string(),
        ask(json!({ "kind": "sudo" })),
        ask(json!({ "kind": "room", "room": case, "command": knock })),
        ask(json!({ "kind": "room", "room": room, "command": { "kind": "explode" } })),
        ask(json!({ "kind": "room", "room": room, "command": knock, "as": "admin" })),
        json!({ "kind": "ask", "ask": 1, "request": "r".repeat(65), "command": { "kind": "session",
            "command": { "kind": "close" } } })
        .to_string(),
        "[".repeat(10_000),
        format!("{}{}", "{\"a\":".repeat(10_000), "}".repeat(10_000)),
    ];
    for said in frames {
        let why = cut_by(&browser, text(said.clone())).await;
        assert_eq!(why, Some(Cut::Malformed), "{said:.80}");
    }
    assert_eq!(cut_by(&browser, Message::binary(b"{}".to_vec())).await, Some(Cut::Malformed));
    // Too long, and not text at all: the connection ends, with or without a word.
    let long = cut_by(&browser, text("x".repeat(limits::FRAME_UP_BYTES + 1))).await;
    assert!(long.is_none_or(|why| why == Cut::Slow), "{long:?}");
    assert!(bystander.settled().await.is_empty());
    eventually("every cut socket to be forgotten", || open(&stage) == 1).await;
    assert_eq!(stage.gate().sockets.sessions(), 1);
}

fn open(stage: &Stage) -> usize {
    stage.gate().open_sockets.load(std::sync::atomic::Ordering::Relaxed)
}

/// Bytes below the WebSocket library: a client that does not mask, and text that is no UTF-8.
#[tokio::test(flavor = "multi_thread")]
async fn frames_that_break_the_websocket_itself_end_it() {
    use tokio::io::AsyncWriteExt;
    let stage = Stage::start().await;
    let browser = stage.expert().await;
    // 0x81: final text frame. Unmasked; masked with invalid UTF-8; reserved opcode; a length of
    // 2^63 announced.
    let broken: [&[u8]; 4] = [
        &[0x81, 0x01, b'x'],
        &[0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28],
        &[0x83, 0x80, 0, 0, 0, 0],
        &[0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
    ];
    for bytes in broken {
        let mut socket = browser.socket().await;
        let stream = socket.ws.get_mut();
        stream.write_all(bytes).await.expect("a few bytes are taken");
        stream.flush().await.expect("and sent");
        let why = socket.bye().await;
        assert!(why.is_none_or(|why| why == Cut::Slow), "{bytes:?} {why:?}");
    }
    eventually("every socket to be forgotten", || open(&stage) == 0).await;
}

/// A browser's frame with a mask of zeros.
fn bare(first: u8, body: &[u8]) -> Vec<u8> {
    let len = u8::try_from(body.len()).ok().filter(|len| *len < 126).expect("short");
    [&[first, 0x80 | len, 0, 0, 0, 0], body].concat()
}

/// What the RFC allows and browsers seldom do: a message in pieces, pings between them and within
/// what the node says.
#[tokio::test(flavor = "multi_thread")]
async fn pi1_messages_in_pieces_and_pings_between_them_are_understood() {
    use tokio::io::AsyncWriteExt;
    let stage = Stage::start().await;
    let mut socket = stage.expert().await.socket().await;
    let ping = codec::to_json(&ToNode::Ping {});
    let (head, tail) = ping.as_bytes().split_at(5);
    let pieces = [
        bare(0x01, head),   // a text, to be continued
        bare(0x89, b"one"), // a ping
        bare(0x00, &[]),    // nothing more of it
        bare(0x80, tail),   // the rest
        bare(0x89, b"two"),
        bare(0x8a, b"none asked"),
    ]
    .concat();
    let stream = socket.ws.get_mut();
    for byte in pieces {
        stream.write_all(&[byte]).await.expect("a byte is taken");
        stream.flush().await.expect("and sent");
    }
    let (mut answered, mut pongs) = (0, Vec::new());
    while answered == 0 || pongs.last().is_none_or(|pong| *pong != "two") {
        match soon("a frame", socket.ws.next()).await.expect("open").expect("whole") {
            Message::Text(text) => answered += usize::from(text.contains("pong")),
            Message::Pong(body) => pongs.push(String::from_utf8_lossy(&body).into_owned()),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(answered, 1);
    assert!(pongs == ["one", "two"] || pongs == ["two"], "PI1: {pongs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_but_harmless_frames_are_borne() {
    let stage = Stage::start().await;
    let mut socket = stage.expert().await.socket().await;
    socket.say(&ToNode::Unwatch { topic: stage.room_topic() }).await; // never watched
    socket.say(&ToNode::Ack { frames: u32::MAX }).await; // more than were sent
    socket.say(&ToNode::Ack { frames: 0 }).await; // fewer than before
    socket.say(&ToNode::Ack { frames: 1 }).await;
    for _ in 0..3 {
        socket.watch(stage.room_topic(), Seq(7)).await; // again, from beyond the end
        socket.watch(Topic::Tenant {}, Seq(1 << 50)).await;
    }
    socket.say(&ToNode::Unwatch { topic: stage.room_topic() }).await;
    socket.say(&ToNode::Unwatch { topic: stage.room_topic() }).await;
    done(socket.ask(stage.of_room(RoomCommand::Knock {})).await);
    assert_eq!(no(&socket.ask(stage.of_room(RoomCommand::Knock {})).await), "room.alreadyHere");
    let many = vec![FileId::from_u128(1); limits::MESSAGE_FILES + 1];
    let (message, text) = (protocol::id::MessageId::from_u128(5), String::new());
    let say = ConversationCommand::Say { message, text, files: many };
    assert_eq!(no(&socket.ask(stage.of_chat(say)).await), "conversation.badFiles");
    let long = "ä".repeat(limits::MESSAGE_CHARS + 1);
    assert_eq!(no(&socket.ask(stage.say(message, long)).await), "conversation.badText");
    let longest = "\u{1}".repeat(limits::MESSAGE_CHARS); // six bytes each on the wire
    done(socket.ask(stage.say(message, longest)).await);
}

/// A watch that is asked for anew while the one before is still under way takes its place, and what
/// becomes of the one before ends nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_watch_asked_for_again_and_again_is_one_watch() {
    let stage = Stage::with(|config| config.limits.commands_per_second = 1_000).await;
    let browser = stage.expert().await;
    for _ in 0..20 {
        let mut socket = browser.socket().await;
        for _ in 0..30 {
            socket.say(&ToNode::Watch { topic: Topic::Tenant {}, after: Seq::START }).await;
        }
        socket.say(&ToNode::Unwatch { topic: Topic::Tenant {} }).await;
        done(socket.ask(stage.of_room(RoomCommand::Knock {})).await);
        done(socket.ask(stage.of_room(RoomCommand::Leave {})).await);
    }
}

/// W6: chatter that brings nothing is counted, whatever kind it is of.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_cut_as_a_flood() {
    let stage = Stage::with(|config| config.limits.commands_per_second = 5).await;
    let browser = stage.expert().await;
    let watch = ToNode::Watch { topic: Topic::Tenant {}, after: Seq::START };
    let ack = ToNode::Ack { frames: 0 };
    let unwatch = ToNode::Unwatch { topic: Topic::Tenant {} };
    for chatter in [watch, ack, unwatch] {
        let mut socket = browser.socket().await;
        for _ in 0..200 {
            socket.say(&chatter).await;
        }
        assert_eq!(socket.bye().await, Some(Cut::Flood), "{chatter:?}");
    }
    let mut socket = browser.socket().await;
    for _ in 0..200 {
        let _ = socket.ws.send(Message::Ping(Vec::new().into())).await; // the end is seen below
    }
    assert_eq!(socket.bye().await, Some(Cut::Flood));
    // The knob is the browser's for as long as it is within it.
    let mut socket = browser.socket().await;
    for _ in 0..20 {
        socket.say(&ToNode::Unwatch { topic: Topic::Tenant {} }).await;
    }
    socket.acknowledges = false;
    let shown = frame(&mut socket.ws);
    drop(shown);
    eventually("the floods to be forgotten", || open(&stage) == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_topic_too_many_is_cut_and_the_last_allowed_may_be_watched_again() {
    let stage = Stage::with(|config| config.limits.commands_per_second = 10_000).await;
    let mut socket = stage.expert().await.socket().await;
    // Rooms that do not exist are given back when they are refused, so these exist.
    let (tenant, lead) = (stage.gate().tenant, socket.person);
    let topics: Vec<Topic> = (0..=limits::TOPICS_PER_SOCKET as u128)
        .map(|number| Topic::Room { room: CaseId::from_u128(1000 + number).room() })
        .collect();
    for topic in &topics {
        let Topic::Room { room } = topic else { unreachable!() };
        let ask = actors::effect::Ask::OpenRoom { case: room.case(), lead, tenant };
        stage.gate().house.deliver(ask).await.expect("a room");
    }
    let (last, allowed) = topics.split_last().expect("many");
    for topic in allowed {
        let shown = socket.watch(*topic, Seq::START).await;
        assert!(matches!(shown, ToBrowser::Shown { .. }), "{shown:?}");
    }
    let again = socket.watch(allowed[0], Seq::START).await;
    assert!(matches!(again, ToBrowser::Shown { .. }), "{again:?}");
    socket.say(&ToNode::Watch { topic: *last, after: Seq::START }).await;
    assert_eq!(socket.bye().await, Some(Cut::TooMany));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_socket_too_many_of_one_session_is_told_so_and_the_others_stay() {
    let stage = Stage::start().await;
    let browser = stage.expert().await;
    let mut tabs = Vec::new();
    for _ in 0..limits::SOCKETS_PER_SESSION {
        tabs.push(browser.socket().await);
    }
    let mut more = browser.bare_socket().await.expect("a handshake");
    assert_eq!(last_word(&mut more).await, Some(Cut::TooMany));
    for tab in &mut tabs {
        tab.settled().await;
    }
    drop(tabs.pop());
    eventually("the closed tab to be forgotten", || open(&stage) < limits::SOCKETS_PER_SESSION)
        .await;
    tabs.push(browser.socket().await);
    // All of them are one session, and end with it.
    let close = protocol::session::SessionCommand::Close {};
    tabs[0].post("close", Command::Session { command: close }).await;
    for tab in &mut tabs {
        assert_eq!(tab.bye().await, Some(Cut::SessionOver));
    }
    eventually("no socket to be left", || open(&stage) == 0).await;
    assert_eq!(stage.gate().sockets.sessions(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_opens_no_socket() {
    let stage = Stage::start().await;
    let browser = stage.expert().await;
    let host = stage.site.host.clone();
    let foreign = [
        None,
        Some("null".to_string()),
        Some("https://evil.example".into()),
        Some(format!("http://{host}")),
        Some(format!("https://{host}.evil.example")),
        Some(format!("https://evil@{host}")),
        Some(format!("HTTPS://{host}")),
        Some("https://localhost".into()),
    ];
    for origin in foreign {
        match browser.socket_from(origin.as_deref()).await {
            Err(Error::Http(answer)) => assert_eq!(answer.status().as_u16(), 403, "{origin:?}"),
            other => panic!("{origin:?}: {:?}", other.map(|_| "a socket")),
        }
    }
    assert_eq!(browser.get("/ws").await.status, 426);
    assert_eq!(browser.post("/ws", json!({})).await.status, 405);
    assert_eq!(open(&stage), 0);
}

/// A person's name is data wherever it goes; what the vault refuses is refused in words.
#[tokio::test(flavor = "multi_thread")]
async fn guests_names_are_data() {
    let stage = Stage::start().await;
    let link = tests::browser::secret_of(&stage.demo.guest).to_string();
    for bad in ["", "   ", "a\nb", "\u{0}", &"x".repeat(limits::NAME_CHARS + 1)] {
        let form = json!({ "link": link, "name": bad });
        let answer = Browser::new(&stage.site).post("/api/enter", form).await;
        assert_eq!((answer.status, answer.why().as_str()), (403, "badName"), "{bad:?}");
        assert_eq!(answer.cookie(), None);
    }
    let name = "<script>alert(1)</script> \u{202e}Groß";
    let mut guest = stage.guest(name).await.socket().await;
    let ToBrowser::Welcome { name: told, .. } = &guest.welcome else { unreachable!() };
    assert_eq!(told, name);
    let (gate, person) = (stage.gate(), guest.person);
    let query = vault::Query::Names { people: vec![person] };
    let kept = gate.house.query::<vault::Vault>(Key::Vault(gate.tenant), query).await;
    let vault::Answer::Names(kept) = kept.expect("known") else { unreachable!() };
    assert_eq!(kept[0].name, name);
    say(&mut guest.ws, &ToNode::Ack { frames: 1 }).await;
}
