//! The house: every actor of this node under one roof, and the messengers between them.
//!
//! What one actor asks of another goes through a messenger per group of shards, so that asks to
//! one actor arrive in the order in which they were planned. A messenger's bag is bounded; an
//! actor that finds it full dies and asks again in its next life.

use parking_lot::Mutex;
use protocol::{
    caller::Caller,
    id::{LinkId, RoomId},
    key::Key,
    time::Time,
};
use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use storage::ledger::Ledger;
use tokio::sync::{broadcast, mpsc};

use crate::{
    cast::Cast,
    conversation::{self, Conversation},
    effect::{Ask, Effect, MediaOrder},
    file::File,
    handle::No,
    room::{self, Room},
    session::Session,
    shell::World,
    supervisor::NoParent,
    tenant::{self, Tenant},
    vault::Vault,
};

/// Messengers between actors.
const MESSENGERS: usize = 8;
/// How long a messenger waits before it knocks again at an actor that is busy or resting.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(50), Duration::from_millis(250), Duration::from_secs(1)];
/// Asks one messenger carries at a time.
const BAG: usize = 4096;
/// Links that may be cut before a slow socket misses one and is cut itself.
const CUTS: usize = 256;

/// What the house needs from the node.
pub struct Options {
    /// The journals.
    pub ledger: Ledger,
    /// The node's clock.
    pub clock: Arc<dyn Fn() -> Time + Send + Sync>,
    /// Where orders to the media path go.
    pub media: Arc<dyn Fn(RoomId, MediaOrder) + Send + Sync>,
    /// How many actors of each kind stay awake when nobody uses them.
    pub awake_max: usize,
}

/// Every actor of this node.
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
    /// The journals, for health and figures.
    pub ledger: Ledger,
    roof: Arc<Roof>,
    watch_ids: AtomicU64,
}

/// The side of the house that actors see.
struct Roof {
    clock: Arc<dyn Fn() -> Time + Send + Sync>,
    media: Arc<dyn Fn(RoomId, MediaOrder) + Send + Sync>,
    bags: Vec<mpsc::Sender<Ask>>,
    cuts: broadcast::Sender<LinkId>,
    house: OnceLock<std::sync::Weak<House>>,
}

impl World for Roof {
    fn now(&self) -> Time {
        (self.clock)()
    }

    fn perform(&self, _from: Key, effect: Effect) -> bool {
        match effect {
            Effect::Ask(ask) => {
                let bag = usize::from(ask.to().shard()) % MESSENGERS;
                self.bags[bag].try_send(ask).is_ok()
            }
            Effect::Media(room, order) => {
                (self.media)(room, order);
                true
            }
            Effect::Cut(link) => {
                // Nobody connected is nobody to cut.
                let _ = self.cuts.send(link);
                true
            }
        }
    }

    fn slept(&self, key: Key) {
        let Some(house) = self.house.get().and_then(std::sync::Weak::upgrade) else { return };
        match key {
            Key::Tenant(_) => house.tenants.slept(key),
            Key::Vault(_) => house.vaults.slept(key),
            Key::Session(_) => house.sessions.slept(key),
            Key::Room(_) => house.rooms.slept(key),
            Key::Conversation(_) => house.conversations.slept(key),
            Key::File(_) => house.files.slept(key),
        }
    }
}

