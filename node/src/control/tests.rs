//! Several members in one process, over links that can be cut and logs on a real disk.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use protocol::{
    cluster::{Candidate, Cas, Change, ChangeRefusal, Labels, Map, NodeKey, Purpose},
    id::NodeId,
    time::Time,
};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::*;

mod bytes;
mod crash;
mod group;
mod recover;

/// As long as a fact may take to become true on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Every member of one test, and the links between them.
#[derive(Clone, Default)]
struct Net(Arc<Mutex<Wires>>);

#[derive(Default)]
struct Wires {
    running: BTreeMap<u64, Control>,
    /// Who hears nobody and is heard by nobody.
    cut: BTreeSet<u64>,
    /// So many answers to changes are lost on their way back.
    lose: u32,
}

impl Net {
    fn linked(&self, one: u64, other: u64) -> Option<Control> {
        let wires = self.0.lock();
        let whole = !wires.cut.contains(&one) && !wires.cut.contains(&other);
        wires.running.get(&other).filter(|_| whole).cloned()
    }

    fn cut(&self, number: u64, cut: bool) {
        let wires = &mut self.0.lock();
        if cut {
            wires.cut.insert(number)
        } else {
            wires.cut.remove(&number)
        };
    }
}

struct Road {
    me: u64,
    net: Net,
}

impl RaftRoad for Road {
    fn carry(&self, to: u64, bytes: Vec<u8>) -> BoxFuture<'static, Result<Vec<u8>, RoadFault>> {
        let (me, net) = (self.me, self.net.clone());
        Box::pin(async move {
            let other = net.linked(me, to).ok_or(RoadFault::Unsent(to))?;
            let asks = wire::read::<wire::Envelope>(&bytes);
            let answer = other.heard(bytes).await.map_err(|_| RoadFault::Silent(to))?;
            if matches!(asks, Ok(wire::Envelope { said: wire::Said::Change(_), .. })) {
                let lose = &mut net.0.lock().lose;
                if *lose > 0 {
                    *lose -= 1;
                    return Err(RoadFault::Silent(to));
                }
            }
            net.linked(me, to).map(|_| answer).ok_or(RoadFault::Silent(to))
        })
    }

    fn reaches(&self) -> BTreeSet<u64> {
        let others: Vec<u64> = self.net.0.lock().running.keys().copied().collect();
        others.into_iter().filter(|it| self.net.linked(self.me, *it).is_some()).collect()
    }
}

/// A cluster under test.
struct World {
    net: Net,
    dirs: BTreeMap<u64, TempDir>,
    options: Options,
    tokens: u8,
}

fn quick() -> Options {
    Options {
        heartbeat: Duration::from_millis(100),
        election: (Duration::from_millis(300), Duration::from_millis(600)),
        patience: Duration::from_secs(4),
        round: Duration::from_millis(50),
        segment_bytes: 1024 * 1024,
        ..Options::default()
    }
}

fn candidate(storage: u64, purpose: Purpose) -> Candidate {
    Candidate {
        storage,
        id: NodeId::from_u128(u128::from(storage)),
        peer: format!("peer-{storage}"),
        addresses: Vec::new(),
        web: Vec::new(),
        labels: Labels {
            name: format!("node-{storage}"),
            country: "DE".into(),
            site: String::new(),
        },
        purpose,
        release: "0.1.0".into(),
        wire: 1,
    }
}

impl World {
    async fn founded(options: Options) -> Self {
        let mut world = Self { net: Net::default(), dirs: BTreeMap::new(), options, tokens: 0 };
        world.start(1).await;
        let cluster = NodeId::from_u128(1);
        let found = world.at(1).found(cluster, 8, candidate(1, Purpose::Data)).await;
        found.expect("nobody founded it before");
        world
    }

    /// A founder and more nodes with data, as soon as their votes are given.
    async fn of(data: u64) -> Self {
        let mut world = Self::founded(quick()).await;
        for _ in 1..data {
            world.join(Purpose::Data).await;
        }
        let votes = if data < 3 { 1 } else { 3.max(data.min(5) - 1 + data % 2) } as usize;
        world.until_votes(votes).await;
        world
    }

