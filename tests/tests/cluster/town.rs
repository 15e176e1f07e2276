//! Some nodes that found, join and leave a cluster, and people who send files to any of them.

use actors::session;
use node::{
    clock::now,
    cluster::admin::{self, Order},
    commands,
    config::Config,
    dev::{self, Demo},
    node::Node,
    secrets::chance,
};
use protocol::{
    caller::Caller,
    cluster::{Map, NodeKey},
    id::{FileId, SessionId},
    key::Key,
    operator::Overview,
    session::Origin,
    time::Span,
};
use serde_json::Value;
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use storage::{content::ContentId, digest::sha256};
use tempfile::TempDir;
use tests::browser::{Answer, Browser, Site};

/// How long anything is waited for: everything runs in one process, on whatever machine this is.
const PATIENCE: Duration = Duration::from_secs(120);

/// One machine: its folder outlives its node.
pub(crate) struct Machine {
    pub(crate) config: Config,
    pub(crate) node: Option<Node>,
}

/// What is told to each node beside what all are told.
type Turn = Box<dyn Fn(usize, &mut Config)>;

/// A cluster.
pub(crate) struct Town {
    pub(crate) machines: Vec<Machine>,
    pub(crate) demo: Demo,
    turn: Turn,
    address: [u8; 2],
    dir: TempDir,
}

impl Town {
    /// So many nodes, every shard on two of them.
    pub(crate) async fn of(count: usize) -> Self {
        Self::with(count, |_, _| {}).await
    }

    /// The same with some knobs turned.
    pub(crate) async fn with(count: usize, turn: impl Fn(usize, &mut Config) + 'static) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let dir = tempfile::tempdir().expect("a folder for the test");
        let address = chance::<2>();
        let turn = Box::new(turn);
        let first = machine(dir.path(), address, 0, &*turn);
        let node = Node::start(first.clone()).await.expect("the first node starts");
        let url = format!("https://localhost:{}", node.address.port());
        let demo = dev::prepare(&node.gate, &url, &first.storage.data).await;
        let demo = demo.expect("the demo is made");
        let machines = vec![Machine { config: first, node: Some(node) }];
        let mut town = Self { machines, demo, turn, address, dir };
        for _ in 1..count {
            town.join().await;
        }
        if count > 1 {
            town.until("two copies of everything", |it| it.is_whole()).await;
        }
        town
    }

    /// One more node.
    pub(crate) async fn join(&mut self) -> usize {
        let place = self.machines.len();
        let config = machine(self.dir.path(), self.address, place, &*self.turn);
        let invite = Order::Invite { minutes: 10, witness: false };
        let invited = self.order(self.awake(), &invite).await.expect("invited");
        let token = invited["token"].as_str().expect("a token");
        commands::join(token, &config).await.expect("it is let in");
        let node = Node::start(config.clone()).await.expect("it starts");
        self.machines.push(Machine { config, node: Some(node) });
        place
    }

    /// Stops a node; its disk stays.
    pub(crate) async fn stop(&mut self, place: usize) {
        let node = self.machines[place].node.take().expect("it runs");
        node.stop().await;
        // Stopped actors let go of the journals when they have had their turn; in a process of its
        // own a node would be gone by then.
        let locks = ["journals/lock", "files/lock"].map(|it| self.data(place).join(it));
        self.until("a disk to be let go", |_| locks.iter().all(|it| is_free(it))).await;
    }

    /// Starts a node that was stopped.
    pub(crate) async fn start(&mut self, place: usize) {
        let config = self.machines[place].config.clone();
        self.machines[place].node = Some(Node::start(config).await.expect("it starts"));
    }

    /// A content is gone from the disks of these nodes, and nobody was told.
    pub(crate) fn lose(&self, places: &[usize], content: &ContentId) {
        for place in places {
            self.node(*place).gate.files.remove(content).expect("removed");
        }
    }

    pub(crate) fn node(&self, place: usize) -> &Node {
        self.machines[place].node.as_ref().expect("it runs")
    }

    pub(crate) fn data(&self, place: usize) -> PathBuf {
        self.machines[place].config.storage.data.clone()
    }

    pub(crate) fn key(&self, place: usize) -> NodeKey {
        self.node(place).member.identity.key
    }

    /// Some node that runs.
    pub(crate) fn awake(&self) -> usize {
        self.machines.iter().position(|it| it.node.is_some()).expect("somebody is awake")
    }

    pub(crate) fn running(&self) -> Vec<usize> {
        let places = 0..self.machines.len();
        places.filter(|place| self.machines[*place].node.is_some()).collect()
    }

    pub(crate) fn map(&self) -> Arc<Map> {
        let maps = self.running().into_iter().map(|it| self.node(it).member.control.map());
        maps.max_by_key(|map| map.index).expect("somebody is awake")
    }

    /// Gives an order at a node's own door.
    pub(crate) async fn order(&self, place: usize, order: &Order) -> Result<Value, String> {
        admin::order(&self.data(place), order).await.map_err(|no| no.to_string())
    }

    /// The cluster as a node shows it.
    pub(crate) async fn overview(&self, place: usize) -> Overview {
        self.node(place).gate.cluster.view().await.expect("a view")
    }

    fn is_whole(&self) -> bool {
        let map = self.map();
        let two = map.places.iter().all(|it| it.config.twin.is_some());
        map.members.len() == self.machines.len() && two && !map.settings.countries.is_empty()
    }

