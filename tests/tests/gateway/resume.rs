//! Coming back: after a lost socket, and to a node that was started anew.

use super::{
    journeys::{met, room},
    stage::{Stage, done, no},
};
use protocol::{
    conversation::{ConversationCommand, ConversationView},
    frame::{Command, Cut, ToBrowser, Topic, View},
    id::Seq,
    limits,
    room::{RoomCommand, Standing},
    tenant::TenantCommand,
    time::Span,
};
use tests::browser::{Site, Socket};

/// The chat as it is shown to somebody who folded everything up to `after`, and where it stands.
async fn chat(socket: &mut Socket, topic: Topic, after: Seq) -> (ConversationView, Seq) {
    match socket.watch(topic, after).await {
        ToBrowser::Shown { view: View::Conversation { view }, seq, .. } => (view, seq),
        other => panic!("no chat: {other:?}"),
    }
}

fn texts(view: &ConversationView) -> Vec<&str> {
    view.messages.iter().map(|it| it.text.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_socket_resumes_and_nothing_is_lost_or_doubled() {
    let stage = Stage::start().await;
    let (mut expert, guest) = met(&stage).await;
    let browser = stage.guest("Familie Groß").await;
    drop(guest);
    let first = stage.said(&mut expert, "eins").await;
    let mut guest = browser.socket().await;
    let (view, at) = chat(&mut guest, stage.chat_topic(), Seq::START).await;
    assert_eq!((texts(&view), view.continues), (vec!["eins"], false));
    drop(guest); // without a word, as when a train enters a tunnel

    for number in 0..20 {
        stage.said(&mut expert, format!("verpasst {number}")).await;
    }
    let text = "eins, berichtigt".to_string();
    done(expert.ask(stage.of_chat(ConversationCommand::Edit { message: first, text })).await);

    let mut guest = browser.socket().await;
    let (view, next) = chat(&mut guest, stage.chat_topic(), at).await;
    assert!(view.continues && next > at);
    assert_eq!(view.messages.len(), 21, "twenty new ones and the one that changed");
    assert_eq!(texts(&view)[0], "eins, berichtigt");
    stage.said(&mut expert, "live").await;
    assert_eq!(guest.texts_until("live").await, ["live"], "nothing is told twice");
    let (view, _) = chat(&mut guest, stage.chat_topic(), Seq(next.0 + 1)).await;
    assert!(view.messages.is_empty() && view.continues);
    // A cursor from beyond the end, of a backup that was restored perhaps, starts anew.
    let (view, _) = chat(&mut guest, stage.chat_topic(), Seq(u64::MAX >> 11)).await;
    assert!(!view.continues && view.messages.len() == 22);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_node_knows_cookie_seat_and_chat() {
    let stage = Stage::start().await;
    let (browser, visitor) = (stage.expert().await, stage.guest("Familie Groß").await);
    let (mut expert, mut guest) = (browser.socket().await, visitor.socket().await);
    room(&stage, &mut expert).await;
    done(expert.ask(stage.of_room(RoomCommand::Knock {})).await);
    let (_, at) = chat(&mut guest, stage.chat_topic(), Seq::START).await;
    for number in 0..50 {
        stage.said(&mut expert, format!("vor dem Neustart {number}")).await;
    }
    let (case, guest_link) = (stage.case(), stage.demo.guest.clone());

    let farewells = tokio::spawn(async move { (expert.bye().await, guest.bye().await) });
    let stage = stage.restarted().await;
    let farewells = farewells.await.expect("both were told");
    assert_eq!(farewells, (Some(Cut::Stopping), Some(Cut::Stopping)));

    assert_eq!(stage.case(), case);
    assert_eq!(
        tests::browser::secret_of(&stage.demo.guest),
        tests::browser::secret_of(&guest_link),
        "the link handed out before is the link printed now"
    );
    let mut expert = browser.at(&stage.site).socket().await;
    let mut guest = visitor.at(&stage.site).socket().await;
    assert_eq!(room(&stage, &mut expert).await.standing, Standing::Seated);
    let (view, _) = chat(&mut guest, stage.chat_topic(), at).await;
    assert!(view.continues);
    assert_eq!(view.messages.len(), 50);
    stage.said(&mut guest, "wieder da").await;
    let (view, _) = chat(&mut expert, stage.chat_topic(), Seq::START).await;
    assert_eq!(texts(&view).last(), Some(&"wieder da"));
}

/// W5, Y4: a browser that takes nothing, in the middle of a frame, keeps no node from stopping, and
/// its data from no other.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_stops_although_connections_stand_about() {
    let stage = Stage::with(|config| config.limits.commands_per_second = 100_000).await;
    let (mut expert, guest) = met(&stage).await;
    let narrow = Site { window: Some(4096), ..stage.site.clone() };
    let mut stuck = stage.guest("Familie Groß").await.at(&narrow).socket().await;
    stuck.watch(stage.chat_topic(), Seq::START).await;
    let silent = stage.site.tcp().await.expect("accepted");
    let idle = stage.site.connect().await.expect("a handshake");
    let text = "x".repeat(protocol::limits::MESSAGE_CHARS);
    // More than the machine's buffers take, and less than would cut the socket as slow.
    for _ in 0..640 {
        stage.said(&mut expert, text.clone()).await;
    }
    let stage = stage.restarted().await;
    drop((silent, idle, guest, stuck));
    assert_eq!(stage.expert().await.get("/healthz").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_comes_again_over_another_socket_is_done_once_and_answered_the_same() {
    let stage = Stage::start().await;
    let browser = stage.expert().await;
    let (mut lost, mut next) = (browser.socket().await, browser.socket().await);
    let knock = stage.of_room(RoomCommand::Knock {});
    let seated = done(lost.ask_again("knock", knock.clone()).await);
    assert_eq!(done(next.ask_again("knock", knock.clone()).await), seated);
    assert_eq!(no(&next.ask(knock).await), "room.alreadyHere", "another request is refused");
    // What came in between stays.
    let (lock, unlock) =
        (stage.of_room(RoomCommand::Lock {}), stage.of_room(RoomCommand::Unlock {}));
    let locked = done(lost.ask_again("lock", lock.clone()).await);
    done(next.ask(unlock.clone()).await);
    assert_eq!(done(next.ask_again("lock", lock.clone()).await), locked);
    assert!(!room(&stage, &mut next).await.locked);
    // The same chance with another command is another request.
    done(next.ask(lock).await);
    assert!(done(next.ask_again("lock", unlock).await) > locked);
    assert!(!room(&stage, &mut next).await.locked);
    // The last link there was room for, asked for once more when there is none.
    let life = Span::from_secs(3600);
    let invite = || Command::Tenant { command: TenantCommand::Invite { case: stage.case(), life } };
    let mut made = None;
    for number in 0..limits::CASE_LINKS - 1 {
        let request = format!("link {number}");
        made = Some((done(lost.ask_again(&request, invite()).await), request));
    }
    let (seq, request) = made.expect("there was room");
    assert_eq!(no(&next.ask(invite()).await), "tenant.tooManyLinks");
    assert_eq!(done(next.ask_again(&request, invite()).await), seq);
}
