//! Two tenants on one node: neither gets an answer about the other, whatever it tries.
//!
//! The suite walks the same list as the tests of rights, so a new command, topic or path is in it.

use super::{
    every::{Deed, Things, deed},
    stage::{Stage, done, why},
};
use node::{
    clock::now,
    cluster::admin::{Order, order},
    secrets::chance,
};
use protocol::{
    caller::Role,
    cluster::{Setting, TenantInfo},
    codec,
    frame::{Command, Cut, Reply, ToBrowser, ToNode, Topic, View},
    id::{CaseId, FileId, GrantId, MessageId, PersonId, Seq, TenantId},
    rights::{Act, Cell, Route, Who},
    tenant::TenantCommand,
    time::Span,
    version,
};
use serde_json::json;
use tests::browser::{Browser, Site, Socket, frame, say, secret_of, soon};

const SECRET: &str = "Streng vertraulich, Bank B";

/// A tenant beside the first.
struct Other {
    tenant: TenantId,
    site: Site,
    things: Things,
    expert: Browser,
    link: String,
}

async fn stage() -> Stage {
    Stage::with(|config| config.limits.commands_per_second = 10_000).await
}

/// Sets a tenant, and waits until the node knows it.
async fn set(stage: &Stage, tenant: TenantId, info: TenantInfo) {
    let (setting, by) = (Setting::Tenant { tenant, info: info.clone() }, "a test".to_owned());
    order(&stage.data(), &Order::Set { setting, by }).await.expect("a tenant is set");
    let mut known = stage.gate().tenancy.watch();
    let heard = known.wait_for(|directory| directory.info(tenant) == Some(&info));
    soon("the map to be heard of", heard).await.expect("the node lives");
}

fn info(name: &str, domain: &str) -> TenantInfo {
    let domains = [domain.to_owned()].into();
    TenantInfo { name: name.into(), domains, ..TenantInfo::default() }
}

/// The same node under another host name.
fn at(stage: &Stage, domain: &str) -> Site {
    Site { host: format!("{domain}:{}", stage.site.address.port()), ..stage.site.clone() }
}

/// A browser of anybody of a tenant, before its own host name.
async fn born(stage: &Stage, site: &Site, tenant: TenantId, person: u128, role: Role) -> Browser {
    stage.born(tenant, PersonId::from_u128(person), role).await.at(site)
}

/// Bank B, with a case, a message, a file, a guest, an account and a request.
async fn other(stage: &Stage, domain: &str) -> Other {
    let tenant = TenantId::new(now(), chance());
    set(stage, tenant, info("Bank B", domain)).await;
    let site = at(stage, domain);
    let expert = born(stage, &site, tenant, 0xb1, Role::Expert).await;
    let mut socket = expert.socket().await;
    let open = TenantCommand::Open { title: SECRET.into() };
    let Reply::Case { case } = socket.ask(Command::Tenant { command: open }).await else {
        panic!("a case is opened")
    };
    let ToBrowser::Shown { view: View::Tenant { view }, .. } =
        socket.watch(Topic::Tenant {}, Seq::START).await
    else {
        panic!("the cases are shown")
    };
    let link = view.cases[0].links[0].link;
    let Reply::Link { path } = socket.ask(Command::Link { case, link }).await else {
        panic!("the link is told")
    };
    let message = MessageId::new(now(), chance());
    let (text, files) = (SECRET.to_owned(), Vec::new());
    let words = protocol::conversation::ConversationCommand::Say { message, text, files };
    let conversation = case.conversation();
    done(socket.ask(Command::Conversation { conversation, command: words }).await);
    let file = FileId::new(now(), chance());
    let path_up = format!("/api/files/{conversation}?file={file}&name=geheim.txt");
    let origin = format!("https://{}", site.host);
    let sent = expert.request("POST", &path_up, &[("Origin", &origin)], SECRET.as_bytes()).await;
    assert_eq!(sent.status, 201, "{sent:?}");
    let guest = Browser::enter(&site, &path, "Kunde B").await.socket().await;
    let admin = born(stage, &site, tenant, 0xb2, Role::Administrator).await;
    let command = protocol::accounts::AccountsCommand::Request {
        person: guest.person,
        role: Role::Operator,
        life: None,
    };
    let asked = admin.socket().await.ask(Command::Accounts { command }).await;
    let Reply::Requested { grant } = asked else { panic!("a right is requested: {asked:?}") };
    let (session, person) = (socket.session, socket.person);
    let things = Things { case, link, session, person, message, file, grant };
    Other { tenant, site, things, expert, link: path }
}

