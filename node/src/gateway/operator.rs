//! The operator's page: what the cluster looks like, and the button that relieves a node.
//!
//! Nobody is let in but by a one-time link, which whoever may read this node's data folder prints.
//! Names and content of people never appear here.
//!
//! # Invariants
//! - **O1** A link opens the page of its own node once, within [`LINK_LIFE`]; after a restart of
//!   the node, links made before it open nothing.
//! - **O2** Without the operator's cookie every path here answers `401`, whoever asks; no session of
//!   a person, whatever its role, is worth anything here.
//! - **O3** However many pages look on, the cluster is looked at every [`FRESH`] at most.

use actors::handle::No;
use axum::{
    Json,
    extract::{ConnectInfo, State},
    http::{HeaderMap, StatusCode, header},
    response::{AppendHeaders, IntoResponse, Response},
};
use futures_util::future::BoxFuture;
use protocol::{
    audit::{By, Commitment, Draft, Log, Outcome, Thing, Verb},
    cluster::ChangeRefusal,
    frame::Fault,
    id::NodeId,
    operator::{Drain, Live, Overview},
    time::{Span, Time},
};
use serde::Deserialize;
use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};
use tokio::time::Instant;

use super::{
    Gate, Shared,
    auth::{cookie_named, same_site},
    bodies::Not,
    record,
};
use crate::secrets::{OperatorPass, Secrets, chance};

pub mod chronicle;
pub mod overview;

/// How long a link may be used.
pub const LINK_LIFE: Span = Span::from_secs(600);
/// How long an operator stays in.
const COOKIE_LIFE: Span = Span::from_secs(8 * 3600);
/// How old a picture of the cluster may be when it is shown.
const FRESH: Duration = Duration::from_millis(500);
/// Links remembered as used; each is forgotten when its life is over.
const USED_MAX: usize = 1000;
const COOKIE: &str = "__Host-konsil-operator";

/// The cluster, as an operator sees and steers it.
pub trait ClusterView: Send + Sync + 'static {
    /// What there is to see now.
    fn view(&self) -> BoxFuture<'_, Result<Overview, ClusterNo>>;
    /// Relieves a node, or does not after all.
    fn drain(&self, number: u64, on: bool) -> BoxFuture<'_, Result<(), ClusterNo>>;
}

/// Why the cluster does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClusterNo {
    /// Nobody leads it at the moment: try again in a second.
    #[error("the cluster has no leader at the moment; try again in a second")]
    Leaderless,
    /// The change is against the rules.
    #[error("refused: {0:?}")]
    Refused(ChangeRefusal),
}

impl IntoResponse for ClusterNo {
    fn into_response(self) -> Response {
        match self {
            Self::Leaderless => Not::faulted(Fault::Busy).into_response(),
            Self::Refused(why) => {
                let body = serde_json::json!({ "kind": "refused", "why": why });
                (StatusCode::CONFLICT, Json(body)).into_response()
            }
        }
    }
}

/// Who came in, and what was shown last.
pub struct Desk {
    since: Time,
    used: parking_lot::Mutex<BTreeMap<[u8; 16], Time>>,
    seen: tokio::sync::Mutex<Option<(Instant, Arc<Overview>)>>,
}

impl Desk {
    /// A desk of a node that starts now.
    pub fn new(now: Time) -> Self {
        Self {
            since: now,
            used: parking_lot::Mutex::default(),
            seen: tokio::sync::Mutex::default(),
        }
    }

    /// Whether this pass opens the page now; it never does again.
    fn takes(&self, node: NodeId, now: Time, pass: OperatorPass) -> bool {
        let OperatorPass { made, nonce, .. } = pass;
        if pass.node != node || made < self.since || now >= made.after(LINK_LIFE) || made > now {
            return false;
        }
        let mut used = self.used.lock();
        used.retain(|_, made| now < made.after(LINK_LIFE));
        used.len() < USED_MAX && used.insert(nonce, made).is_none() // O1
    }

