//! Rendezvous points: members that tell the others where each of them is.
//!
//! A connected point is told of this node, and asked while a member is missing.

use libp2p::{
    PeerId,
    rendezvous::{Namespace, client::Behaviour},
};
use std::time::{Duration, Instant};

/// How often a point is asked.
const ASK: Duration = Duration::from_secs(5);
/// How often a point is told of this node anew; it forgets after two hours.
const TELL: Duration = Duration::from_secs(30 * 60);
/// Registrations taken from one answer.
const REGISTRATIONS: u64 = 128;

/// The points of this cluster.
pub(super) struct Points {
    /// None when the cluster's name is too long for one: then nothing is told or asked.
    namespace: Option<Namespace>,
    points: Vec<Point>,
}

/// A point, and when it was last spoken to on this connection.
struct Point {
    peer: PeerId,
    told: Option<Instant>,
    asked: Option<Instant>,
}

impl Points {
    pub(super) fn new(cluster: &str, peers: impl Iterator<Item = PeerId>) -> Self {
        let point = |peer| Point { peer, told: None, asked: None };
        let namespace = Namespace::new(format!("konsil/{cluster}")).ok();
        Self { namespace, points: peers.map(point).collect() }
    }

    /// Says and asks what is due.
    pub(super) fn speak(
        &mut self,
        client: &mut Behaviour,
        connected: impl Fn(&PeerId) -> bool,
        misses_anybody: bool,
        now: Instant,
    ) {
        let Some(namespace) = &self.namespace else { return };
        let due = |last: Option<Instant>, every| last.is_none_or(|last| now >= last + every);
        for point in self.points.iter_mut().filter(|point| connected(&point.peer)) {
            if due(point.told, TELL) {
                point.told = Some(now);
                if let Err(reason) = client.register(namespace.clone(), point.peer, None) {
                    tracing::warn!(%reason, "cannot be told to a rendezvous point");
                }
            }
            if misses_anybody && due(point.asked, ASK) {
                point.asked = Some(now);
                client.discover(Some(namespace.clone()), None, Some(REGISTRATIONS), point.peer);
            }
        }
    }

    /// No longer connected: everything is said again on the next connection.
    pub(super) fn lost(&mut self, peer: &PeerId) {
        for point in self.points.iter_mut().filter(|point| point.peer == *peer) {
            (point.told, point.asked) = (None, None);
        }
    }
}
