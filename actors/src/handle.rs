//! The bounded door: the one way to reach an actor.
//!
//! # Invariants
//! - **H1** At most `limits::MAILBOX` mails wait for one actor; the next one is told `Busy`.
//! - **H2** A mail that was let in is answered, or its asker is told `Restarted`.
//! - **H3** No mail is let in once an actor has decided to sleep; the caller wakes it anew.

use protocol::{
    caller::Caller,
    frame::{Fault, Refusal},
    id::Seq,
    limits,
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
}

/// Says that something was done, and up to where it is durable.
pub type Done = Result<Seq, No>;

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

/// A question to the state, answered inside the actor.
pub(crate) type Look<M> = Box<dyn FnOnce(&M) -> Answering + Send>;
/// Hands over the answer to a [`Look`], once what it saw is durable.
pub(crate) type Answering = Box<dyn FnOnce(Result<(), Fault>) + Send>;

/// What lies in a mailbox.
pub(crate) enum Mail<M: Part> {
    /// Decide this.
    Ask { by: Caller, input: M::Input, reply: oneshot::Sender<Done>, place: Place },
    /// Look at the state.
    Look { look: Look<M>, place: Place },
    /// Show the view and tell what follows.
    Watch { watch: Watch, after: Seq, reply: oneshot::Sender<Result<(), No>>, place: Place },
    /// The last socket of this device stopped watching.
    Departed { by: Caller },
    /// Everything up to here is durable, or is not.
    Kept(Result<Seq, StorageFault>),
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

    pub(crate) async fn ask(&self, by: Caller, input: M::Input) -> Done {
        let place = self.place()?;
        let (reply, answer) = oneshot::channel();
        self.post(Mail::Ask { by, input, reply, place })?;
        answer.await.unwrap_or(Err(No::Faulted(Fault::Restarted))) // H2
    }

    pub(crate) async fn look<R: Send + 'static>(
        &self,
        look: impl FnOnce(&M) -> R + Send + 'static,
    ) -> Result<R, No> {
        let place = self.place()?;
        let (reply, answer) = oneshot::channel();
        let look: Look<M> = Box::new(move |machine| {
            let seen = look(machine);
            Box::new(move |kept| drop(reply.send(kept.map(|()| seen))))
        });
        self.post(Mail::Look { look, place })?;
        match answer.await {
            Ok(seen) => seen.map_err(No::Faulted),
            Err(_) => Err(No::Faulted(Fault::Restarted)),
        }
    }

    pub(crate) async fn watch(&self, watch: Watch, after: Seq) -> Result<(), No> {
        let place = self.place()?;
        let (reply, answer) = oneshot::channel();
        self.post(Mail::Watch { watch, after, reply, place })?;
        answer.await.unwrap_or(Err(No::Faulted(Fault::Restarted)))
    }

    pub(crate) fn departed(&self, by: Caller) {
        // A life that is gone need not know: the next one is told who still watches.
        let _ = self.mailbox.cast(Mail::Departed { by });
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
