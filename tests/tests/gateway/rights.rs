//! Who may do what: each cell of the table, tried at a whole node.

use super::{
    every::{Deed, Things, deed},
    stage::{Stage, why},
};
use node::{
    clock::now,
    cluster::admin::{Order, order},
    gateway::operator,
};
use protocol::{
    caller::Role,
    frame::{Cut, Reply, ToBrowser},
    id::{FileId, GrantId, LinkId, MessageId, PersonId, Seq, SessionId},
    rights::{Act, Cell, Matter, Route, Who},
};
use serde_json::{Value, json};
use tests::browser::{Browser, Socket, secret_of};

const NOT_ALLOWED: &str = "rights.notAllowed";

/// A node that counts nobody's asks.
async fn stage() -> Stage {
    Stage::with(|config| config.limits.commands_per_second = 10_000).await
}

/// The demo's own things, so that what is allowed is truly tried.
fn things(stage: &Stage) -> Things {
    Things {
        case: stage.case(),
        link: LinkId::from_u128(1),
        session: SessionId::from_u128(2),
        person: PersonId::from_u128(3),
        message: MessageId::from_u128(4),
        file: FileId::from_u128(5),
        grant: GrantId::from_u128(6),
    }
}

/// What the socket says: the name of a refusal, or nothing.
async fn said(socket: &mut Socket, deed: Deed) -> Option<String> {
    match deed {
        Deed::Ask(command) => match socket.ask(command).await {
            Reply::Refused { refusal } => Some(why(&refusal)),
            _ => None,
        },
        Deed::Watch(topic) => match socket.watch(topic, Seq::START).await {
            ToBrowser::NotShown { refusal, .. } => Some(why(&refusal)),
            _ => None,
        },
        other => panic!("not for a socket: {other:?}"),
    }
}

/// Status and body of a request.
async fn answered(browser: &Browser, deed: &Deed) -> (u16, Value) {
    let answer = match deed {
        Deed::Get(path) => browser.get(path).await,
        Deed::Form(path, form) => browser.post(path, form.clone()).await,
        Deed::Upload(path) => {
            let origin = format!("https://{}", browser.site.host);
            browser.request("POST", path, &[("Origin", &origin)], b"Inhalt").await
        }
        other => panic!("not by a path: {other:?}"),
    };
    (answer.status, answer.json())
}

#[tokio::test(flavor = "multi_thread")]
async fn ri1_every_cell_of_every_role_holds_over_a_socket() {
    let stage = stage().await;
    let things = things(&stage);
    let mut cells = 0;
    for (number, role) in Role::PEOPLE.into_iter().enumerate() {
        let person = PersonId::from_u128(1000 + number as u128);
        let browser = stage.born(stage.gate().tenant, person, role).await;
        let mut socket = browser.socket().await;
        let who = Who::signed_in(role).expect("a person");
        let socketed = |act: &&Act| {
            matches!(deed(**act, &things), Deed::Ask(_) | Deed::Watch(_))
                && **act != Act::SessionClose
        };
        for act in Act::ALL.iter().filter(socketed) {
            let said = said(&mut socket, deed(*act, &things)).await;
            let refused = said.as_deref() == Some(NOT_ALLOWED);
            let allowed = act.cell(who) == Cell::Allowed;
            assert_eq!(!refused, allowed, "RI1: {} for {role:?}: {said:?}", act.name());
            cells += 1;
        }
        // The own session ends last, and for everybody.
        assert_eq!(Act::SessionClose.cell(who), Cell::Allowed);
        let Deed::Ask(close) = deed(Act::SessionClose, &things) else { unreachable!("an ask") };
        socket.post("out", close).await;
        assert_eq!(socket.bye().await, Some(Cut::SessionOver));
        assert_eq!(browser.get("/ws").await.status, 401, "over");
    }
    assert!(cells > 280, "{cells} cells were tried");
}

