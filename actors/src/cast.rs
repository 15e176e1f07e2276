//! All actors of one kind on this node: woken on demand, put to sleep when idle.
//!
//! # Invariants
//! - **A1** At most one life per key at a time.
//! - **A2** After each sweep at most `awake_max` actors are awake, not counting those in use.
//! - **A3** Nobody is woken whose shard another node serves, and no life outlives the reign of this
//!   node over its shard: it ends without counting as a death.

use parking_lot::Mutex;
use protocol::{frame::Fault, key::Key};
use ractor::ActorId;
use std::{
    collections::HashMap,
    marker::PhantomData,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};
use storage::ledger::Ledger;
use tokio::sync::OnceCell;

use crate::{
    handle::{Asker, Cursor, Done, Handle, No, Watch},
    keeper::Keeper,
    part::Part,
    shell::{Boot, Shell, World},
    supervisor::{Deaths, NoParent, Parent, Report},
    watchers::Watchers,
};

/// How often an ask is brought to a new life when the old one fell asleep or died under it.
const TRIES: usize = 3;

/// All actors of one kind on this node.
pub struct Cast<M: Part> {
    slots: Mutex<HashMap<Key, Arc<Slot<M>>>>,
    ledger: Ledger,
    world: Arc<dyn World>,
    parent: Parent,
    awake_max: usize,
    ticks: AtomicU64,
    deaths: AtomicUsize,
    stopped: AtomicBool,
}

/// One key's place: its present life, and what outlives lives.
struct Slot<M: Part> {
    reign: u64,
    life: OnceCell<(Handle<M>, ActorId)>,
    watchers: Arc<Watchers>,
    deaths: Mutex<Deaths>,
}

impl<M: Part> Slot<M> {
    fn new(reign: u64) -> Arc<Self> {
        let (life, watchers, deaths) = (OnceCell::new(), Arc::default(), Mutex::default());
        Arc::new(Self { reign, life, watchers, deaths })
    }

    fn stop(&self) {
        if let Some((handle, _)) = self.life.get() {
            handle.stop();
        }
    }
}

impl<M: Part> Cast<M> {
    /// An empty cast.
    ///
    /// # Errors
    /// When the supervisor cannot be started; then the node cannot run.
    pub async fn new(
        ledger: Ledger,
        world: Arc<dyn World>,
        awake_max: usize,
    ) -> Result<Arc<Self>, NoParent> {
        // The supervisor reports to the cast, which holds the supervisor: a cell breaks the knot.
        let me: Arc<OnceCell<Weak<Self>>> = Arc::default();
        let told = me.clone();
        let report: Report = Arc::new(move |who, why| {
            if let Some(cast) = told.get().and_then(Weak::upgrade) {
                cast.died(who, &why);
            }
        });
        let parent = Parent::start(report).await?;
        let cast = Arc::new(Self {
            slots: Mutex::default(),
            ledger,
            world,
            parent,
            awake_max,
            ticks: AtomicU64::new(0),
            deaths: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        });
        drop(me.set(Arc::downgrade(&cast)));
        Ok(cast)
    }

    /// Asks an actor, waking it when it sleeps. A life that dies under the question is followed
    /// by one more try, under the same request.
    pub async fn ask(self: &Arc<Self>, key: Key, asker: impl Into<Asker>, input: M::Input) -> Done {
        let (asker, mut died) = (asker.into(), false);
        for _ in 0..TRIES {
            match self.wake(key, asker.within).await?.ask(asker, input.clone()).await {
                Err(No::Asleep) => {}
                Err(No::Faulted(Fault::Restarted)) if !died => died = true,
                answer => return answer,
            }
        }
        Err(No::Faulted(Fault::Restarted))
    }

