//! How long the house looks for an actor that is on its way from one node to another.

use protocol::{frame::Fault, peer::PeerNo};
use std::{sync::Arc, time::Duration};
use tokio::{sync::watch, time::Instant};

use crate::{
    handle::{No, ODD},
    road::Road,
};

/// How long an ask is brought to wherever its actor lives; less than a browser waits.
const PATIENCE: Duration = Duration::from_secs(20);
/// The first pause between two tries, unless something moves before.
const PAUSE: Duration = Duration::from_millis(10);
/// The longest.
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// The patience of one ask.
pub(super) struct Patience {
    road: Arc<dyn Road>,
    moves: Option<watch::Receiver<u64>>,
    until: Option<Instant>,
    pause: Duration,
}

impl Patience {
    /// Patience with an end.
    pub(super) fn new(road: &Arc<dyn Road>) -> Self {
        Self { road: road.clone(), moves: None, until: None, pause: PAUSE }
    }

    /// Waits until something moved or a pause is over. False when patience is at its end.
    pub(super) async fn wait(&mut self) -> bool {
        let until = *self.until.get_or_insert_with(|| Instant::now() + PATIENCE);
        let now = Instant::now();
        if now >= until {
            return false;
        }
        self.pause(until - now).await;
        true
    }

    /// The same, for what never gives up as long as somebody is interested.
    pub(super) async fn wait_on(&mut self) {
        self.pause(PAUSE_MAX).await;
    }

    async fn pause(&mut self, most: Duration) {
        let moves = self.moves.get_or_insert_with(|| self.road.moves());
        let pause = tokio::time::sleep(self.pause.min(most));
        tokio::select! {
            () = pause => {}
            Ok(()) = moves.changed() => {}
        }
        self.pause = (self.pause * 2).min(PAUSE_MAX);
    }
}

/// What another node's no means to the asker.
pub(super) fn heard(no: PeerNo) -> No {
    match no {
        PeerNo::Refused(refusal) => No::Refused(refusal),
        PeerNo::NotOwner(_) => No::Away,
        // The way there or the actor broke: asked again, there or wherever it lives by then.
        PeerNo::Faulted(Fault::Restarted | Fault::Timeout | Fault::Stopping) => No::Away,
        PeerNo::Faulted(fault) => No::Faulted(fault),
        PeerNo::NotLeader(_) | PeerNo::Unknown => ODD,
    }
}
