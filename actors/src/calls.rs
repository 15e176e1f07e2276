//! What the house needs of the media path: orders go in, browsers' offers are answered.

use parking_lot::Mutex;
use protocol::{
    id::{RoomId, SessionId},
    media::MediaRefusal,
};
use std::sync::Arc;

use crate::{effect::MediaOrder, outbox::Outbox, road::Later};

/// The calls of this node, for the rooms it serves.
pub trait Calls: Send + Sync + 'static {
    /// What a room's actor orders.
    fn order(&self, room: RoomId, order: MediaOrder);

    /// A browser's offer; the answer, or why there is none. News of the call goes to the outbox.
    fn offer(
        self: Arc<Self>,
        room: RoomId,
        session: SessionId,
        sdp: String,
        outbox: Outbox,
    ) -> Later<Result<String, MediaRefusal>>;

    /// A browser ends its call.
    fn hangup(&self, room: RoomId, session: SessionId);

    /// One more socket of a device watches the room: it hears of the device's call from now on.
    fn joined(&self, room: RoomId, session: SessionId, outbox: &Outbox);

    /// Another node serves this shard's rooms from now on: every call in them is over here.
    fn leave(&self, shard: u16);
}

/// A media path that does nothing, for houses without one.
pub fn no_media() -> Arc<dyn Calls> {
    recorded_media().1
}

/// Remembers every order, for tests of rooms without a media path.
pub fn recorded_media() -> (Recorded, Arc<dyn Calls>) {
    let orders = Recorded::default();
    (orders.clone(), Arc::new(Recorder(orders)))
}

/// Orders in the order in which they were given.
pub type Recorded = Arc<Mutex<Vec<(RoomId, MediaOrder)>>>;

struct Recorder(Recorded);

impl Calls for Recorder {
    fn order(&self, room: RoomId, order: MediaOrder) {
        self.0.lock().push((room, order));
    }

    fn offer(
        self: Arc<Self>,
        _room: RoomId,
        _session: SessionId,
        _sdp: String,
        _outbox: Outbox,
    ) -> Later<Result<String, MediaRefusal>> {
        Box::pin(std::future::ready(Err(MediaRefusal::Full)))
    }

    fn hangup(&self, _room: RoomId, _session: SessionId) {}

    fn joined(&self, _room: RoomId, _session: SessionId, _outbox: &Outbox) {}

    fn leave(&self, _shard: u16) {}
}
