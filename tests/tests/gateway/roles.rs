//! Accounts: let in from the machine, given in three steps, taken away at once.

use super::stage::{Stage, done, no};
use node::cluster::admin::{Order, order};
use protocol::{
    accounts::{AccountsCommand as Do, AccountsView},
    caller::Role,
    frame::{Command, Cut, Reply, ToBrowser, Topic, View},
    id::{GrantId, PersonId, Seq},
    time::Span,
};
use serde_json::json;
use tests::browser::{Answer, Browser, Socket};

/// Somebody who was let in from the machine.
struct Person {
    id: PersonId,
    login: String,
    password: String,
}

async fn admit(stage: &Stage, login: &str, role: Role) -> Result<Person, String> {
    let (tenant, login, name) = (None, login.to_owned(), "Frau Beispiel".to_owned());
    let account = Order::Account { tenant, login: login.clone(), name, role };
    let made = order(&stage.data(), &account).await.map_err(|no| no.to_string())?;
    let text = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
    let id = text("person").parse().expect("a person's id");
    Ok(Person { id, login, password: text("password") })
}

async fn sign_in(stage: &Stage, person: &Person, role: Option<Role>) -> Answer {
    let mut form = json!({ "login": person.login, "password": person.password });
    if let Some(role) = role {
        form["role"] = json!(role);
    }
    Browser::new(&stage.site).post("/api/sign-in", form).await
}

async fn signed_in(stage: &Stage, person: &Person, role: Role) -> Browser {
    let answer = sign_in(stage, person, Some(role)).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    Browser { site: stage.site.clone(), cookie: answer.cookie() }
}

fn role_of(socket: &Socket) -> Role {
    let ToBrowser::Welcome { role, .. } = &socket.welcome else { unreachable!("a welcome") };
    *role
}

async fn ask(socket: &mut Socket, command: Do) -> Reply {
    socket.ask(Command::Accounts { command }).await
}

async fn request(socket: &mut Socket, person: PersonId, role: Role, life: Option<Span>) -> GrantId {
    match ask(socket, Do::Request { person, role, life }).await {
        Reply::Requested { grant } => grant,
        other => panic!("not requested: {other:?}"),
    }
}

async fn accounts(socket: &mut Socket) -> AccountsView {
    match socket.watch(Topic::Accounts {}, Seq::START).await {
        ToBrowser::Shown { view: View::Accounts { view }, .. } => view,
        other => panic!("not shown: {other:?}"),
    }
}

/// Two administrators with their sockets, and an expert.
async fn founded(stage: &Stage) -> (Socket, Socket, Person) {
    let anna = admit(stage, "anna@bank.example", Role::Administrator).await.expect("the first");
    let bela = admit(stage, "bela@bank.example", Role::Administrator).await.expect("the second");
    let caro = admit(stage, "caro@bank.example", Role::Expert).await.expect("an expert");
    let anna = signed_in(stage, &anna, Role::Administrator).await.socket().await;
    let bela = signed_in(stage, &bela, Role::Administrator).await.socket().await;
    (anna, bela, caro)
}

#[tokio::test(flavor = "multi_thread")]
async fn ac5_the_machine_lets_the_first_two_administrators_in_and_then_they_give_rights() {
    let stage = Stage::start().await;
    let (mut anna, _, caro) = founded(&stage).await;
    let third = admit(&stage, "dora@bank.example", Role::Administrator).await;
    assert!(third.is_err_and(|why| why.contains("two administrators")), "AC5");
    let support = admit(&stage, "dora@bank.example", Role::Support).await;
    assert!(support.is_err_and(|why| why.contains("two administrators")), "AC5");
    let view = accounts(&mut anna).await;
    assert_eq!((view.accounts.len(), view.history.len()), (3, 3));
    // Names stand in the vault, and an administrator may know those of accounts.
    let names = Command::Names { topic: Topic::Accounts {}, people: vec![caro.id] };
    let Reply::Names { names } = anna.ask(names).await else { panic!("no names") };
    assert_eq!(names[0].name, "Frau Beispiel");
    let told = order(&stage.data(), &Order::Roles { tenant: None }).await.expect("told");
    let told: AccountsView = serde_json::from_value(told["view"].clone()).expect("a view");
    assert_eq!(told, view);
    assert!(!format!("{told:?}").contains("Beispiel"), "S98: no names here");
}

