//! What opens a door, and everything that looks as if it did.

use super::{
    journeys::{met, room},
    stage::{Stage, done, eventually, no, why},
};
use actors::{
    effect::Ask,
    house::{House, Options, no_media},
    road::alone,
    session, tenant, vault,
};
use node::{
    clock::now,
    secrets::{Secrets, chance},
};
use protocol::{
    caller::{Caller, Role},
    frame::{Command, Cut, Event, Reply, ToBrowser, ToNode, Topic},
    id::{CaseId, ConversationId, FileId, LinkId, PersonId, RoomId, Seq, SessionId, TenantId},
    key::Key,
    session::SessionCommand,
    tenant::{TenantCommand, TenantEvent},
    time::{Span, Time},
};
use serde_json::json;
use std::{str::FromStr, sync::Arc};
use tests::browser::{Answer, Browser, Site, frame, secret_of};

async fn look(site: &Site, link: &str) -> Answer {
    Browser::new(site).post("/api/link", json!({ "link": link })).await
}

/// Both ways in say the same no.
async fn refused(site: &Site, link: &str, status: u16, why: &str) {
    let enter = Browser::new(site).post("/api/enter", json!({ "link": link, "name": "X" })).await;
    for answer in [look(site, link).await, enter] {
        assert_eq!((answer.status, answer.why().as_str()), (status, why), "{link:.20}");
        assert_eq!(answer.cookie(), None);
    }
}

/// A session that is worth nothing: the socket says so itself, and every path says 401 or 410.
async fn worthless(browser: &Browser) {
    let mut ws = browser.bare_socket().await.expect("the handshake itself succeeds");
    assert_eq!(frame(&mut ws).await, Some(ToBrowser::Bye { why: Cut::SessionOver }));
    assert_eq!(frame(&mut ws).await, None);
    let status = browser.get("/ws").await.status;
    assert!([401, 410, 404].contains(&status), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_forged_cut_short_or_of_another_tenant_opens_nothing() {
    let stage = Stage::start().await;
    let link = secret_of(&stage.demo.guest).to_string();
    assert_eq!(look(&stage.site, &link).await.status, 200);
    for length in [0, 1, link.len() / 2, link.len() - 1] {
        refused(&stage.site, &link[..length], 404, "notFound").await;
    }
    for place in (0..link.len()).step_by(7) {
        let mut forged = link.clone().into_bytes();
        forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).expect("still text");
        refused(&stage.site, &forged, 404, "notFound").await;
    }
    for rubbish in ["/room#", "\0", "ä", "../../etc/passwd", &"A".repeat(8000), &format!("{link}=")]
    {
        refused(&stage.site, rubbish, 404, "notFound").await;
    }
    // Signed by this node, for a tenant that is not: nothing is there.
    let secrets = &stage.gate().secrets;
    let elsewhere =
        secrets.link(TenantId::from_u128(5), LinkId::from_u128(6), Time::from_ms(u64::MAX));
    refused(&stage.site, &elsewhere, 404, "notFound").await;
    // Signed by another node's key.
    let folder = tempfile::tempdir().expect("a folder");
    let foreign = Secrets::open(folder.path()).expect("another key");
    let (tenant, until) = (stage.gate().tenant, Time::from_ms(u64::MAX));
    refused(&stage.site, &foreign.link(tenant, LinkId::from_u128(1), until), 404, "notFound").await;
    // A cookie is no link.
    let expert = stage.expert().await;
    refused(&stage.site, expert.value(), 404, "notFound").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_that_is_forged_expired_or_a_link_is_nobodys() {
    let stage = Stage::start().await;
    let expert = stage.expert().await;
    let value = expert.value().to_string();
    for place in (0..value.len()).step_by(11) {
        let mut forged = value.clone().into_bytes();
        forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).expect("still text");
        worthless(&Browser::with_cookie(&stage.site, &forged)).await;
    }
    worthless(&Browser::new(&stage.site)).await;
    worthless(&Browser::with_cookie(&stage.site, secret_of(&stage.demo.guest))).await;
    worthless(&Browser::with_cookie(&stage.site, &value[..value.len() - 1])).await;
    // Signed, and never born; or born in another tenant.
    let gate = stage.gate();
    let unborn = gate.secrets.cookie(gate.tenant, SessionId::from_u128(1));
    worthless(&Browser::with_cookie(&stage.site, &unborn)).await;
    let other = TenantId::from_u128(5);
    let (_, session) = gate.secrets.read_cookie(&value).expect("own cookie");
    worthless(&Browser::with_cookie(&stage.site, &gate.secrets.cookie(other, session))).await;
    let (person, past) = (PersonId::from_u128(3), Time::from_ms(now().ms() - 1));
    worthless(&stage.born_until(gate.tenant, person, Role::Expert, past).await).await;
}

/// W5: also a socket that is in the middle of something.
#[tokio::test(flavor = "multi_thread")]
async fn a_socket_ends_with_its_session() {
    let stage = Stage::start().await;
    let soon = now().after(Span::from_ms(1500));
    let (tenant, person) = (stage.gate().tenant, PersonId::from_u128(3));
    let browser = stage.born_until(tenant, person, Role::Expert, soon).await;
    let mut socket = browser.socket().await;
    socket.watch(Topic::Tenant {}, Seq::START).await;
    assert_eq!(socket.bye().await, Some(Cut::SessionOver));
    assert!(now() >= soon);
}

/// Who was let in by the handshake is looked at again at the hello.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_before_its_hello_is_not_welcomed() {
    let stage = Stage::start().await;
    let soon = now().after(Span::from_ms(500));
    let (tenant, person) = (stage.gate().tenant, PersonId::from_u128(3));
    let browser = stage.born_until(tenant, person, Role::Expert, soon).await;
    let mut ws = browser.bare_socket().await.expect("a handshake");
    eventually("the session to end", || now() >= soon).await;
    let hello = protocol::frame::ToNode::Hello { version: protocol::version::WIRE };
    tests::browser::say(&mut ws, &hello).await;
    assert_eq!(frame(&mut ws).await, Some(ToBrowser::Bye { why: Cut::SessionOver }));
}

