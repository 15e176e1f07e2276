//! A room without a door: everyone who offers here sees and hears everyone else.
//!
//! A bridge for trying the media path with real browsers, without the rest of the node:
//! `cargo run --example media_echo -- 127.0.0.1:8099 <folder of static files>`.
//!
//! `POST /offer?peer=1` takes an offer and gives the answer, `GET /events?peer=1&since=0` what the
//! loop told about that peer, `GET /counters` the counters, `POST /close?peer=1` ends a peer,
//! `POST /hush?peer=1&mid=0&on=1` silences a track, `POST /only?peer=1&mid=2&to=3` forwards just
//! one track to a receiver until the next track comes or goes.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use node::media::{
    Kind, MediaConfig, MediaEvent, MediaHandle, MediaLoop, Order, PeerKey, TrackKey,
};

/// What the room remembers: who is here, what is up, and what was told.
#[derive(Default)]
struct Room {
    peers: Vec<PeerKey>,
    tracks: BTreeMap<TrackKey, Kind>,
    told: BTreeMap<PeerKey, Vec<String>>,
}

type Shared = Arc<Mutex<Room>>;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8099".to_owned());
    let files = arguments.next().unwrap_or_else(|| ".".to_owned());
    let room = Shared::default();
    let (events, inbox) = mpsc::channel();
    // Nothing configured: the address towards the network, and loopback.
    let config = MediaConfig::default();
    let media = MediaLoop::start(config, move |event| drop(events.send(event)))?;
    let (handle, shared) = (media.handle(), room.clone());
    std::thread::spawn(move || inbox.iter().for_each(|event| tell(&handle, &shared, event)));
    println!("http://{address} media on {}", media.local());
    for stream in TcpListener::bind(&address)?.incoming().flatten() {
        let (handle, room, files) = (media.handle(), room.clone(), files.clone());
        std::thread::spawn(move || drop(serve(stream, &handle, &room, &files)));
    }
    Ok(())
}

