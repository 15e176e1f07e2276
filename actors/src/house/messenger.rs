//! Messengers: they bring what one actor asks of another, each in the order in which it was planned.
//!
//! A messenger goes on when something cannot be done; whoever planned it is owed, and asks again.

use protocol::{caller::Caller, id::TenantId, key::Key};
use std::{
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};
use tokio::sync::mpsc;

use super::{
    House,
    kind::{Kind, by_kind},
    roof::{Errand, Roof},
};
use crate::{
    handle::No,
    room::{self, Room},
    shell::World,
};

/// How long a messenger waits before it knocks again at an actor that is busy or resting.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(50), Duration::from_millis(250), Duration::from_secs(1)];
/// How long after an ask was given up whoever planned it asks again.
const AGAIN: Duration = Duration::from_secs(5);

/// One messenger.
pub(super) async fn carry(house: Weak<House>, mut bag: mpsc::Receiver<Errand>) {
    while let Some(errand) = bag.recv().await {
        let Some(house) = house.upgrade() else { return };
        let mut tried = house.run(&errand).await;
        for pause in PAUSES {
            if !matches!(tried, Err(No::Faulted(_))) {
                break;
            }
            tokio::time::sleep(pause).await;
            tried = house.run(&errand).await;
        }
        let Errand { from, ask, .. } = errand;
        match tried {
            Ok(()) => {}
            Err(No::Refused(why)) => tracing::warn!(?ask, ?why, "an ask between actors is refused"),
            Err(no) => {
                if no != No::Away {
                    tracing::warn!(?ask, ?no, "an ask between actors was not done yet");
                }
                house.roof.owe(from);
            }
        }
    }
}

/// Has those who are owed ask again, until the house stops: what is under its roof is let go then.
pub(super) async fn settle(roof: Arc<Roof>) {
    let stopped = || roof.stopped.load(Ordering::Relaxed);
    loop {
        roof.debt.notified().await;
        if stopped() {
            return;
        }
        // Never at once: what was given up could not be done for some time.
        tokio::time::sleep(AGAIN).await;
        let owed = std::mem::take(&mut *roof.owed.lock());
        for from in owed {
            let Some(house) = roof.house.get().and_then(Weak::upgrade) else { return };
            if stopped() {
                return;
            }
            house.pay(from).await;
        }
    }
}

impl House {
    /// Tries once to do what was planned, as long as it is this node's to do.
    pub(super) async fn run(self: &Arc<Self>, errand: &Errand) -> Result<(), No> {
        let Errand { from, reign, ask } = errand;
        if self.roof.reign(*from) != *reign {
            return Err(No::Away); // its shard moved
        }
        let neighbours = from.shard() == ask.to().shard();
        self.bring(ask.clone(), neighbours.then_some(*reign)).await // HO4
    }

    /// Has an actor ask again for what it left open, wherever it lives by now.
    async fn pay(self: &Arc<Self>, from: Key) {
        if self.roof.here(from) {
            return by_kind!(from, M => M::cast(self).rouse(from).await);
        }
        // Whoever is asked anything is awake, and asked for what it left open when it woke. Tenants
        // are woken by whom they move to, and conversations ask of tenants only.
        if let Key::Room(_) = from {
            let (by, people) = (Caller::node(TenantId::default()), Vec::new());
            if self.query::<Room>(from, room::Query::Knows { by, people }).await.is_err() {
                self.roof.owe(from);
            }
        }
    }
}
