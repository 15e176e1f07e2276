//! The door itself: TLS, redirects, headers, paths, methods.

use super::stage::Stage;
use serde_json::json;
use tests::browser::{Answer, Browser, Site, soon};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test(flavor = "multi_thread")]
async fn tls_1_2_and_1_3_are_spoken_and_nothing_older() {
    let stage = Stage::start().await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = rustls::ClientConfig::builder_with_protocol_versions(&[version])
            .with_root_certificates(Site::roots(&stage.data()))
            .with_no_client_auth();
        let site = Site { tls: std::sync::Arc::new(config), ..stage.site.clone() };
        assert_eq!(Browser::new(&site).get("/healthz").await.status, 200, "{version:?}");
    }
    for minor in [0, 1, 2] {
        // SSL 3.0, TLS 1.0, TLS 1.1.
        let mut stream = stage.site.tcp().await.expect("accepted");
        stream.write_all(&client_hello(minor)).await.expect("sent");
        let mut bytes = Vec::new();
        // A reset after the alert is an end as well.
        let _ = soon("a refusal", stream.read_to_end(&mut bytes)).await;
        // One record, a fatal alert: handshake_failure or protocol_version (RFC 5246, 7.2).
        assert!(matches!(bytes[..], [21, _, _, 0, 2, 2, 40 | 70]), "{minor} {bytes:?}");
    }
}

/// A ClientHello without extensions, as old browsers sent it (RFC 4346, 7.4.1.2).
fn client_hello(minor: u8) -> Vec<u8> {
    let mut hello = vec![3, minor];
    hello.extend([7; 32]); // random
    hello.push(0); // no session
    hello.extend([0, 4, 0xc0, 0x13, 0x00, 0x2f]); // two suites of their time
    hello.extend([1, 0]); // no compression
    let length = hello.len() as u8;
    let mut record = vec![0x16, 3, minor, 0, length + 4, 1, 0, 0, length];
    record.extend(hello);
    record
}

#[tokio::test(flavor = "multi_thread")]
async fn y3_plain_http_is_sent_to_https_and_told_nothing_else() {
    let stage = Stage::start().await;
    let (site, host) = (&stage.site, &stage.site.host);
    let asked = format!("GET /room?x=1 HTTP/1.1\r\nHost: {host}\r\nCookie: a=b\r\n\r\n");
    let answer = site.say_plainly(asked.as_bytes()).await;
    assert_eq!(answer.status, 308);
    assert_eq!(answer.header("location"), Some(format!("https://{host}/room?x=1").as_str()));
    assert!(answer.body.is_empty());
    for hostile in [
        "GET / HTTP/1.1\r\nHost: evil.example/x?\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost@evil.example\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET https://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /\\evil HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "\r\n\r\n",
        "\u{0}\u{0}\r\n\r\n",
    ] {
        let answer = site.say_plainly(hostile.as_bytes()).await;
        assert_eq!((answer.status, answer.header("location")), (400, None), "{hostile:?}");
    }
}

