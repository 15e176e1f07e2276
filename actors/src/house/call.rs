//! A browser's call in a room, wherever the room lives: the node that serves the room carries it.

use protocol::{
    caller::Caller,
    frame::{Fault, Refusal},
    id::RoomId,
    key::Key,
    limits,
    media::{MediaCommand, MediaRefusal},
    peer::{PeerAnswer, PeerRequest},
};
use std::sync::Arc;

use super::{House, patience::Patience};
use crate::{
    handle::{No, ODD},
    outbox::Outbox,
    road::Whose,
    room::{self, Room},
};

impl House {
    /// What a browser asks of its call; the answer to an offer. `outbox` leads to the socket that
    /// asks, which also watches the room.
    ///
    /// # Errors
    /// `Refused` when the device has no seat, the offer is bad or the node full.
    pub async fn call(
        self: &Arc<Self>,
        room: RoomId,
        by: Caller,
        outbox: &Outbox,
        command: MediaCommand,
    ) -> Result<Option<String>, No> {
        let key = Key::Room(room);
        let mut patience = Patience::new(&self.roof.road);
        loop {
            let tried = match self.roof.road.whose(key.shard()) {
                Whose::Here => self.call_here(room, by, outbox, command.clone()).await,
                Whose::There { node, .. } => {
                    self.call_there(node, (room, by), outbox, command.clone()).await
                }
                Whose::Nobody => Err(No::Away),
            };
            match tried {
                Err(No::Away) if patience.wait().await => {}
                Err(No::Away) => return Err(No::Faulted(Fault::Restarted)),
                done => return done,
            }
        }
    }

    pub(super) async fn call_here(
        self: &Arc<Self>,
        room: RoomId,
        by: Caller,
        outbox: &Outbox,
        command: MediaCommand,
    ) -> Result<Option<String>, No> {
        let no = |why| No::Refused(Refusal::Media { why });
        let calls = &self.roof.calls;
        let sdp = match command {
            MediaCommand::Hangup {} => {
                calls.hangup(room, by.session);
                return Ok(None);
            }
            MediaCommand::Offer { sdp } if sdp.len() > limits::SDP_BYTES => {
                return Err(no(MediaRefusal::BadOffer));
            }
            MediaCommand::Offer { sdp } => sdp,
        };
        if !self.seated(room, by).await? {
            return Err(no(MediaRefusal::NotSeated));
        }
        let offered = calls.clone().offer(room, by.session, sdp, outbox.clone()).await;
        let answer = offered.map_err(no)?;
        // The seat, or the whole room, may have been taken away while the offer was answered.
        match self.seated(room, by).await {
            Ok(true) => Ok(Some(answer)),
            other => {
                calls.hangup(room, by.session);
                Err(other.err().unwrap_or(no(MediaRefusal::NotSeated)))
            }
        }
    }

    async fn seated(self: &Arc<Self>, room: RoomId, by: Caller) -> Result<bool, No> {
        let query = room::Query::Seated { by };
        match self.query_here::<Room>(Key::Room(room), query).await? {
            room::Answer::Seated(seated) => Ok(seated),
            room::Answer::Knows(_) => Err(ODD),
        }
    }

    async fn call_there(
        self: &Arc<Self>,
        node: u64,
        (room, by): (RoomId, Caller),
        outbox: &Outbox,
        command: MediaCommand,
    ) -> Result<Option<String>, No> {
        let key = Key::Room(room);
        let held = self.interests.lock().of(key, outbox);
        let (id, watch) = match held {
            Some((id, Some((at, watch)))) if at == node => (id, watch),
            Some(_) => return Err(No::Away), // it is about to watch there
            // Nobody would hear of the call: the browser watches the room first.
            None => return Err(No::Refused(Refusal::Media { why: MediaRefusal::NotSeated })),
        };
        let offers = matches!(command, MediaCommand::Offer { .. });
        let request = PeerRequest::Media { room, by, watch, command };
        let answer = self.asked_there(key, node, request).await?;
        // Had the room moved on meanwhile, the answer would be that of a call that is gone.
        if offers && !self.interests.lock().stays(id, watch) {
            return Err(No::Away);
        }
        match answer {
            PeerAnswer::Sdp(sdp) => Ok(Some(sdp)),
            PeerAnswer::Done => Ok(None),
            _ => Err(ODD),
        }
    }
}
