//! The ledger of a node of a cluster: each shard has a log of its own inside the node's, kept by
//! two nodes alike, and an append is acknowledged when both have it.
//!
//! ```text
//! append ─► shard's lock: slot (stage), replica (propose) ─► log ── durable ─► replica
//! frame  ─► shard's lock: replica ──────────────────────────► log ── durable ─┘   │
//!                                                                              committed
//! acknowledged ◄─ slot (acknowledge) ─► engine ─► log released, from the lowest place needed
//! ```
//!
//! # Invariants
//! - **TW1** What a replica wants written goes to the log in its order, under the shard's lock; the
//!   log's answers come back in the same order, each once.
//! - **TW2** A slot acknowledges an entry when it is committed and durable here, in the order of
//!   the shard's log; nobody hears of it before.
//! - **TW3** While a shard is shown as served, every committed entry is in the slots: what lags
//!   behind is shown as warming.
//! - **TW4** Who proposed hears of it once: kept; or [`StorageFault::Moved`] when nobody can know;
//!   or why it was not kept, when no other node was sent it.
//! - **TW5** The log is released only up to the lowest record that a restart would need: an entry
//!   the engine does not hold, or a fence it does not hold ([`floor`]).
//! - **TW6** A copy whose disk keeps nothing, or that cannot apply what is committed, answers its
//!   primary nothing: it is better thought dead than waited for, or than relied on. What it serves itself goes on without the disk as long as it can.
//! - **TW7** A failed sync ends the process, also one that nobody waited for (rule R1): a primary
//!   that can keep nothing must not go on beating.
//! - **TW8** The permission to read is taken back before anything leaves that somebody else may
//!   serve by.
//! - **TW9** A node that could take nothing in gives way: what it serves goes to the twin, and it
//!   offers itself for nothing, until it is well again ([`fitness`]).
//!
//! # Locks
//! Shard, then slot, then the queue of the log or of the filler. Callers' completions run with no
//! lock held, in order, on whichever thread began to tell first. What the world is told under a
//! shard's lock must not block.

use std::sync::{
    Arc,
    atomic::{
        AtomicBool, AtomicU32, AtomicU64,
        Ordering::{AcqRel, Acquire, Relaxed, Release},
    },
};

use parking_lot::{Mutex, MutexGuard, RwLock};
use protocol::{
    cluster::{Cas, Config, Epoch, Lsn, Map, NodeKey},
    key::SHARDS,
    peer::ShardStatus,
    twin::TwinFrame,
};

use super::{Ledger, core::Core, options::Options};
use crate::{
    fault::StorageFault,
    twin::{Alarm, Durable, Input, Output, Replica, Settings, Standing, Write},
    wal::{
        place::Place,
        queue::{Item, Queue},
        record::Draft,
    },
};

mod cell;
mod export;
mod fitness;
pub(super) mod floor;
mod leave;
mod pages;
mod propose;
mod quarantine;
pub(super) mod records;
mod tail;
mod take;
mod whole;

pub(super) use self::pages::journals_of;
use self::{
    cell::Cell,
    fitness::Fitness,
    records::{Found, Stand},
    tail::{Fenced, Tail},
    take::Copies,
};
pub use self::{
    export::Chosen,
    pages::{PageItem, read_page},
};

/// What a ledger with twins asks of the node around it. Nothing here may block: most of it is
/// called under the lock of a shard.
pub trait TwinWorld: Send + Sync + 'static {
    /// Milliseconds of a steady clock that also runs while the machine sleeps.
    fn now(&self) -> u64;
    /// Carries a frame to another node, or loses it.
    fn send(&self, to: NodeKey, shard: u16, frame: TwinFrame);
    /// Hands a change to the control plane, or loses it.
    fn propose(&self, cas: Cas);
    /// Where this node stands with a shard has changed.
    fn standing(&self, shard: u16, standing: Standing);
    /// The whole state of a shard is needed from there: answer with [`Ledger::take_state`], or with
    /// [`Ledger::copy_failed`].
    fn pull(&self, shard: u16, from: NodeKey);
    /// Something a person should hear of.
    fn alarm(&self, shard: u16, alarm: Alarm);
    /// A sync failed: what is kept is unknown until it is opened anew, so the process must end
    /// (rule R1).
    fn died(&self, why: &StorageFault);
}

