//! The side of the house that actors see: time, effects, and whether they still live here.

use parking_lot::Mutex;
use protocol::{
    caller::Role,
    id::{LinkId, PersonId, SessionId, TenantId},
    key::{Key, SHARDS},
    peer::PeerRequest,
    time::Time,
    version,
};
use std::{
    collections::BTreeSet,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};
use tokio::sync::{Notify, broadcast, mpsc};

use super::{House, kind::Kind, kind::by_kind};
use crate::{
    calls::Calls,
    effect::{Ask, Effect},
    road::{Road, Whose},
    shell::World,
};

/// An ask on its way, and the reign in which it was planned.
pub(super) struct Errand {
    pub(super) from: Key,
    pub(super) reign: u64,
    pub(super) ask: Ask,
}

/// Ends the sockets of a session that is over.
type EndSession = Box<dyn Fn(SessionId) + Send + Sync>;
/// Ends the sockets of a person in a role that was taken away.
type EndRole = Box<dyn Fn(TenantId, PersonId, Role) + Send + Sync>;

/// What actors see of the house, and what the house knows of its shards.
pub(super) struct Roof {
    pub(super) clock: Arc<dyn Fn() -> Time + Send + Sync>,
    pub(super) calls: Arc<dyn Calls>,
    pub(super) road: Arc<dyn Road>,
    pub(super) bags: Vec<mpsc::Sender<Errand>>,
    pub(super) cuts: broadcast::Sender<LinkId>,
    pub(super) end_session: OnceLock<EndSession>,
    pub(super) end_role: OnceLock<EndRole>,
    pub(super) house: OnceLock<Weak<House>>,
    shards: Vec<Rule>,
    pub(super) due: Mutex<Due>,
    pub(super) bell: Notify,
    /// Whose asks were given up.
    pub(super) owed: Mutex<BTreeSet<Key>>,
    pub(super) debt: Notify,
    pub(super) stopped: AtomicBool,
}

/// This node's rule over one shard.
#[derive(Default)]
struct Rule {
    reign: AtomicU64,
    serves: AtomicBool,
    /// As of the last look: the reign, and whether it was a reign at all.
    looked: Mutex<(u64, bool)>,
}

/// What became of this node's rule over a shard since the last look.
pub(super) struct Turned {
    /// A reign ended.
    pub(super) left: bool,
    /// A reign began, and goes on.
    pub(super) came: bool,
}

/// What changed and was not looked after yet.
#[derive(Default)]
pub(super) struct Due {
    /// Shards that came, went, or came back.
    pub(super) shards: BTreeSet<u16>,
    /// Nodes to which the line broke.
    pub(super) lines: BTreeSet<u64>,
    /// Something moved somewhere.
    pub(super) moved: bool,
}

impl Roof {
    pub(super) fn new(
        clock: Arc<dyn Fn() -> Time + Send + Sync>,
        calls: Arc<dyn Calls>,
        road: Arc<dyn Road>,
        bags: Vec<mpsc::Sender<Errand>>,
        cuts: broadcast::Sender<LinkId>,
    ) -> Arc<Self> {
        let serves = |shard| AtomicBool::new(road.whose(shard) == Whose::Here);
        let shards = (0..SHARDS).map(|it| Rule { serves: serves(it), ..Rule::default() }).collect();
        Arc::new(Self {
            clock,
            calls,
            road,
            bags,
            cuts,
            end_session: OnceLock::new(),
            end_role: OnceLock::new(),
            house: OnceLock::new(),
            shards,
            due: Mutex::default(),
            bell: Notify::new(),
            owed: Mutex::default(),
            debt: Notify::new(),
            stopped: AtomicBool::new(false),
        })
    }

    pub(super) fn reign_over(&self, shard: u16) -> u64 {
        let own =
            self.shards.get(usize::from(shard)).map_or(0, |it| it.reign.load(Ordering::Acquire));
        own + self.road.reign(shard) // each only rises, so their sum tells all of both apart
    }

