//! Is it alive, is it ready, what does it count.

use axum::{
    extract::{ConnectInfo, State},
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
};
use std::net::{IpAddr, SocketAddr};

use super::Shared;

/// `GET /healthz`: the process answers.
pub async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: people may be sent here.
pub async fn ready(State(gate): State<Shared>) -> (StatusCode, String) {
    if *gate.stopping.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".into());
    }
    match gate.house.ledger.writable() {
        Ok(()) => (StatusCode::OK, "ready\n".into()),
        Err(fault) => (StatusCode::SERVICE_UNAVAILABLE, format!("{fault}\n")),
    }
}

/// `GET /metrics`, for callers on this machine; others read the port the operator chose for it.
pub async fn figures(
    State(gate): State<Shared>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, StatusCode> {
    if !is_near(from.ip(), &headers) {
        return Err(StatusCode::NOT_FOUND);
    }
    let text = gate.metrics.text(&gate.sources()).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text))
}

/// Whether a caller is on this machine, and no proxy on it that speaks for somebody else.
fn is_near(from: IpAddr, headers: &HeaderMap) -> bool {
    let handed_on = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];
    from.to_canonical().is_loopback() && !handed_on.iter().any(|name| headers.contains_key(*name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_near() {
        let none = HeaderMap::new();
        for near in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(is_near(near.parse().expect("an address"), &none), "{near}");
        }
        for far in ["192.0.2.1", "10.0.0.1", "2001:db8::1", "::ffff:192.0.2.1", "0.0.0.0"] {
            assert!(!is_near(far.parse().expect("an address"), &none), "{far}");
        }
    }
}
