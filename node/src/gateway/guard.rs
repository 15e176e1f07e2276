//! Rates per address: one stranger must not spend this node's strength.

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    time::Duration,
};
use tokio::time::timeout;

use super::{Shared, auth::same_site, bodies::Not};
use crate::config::Limits;

/// Bytes of a JSON body under `/api`.
const BODY_BYTES: usize = 16 * 1024;

/// The rates of this node.
pub struct Guards {
    sign_ins: DefaultKeyedRateLimiter<IpAddr>,
    links: DefaultKeyedRateLimiter<IpAddr>,
}

impl Guards {
    /// The operator's rates.
    pub fn new(limits: &Limits) -> Self {
        let per_minute = |count| {
            RateLimiter::keyed(Quota::per_minute(NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN)))
        };
        Self {
            sign_ins: per_minute(limits.sign_ins_per_minute),
            links: per_minute(limits.links_per_minute),
        }
    }

    /// Whether this address may try one more sign-in.
    pub fn sign_in(&self, from: IpAddr) -> bool {
        self.sign_ins.check_key(&network(from)).is_ok()
    }

    /// Whether this address may open one more guest link.
    pub fn link(&self, from: IpAddr) -> bool {
        self.links.check_key(&network(from)).is_ok()
    }

    /// Forgets addresses that have been quiet; called now and then, so that memory is bounded by
    /// how many addresses ask within a minute.
    pub fn forget_quiet(&self) {
        self.sign_ins.retain_recent();
        self.links.retain_recent();
    }
}

/// Takes a small body in whole before anything is done, within the time of a handshake: a form that
/// arrives byte by byte costs a connection that long, and no more.
pub async fn whole(State(gate): State<Shared>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let patience = Duration::from_secs(gate.limits.handshake_seconds);
    match timeout(patience, to_bytes(body, BODY_BYTES)).await {
        Err(_) => Not::too_slow().into_response(),
        Ok(Err(_)) => Not::too_large().into_response(), // or broken off, and then nobody reads this
        Ok(Ok(bytes)) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
    }
}

/// Whether a socket may be opened by this page: one of this node, or of another of the cluster.
/// Says which.
///
/// # Errors
/// `403` for the page of anybody else.
pub fn page_of(headers: &HeaderMap, nodes: &[String]) -> Result<Page, Not> {
    if same_site(headers).is_ok() {
        return Ok(Page::Own);
    }
    let origin = headers.get(header::ORIGIN).and_then(|it| it.to_str().ok());
    match origin.filter(|origin| nodes.iter().any(|node| node == origin)) {
        Some(_) => Ok(Page::OfAnotherNode),
        None => Err(Not::foreign()),
    }
}

/// Whose page opens a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// This node's: its cookie counts.
    Own,
    /// Another node's: only a ticket counts, whatever cookie there may be.
    OfAnotherNode,
}

/// Where the sockets of a node are, when its address is a plain origin: `wss://host:port`.
pub fn socket_origin(node: &str) -> Option<String> {
    let host = node.strip_prefix("https://")?;
    let plain = |it: u8| it.is_ascii_alphanumeric() || b"-.:[]_".contains(&it);
    (!host.is_empty() && host.len() <= 260 && host.bytes().all(plain))
        .then(|| format!("wss://{host}"))
}

/// Who counts as one: an IPv4 address, or an IPv6 /64, which one household has to itself.
pub fn network(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(long) => {
            let [a, b, c, d, ..] = long.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        short => short,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_ipv6_network_is_one_and_a_mapped_ipv4_is_itself() {
        let a: IpAddr = "2001:db8:1:2:3::4".parse().expect("address");
        let b: IpAddr = "2001:db8:1:2:ffff::1".parse().expect("address");
        let c: IpAddr = "::ffff:192.0.2.1".parse().expect("address");
        assert_eq!(network(a), network(b));
        assert_eq!(network(c), "192.0.2.1".parse::<IpAddr>().expect("address"));
    }

    #[test]
    fn sockets_are_opened_by_pages_of_the_cluster_alone() {
        let nodes = ["https://a.example:8443", "https://b.example"].map(String::from);
        let asked = |origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "a.example:8443".parse().expect("a host"));
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().expect("an origin"));
            }
            page_of(&headers, &nodes).ok()
        };
        assert_eq!(asked(Some("https://a.example:8443")), Some(Page::Own));
        assert_eq!(asked(Some("https://b.example")), Some(Page::OfAnotherNode));
        for foreign in ["https://a.example", "http://b.example", "https://b.example.evil", "null"] {
            assert_eq!(asked(Some(foreign)), None, "{foreign}");
        }
        assert_eq!(asked(None), None);
    }

    #[test]
    fn the_rate_is_per_address() {
        let guards = Guards::new(&Limits { sign_ins_per_minute: 3, ..Limits::default() });
        let (a, b) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        assert_eq!((0..10).filter(|_| guards.sign_in(a)).count(), 3);
        assert!(guards.sign_in(b));
    }
}