/// All shards of this node.
pub(super) struct Host {
    me: NodeKey,
    pub(super) core: Arc<Core>,
    queue: Arc<Queue>,
    world: Arc<dyn TwinWorld>,
    shards: Vec<Shard>,
    copies: Copies,
    /// One shard at a time is dropped.
    leaving: Mutex<()>,
    /// Bytes of all records written so far.
    age: AtomicU64,
    /// Entries that were carried forward.
    carried: AtomicU64,
    /// The last record whose completion was handled.
    seen: Mutex<Option<Place>>,
    segment_bytes: u64,
    uncommitted_max: u64,
    dead: AtomicBool,
    /// The log refused a record, and kept none since.
    ill: AtomicBool,
    fitness: Fitness,
    closed: AtomicBool,
}

/// All shards at one moment.
#[derive(Default)]
pub(super) struct Figures {
    pub(super) uncommitted_bytes: u64,
    pub(super) served: u64,
    pub(super) carried: u64,
}

/// One shard: what is behind the lock, and what can be asked without it.
struct Shard {
    cell: Mutex<Cell>,
    standing: RwLock<Standing>,
    /// See [`Replica::readable_until`]; 0 unless the shard is shown as served.
    until: AtomicU64,
    /// See [`Replica::solo_since`]; [`NEVER`] unless it is shown as served, and alone.
    solo: AtomicU64,
    /// See [`Replica::generation`].
    generation: AtomicU32,
}

/// A moment that does not come.
const NEVER: u64 = u64::MAX;

impl Host {
    pub(super) fn new(
        core: Arc<Core>,
        queue: Arc<Queue>,
        options: &Options,
        (me, settings): (NodeKey, Settings),
        world: Arc<dyn TwinWorld>,
        found: Vec<Found>,
        (last, age): (Option<Place>, u64),
    ) -> Arc<Self> {
        assert_eq!(found.len(), usize::from(SHARDS), "every shard was looked up");
        let (now, uncommitted_max) = (world.now(), settings.uncommitted_max_bytes);
        let boot = |(shard, found): (u16, Found)| {
            let fence = Fenced { seen: found.seen, act: found.act, stand: found.fence };
            let (seen, act, base) = (found.seen, found.act, found.base);
            let leaving = found.leaving;
            let tail = found.into_tail();
            let entries = tail.iter().map(|(entry, _)| entry.clone()).collect();
            let durable = Durable { seen, act, base, tail: entries };
            let replica = Replica::boot(me, shard, settings.clone(), now, durable);
            let mut cell = Cell::new(shard, replica, Tail::new(base, tail, fence));
            (cell.leaving, cell.installing) = (leaving, leaving); // LV3
            Shard {
                cell: Mutex::new(cell),
                standing: RwLock::new(Standing::Idle),
                until: AtomicU64::new(0),
                solo: AtomicU64::new(NEVER),
                generation: AtomicU32::new(0),
            }
        };
        Arc::new(Self {
            me,
            core,
            queue,
            world,
            shards: (0..).zip(found).map(boot).collect(),
            copies: Copies::default(),
            leaving: Mutex::new(()),
            age: AtomicU64::new(age),
            carried: AtomicU64::new(0),
            seen: Mutex::new(last),
            segment_bytes: options.segment_bytes,
            uncommitted_max,
            dead: AtomicBool::new(false),
            ill: AtomicBool::new(false),
            fitness: Fitness::default(),
            closed: AtomicBool::new(false),
        })
    }

