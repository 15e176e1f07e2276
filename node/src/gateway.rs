//! The gateway: what a browser can reach, one line each, no logic here.
//!
//! Default deny: a path is there because `protocol::rights` lists it, and behind the guard that the
//! table gives it; everything under `/api` and `/ws` knows its caller before it does anything.

pub mod arrive;
pub mod ask;
pub mod audit;
pub mod auth;
pub mod bodies;
pub mod guard;
mod handshake;
pub mod headers;
pub mod health;
pub mod operator;
pub mod page;
mod pipe;
pub mod reach;
pub mod record;
pub mod rights;
pub mod roles;
pub mod rounds;
pub mod socket;
pub mod tabs;
pub mod tenancy;
pub mod upload;

use actors::house::House;
use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{MethodRouter, get, post},
};
use protocol::{
    id::{NodeId, TenantId},
    rights::Route,
};
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
use tenancy::Tenancy;

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
    /// The first tenant: whoever asks under a host name that is no tenant's is its.
    pub tenant: TenantId,
    /// Whose host names are whose.
    pub tenancy: Tenancy,
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
    let of = |mine: fn(Route) -> bool| {
        let routes = Route::ALL.iter().copied().filter(move |route| mine(*route));
        routes.fold(Router::new(), |router, route| {
            let guard = middleware::from_fn_with_state((gate.clone(), route), rights::guard);
            router.route(route.path(), handler(route).route_layer(guard))
        })
    };
    let forms = of(is_form).layer(middleware::from_fn_with_state(gate.clone(), guard::whole));
    let files = of(is_file).layer(DefaultBodyLimit::disable()); // bounded by `upload`, which knows the knob
    Router::new()
        .merge(forms)
        .merge(files)
        .merge(of(|route| !is_form(route) && !is_file(route)))
        .layer(middleware::from_fn_with_state(gate.clone(), headers::add))
        .with_state(gate)
}

/// Whose body is a file, of whatever length.
fn is_file(route: Route) -> bool {
    matches!(route, Route::StoreFile | Route::FetchFile)
}

/// Whose body, if any, is a small form.
fn is_form(route: Route) -> bool {
    route.path().starts_with("/api/") && !is_file(route)
}

/// Who answers: a new route does not compile before it stands here.
fn handler(route: Route) -> MethodRouter<Shared> {
    match route {
        Route::SignIn => post(auth::sign_in),
        Route::SignOut => post(auth::sign_out),
        Route::Link => post(auth::look_at_link),
        Route::Enter => post(auth::enter),
        Route::OperatorEnter => post(operator::enter),
        Route::OperatorLeave => post(operator::leave),
        Route::OperatorCluster => get(operator::cluster),
        Route::OperatorLive => get(operator::live),
        Route::OperatorDrain => post(operator::drain),
        Route::Rights => get(rights::table),
        Route::Audit => get(audit::application),
        Route::OperatorAudit => get(audit::system),
        Route::StoreFile => post(upload::store),
        Route::FetchFile => get(upload::fetch),
        Route::Socket => get(socket::upgrade),
        Route::Alive => get(health::alive),
        Route::Ready => get(health::ready),
        Route::Figures => get(health::figures),
        Route::App => get(page::app),
        Route::Room | Route::RoomOf => get(page::room),
        Route::Operator => get(page::operator),
        Route::Asset => get(page::asset),
    }
}