/// Every word that would give a foreign thing away.
fn traces(of: &Other) -> Vec<String> {
    let Things { case, link, session, person, message, file, grant } = of.things;
    let ids = [case.to_string(), case.room().to_string(), case.conversation().to_string()];
    let more = [link.to_string(), session.to_string(), person.to_string(), message.to_string()];
    let last = [file.to_string(), grant.to_string(), of.tenant.to_string(), SECRET.to_owned()];
    ids.into_iter().chain(more).chain(last).collect()
}

/// The answer in bytes, without the name of what was asked for.
async fn answer(browser: &Browser, socket: &mut Socket, deed: &Deed) -> String {
    match deed {
        Deed::Ask(command) => codec::to_json(&socket.ask(command.clone()).await),
        Deed::Watch(topic) => match socket.watch(*topic, Seq(3)).await {
            ToBrowser::NotShown { refusal, .. } => why(&refusal),
            shown => codec::to_json(&shown),
        },
        Deed::Get(path) => whole(&browser.get(path).await),
        Deed::Form(path, form) => whole(&browser.post(path, form.clone()).await),
        Deed::Upload(path) => {
            let origin = format!("https://{}", browser.site.host);
            whole(&browser.request("POST", path, &[("Origin", &origin)], b"x").await)
        }
        Deed::Order => String::new(),
    }
}

/// Status, headers and body, but for the clock.
fn whole(answer: &tests::browser::Answer) -> String {
    let kept = answer.headers.iter().filter(|(name, _)| name != "date");
    format!("{} {:?} {}", answer.status, kept.collect::<Vec<_>>(), answer.text())
}

/// Things of one's own case, and the rest of somebody else's.
fn within(case: CaseId, of: Things) -> Things {
    Things { case, ..of }
}

