//! Files up and down: byte for byte, or not at all.

use super::stage::{Stage, done, eventually, no};
use node::{clock::now, secrets::chance};
use protocol::{
    conversation::ConversationCommand,
    frame::{Command, Reply},
    id::{FileId, MessageId},
};
use std::path::Path;
use tests::browser::{Answer, Browser, soon};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const PNG: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89";

fn place(stage: &Stage, file: FileId, name: &str) -> String {
    format!("/api/files/{}?file={file}&name={name}", stage.conversation())
}

/// Sends a file up.
pub(crate) async fn put(
    stage: &Stage,
    from: &Browser,
    file: FileId,
    name: &str,
    body: &[u8],
) -> Answer {
    let origin = format!("https://{}", stage.site.host);
    from.request("POST", &place(stage, file, name), &[("Origin", &origin)], body).await
}

/// Fetches a file, or a range of it.
pub(crate) async fn get(stage: &Stage, from: &Browser, file: FileId, range: &str) -> Answer {
    let path = format!("/api/files/{}/{file}", stage.conversation());
    let range = [("Range", range)];
    let headers = if range[0].1.is_empty() { &[][..] } else { &range[..] };
    from.request("GET", &path, headers, b"").await
}

/// An id nobody used.
pub(crate) fn new_file() -> FileId {
    FileId::new(now(), chance())
}

/// Bytes in which every place can be told from its neighbours.
pub(crate) fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|place| (place * 31 + place / 251) as u8).collect()
}

/// What lies in the folder of files that are being written.
fn half_written(stage: &Stage) -> usize {
    listed(&stage.data().join("files/temp"))
}

fn listed(folder: &Path) -> usize {
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_up_comes_down_byte_for_byte_whole_and_in_parts() {
    let stage = Stage::start().await;
    let (expert, guest) = (stage.expert().await, stage.guest("Familie Groß").await);
    let (file, body) = (new_file(), bytes(3 * 1024 * 1024 + 17));
    let sent = put(&stage, &guest, file, "Gehalt%20%C3%9Cbersicht.pdf", &body).await;
    assert_eq!(sent.status, 201, "{}", sent.text());
    assert_eq!(sent.json()["bytes"], body.len());
    assert_eq!(sent.json()["mediaType"], "application/octet-stream");
    let again = put(&stage, &guest, file, "Gehalt%20%C3%9Cbersicht.pdf", &body).await;
    assert_eq!(again.status, 201, "the same once more is the same");

    let whole = get(&stage, &expert, file, "").await;
    assert_eq!((whole.status, whole.body == body), (200, true));
    let disposition = "attachment; filename*=UTF-8''Gehalt%20%C3%9Cbersicht.pdf";
    assert_eq!(whole.header("content-disposition"), Some(disposition));
    let len = body.len();
    for (range, part) in [
        ("bytes=0-0", 0..1),
        ("bytes=1000000-2500000", 1_000_000..2_500_001),
        ("bytes=3145728-", 3_145_728..len),
        ("bytes=-5", len - 5..len),
        ("bytes=0-99999999", 0..len),
    ] {
        let answer = get(&stage, &expert, file, range).await;
        assert_eq!(answer.status, 206, "{range}");
        assert!(answer.body == body[part.clone()], "{range}");
        let said = format!("bytes {}-{}/{len}", part.start, part.end - 1);
        assert_eq!(answer.header("content-range"), Some(said.as_str()));
    }
    let beyond = get(&stage, &expert, file, &format!("bytes={len}-")).await;
    let said = format!("bytes */{len}");
    assert_eq!((beyond.status, beyond.header("content-range")), (416, Some(said.as_str())));
    for odd in ["bytes=5-1", "lines=0-1", "bytes=0-1,5-6", "bytes=a-b"] {
        assert_eq!(get(&stage, &expert, file, odd).await.status, 200, "{odd}");
    }
    let path = format!("/api/files/{}/{file}", stage.conversation());
    let head = expert.request("HEAD", &path, &[], b"").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some(len.to_string().as_str()));

    // And it is still there when the node was started anew.
    let stage = stage.restarted().await;
    let whole = get(&stage, &expert.at(&stage.site), file, "").await;
    assert!(whole.body == body);
}