/// Remembers an event for the browsers it concerns, and keeps everyone seeing everyone.
fn tell(handle: &MediaHandle, room: &Shared, event: MediaEvent) {
    let mut room = room.lock().unwrap_or_else(PoisonError::into_inner);
    let name = |track: &TrackKey| format!("\"{}/{}\"", track.publisher, track.mid);
    let (about, text) = match &event {
        MediaEvent::Connected { peer } => (Some(*peer), r#"{"kind":"connected"}"#.to_owned()),
        MediaEvent::Gone { peer } => {
            room.peers.retain(|known| known != peer);
            (Some(*peer), r#"{"kind":"gone"}"#.to_owned())
        }
        MediaEvent::TrackUp { track, kind } => {
            room.tracks.insert(*track, *kind);
            (None, format!(r#"{{"kind":"up","track":{}}}"#, name(track)))
        }
        MediaEvent::TrackDown { track } => {
            room.tracks.remove(track);
            (None, format!(r#"{{"kind":"down","track":{}}}"#, name(track)))
        }
        MediaEvent::Wanted { peer, audio, video } => {
            (Some(*peer), format!(r#"{{"kind":"wanted","audio":{audio},"video":{video}}}"#))
        }
        MediaEvent::Bound { peer, mid, track } => {
            let track = track.as_ref().map_or("null".to_owned(), name);
            (Some(*peer), format!(r#"{{"kind":"bound","mid":"{mid}","track":{track}}}"#))
        }
        MediaEvent::Speaking { track, speaking, loudness, .. } => {
            let (track, speaking) = (name(track), *speaking);
            let text = format!(
                r#"{{"kind":"speaking","track":{track},"speaking":{speaking},"loudness":{loudness}}}"#
            );
            (None, text)
        }
    };
    for (peer, told) in &mut room.told {
        if about.is_none_or(|about| about == *peer) {
            told.push(text.clone());
        }
    }
    if matches!(event, MediaEvent::TrackUp { .. } | MediaEvent::TrackDown { .. }) {
        let peers = room.peers.clone();
        peers.into_iter().for_each(|peer| forward_all(handle, &room, peer));
    }
}

fn forward_all(handle: &MediaHandle, room: &Room, peer: PeerKey) {
    let others = room.tracks.keys().filter(|track| track.publisher != peer);
    let _ = handle.send(Order::Forward { peer, tracks: others.copied().collect() });
}

fn serve(
    mut stream: TcpStream,
    handle: &MediaHandle,
    room: &Shared,
    files: &str,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut head = String::new();
    reader.read_line(&mut head)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? <= 2 {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let target = head.split(' ').nth(1).unwrap_or("/");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let answer = answer(handle, room, path, query, &body);
    let (kind, bytes) = match answer {
        Some(text) => ("application/json", text.into_bytes()),
        None => file(files, path),
    };
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n",
        bytes.len()
    )?;
    stream.write_all(b"Cache-Control: no-store\r\nConnection: close\r\n\r\n")?;
    stream.write_all(&bytes)
}

fn answer(
    handle: &MediaHandle,
    room: &Shared,
    path: &str,
    query: &str,
    body: &[u8],
) -> Option<String> {
    let value = |key: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(known, _)| *known == key).map(|(_, value)| value)
    };
    let number = |key: &str| value(key).and_then(|text| text.parse::<u128>().ok());
    let peer = number("peer");
    let track = || Some(TrackKey { publisher: peer?, mid: value("mid")?.parse().ok()? });
    match path {
        "/offer" => Some(offer(handle, room, peer?, String::from_utf8_lossy(body).into_owned())),
        "/close" => Some(format!("{}", handle.send(Order::Close { peer: peer? }).is_ok())),
        "/hush" => {
            let hushed = value("on") == Some("1");
            let order = Order::Hush { peer: peer?, track: track()?, hushed };
            Some(format!("{}", handle.send(order).is_ok()))
        }
        "/only" => {
            let order = Order::Forward { peer: number("to")?, tracks: vec![track()?] };
            Some(format!("{}", handle.send(order).is_ok()))
        }
        "/events" => {
            let room = room.lock().unwrap_or_else(PoisonError::into_inner);
            let told = room.told.get(&peer?).map(Vec::as_slice).unwrap_or_default();
            let since = (number("since").unwrap_or(0) as usize).min(told.len());
            Some(format!("[{}]", told[since..].join(",")))
        }
        "/counters" => {
            let pairs = handle.counters().list();
            let pairs: Vec<_> = pairs.iter().map(|(name, n)| format!("\"{name}\":{n}")).collect();
            Some(format!("{{{}}}", pairs.join(",")))
        }
        _ => None,
    }
}

fn offer(handle: &MediaHandle, room: &Shared, peer: PeerKey, sdp: String) -> String {
    let (reply, answer) = mpsc::channel();
    let reply = Box::new(move |result| drop(reply.send(result)));
    room.lock().unwrap_or_else(PoisonError::into_inner).told.entry(peer).or_default();
    if handle.send(Order::Offer { peer, sdp, reply }).is_err() {
        return "busy".to_owned();
    }
    match answer.recv() {
        Ok(Ok(answer)) => {
            let mut room = room.lock().unwrap_or_else(PoisonError::into_inner);
            if !room.peers.contains(&peer) {
                room.peers.push(peer);
            }
            forward_all(handle, &room, peer);
            answer.sdp
        }
        Ok(Err(fault)) => format!("error: {fault}"),
        Err(_) => "stopped".to_owned(),
    }
}

fn file(files: &str, path: &str) -> (&'static str, Vec<u8>) {
    let name = path.trim_start_matches('/');
    let name = if name.is_empty() || name.contains("..") { "index.html" } else { name };
    let kind = if name.ends_with(".js") { "text/javascript" } else { "text/html" };
    (kind, std::fs::read(format!("{files}/{name}")).unwrap_or_default())
}
