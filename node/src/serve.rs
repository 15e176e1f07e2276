//! The listener: TLS only, each connection bounded before it costs anything.
//!
//! # Invariants
//! - **Y1** At most `limits.connections` connections at a time, handshakes and WebSockets included,
//!   and `limits.connections_per_address` from one network.
//! - **Y2** A handshake, and then the first request, take at most `limits.handshake_seconds` each.
//! - **Y3** Nothing but a redirect is ever said in plain HTTP.
//! - **Y4** When [`run`] returns, no connection it accepted speaks HTTP any more.
//! - **Y5** A connection that takes nothing of what is sent to it is ended after
//!   `limits.stall_seconds`: nobody holds a place by not reading.

use axum::{Router, extract::connect_info::ConnectInfo};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::{Sleep, sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tower::ServiceExt;

use crate::{config::Limits, gateway::guard::network, metrics::Metrics};

/// The first byte of a TLS record that opens a handshake (RFC 8446, 5.1).
const HANDSHAKE: u8 = 0x16;
/// Bytes of a plain request that are looked at for its path and host.
const PLAIN_BYTES: usize = 2048;
/// Bytes of request headers.
const HEADER_BYTES: usize = 16 * 1024;
/// Descriptors kept for journals, files and uploads: no crowd of connections takes those.
const RESERVED: u64 = 512;
/// How long answers under way get to be finished when the node stops.
const GRACE: Duration = Duration::from_secs(3);

/// What the listener needs.
pub struct Listener {
    /// The bound socket.
    pub tcp: TcpListener,
    /// Certificate and key.
    pub tls: Arc<rustls::ServerConfig>,
    /// Every path there is.
    pub routes: Router,
    /// The operator's bounds.
    pub limits: Limits,
    /// Figures.
    pub metrics: Arc<Metrics>,
}

/// Counts connections per network, so that one stranger cannot take all of them.
#[derive(Default)]
struct Crowd(Mutex<HashMap<IpAddr, usize>>);

/// One connection's places; given back when dropped.
struct Seat {
    crowd: Arc<Crowd>,
    from: IpAddr,
    metrics: Arc<Metrics>,
    _place: OwnedSemaphorePermit,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut crowd = self.crowd.0.lock();
        if let Some(count) = crowd.get_mut(&self.from) {
            *count -= 1;
            if *count == 0 {
                crowd.remove(&self.from);
            }
        }
        self.metrics.connection(-1);
    }
}

/// A connection together with its places: whoever holds the one holds the other, so that a
/// WebSocket, which outlives the HTTP that opened it, goes on being counted (Y1).
struct Seated {
    stream: TcpStream,
    stalled: Option<Pin<Box<Sleep>>>,
    stall_max: Duration,
    _seat: Seat,
}

impl Seated {
    /// What a write came to; an error when nothing was taken for too long (Y5).
    fn moved<T>(&mut self, cx: &mut Context<'_>, came: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if came.is_ready() {
            self.stalled = None;
            return came;
        }
        let stall_max = self.stall_max;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(stall_max)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Seated {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Seated {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let came = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.moved(cx, came)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut self.stream);
        let came = match pieces {
            [one] => stream.poll_write(cx, one), // the cheaper system call
            many => stream.poll_write_vectored(cx, many),
        };
        self.moved(cx, came)
    }

    fn is_write_vectored(&self) -> bool {
        true // several records are one system call
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let came = Pin::new(&mut self.stream).poll_flush(cx);
        self.moved(cx, came)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let came = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.moved(cx, came)
    }
}

/// What every connection needs to speak.
#[derive(Clone)]
struct Speaker {
    acceptor: TlsAcceptor,
    routes: Router,
    patience: Duration,
    stopping: watch::Receiver<bool>,
}

/// Accepts until the node stops; then lets answers under way be finished, and cuts the rest.
pub async fn run(listener: Listener, mut stopping: watch::Receiver<bool>) {
    let Listener { tcp, tls, routes, limits, metrics } = listener;
    let patience = Duration::from_secs(limits.handshake_seconds);
    let acceptor = TlsAcceptor::from(tls);
    let speaker = Speaker { acceptor, routes, patience, stopping: stopping.clone() };
    let possible = usize::try_from(descriptors().saturating_sub(RESERVED)).unwrap_or(usize::MAX);
    if possible < limits.connections {
        tracing::warn!(possible, "fewer connections than configured: see `konsil doctor`");
    }
    let places = Arc::new(Semaphore::new(limits.connections.min(possible.max(1))));
    let crowd = Arc::<Crowd>::default();
    let mut spoken = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = tcp.accept() => accepted,
            Some(_) = spoken.join_next() => continue,
            _ = stopping.wait_for(|stop| *stop) => break,
        };
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            Err(fault) => {
                // Out of descriptors, most likely: others must end before it goes on.
                tracing::warn!(%fault, "a connection could not be accepted");
                sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Some(seat) = enter(&crowd, &places, &metrics, from.ip(), &limits) else {
            continue; // closed at once: Y1
        };
        let stall_max = Duration::from_secs(limits.stall_seconds);
        let stream = Seated { stream, stalled: None, stall_max, _seat: seat };
        let speaker = speaker.clone();
        spoken.spawn(async move {
            // What ends a connection early is its own affair; figures count the rest.
            let _ = connection(stream, from, speaker).await;
        });
    }
    drop(tcp); // nobody new
    let last = async { while spoken.join_next().await.is_some() {} };
    // Y4: an answer that nobody takes is not waited for.
    let _ = timeout(GRACE, last).await;
    spoken.shutdown().await;
}

