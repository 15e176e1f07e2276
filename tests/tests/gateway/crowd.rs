//! Connections that stand about: bounded, freed, and in nobody's way.

use super::stage::{Stage, eventually};
use node::config::Limits;
use tests::browser::{Answer, Site, soon};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The beginning of a ClientHello (RFC 8446, 5.1): a record of 512 bytes is announced.
const HALF_HELLO: [u8; 9] = [0x16, 3, 1, 2, 0, 1, 0, 1, 252];

/// TCP connections open now, as the node counts them.
async fn connections(stage: &Stage) -> i64 {
    let metrics = &stage.gate().metrics;
    let text = metrics.text(&stage.gate().sources()).expect("figures");
    let text = String::from_utf8(text).expect("text");
    let line = text.lines().find_map(|line| line.strip_prefix("konsil_connections "));
    line.and_then(|it| it.parse().ok()).expect("a level")
}

/// The same, awaited.
async fn settles_at(stage: &Stage, count: i64) {
    let what = format!("{count} connections");
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(20));
    soon(&what, async {
        while connections(stage).await != count {
            tick.tick().await;
        }
    })
    .await;
}

async fn crowded(turn: impl FnOnce(&mut Limits)) -> Stage {
    Stage::with(|config| turn(&mut config.limits)).await
}

/// Reads to the end, whatever it is: the node let go.
async fn let_go(mut stream: TcpStream) {
    let mut bytes = Vec::new();
    // Closed or reset: both are an end.
    let _ = soon("the node to let go", stream.read_to_end(&mut bytes)).await;
}

/// Y1 and Y2 with more connections than a node has places, each silent in its own way.
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_half_open_connections_are_bounded_and_freed() {
    // Both ends lie in this process: two descriptors each, and some for the node itself.
    let descriptors = node::serve::descriptors();
    let crowd = 10_000.min((descriptors as usize).saturating_sub(1500) / 2);
    let places = crowd * 4 / 5;
    let stage = crowded(|limits| {
        limits.connections = places;
        limits.connections_per_address = places - 200;
        limits.handshake_seconds = 20;
    })
    .await;
    if crowd < 10_000 {
        println!("{descriptors} descriptors allow {crowd} connections instead of 10000");
    }
    let mut open = Vec::with_capacity(crowd);
    for number in 0..crowd {
        let mut stream = soon("TCP", stage.site.tcp()).await.expect("the kernel accepts");
        let said: &[u8] = [&[][..], &HALF_HELLO[..1], &HALF_HELLO[..]][number % 3];
        // Refused ones are reset while they speak.
        let _ = stream.write_all(said).await;
        open.push(stream);
    }
    settles_at(&stage, (places - 200) as i64).await;

    // From another address there is room, and the house answers as ever.
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.2:0".parse().expect("an address")).expect("loopback is wide");
    let stream = socket.connect(stage.site.address).await.expect("accepted");
    assert_eq!(ask(&stage, stream).await.status, 200);

    // The time for a handshake is over for all of them, and the first address gets in again.
    for stream in open {
        let_go(stream).await;
    }
    settles_at(&stage, 0).await;
    assert_eq!(stage.expert().await.get("/healthz").await.status, 200);
}

