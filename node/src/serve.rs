//! The listener: TLS only, each connection bounded before it costs anything.
//!
//! # Invariants
//! - **Y1** At most `limits.connections` connections at a time, handshakes included, and
//!   `limits.connections_per_address` from one network.
//! - **Y2** A handshake, and then the first request, take at most `limits.handshake_seconds` each.
//! - **Y3** Nothing but a redirect is ever said in plain HTTP.

use axum::{Router, extract::connect_info::ConnectInfo};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::timeout,
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

/// Accepts until the node stops.
pub async fn run(listener: Listener, mut stopping: watch::Receiver<bool>) {
    let Listener { tcp, tls, routes, limits, metrics } = listener;
    let acceptor = TlsAcceptor::from(tls);
    let places = Arc::new(Semaphore::new(limits.connections));
    let crowd = Arc::<Crowd>::default();
    let patience = Duration::from_secs(limits.handshake_seconds);
    loop {
        let accepted = tokio::select! {
            accepted = tcp.accept() => accepted,
            _ = stopping.wait_for(|stop| *stop) => return,
        };
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            Err(fault) => {
                // Out of descriptors, most likely: others must end before it goes on.
                tracing::warn!(%fault, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Some(seat) = enter(&crowd, &places, &metrics, from.ip(), &limits) else {
            continue; // closed at once: Y1
        };
        let (acceptor, routes) = (acceptor.clone(), routes.clone());
        tokio::spawn(async move {
            let _seat = seat;
            // What ends a connection early is its own affair; figures count the rest.
            let _ = connection(stream, from, acceptor, routes, patience).await;
        });
    }
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

async fn connection(
    stream: TcpStream,
    from: SocketAddr,
    acceptor: TlsAcceptor,
    routes: Router,
    patience: Duration,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut first = [0];
    let seen = timeout(patience, stream.peek(&mut first)).await??;
    if seen == 0 {
        return Ok(());
    }
    if first[0] != HANDSHAKE {
        return timeout(patience, redirect(stream)).await?;
    }
    let stream = timeout(patience, acceptor.accept(stream)).await??; // Y2
    speak(stream, from, routes, patience).await
}

async fn speak(
    stream: TlsStream<TcpStream>,
    from: SocketAddr,
    routes: Router,
    patience: Duration,
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
    spoken.await.map_err(io::Error::other)
}

/// Y3: sends a browser that came by plain HTTP to the same place over HTTPS.
async fn redirect(mut stream: TcpStream) -> io::Result<()> {
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
