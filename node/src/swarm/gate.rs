//! The gate before the join door: asks the toll before any handshake.

use super::{
    figures::{DoorFigures, count},
    toll::Toll,
};
use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    multiaddr::Protocol,
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
        THandlerOutEvent, ToSwarm, dummy,
    },
};
use std::{
    convert::Infallible,
    net::IpAddr,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

/// Too many came.
#[derive(Debug, thiserror::Error)]
#[error("too many came: try again later")]
struct TooMany;

/// Lets in what the toll lets pass.
pub(super) struct Gate {
    toll: Toll,
    figures: Arc<DoorFigures>,
}

impl Gate {
    pub(super) fn new(toll: Toll, figures: Arc<DoorFigures>) -> Self {
        Self { toll, figures }
    }
}

impl NetworkBehaviour for Gate {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: &Multiaddr,
        from: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        let address = from.iter().find_map(|part| match part {
            Protocol::Ip4(address) => Some(IpAddr::from(address)),
            Protocol::Ip6(address) => Some(IpAddr::from(address)),
            _ => None,
        });
        if address.is_some_and(|address| self.toll.pass(address, Instant::now())) {
            return Ok(());
        }
        count(&self.figures.turned_away); // SW11
        Err(ConnectionDenied::new(TooMany))
    }

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, _: FromSwarm) {}

    fn on_connection_handler_event(
        &mut self,
        _: PeerId,
        _: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}
