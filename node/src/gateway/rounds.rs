//! Sockets whose session ended unheard.
//!
//! Whoever signs out, and whoever makes a link worthless, has every node told at once. A node that
//! cannot be reached just then would keep the sockets until they expire; so each node also asks for
//! itself, now and then, and whenever it can reach another node again.
//!
//! # Invariants
//! - **RD1** A session that is over, or came by a link that is worthless, has no socket here after
//!   the next round that can reach its actors.
//! - **RD2** At most [`AT_ONCE`] sessions are asked about at a time, and one per [`PACE`].

use futures_util::{StreamExt, stream};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, sleep},
};

use super::{Gate, Shared, auth};
use crate::secrets::chance;

/// How long from one round to the next, give or take a quarter: nodes shall not go in step.
const ROUND: Duration = Duration::from_secs(60);
/// How long at most after a link stands again: many may have come back at once.
const SETTLED: Duration = Duration::from_secs(2);
/// Sessions asked about at a time.
const AT_ONCE: usize = 16;
/// From one to the next.
const PACE: Duration = Duration::from_millis(2);

/// Goes its rounds until the node stops.
pub async fn run(gate: Shared, mut stopping: watch::Receiver<bool>) {
    let mut links = gate.seen.links.clone();
    loop {
        let due = async {
            tokio::select! {
                () = sleep(ROUND.mul_f64(0.75 + 0.5 * some())) => {}
                () = joined(&mut links) => sleep(SETTLED.mul_f64(some())).await,
            }
            round(&gate).await;
        };
        tokio::select! {
            () = due => {}
            () = stopped(&mut stopping) => return,
        }
    }
}

/// Waits until the node goes down, holding no lock over the wait.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    drop(stopping.wait_for(|stop| *stop).await);
}

/// Asks about every session that has a socket here, and ends those that are over (RD1).
pub async fn round(gate: &Gate) {
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let all = stream::unfold((pace, gate.sockets.all()), |(mut pace, mut left)| async move {
        let next = left.pop()?;
        pace.tick().await; // RD2
        Some((next, (pace, left)))
    });
    all.for_each_concurrent(AT_ONCE, |(tenant, session)| async move {
        // Whoever cannot be asked now is asked in the next round.
        let known = auth::unended(gate, tenant, session).await;
        if known.is_err_and(|no| no.is_session()) {
            gate.sockets.cut(session);
        }
    })
    .await;
}

/// Waits until another node can be reached that could not be.
async fn joined<T>(links: &mut watch::Receiver<Arc<BTreeMap<u64, T>>>) {
    let mut known: BTreeSet<u64> = links.borrow_and_update().keys().copied().collect();
    loop {
        if links.changed().await.is_err() {
            return std::future::pending().await; // nobody will be linked any more
        }
        let now: BTreeSet<u64> = links.borrow_and_update().keys().copied().collect();
        if !now.is_subset(&known) {
            return;
        }
        known = now;
    }
}

/// Chance from 0 to 1.
fn some() -> f64 {
    f64::from(u16::from_be_bytes(chance())) / f64::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn a_link_that_stands_again_is_noticed_and_one_that_breaks_is_not() {
        let of = |numbers: &[u64]| Arc::new(numbers.iter().map(|it| (*it, ())).collect());
        let (to, mut links) = watch::channel(of(&[2, 3]));
        let mut waits = Box::pin(joined(&mut links));
        assert!(waits.as_mut().now_or_never().is_none());
        to.send_replace(of(&[3]));
        assert!(waits.as_mut().now_or_never().is_none());
        to.send_replace(of(&[2, 3]));
        assert!(waits.as_mut().now_or_never().is_some(), "RD1");
    }
}