    /// The places of those who hold a file's record.
    pub(crate) fn holders(&self, file: FileId) -> Vec<usize> {
        let map = self.map();
        let config = map.config(Key::File(file).shard()).expect("there is such a shard");
        let held = |place: &usize| config.is_eligible(self.key(*place));
        self.running().into_iter().filter(held).collect()
    }

    /// Waits for a fact.
    pub(crate) async fn until(&self, what: &str, is: impl Fn(&Self) -> bool) {
        self.until_so(what, async || is(self)).await;
    }

    /// Waits for a fact that has to be asked for.
    pub(crate) async fn until_so(&self, what: &str, mut is: impl AsyncFnMut() -> bool) {
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        let waited = async {
            while !is().await {
                tick.tick().await;
            }
        };
        if tokio::time::timeout(PATIENCE, waited).await.is_err() {
            panic!("waited {PATIENCE:?} in vain for {what}: {}", self.picture().await);
        }
    }

    /// Everything there is to say, for whoever waited in vain.
    async fn picture(&self) -> String {
        let mut said = String::new();
        for place in self.running() {
            let seen = self.overview(place).await;
            let porter = self.node(place).holder.porter.known();
            said += &format!("\n{place}: {:?} {porter:?} {:?}", seen.verdicts, seen.nodes);
        }
        said
    }

    /// A browser of the first expert at a node.
    pub(crate) async fn expert(&self, place: usize) -> Browser {
        let gate = &self.node(place).gate;
        let query = actors::vault::Query::Enrolled { login: self.demo.login.clone() };
        let known = gate.house.query::<actors::vault::Vault>(Key::Vault(gate.tenant), query).await;
        let actors::vault::Answer::Enrolled(known) = known.expect("the vault answers") else {
            unreachable!("another answer than asked for")
        };
        let known = known.expect("the demo enrolled them");
        let (session, until) =
            (SessionId::new(now(), chance()), now().after(Span::from_secs(3600)));
        let (person, role, origin) = (known.person, known.role, Origin::SignIn {});
        let input = session::Input::Open { person, role, origin, until };
        let (key, by) = (Key::Session(session), Caller::node(gate.tenant));
        gate.house.ask::<session::Session>(key, by, input).await.expect("a session is born");
        let site = Site::of(self.node(place).address, &self.data(place));
        Browser::with_cookie(&site, &gate.secrets.cookie(gate.tenant, session))
    }

    /// Sends a file to a node.
    pub(crate) async fn upload(&self, place: usize, file: FileId, body: &[u8]) -> ContentId {
        let browser = self.expert(place).await;
        let conversation = self.demo.case.conversation();
        let path = format!("/api/files/{conversation}?file={file}&name=plan.pdf");
        let origin = format!("https://localhost:{}", self.node(place).address.port());
        let sent = browser.request("POST", &path, &[("Origin", &origin)], body).await;
        assert_eq!(sent.status, 201, "{}", sent.text());
        ContentId { hash: sha256(body), len: body.len() as u64 }
    }

    /// Fetches a file from a node.
    pub(crate) async fn download(&self, place: usize, file: FileId) -> Answer {
        let path = format!("/api/files/{}/{file}", self.demo.case.conversation());
        self.expert(place).await.get(&path).await
    }

    /// Whether a content lies on a node's disk.
    pub(crate) fn has(&self, place: usize, content: &ContentId) -> bool {
        self.node(place).gate.files.has(content).expect("the disk answers")
    }

    /// Relieves a node, waits until it is empty, and ends its membership.
    pub(crate) async fn let_go(&self, place: usize) {
        let node = format!("n{}", self.key(place).number);
        // Who is removed is cut off, and would not hear that it was.
        let at = self.running().into_iter().find(|it| *it != place).expect("there are others");
        let drain = Order::Drain { node: node.clone(), on: true };
        self.order(at, &drain).await.expect("it is relieved");
        let remove = Order::Remove { node, accept_loss: false };
        self.until_so("a node may go", async || self.order(at, &remove).await.is_ok()).await;
    }
}

/// A new id for a file of a shard.
pub(crate) fn file_of(shard: u16) -> FileId {
    loop {
        let file = FileId::new(now(), chance());
        if Key::File(file).shard() == shard {
            return file;
        }
    }
}

/// Whether nobody holds this lock.
fn is_free(path: &Path) -> bool {
    let lock = std::fs::File::open(path).expect("a node leaves its lock");
    rustix::fs::flock(lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_ok()
}

fn machine(
    dir: &Path,
    [one, two]: [u8; 2],
    place: usize,
    turn: &dyn Fn(usize, &mut Config),
) -> Config {
    // Every test has a network of its own on the loopback, and so can choose its ports.
    let ip = IpAddr::V4(Ipv4Addr::new(127, one.max(1), two, 10 + place as u8));
    let mut config = Config::default();
    config.storage.data = dir.join(format!("n{place}"));
    config.storage.segment_bytes = 1 << 20;
    config.listen.web = SocketAddr::new(ip, 0);
    config.listen.media = SocketAddr::new(ip, 0);
    config.cluster.listen = Some(SocketAddr::new(ip, 7400));
    config.cluster.join = Some(SocketAddr::new(ip, 7401));
    config.cluster.name = format!("node-{place}");
    config.cluster.site = format!("site-{place}");
    config.cluster.country = "DE".into();
    config.limits.sign_ins_per_minute = 1000;
    turn(place, &mut config);
    config
}
