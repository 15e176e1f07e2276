//! The house: every actor under one roof, whether it lives on this node or on another.
//!
//! ```text
//! gateway ─► ask, query, watch ─(shard here)──► cast ─► shell
//!                              └(shard there)─► road ═► the other house: serve ─► cast ─► shell
//!            told ◄══════════════════════════════ road ◄═ line ◄─ outbox ◄──────────────┘
//! ```
//!
//! What one actor asks of another goes through a messenger per group of shards, so that asks to
//! one actor arrive in the order in which they were planned. A messenger's bag is bounded; an
//! actor that finds it full dies and asks again in its next life. So does one whose shard moves. What
//! a messenger gives up is owed: it is asked again by and by.
//!
//! # Invariants
//! - **HO1** An ask is carried to at most one other node; there it is served or refused.
//! - **HO2** Whoever asks while a shard moves waits, within bounds, and is answered by whom it
//!   moved to.
//! - **HO3** An ask that is made again, because nobody knows what became of it, is made under the
//!   same request, and so done once.
//! - **HO4** What a room asks of its conversation is done in the reign in which it was planned, or
//!   not at all: both live in one shard, and in the next reign the room asks for itself. So nobody
//!   is let in again by an ask that was long on its way.

use parking_lot::Mutex;
use protocol::{
    caller::{Caller, Role},
    codec,
    frame::Fault,
    id::{LinkId, PersonId, RequestId, SessionId, TenantId},
    key::Key,
    limits,
    peer::{PeerAnswer, PeerRequest},
    time::Time,
    version,
};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use storage::ledger::Ledger;
use tokio::sync::{Semaphore, broadcast, mpsc};

use crate::{
    accounts::Accounts,
    audit::Audit,
    calls::Calls,
    cast::Cast,
    conversation::{self, Conversation},
    effect::Ask,
    file::File,
    handle::{Asker, Done, No, ODD},
    road::{Road, Whose},
    room::{self, Room},
    session::Session,
    shell::World,
    supervisor::NoParent,
    tenant::{self, Tenant},
    vault::Vault,
};

mod call;
mod errands;
mod guests;
mod history;
mod interests;
mod kind;
mod messenger;
mod patience;
mod roof;
mod serve;
mod watches;

pub use crate::calls::{Recorded, no_media, recorded_media};
pub use kind::Kind;

use guests::Guests;
use interests::Interests;
use patience::{Patience, heard};
use roof::Roof;

/// Messengers between actors. One that waits for a shard on the move holds up its own only.
const MESSENGERS: usize = 32;
/// Asks one messenger carries at a time.
const BAG: usize = 4096;
/// Links that may be cut before a slow socket misses one and is cut itself.
const CUTS: usize = 256;
/// Watches that look for a place at a time.
const TURNS: usize = 256;

/// What the house needs from the node.
pub struct Options {
    /// The journals.
    pub ledger: Ledger,
    /// The node's clock.
    pub clock: Arc<dyn Fn() -> Time + Send + Sync>,
    /// The media path.
    pub media: Arc<dyn Calls>,
    /// The way to other nodes.
    pub road: Arc<dyn Road>,
    /// How many actors of each kind stay awake when nobody uses them.
    pub awake_max: usize,
    /// Chance: tells the asks of this life of the node from those of every other one.
    pub birth: u64,
}

/// Every actor, and the casts of those that live on this node.
pub struct House {
    /// Cases and links.
    pub tenants: Arc<Cast<Tenant>>,
    /// Persons.
    pub vaults: Arc<Cast<Vault>>,
    /// Devices.
    pub sessions: Arc<Cast<Session>>,
    /// Conferences.
    pub rooms: Arc<Cast<Room>>,
    /// Threads.
    pub conversations: Arc<Cast<Conversation>>,
    /// Files' records.
    pub files: Arc<Cast<File>>,
    /// Who has which right.
    pub accounts: Arc<Cast<Accounts>>,
    /// What was done.
    pub audits: Arc<Cast<Audit>>,
    /// The journals, for health and figures.
    pub ledger: Ledger,
    roof: Arc<Roof>,
    interests: Mutex<Interests>,
    guests: Guests,
    turns: Semaphore,
    watch_ids: AtomicU64,
    birth: u64,
    asks: AtomicU64,
}