    /// This node begins to serve a shard, or ends. Never blocks.
    pub(super) fn serves(&self, shard: u16, serves: bool) {
        let Some(rule) = self.shards.get(usize::from(shard)) else { return };
        let served = rule.serves.swap(serves, Ordering::AcqRel);
        if served && !serves {
            rule.reign.fetch_add(1, Ordering::AcqRel);
        }
        // Looked after in any case: it may have gone and come back since the last word.
        self.ring(|due| due.shards.extend([shard]));
    }

    /// Looks at a shard that came, went, came back, or merely got or lost its other copy.
    pub(super) fn look_at(&self, shard: u16) -> Turned {
        let Some(rule) = self.shards.get(usize::from(shard)) else {
            return Turned { left: false, came: false };
        };
        let (reign, here) = (self.reign_over(shard), self.road.whose(shard) == Whose::Here);
        let before = std::mem::replace(&mut *rule.looked.lock(), (reign, here));
        Turned { left: before.0 != reign, came: here && before != (reign, true) }
    }

    /// Notes what changed; the house looks after it.
    pub(super) fn ring(&self, note: impl FnOnce(&mut Due)) {
        note(&mut self.due.lock());
        self.bell.notify_one();
    }

    /// Something that this actor asked for was given up: it shall ask again.
    pub(super) fn owe(&self, from: Key) {
        self.owed.lock().insert(from);
        self.debt.notify_one();
    }

    /// Ends every socket of this node that came through a link.
    pub(super) fn cut_link(&self, link: LinkId) {
        let _ = self.cuts.send(link); // nobody connected is nobody to cut
    }

    /// Ends every socket of this node of a session.
    pub(super) fn cut_session(&self, session: SessionId) {
        if let Some(end) = self.end_session.get() {
            end(session);
        }
    }
}

impl Roof {
    /// Ends every socket of this node of a person in a role.
    pub(super) fn cut_role(&self, tenant: TenantId, person: PersonId, role: Role) {
        if let Some(end) = self.end_role.get() {
            end(tenant, person, role);
        }
    }
}

impl World for Roof {
    fn now(&self) -> Time {
        (self.clock)()
    }

    fn perform(&self, from: Key, effect: Effect) -> bool {
        match effect {
            Effect::Ask(ask) => {
                let bag = usize::from(ask.to().shard()) % self.bags.len();
                let reign = self.reign(from);
                self.bags[bag].try_send(Errand { from, reign, ask }).is_ok()
            }
            Effect::Media(room, order) => {
                self.calls.order(room, order);
                true
            }
            Effect::Cut(link) => {
                self.cut_link(link);
                if let Some(house) = self.house.get().and_then(Weak::upgrade) {
                    house.announce(&PeerRequest::CutLink(link));
                }
                true
            }
            Effect::Expel(tenant, person, role) => {
                self.cut_role(tenant, person, role);
                if let Some(house) = self.house.get().and_then(Weak::upgrade) {
                    house.announce(&PeerRequest::CutRole { tenant, person, role });
                }
                true
            }
        }
    }

    fn slept(&self, key: Key) {
        let Some(house) = self.house.get().and_then(Weak::upgrade) else { return };
        by_kind!(key, M => M::cast(&house).slept(key));
    }

    fn here(&self, key: Key) -> bool {
        self.road.whose(key.shard()) == Whose::Here
    }

    fn readable(&self, key: Key) -> bool {
        self.road.readable(key.shard())
    }

    fn generation(&self, key: Key) -> u32 {
        self.road.generation(key.shard())
    }

    fn frail(&self, key: Key) -> bool {
        // A member of an older release could not tell its browsers why.
        self.road.frail(key.shard()) && self.road.level() >= version::STRICT
    }

    fn reign(&self, key: Key) -> u64 {
        self.reign_over(key.shard())
    }

    fn lost(&self, key: Key) {
        let shard = key.shard();
        // A new reign even if this node serves the shard again by now: what was not kept is not
        // known to the next life, and nobody of the old one may go on.
        if let Some(rule) = self.shards.get(usize::from(shard)) {
            rule.reign.fetch_add(1, Ordering::AcqRel);
        }
        self.ring(|due| due.shards.extend([shard]));
    }
}
