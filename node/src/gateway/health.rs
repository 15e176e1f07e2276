//! Is it alive, is it ready, what does it count.
//!
//! # Invariants
//! - **HE1** A node that has reached none of the others, and known no leader, for [`CUT_OFF`] is not
//!   ready: it acknowledges nothing, and people who watch would be told nothing.

use axum::{
    extract::{ConnectInfo, State},
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
};
use parking_lot::Mutex;
use protocol::cluster::Map;
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use tokio::{sync::watch, time::Instant};

use super::Shared;
use crate::metrics::cluster::Seen;

/// How long a node may be cut off before it says so.
const CUT_OFF: Duration = Duration::from_secs(3);

/// `GET /healthz`: the process answers.
pub async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: people may be sent here.
pub async fn ready(State(gate): State<Shared>) -> (StatusCode, String) {
    if *gate.stopping.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".into());
    }
    if let Some(lost) = gate.contact.lost_for().filter(|it| *it >= CUT_OFF) {
        let seconds = lost.as_secs();
        let said = format!(
            "cut off: for {seconds} s this node has reached none of the others and known no \
             leader; the others serve people better\n"
        );
        return (StatusCode::SERVICE_UNAVAILABLE, said); // HE1
    }
    match gate.house.ledger.writable() {
        Ok(()) => (StatusCode::OK, "ready\n".into()),
        Err(fault) => (StatusCode::SERVICE_UNAVAILABLE, format!("{fault}\n")),
    }
}

/// Since when a node is cut off, when it is.
#[derive(Default)]
pub struct Contact(Mutex<Option<Instant>>);

impl Contact {
    /// How long ago the others were lost.
    pub fn lost_for(&self) -> Option<Duration> {
        self.0.lock().map(|since| since.elapsed())
    }

    fn note(&self, lost: bool) {
        let mut since = self.0.lock();
        *since = lost.then(|| since.unwrap_or_else(Instant::now));
    }

    /// Looks at every change, until the node stops.
    pub async fn follow(&self, seen: &Seen, mut stopping: watch::Receiver<bool>) {
        let (mut maps, mut leader) = (seen.control.maps(), seen.control.leader());
        let mut links = seen.links.clone();
        loop {
            let known = leader.borrow_and_update().is_some();
            let (map, linked) = (maps.borrow_and_update().clone(), links.borrow_and_update().len());
            self.note(!known && linked == 0 && has_others(&map, seen.me.number));
            let changed = tokio::select! {
                changed = maps.changed() => changed,
                changed = leader.changed() => changed,
                changed = links.changed() => changed,
                _ = stopping.wait_for(|stop| *stop) => return,
            };
            if changed.is_err() {
                return;
            }
        }
    }
}

fn has_others(map: &Map, me: u64) -> bool {
    map.members.keys().any(|number| *number != me)
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

    #[tokio::test(start_paused = true)]
    async fn he1_a_node_that_is_cut_off_knows_since_when() {
        let contact = Contact::default();
        contact.note(true);
        tokio::time::advance(CUT_OFF).await;
        contact.note(true);
        assert_eq!(contact.lost_for(), Some(CUT_OFF), "HE1: since the first moment");
        contact.note(false);
        assert_eq!(contact.lost_for(), None);
        assert!(!has_others(&Map::default(), 1), "who is alone is not cut off");
    }

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