#[tokio::test(flavor = "multi_thread")]
async fn s134_a_critical_right_is_requested_approved_and_granted_by_two_people() {
    let stage = Stage::start().await;
    let (mut anna, mut bela, caro) = founded(&stage).await;
    assert_eq!(sign_in(&stage, &caro, Some(Role::Support)).await.status, 403, "not hers yet");
    let hour = Some(Span::from_secs(3600));
    let grant = request(&mut anna, caro.id, Role::Support, hour).await;
    assert_eq!(no(&ask(&mut anna, Do::Approve { grant }).await), "accounts.samePerson");
    assert_eq!(no(&ask(&mut anna, Do::Grant { grant }).await), "accounts.notApproved");
    done(ask(&mut bela, Do::Approve { grant }).await);
    assert_eq!(no(&ask(&mut bela, Do::Grant { grant }).await), "accounts.samePerson");
    assert_eq!(sign_in(&stage, &caro, Some(Role::Support)).await.status, 403, "S120: not granted");
    done(ask(&mut anna, Do::Grant { grant }).await);
    let answer = sign_in(&stage, &caro, Some(Role::Support)).await;
    let age = answer.header("set-cookie").unwrap_or_default().to_owned();
    assert!(age.contains("Max-Age=3600") || age.contains("Max-Age=359"), "its end is hers: {age}");
    // Without a wish it is the least powerful of her roles.
    let least = sign_in(&stage, &caro, None).await;
    let least = Browser { site: stage.site.clone(), cookie: least.cookie() };
    assert_eq!(role_of(&least.socket().await), Role::Expert);
    let own = Do::Request { person: anna.person, role: Role::Operator, life: None };
    assert_eq!(no(&ask(&mut anna, own).await), "accounts.own");
}

#[tokio::test(flavor = "multi_thread")]
async fn ac3_what_is_taken_away_ends_every_session_in_that_role_and_no_other() {
    let stage = Stage::start().await;
    let (mut anna, mut bela, caro) = founded(&stage).await;
    let grant = request(&mut anna, caro.id, Role::ProtectionOfficer, None).await;
    done(ask(&mut bela, Do::Approve { grant }).await);
    done(ask(&mut anna, Do::Grant { grant }).await);
    let officer = signed_in(&stage, &caro, Role::ProtectionOfficer).await;
    let expert = signed_in(&stage, &caro, Role::Expert).await;
    let (mut watching, mut sitting) = (officer.socket().await, expert.socket().await);
    assert_eq!(accounts(&mut watching).await.accounts.len(), 3, "read-only");
    let take = Do::Withdraw { person: caro.id, role: Role::ProtectionOfficer };
    done(ask(&mut bela, take).await);
    assert_eq!(watching.bye().await, Some(Cut::SessionOver), "AC3");
    assert_eq!(officer.get("/ws").await.status, 401, "RO1");
    assert_eq!(sign_in(&stage, &caro, Some(Role::ProtectionOfficer)).await.status, 403);
    sitting.settled().await; // goes on
    assert_eq!(expert.get("/ws").await.status, 426);
    // The last of her roles: then she does not get in at all.
    done(ask(&mut anna, Do::Withdraw { person: caro.id, role: Role::Expert }).await);
    assert_eq!(sitting.bye().await, Some(Cut::SessionOver), "AC3");
    assert_eq!(sign_in(&stage, &caro, None).await.status, 403);
    // One administrator gives it back, for it is not critical.
    done(ask(&mut bela, Do::Assign { person: caro.id, role: Role::Expert }).await);
    assert_eq!(sign_in(&stage, &caro, None).await.status, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_from_before_there_were_accounts_counts_until_it_is_taken_away() {
    let stage = Stage::start().await;
    let (mut anna, _, _) = founded(&stage).await;
    // The demo's experts are known to the vault alone.
    let demo = stage.demo.clone();
    let browser = Browser::sign_in(&stage.site, &demo.login, &demo.password).await;
    let mut expert = browser.socket().await;
    assert_eq!(role_of(&expert), Role::Expert);
    let take = Do::Withdraw { person: expert.person, role: Role::Expert };
    done(ask(&mut anna, take).await);
    assert_eq!(expert.bye().await, Some(Cut::SessionOver));
    let form = json!({ "login": demo.login, "password": demo.password });
    let again = Browser::new(&stage.site).post("/api/sign-in", form).await;
    assert_eq!((again.status, again.why().as_str()), (403, "notAllowed"));
    let stage = stage.restarted().await;
    let form = json!({ "login": demo.login, "password": demo.password });
    let later = Browser::new(&stage.site).post("/api/sign-in", form).await;
    assert_eq!(later.status, 403, "and after a restart");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_administrator_changes_nothing_any_more() {
    let stage = Stage::start().await;
    let (mut anna, mut bela, caro) = founded(&stage).await;
    let take = Do::Withdraw { person: bela.person, role: Role::Administrator };
    done(ask(&mut anna, take).await);
    assert_eq!(bela.bye().await, Some(Cut::SessionOver));
    let last = Do::Withdraw { person: anna.person, role: Role::Administrator };
    assert_eq!(no(&ask(&mut anna, last).await), "accounts.lastAdministrator", "AC4");
    // One is left, so the machine may let a second one in again.
    let dora = admit(&stage, "dora@bank.example", Role::Administrator).await.expect("a second");
    let mut dora = signed_in(&stage, &dora, Role::Administrator).await.socket().await;
    let grant = request(&mut dora, caro.id, Role::Administrator, None).await;
    done(ask(&mut anna, Do::Approve { grant }).await);
    done(ask(&mut dora, Do::Grant { grant }).await);
    signed_in(&stage, &caro, Role::Administrator).await;
}
