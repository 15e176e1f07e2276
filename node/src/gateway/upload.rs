//! Files up and down: bounded, checked, never named by a path.
//!
//! # Invariants
//! - **N1** Bytes are hashed as they arrive and served only when they still match.
//! - **N2** Whatever a file claims to be, a browser runs none of it: only plain pictures are shown,
//!   everything else is a download, and both are sandboxed.
//! - **N3** A body that did not arrive whole leaves no content and no record.
//! - **N4** An upload that is silent or trickles gives its place to another.

use actors::file::{self, File, Kept};
use axum::{
    Extension, Json,
    body::Body,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::StreamExt;
use protocol::{
    audit::{By, Draft, Outcome, Thing, Verb},
    caller::Caller,
    file::{FileRefusal, FileView},
    frame::{Fault, Refusal},
    id::{ConversationId, FileId},
    key::Key,
};
use serde::Deserialize;
use std::{collections::BTreeSet, ops::Range, sync::Arc, time::Duration};
use storage::{
    content::ContentId,
    fault::StorageFault,
    files::{Content, Files},
};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

use super::{Gate, Shared, ask, auth::same_site, bodies::Not, reach, record, rights::Signed};

/// Pieces of a body that wait for the disk.
const PIECES: usize = 8;
/// Bytes read from the disk at a time.
const READ: usize = 256 * 1024;
/// Bytes per second that an upload brings at least, over its whole length.
const PACE: u64 = 4 * 1024;
/// Bytes looked at to tell what a file is.
const SNIFF: usize = 4096;

/// What an upload says of itself.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offered {
    file: FileId,
    name: String,
}

