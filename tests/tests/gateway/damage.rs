//! Three nodes in this process, two with data and a witness; the disk of one is damaged while it is
//! away.
//!
//! Nothing here is moved by hand: nodes join by tokens, and what was damaged is found and mended by
//! the scrubber of the node that came back. Two with data, so that its copies go nowhere else.

use super::stage::{done, eventually};
use node::{
    clock::now,
    cluster::admin::{self, Order},
    commands,
    config::Config,
    dev,
    node::Node,
    secrets::chance,
    witness::Witness,
};
use protocol::{
    conversation::{ConversationCommand, ConversationView},
    frame::{Command, ToBrowser, Topic, View},
    id::{ConversationId, FileId, MessageId, Seq},
    key::Key,
};
use std::{net::TcpListener, time::Duration};
use storage::{
    journal::JournalId,
    store::{Batch, Store as _, sled::SledStore},
    twin::Standing,
};
use tempfile::TempDir;
use tests::browser::{Browser, Site, Socket};

/// How long a whole cluster may take for anything, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(180);
const MESSAGES: usize = 30;
/// The one without data.
const WITNESS: usize = 2;

/// Two nodes with data, those that run, and a witness.
struct Three {
    nodes: Vec<Option<Node>>,
    configs: Vec<Config>,
    witness: Option<Witness>,
    _dir: TempDir,
}

fn free_port() -> u16 {
    let probe = TcpListener::bind("127.0.0.1:0").expect("a port");
    probe.local_addr().expect("it is bound").port()
}

impl Three {
    async fn start() -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let dir = tempfile::tempdir().expect("a folder for the test");
        let config = |number: usize| {
            let mut config = Config::default();
            config.storage.data = dir.path().join(format!("node-{number}"));
            config.storage.segment_bytes = 1 << 20;
            config.storage.scrub_every_seconds = 1;
            config.storage.scrub_bytes_per_second = 1 << 30;
            config.listen.web = ([127, 0, 0, 1], free_port()).into();
            config.listen.media = ([127, 0, 0, 1], 0).into();
            config.cluster.listen = Some(([127, 0, 0, 1], free_port()).into());
            config.cluster.join = Some(([127, 0, 0, 1], free_port()).into());
            config.cluster.site = format!("site-{number}");
            config.cluster.name = format!("node-{number}");
            config
        };
        let configs: Vec<Config> = (0..3).map(config).collect();
        let mut three = Self { nodes: Vec::new(), configs, witness: None, _dir: dir };
        for number in 0..3 {
            if number > 0 {
                let invite = Order::Invite { minutes: 10, witness: number == WITNESS };
                let first = &three.configs[0].storage.data;
                let invited = admin::order(first, &invite).await.expect("an invitation");
                let token = invited["token"].as_str().expect("it holds a token");
                let joined = commands::join(token, &three.configs[number]).await;
                joined.expect("it joins");
            }
            let config = three.configs[number].clone();
            if number == WITNESS {
                three.witness = Some(Witness::start(config).await.expect("it votes"));
            } else {
                three.nodes.push(Some(Node::start(config).await.expect("it starts")));
            }
        }
        three.until("two copies of everything", Self::is_whole).await;
        three
    }

    async fn until(&self, what: &str, mut is: impl FnMut(&Self) -> bool) {
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        let waited = tokio::time::timeout(PATIENCE, async {
            while !is(self) {
                tick.tick().await;
            }
        });
        assert!(waited.await.is_ok(), "waited {PATIENCE:?} in vain for {what}");
    }

    fn up(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().flatten()
    }

    fn at(&self, number: usize) -> &Node {
        self.nodes[number].as_ref().expect("it runs")
    }

    /// Every shard has a twin, and whoever holds one knows.
    fn is_whole(&self) -> bool {
        self.up().all(|node| {
            let map = node.member.control.map();
            map.members.len() == 3 && map.places.iter().all(|it| it.config.twin.is_some())
        })
    }

    fn serves(&self, number: usize, shard: u16) -> bool {
        matches!(self.at(number).holder.ledger.standing(shard), Standing::Serving { .. })
    }

    fn site(&self, number: usize) -> Site {
        Site::of(self.at(number).address, &self.configs[number].storage.data)
    }

    async fn stop(&mut self, number: usize) {
        let node = self.nodes[number].take().expect("it runs");
        node.stop().await;
        let data = self.configs[number].storage.data.clone();
        let locks = [data.join("journals/lock"), data.join("files/lock")];
        eventually("its folders to be let go", || locks.iter().all(|it| super::stage::is_free(it)))
            .await;
    }

    async fn start_again(&mut self, number: usize) {
        let node = Node::start(self.configs[number].clone()).await.expect("it starts again");
        self.nodes[number] = Some(node);
    }
}