    async fn picture(&self, from: &dyn ClusterView) -> Result<Arc<Overview>, ClusterNo> {
        let mut seen = self.seen.lock().await; // the others wait for the picture of the first (O3)
        if let Some((at, picture)) = seen.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            let _ = at;
            return Ok(picture.clone());
        }
        let picture = Arc::new(from.view().await?);
        *seen = Some((Instant::now(), picture.clone()));
        Ok(picture)
    }
}

/// The path of a fresh one-time link to the page of this node.
pub fn link(secrets: &Secrets, node: NodeId, now: Time) -> String {
    let pass = OperatorPass { node, made: now, nonce: chance() };
    format!("/operator#{}", secrets.operator_link(pass))
}

/// What stands behind the `#` of a link.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enter {
    link: String,
}

/// `POST /api/operator/enter`: a link becomes a cookie.
pub async fn enter(
    State(gate): State<Shared>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Json(form): Json<Enter>,
) -> Result<impl IntoResponse, Not> {
    same_site(&headers)?;
    if !gate.guards.link(from.ip()) {
        return Err(Not::too_often());
    }
    let now = gate.house.now();
    let pass = gate.secrets.read_operator_link(&form.link);
    if !pass.is_some_and(|pass| gate.desk.takes(gate.node, now, pass)) {
        let (verb, refused) = (Verb::OperatorRefused, Outcome::Refused);
        let draft = record::stranger(&gate, from.ip(), verb, refused, None).await;
        record::write(&gate, gate.tenant, Log::System, draft).await?;
        return Err(Not::unknown());
    }
    tracing::info!("an operator came in"); // from where stands in the audit log (S70)
    let from = record::from(&gate, from.ip()).await;
    recorded(&gate, Verb::OperatorEntered, vec![], from).await?;
    let value = gate.secrets.operator_cookie(now.after(COOKIE_LIFE));
    Ok((StatusCode::NO_CONTENT, set_cookie(&value, COOKIE_LIFE)))
}

