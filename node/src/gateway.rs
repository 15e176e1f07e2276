//! The gateway: what a browser can reach, one line each, no logic here.
//!
//! Default deny: a path that is not listed is not there, and everything under `/api` and `/ws`
//! knows its caller before it does anything.

pub mod arrive;
pub mod ask;
pub mod audit;
pub mod auth;
pub mod bodies;
pub mod guard;
pub mod headers;
pub mod health;
pub mod operator;
pub mod page;
pub mod reach;
pub mod record;
pub mod rounds;
pub mod socket;
pub mod tabs;
pub mod upload;

use actors::house::House;
use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{get, post},
};
use protocol::id::{NodeId, TenantId};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use storage::files::Files;
use tokio::sync::{Semaphore, watch};

use crate::{
    calls::Calls,
    cluster::content::Contents,
    config::Limits,
    metrics::{self, Metrics, Sources},
    secrets::Secrets,
};
use guard::Guards;
use operator::{ClusterView, Desk};

/// Everything a request may need. One per node.
pub struct Gate {
    /// The actors.
    pub house: Arc<House>,
    /// Uploaded content.
    pub files: Files,
    /// The calls of this node.
    pub calls: Arc<Calls>,
    /// What cookies and links are signed with.
    pub secrets: Secrets,
    /// The tenant that signs in here.
    pub tenant: TenantId,
    /// This node.
    pub node: NodeId,
    /// The operator's bounds.
    pub limits: Limits,
    /// Rates per address.
    pub guards: Guards,
    /// Figures.
    pub metrics: Arc<Metrics>,
    /// Uploads under way.
    pub uploads: Arc<Semaphore>,
    /// Password checks under way: each costs 19 MiB and a core for some milliseconds.
    pub password_checks: Arc<Semaphore>,
    /// Sockets per session.
    pub sockets: socket::PerSession,
    /// Sockets open now.
    pub open_sockets: Arc<AtomicUsize>,
    /// Turns true when the node goes down.
    pub stopping: watch::Receiver<bool>,
    /// Files' contents, wherever they lie.
    pub contents: Arc<Contents>,
    /// Where browsers reach the nodes that serve and stay, as origins.
    pub nodes: watch::Receiver<Arc<Vec<String>>>,
    /// Whose pages may open sockets here with a ticket: every node that is a member, or was since
    /// this node started. A page outlives the node it came from.
    pub pages: watch::Receiver<Arc<Vec<String>>>,
    /// Turns true when this node is relieved: browsers go elsewhere, without haste.
    pub moving: watch::Receiver<bool>,
    /// The cluster, as the operator page shows it.
    pub cluster: Arc<dyn ClusterView>,
    /// Who came in by an operator's link, and what was shown last.
    pub desk: Desk,
    /// The cluster, as figures show it.
    pub seen: metrics::cluster::Seen,
    /// Whether this node reaches anybody.
    pub contact: health::Contact,
    /// What this node has of the audit logs beside their records.
    pub audit: crate::audit::Desk,
}

impl Gate {
    /// Whose figures are shown.
    pub fn sources(&self) -> Sources<'_> {
        let sockets = self.open_sockets.load(Ordering::Relaxed);
        Sources { house: &self.house, calls: &self.calls, sockets, cluster: &self.seen }
    }
}

/// What is shared by all handlers.
pub type Shared = Arc<Gate>;

/// Every path there is.
pub fn routes(gate: Shared) -> Router {
    let api = Router::new()
        .route("/api/sign-in", post(auth::sign_in))
        .route("/api/sign-out", post(auth::sign_out))
        .route("/api/link", post(auth::look_at_link))
        .route("/api/enter", post(auth::enter))
        .route("/api/operator/enter", post(operator::enter))
        .route("/api/operator/leave", post(operator::leave))
        .route("/api/operator/cluster", get(operator::cluster))
        .route("/api/operator/live", get(operator::live))
        .route("/api/operator/drain", post(operator::drain))
        .route("/api/audit", get(audit::application))
        .route("/api/operator/audit", get(audit::system))
        .layer(middleware::from_fn_with_state(gate.clone(), guard::whole));
    let files = Router::new()
        .route("/api/files/{conversation}", post(upload::store))
        .route("/api/files/{conversation}/{file}", get(upload::fetch))
        .layer(DefaultBodyLimit::disable()); // bounded by `upload`, which knows the knob
    Router::new()
        .merge(api)
        .merge(files)
        .route("/ws", get(socket::upgrade))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::figures))
        .route("/", get(page::app))
        .route("/room", get(page::room))
        .route("/room/{room}", get(page::room))
        .route("/operator", get(page::operator))
        .route("/{*asset}", get(page::asset))
        .layer(middleware::from_fn_with_state(gate.clone(), headers::add))
        .with_state(gate)
}