/// `POST /api/files/{conversation}?file=…&name=…`
pub async fn store(
    State(gate): State<Shared>,
    Extension(Signed { by, origin }): Extension<Signed>,
    Path(conversation): Path<ConversationId>,
    Query(offered): Query<Offered>,
    headers: HeaderMap,
    body: Body,
) -> Result<impl IntoResponse, Not> {
    same_site(&headers)?;
    reach::conversation(&origin, conversation).map_err(Not::refused)?;
    ask::admitted(&gate, by, conversation).await?;
    let _turn = gate.uploads.try_acquire().map_err(|_| Not::faulted(Fault::Busy))?;
    let announced =
        headers.get(header::CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse().ok());
    if announced.is_some_and(|bytes: u64| bytes > gate.limits.file_bytes) {
        return Err(refused(FileRefusal::TooLarge));
    }
    let (content, media_type) = receive(&gate, body).await?;
    let view = keep(&gate, by, conversation, offered, content, media_type).await?;
    record::of_person(&gate, &by, moved(Verb::FilePut, conversation, view.file)).await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// `GET /api/files/{conversation}/{file}`, whole or one range of it.
pub async fn fetch(
    State(gate): State<Shared>,
    Extension(Signed { by, origin }): Extension<Signed>,
    Path((conversation, id)): Path<(ConversationId, FileId)>,
    headers: HeaderMap,
) -> Result<Response, Not> {
    reach::conversation(&origin, conversation).map_err(Not::refused)?;
    ask::admitted(&gate, by, conversation).await?;
    let (view, kept) = record(&gate, by, id, conversation).await?;
    let asked = headers.get(header::RANGE).and_then(|it| it.to_str().ok());
    let range = match asked.map(|text| range_of(text, view.bytes)) {
        None | Some(Asked::Whole) => None,
        Some(Asked::Part(part)) => Some(part),
        Some(Asked::Beyond) => return Ok(beyond(view.bytes)),
    };
    let content = ContentId { hash: kept.content, len: kept.bytes };
    let opened = gate.contents.open(id, content).await.map_err(|fault| disk(&fault))?;
    // Before any of it leaves; each part of a file that is asked for is a record.
    record::of_person(&gate, &by, moved(Verb::FileTaken, conversation, id)).await?;
    let contents = gate.contents.clone();
    let damaged = move |fault: &StorageFault| contents.complain(id, fault);
    Ok(served(&view, opened, range, damaged))
}

/// That a file went one way or the other.
fn moved(verb: Verb, conversation: ConversationId, file: FileId) -> Draft {
    let what = [Thing::Conversation { conversation }, Thing::File { file }];
    Draft::new(verb, By::Node {}, Outcome::Done).about(what)
}

/// What goes to the thread that writes. A body that ends without [`Piece::End`] broke off.
enum Piece {
    Bytes(axum::body::Bytes),
    End,
}

/// Takes the body in, piece by piece, on a thread that may wait for the disk.
///
/// When this future is dropped, because the browser went away, the channel closes without an end,
/// and the writer drops what it has: no content without its whole body (N3).
async fn receive(gate: &Gate, body: Body) -> Result<(ContentId, String), Not> {
    let (pieces, arriving) = mpsc::channel::<Piece>(PIECES);
    let (files, max) = (gate.files.clone(), gate.limits.file_bytes);
    let writer = tokio::task::spawn_blocking(move || write(&files, max, arriving));
    let silence = Duration::from_secs(gate.limits.upload_silence_seconds);
    let begun = Instant::now();
    let mut stream = body.into_data_stream();
    let mut total = 0u64;
    let gone = |_| Not::faulted(Fault::Timeout);
    loop {
        let slowest = begun + silence + Duration::from_secs(total / PACE);
        let until = slowest.min(Instant::now() + silence); // N4
        let piece = match timeout_at(until, stream.next()).await.map_err(|_| Not::too_slow())? {
            Some(piece) => piece.map_err(gone)?, // broken off
            None => break,
        };
        total += piece.len() as u64;
        if total > max {
            return Err(refused(FileRefusal::TooLarge));
        }
        if pieces.send(Piece::Bytes(piece)).await.is_err() {
            break; // the writer failed and says why below
        }
    }
    if total == 0 {
        return Err(refused(FileRefusal::Empty));
    }
    // A writer that failed hears no end, and has its own say below.
    let _ = pieces.send(Piece::End).await;
    let written = writer.await.map_err(|_| Not::faulted(Fault::Disk))?;
    let whole = written.map_err(|fault: StorageFault| disk(&fault))?;
    whole.ok_or_else(|| Not::faulted(Fault::Timeout))
}

/// Writes what arrives; nothing when it broke off, and then nothing is left of it.
fn write(
    files: &Files,
    max: u64,
    mut arriving: mpsc::Receiver<Piece>,
) -> Result<Option<(ContentId, String)>, StorageFault> {
    let mut upload = files.begin(max)?;
    let mut head: Vec<u8> = Vec::with_capacity(SNIFF);
    loop {
        match arriving.blocking_recv() {
            Some(Piece::Bytes(piece)) => {
                let missing = SNIFF.saturating_sub(head.len()).min(piece.len());
                head.extend_from_slice(&piece[..missing]);
                upload.write(&piece)?;
            }
            Some(Piece::End) => return Ok(Some((upload.finish()?, sniff(&head)))),
            None => return Ok(None), // N3
        }
    }
}

async fn keep(
    gate: &Gate,
    by: Caller,
    conversation: ConversationId,
    offered: Offered,
    content: ContentId,
    media_type: String,
) -> Result<FileView, Not> {
    let Offered { file: id, name } = offered;
    // Durable wherever the record will be, before there is a record; and wherever it came to be.
    let known = gate.contents.spread(id, content, &BTreeSet::new()).await;
    let known = known.map_err(Not::faulted)?;
    let (bytes, hash) = (content.len, content.hash);
    let kept = Kept { conversation, name, media_type, bytes, content: hash };
    gate.house.ask::<File>(Key::File(id), by, file::Input::Keep(kept)).await?;
    gate.contents.spread(id, content, &known).await.map_err(Not::faulted)?;
    let (view, _) = record(gate, by, id, conversation).await?;
    Ok(view)
}

/// A file's record, for somebody whom its conversation admits.
async fn record(
    gate: &Gate,
    by: Caller,
    file: FileId,
    conversation: ConversationId,
) -> Result<(FileView, Kept), Not> {
    let query = file::Query::Look { by, file, conversation };
    let file::Answer::Look(found) = gate.house.query::<File>(Key::File(file), query).await?;
    found.map_err(refused)
}

fn served(
    view: &FileView,
    content: Content,
    range: Option<Range<u64>>,
    damaged: impl Fn(&StorageFault) + Send + Sync + 'static,
) -> Response {
    let whole = 0..view.bytes;
    let part = range.clone().unwrap_or(whole);
    let shown = is_plain_picture(&view.media_type);
    let disposition = if shown { "inline" } else { "attachment" };
    let disposition = format!("{disposition}; filename*=UTF-8''{}", percent(&view.name));
    let kind = if shown { view.media_type.as_str() } else { "application/octet-stream" };
    let headers = [
        (header::CONTENT_TYPE, text(kind)),
        (header::CONTENT_DISPOSITION, text(&disposition)),
        (header::CONTENT_LENGTH, HeaderValue::from(part.end - part.start)),
        (header::ACCEPT_RANGES, text("bytes")),
        (header::CONTENT_SECURITY_POLICY, text("default-src 'none'; sandbox")), // N2
        (header::CACHE_CONTROL, text("private, no-store")),
    ];
    let body = Body::from_stream(read_part(content, part.clone(), damaged));
    match range {
        None => (headers, body).into_response(),
        Some(_) => {
            let range = format!("bytes {}-{}/{}", part.start, part.end - 1, view.bytes);
            let range = [(header::CONTENT_RANGE, text(&range))];
            (StatusCode::PARTIAL_CONTENT, headers, range, body).into_response()
        }
    }
}

/// The bytes of a range, each chunk checked before it leaves (N1).
fn read_part(
    content: Content,
    part: Range<u64>,
    damaged: impl Fn(&StorageFault) + Send + Sync + 'static,
) -> impl futures_util::Stream<Item = Result<axum::body::Bytes, StorageFault>> {
    let (content, damaged) = (Arc::new(content), Arc::new(damaged));
    futures_util::stream::unfold(Some(part), move |left| {
        let (content, damaged) = (content.clone(), damaged.clone());
        async move {
            let part = left.filter(|part| !part.is_empty())?;
            let most = (part.end - part.start).min(READ as u64) as usize;
            let start = part.start;
            let read = tokio::task::spawn_blocking(move || content.read_at(start, most)).await;
            match read {
                Ok(Ok(bytes)) if !bytes.is_empty() => {
                    let next = start + bytes.len() as u64..part.end;
                    Some((Ok(bytes.into()), Some(next)))
                }
                Ok(Err(fault)) => {
                    tracing::error!(%fault, "a file cannot be served");
                    damaged(&fault);
                    Some((Err(fault), None))
                }
                _ => None,
            }
        }
    })
}

/// What a `Range` header asks for (RFC 9110, 14.2): one range or, if it is odd, everything.
#[derive(Debug, PartialEq)]
enum Asked {
    Whole,
    Part(Range<u64>),
    Beyond,
}

fn range_of(text: &str, len: u64) -> Asked {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|it| it.split_once('-')) else {
        return Asked::Whole;
    };
    let (first, last) = (first.trim(), last.trim());
    let part = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(len),
        (Ok(first), Err(_)) if last.is_empty() => first..len,
        (Err(_), Ok(tail)) if first.is_empty() => len.saturating_sub(tail)..len,
        _ => return Asked::Whole,
    };
    if part.is_empty() { Asked::Beyond } else { Asked::Part(part) }
}