/// `POST /api/operator/leave`: the cookie goes.
pub async fn leave(
    State(gate): State<Shared>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Not> {
    same_site(&headers)?;
    if let_in(&gate, &headers).is_ok() {
        recorded(&gate, Verb::OperatorLeft, vec![], None).await?;
    }
    Ok((StatusCode::NO_CONTENT, set_cookie("", Span::from_ms(0))))
}

/// `GET /api/operator/cluster`
pub async fn cluster(
    State(gate): State<Shared>,
    headers: HeaderMap,
) -> Result<Json<Overview>, Response> {
    Ok(Json(picture(&gate, &headers).await?.as_ref().clone()))
}

/// `GET /api/operator/live`: what moves at every moment, small enough to be asked for each second.
pub async fn live(State(gate): State<Shared>, headers: HeaderMap) -> Result<Json<Live>, Response> {
    let picture = picture(&gate, &headers).await?;
    let figures = picture.nodes.iter().map(|node| node.figures).collect();
    Ok(Json(Live { revision: picture.revision, now: picture.now, figures }))
}

/// `POST /api/operator/drain`
pub async fn drain(
    State(gate): State<Shared>,
    headers: HeaderMap,
    Json(Drain { number, on }): Json<Drain>,
) -> Result<StatusCode, Response> {
    same_site(&headers).map_err(IntoResponse::into_response)?;
    let_in(&gate, &headers).map_err(IntoResponse::into_response)?;
    gate.cluster.drain(number, on).await.map_err(IntoResponse::into_response)?;
    *gate.desk.seen.lock().await = None;
    let verb = if on { Verb::NodeDrained } else { Verb::NodeKept };
    let done = recorded(&gate, verb, vec![Thing::Node { node: number }], None).await;
    done.map_err(|no| Not::from(no).into_response())?;
    tracing::info!(number, on, "an operator asked for a node to be relieved");
    Ok(StatusCode::NO_CONTENT)
}

/// Records what an operator did here, before the answer leaves.
async fn recorded(
    gate: &Gate,
    verb: Verb,
    what: Vec<Thing>,
    from: Option<Commitment>,
) -> Result<(), No> {
    let draft = Draft::new(verb, By::Operator {}, Outcome::Done).about(what);
    record::write(gate, gate.tenant, Log::System, Draft { from, ..draft }).await
}

/// Lets in whoever shows the cookie.
///
/// # Errors
/// `401` for everybody else (O2).
pub(super) fn let_in(gate: &Gate, headers: &HeaderMap) -> Result<(), Not> {
    let value = cookie_named(headers, COOKIE).ok_or_else(Not::unknown)?;
    let until = gate.secrets.read_operator_cookie(value).ok_or_else(Not::unknown)?;
    if gate.house.now() < until { Ok(()) } else { Err(Not::unknown()) } // O2
}

async fn picture(gate: &Gate, headers: &HeaderMap) -> Result<Arc<Overview>, Response> {
    let_in(gate, headers).map_err(IntoResponse::into_response)?;
    gate.desk.picture(gate.cluster.as_ref()).await.map_err(IntoResponse::into_response)
}

fn set_cookie(value: &str, life: Span) -> AppendHeaders<[(header::HeaderName, String); 1]> {
    let seconds = life.ms() / 1000;
    let cookie =
        format!("{COOKIE}={value}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={seconds}");
    AppendHeaders([(header::SET_COOKIE, cookie)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn pass(made: u64, nonce: u8) -> OperatorPass {
        OperatorPass { node: NodeId::from_u128(1), made: Time::from_ms(made), nonce: [nonce; 16] }
    }

    #[test]
    fn o1_a_link_opens_its_own_node_once_and_in_time() {
        let (node, start) = (NodeId::from_u128(1), Time::from_ms(1000));
        let desk = Desk::new(start);
        let takes = |at: u64, pass| desk.takes(node, Time::from_ms(at), pass);
        assert!(takes(2000, pass(1500, 1)));
        assert!(!takes(2001, pass(1500, 1)), "once");
        assert!(!takes(2000, pass(999, 2)), "made before the node started");
        assert!(!takes(2000, pass(2001, 3)), "made in the future");
        assert!(!takes(1500 + LINK_LIFE.ms(), pass(1500, 4)), "too late");
        assert!(!desk.takes(NodeId::from_u128(2), Time::from_ms(2000), pass(1500, 5)), "elsewhere");
        assert!(takes(2000, pass(1500, 6)));
    }

    #[test]
    fn o1_what_is_remembered_is_bounded_and_forgotten() {
        let desk = Desk::new(Time::from_ms(0));
        let (node, now) = (NodeId::from_u128(1), Time::from_ms(5000));
        for at in 0..USED_MAX as u128 {
            let nonce = at.to_be_bytes();
            assert!(desk.takes(node, now, OperatorPass { nonce, ..pass(5000, 0) }));
        }
        assert!(!desk.takes(node, now, pass(5000, 255)), "full: nobody is let in twice by it");
        let later = now.after(LINK_LIFE);
        assert!(desk.takes(node, later, OperatorPass { made: later, ..pass(0, 255) }));
        assert_eq!(desk.used.lock().len(), 1);
    }

    struct Counting(AtomicUsize);

    impl ClusterView for Counting {
        fn view(&self) -> BoxFuture<'_, Result<Overview, ClusterNo>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Box::pin(async { Err(ClusterNo::Leaderless) })
        }

        fn drain(&self, _: u64, _: bool) -> BoxFuture<'_, Result<(), ClusterNo>> {
            Box::pin(async { Ok(()) })
        }
    }

    #[tokio::test]
    async fn o3_a_fresh_picture_is_shown_again_and_a_fault_is_not_kept() {
        let (desk, view) = (Desk::new(Time::from_ms(0)), Counting(AtomicUsize::new(0)));
        assert!(desk.picture(&view).await.is_err() && desk.picture(&view).await.is_err());
        assert_eq!(view.0.load(Ordering::Relaxed), 2);
        let picture = overview::overview(&Default::default(), &Default::default());
        *desk.seen.lock().await = Some((Instant::now(), Arc::new(picture)));
        assert!(desk.picture(&view).await.is_ok());
        assert_eq!(view.0.load(Ordering::Relaxed), 2);
    }
}