    fn lock(&self, shard: u16) -> MutexGuard<'_, Cell> {
        self.shards[usize::from(shard)].cell.lock()
    }

    /// Hands one input to a shard, and does what follows.
    fn drive(self: &Arc<Self>, shard: u16, input: Input) {
        let mut cell = self.lock(shard);
        self.step(&mut cell, input);
        self.tell(cell);
    }

    fn step(self: &Arc<Self>, cell: &mut Cell, input: Input) {
        if self.closed.load(Relaxed) {
            return;
        }
        let mut out = std::mem::take(&mut cell.out);
        cell.replica.step(self.world.now(), input, &mut out);
        self.perform(cell, out);
    }

    /// Does what the replica asks for, in its order.
    fn perform(self: &Arc<Self>, cell: &mut Cell, mut out: Vec<Output>) {
        let until = &self.shards[usize::from(cell.shard)].until;
        until.fetch_min(cell.replica.readable_until(), AcqRel); // TW8
        for output in out.drain(..) {
            match output {
                Output::Write { ticket, write } => self.write(cell, ticket, write),
                Output::Send { to, frame } => {
                    cell.note_sent(&frame);
                    self.world.send(to, cell.shard, frame);
                }
                Output::Propose(cas) if self.offers_in_vain(cell, &cas) => {}
                Output::Propose(cas) => self.world.propose(cas),
                Output::Committed(lsn) => {
                    cell.commit = cell.commit.max(lsn);
                    self.apply(cell);
                }
                Output::Standing(standing) => self.stands(cell, standing),
                Output::NeedState { from } => self.world.pull(cell.shard, from),
                Output::Quarantine(entries) => self.quarantine(cell.shard, &entries),
                Output::Alarm(alarm) => {
                    tracing::error!(shard = cell.shard, ?alarm, "a copy needs a person");
                    self.world.alarm(cell.shard, alarm);
                }
            }
        }
        cell.out = out; // its room is used again
        self.apply(cell);
        self.show(cell);
    }

    /// TW1
    fn write(self: &Arc<Self>, cell: &mut Cell, ticket: u64, write: Write) {
        if cell.dam.is_some() {
            return; // behind one that was not taken: lost with it
        }
        let shard = cell.shard;
        let refused = match write {
            Write::Fence { seen, act } => {
                let sent = self.send_off(shard, records::write_fence(shard, seen, act));
                sent.map(|()| cell.tail.fence_flies(ticket, seen, act))
            }
            Write::Cut { keep } => {
                let sent = self.send_off(shard, records::write_cut(shard, keep));
                sent.map(|()| {
                    cell.tail.cut_flies(ticket, keep);
                    self.fail_from(cell, keep.next(), &StorageFault::Moved { shard });
                })
            }
            Write::Entries(entries) => {
                let (mut sent, count) = (Ok(()), entries.len());
                let first = entries.first().map_or(Lsn(0), |entry| entry.at.lsn);
                for (index, entry) in entries.into_iter().enumerate() {
                    sent = self.send_off(shard, records::write_entry(shard, &entry));
                    if sent.is_err() {
                        break;
                    }
                    cell.tail.entry_flies(ticket, entry, first, index + 1 == count);
                }
                sent
            }
        };
        if let Err(fault) = refused {
            self.ill.store(true, Relaxed);
            tracing::warn!(shard, %fault, "the log does not take what a copy wrote");
            cell.dam = Some((ticket, fault));
        }
    }

    /// Pushes one record; its answer comes to [`Host::answered`].
    fn send_off(self: &Arc<Self>, shard: u16, draft: Draft) -> Result<(), StorageFault> {
        let (host, room) = (Arc::clone(self), draft.room());
        let done = Box::new(move |result| host.answered(shard, room, result));
        self.queue.push(Item { draft, done })
    }

    /// The log's answer to the oldest record of this shard that waits for one.
    fn answered(self: &Arc<Self>, shard: u16, room: usize, result: Result<Place, StorageFault>) {
        let mut cell = self.lock(shard);
        match result {
            Ok(place) => {
                self.ill.store(false, Relaxed);
                let age = self.age.fetch_add(room as u64, Relaxed) + room as u64;
                if let Some(ticket) = cell.tail.landed(Stand::new(place, room, age)) {
                    self.step(&mut cell, Input::Durable(ticket));
                }
                // After the shard knows it, so that the floor never passes it (TW5).
                *self.seen.lock() = Some(place);
            }
            Err(fault) => {
                self.report(&fault);
                if let Some(ticket) = cell.tail.lost() {
                    self.give_up(&mut cell, ticket, &fault);
                }
            }
        }
        self.tell(cell);
    }

    /// A write was not kept, and so is nothing behind it.
    fn give_up(self: &Arc<Self>, cell: &mut Cell, ticket: u64, fault: &StorageFault) {
        self.fail_from(cell, cell.sent.max(cell.tail.last().lsn).next(), fault);
        let moved = StorageFault::Moved { shard: cell.shard };
        self.fail_from(cell, Lsn(0), &moved);
        self.step(cell, Input::Lost(ticket));
    }

    fn report(&self, fault: &StorageFault) {
        self.ill.store(true, Relaxed);
        self.end_if_dead(fault);
    }

    /// TW7
    pub(super) fn end_if_dead(&self, fault: &StorageFault) {
        if fault.is_deadly() && !self.dead.swap(true, Relaxed) {
            self.world.died(fault);
        }
    }

    fn stands(&self, cell: &mut Cell, standing: Standing) {
        cell.standing = standing;
        if matches!(standing, Standing::Follows { .. } | Standing::Idle) {
            let moved = StorageFault::Moved { shard: cell.shard };
            self.fail_from(cell, Lsn(0), &moved);
        }
    }

    /// Shows where the shard stands (TW3).
    fn show(&self, cell: &mut Cell) {
        let front = &self.shards[usize::from(cell.shard)];
        let standing = match cell.standing {
            Standing::Serving { epoch } if cell.lags() => Standing::Warming { epoch },
            standing => standing,
        };
        let serves = matches!(standing, Standing::Serving { .. });
        let until = if serves { cell.replica.readable_until() } else { 0 };
        front.until.store(until, Release);
        let solo = cell.replica.solo_since().filter(|_| serves);
        front.solo.store(solo.unwrap_or(NEVER), Relaxed);
        front.generation.store(cell.replica.generation(), Release);
        if cell.shown != standing {
            cell.shown = standing;
            *front.standing.write() = standing;
            self.world.standing(cell.shard, standing);
        }
    }

    /// Calls the completions that are due, in order and without the lock.
    fn tell<'a>(&'a self, mut cell: MutexGuard<'a, Cell>) {
        if cell.told.is_empty() || cell.telling {
            return; // whoever tells now will see them
        }
        let shard = cell.shard;
        cell.telling = true;
        let reset = Telling { host: self, shard };
        while !cell.told.is_empty() {
            let told = std::mem::take(&mut cell.told);
            drop(cell);
            for (done, result) in told {
                done(result);
            }
            cell = self.lock(shard);
        }
        cell.telling = false;
        std::mem::forget(reset);
    }

    fn tick(self: &Arc<Self>) {
        match self.queue.open() {
            Ok(()) if self.ill.load(Relaxed) => self.probe(),
            // Whoever waited was told; a mark of the quiet log, say, has nobody (TW7).
            Err(fault) => self.end_if_dead(&fault),
            Ok(()) => {}
        }
        self.fitness.look(self.world.now(), self.core.trouble.check().is_ok());
        for shard in 0..SHARDS {
            let mut cell = self.lock(shard);
            if let Some((ticket, fault)) = cell.dam.take() {
                self.report(&fault);
                self.give_up(&mut cell, ticket, &fault);
            }
            self.wish(&mut cell);
            self.complain(&mut cell);
            self.step(&mut cell, Input::Tick);
            self.tell(cell);
        }
    }

    /// Tries whether the log keeps anything again: writes down what is there already.
    fn probe(self: &Arc<Self>) {
        let mut cell = self.lock(0);
        let fence = cell.tail.fence();
        if self.send_off(0, records::write_fence(0, fence.seen, fence.act)).is_ok() {
            cell.tail.other_flies();
        }
    }

    fn heard(self: &Arc<Self>, from: NodeKey, shard: u16, frame: TwinFrame) {
        if matches!(frame, TwinFrame::Append { .. } | TwinFrame::Beat { .. }) {
            // What cannot be kept now was lost on the way: the primary sends it again.
            let carries =
                matches!(&frame, TwinFrame::Append { entries, .. } if !entries.is_empty());
            let taken = match self.core.trouble.check().and_then(|()| self.queue.fits(0)) {
                Ok(()) => true,
                Err(StorageFault::Busy { .. }) => !carries,
                Err(_) => false,
            };
            if !taken || self.ill.load(Relaxed) || self.is_stuck(&self.lock(shard)) {
                return; // TW6
            }
        }
        if self.lock(shard).leaving {
            return; // LV3
        }
        self.drive(shard, Input::Frame { from, frame });
    }

    fn learn(self: &Arc<Self>, map: &Map) {
        for (shard, place) in (0..SHARDS).zip(&map.places) {
            let mut cell = self.lock(shard);
            if cell.config.is_none_or(|known: Config| known.epoch < place.config.epoch) {
                cell.config = Some(place.config);
                if !cell.installing {
                    self.step(&mut cell, Input::Config(place.config));
                }
            }
            cell.wanted = place.wanted;
            self.wish(&mut cell);
            self.tell(cell);
        }
    }

    fn all(self: &Arc<Self>, input: &Input) {
        (0..SHARDS).for_each(|shard| self.drive(shard, input.clone()));
    }

    /// Whether this node serves the shard, as far as is shown.
    pub(super) fn served(&self, shard: u16) -> Result<(), StorageFault> {
        let epoch = match *self.shards[usize::from(shard)].standing.read() {
            Standing::Serving { .. } => return Ok(()),
            Standing::Warming { epoch } | Standing::Follows { epoch, .. } => epoch,
            Standing::Idle => Epoch(0),
        };
        Err(StorageFault::NotHere { shard, epoch })
    }

    pub(super) fn figures(&self) -> Figures {
        let mut figures = Figures { carried: self.carried.load(Relaxed), ..Figures::default() };
        for shard in 0..SHARDS {
            let cell = self.lock(shard);
            figures.uncommitted_bytes += cell.tail.bytes();
            figures.served += u64::from(matches!(cell.shown, Standing::Serving { .. }));
        }
        figures
    }

    /// The log was closed: whoever still waits is told.
    pub(super) fn close(&self) {
        self.closed.store(true, Relaxed);
        for shard in 0..SHARDS {
            let mut cell = self.lock(shard);
            self.fail_from(&mut cell, Lsn(0), &StorageFault::Closed);
            self.tell(cell);
        }
    }
}

