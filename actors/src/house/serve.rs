//! What other nodes ask of the actors of this one. Served here or not at all: an ask is never
//! carried on.

use protocol::{
    caller::Caller,
    cluster::Epoch,
    codec,
    id::Seq,
    key::Key,
    limits,
    peer::{PeerAnswer, PeerNo, PeerRequest},
};
use std::sync::Arc;

use super::{
    House,
    kind::{Kind, by_kind},
};
use crate::{
    handle::{Asker, Cursor, No},
    road::Whose,
    shell::World,
};

impl House {
    /// Answers another node's ask, as far as it is the house's to answer.
    ///
    /// # Errors
    /// `NotOwner` when the actor does not live here; `Unknown` when the ask is not for a house.
    pub async fn serve(
        self: &Arc<Self>,
        from: u64,
        request: PeerRequest,
    ) -> Result<PeerAnswer, PeerNo> {
        match request {
            PeerRequest::Input { key, by, input } => {
                self.at_home(key)?;
                let asker = Asker::from(by);
                let done = by_kind!(key, M => self.serve_input::<M>(key, asker, &input).await);
                done.map(PeerAnswer::Seq)
            }
            PeerRequest::Once { key, by, request, input } => {
                self.at_home(key)?;
                let asker = Asker::under(by, request);
                let done = by_kind!(key, M => self.serve_input::<M>(key, asker, &input).await);
                done.map(PeerAnswer::Seq)
            }
            PeerRequest::Query { key, query } => {
                self.at_home(key)?;
                by_kind!(key, M => self.serve_query::<M>(key, &query).await).map(PeerAnswer::Bytes)
            }
            PeerRequest::Watch { key, watch, by, after } => {
                self.serve_watch((from, watch), key, by, Cursor::from(after)).await
            }
            PeerRequest::WatchIn { key, watch, by, after: seq, generation } => {
                self.serve_watch((from, watch), key, by, Cursor { generation, seq }).await
            }
            PeerRequest::Unwatch { watch, .. } => {
                self.farewell(from, watch);
                Ok(PeerAnswer::Done)
            }
            PeerRequest::Media { room, by, watch, command } => {
                let key = Key::Room(room);
                self.at_home(key)?;
                // A watch that is not known here was lost: the other node watches anew first.
                let outbox = self.guests.outbox(from, watch, key);
                let outbox = outbox.ok_or_else(|| self.said(key, No::Away))?;
                let called = self.call_here(room, by, &outbox, command).await;
                let answer = |sdp: Option<String>| sdp.map_or(PeerAnswer::Done, PeerAnswer::Sdp);
                called.map(answer).map_err(|no| self.said(key, no))
            }
            PeerRequest::CutLink(link) => {
                self.roof.cut_link(link);
                Ok(PeerAnswer::Done)
            }
            PeerRequest::CutSession(session) => {
                self.roof.cut_session(session);
                Ok(PeerAnswer::Done)
            }
            PeerRequest::CutRole { tenant, person, role } => {
                self.roof.cut_role(tenant, person, role);
                Ok(PeerAnswer::Done)
            }
            _ => Err(PeerNo::Unknown),
        }
    }

    async fn serve_watch(
        self: &Arc<Self>,
        at: (u64, u64),
        key: Key,
        by: Caller,
        after: Cursor,
    ) -> Result<PeerAnswer, PeerNo> {
        self.at_home(key)?;
        // Of this reign, or nothing is shown: read before it is asked for.
        let generation = self.roof.generation(key);
        self.welcome(at, key, by, after).await.map_err(|no| self.said(key, no))?;
        Ok(match generation {
            0 => PeerAnswer::Done,
            generation => PeerAnswer::Seq(Seq(generation.into())),
        })
    }

    async fn serve_input<M: Kind>(
        self: &Arc<Self>,
        key: Key,
        asker: Asker,
        input: &[u8],
    ) -> Result<Seq, PeerNo> {
        let input = codec::decode::<M::Input, { limits::FRAME_UP_BYTES }>(input);
        let input = input.map_err(|_| PeerNo::Unknown)?;
        self.ask_here::<M>(key, asker, input).await.map_err(|no| self.said(key, no))
    }

    async fn serve_query<M: Kind>(
        self: &Arc<Self>,
        key: Key,
        query: &[u8],
    ) -> Result<Vec<u8>, PeerNo> {
        let query = codec::decode::<M::Query, { limits::FRAME_UP_BYTES }>(query);
        let query = query.map_err(|_| PeerNo::Unknown)?;
        let answer = self.query_here::<M>(key, query).await.map_err(|no| self.said(key, no))?;
        Ok(codec::encode(&answer))
    }

    fn at_home(&self, key: Key) -> Result<(), PeerNo> {
        match self.roof.road.whose(key.shard()) {
            Whose::Here => Ok(()),
            Whose::There { epoch, .. } => Err(PeerNo::NotOwner(epoch)),
            Whose::Nobody => Err(PeerNo::NotOwner(Epoch::default())),
        }
    }

    /// A no in the words of another node.
    fn said(&self, key: Key, no: No) -> PeerNo {
        match no {
            No::Refused(refusal) => PeerNo::Refused(refusal),
            No::Faulted(fault) => PeerNo::Faulted(fault),
            No::Away | No::Asleep => {
                self.at_home(key).err().unwrap_or(PeerNo::NotOwner(Epoch::default()))
            }
        }
    }
}
