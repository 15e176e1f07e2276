//! One publisher, many receivers: how many packets the media thread forwards per CPU second.
//!
//! `cargo run --release --example media_bench -- [receivers] [seconds] [publishers] [pace]`
//!
//! Each publisher sends 150 video packets of 1,100 bytes (30 frames of 5) and 50 audio packets of
//! 80 bytes per second, times `pace`. Real STUN, DTLS and AES-256-GCM; the first receiver opens and
//! times every packet, the others only count. Only the media thread's CPU time is charged.

#![allow(clippy::unwrap_used, reason = "a measurement stops at the first surprise")]

#[path = "../tests/media/client.rs"]
mod client;

use std::io::Read;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use client::{Client, Heard, Line};
use node::media::{MediaConfig, MediaEvent, MediaHandle, MediaLoop, Order, TrackKey};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

const FRAME: Duration = Duration::from_nanos(1_000_000_000 / 30);
/// Packets begin with a VP8 key frame's first bytes and the time they were sent.
const KEY: [u8; 2] = [0x10, 0x00];

fn main() {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<u64>().unwrap());
    let receivers = numbers.next().unwrap_or(100);
    let seconds = numbers.next().unwrap_or(10);
    let publishers = numbers.next().unwrap_or(1);
    let pace = numbers.next().unwrap_or(1) as u32;
    let (outlet, events) = mpsc::channel();
    let config = MediaConfig { listen: "127.0.0.1:0".parse().unwrap(), ..MediaConfig::default() };
    let media = MediaLoop::start(config, move |event| drop(outlet.send(event))).unwrap();
    let handle = media.handle();
    let start = Instant::now();
    let senders: Vec<Client> = (1..=publishers).map(|n| join(&media, n, &lines(n))).collect();
    let mut seats = Vec::new();
    for n in 0..publishers {
        let names: [&'static str; 2] = [name("a", n), name("v", n)];
        seats.push(Line::receives(names[0], "audio", 111));
        seats.push(Line::receives(names[1], "video", 96));
    }
    let tracks: Vec<TrackKey> = (1..=publishers)
        .flat_map(|n| ["0", "1"].map(|mid| (n, mid)))
        .map(|(n, mid)| TrackKey { publisher: u128::from(n), mid: mid.parse().unwrap() })
        .collect();
    let mut listeners = Vec::new();
    for n in 0..receivers {
        let peer = 1_000_000 + n;
        listeners.push(join(&media, peer, &seats));
        handle.send(Order::Forward { peer: u128::from(peer), tracks: tracks.clone() }).unwrap();
    }
    println!("{} joins in {:?}", publishers + receivers, start.elapsed());
    drain_events(events);
    measure(&handle, senders, listeners, seconds, pace);
}

fn name(kind: &str, n: u64) -> &'static str {
    Box::leak(format!("{kind}{n}").into_boxed_str())
}

fn drain_events(events: mpsc::Receiver<MediaEvent>) {
    std::thread::spawn(move || events.iter().for_each(drop));
}

fn lines(n: u64) -> [Line; 2] {
    let ssrc = 10 * n as u32;
    [Line::sends("0", "audio", 111, ssrc), Line::sends("1", "video", 96, ssrc + 1)]
}

fn join(media: &MediaLoop, peer: u64, lines: &[Line]) -> Client {
    let mut client = Client::new(peer, media.local());
    let (reply, answer) = mpsc::channel();
    let reply = Box::new(move |result| drop(reply.send(result)));
    let order = Order::Offer { peer: u128::from(peer), sdp: client.offer(lines), reply };
    media.handle().send(order).unwrap();
    client.connect(&answer.recv().unwrap().unwrap().sdp);
    client
}

