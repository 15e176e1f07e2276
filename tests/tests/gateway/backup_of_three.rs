//! One backup of three nodes, taken while people write and one of the nodes goes.

use super::{
    backup::{Vault, chatter, compare, editing, empty_like, heads, lying_in, texts},
    files::{bytes, get, new_file, put},
    stage::Stage,
};
use node::{
    backup,
    cluster::admin::{self, Order},
    commands,
    config::Config,
    node::Node,
};
use protocol::{
    cluster::Map,
    id::{FileId, MessageId, Seq},
    key::SHARDS,
};
use std::{
    collections::BTreeMap,
    fs,
    net::{TcpListener, UdpSocket},
    sync::Arc,
    time::Duration,
};
use storage::{journal::JournalId, ledger::Ledger, twin::Standing};
use tempfile::TempDir;
use tests::browser::{Browser, Socket};
use tokio::sync::{Notify, oneshot};

/// How long three nodes may take to share everything: 256 copies are made.
const SHARED: Duration = Duration::from_secs(240);

/// A port that nobody uses at the moment, for TCP and for UDP.
fn free_port() -> u16 {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let at = tcp.local_addr().expect("bound");
        if UdpSocket::bind(at).is_ok() {
            return at.port();
        }
    }
}

fn of_cluster(config: &mut Config, name: &str) {
    let here = |port| Some(([127, 0, 0, 1], port).into());
    config.cluster.listen = here(free_port());
    config.cluster.join = here(free_port());
    config.cluster.name = name.into();
    config.cluster.site = name.into();
}

/// Another node, which joins the first.
async fn joined(first: &Stage, name: &str) -> (TempDir, Config, Node) {
    let invite = Order::Invite { minutes: 5, witness: false };
    let invited = admin::order(&first.data(), &invite).await.expect("invited");
    let token = invited["token"].as_str().expect("a token").to_owned();
    let (dir, mut config) = empty_like(first.config());
    of_cluster(&mut config, name);
    commands::join(&token, &config).await.expect("it joins");
    let node = Node::start(config.clone()).await.expect("it starts");
    (dir, config, node)
}

/// Waits until the map is like this.
async fn until(first: &Stage, what: &str, is: impl FnMut(&Arc<Map>) -> bool) {
    let mut maps = first.node.member.control.maps();
    let waited = tokio::time::timeout(SHARED, maps.wait_for(is)).await;
    assert!(waited.is_ok_and(|it| it.is_ok()), "never: {what}");
}

/// The journals of whoever serves this one.
fn serving<'a>(ledgers: &[&'a Ledger], journal: &JournalId) -> &'a Ledger {
    let serves = |it: &&&Ledger| matches!(it.standing(journal.shard()), Standing::Serving { .. });
    ledgers.iter().find(serves).expect("somebody serves it")
}

/// Where every journal ends, by whoever serves it.
fn served_heads(ledgers: &[&Ledger]) -> BTreeMap<JournalId, Seq> {
    let mut found = BTreeMap::new();
    for ledger in ledgers {
        let serves =
            |it: &JournalId| matches!(ledger.standing(it.shard()), Standing::Serving { .. });
        found.extend(heads(ledger).into_iter().filter(|(journal, _)| serves(journal)));
    }
    found
}

/// What was done before the backup.
struct Seeded {
    expert_socket: Socket,
    first: MessageId,
    file: FileId,
    content: Vec<u8>,
}

/// Messages, a file of several pieces, and many small ones on as many shards.
async fn seed(stage: &Stage) -> Seeded {
    let (expert, content) = (stage.expert().await, bytes(1_200_000));
    let mut expert_socket = expert.socket().await;
    let first = stage.said(&mut expert_socket, "vorher").await;
    for number in 0..20 {
        stage.said(&mut expert_socket, format!("vorher {number}")).await;
    }
    let file = new_file();
    assert_eq!(put(stage, &expert, file, "a.pdf", &content).await.status, 201);
    for number in 0..40 {
        let small = bytes(1000 + number);
        assert_eq!(put(stage, &expert, new_file(), "b.pdf", &small).await.status, 201);
    }
    Seeded { expert_socket, first, file, content }
}

#[tokio::test(flavor = "multi_thread")]
async fn bu1_bu2_shards_on_three_nodes_one_of_which_goes_meanwhile_make_one_backup() {
    let (stage, vault) = (Stage::with(|it| of_cluster(it, "one")).await, Vault::new());
    let Seeded { expert_socket, first, file, content } = seed(&stage).await;
    let (_second_dir, _, second) = joined(&stage, "two").await;
    let (_third_dir, third_config, third) = joined(&stage, "three").await;
    until(&stage, "all is held twice, by all three", |map| {
        let serve = |number: &u64| map.places.iter().any(|it| it.config.primary.number == *number);
        map.members.len() == 3
            && map.members.keys().all(serve)
            && map.places.iter().all(|it| it.config.twin.is_some() && it.wanted.is_none())
    })
    .await;

    let ledger = |node: &Node| node.holder.ledger.clone();
    let (one, two, three) = (ledger(&stage.node), ledger(&second), ledger(&third));
    let all = || served_heads(&[&one, &two, &three]);
    super::stage::eventually("everything to be served", || all().len() > 45).await;
    let before = all();
    assert!(before.len() > 45, "something is to be kept: {}", before.len());
    drop(two);

    // People write, and the second node goes when the rooms are being read.
    let (stop, stopped) = oneshot::channel();
    let talk = tokio::spawn(chatter(expert_socket, editing(stage.conversation(), first), stopped));
    let rooms = Arc::new(Notify::new());
    let tell = rooms.clone();
    let leave = tokio::spawn(async move {
        rooms.notified().await;
        second.stop().await;
    });
    let data = third_config.storage.data.clone();
    let taken = backup::take(&data, &vault.key, &vault.file(), move |it| {
        if it.kind == "rooms" {
            tell.notify_one();
        }
    })
    .await;
    let taken = taken.expect("taken all the same");
    let _ = stop.send(());
    talk.await.expect("people went on");
    leave.await.expect("it went");

    let report = vault.verified().expect("it is sound");
    assert_eq!(report, taken);
    let tally = &report.manifest.tally;
    assert_eq!((tally.contents, tally.lost), (41, 0), "BU3");
    let (dir, config) = empty_like(stage.config());
    vault.restored(&config).expect("restored");
    let ledgers = [&one, &three];
    let all_served = || {
        (0..SHARDS).all(|shard| {
            ledgers.iter().any(|it| matches!(it.standing(shard), Standing::Serving { .. }))
        })
    };
    super::stage::eventually("the two that are left serve everything", all_served).await;
    let restored = lying_in(&config.storage.data);
    compare(&restored, |journal| serving(&ledgers, journal), &before);
    restored.close();

    let demo = "demo.json";
    fs::copy(stage.data().join(demo), config.storage.data.join(demo)).expect("its words");
    let alone = Stage::on(dir, config).await;
    let again = Browser::sign_in(&alone.site, &stage.demo.login, &stage.demo.password).await;
    let seen = texts(&alone, &again).await;
    assert!((0..20).all(|it| seen.contains(&format!("vorher {it}"))), "{seen:?}");
    assert!(get(&alone, &again, file, "").await.body == content);
    third.stop().await;
}