/// An own case of the expert's and a guest link to it, as the start page makes them.
async fn invited(
    stage: &Stage,
    socket: &mut tests::browser::Socket,
    case: CaseId,
) -> (LinkId, String) {
    socket.watch(Topic::Tenant {}, Seq::START).await;
    let command = TenantCommand::Invite { case, life: Span::from_secs(3600) };
    done(socket.ask(Command::Tenant { command }).await);
    let link = socket
        .pick("the new link", |frame| match frame {
            ToBrowser::Happened {
                event: Event::Tenant { event: TenantEvent::Invited { link, .. } },
                ..
            } => Some(*link),
            _ => None,
        })
        .await;
    let Reply::Link { path } = socket.ask(Command::Link { case, link }).await else {
        panic!("no path for {link} of {}", stage.case())
    };
    (link, path)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_link_ends_its_guests_and_no_others() {
    let stage = Stage::start().await;
    let (mut expert, mut by_first) = met(&stage).await;
    let (link, path) = invited(&stage, &mut expert, stage.case()).await;
    let second = Browser::enter(&stage.site, &path, "Familie Groß, Telefon").await;
    let mut by_second = second.socket().await;
    by_second.watch(stage.chat_topic(), Seq::START).await;

    done(expert.ask(Command::Tenant { command: TenantCommand::Revoke { link } }).await);
    assert_eq!(by_second.bye().await, Some(Cut::SessionOver));
    worthless(&second).await;
    refused(&stage.site, secret_of(&path), 410, "linkRevoked").await;
    let again = expert.ask(Command::Link { case: stage.case(), link }).await;
    assert_eq!(no(&again), "tenant.linkRevoked");
    // The other link's guest and the expert go on.
    stage.said(&mut expert, "weiter").await;
    assert_eq!(by_first.texts_until("weiter").await.last().map(String::as_str), Some("weiter"));
    assert!(room(&stage, &mut by_first).await.seats.len() == 2);

    done(
        expert.ask(Command::Tenant { command: TenantCommand::Close { case: stage.case() } }).await,
    );
    refused(&stage.site, secret_of(&stage.demo.guest), 410, "caseClosed").await;
    let invite = TenantCommand::Invite { case: stage.case(), life: Span::from_secs(3600) };
    assert_eq!(no(&expert.ask(Command::Tenant { command: invite }).await), "tenant.caseClosed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_link_opens_nothing_and_ends_its_sessions() {
    let stage = Stage::start().await;
    let (tenant, case, expert) = (stage.gate().tenant, stage.case(), stage.expert().await);
    let lead = expert.socket().await.person;
    let link = LinkId::new(now(), chance());
    // A house two days ago over the same journals: a link for an hour. The node's own house knows
    // nothing of it until it is started anew.
    let ago = Time::from_ms(now().ms() - 48 * 3600 * 1000);
    let (ledger, road) = (stage.gate().house.ledger.clone(), alone());
    let (clock, media) = (Arc::new(move || ago), no_media());
    let options = Options { ledger, clock, media, road, awake_max: 10, birth: 1 };
    let house = House::open(options).await.expect("a house");
    let by = Caller { tenant, person: lead, session: SessionId::default(), role: Role::Expert };
    let command = TenantCommand::Invite { case, life: Span::from_secs(3600) };
    let input = tenant::Input::Command { command, case, link, customer: PersonId::default() };
    house.ask::<tenant::Tenant>(Key::Tenant(tenant), by, input).await.expect("invited");
    house.stop();
    drop(house);
    let stage = stage.restarted().await;
    let secret = stage.gate().secrets.link(tenant, link, Time::from_ms(u64::MAX));
    refused(&stage.site, &secret, 410, "linkExpired").await;
    let mut socket = expert.at(&stage.site).socket().await;
    let revoke = Command::Tenant { command: TenantCommand::Revoke { link } };
    assert_eq!(no(&socket.ask(revoke).await), "tenant.linkExpired");
    // The link that was not touched still opens.
    assert_eq!(look(&stage.site, secret_of(&stage.demo.guest)).await.status, 200);
}

/// A case of another tenant, made as that tenant's own expert would.
async fn elsewhere(stage: &Stage) -> CaseId {
    let (gate, tenant) = (stage.gate(), TenantId::from_u128(4242));
    let (case, lead) = (CaseId::from_u128(99), PersonId::from_u128(98));
    let node = Caller::node(tenant);
    let name = vault::Input::Name { person: lead, role: Role::Expert, name: "Fremd".into() };
    gate.house.ask::<vault::Vault>(Key::Vault(tenant), node, name).await.expect("named");
    let people = vec![lead];
    gate.house.deliver(Ask::OpenRoom { case, lead, tenant }).await.expect("a room");
    gate.house.deliver(Ask::OpenConversation { case, people, tenant }).await.expect("a chat");
    case
}

/// What is of another tenant, and what does not exist, are told in the very same words.
#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_things_answer_like_things_that_do_not_exist() {
    let stage = Stage::start().await;
    let (theirs, nothing) = (elsewhere(&stage).await, CaseId::from_u128(31337));
    let browser = stage.expert().await;
    let mut socket = browser.socket().await;
    let mut said = Vec::new();
    for case in [theirs, nothing] {
        let (room, conversation) = (case.room(), case.conversation());
        let message = protocol::id::MessageId::from_u128(1);
        let mut told = Vec::new();
        for topic in [Topic::Room { room }, Topic::Conversation { conversation }] {
            match socket.watch(topic, Seq::START).await {
                ToBrowser::NotShown { refusal, .. } => told.push(why(&refusal)),
                other => panic!("{other:?}"),
            }
            let people = vec![PersonId::from_u128(98), PersonId::from_u128(1)];
            told.push(format!("{:?}", socket.ask(Command::Names { topic, people }).await));
        }
        let (text, files) = ("x".to_string(), vec![FileId::from_u128(1)]);
        use protocol::{conversation::ConversationCommand as Chat, media::MediaCommand};
        let commands = [
            Command::Room { room, command: protocol::room::RoomCommand::Knock {} },
            Command::Room { room, command: protocol::room::RoomCommand::End {} },
            Command::Conversation { conversation, command: Chat::Earlier { before: message } },
            Command::Conversation { conversation, command: Chat::Type {} },
            Command::Conversation {
                conversation,
                command: Chat::Say { message, text, files: files.clone() },
            },
            Command::Media { room, command: MediaCommand::Offer { sdp: "v=0".into() } },
            Command::Files { conversation, files },
            Command::Link { case, link: LinkId::from_u128(1) },
            Command::Tenant { command: TenantCommand::Close { case } },
        ];
        for command in commands {
            told.push(format!("{:?}", socket.ask(command).await));
        }
        let origin = format!("https://{}", stage.site.host);
        let path = format!("/api/files/{conversation}");
        let file = FileId::from_u128(7);
        let got = browser.get(&format!("{path}/{file}")).await;
        let put = format!("{path}?file={file}&name=a");
        let put = browser.request("POST", &put, &[("Origin", &origin)], b"x").await;
        told.push(format!("{} {} {} {}", got.status, got.why(), put.status, put.why()));
        said.push(told);
    }
    assert_eq!(said[0], said[1]);
    assert!(said[0].last().expect("told").starts_with("404 notFound 404"), "{said:?}");
}

#[test]
fn an_id_of_another_kind_is_no_id() {
    let case = CaseId::from_u128(1);
    assert!(RoomId::from_str(&case.to_string()).is_err());
    assert!(ConversationId::from_str(&case.room().to_string()).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn rd1_a_session_that_ended_unheard_is_found_by_the_next_round() {
    let stage = Stage::start().await;
    let gate = stage.gate();
    let (mut over, mut stays) =
        (stage.expert().await.socket().await, stage.expert().await.socket().await);
    // Signed out at a node that could not tell this one.
    let (session, person) = (over.session, over.person);
    let by = Caller { tenant: gate.tenant, person, session, role: Role::Expert };
    let close = session::Input::Command(SessionCommand::Close {});
    gate.house.ask::<session::Session>(Key::Session(session), by, close).await.expect("closed");
    over.say(&ToNode::Ping {}).await;
    over.pick("a pong", |frame| (*frame == ToBrowser::Pong {}).then_some(())).await;
    node::gateway::rounds::round(gate).await;
    assert_eq!(over.bye().await, Some(Cut::SessionOver));
    stays.say(&ToNode::Ping {}).await;
    stays.pick("a pong", |frame| (*frame == ToBrowser::Pong {}).then_some(())).await;
}