impl House {
    /// Builds the house over its journals. Nobody is awake yet.
    ///
    /// # Errors
    /// When a supervisor cannot be started.
    pub async fn open(options: Options) -> Result<Arc<Self>, NoParent> {
        let Options { ledger, clock, media, road, awake_max, birth } = options;
        let (bags, carried): (Vec<_>, Vec<_>) = (0..MESSENGERS).map(|_| mpsc::channel(BAG)).unzip();
        let (cuts, _) = broadcast::channel(CUTS);
        let roof = Roof::new(clock, media, road, bags, cuts);
        let world: Arc<dyn World> = roof.clone();
        let house = Arc::new(Self {
            tenants: Cast::new(ledger.clone(), world.clone(), awake_max).await?,
            vaults: Cast::new(ledger.clone(), world.clone(), awake_max).await?,
            sessions: Cast::new(ledger.clone(), world.clone(), awake_max).await?,
            rooms: Cast::new(ledger.clone(), world.clone(), awake_max).await?,
            conversations: Cast::new(ledger.clone(), world.clone(), awake_max).await?,
            files: Cast::new(ledger.clone(), world.clone(), awake_max).await?,
            accounts: Cast::new(ledger.clone(), world.clone(), awake_max).await?,
            audits: Cast::new(ledger.clone(), world, awake_max).await?,
            ledger,
            roof,
            interests: Mutex::default(),
            guests: Guests::default(),
            turns: Semaphore::new(TURNS),
            watch_ids: AtomicU64::new(1),
            birth,
            asks: AtomicU64::new(0),
        });
        drop(house.roof.house.set(Arc::downgrade(&house)));
        for bag in carried {
            tokio::spawn(messenger::carry(Arc::downgrade(&house), bag));
        }
        tokio::spawn(messenger::settle(house.roof.clone()));
        tokio::spawn(errands::run(house.roof.clone()));
        Ok(house)
    }

    /// The node's clock.
    pub fn now(&self) -> Time {
        self.roof.now()
    }

    /// A number for a new watch.
    pub fn watch_id(&self) -> u64 {
        self.watch_ids.fetch_add(1, Ordering::Relaxed)
    }

    /// Says how the sockets of a session that is over are ended on this node.
    pub fn on_session_cut(&self, end: impl Fn(SessionId) + Send + Sync + 'static) {
        let first = self.roof.end_session.set(Box::new(end)).is_ok();
        assert!(first, "a node has one gateway");
    }

    /// Says how the sockets of a person whose role was taken away are ended on this node.
    pub fn on_role_cut(&self, end: impl Fn(TenantId, PersonId, Role) + Send + Sync + 'static) {
        let first = self.roof.end_role.set(Box::new(end)).is_ok();
        assert!(first, "a node has one gateway");
    }

    /// The level of the cluster: what a release that speaks more may do by now.
    pub fn level(&self) -> u16 {
        self.roof.road.level()
    }

    /// Ends every socket of a session that is over, on every node.
    pub fn cut_session(self: &Arc<Self>, session: SessionId) {
        self.roof.cut_session(session);
        self.announce(&PeerRequest::CutSession(session));
    }

    /// Hears of every guest link that is revoked from now on.
    pub fn cuts(&self) -> broadcast::Receiver<LinkId> {
        self.roof.cuts.subscribe()
    }