fn beyond(len: u64) -> Response {
    let range = [(header::CONTENT_RANGE, text(&format!("bytes */{len}")))];
    (StatusCode::RANGE_NOT_SATISFIABLE, range).into_response()
}

/// What the first bytes say; nothing is believed of a name or of a header.
fn sniff(head: &[u8]) -> String {
    infer::get(head).map_or("application/octet-stream", |kind| kind.mime_type()).to_string()
}

/// Pictures that carry no script. SVG is none of them.
fn is_plain_picture(media_type: &str) -> bool {
    matches!(media_type, "image/png" | "image/jpeg" | "image/gif" | "image/webp" | "image/avif")
}

/// A name for a header: everything but letters and digits as RFC 8187 writes it.
fn percent(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte: u8| {
        if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    name.bytes().map(one).collect()
}

fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static("invalid"))
}

fn refused(why: FileRefusal) -> Not {
    Not::refused(Refusal::File { why })
}

fn disk(fault: &StorageFault) -> Not {
    tracing::error!(%fault, "an upload was not kept");
    Not::faulted(actors::keeper::fault_of(fault))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_what_rfc_9110_says() {
        assert_eq!(range_of("bytes=0-3", 10), Asked::Part(0..4));
        assert_eq!(range_of("bytes=4-", 10), Asked::Part(4..10));
        assert_eq!(range_of("bytes=-3", 10), Asked::Part(7..10));
        assert_eq!(range_of("bytes=-30", 10), Asked::Part(0..10));
        assert_eq!(range_of("bytes=5-100", 10), Asked::Part(5..10));
        assert_eq!(range_of("bytes=10-", 10), Asked::Beyond);
        assert_eq!(range_of("bytes=18446744073709551615-", 10), Asked::Beyond);
        for odd in ["", "bytes", "bytes=", "bytes=-", "bytes=3-1", "items=0-1", "bytes=0-1,3-4"] {
            assert_eq!(range_of(odd, 10), Asked::Whole, "{odd}");
        }
    }

    #[test]
    fn n2_what_could_run_is_a_download() {
        let page = b"<!DOCTYPE html><script>alert(1)</script>";
        assert!(!is_plain_picture(&sniff(page)));
        assert!(!is_plain_picture("image/svg+xml"));
        assert!(is_plain_picture(&sniff(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")));
    }

    #[test]
    fn a_name_cannot_break_out_of_its_header() {
        assert_eq!(percent("a\"; b\r\n.pdf"), "a%22%3B%20b%0D%0A.pdf");
        assert_eq!(percent("Übersicht.pdf"), "%C3%9Cbersicht.pdf");
    }
}
