//! Is it alive, is it ready, what does it count.

use axum::{
    extract::{ConnectInfo, State},
    http::{StatusCode, header},
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
) -> Result<impl IntoResponse, StatusCode> {
    if !is_near(from.ip()) {
        return Err(StatusCode::NOT_FOUND);
    }
    let text = gate.metrics.text(&gate.sources()).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text))
}

/// Whether a caller is on this machine.
pub fn is_near(from: IpAddr) -> bool {
    from.to_canonical().is_loopback()
}