#[tokio::test(flavor = "multi_thread")]
async fn rt1_every_cell_holds_for_every_path() {
    let stage = stage().await;
    let things = things(&stage);
    let gate = stage.gate();
    let link = operator::link(&gate.secrets, gate.node, now());
    let form = json!({ "link": secret_of(&link) });
    let desk = Browser::new(&stage.site).post("/api/operator/enter", form).await.cookie();
    let mut cells = 0;
    for who in Who::ALL {
        let role = Role::PEOPLE.into_iter().find(|role| Who::signed_in(*role) == Some(who));
        for act in Route::ALL.iter().map(|route| route.act()) {
            let browser = match (who, role) {
                (Who::Machine, _) => continue, // has no browser
                (_, Some(role)) => {
                    stage.born(gate.tenant, PersonId::from_u128(2000), role).await // signs out
                }
                (Who::Desk, _) => Browser { site: stage.site.clone(), cookie: desk.clone() },
                _ => Browser::new(&stage.site),
            };
            let (status, body) = answered(&browser, &deed(act, &things)).await;
            let at = format!("{} for {who:?}: {status} {body}", act.name());
            let known = act.cell(Who::Visitor) != Cell::Allowed;
            match act.cell(who) {
                // What everybody may is refused by its own rules alone.
                Cell::Allowed if known => assert!(![401, 403].contains(&status), "RT1: {at}"),
                Cell::Allowed => assert_ne!(body["refusal"]["kind"], "rights", "RT1: {at}"),
                // Whoever is known and may not is told so; a stranger is told nothing.
                _ if role.is_some() && act.cell(Who::Desk) != Cell::Allowed => {
                    assert_eq!(
                        (status, &body["refusal"]["why"]),
                        (403, &json!("notAllowed")),
                        "{at}"
                    );
                }
                _ => assert_eq!(status, 401, "RT1: {at}"),
            }
            cells += 1;
        }
    }
    assert!(cells > 180, "{cells} cells were tried");
}

#[tokio::test(flavor = "multi_thread")]
async fn s238_an_administrator_takes_no_part_in_any_stream_or_content() {
    let stage = stage().await;
    let things = things(&stage);
    let person = PersonId::from_u128(77);
    let browser = stage.born(stage.gate().tenant, person, Role::Administrator).await;
    let mut socket = browser.socket().await;
    let denied = |act: &&Act| matches!(act.matter(), Matter::Stream | Matter::Content);
    for act in Act::ALL.iter().filter(denied) {
        assert_eq!(act.cell(Who::Administrator), Cell::Empty, "S238: {}", act.name());
        match deed(*act, &things) {
            deed @ (Deed::Ask(_) | Deed::Watch(_)) => {
                let said = said(&mut socket, deed).await;
                assert_eq!(said.as_deref(), Some(NOT_ALLOWED), "S238: {}", act.name());
            }
            deed => assert_eq!(answered(&browser, &deed).await.0, 403, "S238: {}", act.name()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_go_through_the_door_of_the_machine_alone() {
    let stage = stage().await;
    let things = things(&stage);
    let orders = Act::ALL.iter().filter(|act| matches!(deed(**act, &things), Deed::Order));
    let mut count = 0;
    for act in orders {
        for who in Who::ALL {
            let may = act.cell(who) == Cell::Allowed;
            assert_eq!(may, who == Who::Machine, "{} {who:?}", act.name());
        }
        assert!(Route::ALL.iter().all(|route| route.act() != *act), "{} has no path", act.name());
        count += 1;
    }
    assert!(count >= 14, "{count} orders");
    let status = order(&stage.data(), &Order::Status {}).await.expect("the machine may");
    assert!(status["overview"].is_object());
    assert_eq!(Order::Status {}.act(), Act::ClusterStatus);
}

#[tokio::test(flavor = "multi_thread")]
async fn s128_the_table_is_read_by_whoever_looks_after_rights() {
    let stage = stage().await;
    let person = PersonId::from_u128(5);
    let auditor = stage.born(stage.gate().tenant, person, Role::Auditor).await;
    let table = auditor.get("/api/rights").await;
    assert_eq!(table.status, 200);
    let table = table.json();
    assert_eq!(table["acts"].as_array().map(Vec::len), Some(Act::ALL.len()));
    assert_eq!(table["who"].as_array().map(Vec::len), Some(Who::ALL.len()));
}