    async fn start(&mut self, number: u64) {
        let dir = self.dirs.entry(number).or_insert_with(|| tempfile::tempdir().expect("a folder"));
        let road = Arc::new(Road { me: number, net: self.net.clone() });
        let control = Control::open(dir.path(), number, road, self.options.clone()).await;
        let control = control.expect("a sound folder");
        self.net.0.lock().running.insert(number, control);
    }

    /// It is gone at once, as far as the others can tell.
    async fn stop(&self, number: u64) {
        let control = self.net.0.lock().running.remove(&number).expect("it runs");
        control.close().await;
    }

    fn at(&self, number: u64) -> Control {
        self.net.0.lock().running[&number].clone()
    }

    fn everybody(&self) -> Vec<Control> {
        self.net.0.lock().running.values().cloned().collect()
    }

    fn invite(&mut self) -> Change {
        self.tokens += 1;
        let expires = Time::from_ms(100);
        Change::Invite { digest: [self.tokens; 32], expires, purpose: Purpose::Data }
    }

    async fn join(&mut self, purpose: Purpose) -> u64 {
        let digest = [200; 32];
        let expires = Time::from_ms(100);
        let any = self.everybody().remove(0);
        any.change(Change::Invite { digest, expires, purpose }).await.expect("invited");
        let storage = any.map().storages.len() as u64 + 1;
        let candidate = candidate(storage, purpose);
        let admit = Change::Admit { digest, now: Time::from_ms(1), candidate };
        let number = any.change(admit).await.expect("admitted").index;
        self.start(number).await;
        number
    }

    /// A change at any of them, tried until it is made; the election may be under way.
    async fn make(&mut self, at: u64) -> Changed {
        let change = self.invite();
        let begun = Instant::now();
        loop {
            match self.at(at).change(change.clone()).await {
                Ok(made) => return made,
                // An answer was lost on the way: it was made before.
                Err(ControlNo::Refused(ChangeRefusal::Used)) => {
                    return Changed { index: 0, refused: Vec::new() };
                }
                Err(why) => assert!(begun.elapsed() < PATIENCE, "{why}"),
            }
        }
    }

    async fn until_votes(&self, votes: usize) {
        let all = || {
            self.everybody().iter().any(|it| {
                let status = it.status();
                let whole = status.voters.len() == votes && !status.moving;
                whole && status.leader == Some(it.number())
            })
        };
        until("the votes are given", all).await;
    }

    /// Everybody who runs and is linked has the same map, which holds all that was made.
    async fn until_agreed(&self) -> Arc<Map> {
        let maps = || {
            let cut = self.net.0.lock().cut.clone();
            let running = self.everybody();
            let linked = running.iter().filter(|it| !cut.contains(&it.number()));
            linked.map(Control::map).collect::<Vec<_>>()
        };
        let newest = || maps().iter().map(|it| it.index).max().unwrap_or(0);
        until("all maps are one", || maps().iter().all(|it| it.index == newest())).await;
        let map = maps().remove(0);
        storage::control::check(&map);
        map
    }

    fn leader(&self) -> Option<u64> {
        let cut = self.net.0.lock().cut.clone();
        let running = self.everybody();
        let linked = running.iter().filter(|it| !cut.contains(&it.number()));
        linked.filter(|it| it.status().leader == Some(it.number())).map(Control::number).next()
    }

    async fn until_led(&self, by: impl Fn(u64) -> bool) -> u64 {
        until("somebody leads", || self.leader().is_some_and(&by)).await;
        self.leader().expect("it was just seen")
    }
}

async fn until(what: &str, fact: impl Fn() -> bool) {
    let begun = Instant::now();
    while !fact() {
        assert!(begun.elapsed() < PATIENCE, "not in {PATIENCE:?}: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

fn has(map: &Map, change: &Change) -> bool {
    let Change::Invite { digest, .. } = change else { return false };
    map.invitations.iter().any(|it| it.digest == *digest)
}