/// Asks the machine for as many descriptors as it allows this process, and says how many it has.
pub fn descriptors() -> u64 {
    let now = getrlimit(Resource::Nofile);
    // Where the machine says no, what there is must do.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: now.maximum, ..now });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

fn enter(
    crowd: &Arc<Crowd>,
    places: &Arc<Semaphore>,
    metrics: &Arc<Metrics>,
    from: IpAddr,
    limits: &Limits,
) -> Option<Seat> {
    let place = places.clone().try_acquire_owned().ok()?;
    let from = network(from);
    let mut counts = crowd.0.lock();
    let count = counts.entry(from).or_default();
    if *count >= limits.connections_per_address {
        return None;
    }
    *count += 1;
    metrics.connection(1);
    Some(Seat { crowd: crowd.clone(), from, metrics: metrics.clone(), _place: place })
}

async fn connection(mut stream: Seated, from: SocketAddr, speaker: Speaker) -> io::Result<()> {
    let mut stopping = speaker.stopping.clone();
    let patience = speaker.patience;
    stream.stream.set_nodelay(true)?;
    let handshake = async {
        let mut first = [0];
        let seen = timeout(patience, stream.stream.peek(&mut first)).await??;
        if seen == 0 {
            return Ok(None);
        }
        if first[0] != HANDSHAKE {
            timeout(patience, redirect(&mut stream.stream)).await??;
            return Ok(None);
        }
        Ok(Some(timeout(patience, speaker.acceptor.accept(stream)).await??)) // Y2
    };
    let shaken: io::Result<_> = tokio::select! {
        shaken = handshake => shaken,
        _ = stopping.wait_for(|stop| *stop) => return Ok(()),
    };
    match shaken? {
        Some(stream) => speak(stream, from, speaker.routes, patience, stopping).await,
        None => Ok(()),
    }
}

async fn speak(
    stream: TlsStream<Seated>,
    from: SocketAddr,
    routes: Router,
    patience: Duration,
    mut stopping: watch::Receiver<bool>,
) -> io::Result<()> {
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(from));
        routes.clone().oneshot(request.map(axum::body::Body::new))
    });
    let spoken = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience) // Y2
        .max_buf_size(HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut spoken = pin!(spoken);
    tokio::select! {
        ended = spoken.as_mut() => return ended.map_err(io::Error::other),
        _ = stopping.wait_for(|stop| *stop) => {}
    }
    spoken.as_mut().graceful_shutdown(); // what was asked is answered: Y4
    spoken.await.map_err(io::Error::other)
}

/// Y3: sends a browser that came by plain HTTP to the same place over HTTPS.
async fn redirect(stream: &mut TcpStream) -> io::Result<()> {
    let mut seen = Vec::with_capacity(PLAIN_BYTES);
    while seen.len() < PLAIN_BYTES && !seen.windows(4).any(|four| four == b"\r\n\r\n") {
        if stream.read_buf(&mut seen).await? == 0 {
            break;
        }
    }
    let text = String::from_utf8_lossy(&seen);
    let answer = match target(&text) {
        Some(target) => format!(
            "HTTP/1.1 308 Permanent Redirect\r\nLocation: {target}\r\n\
             Content-Length: 0\r\nConnection: close\r\n\r\n"
        ),
        None => {
            "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_string()
        }
    };
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

/// Where a plain request should have gone; nothing when it names no usable host or path.
fn target(request: &str) -> Option<String> {
    let mut lines = request.split("\r\n");
    let path = lines.next()?.split(' ').nth(1)?;
    let host = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("host").then_some(value.trim())
    })?;
    let plain = |text: &str, more: &str| {
        !text.is_empty()
            && text.len() < 512
            && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    (plain(host, ".-:[]") && path.starts_with('/') && plain(path, "/-._~%?&=+"))
        .then(|| format!("https://{host}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn y3_a_plain_request_is_sent_on_and_a_strange_one_nowhere() {
        let good = "GET /room?x=1 HTTP/1.1\r\nHost: bank.example:8443\r\n\r\n";
        assert_eq!(target(good).as_deref(), Some("https://bank.example:8443/room?x=1"));
        for bad in [
            "",
            "GET / HTTP/1.1\r\n\r\n",
            "GET http://evil/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
            "GET /\u{7f} HTTP/1.1\r\nHost: a\r\n\r\n",
        ] {
            assert_eq!(target(bad), None, "{bad:?}");
        }
    }
}
