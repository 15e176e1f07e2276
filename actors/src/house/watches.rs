//! Watching an actor wherever it lives, and going on watching when it moves.
//!
//! # Invariants
//! - **WA1** Whoever had a place and is without one for [`LOST_FOR`] is cut: this node may be the one
//!   that cannot reach the others, and who only watches would not know. The browser tries another
//!   node, where a first place is waited for longer.

use protocol::{
    frame::{Cut, Fault, Refusal, ToBrowser},
    id::Seq,
    key::Key,
    media::MediaSignal,
    peer::{PeerAnswer, PeerNo, PeerRequest, Told},
};
use std::{
    pin::pin,
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};
use tokio::{sync::oneshot, time::Instant};

use super::{
    House,
    interests::{Held, Left, Wanted},
    kind::{Kind, by_kind},
    patience::Patience,
};
use crate::{
    handle::{Cursor, No, Watch},
    part::Part,
    road::Whose,
    shell::{World, pack},
};

/// How long a view may take after its watch was taken in, before the watch is tried anew.
const SHOWN_IN: Duration = Duration::from_secs(5);
/// How long a watch that had a place looks for another one. A shard whose node died is usually
/// served again within two seconds.
const LOST_FOR: Duration = Duration::from_secs(3);
/// How often something is said to another node that does not hear.
const INSIST: usize = 5;

impl House {
    /// Shows an actor's view and tells what follows, until [`Self::unwatch`], wherever the actor
    /// lives and however often it moves.
    ///
    /// # Errors
    /// `Refused` when this caller may not see it; then nothing was shown.
    pub async fn watch(
        self: &Arc<Self>,
        key: Key,
        watch: Watch,
        after: impl Into<Cursor>,
    ) -> Result<(), No> {
        let Watch { id, by, outbox } = watch;
        self.interests.lock().add(id, key, by, outbox, after.into());
        let (first, shown) = oneshot::channel();
        // A task of its own: a socket that ends in the middle must not leave half a watch behind.
        tokio::spawn(seek(Arc::downgrade(self), id, Some(first)));
        shown.await.unwrap_or(Err(No::Faulted(Fault::Restarted)))
    }

    /// Tells no more.
    pub fn unwatch(self: &Arc<Self>, _key: Key, id: u64) {
        let left = self.interests.lock().remove(id);
        self.tidy(left);
    }

    /// How many watches this node's sockets have.
    pub fn watches(&self) -> usize {
        self.interests.lock().len()
    }

    /// How many watches other nodes hold here.
    pub fn guests(&self) -> usize {
        self.guests.len()
    }

    /// Takes what another node tells the sockets of this one. Never blocks.
    pub fn told(self: &Arc<Self>, from: u64, told: Told) {
        let lost = self.interests.lock().told(from, told);
        self.lose(lost.missed, true);
        self.lose(lost.dismissed, false);
    }

    /// The link to a node broke, in either direction. Never blocks.
    pub fn line_lost(self: &Arc<Self>, node: u64) {
        self.guests.cut(node);
        self.drop_guests(node);
        let lost = self.interests.lock().line_lost(node);
        self.lose(lost, false);
    }

    /// Looks for every watch that is held where its actor no longer lives.
    pub(super) fn stray(self: &Arc<Self>) {
        let road = &self.roof.road;
        let strays = |key: Key, held| match held {
            Held::Nowhere => false, // looked for already
            Held::Here { reign } => reign != self.roof.reign(key) || !self.roof.here(key),
            Held::There { node } => {
                !matches!(road.whose(key.shard()), Whose::There { node: now, .. } if now == node)
            }
        };
        let lost = self.interests.lock().strayed(strays);
        self.lose(lost, false);
    }

    /// Loses the places of these watches; `held` when the other node may still hold them.
    fn lose(self: &Arc<Self>, lost: Vec<u64>, held: bool) {
        for id in lost {
            let mut left = self.interests.lock().lose(id);
            left.there = left.there.filter(|_| held);
            self.tidy(left);
        }
    }

    /// Clears away what a lost place leaves behind, and looks for another.
    fn tidy(self: &Arc<Self>, left: Left) {
        if let Some((key, local)) = left.here {
            self.depart(key, local);
        }
        if let Some((node, key, watch)) = left.there {
            self.insist(node, PeerRequest::Unwatch { key, watch });
        }
        if let Some((room, outbox)) = left.call {
            // Whoever carried the call is out of reach, or no longer serves the room.
            outbox.push(pack(&ToBrowser::Signal { room, signal: MediaSignal::Gone {} }));
        }
        if let Some(id) = left.seek {
            tokio::spawn(seek(Arc::downgrade(self), id, None));
        }
    }

    /// Says something to another node until it heard it, within bounds.
    pub(super) fn insist(&self, node: u64, request: PeerRequest) {
        let road = self.roof.road.clone();
        tokio::spawn(async move {
            let mut patience = Patience::new(&road);
            for _ in 0..INSIST {
                match road.ask(node, request.clone()).await {
                    Err(PeerNo::Faulted(_)) if patience.wait().await => {}
                    _ => return,
                }
            }
        });
    }