/// Flips a bit of every third entry of a journal and of its head, as they lie in the engine.
fn damage(engine: &std::path::Path, journal: &JournalId) -> usize {
    let store = SledStore::open(engine, 8 << 20).expect("it opens");
    let entries = [b"e", journal.as_str().as_bytes(), &[0]].concat();
    let mut pairs = store.scan(&entries, &entries, 10_000).expect("scanned");
    let head = [b"h", journal.as_str().as_bytes()].concat();
    pairs = pairs.into_iter().step_by(3).collect();
    pairs.push((head.clone(), store.get(&head).expect("read").expect("it has a head")));
    let mut batch = Batch::default();
    for (key, mut value) in pairs {
        let place = value.len() / 2;
        value[place] ^= 4;
        batch.put(key, value);
    }
    store.apply(&batch).expect("applied");
    store.sync().expect("synced");
    batch.len()
}

async fn shown(socket: &mut Socket, conversation: ConversationId) -> ConversationView {
    match socket.watch(Topic::Conversation { conversation }, Seq::START).await {
        ToBrowser::Shown { view: View::Conversation { view }, .. } => view,
        other => panic!("not the conversation: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_damaged_while_a_node_was_away_is_mended_from_the_other_copy() {
    let mut three = Three::start().await;
    let url = format!("https://localhost:{}", three.at(0).address.port());
    let data = three.configs[0].storage.data.clone();
    let demo = dev::prepare(&three.at(0).gate, &url, &data).await.expect("the demo is made");
    let conversation = demo.case.conversation();
    let key = Key::Conversation(conversation);
    let journal = JournalId::new(&key.to_string()).expect("a good name");

    let expert = Browser::sign_in(&three.site(0), &demo.login, &demo.password).await;
    let mut socket = expert.socket().await;
    for number in 0..MESSAGES {
        let (text, files) = (format!("message {number}"), Vec::new());
        let message = MessageId::new(now(), chance());
        let command = ConversationCommand::Say { message, text, files };
        done(socket.ask(Command::Conversation { conversation, command }).await);
    }
    // A file whose record lies in the conversation's shard, so that one node holds both.
    let shard = u128::from(key.shard());
    let file = FileId::from_u128((FileId::new(now(), chance()).as_u128() & !0xff) | shard);
    let body: Vec<u8> = (0..600_000_u32).map(|at| (at * 31 + at / 251) as u8).collect();
    let origin = format!("https://{}", three.site(0).host);
    let path = format!("/api/files/{conversation}?file={file}&name=a.bin");
    let sent = expert.request("POST", &path, &[("Origin", &origin)], &body).await;
    assert_eq!(sent.status, 201, "{}", sent.text());
    let before = shown(&mut socket, conversation).await;

    let victim = usize::from(!three.serves(1, key.shard()));
    let other = 1 - victim;
    drop(socket);
    three.stop(victim).await;
    let data = three.configs[victim].storage.data.clone();
    let flipped = damage(&data.join("journals/sled"), &journal);
    let name = storage::digest::hex(&storage::digest::sha256(&body));
    let content = data.join("files/kept").join(name);
    let mut bytes = std::fs::read(&content).expect("the content lies there");
    bytes[300_000] ^= 1;
    std::fs::write(&content, bytes).expect("written");

    three.start_again(victim).await;
    three
        .until("the damage to be mended", |it| {
            let shown = it.at(victim).holder.scrub.shown();
            shown.figures.healed > flipped as u64 && shown.open.is_empty()
        })
        .await;
    assert_eq!(three.at(victim).holder.ledger.verify(&journal), Ok(()));
    three.until("two copies of everything", Three::is_whole).await;

    // Whoever else holds it goes away: what is read now is read from what was mended.
    three.stop(other).await;
    three.until("the mended copy to serve", |it| it.serves(victim, key.shard())).await;
    let site = three.site(victim);
    let expert = Browser::sign_in(&site, &demo.login, &demo.password).await;
    let mut socket = expert.socket().await;
    let after = shown(&mut socket, conversation).await;
    assert_eq!(after.messages, before.messages);
    assert_eq!(after.messages.len(), MESSAGES);
    let got = expert.get(&format!("/api/files/{conversation}/{file}")).await;
    assert_eq!((got.status, got.body == body), (200, true));
    for node in three.nodes.iter_mut().filter_map(Option::take) {
        node.stop().await;
    }
    three.witness.take().expect("it voted").stop().await;
}
