//! Pages of other nodes, and pages that shall go to other nodes.
//!
//! Any node serves anyone: a page whose node died goes on at another one. Cookies do not travel
//! between hosts, so a node hands its pages a ticket, which every node of the cluster can read.
//!
//! # Invariants
//! - **J1** A ticket is worth what its session is worth: it is looked up on arrival, and a session
//!   that was closed, expired or came by a revoked link opens nothing.
//! - **J2** A ticket is good for [`TICKET_LIFE`] and renewed every [`RENEWED`]; it is never logged.
//! - **J3** A node alone hands out no tickets; one that is relieved is alone only when nobody else
//!   serves.

use axum::http::HeaderMap;
use protocol::{
    caller::Caller,
    codec,
    frame::{Cut, ToBrowser, ToNode},
    id::{SessionId, TenantId},
    limits,
    session::Origin,
    time::Span,
    version,
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{Interval, MissedTickBehavior, interval},
};

use super::{Gate, auth, pipe::Pipe};

/// How long a ticket is good.
pub const TICKET_LIFE: Span = Span::from_secs(120);
/// How often a socket is handed a fresh one.
const RENEWED: Duration = Duration::from_secs(50);

const _: () = assert!(RENEWED.as_millis() as u64 * 2 < TICKET_LIFE.ms());

/// Takes the first frame of a page of another node: which session its ticket shows.
///
/// # Errors
/// The cut that ends the socket.
pub(super) async fn ticket(gate: &Gate, pipe: &mut Pipe) -> Result<(TenantId, SessionId), Cut> {
    let first = pipe.text().await.map_err(|_| Cut::Malformed)?;
    let text = first.ok_or(Cut::Version)?;
    let ticket = match codec::from_json::<ToNode, { limits::FRAME_UP_BYTES }>(&text) {
        Ok(ToNode::Arrive { version, ticket }) if version == version::WIRE => ticket,
        Ok(_) => return Err(Cut::Version),
        Err(_) => return Err(Cut::Malformed),
    };
    let (tenant, session, until) = gate.secrets.read_ticket(&ticket).ok_or(Cut::SessionOver)?;
    if until < gate.house.now() {
        return Err(Cut::SessionOver); // J2
    }
    Ok((tenant, session))
}

/// Looks up whose session that is.
///
/// # Errors
/// The cut that ends the socket.
pub(super) async fn known(
    gate: &Gate,
    headers: &HeaderMap,
    (tenant, session): (TenantId, SessionId),
) -> Result<(Caller, Origin), Cut> {
    if !gate.tenancy.admits_arrival(headers, tenant) {
        return Err(Cut::SessionOver); // J1, and the tenant's own (TN2)
    }
    match auth::known(gate, tenant, session).await {
        Ok(known) => Ok((known.by, known.origin)), // J1
        Err(no) if no.is_session() => Err(Cut::SessionOver),
        Err(_) => Err(Cut::Stopping),
    }
}

/// What one socket is told of the other nodes.
pub(super) struct Elsewhere<'a> {
    gate: &'a Gate,
    by: Caller,
    nodes: watch::Receiver<Arc<Vec<String>>>,
    moving: watch::Receiver<bool>,
    renewal: Interval,
    told_to_move: bool,
}

impl<'a> Elsewhere<'a> {
    pub(super) fn new(gate: &'a Gate, by: Caller) -> Self {
        let (mut nodes, moving) = (gate.nodes.clone(), gate.moving.clone());
        if elsewhere(&nodes, &moving) {
            nodes.mark_changed(); // told once in any case
        }
        let mut renewal = interval(RENEWED);
        renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { gate, by, nodes, moving, renewal, told_to_move: false }
    }

    /// The next thing to tell; never, when nothing changes. Cancelling loses nothing.
    pub(super) async fn next(&mut self) -> ToBrowser {
        loop {
            let told = self.told_to_move;
            let goes = elsewhere(&self.nodes, &self.moving);
            tokio::select! {
                biased;
                Ok(()) = self.nodes.changed() => {
                    let nodes = self.nodes.borrow_and_update().to_vec();
                    self.renewal.reset_immediately();
                    return ToBrowser::Nodes { nodes };
                }
                Ok(_) = self.moving.wait_for(|moving| *moving != told) => {
                    self.told_to_move = !told;
                    if self.told_to_move {
                        self.renewal.reset_immediately();
                        return ToBrowser::Move {};
                    }
                }
                _ = self.renewal.tick() => if goes { // J3
                    let Caller { tenant, session, .. } = self.by;
                    let until = self.gate.house.now().after(TICKET_LIFE);
                    let ticket = self.gate.secrets.ticket(tenant, session, until);
                    return ToBrowser::Ticket { ticket };
                }
            }
        }
    }
}

/// Whether there is another node to go to: one that is relieved is not among those it names.
fn elsewhere(nodes: &watch::Receiver<Arc<Vec<String>>>, moving: &watch::Receiver<bool>) -> bool {
    let others = if *moving.borrow() { 0 } else { 1 };
    nodes.borrow().len() > others
}
