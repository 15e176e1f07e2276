//! The audit logs of a whole node: what is in them, who reads them, and what is found in an export.

use super::{
    files::{bytes, get, new_file, put},
    stage::{Stage, done, no},
};
use node::{
    audit::{
        export::{self, export},
        note::Verifier,
        verify::{Wrong, verify},
    },
    clock::now,
    gateway::operator,
    secrets::chance,
};
use protocol::{
    audit::{By, Log, Outcome, Purpose, Record, Verb},
    caller::Role,
    codec,
    conversation::ConversationCommand,
    frame::{Command, Reply},
    id::{CaseId, MessageId, PersonId, SessionId},
    room::RoomCommand,
    tenant::TenantCommand,
    time::Span,
};
use serde_json::{Value, json};
use std::{fs, path::Path};
use tests::browser::{Browser, Socket, secret_of};

/// An administrator's browser.
async fn administrator(stage: &Stage) -> Browser {
    let person = PersonId::new(now(), chance());
    stage.born(stage.gate().tenant, person, Role::Administrator).await
}

async fn page(browser: &Browser, query: &str) -> (Value, Vec<Record>) {
    let answer = browser.get(&format!("/api/audit{query}")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    read(&answer.text())
}

fn read(text: &str) -> (Value, Vec<Record>) {
    let body: Value = serde_json::from_str(text).expect("JSON");
    let records = body["records"].as_array().expect("a list").iter();
    let record =
        |it: &Value| codec::from_json::<Record, 65_536>(&it.to_string()).expect("a record");
    (body.clone(), records.map(record).collect())
}

fn verbs(records: &[Record]) -> Vec<Verb> {
    records.iter().map(|it| it.verb).collect()
}

/// What people did, and whom and what the log must name.
struct Day {
    lead: Socket,
    at_door: Socket,
    message: MessageId,
    case: CaseId,
}

/// A day on which people do a little of everything.
async fn day(stage: &Stage) -> Day {
    let demo = &stage.demo;
    let wrong = json!({ "login": demo.login, "password": "wrong" });
    let unknown = json!({ "login": "nobody@demo.example", "password": "wrong" });
    for form in [wrong, unknown] {
        assert_eq!(Browser::new(&stage.site).post("/api/sign-in", form).await.status, 403);
    }
    let expert = Browser::sign_in(&stage.site, &demo.login, &demo.password).await;
    for link in [secret_of(&demo.guest), "forged"] {
        Browser::new(&stage.site).post("/api/link", json!({ "link": link })).await;
    }
    let guest = stage.guest("Frau Groß").await;
    let (mut lead, mut at_door) = (expert.socket().await, guest.socket().await);
    done(lead.ask(stage.of_room(RoomCommand::Knock {})).await);
    done(at_door.ask(stage.of_room(RoomCommand::Knock {})).await);
    done(lead.ask(stage.of_room(RoomCommand::Admit { session: at_door.session })).await);
    let nobody = SessionId::from_u128(1);
    let refused = lead.ask(stage.of_room(RoomCommand::Mute { session: nobody })).await;
    assert!(no(&refused).starts_with("room."), "{refused:?}");
    let topic = stage.room_topic();
    let names = Command::Names { topic, people: vec![at_door.person, lead.person] };
    assert!(matches!(lead.ask(names).await, Reply::Names { names } if names.len() == 2));
    let message = stage.said(&mut lead, "Guten Tag").await;
    done(lead.ask(stage.of_chat(ConversationCommand::Erase { message })).await);
    let file = new_file();
    assert_eq!(put(stage, &expert, file, "plan.pdf", &bytes(100)).await.status, 201);
    assert_eq!(get(stage, &guest, file, "").await.status, 200);
    let open = Command::Tenant { command: TenantCommand::Open { title: "Geheim".into() } };
    let Reply::Case { case } = lead.ask(open).await else { panic!("a case") };
    let life = Span::from_secs(3600);
    done(lead.ask(Command::Tenant { command: TenantCommand::Invite { case, life } }).await);
    done(lead.ask(Command::Tenant { command: TenantCommand::Close { case } }).await);
    assert_eq!(expert.post("/api/sign-out", json!({})).await.status, 204);
    Day { lead, at_door, message, case }
}

#[tokio::test(flavor = "multi_thread")]
async fn re3_what_people_were_told_is_in_the_log_with_who_and_what_and_no_name() {
    let stage = Stage::start().await;
    let Day { lead, at_door, message, case } = day(&stage).await;
    let (body, records) = page(&administrator(&stage).await, "").await;
    assert_eq!(
        verbs(&records),
        [
            Verb::SignInRefused,
            Verb::SignInRefused,
            Verb::SignIn,
            Verb::LinkOpened,
            Verb::LinkRefused,
            Verb::GuestEntered,
            Verb::SeatGiven,
            Verb::Muted,
            Verb::NamesRead,
            Verb::MessageErased,
            Verb::FilePut,
            Verb::FileTaken,
            Verb::CaseOpened,
            Verb::LinkMade,
            Verb::CaseClosed,
            Verb::SignOut,
            Verb::AuditRead,
        ],
        "RE3"
    );
    let text = body.to_string();
    for personal in ["Groß", "Yıldız", "yildiz", "nobody@", "Geheim", "Guten", "plan", "127.0.0"]
    {
        assert!(!text.contains(personal), "{personal} stands in the log");
    }
    let of = |verb| records.iter().find(|it| it.verb == verb).expect("recorded");
    let by = By::Person { person: lead.person, session: lead.session, role: Role::Expert };
    assert_eq!((of(Verb::SignIn).by, of(Verb::SeatGiven).by), (by, by));
    assert_eq!(of(Verb::SeatGiven).what[1], at_door.session.to_string());
    assert_eq!(of(Verb::Muted).result, Outcome::Refused);
    assert_eq!(of(Verb::NamesRead).purpose, Some(Purpose::Consultation));
    assert!(of(Verb::NamesRead).what.contains(&at_door.person.to_string()));
    assert_eq!(of(Verb::MessageErased).what[1], message.to_string());
    assert_eq!(of(Verb::CaseOpened).what[0], case.to_string());
    assert_eq!(of(Verb::CaseOpened).what[1..].len(), 2, "the link and the customer");
    assert_eq!(records[0].what, [lead.person.to_string()], "whose name it was");
    assert!(records[1].what.is_empty(), "nobody's");
    let froms: Vec<_> = records.iter().filter_map(|it| it.from.clone()).collect();
    assert_eq!(froms.len(), 6, "S70: a commitment wherever somebody came in, or wanted to");
    assert!(froms.iter().all(|it| froms.iter().filter(|other| *other == it).count() == 1), "AD2");
}

#[tokio::test(flavor = "multi_thread")]
async fn ar1_each_log_has_readers_of_its_own_and_reading_is_recorded() {
    let stage = Stage::start().await;
    let gate = stage.gate();
    let (expert, guest) = (stage.expert().await, stage.guest("Ada").await);
    let stranger = Browser::new(&stage.site);
    let elsewhere = protocol::id::TenantId::from_u128(7);
    let foreign = stage.born(elsewhere, PersonId::new(now(), chance()), Role::Administrator).await;
    assert_eq!(expert.get("/api/audit").await.status, 403, "AR1");
    assert_eq!(guest.get("/api/audit").await.status, 403, "AR1");
    assert_eq!(stranger.get("/api/audit").await.status, 401, "AR1");
    assert_eq!(foreign.get("/api/audit").await.status, 401, "AR1: of another tenant");
    let admin = administrator(&stage).await;
    assert_eq!(admin.get("/api/operator/audit").await.status, 401, "AR1");

    let link = operator::link(&gate.secrets, gate.node, now());
    let form = json!({ "link": secret_of(&link) });
    let entered = stranger.post("/api/operator/enter", form).await;
    let cookie = entered.cookie().expect("an operator's cookie");
    let asked = async |path: &str| stranger.request("GET", path, &[("Cookie", &cookie)], b"").await;
    assert_eq!(asked("/api/audit").await.status, 401, "AR1");
    let shown = asked("/api/operator/audit").await;
    assert_eq!(shown.status, 200);
    let (_, records) = read(&shown.text());
    assert_eq!(verbs(&records), [Verb::OperatorEntered, Verb::AuditRead], "AR2");

    // Pages and filters.
    let (_, records) = page(&admin, "?verb=guestEntered").await;
    assert_eq!(verbs(&records), [Verb::GuestEntered]);
    let By::Person { person, .. } = records[0].by else { panic!("a person") };
    let (body, records) = page(&admin, &format!("?person={person}&after=1")).await;
    assert_eq!((records.len(), &body["next"]), (0, &body["size"]));
    let (body, records) = page(&admin, "?limit=2").await;
    assert_eq!((records.len(), body["next"].as_u64(), records[1].number), (2, Some(2), 2));
    for bad in ["?verb=none", "?person=x", "?after=-1", "?more=1"] {
        assert_eq!(admin.get(&format!("/api/audit{bad}")).await.status, 400, "{bad}");
    }
}

/// What an auditor finds in this folder.
fn judged(folder: &Path, older: Option<&str>) -> Result<u64, Vec<Wrong>> {
    let key = fs::read_to_string(folder.join("vkey")).expect("the key");
    let key = Verifier::read(&key).expect("a key");
    verify(&folder.join("log"), &key, older).map(|it| it.size)
}

#[tokio::test(flavor = "multi_thread")]
async fn ex1_an_export_is_checked_offline_after_a_restart_and_goes_on_from_the_one_before() {
    let stage = Stage::start().await;
    let (out, log) = (tempfile::tempdir().expect("a folder"), Log::Application);
    let folder = |name: &str| out.path().join(name);
    let guest = stage.guest("Ada").await;
    let first = export(&stage.data(), None, log, &folder("first")).await.expect("exported");
    assert_eq!(first, 2, "the guest, and the export itself");
    assert_eq!(judged(&folder("first"), None), Ok(2), "EX1");
    let again = export(&stage.data(), None, log, &folder("first")).await.expect_err("EX2");
    assert!(again.to_string().contains("first"), "{again}");

    let stage = stage.restarted().await;
    for _ in 0..300 {
        Browser::new(&stage.site).post("/api/link", json!({ "link": "forged" })).await;
    }
    assert_eq!(guest.at(&stage.site).get("/api/audit").await.status, 403);
    let size = export(&stage.data(), None, log, &folder("later")).await.expect("exported");
    assert_eq!(size, 303);
    let older = fs::read_to_string(folder("first/log/checkpoint")).expect("a checkpoint");
    assert_eq!(judged(&folder("later"), Some(&older)), Ok(303), "EX1");
    let newer = fs::read_to_string(folder("later/log/checkpoint")).expect("a checkpoint");
    assert_eq!(
        judged(&folder("first"), Some(&newer)),
        Err(vec![Wrong::Shorter { was: 303, is: 2 }])
    );
    let key = export::head(&stage.data(), None, log, false).await.expect("said").verifier;
    assert_eq!(fs::read_to_string(folder("first/vkey")).expect("the key").trim(), key);

    // Somebody with the whole export and without the key changes one byte.
    let bundle = folder("later/log/tile/entries/000");
    let mut lines = fs::read(&bundle).expect("there");
    lines[100] ^= 1;
    fs::write(&bundle, &lines).expect("written");
    assert_eq!(judged(&folder("later"), None), Err(vec![Wrong::Changed(1)]));
    judge::refuses(&folder("later"));
    lines[100] ^= 1;
    fs::write(&bundle, &lines).expect("written");
    judge::accepts(&folder("later"), &folder("first/log/checkpoint"), size);
    let tile = folder("later/log/tile/0/000");
    let mut hashes = fs::read(&tile).expect("there");
    hashes[33] ^= 1;
    fs::write(&tile, hashes).expect("written");
    assert_eq!(judged(&folder("later"), None), Err(vec![Wrong::Tile("tile/0/000".into())]));
    judge::refuses(&folder("later"));
}

#[tokio::test(flavor = "multi_thread")]
async fn ad1_when_the_addresses_are_gone_the_log_is_as_sound_as_before() {
    let stage = Stage::start().await;
    let out = tempfile::tempdir().expect("a folder");
    stage.guest("Ada").await;
    let admin = administrator(&stage).await;
    let (_, records) = page(&admin, "?verb=guestEntered").await;
    let from = records[0].from.as_deref().and_then(storage::digest::unhex).expect("from somewhere");
    let addresses = stage.gate().audit.addresses();
    let here = addresses.find(&from).expect("looked").map(|it| it.to_string());
    assert_eq!(here.as_deref(), Some("127.0.0.1"), "S70: known for less than 30 days");
    let later = now().after(Span::from_secs(29 * 24 * 3600));
    assert_eq!(addresses.forget(later).expect("looked"), 1, "AD1");
    assert_eq!(addresses.find(&from).expect("looked"), None, "AD1");
    let folder = out.path().join("log");
    let size = export(&stage.data(), None, Log::Application, &folder).await.expect("exported");
    assert_eq!(judged(&folder, None), Ok(size), "the commitment stays, and so does the chain");
}

/// A judge that is not ours: aics-tlog of PyPI, which `cargo xtask test --only judge` installs.
mod judge {
    use std::{
        path::{Path, PathBuf},
        process::{Command, Output},
    };

    /// Its Python, when it is installed; nothing is installed here.
    fn python() -> Option<PathBuf> {
        let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
        let bin = target.unwrap_or(here).join("judges/tlog/bin");
        if bin.join("aics-tlog").exists() {
            return Some(bin.join("python"));
        }
        let must = std::env::var_os("KONSIL_JUDGE").is_some();
        assert!(!must, "nothing in {}", bin.display());
        eprintln!("not judged by aics-tlog: run `cargo xtask test --only judge`");
        None
    }

    fn say(python: &Path, arguments: &[&str]) -> Output {
        Command::new(python).args(arguments).output().expect("Python runs")
    }

    fn audit(python: &Path, folder: &Path) -> Output {
        // Every tile and every entry against the signed root, not only what a proof needs.
        let code = "import sys, pathlib, aics_tlog as t\n\
                    root = pathlib.Path(sys.argv[1])\n\
                    key = t.parse_vkey((root / 'vkey').read_text().strip())\n\
                    note = t.parse_note((root / 'log/checkpoint').read_text())\n\
                    found = t.verify_checkpoint(note, key, [], 0)\n\
                    assert found.ok, found.error\n\
                    reader = t.FileSystemTileReader(root / 'log')\n\
                    print(t.audit_tiles(reader, found.size, found.root))\n";
        say(python, &["-c", code, &folder.to_string_lossy()])
    }

    /// The judge finds a sound log that goes on from an older checkpoint.
    pub(super) fn accepts(folder: &Path, older: &Path, size: u64) {
        let Some(python) = python() else { return };
        let (key, log) = (folder.join("vkey"), folder.join("log"));
        let (key, log) = (key.to_string_lossy(), log.to_string_lossy());
        let last = (size - 1).to_string();
        let base = |command| vec!["-m", "aics_tlog", command, "--vkey-file", &key, "--tiles", &log];
        let older = older.to_string_lossy();
        let more: [(&str, &[&str]); 4] = [
            ("verify-checkpoint", &[]),
            ("verify-inclusion", &["--index", "0"]),
            ("verify-inclusion", &["--index", &last]),
            ("verify-consistency", &["--old-checkpoint", &older]),
        ];
        for (command, arguments) in more {
            let said = say(&python, &[&base(command)[..], arguments].concat());
            assert!(said.status.success(), "{command}: {said:?}");
        }
        let said = audit(&python, folder);
        assert!(said.status.success(), "{said:?}");
    }

    /// The judge finds that something is wrong.
    pub(super) fn refuses(folder: &Path) {
        let Some(python) = python() else { return };
        let said = audit(&python, folder);
        let words = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(!said.status.success() && words.contains("TileVerificationError"), "{words}");
    }
}