#[tokio::test(flavor = "multi_thread")]
async fn n2_a_browser_runs_nothing_that_was_uploaded() {
    let stage = Stage::start().await;
    let expert = stage.expert().await;
    let hostile: [(&str, &[u8]); 5] = [
        ("page.html", b"<!DOCTYPE html><html><script>alert(1)</script></html>"),
        (
            "bild.svg",
            b"<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"x()\"/>",
        ),
        ("bild.png", b"<svg onload=alert(1)>"),
        ("a.pdf", b"%PDF-1.7 ..."),
        ("a.js", b"alert(1)"),
    ];
    for (name, body) in hostile {
        let file = new_file();
        assert_eq!(put(&stage, &expert, file, name, body).await.status, 201, "{name}");
        let got = get(&stage, &expert, file, "").await;
        assert_eq!(got.header("content-type"), Some("application/octet-stream"), "{name}");
        let disposition = got.header("content-disposition").unwrap_or_default();
        assert!(disposition.starts_with("attachment;"), "{name} {disposition}");
        guarded(&got);
    }
    let file = new_file();
    assert_eq!(put(&stage, &expert, file, "bild.html", PNG).await.status, 201);
    let got = get(&stage, &expert, file, "").await;
    assert_eq!(got.header("content-type"), Some("image/png"));
    assert_eq!(got.header("content-disposition"), Some("inline; filename*=UTF-8''bild.html"));
    guarded(&got);
}