#[tokio::test(flavor = "multi_thread")]
async fn s137_nothing_of_another_tenant_is_answered_and_foreign_is_as_absent() {
    let stage = stage().await;
    let other = other(&stage, "bank-b.example").await;
    let traces = traces(&other);
    let absent = Things::absent();
    let lead = stage.expert().await;
    let own = stage.case();
    let mut tried = 0;
    for (number, role) in Role::PEOPLE.into_iter().enumerate() {
        let browser = match role {
            Role::Expert => lead.clone(), // who leads the own case
            Role::Customer => stage.guest("Kunde A").await,
            role => {
                born(&stage, &stage.site, stage.gate().tenant, 900 + number as u128, role).await
            }
        };
        let mut socket = browser.socket().await;
        let who = Who::signed_in(role).expect("a person");
        for act in Act::ALL.iter().filter(|act| act.cell(who) == Cell::Allowed) {
            // What ends the session, or makes a new thing of one's own, names nobody else's.
            if matches!(act, Act::SessionClose | Act::SignOut | Act::CaseOpen) {
                continue;
            }
            // The own log says what the own people asked for, foreign ids they typed included.
            if *act == Act::AuditRead {
                continue;
            }
            let pairs = [(other.things, absent), (within(own, other.things), within(own, absent))];
            for (foreign, absent) in pairs {
                let (theirs, nobodys) = (deed(*act, &foreign), deed(*act, &absent));
                let names_nothing = format!("{theirs:?}") == format!("{nobodys:?}");
                // A message's and a file's id are made by who sends them.
                let makes = matches!(act, Act::TalkSay | Act::FileStore) && foreign.case == own;
                if names_nothing && foreign.case == own || makes {
                    continue;
                }
                let theirs = answer(&browser, &mut socket, &theirs).await;
                let at = format!("{} as {role:?}", act.name());
                for trace in &traces {
                    assert!(!theirs.contains(trace), "S137: {at} gives {trace} away: {theirs}");
                }
                if !names_nothing {
                    let nobodys = answer(&browser, &mut socket, &nobodys).await;
                    assert_eq!(theirs, nobodys, "S137: {at} tells foreign from absent");
                }
                tried += 1;
            }
        }
        let heard = format!("{:?}", socket.settled().await);
        assert!(traces.iter().all(|trace| !heard.contains(trace)), "S137: {heard}");
    }
    assert!(tried > 120, "{tried} ways were tried");
    // And nothing happened to what was tried.
    let mut socket = other.expert.socket().await;
    let room = socket.watch(Topic::Room { room: other.things.case.room() }, Seq::START).await;
    let ToBrowser::Shown { view: View::Room { view }, .. } = room else { panic!("{room:?}") };
    assert!(!view.ended && !view.locked && view.waiting.is_empty(), "{view:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s137_a_foreign_files_id_is_no_key_to_it() {
    let stage = stage().await;
    let other = other(&stage, "bank-b.example").await;
    let lead = stage.expert().await;
    let (own, file) = (stage.conversation(), other.things.file);
    let fetched = lead.get(&format!("/api/files/{own}/{file}")).await;
    assert_eq!(fetched.status, 404);
    // Said in one's own conversation, it stays a name of nothing.
    let mut socket = lead.socket().await;
    let (message, text) = (MessageId::new(now(), chance()), "schau".to_owned());
    let words =
        protocol::conversation::ConversationCommand::Say { message, text, files: vec![file] };
    done(socket.ask(stage.of_chat(words)).await);
    assert_eq!(lead.get(&format!("/api/files/{own}/{file}")).await.status, 404);
    // An upload under it is refused; the content stays whose it is.
    let path = format!("/api/files/{own}?file={file}&name=a.txt");
    let origin = format!("https://{}", stage.site.host);
    let sent = lead.request("POST", &path, &[("Origin", &origin)], b"meins").await;
    assert_ne!(sent.status, 201, "{sent:?}");
    let theirs = format!("/api/files/{}/{file}", other.things.case.conversation());
    assert_eq!(other.expert.get(&theirs).await.text(), SECRET);
}

#[tokio::test(flavor = "multi_thread")]
async fn tn2_cookies_links_and_tickets_are_worth_nothing_under_another_name() {
    let stage = stage().await;
    let other = other(&stage, "bank-b.example").await;
    let third = TenantId::new(now(), chance());
    set(&stage, third, info("Bank C", "bank-c.example")).await;
    let (here, elsewhere) = (stage.site.clone(), at(&stage, "bank-c.example"));
    for site in [&here, &elsewhere] {
        // A cookie.
        let forged = Browser::with_cookie(site, "forged");
        for route in Route::ALL.iter().filter(|it| it.act().cell(Who::Visitor) != Cell::Allowed) {
            let deed = deed(route.act(), &other.things);
            let Deed::Get(path) = &deed else { continue };
            let theirs = whole(&other.expert.at(site).get(path).await);
            assert_eq!(theirs, whole(&forged.get(path).await), "TN2: {path}");
        }
        assert_eq!(other.expert.at(site).get("/ws").await.status, 401, "TN2");
        // A guest link.
        let link = json!({ "link": secret_of(&other.link) });
        let fake = json!({ "link": "forged" });
        let stranger = Browser::new(site);
        let theirs = whole(&stranger.post("/api/link", link).await);
        assert_eq!(theirs, whole(&stranger.post("/api/link", fake).await), "TN2");
        let link = json!({ "link": secret_of(&other.link), "name": "X" });
        let fake = json!({ "link": "forged", "name": "X" });
        let theirs = whole(&stranger.post("/api/enter", link).await);
        assert_eq!(theirs, whole(&stranger.post("/api/enter", fake).await), "TN2");
    }
    // A sign-in name of the first tenant is nobody's there, whatever the password.
    let demo = &stage.demo;
    let form = json!({ "login": demo.login, "password": demo.password });
    let none = json!({ "login": "nobody@nowhere.example", "password": demo.password });
    let stranger = Browser::new(&other.site);
    let theirs = whole(&stranger.post("/api/sign-in", form).await);
    assert_eq!(theirs, whole(&stranger.post("/api/sign-in", none).await), "TN2");
    // A ticket.
    let (secrets, session) = (&stage.gate().secrets, other.things.session);
    let ticket = secrets.ticket(other.tenant, session, now().after(Span::from_secs(60)));
    for (site, lets_in) in [(&elsewhere, false), (&here, true)] {
        let page = Some("https://bank-b.example");
        let mut ws = Browser::new(site).socket_from(page).await.expect("its pages are known");
        let arrive = ToNode::Arrive { version: version::WIRE, ticket: ticket.clone() };
        say(&mut ws, &arrive).await;
        match frame(&mut ws).await {
            Some(ToBrowser::Welcome { tenant, .. }) => {
                assert!(lets_in && tenant == other.tenant, "its own tenant, by the node's name");
            }
            Some(ToBrowser::Bye { why }) => {
                assert!(!lets_in && why == Cut::SessionOver, "TN2: {why:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tn3_a_closed_tenant_refuses_in_words_and_can_be_opened_again() {
    let stage = stage().await;
    let other = other(&stage, "bank-b.example").await;
    let mut socket = other.expert.socket().await;
    let closed = TenantInfo { closed: true, ..info("Bank B", "bank-b.example") };
    set(&stage, other.tenant, closed).await;
    assert_eq!(socket.bye().await, Some(Cut::SessionOver), "TN3: at once");
    let stranger = Browser::new(&other.site);
    let form = json!({ "login": "x", "password": "y" });
    let no = stranger.post("/api/sign-in", form).await;
    assert_eq!((no.status, no.why().as_str()), (410, "tenantClosed"), "TN3");
    let no = stranger.post("/api/link", json!({ "link": secret_of(&other.link) })).await;
    assert_eq!((no.status, no.why().as_str()), (410, "tenantClosed"), "TN3");
    let page = stranger.get("/").await;
    assert_eq!(page.status, 410);
    assert!(page.text().contains("geschlossen") && page.text().contains("closed"));
    assert_eq!(other.expert.get("/ws").await.status, 410);
    stage.expert().await.socket().await; // the others go on
    set(&stage, other.tenant, info("Bank B", "bank-b.example")).await;
    other.expert.socket().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s135_a_test_system_says_so_on_every_page_and_a_live_one_does_not() {
    let stage = stage().await;
    let twin = TenantId::new(now(), chance());
    let test = TenantInfo { test: true, ..info("Bank Test", "test.bank.example") };
    set(&stage, twin, test).await;
    for path in ["/", "/room", "/room/x", "/operator"] {
        let live = Browser::new(&stage.site).get(path).await.text();
        assert!(!live.contains("Testbetrieb"), "S135: {path}");
        let test = Browser::new(&at(&stage, "test.bank.example")).get(path).await.text();
        let built = !test.contains("built without its web app");
        assert!(!built || test.contains("Testbetrieb / Test system"), "S135: {path} {test:.200}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_have_people_of_their_own_and_outlive_a_restart() {
    let stage = stage().await;
    let twin = TenantId::new(now(), chance());
    set(&stage, twin, info("Bank B", "bank-b.example")).await;
    for tenant in [None, Some("Bank B".to_owned()), Some("nowhere".to_owned())] {
        let (login, name) = ("anna@bank.example".to_owned(), "Anna".to_owned());
        let wrong = tenant.as_deref() == Some("nowhere");
        let account = Order::Account { tenant, login, name, role: Role::Administrator };
        assert_eq!(order(&stage.data(), &account).await.is_err(), wrong, "the same name in each");
    }
    let grants = GrantId::from_u128(1);
    let admin = born(&stage, &at(&stage, "bank-b.example"), twin, 1, Role::Administrator).await;
    let command = protocol::accounts::AccountsCommand::Approve { grant: grants };
    let no = admin.socket().await.ask(Command::Accounts { command }).await;
    assert!(matches!(no, Reply::Refused { .. }), "{no:?}");
    let stage = stage.restarted().await;
    let told = order(&stage.data(), &Order::Roles { tenant: Some("bank-b.example".into()) }).await;
    assert_eq!(told.expect("told")["view"]["accounts"].as_array().map(Vec::len), Some(1));
}