    /// Asks an actor, wherever it lives, waking it when it sleeps. Asked again, within bounds, when
    /// its node is lost meanwhile (HO2), and done once (HO3).
    pub async fn ask<M: Kind>(
        self: &Arc<Self>,
        key: Key,
        asker: impl Into<Asker>,
        input: M::Input,
    ) -> Done {
        assert!(M::is(key), "a key of another kind");
        let asker = self.known(asker.into());
        if asker.within.is_some() {
            return self.ask_here::<M>(key, asker, input).await; // HO4
        }
        let mut patience = Patience::new(&self.roof.road);
        loop {
            let tried = match self.roof.road.whose(key.shard()) {
                Whose::Here => self.ask_here::<M>(key, asker, input.clone()).await,
                Whose::There { node, .. } => {
                    let request = asked(key, asker, codec::encode(&input));
                    match self.asked_there(key, node, request).await {
                        Ok(PeerAnswer::Seq(seq)) => Ok(seq),
                        Ok(_) => Err(ODD),
                        Err(no) => Err(no),
                    }
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

    /// Asks for something of an actor's state, wherever it lives; what is seen is durable, and the
    /// newest there is.
    ///
    /// # Errors
    /// Never `Refused`: a query has no rules of its own, its answer has.
    pub async fn query<M: Kind>(
        self: &Arc<Self>,
        key: Key,
        query: M::Query,
    ) -> Result<M::Answer, No> {
        assert!(M::is(key), "a key of another kind");
        let mut patience = Patience::new(&self.roof.road);
        loop {
            let tried = match self.roof.road.whose(key.shard()) {
                Whose::Here => self.query_here::<M>(key, query.clone()).await,
                Whose::There { node, .. } => {
                    let request = PeerRequest::Query { key, query: codec::encode(&query) };
                    self.asked_there(key, node, request).await.and_then(|answer| read(&answer))
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

    /// Who asks, under a request of its own when there is none (HO3). As long as there is a member
    /// that could not read one, there is none.
    fn known(&self, asker: Asker) -> Asker {
        let made = || {
            let number = self.asks.fetch_add(1, Ordering::Relaxed);
            RequestId::from_u128(u128::from(self.birth) << 64 | u128::from(number))
        };
        let read = self.roof.road.level() >= version::REQUESTS;
        Asker { request: read.then(|| asker.request.unwrap_or_else(made)), ..asker }
    }

    async fn ask_here<M: Kind>(&self, key: Key, asker: Asker, input: M::Input) -> Done {
        let reign = self.roof.reign(key);
        self.judged(key, reign, M::cast(self).ask(key, asker, input).await)
    }

    async fn query_here<M: Kind>(&self, key: Key, query: M::Query) -> Result<M::Answer, No> {
        let reign = self.roof.reign(key);
        self.judged(key, reign, M::cast(self).query(key, query).await)
    }

    /// Asks the node that serves a shard, for as long as it does.
    async fn asked_there(
        &self,
        key: Key,
        node: u64,
        request: PeerRequest,
    ) -> Result<PeerAnswer, No> {
        let road = &self.roof.road;
        let mut moves = road.moves();
        let mut asked = road.ask(node, request);
        loop {
            tokio::select! {
                answer = &mut asked => return answer.map_err(heard),
                Ok(()) = moves.changed() => match road.whose(key.shard()) {
                    Whose::There { node: now, .. } if now == node => {}
                    _ => return Err(No::Away), // it will not answer, or not for the shard any more
                }
            }
        }
    }

    /// What the world failed in while the shard moved away is asked again where it moved to.
    fn judged<T>(&self, key: Key, reign: u64, tried: Result<T, No>) -> Result<T, No> {
        let stayed = || self.roof.reign(key) == reign && self.roof.here(key);
        match tried {
            Err(No::Faulted(_) | No::Asleep) if !stayed() => Err(No::Away),
            tried => tried,
        }
    }

    /// Brings one ask to its actor and waits for the answer.
    ///
    /// # Errors
    /// What the actor answered, or what failed.
    pub async fn deliver(self: &Arc<Self>, ask: Ask) -> Result<(), No> {
        self.bring(ask, None).await
    }

    /// The same; `reign` when it may be done in no other.
    async fn bring(self: &Arc<Self>, ask: Ask, reign: Option<u64>) -> Result<(), No> {
        let key = ask.to();
        let asker = |tenant| match reign {
            Some(reign) => Asker::within(Caller::node(tenant), reign),
            None => Asker::from(Caller::node(tenant)),
        };
        let done = match ask {
            Ask::OpenRoom { case, lead, tenant } => {
                let input = room::Input::Open { case, lead };
                self.ask::<Room>(key, Caller::node(tenant), input).await
            }
            Ask::EndRoom { tenant, .. } => {
                self.ask::<Room>(key, Caller::node(tenant), room::Input::End).await
            }
            Ask::OpenConversation { case, people, tenant } => {
                let input = conversation::Input::Open { case, people };
                self.ask::<Conversation>(key, Caller::node(tenant), input).await
            }
            Ask::Grant { tenant, person, .. } => {
                let input = conversation::Input::Grant(person);
                self.ask::<Conversation>(key, asker(tenant), input).await
            }
            Ask::Withdraw { tenant, person, .. } => {
                let input = conversation::Input::Withdraw(person);
                self.ask::<Conversation>(key, asker(tenant), input).await
            }
            Ask::Settle { tenant, case, ended } => {
                let input = tenant::Input::Settle { case, ended };
                self.ask::<Tenant>(key, Caller::node(tenant), input).await
            }
        };
        done.map(|_| ())
    }

    /// Puts idle actors to sleep; called now and then by the node.
    pub fn sweep(&self) {
        self.tenants.sweep();
        self.vaults.sweep();
        self.sessions.sweep();
        self.rooms.sweep();
        self.conversations.sweep();
        self.files.sweep();
        self.accounts.sweep();
        self.audits.sweep();
    }

    /// Ends every actor.
    pub fn stop(&self) {
        self.roof.stopped.store(true, Ordering::Relaxed);
        self.roof.bell.notify_one();
        self.roof.debt.notify_one();
        self.tenants.stop();
        self.vaults.stop();
        self.sessions.stop();
        self.rooms.stop();
        self.conversations.stop();
        self.files.stop();
        self.accounts.stop();
        self.audits.stop();
    }
}

/// An ask in the words between nodes.
fn asked(key: Key, asker: Asker, input: Vec<u8>) -> PeerRequest {
    let Asker { by, request, .. } = asker;
    match request {
        Some(request) => PeerRequest::Once { key, by, request, input },
        None => PeerRequest::Input { key, by, input },
    }
}

/// What another node's actor answered.
fn read<T: serde::de::DeserializeOwned>(answer: &PeerAnswer) -> Result<T, No> {
    let PeerAnswer::Bytes(bytes) = answer else { return Err(ODD) };
    codec::decode::<T, { limits::FRAME_DOWN_BYTES }>(bytes).map_err(|_| ODD)
}

#[cfg(test)]
mod tests;