fn is_guarded(what: &str, answer: &Answer) {
    let policy = answer.header("content-security-policy").unwrap_or_default();
    assert!(policy.contains("default-src 'none'"), "{what}: {answer:?}");
    assert!(!policy.contains("unsafe"), "{what}: {policy}");
    for (name, value) in [
        ("strict-transport-security", "max-age=31536000"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{what}");
    }
    assert!(answer.header("cache-control").is_some(), "{what}");
    for talkative in ["server", "x-powered-by", "access-control-allow-origin"] {
        assert_eq!(answer.header(talkative), None, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_answer_carries_the_headers_that_guard_it() {
    let stage = Stage::start().await;
    let (browser, nobody) = (stage.expert().await, Browser::new(&stage.site));
    let chat = stage.conversation();
    for path in ["/", "/room", "/room/x", "/none", "/api/none", "/healthz", "/metrics", "/ws"] {
        is_guarded(path, &browser.get(path).await);
        is_guarded(path, &browser.request("HEAD", path, &[], b"").await);
    }
    for method in ["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"] {
        for path in ["/", "/api/sign-in", "/ws", "/metrics", "/none"] {
            let answer = browser.request(method, path, &[], b"").await;
            assert_eq!(answer.status, 405, "{method} {path}");
            is_guarded(path, &answer);
        }
    }
    is_guarded(
        "form",
        &nobody.post("/api/sign-in", json!({ "login": "a", "password": "b" })).await,
    );
    is_guarded("bad form", &nobody.post("/api/sign-in", json!([])).await);
    is_guarded("file", &nobody.get(&format!("/api/files/{chat}/x")).await);
    is_guarded("long form", &nobody.post("/api/link", json!("x".repeat(1 << 15))).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_of_another_site_is_refused_wherever_it_goes() {
    let stage = Stage::start().await;
    let browser = stage.expert().await;
    let host = stage.site.host.clone();
    let link = tests::browser::secret_of(&stage.demo.guest);
    let login = json!({ "login": stage.demo.login, "password": stage.demo.password });
    let file = format!(
        "/api/files/{}?file={}&name=a",
        stage.conversation(),
        protocol::id::FileId::from_u128(1)
    );
    let posts = [
        ("/api/sign-in", login.to_string()),
        ("/api/sign-out", String::new()),
        ("/api/link", json!({ "link": link }).to_string()),
        ("/api/enter", json!({ "link": link, "name": "X" }).to_string()),
        (file.as_str(), "content".to_string()),
    ];
    let origins = ["", "null", "https://evil.example", &format!("http://{host}")];
    for (path, body) in &posts {
        for origin in origins {
            let mut headers = vec![("Content-Type", "application/json")];
            headers.extend((!origin.is_empty()).then_some(("Origin", origin)));
            let answer = browser.request("POST", path, &headers, body.as_bytes()).await;
            assert_eq!(answer.status, 403, "{path} {origin:?} {answer:?}");
            assert_eq!(answer.cookie(), None);
        }
    }
    browser.socket().await; // still signed in
    assert!(stage.gate().files.hashes().expect("listed").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_lead_nowhere_but_into_the_build() {
    let stage = Stage::start().await;
    let browser = Browser::new(&stage.site);
    for path in [
        "/none.js",
        "/assets/none.js",
        "/assets/",
        "/assets/../../Cargo.toml",
        "/..%2f..%2fCargo.toml",
        "/..%2fsrc%2fmain.rs",
        "/assets/..%2f..%2f..%2fCargo.toml",
        "/%2e%2e/%2e%2e/Cargo.toml",
        "/..\\..\\Cargo.toml",
        "/%2fetc%2fpasswd",
        "//etc/passwd",
        "/.vite/manifest.json",
        "/assets%00",
        "/%ff%fe",
        "/konsil.toml",
        "/data/signing.key",
    ] {
        let answer = browser.get(path).await;
        assert!([400, 404].contains(&answer.status), "{path}: {answer:?}");
        is_guarded(path, &answer);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_are_bounded_and_only_what_they_seem() {
    let stage = Stage::start().await;
    let browser = Browser::new(&stage.site);
    let origin = format!("https://{}", stage.site.host);
    let post = async |kind: &str, body: &[u8]| {
        let headers = [("Origin", origin.as_str()), ("Content-Type", kind)];
        browser.request("POST", "/api/link", &headers, body).await.status
    };
    let kind = "application/json";
    assert_eq!(post(kind, b"{").await, 400);
    assert_eq!(post(kind, b"").await, 400);
    assert_eq!(post(kind, b"{\"link\":\"\xff\"}").await, 400);
    assert_eq!(post(kind, b"{\"link\":\"a\",\"more\":1}").await, 422);
    assert_eq!(post(kind, b"{\"link\":7}").await, 422);
    assert_eq!(post(kind, "[".repeat(10_000).as_bytes()).await, 422);
    assert_eq!(post(kind, "{\"link\":".repeat(1500).as_bytes()).await, 422);
    assert_eq!(post(kind, &vec![b' '; 20_000]).await, 413);
    assert_eq!(post("text/plain", b"{\"link\":\"a\"}").await, 415);
    assert_eq!(post("application/x-www-form-urlencoded", b"link=a").await, 415);

    // A head too long, and one too many of everything.
    let long = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "y".repeat(40_000));
    assert_eq!(stage.site.say(long.as_bytes()).await.status, 431);
    let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X: y\r\n".repeat(500));
    assert_eq!(stage.site.say(many.as_bytes()).await.status, 431);
    // Two lengths, a length and chunks: nobody may read the body differently from us.
    for smuggled in [
        "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        "Content-Length: -1\r\n\r\n{}",
        "Transfer-Encoding: chunked, identity\r\n\r\n{}",
    ] {
        let head = format!("POST /api/link HTTP/1.1\r\nHost: {}\r\n", stage.site.host);
        let answer = stage.site.say(format!("{head}{smuggled}").as_bytes()).await;
        assert_eq!(answer.status, 400, "{smuggled:?}");
    }
}
