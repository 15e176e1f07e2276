//! The bounded door: the one way to reach an actor.
//!
//! # Invariants
//! - **H1** At most `limits::MAILBOX` mails wait for one actor; the next one is told `Busy`.
//! - **H2** A mail that was let in is answered, or its asker is told `Restarted`.
//! - **H3** No mail is let in once an actor has decided to sleep; the caller wakes it anew.

use protocol::{
    caller::Caller,
    frame::{Fault, Refusal},
    id::{RequestId, Seq},
    limits,
    request::Request,
};
use ractor::ActorRef;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use storage::fault::StorageFault;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, oneshot};

use crate::{outbox::Outbox, part::Part};

/// Why a question was not answered with yes.
#[derive(Debug, Clone, PartialEq)]
pub enum No {
    /// The domain says no.
    Refused(Refusal),
    /// The world failed.
    Faulted(Fault),
    /// The actor is asleep: wake it and ask again. Never leaves the house.
    Asleep,
    /// The actor lives elsewhere, or did not know whether it still lives here: ask again where it
    /// lives. Never leaves the house.
    Away,
}

/// An answer that does not fit its question: of a node of another release.
pub const ODD: No = No::Faulted(Fault::Restarted);

/// Says that something was done, and up to where it is durable.
pub type Done = Result<Seq, No>;

/// Who asks, and under which request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asker {
    /// Who.
    pub by: Caller,
    /// The same on every try; without one, an ask that comes once more is another ask.
    pub request: Option<RequestId>,
    /// Only a life of this reign of this node may decide it.
    pub(crate) within: Option<u64>,
}

impl Asker {
    /// Somebody who asks the same under the same request until there is an answer.
    pub const fn under(by: Caller, request: RequestId) -> Self {
        Self { by, request: Some(request), within: None }
    }

    /// Somebody who asks what is true in this reign, and perhaps in no other.
    pub(crate) const fn within(by: Caller, reign: u64) -> Self {
        Self { by, request: None, within: Some(reign) }
    }

    pub(crate) fn request(&self) -> Option<Request> {
        self.request.map(|id| Request { session: self.by.session, id })
    }
}

impl From<Caller> for Asker {
    fn from(by: Caller) -> Self {
        Self { by, request: None, within: None }
    }
}

/// What a browser has folded of an actor: everything up to a position, of one generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cursor {
    /// Another one than the actor's: the position means nothing.
    pub generation: u32,
    /// The position.
    pub seq: Seq,
}

impl Cursor {
    /// The position in a generation: before the first event, when the cursor is of another one.
    pub(crate) fn within(self, generation: u32) -> Seq {
        if self.generation == generation { self.seq } else { Seq::START }
    }

    /// Everything up to here was folded, of this generation.
    pub(crate) fn reach(&mut self, to: Self) {
        *self = Self { seq: self.within(to.generation).max(to.seq), ..to };
    }
}

impl From<Seq> for Cursor {
    fn from(seq: Seq) -> Self {
        Self { generation: 0, seq }
    }
}

/// One browser's interest in one actor.
#[derive(Debug, Clone)]
pub struct Watch {
    /// Tells this watch from all others of the node.
    pub id: u64,
    /// Who watches.
    pub by: Caller,
    /// Where news goes.
    pub outbox: Outbox,
}

/// What lies in a mailbox.
pub(crate) enum Mail<M: Part> {
    /// Decide this.
    Ask { asker: Asker, input: M::Input, reply: oneshot::Sender<Done>, place: Place },
    /// Answer this.
    Query { query: M::Query, reply: oneshot::Sender<Result<M::Answer, No>>, place: Place },
    /// Show the view and tell what follows.
    Watch { watch: Watch, after: Cursor, reply: oneshot::Sender<Result<(), No>>, place: Place },
    /// The last socket of this device stopped watching.
    Departed { by: Caller },
    /// More is durable: look how far; or something is not.
    Kept(Result<(), StorageFault>),
    /// Ask again for what was left open.
    Rouse,
    /// Sleep, if nobody needs you.
    Doze,
}

/// A place in a mailbox, given back when dropped.
pub(crate) type Place = OwnedSemaphorePermit;

/// The one way to reach an actor. Cheap to clone.
pub(crate) struct Handle<M: Part> {
    mailbox: ActorRef<Mail<M>>,
    places: Arc<Semaphore>,
    /// When it was last used, by the node's steady clock; the sleepiest is put to sleep first.
    used: Arc<AtomicU64>,
}

impl<M: Part> Clone for Handle<M> {
    fn clone(&self) -> Self {
        let Self { mailbox, places, used } = self;
        Self { mailbox: mailbox.clone(), places: places.clone(), used: used.clone() }
    }
}

impl<M: Part> Handle<M> {
    pub(crate) fn new(mailbox: ActorRef<Mail<M>>, places: Arc<Semaphore>) -> Self {
        Self { mailbox, places, used: Arc::default() }
    }

    /// All places of a new mailbox.
    pub(crate) fn places() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(limits::MAILBOX))
    }

    pub(crate) async fn ask(&self, asker: Asker, input: M::Input) -> Done {
        let place = self.place()?;
        let (reply, answer) = oneshot::channel();
        self.post(Mail::Ask { asker, input, reply, place })?;
        answer.await.unwrap_or(Err(No::Faulted(Fault::Restarted))) // H2
    }

    pub(crate) async fn query(&self, query: M::Query) -> Result<M::Answer, No> {
        let place = self.place()?;
        let (reply, answer) = oneshot::channel();
        self.post(Mail::Query { query, reply, place })?;
        answer.await.unwrap_or(Err(No::Faulted(Fault::Restarted))) // H2
    }

    pub(crate) async fn watch(&self, watch: Watch, after: Cursor) -> Result<(), No> {
        let place = self.place()?;
        let (reply, answer) = oneshot::channel();
        self.post(Mail::Watch { watch, after, reply, place })?;
        answer.await.unwrap_or(Err(No::Faulted(Fault::Restarted)))
    }

    pub(crate) fn departed(&self, by: Caller) {
        // A life that is gone need not know: the next one is told who still watches.
        let _ = self.mailbox.cast(Mail::Departed { by });
    }

    pub(crate) fn rouse(&self) {
        // A life that is gone need not: the next one asks again when it is born.
        let _ = self.mailbox.cast(Mail::Rouse);
    }

    pub(crate) fn doze(&self) {
        let _ = self.mailbox.cast(Mail::Doze);
    }

    pub(crate) fn stop(&self) {
        self.places.close();
        self.mailbox.stop(None);
    }

    /// Mails let in and not yet answered.
    pub(crate) fn depth(&self) -> usize {
        limits::MAILBOX.saturating_sub(self.places.available_permits())
    }

    pub(crate) fn touch(&self, tick: u64) {
        self.used.store(tick, Ordering::Relaxed);
    }

    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    fn place(&self) -> Result<Place, No> {
        self.places.clone().try_acquire_owned().map_err(|no| match no {
            TryAcquireError::NoPermits => No::Faulted(Fault::Busy), // H1
            TryAcquireError::Closed => No::Asleep,                  // H3
        })
    }

    fn post(&self, mail: Mail<M>) -> Result<(), No> {
        self.mailbox.cast(mail).map_err(|_| No::Asleep)
    }
}
