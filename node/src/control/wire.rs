//! What members of the control plane say to each other, and how the consensus sends it.
//!
//! Every message names whom it is for, because an address may come to belong to somebody else. A
//! member that could not handle a message says so in words; what the consensus itself calls an
//! error is never sent, for its shape has no bound.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use openraft::{
    EmptyNode, RaftNetwork, RaftNetworkFactory,
    error::{
        InstallSnapshotError, NetworkError, RPCError, RaftError, RemoteError, SnapshotMismatch,
        Unreachable,
    },
    network::{Backoff, RPCOption},
    raft::{
        AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest,
        InstallSnapshotResponse, VoteRequest, VoteResponse,
    },
};
use protocol::{
    cluster::{Change, ChangeRefusal},
    codec,
    peer::PEER_FRAME_BYTES,
};
use serde::{Deserialize, Serialize};

use super::{RaftRoad, RoadFault, types::Plane};

/// A message to one member.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Envelope {
    /// Whom it is for.
    pub(super) to: u64,
    pub(super) said: Said,
}

/// What is asked; append-only.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Said {
    Vote(VoteRequest<u64>),
    Append(AppendEntriesRequest<Plane>),
    Snapshot(InstallSnapshotRequest<Plane>),
    Change(Change),
}

/// What is answered; append-only.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    Vote(VoteResponse<u64>),
    Append(AppendEntriesResponse<u64>),
    Snapshot(InstallSnapshotResponse<u64>),
    /// Pieces of a snapshot came in another order; begin anew.
    Mismatch(SnapshotMismatch),
    /// The index of the change, and the answer to each compare-and-set.
    Changed(u64, Vec<Option<ChangeRefusal>>),
    Refused(ChangeRefusal),
    /// Nothing was begun; ask this member, if anybody.
    NotLeader(Option<u64>),
    /// It may have been made, or may yet be.
    Unknown,
    /// Not for this member, or not possible here now.
    No(String),
}

pub(super) fn read<T: serde::de::DeserializeOwned>(
    bytes: &[u8],
) -> Result<T, protocol::codec::CodecFault> {
    codec::decode::<T, PEER_FRAME_BYTES>(bytes)
}

/// The consensus' side of the road: one line per member.
#[derive(Clone)]
pub(super) struct Lines {
    pub(super) road: Arc<dyn RaftRoad>,
    /// After a member was not reached, it is left alone for so long.
    pub(super) pause: Duration,
}

/// The line to one member.
pub(super) struct Line {
    to: u64,
    lines: Lines,
}

impl RaftNetworkFactory<Plane> for Lines {
    type Network = Line;

    async fn new_client(&mut self, target: u64, _node: &EmptyNode) -> Line {
        Line { to: target, lines: self.clone() }
    }
}

/// Why a message had no usable answer.
#[derive(Debug, thiserror::Error)]
enum Mute {
    #[error(transparent)]
    Road(#[from] RoadFault),
    #[error("the answer makes no sense: {0}")]
    Garbled(String),
    #[error("member {0} says: {1}")]
    No(u64, String),
}

impl Line {
    async fn ask(&self, said: Said) -> Result<Reply, Mute> {
        let bytes = codec::encode(&Envelope { to: self.to, said });
        let answer: BoxFuture<'_, _> = self.lines.road.carry(self.to, bytes);
        let answer = answer.await?;
        match read::<Reply>(&answer) {
            Ok(Reply::No(why)) => Err(Mute::No(self.to, why)),
            Ok(reply) => Ok(reply),
            Err(why) => Err(Mute::Garbled(why.to_string())),
        }
    }
}

type Call<T, E> = Result<T, RPCError<u64, EmptyNode, E>>;

/// A member that is away is left alone for a while; one that talks nonsense is asked again.
fn mute<E: std::error::Error>(why: &Mute) -> RPCError<u64, EmptyNode, E> {
    match why {
        Mute::Road(_) | Mute::No(..) => RPCError::Unreachable(Unreachable::new(why)),
        Mute::Garbled(_) => RPCError::Network(NetworkError::new(why)),
    }
}

fn other<E: std::error::Error>() -> RPCError<u64, EmptyNode, E> {
    mute(&Mute::Garbled("an answer to something else".into()))
}

impl RaftNetwork<Plane> for Line {
    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<Plane>,
        _option: RPCOption,
    ) -> Call<AppendEntriesResponse<u64>, RaftError<u64>> {
        match self.ask(Said::Append(rpc)).await {
            Ok(Reply::Append(answer)) => Ok(answer),
            Ok(_) => Err(other()),
            Err(why) => Err(mute(&why)),
        }
    }

    async fn install_snapshot(
        &mut self,
        rpc: InstallSnapshotRequest<Plane>,
        _option: RPCOption,
    ) -> Call<InstallSnapshotResponse<u64>, RaftError<u64, InstallSnapshotError>> {
        match self.ask(Said::Snapshot(rpc)).await {
            Ok(Reply::Snapshot(answer)) => Ok(answer),
            Ok(Reply::Mismatch(why)) => {
                let why = RaftError::APIError(InstallSnapshotError::SnapshotMismatch(why));
                Err(RPCError::RemoteError(RemoteError::new(self.to, why)))
            }
            Ok(_) => Err(other()),
            Err(why) => Err(mute(&why)),
        }
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<u64>,
        _option: RPCOption,
    ) -> Call<VoteResponse<u64>, RaftError<u64>> {
        match self.ask(Said::Vote(rpc)).await {
            Ok(Reply::Vote(answer)) => Ok(answer),
            Ok(_) => Err(other()),
            Err(why) => Err(mute(&why)),
        }
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(std::iter::repeat(self.lines.pause))
    }
}