/// A whole request on a connection that is already there.
async fn ask(stage: &Stage, stream: TcpStream) -> Answer {
    let name = rustls::pki_types::ServerName::try_from("localhost").expect("a name");
    let connector = tokio_rustls::TlsConnector::from(stage.site.tls.clone());
    let mut stream = soon("TLS", connector.connect(name, stream)).await.expect("a handshake");
    let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.expect("sent");
    let mut bytes = Vec::new();
    soon("an answer", stream.read_to_end(&mut bytes)).await.expect("it ends");
    Answer::read(&bytes, false).expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn y1_a_socket_keeps_its_place_as_long_as_it_lives() {
    let stage = crowded(|limits| limits.connections_per_address = 3).await;
    let browser = stage.expert().await;
    let first = browser.socket().await;
    let second = browser.socket().await;
    settles_at(&stage, 2).await;
    let third = browser.socket().await;
    let fourth = stage.site.tcp().await.expect("the kernel accepts");
    let_go(fourth).await;
    drop(second);
    settles_at(&stage, 2).await;
    let again = browser.socket().await;
    drop((first, third, again));
    settles_at(&stage, 0).await;
}

/// Y2: from the first byte to the last of a head, and of a form, everything has its time.
#[tokio::test(flavor = "multi_thread")]
async fn y2_slow_heads_slow_forms_and_idle_connections_are_ended() {
    let stage = crowded(|limits| limits.handshake_seconds = 1).await;
    let host = &stage.site.host;
    let head = format!("POST /api/link HTTP/1.1\r\nHost: {host}\r\nOrigin: https://{host}\r\n");
    let form = format!("{head}Content-Type: application/json\r\nContent-Length: 500\r\n\r\n{{");
    let whole = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let mut slow = Vec::new();
    for said in ["", "G", "GET / HTTP/1.1\r\nX-A: b", &form, &whole] {
        let mut stream = stage.site.connect().await.expect("a handshake");
        stream.write_all(said.as_bytes()).await.expect("taken");
        slow.push((said, stream));
    }
    for (said, mut stream) in slow {
        let mut bytes = Vec::new();
        let _ = soon(said, stream.read_to_end(&mut bytes)).await;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        match said {
            _ if said == form => assert!(text.starts_with("HTTP/1.1 408"), "{text}"),
            _ if said == whole => assert!(text.starts_with("HTTP/1.1 200"), "{text}"),
            _ => assert!(text.is_empty() || text.starts_with("HTTP/1.1 4"), "{said:?} {text}"),
        }
    }
    // Plain, or one byte of TLS and silence.
    for said in [&b"G"[..], &HALF_HELLO[..1], &HALF_HELLO[..]] {
        let mut stream = stage.site.tcp().await.expect("accepted");
        stream.write_all(said).await.expect("taken");
        let_go(stream).await;
    }
    settles_at(&stage, 0).await;
}

/// Y5: an answer nobody takes holds no place.
#[tokio::test(flavor = "multi_thread")]
async fn y5_who_asks_and_never_reads_is_ended() {
    let stage = crowded(|limits| limits.stall_seconds = 1).await;
    let (browser, file) = (stage.expert().await, protocol::id::FileId::from_u128(1));
    let path = format!("/api/files/{}", stage.conversation());
    let origin = format!("https://{}", stage.site.host);
    let put = format!("{path}?file={file}&name=a");
    let body = vec![7; 32 << 20];
    let sent = browser.request("POST", &put, &[("Origin", &origin)], &body).await;
    assert_eq!(sent.status, 201);
    let narrow = Site { window: Some(4096), ..stage.site.clone() };
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut stream = narrow.connect().await.expect("a handshake");
        let get = browser.head("GET", &format!("{path}/{file}"), &[]) + "\r\n";
        stream.write_all(get.as_bytes()).await.expect("taken");
        held.push(stream);
    }
    settles_at(&stage, 0).await;
    // Whoever reads gets it all.
    assert!(browser.get(&format!("{path}/{file}")).await.body == body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_never_says_hello_is_ended_and_counted_no_more() {
    let stage = Stage::start().await;
    let browser = stage.expert().await;
    let mut ws = browser.bare_socket().await.expect("a handshake");
    let bye = tests::browser::frame(&mut ws).await;
    let version = protocol::frame::Cut::Version;
    assert_eq!(bye, Some(protocol::frame::ToBrowser::Bye { why: version }));
    let open = || stage.gate().open_sockets.load(std::sync::atomic::Ordering::Relaxed);
    eventually("the socket to be forgotten", || open() == 0).await;
}
