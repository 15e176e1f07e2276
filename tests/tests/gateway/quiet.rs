//! What a node does not tell: strangers, and its own log.

use super::stage::{Stage, done};
use protocol::{frame::Command, id::Seq, room::RoomCommand};
use serde_json::json;
use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};
use tests::browser::{Answer, Browser, secret_of};
use tracing_subscriber::fmt::MakeWriter;

/// Everything that was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Log {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

async fn sign_in(stage: &Stage, login: &str, password: &str) -> Answer {
    let form = json!({ "login": login, "password": password });
    Browser::new(&stage.site).post("/api/sign-in", form).await
}

/// G1: nobody learns from the answer whether a name exists.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_an_unknown_name_get_the_same_answer() {
    let stage = Stage::start().await;
    let login = stage.demo.login.clone();
    let wrong = sign_in(&stage, &login, "wrong").await;
    assert_eq!((wrong.status, wrong.why().as_str()), (403, "notFound"));
    let others = [
        ("nobody@demo.example", stage.demo.password.as_str()),
        (&login, ""),
        (&login, &format!("{} ", stage.demo.password)),
        ("", ""),
        (&login, &"x".repeat(10_000)),
    ];
    let dated = |answer: &Answer| {
        let mut answer = answer.clone();
        answer.headers.retain(|(name, _)| name != "date");
        answer
    };
    for (login, password) in others {
        assert_eq!(dated(&sign_in(&stage, login, password).await), dated(&wrong), "{login}");
    }
    // Case and space around a name are no part of it; and the cookie is a closed book (G2).
    let right = sign_in(&stage, &format!(" {} ", login.to_uppercase()), &stage.demo.password).await;
    assert_eq!(right.status, 204);
    let cookie = right.header("set-cookie").expect("a cookie");
    for part in ["__Host-konsil=", "; Path=/", "; Secure", "; HttpOnly", "; SameSite=Strict"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_guesses_too_often_is_told_to_wait() {
    let stage = Stage::with(|config| {
        config.limits.sign_ins_per_minute = 3;
        config.limits.links_per_minute = 3;
    })
    .await;
    let link = json!({ "link": "AAAA" });
    for round in 0..5 {
        let tried = sign_in(&stage, "nobody", "x").await;
        let looked = Browser::new(&stage.site).post("/api/link", link.clone()).await;
        let (signs, looks) = if round < 3 { (403, 404) } else { (429, 429) };
        assert_eq!((tried.status, looked.status), (signs, looks), "{round}");
        for answer in [tried, looked].iter().filter(|it| it.status == 429) {
            assert_eq!(answer.header("retry-after"), Some("60"));
            assert_eq!(answer.why(), "busy");
        }
    }
    // The right password waits as long as a wrong one.
    assert_eq!(sign_in(&stage, &stage.demo.login, &stage.demo.password).await.status, 429);
    // Whoever is in stays in.
    assert_eq!(stage.expert().await.get("/ws").await.status, 426);
}

/// S98, Q2: at the finest level, a log names nobody and opens nothing.
#[test]
fn the_log_holds_no_secrets_names_or_words() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .with_ansi(false)
        .finish();
    tracing::subscriber::set_global_default(subscriber).expect("the only one of this process");
    let run = tokio::runtime::Runtime::new().expect("a runtime");
    let secrets = run.block_on(busy_day());
    let text = log.text();
    assert!(text.len() > 1000, "something was logged");
    for (what, secret) in secrets {
        let found = text.lines().find(|line| line.contains(&secret));
        assert!(found.is_none(), "{what} in the log: {found:?}");
    }
}

/// Everything that could be logged, and what must not be.
async fn busy_day() -> Vec<(&'static str, String)> {
    let stage = Stage::start().await;
    let (login, password) = (stage.demo.login.clone(), stage.demo.password.clone());
    let expert = Browser::sign_in(&stage.site, &login, &password).await;
    sign_in(&stage, &login, "Falsch-Geheim-123").await;
    sign_in(&stage, "unbekannt@demo.example", "Falsch-Geheim-123").await;
    let link = secret_of(&stage.demo.guest).to_string();
    let guest = Browser::enter(&stage.site, &link, "Zacharias Unverwechselbar").await;
    guest.post("/api/link", json!({ "link": format!("{link}A") })).await;
    guest.post("/api/enter", json!({ "link": link, "name": 7, "geheimfeld": "geheimwert" })).await;
    let (mut one, mut two) = (expert.socket().await, guest.socket().await);
    one.watch(stage.chat_topic(), Seq::START).await;
    two.watch(stage.room_topic(), Seq::START).await;
    done(two.ask(stage.of_room(RoomCommand::Knock {})).await);
    stage.said(&mut one, "Kontostand-vertraulich").await;
    let people = vec![two.person];
    one.ask(Command::Names { topic: stage.chat_topic(), people }).await;
    let origin = format!("https://{}", stage.site.host);
    let file = protocol::id::FileId::from_u128(5);
    let path = format!("/api/files/{}?file={file}&name=Lohnzettel.pdf", stage.conversation());
    guest.request("POST", &path, &[("Origin", &origin)], b"Inhalt-des-Lohnzettels").await;
    one.say_text("{ \"kind\": \"Kauderwelsch-geheim\" }").await;
    one.bye().await;
    expert.post("/api/sign-out", json!({})).await;
    let cookies = [expert.value().to_string(), guest.value().to_string()];
    let stage = stage.restarted().await;
    drop(stage);
    let [first, second] = cookies;
    vec![
        ("the password", password),
        ("a wrong password", "Falsch-Geheim-123".into()),
        ("a login", login),
        ("an unknown login", "unbekannt@demo.example".into()),
        ("a cookie", first),
        ("a guest's cookie", second),
        ("a link", link),
        ("a guest's name", "Unverwechselbar".into()),
        ("an expert's name", "Yıldız".into()),
        ("a title", "Baufinanzierung".into()),
        ("a message", "Kontostand-vertraulich".into()),
        ("a file's name", "Lohnzettel.pdf".into()),
        ("a file's content", "Inhalt-des-Lohnzettels".into()),
        ("a malformed frame", "Kauderwelsch-geheim".into()),
        ("a field nobody knows", "geheimwert".into()),
        ("a password's hash", "$argon2".into()),
    ]
}