    /// Tries to find a place for a watch.
    async fn place(self: &Arc<Self>, id: u64, wanted: &Wanted) -> Result<(), No> {
        let (key, at) = (wanted.key, (id, wanted.turn));
        let reign = self.roof.reign(key);
        match self.roof.road.whose(key.shard()) {
            Whose::Here => {
                let local = self.watch_id();
                let life = (reign, self.roof.generation(key));
                let tapped = self.interests.lock().try_here(at, local, life);
                let Some(outbox) = tapped else { return Err(No::Away) };
                let watch = Watch { id: local, by: wanted.by, outbox };
                let after = wanted.after;
                let shown = by_kind!(key, M => M::cast(self).watch(key, watch, after).await);
                self.judged(key, reign, shown)?;
                if !self.interests.lock().holds(at) {
                    self.depart(key, local); // lost while it was under way
                }
                if let Key::Room(room) = key {
                    self.roof.calls.joined(room, wanted.by.session, &wanted.outbox);
                }
                Ok(())
            }
            Whose::There { node, .. } => {
                let watch = self.watch_id();
                let (told, mut shown) = oneshot::channel();
                if !self.interests.lock().try_there(at, node, watch, told) {
                    return Err(No::Away);
                }
                let request = watching(key, watch, wanted);
                let mut asked = pin!(self.asked_there(key, node, request));
                let (answer, is_shown) = tokio::select! {
                    answer = &mut asked => (answer?, false),
                    told = &mut shown => {
                        told.map_err(|_| No::Away)?;
                        // The answer is right behind the view. Without it, the cursor stays (IN3).
                        let Ok(answer) = tokio::time::timeout(SHOWN_IN, asked).await else {
                            return Ok(());
                        };
                        (answer?, true)
                    }
                };
                self.interests.lock().told_in(at, generation_of(&answer));
                if !is_shown {
                    // Taken in; if the view does not come, it was lost on the way.
                    let told = tokio::time::timeout(SHOWN_IN, shown).await;
                    told.map_err(|_| No::Away)?.map_err(|_| No::Away)?;
                }
                Ok(())
            }
            Whose::Nobody => Err(No::Away),
        }
    }

    /// A watch that was shown before is refused now.
    fn not_shown(&self, wanted: &Wanted, refusal: Refusal) {
        let topic = by_kind!(wanted.key, M => <M as Part>::topic(wanted.key));
        if let Some(topic) = topic {
            wanted.outbox.push(pack(&ToBrowser::NotShown { topic, refusal }));
        }
    }
}

/// A watch in the words between nodes. Generation 0 goes without saying.
fn watching(key: Key, watch: u64, wanted: &Wanted) -> PeerRequest {
    let (by, Cursor { generation, seq: after }) = (wanted.by, wanted.after);
    match generation {
        0 => PeerRequest::Watch { key, watch, by, after },
        generation => PeerRequest::WatchIn { key, watch, by, after, generation },
    }
}

/// The generation of what another node tells, as it answered.
fn generation_of(answer: &PeerAnswer) -> u32 {
    match answer {
        PeerAnswer::Seq(Seq(generation)) => u32::try_from(*generation).unwrap_or_default(),
        _ => 0,
    }
}

/// Looks for a place for a watch until it has one or nobody is interested any more. `first` waits
/// for the first view, and not for ever.
async fn seek(house: Weak<House>, id: u64, mut first: Option<oneshot::Sender<Result<(), No>>>) {
    let (mut patience, mut since) = (None, Instant::now());
    loop {
        let Some(it) = house.upgrade().filter(|it| !it.roof.stopped.load(Ordering::Relaxed)) else {
            return;
        };
        let Some(wanted) = it.interests.lock().wanted(id) else { return };
        let turn = it.turns.acquire().await; // so many at a time, when a whole node is lost
        let placed = it.place(id, &wanted).await;
        drop(turn);
        let patience = patience.get_or_insert_with(|| Patience::new(&it.roof.road));
        let no = match placed {
            Ok(()) => {
                if let Some(first) = first.take() {
                    drop(first.send(Ok(())));
                }
                if it.interests.lock().settled(id, wanted.turn) {
                    return;
                }
                since = Instant::now();
                continue;
            }
            Err(no) => no,
        };
        let left = it.interests.lock().lose(id);
        it.tidy(left);
        let over = match (&no, &mut first) {
            (No::Refused(_), _) => true,
            (No::Away, Some(_)) => !patience.wait().await,
            (_, Some(_)) => true,
            (_, None) => {
                if no == No::Away && since.elapsed() >= LOST_FOR {
                    wanted.outbox.cut(Cut::Stopping); // WA1
                }
                drop(it); // not kept alive by who waits
                patience.wait_on().await;
                continue;
            }
        };
        if over {
            let left = it.interests.lock().remove(id);
            it.tidy(left);
            match (first, no) {
                (Some(first), No::Away) => drop(first.send(Err(No::Faulted(Fault::Restarted)))),
                (Some(first), no) => drop(first.send(Err(no))),
                (None, No::Refused(refusal)) => it.not_shown(&wanted, refusal),
                (None, _) => {}
            }
            return;
        }
    }
}