fn guarded(answer: &Answer) {
    assert_eq!(answer.header("content-security-policy"), Some("default-src 'none'; sandbox"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("cache-control"), Some("private, no-store"));
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_files_are_refused_when_they_are_no_names() {
    let stage = Stage::start().await;
    let expert = stage.expert().await;
    for bad in ["a%2Fb", "..%5Cb", "a%0D%0Ab", "%00", "", "%20", &"x".repeat(300)] {
        let answer = put(&stage, &expert, new_file(), bad, b"x").await;
        assert_eq!((answer.status, answer.why().as_str()), (409, "badName"), "{bad}");
    }
    let unicode = "%F0%9F%8F%A1%20%E2%80%AE%22%3B.pdf"; // 🏡, a turn of direction, quotes
    let file = new_file();
    assert_eq!(put(&stage, &expert, file, unicode, b"x").await.status, 201);
    let got = get(&stage, &expert, file, "").await;
    let said = format!("attachment; filename*=UTF-8''{unicode}");
    assert_eq!(got.header("content-disposition"), Some(said.as_str()));
    let origin = format!("https://{}", stage.site.host);
    for odd in ["?name=a", "?file=x&name=a", "?file=room_0&name=a", "", "?file=%FF&name=%FF"] {
        let path = format!("/api/files/{}{odd}", stage.conversation());
        let answer = expert.request("POST", &path, &[("Origin", &origin)], b"x").await;
        assert_eq!(answer.status, 400, "{odd}");
    }
    // A name that was refused leaves its content to nobody.
    let path = format!("/api/files/{}/{}", stage.conversation(), new_file());
    assert_eq!(expert.get(&path).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_its_conversations_and_its_id_is_its_own() {
    let stage = Stage::start().await;
    let (expert, guest) = (stage.expert().await, stage.guest("Familie Groß").await);
    let (colleague, nobody) = (stage.colleague().await, Browser::new(&stage.site));
    let file = new_file();
    assert_eq!(put(&stage, &expert, file, "a.txt", b"one").await.status, 201);
    for (who, status) in [(&guest, 200), (&colleague, 404), (&nobody, 401)] {
        let got = get(&stage, who, file, "").await;
        assert_eq!(got.status, status, "{}", got.text());
    }
    assert_eq!(put(&stage, &colleague, new_file(), "b.txt", b"x").await.status, 404);
    assert_eq!(put(&stage, &nobody, new_file(), "b.txt", b"x").await.status, 401);
    for (who, body) in [(&expert, &b"two"[..]), (&guest, b"one")] {
        let taken = put(&stage, who, file, "a.txt", body).await;
        assert_eq!((taken.status, taken.why().as_str()), (409, "idTaken"));
    }
    assert_eq!(get(&stage, &guest, file, "").await.body, b"one");

    let mut socket = expert.socket().await;
    let (message, text) = (MessageId::new(now(), chance()), String::new());
    let say = ConversationCommand::Say { message, text, files: vec![file] };
    done(socket.ask(stage.of_chat(say)).await);
    let ask = |files| Command::Files { conversation: stage.conversation(), files };
    let Reply::Files { files } = socket.ask(ask(vec![file, new_file()])).await else { panic!() };
    assert_eq!(files.len(), 1);
    assert_eq!((files[0].name.as_str(), files[0].bytes), ("a.txt", 3));
    let mut outside = colleague.socket().await;
    assert_eq!(no(&outside.ask(ask(vec![file])).await), "conversation.notFound");
}

/// N3: too long, too short, broken off, or nothing: no content, no record, nothing half.
#[tokio::test(flavor = "multi_thread")]
async fn n3_what_did_not_arrive_whole_leaves_nothing() {
    let stage = Stage::with(|config| config.limits.file_bytes = 1 << 20).await;
    let expert = stage.expert().await;
    let (file, long) = (new_file(), bytes((1 << 20) + 1));
    let announced = put(&stage, &expert, file, "a", &long).await;
    assert_eq!((announced.status, announced.why().as_str()), (413, "tooLarge"));
    let empty = put(&stage, &expert, file, "a", b"").await;
    assert_eq!((empty.status, empty.why().as_str()), (409, "empty"));

    let origin = format!("https://{}", stage.site.host);
    let head = expert.head("POST", &place(&stage, file, "a"), &[("Origin", &origin)]);
    let mut chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    for part in long.chunks(64 * 1024) {
        chunked.extend(format!("{:x}\r\n", part.len()).into_bytes());
        chunked.extend(part);
        chunked.extend(b"\r\n");
    }
    chunked.extend(b"0\r\n\r\n");
    let unannounced = stage.site.say(&chunked).await;
    assert_eq!((unannounced.status, unannounced.why().as_str()), (413, "tooLarge"));

    // Lies about the length, and chunks without an end: said, and then gone.
    for framing in ["Content-Length: 900000", "Transfer-Encoding: chunked"] {
        let mut stream = stage.site.connect().await.expect("a handshake");
        let start = format!("{head}{framing}\r\n\r\n");
        stream.write_all(start.as_bytes()).await.expect("taken");
        stream.write_all(b"7d000\r\n").await.expect("taken");
        stream.write_all(&long[..300_000]).await.expect("taken");
        stream.flush().await.expect("sent");
        eventually("the upload to begin", || half_written(&stage) == 1).await;
        drop(stream);
        eventually("what broke off to be gone", || half_written(&stage) == 0).await;
    }
    eventually("every turn to be given back", || stage.gate().uploads.available_permits() == 32)
        .await;
    assert_eq!(half_written(&stage), 0);
    assert!(stage.gate().files.hashes().expect("listed").is_empty());
    assert_eq!(get(&stage, &expert, file, "").await.status, 404);
    // The id was not used up, and the longest allowed goes.
    assert_eq!(put(&stage, &expert, file, "a", &long[..1 << 20]).await.status, 201);
    assert_eq!(stage.gate().files.hashes().expect("listed").len(), 1);
}

/// N4: places for uploads are few; who holds one in silence loses it.
#[tokio::test(flavor = "multi_thread")]
async fn n4_places_are_few_and_silence_gives_them_back() {
    let stage = Stage::with(|config| {
        config.limits.uploads = 2;
        config.limits.upload_silence_seconds = 2;
    })
    .await;
    let expert = stage.expert().await;
    let origin = format!("https://{}", stage.site.host);
    let mut held = Vec::new();
    for _ in 0..2 {
        let path = place(&stage, new_file(), "a");
        let head = expert.head("POST", &path, &[("Origin", &origin)]);
        let mut stream = stage.site.connect().await.expect("a handshake");
        let start = format!("{head}Content-Length: 100\r\n\r\nabc");
        stream.write_all(start.as_bytes()).await.expect("taken");
        held.push(stream);
    }
    eventually("both places to be taken", || stage.gate().uploads.available_permits() == 0).await;
    let third = put(&stage, &expert, new_file(), "a", b"x").await;
    assert_eq!((third.status, third.why().as_str()), (503, "busy"));
    for mut stream in held {
        let mut bytes = Vec::new();
        // Whether TLS says its goodbye is not the question.
        let _ = soon("an end", stream.read_to_end(&mut bytes)).await;
        assert!(bytes.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&bytes));
    }
    assert_eq!(put(&stage, &expert, new_file(), "a", b"x").await.status, 201);
    assert_eq!(half_written(&stage), 0);
}
