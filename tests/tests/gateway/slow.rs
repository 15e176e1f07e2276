//! Browsers that do not read, and those beside them who do.

use super::{
    journeys::met,
    stage::{Stage, done, eventually},
};
use actors::outbox::outbox;
use protocol::{
    frame::{Cut, ToBrowser, View},
    id::Seq,
    limits,
    room::RoomCommand,
};
use tests::browser::Socket;
use tokio_tungstenite::tungstenite::Bytes;

/// Bytes of memory this process has in use.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").expect("this machine has /proc");
    let pages = text.split(' ').nth(1).and_then(|it| it.parse::<usize>().ok());
    pages.expect("the second number counts pages") * 4096
}

/// How often the node cut a socket for this reason.
async fn cuts(stage: &Stage, why: &str) -> u64 {
    let text = stage.expert().await.get("/metrics").await.text();
    let name = format!("konsil_sockets_cut_total{{reason=\"{why}\"}} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&name)).unwrap_or("0");
    line.parse().expect("a count")
}

/// A gigabyte told to somebody who does not listen.
#[test]
fn o1_an_outbox_nobody_empties_holds_its_bound_and_no_more() {
    let before = resident();
    let (outbox, outgoing) = outbox();
    for _ in 0..1 << 16 {
        outbox.push(Bytes::from(vec![7; 1 << 14]));
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 4 * limits::OUTBOX_BYTES, "{grown} bytes");
    assert!(!outbox.is_open());
    drop(outgoing);
}

async fn chatty() -> Stage {
    Stage::with(|config| config.limits.commands_per_second = 100_000).await
}

/// Says long messages and reads everything back on the other side, which acknowledges.
async fn talk(stage: &Stage, from: &mut Socket, to: &mut Socket, text: &str, count: usize) {
    for _ in 0..count {
        stage.said(from, text).await;
        to.texts_until(text).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_reads_is_cut_and_the_others_get_everything() {
    let stage = chatty().await;
    let (mut expert, mut guest) = met(&stage).await;
    let sleeper = stage.guest("Familie Groß").await;
    let mut asleep = sleeper.socket().await;
    let ToBrowser::Shown { seq: at, .. } = asleep.watch(stage.chat_topic(), Seq::START).await
    else {
        panic!("not shown")
    };
    assert_eq!(cuts(&stage, "slow").await, 0);
    let text = "ä".repeat(limits::MESSAGE_CHARS); // 16 kB each on the wire
    // More than the outbox and every buffer on the way hold together.
    let count = 3 * limits::OUTBOX_BYTES / text.len();
    talk(&stage, &mut expert, &mut guest, &text, count).await;
    assert_eq!(cuts(&stage, "slow").await, 1, "the sleeper, and nobody else");
    // What it held is given back although it never took its farewell.
    let open = || stage.gate().open_sockets.load(std::sync::atomic::Ordering::Relaxed);
    eventually("the sleeper to be forgotten", || open() == 2).await;

    // It wakes up, finds itself cut, and comes back by its cursor to all that was said.
    while asleep.next_or_end().await.is_some() {}
    let mut awake = sleeper.socket().await;
    let shown = awake.watch(stage.chat_topic(), at).await;
    let ToBrowser::Shown { view: View::Conversation { view }, .. } = shown else { panic!() };
    let newest = view.messages.last().expect("messages").message;
    let last = stage.said(&mut expert, "letzte").await;
    assert_eq!(awake.texts_until("letzte").await, ["letzte"]);
    assert!(last > newest);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_and_never_acknowledges_is_cut_at_the_bound() {
    let stage = chatty().await;
    let (mut expert, mut guest) = met(&stage).await;
    let mut deaf = stage.guest("Familie Groß").await.socket().await;
    deaf.acknowledges = false;
    deaf.watch(stage.chat_topic(), Seq::START).await;
    // Reads along all the time, so that nothing but the missing acknowledgements is wrong.
    let deaf = tokio::spawn(async move {
        let why = deaf.bye().await;
        (why, deaf.seen as usize)
    });
    for number in 0..2 * limits::FRAMES_IN_FLIGHT + 64 {
        stage.said(&mut expert, format!("{number}")).await;
        guest.texts_until(&format!("{number}")).await;
    }
    let (why, seen) = deaf.await.expect("it ends");
    assert_eq!(why, Some(Cut::Slow));
    // W3: so many were sent; the goodbye is one more.
    assert!(seen <= limits::FRAMES_IN_FLIGHT + 1, "{seen}");
    stage.said(&mut expert, "Ende").await;
    assert_eq!(guest.texts_until("Ende").await, ["Ende"]);
}

/// Frames down must not keep the node from hearing a browser that asks meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_frames_down_leaves_room_for_asks_up() {
    let stage = chatty().await;
    let (mut expert, mut guest) = met(&stage).await;
    let chat = stage.conversation();
    let many = 3 * limits::FRAMES_IN_FLIGHT;
    let speaker = tokio::spawn(async move {
        for number in 0..many {
            let message = protocol::id::MessageId::new(node::clock::now(), node::secrets::chance());
            let (text, files) = (format!("{number}"), Vec::new());
            let command = protocol::conversation::ConversationCommand::Say { message, text, files };
            let command = protocol::frame::Command::Conversation { conversation: chat, command };
            done(expert.ask(command).await);
        }
        expert
    });
    let mut asked = 0;
    while !speaker.is_finished() {
        guest.settled().await;
        asked += 1;
    }
    speaker.await.expect("everything was said");
    assert!(asked > 1);
    done(guest.ask(stage.of_room(RoomCommand::Leave {})).await);
}