/// Lets somebody else tell when a completion panics.
struct Telling<'a> {
    host: &'a Host,
    shard: u16,
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        self.host.lock(self.shard).telling = false;
    }
}

/// For the node around it. Shards beyond [`SHARDS`] are a bug of the caller.
impl Ledger {
    /// Takes what concerns this node out of a map. A map may come twice, or late.
    pub fn learn(&self, map: &Map) {
        self.with_twins(|host| host.learn(map));
    }

    /// Another node's frame arrived.
    pub fn heard(&self, from: NodeKey, shard: u16, frame: TwinFrame) {
        self.with_twins(|host| host.heard(from, shard, frame));
    }

    /// Time passed: to be called several times in [`Settings::beat`].
    pub fn tick(&self) {
        self.with_twins(Host::tick);
    }

    /// The link to another node stands again, or broke.
    pub fn link(&self, node: NodeKey, up: bool) {
        self.with_twins(|host| host.all(&if up { Input::Up(node) } else { Input::Down(node) }));
    }

    /// A change that this node proposed for a shard in this epoch is known to have failed.
    pub fn refused(&self, shard: u16, expect: Epoch) {
        self.with_twins(|host| host.drive(shard, Input::Refused { expect }));
    }

    /// Where this node stands with a shard.
    pub fn standing(&self, shard: u16) -> Standing {
        self.0
            .twins
            .as_ref()
            .map_or(Standing::Idle, |host| *host.shards[usize::from(shard)].standing.read())
    }