fn measure(
    handle: &MediaHandle,
    senders: Vec<Client>,
    mut listeners: Vec<Client>,
    seconds: u64,
    pace: u32,
) {
    let stop = Arc::new(AtomicBool::new(false));
    let got = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let full = listeners.remove(0);
    let sockets: Vec<UdpSocket> = listeners.iter().map(|c| c.socket.try_clone().unwrap()).collect();
    let threads = [
        std::thread::spawn({
            let stop = stop.clone();
            move || publish(senders, &stop, start, pace)
        }),
        std::thread::spawn({
            let (stop, got) = (stop.clone(), got.clone());
            move || count(&sockets, &stop, &got)
        }),
        std::thread::spawn({
            let (stop, got) = (stop.clone(), got.clone());
            move || time(full, &stop, &got, start)
        }),
    ];
    std::thread::sleep(Duration::from_secs(1));
    let counter = |name: &str| handle.counters().list().iter().find(|c| c.0 == name).unwrap().1;
    let names = ["packets_in", "packets_out", "sends", "datagrams_out", "send_drops"];
    let before = (names.map(counter), cpu(), got.load(Ordering::Relaxed), Instant::now());
    std::thread::sleep(Duration::from_secs(seconds));
    let after = (names.map(counter), cpu(), got.load(Ordering::Relaxed), Instant::now());
    stop.store(true, Ordering::Relaxed);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let wall = after.3.duration_since(before.3).as_secs_f64();
    let [received, forwarded, sends, sent, drops] =
        std::array::from_fn(|n| (after.0[n] - before.0[n]) as f64);
    let busy = after.1 - before.1;
    println!("in        {:>10.0} packets/s", received / wall);
    println!("forwarded {:>10.0} packets/s", forwarded / wall);
    println!("delivered {:>10.1} %", 100.0 * (after.2 - before.2) as f64 / forwarded);
    println!("per call  {:>10.2} datagrams, {drops:.0} dropped", sent / sends);
    println!("busy      {:>10.2} core", busy / wall);
    println!("forwarded {:>10.0} packets per CPU second", forwarded / busy);
}

/// CPU seconds of the thread called `media`.
fn cpu() -> f64 {
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let path = task.unwrap().path();
        let read = |name| std::fs::read_to_string(path.join(name)).unwrap_or_default();
        if read("comm").trim() == "media" {
            // Nanoseconds on the processor, waiting, and turns.
            let on = read("schedstat");
            return on.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9;
        }
    }
    panic!("no media thread")
}

fn publish(mut senders: Vec<Client>, stop: &AtomicBool, start: Instant, pace: u32) {
    let mut seq = [0u16; 2];
    let mut frame = 0u32;
    while !stop.load(Ordering::Relaxed) {
        for (n, sender) in senders.iter_mut().enumerate() {
            let [audio, video] = lines(n as u64 + 1);
            let mut payload = [0; 1_100];
            payload[..2].copy_from_slice(&KEY);
            let now = start.elapsed().as_nanos() as u64;
            payload[2..10].copy_from_slice(&now.to_be_bytes());
            for part in 0..5 {
                sender.send(&video, seq[1].wrapping_add(part), frame * 3_000, &payload);
            }
            for part in 0..if frame.is_multiple_of(3) { 1 } else { 2 } {
                sender.send(&audio, seq[0].wrapping_add(part), frame * 1_600, &payload[..80]);
            }
        }
        seq[1] = seq[1].wrapping_add(5);
        seq[0] = seq[0].wrapping_add(if frame.is_multiple_of(3) { 1 } else { 2 });
        frame += 1;
        let due = start + FRAME * frame / pace;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

/// Counts what arrives at sockets nobody opens packets of.
fn count(sockets: &[UdpSocket], stop: &AtomicBool, got: &AtomicU64) {
    sockets.iter().for_each(|socket| socket.set_nonblocking(true).unwrap());
    let mut buffer = [0; 2_048];
    let time = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
    while !stop.load(Ordering::Relaxed) {
        let mut fds: Vec<_> = sockets.iter().map(|s| PollFd::new(s, PollFlags::IN)).collect();
        let _ = poll(&mut fds, Some(&time));
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        for (socket, _) in sockets.iter().zip(ready).filter(|(_, ready)| *ready) {
            while let Ok(len) = socket.recv(&mut buffer) {
                got.fetch_add(
                    u64::from((128..192).contains(&buffer[0]) && len > 60),
                    Ordering::Relaxed,
                );
            }
        }
    }
}

/// Opens every packet of one receiver and says how long it was under way.
fn time(mut client: Client, stop: &AtomicBool, got: &AtomicU64, start: Instant) {
    let mut took: Vec<u64> = Vec::new();
    let mut proven = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        if proven.elapsed() > Duration::from_secs(2) {
            client.prove();
            proven = Instant::now();
        }
        let Some(Heard::Media(packet)) = client.hear(Duration::from_millis(100)) else { continue };
        got.fetch_add(1, Ordering::Relaxed);
        let mut sent = [0; 8];
        (&packet.payload[2..10]).read_exact(&mut sent).unwrap();
        took.push((start.elapsed().as_nanos() as u64).saturating_sub(u64::from_be_bytes(sent)));
    }
    took.sort_unstable();
    let at = |share: f64| took[(took.len() as f64 * share) as usize] as f64 / 1e6;
    println!("latency   p50 {:.2} ms  p99 {:.2} ms  max {:.2} ms", at(0.5), at(0.99), at(0.9999));
}