    /// Asks for something of an actor's state, waking it when it sleeps; what is seen is durable.
    ///
    /// # Errors
    /// Never `Refused`: a query has no rules of its own, its answer has.
    pub async fn query(self: &Arc<Self>, key: Key, query: M::Query) -> Result<M::Answer, No> {
        for _ in 0..TRIES {
            match self.wake(key, None).await?.query(query.clone()).await {
                Err(No::Asleep | No::Faulted(Fault::Restarted)) => {}
                answer => return answer,
            }
        }
        Err(No::Faulted(Fault::Restarted))
    }

    /// Shows an actor's view and tells what follows, until [`Self::unwatch`].
    ///
    /// # Errors
    /// `Refused` when this caller may not see it; then nothing was shown.
    pub async fn watch(
        self: &Arc<Self>,
        key: Key,
        watch: Watch,
        after: impl Into<Cursor>,
    ) -> Result<(), No> {
        let after = after.into();
        for _ in 0..TRIES {
            match self.wake(key, None).await?.watch(watch.clone(), after).await {
                Err(No::Asleep | No::Faulted(Fault::Restarted)) => {}
                answer => return answer,
            }
        }
        Err(No::Faulted(Fault::Restarted))
    }

    /// Tells no more. The watch is forgotten even when the actor is between two lives.
    pub fn unwatch(&self, key: Key, id: u64) {
        let Some(slot) = self.slots.lock().get(&key).cloned() else { return };
        let left = slot.watchers.remove(id);
        if let Some((by, (handle, _))) = left.zip(slot.life.get()) {
            handle.departed(by);
        }
    }

    /// How many are awake.
    pub fn awake(&self) -> usize {
        self.slots.lock().len()
    }

    /// How many lives ended by panic or fault.
    pub fn deaths(&self) -> usize {
        self.deaths.load(Ordering::Relaxed)
    }

    /// The fullest mailbox.
    pub fn depth(&self) -> usize {
        let slots = self.slots.lock();
        slots
            .values()
            .filter_map(|slot| slot.life.get())
            .map(|(it, _)| it.depth())
            .max()
            .unwrap_or(0)
    }

    /// Puts the sleepiest to sleep, down to the configured number. Those in use stay awake.
    pub fn sweep(&self) {
        let mut idle: Vec<(u64, Handle<M>)> = {
            let slots = self.slots.lock();
            let lives = slots.values().filter(|slot| slot.watchers.is_empty());
            let lives = lives.filter_map(|slot| slot.life.get());
            lives.map(|(handle, _)| (handle.used(), handle.clone())).collect()
        };
        let beyond = self.awake().saturating_sub(self.awake_max);
        idle.sort_by_key(|(used, _)| *used);
        idle.iter().take(beyond).for_each(|(_, handle)| handle.doze());
    }