    /// Whether what is read here now holds every acknowledged write of the shard. Without twins it
    /// always does.
    pub fn readable(&self, shard: u16) -> bool {
        self.0.twins.as_ref().is_none_or(|host| {
            let until = host.shards[usize::from(shard)].until.load(Acquire);
            until == u64::MAX || (until > 0 && host.world.now() < until)
        })
    }

    /// To which generation belongs what this node serves of the shard; cursors of another one are
    /// void (I8).
    pub fn generation(&self, shard: u16) -> u32 {
        let twins = self.0.twins.as_ref();
        twins.map_or(0, |host| host.shards[usize::from(shard)].generation.load(Acquire))
    }

    /// For how many milliseconds this node has served the shard without a second copy, when it does
    /// (rule R5).
    pub fn solo_for(&self, shard: u16) -> Option<u64> {
        let host = self.0.twins.as_ref()?;
        let since = host.shards[usize::from(shard)].solo.load(Relaxed);
        (since != NEVER).then(|| host.world.now().saturating_sub(since))
    }

    /// Every copy this node holds or builds.
    pub fn shards(&self) -> Vec<ShardStatus> {
        let Some(host) = &self.0.twins else { return Vec::new() };
        (0..SHARDS).filter_map(|shard| host.lock(shard).status()).collect()
    }

    fn with_twins(&self, work: impl FnOnce(&Arc<Host>)) {
        if let Some(host) = &self.0.twins {
            work(host);
        }
    }
}