impl House {
    /// Builds the house over its journals. Nobody is awake yet.
    ///
    /// # Errors
    /// When a supervisor cannot be started.
    pub async fn open(options: Options) -> Result<Arc<Self>, NoParent> {
        let Options { ledger, clock, media, awake_max } = options;
        let (bags, carried): (Vec<_>, Vec<_>) = (0..MESSENGERS).map(|_| mpsc::channel(BAG)).unzip();
        let (cuts, _) = broadcast::channel(CUTS);
        let roof = Arc::new(Roof { clock, media, bags, cuts, house: OnceLock::new() });
        let world: Arc<dyn World> = roof.clone();
        let house = Arc::new(Self {
            tenants: Cast::new(ledger.clone(), world.clone(), awake_max).await?,
            vaults: Cast::new(ledger.clone(), world.clone(), awake_max).await?,
            sessions: Cast::new(ledger.clone(), world.clone(), awake_max).await?,
            rooms: Cast::new(ledger.clone(), world.clone(), awake_max).await?,
            conversations: Cast::new(ledger.clone(), world.clone(), awake_max).await?,
            files: Cast::new(ledger.clone(), world, awake_max).await?,
            ledger,
            roof,
            watch_ids: AtomicU64::new(1),
        });
        drop(house.roof.house.set(Arc::downgrade(&house)));
        for bag in carried {
            tokio::spawn(carry(Arc::downgrade(&house), bag));
        }
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

    /// Hears of every guest link that is revoked from now on.
    pub fn cuts(&self) -> broadcast::Receiver<LinkId> {
        self.roof.cuts.subscribe()
    }

    /// Brings one ask to its actor and waits for the answer.
    ///
    /// # Errors
    /// What the actor answered, or what failed.
    pub async fn deliver(&self, ask: Ask) -> Result<(), No> {
        let key = ask.to();
        let done = match ask {
            Ask::OpenRoom { case, lead, tenant } => {
                let input = room::Input::Open { case, lead };
                self.rooms.ask(key, Caller::node(tenant), input).await
            }
            Ask::EndRoom { tenant, .. } => {
                self.rooms.ask(key, Caller::node(tenant), room::Input::End).await
            }
            Ask::OpenConversation { case, people, tenant } => {
                let input = conversation::Input::Open { case, people };
                self.conversations.ask(key, Caller::node(tenant), input).await
            }
            Ask::Grant { tenant, person, .. } => {
                let input = conversation::Input::Grant(person);
                self.conversations.ask(key, Caller::node(tenant), input).await
            }
            Ask::Withdraw { tenant, person, .. } => {
                let input = conversation::Input::Withdraw(person);
                self.conversations.ask(key, Caller::node(tenant), input).await
            }
            Ask::Settle { tenant, case, ended } => {
                let input = tenant::Input::Settle { case, ended };
                self.tenants.ask(key, Caller::node(tenant), input).await
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
    }

    /// Ends every actor.
    pub fn stop(&self) {
        self.tenants.stop();
        self.vaults.stop();
        self.sessions.stop();
        self.rooms.stop();
        self.conversations.stop();
        self.files.stop();
    }
}

/// One messenger: delivers in order, and goes on when something is refused, because every ask is
/// asked again by the next life of whoever planned it.
async fn carry(house: std::sync::Weak<House>, mut bag: mpsc::Receiver<Ask>) {
    while let Some(ask) = bag.recv().await {
        let Some(house) = house.upgrade() else { return };
        let mut tried = house.deliver(ask.clone()).await;
        for pause in PAUSES {
            if !matches!(tried, Err(No::Faulted(_))) {
                break;
            }
            tokio::time::sleep(pause).await;
            tried = house.deliver(ask.clone()).await;
        }
        if let Err(no) = tried {
            tracing::warn!(?ask, ?no, "an ask between actors was not done");
        }
    }
}

/// A media path that does nothing, for houses without one.
pub fn no_media() -> Arc<dyn Fn(RoomId, MediaOrder) + Send + Sync> {
    Arc::new(|_, _| {})
}

/// Remembers every order, for tests of rooms without a media path.
pub fn recorded_media() -> (Recorded, Arc<dyn Fn(RoomId, MediaOrder) + Send + Sync>) {
    let orders = Recorded::default();
    let into = orders.clone();
    (orders, Arc::new(move |room, order| into.lock().push((room, order))))
}

/// Orders in the order in which they were given.
pub type Recorded = Arc<Mutex<Vec<(RoomId, MediaOrder)>>>;
