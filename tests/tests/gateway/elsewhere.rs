//! Pages of other nodes, and pages that shall go to other nodes.

use super::stage::Stage;
use node::clock::now;
use protocol::{
    frame::{Command, Cut, ToBrowser, ToNode},
    id::{Seq, SessionId},
    room::RoomCommand,
    session::SessionCommand,
    time::{Span, Time},
    version::WIRE,
};
use tests::browser::{Browser, Socket, frame, say};

const OTHER: &str = "https://other.example:8443";

/// A node that knows another one.
async fn of_two() -> Stage {
    Stage::with(|config| {
        config.cluster.web = vec!["https://localhost:8443".into(), OTHER.into()];
    })
    .await
}

/// The ticket that a socket was handed after its welcome.
async fn ticket_of(socket: &mut Socket) -> String {
    let ticket = |frame: &ToBrowser| match frame {
        ToBrowser::Ticket { ticket } => Some(ticket.clone()),
        _ => None,
    };
    socket.pick("a ticket", ticket).await
}

/// What the node says first to a page of another node that says this first.
async fn met(browser: &Browser, first: &ToNode) -> ToBrowser {
    let mut ws = browser.socket_from(Some(OTHER)).await.expect("a page of the cluster");
    say(&mut ws, first).await;
    frame(&mut ws).await.expect("a first frame")
}

fn arrive(ticket: &str) -> ToNode {
    ToNode::Arrive { version: WIRE, ticket: ticket.into() }
}

fn session_of(welcome: &ToBrowser) -> SessionId {
    match welcome {
        ToBrowser::Welcome { session, .. } => *session,
        other => panic!("not a welcome: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_node_arrives_with_a_ticket_and_is_who_it_was() {
    let stage = of_two().await;
    let mut at_home = stage.expert().await.socket().await;
    let nodes = |frame: &ToBrowser| match frame {
        ToBrowser::Nodes { nodes } => Some(nodes.clone()),
        _ => None,
    };
    assert!(at_home.pick("the nodes", nodes).await.contains(&OTHER.to_string()));
    let ticket = ticket_of(&mut at_home).await;
    // Somebody else's cookie lies in the same browser: it counts for nothing here.
    let other = stage.colleague().await;
    let mut ws = other.socket_from(Some(OTHER)).await.expect("a page of the cluster");
    say(&mut ws, &arrive(&ticket)).await;
    let welcome = frame(&mut ws).await.expect("a welcome");
    assert_eq!(session_of(&welcome), at_home.session);
    // It is watched and pinged like any other socket.
    say(&mut ws, &ToNode::Ping {}).await;
    say(&mut ws, &ToNode::Watch { topic: stage.room_topic(), after: Seq::START }).await;
    let (mut pong, mut shown) = (false, false);
    while !(pong && shown) {
        match frame(&mut ws).await.expect("the socket goes on") {
            ToBrowser::Pong {} => pong = true,
            ToBrowser::Shown { .. } => shown = true,
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn j1_a_ticket_is_worth_what_its_session_is_worth() {
    let stage = of_two().await;
    let mut at_home = stage.guest("Familie Groß").await.socket().await;
    let ticket = ticket_of(&mut at_home).await;
    let anybody = Browser::new(&stage.site);
    assert_eq!(session_of(&met(&anybody, &arrive(&ticket)).await), at_home.session);
    at_home.ask(stage.of_room(RoomCommand::Knock {})).await;
    at_home.post("out", Command::Session { command: SessionCommand::Close {} }).await;
    assert_eq!(at_home.bye().await, Some(Cut::SessionOver));
    let bye = met(&anybody, &arrive(&ticket)).await;
    assert_eq!(bye, ToBrowser::Bye { why: Cut::SessionOver }, "signed out");
}

#[tokio::test(flavor = "multi_thread")]
async fn j2_what_is_no_ticket_of_now_opens_nothing() {
    let stage = of_two().await;
    let mut at_home = stage.expert().await.socket().await;
    let good = ticket_of(&mut at_home).await;
    let (secrets, tenant) = (&stage.gate().secrets, stage.gate().tenant);
    let session = at_home.session;
    let late = secrets.ticket(tenant, session, Time::from_ms(now().ms() - 1));
    let cookie = secrets.cookie(tenant, session);
    let unborn = secrets.ticket(tenant, SessionId::from_u128(7), now().after(Span::from_secs(60)));
    let mut forged = good.clone().into_bytes();
    forged[20] ^= 1;
    let forged = String::from_utf8(forged).expect("letters");
    let signed_in = stage.expert().await;
    for worthless in [&late, &cookie, &unborn, &forged, "", &"A".repeat(4000)] {
        let bye = met(&signed_in, &arrive(worthless)).await;
        assert_eq!(bye, ToBrowser::Bye { why: Cut::SessionOver }, "{worthless:.12}");
    }
    // A cookie is not enough for a page of another node, and a version is not overlooked.
    let hello = met(&signed_in, &ToNode::Hello { version: WIRE }).await;
    assert_eq!(hello, ToBrowser::Bye { why: Cut::Version });
    let newer = ToNode::Arrive { version: WIRE + 1, ticket: good };
    assert_eq!(met(&signed_in, &newer).await, ToBrowser::Bye { why: Cut::Version });
    for foreign in [Some("https://evil.example"), Some("http://other.example:8443"), None] {
        assert!(signed_in.socket_from(foreign).await.is_err(), "{foreign:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn j3_a_node_alone_hands_out_no_tickets_and_lets_no_other_page_in() {
    let stage = Stage::start().await;
    let mut socket = stage.expert().await.socket().await;
    let told = socket.settled().await;
    assert!(told.is_empty(), "{told:?}");
    assert!(stage.expert().await.socket_from(Some(OTHER)).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_names_the_sockets_of_the_cluster() {
    let stage = of_two().await;
    let answer = Browser::new(&stage.site).get("/healthz").await;
    let policy = answer.header("content-security-policy").unwrap_or_default();
    let sockets = "connect-src 'self' wss://localhost:8443 wss://other.example:8443;";
    assert!(policy.contains(sockets), "{policy}");
}
