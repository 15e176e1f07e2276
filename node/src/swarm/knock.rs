//! The newcomer's side of the join door.

use super::{
    Identity, SwarmFault,
    behaviour::{build, words},
    book::named,
    door::{ANSWER_BYTES, JOIN, REQUEST_BYTES, YES},
    frames,
};
use bytes::Bytes;
use libp2p::{
    Multiaddr, PeerId,
    futures::StreamExt,
    swarm::{DialError, SwarmEvent, dial_opts::DialOpts},
};
use libp2p_stream::Control;
use std::time::Duration;
use tokio::time::timeout;

/// From the first packet to the answer.
const WHOLE: Duration = Duration::from_secs(40);
/// The door gets so long to say good-bye.
const FAREWELL: Duration = Duration::from_millis(500);
/// Addresses that are tried.
const ADDRESSES: usize = 16;

/// There is no answer.
#[derive(Debug, thiserror::Error)]
pub enum JoinFault {
    /// The node's own side cannot start.
    #[error(transparent)]
    Own(#[from] SwarmFault),
    /// Not a peer id.
    #[error("{0} is no peer id: copy the whole invitation")]
    Peer(String),
    /// None of the addresses can be used.
    #[error("the invitation names no address that can be used")]
    NoAddress,
    /// The request is longer than the door takes.
    #[error("the request has {0} bytes; the door takes {REQUEST_BYTES}")]
    TooLong(usize),
    /// Nobody answers, or the door turns everybody away.
    #[error(
        "nobody answers: {0}. Is the door still open, and its port reachable from here? Many tries in a row are turned away: wait a minute."
    )]
    Unreachable(String),
    /// Somebody else answers at the address.
    #[error(
        "at {address} answers {found}, not the node that invited: check the address, and that nobody stands between"
    )]
    WrongPeer {
        /// Where.
        address: String,
        /// Who.
        found: String,
    },
    /// The door hung up without an answer. Whether it acted on the request is not known.
    #[error(
        "the door hung up: {0}. Whether the node was taken in is not known: look at the cluster before you try again."
    )]
    HungUp(String),
    /// The door says no.
    #[error("the cluster says no: {0}")]
    Refused(String),
}

/// Asks the node that proves to be `peer`, at one of these addresses, and returns its answer.
///
/// # Errors
/// Says what the newcomer's operator can do.
pub async fn knock(
    identity: &Identity,
    peer: &str,
    addresses: &[String],
    request: Vec<u8>,
) -> Result<Vec<u8>, JoinFault> {
    let id: PeerId = peer.parse().map_err(|_| JoinFault::Peer(peer.to_owned()))?;
    if request.len() > REQUEST_BYTES {
        return Err(JoinFault::TooLong(request.len()));
    }
    let read = |text: &String| text.parse::<Multiaddr>().ok().map(|address| named(&address).0);
    let usable: Vec<_> = addresses.iter().filter_map(read).take(ADDRESSES).collect();
    if usable.is_empty() {
        return Err(JoinFault::NoAddress);
    }
    match timeout(WHOLE, talk(identity, id, usable, request.into())).await {
        Ok(answer) => answer,
        Err(_) => Err(JoinFault::HungUp("no answer in time".into())),
    }
}

/// Dials, and drives the swarm until the door has answered.
async fn talk(
    identity: &Identity,
    peer: PeerId,
    addresses: Vec<Multiaddr>,
    request: Bytes,
) -> Result<Vec<u8>, JoinFault> {
    let mut swarm = build(identity, libp2p_stream::Behaviour::new(), |config| config)?;
    let options = DialOpts::peer_id(peer).addresses(addresses).allocate_new_port().build();
    swarm.dial(options).map_err(dial_fault)?;
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::ConnectionEstablished { .. } => break,
            SwarmEvent::OutgoingConnectionError { error, .. } => return Err(dial_fault(error)),
            _ => {}
        }
    }
    let ask = ask(swarm.behaviour().new_control(), peer, request);
    tokio::pin!(ask);
    let answer = loop {
        tokio::select! {
            answer = &mut ask => break answer,
            _ = swarm.select_next_some() => {}
        }
    };
    // The door closes the connection once it sees that the answer was taken.
    let closed = async {
        while swarm.network_info().num_peers() > 0 {
            swarm.select_next_some().await;
        }
    };
    let _ = timeout(FAREWELL, closed).await;
    answer
}

async fn ask(mut control: Control, peer: PeerId, request: Bytes) -> Result<Vec<u8>, JoinFault> {
    let opened = control.open_stream(peer, JOIN).await;
    let mut stream = opened.map_err(|reason| JoinFault::Unreachable(reason.to_string()))?;
    // The door speaks first: it has taken the stream, and waits for the request.
    let ready = frames::read(&mut stream, 0).await;
    ready.map_err(|reason| JoinFault::Unreachable(format!("the door is busy ({reason:?})")))?;
    let written = frames::write(&mut stream, &[request], &mut Vec::new()).await;
    written.map_err(|reason| JoinFault::HungUp(reason.to_string()))?;
    let answer = frames::read(&mut stream, ANSWER_BYTES).await;
    let answer = answer.map_err(|reason| JoinFault::HungUp(format!("{reason:?}")))?;
    match answer.split_first() {
        Some((&YES, bytes)) => Ok(bytes.to_vec()),
        Some((_, words)) => Err(JoinFault::Refused(String::from_utf8_lossy(words).into_owned())),
        None => Err(JoinFault::HungUp("an empty answer".into())),
    }
}

fn dial_fault(error: DialError) -> JoinFault {
    match error {
        DialError::WrongPeerId { obtained, address } => {
            JoinFault::WrongPeer { address: address.to_string(), found: obtained.to_base58() }
        }
        other => JoinFault::Unreachable(words(&other)),
    }
}