    /// Ends every life; what is in mailboxes is not answered.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.slots.lock().values().for_each(|slot| slot.stop());
        self.parent.stop();
    }

    /// Forgets a life that fell asleep.
    pub(crate) fn slept(&self, key: Key) {
        self.slots.lock().remove(&key);
    }

    /// Has an actor ask again for what it left open. One that sleeps is woken and does so by itself.
    pub(crate) async fn rouse(self: &Arc<Self>, key: Key) {
        let life = self.slots.lock().get(&key).and_then(|slot| slot.life.get().cloned());
        match life {
            Some((handle, _)) => handle.rouse(),
            None => {
                if let Err(no) = self.wake(key, None).await {
                    tracing::debug!(%key, ?no, "an actor was not roused");
                }
            }
        }
    }

    /// Ends every life of a reign that is over. Their watchers are forgotten: each of them watches
    /// anew, wherever the actor lives.
    pub(crate) fn leave(&self) {
        self.slots.lock().retain(|key, slot| {
            let stays = slot.reign == self.world.reign(*key);
            if !stays {
                slot.stop();
            }
            stays
        });
    }

    /// The life of an actor: of this reign, when one is named.
    async fn wake(self: &Arc<Self>, key: Key, within: Option<u64>) -> Result<Handle<M>, No> {
        // The reign is read first: whoever leaves after the look is noticed by its number (A3).
        let reign = self.world.reign(key);
        if !self.world.here(key) || within.is_some_and(|it| it != reign) {
            return Err(No::Away);
        }
        let (slot, crowded) = self.slot(key, reign);
        let now = self.world.now();
        if !slot.deaths.lock().may_wake(now) {
            return Err(No::Faulted(Fault::Busy));
        }
        let life = slot.life.get_or_try_init(|| self.spawn(key, &slot)).await?;
        if self.world.reign(key) != slot.reign {
            life.0.stop();
            return Err(No::Away); // A3
        }
        if within.is_some_and(|it| it != slot.reign) {
            return Err(No::Away);
        }
        life.0.touch(self.ticks.fetch_add(1, Ordering::Relaxed));
        if crowded {
            self.sweep();
        }
        Ok(life.0.clone())
    }

    /// The key's slot, and whether it is time to sweep: rarely, because a sweep looks at all.
    fn slot(&self, key: Key, reign: u64) -> (Arc<Slot<M>>, bool) {
        let mut slots = self.slots.lock();
        let before = slots.len();
        let slot = slots.entry(key).or_insert_with(|| Slot::new(reign));
        if slot.reign < reign {
            slot.stop();
            *slot = Slot::new(reign);
        }
        let slot = slot.clone();
        let grown = slots.len() > before;
        let step = (self.awake_max / 8).max(1);
        (slot, grown && slots.len() > self.awake_max && slots.len().is_multiple_of(step))
    }

    async fn spawn(&self, key: Key, slot: &Slot<M>) -> Result<(Handle<M>, ActorId), No> {
        let places = Handle::<M>::places();
        let boot = Boot {
            key,
            keeper: Keeper::new(self.ledger.clone(), key),
            world: self.world.clone(),
            watchers: slot.watchers.clone(),
            places: places.clone(),
            reign: slot.reign,
        };
        let mailbox = self.parent.raise(Shell::<M>(PhantomData), boot).await;
        let mailbox = mailbox.map_err(|fault| {
            if !self.world.here(key) || self.world.reign(key) != slot.reign {
                return No::Away; // no fault of the actor's
            }
            tracing::error!(%key, %fault, "an actor cannot be woken");
            slot.deaths.lock().count(self.world.now());
            No::Faulted(Fault::Disk)
        })?;
        let id = mailbox.get_id();
        Ok((Handle::new(mailbox, places), id))
    }

    /// A life ended. The slot is replaced by one without a life but with its watchers and deaths.
    fn died(self: &Arc<Self>, who: ActorId, why: &str) {
        if self.stopped.load(Ordering::Relaxed) {
            return; // ended on purpose: there is no next life
        }
        let mut slots = self.slots.lock();
        let found = slots.iter().find(|(_, slot)| slot.life.get().is_some_and(|it| it.1 == who));
        let Some((&key, slot)) = found else { return }; // it fell asleep
        if slot.reign != self.world.reign(key) {
            slots.remove(&key); // its shard moved away: no death
            return;
        }
        let mut deaths = slot.deaths.lock().clone();
        deaths.count(self.world.now());
        self.deaths.fetch_add(1, Ordering::Relaxed);
        tracing::error!(%key, why, "an actor died and is refolded from its journal");
        let watched = !slot.watchers.is_empty();
        let next = Arc::new(Slot {
            reign: slot.reign,
            life: OnceCell::new(),
            watchers: slot.watchers.clone(),
            deaths: Mutex::new(deaths),
        });
        slots.insert(key, next);
        drop(slots);
        if watched {
            let cast = self.clone();
            tokio::spawn(async move { drop(cast.wake(key, None).await) });
        }
    }
}

#[cfg(test)]
#[path = "cast/tests.rs"]
mod tests;
