//! Several swarms in one process, over real sockets of this machine.

mod door;
mod finding;
mod flow;
mod rogue;
mod strangers;
mod versions;

use super::{Admitted, Event, Heard, Identity, Link, Options, Swarm, Unsent};
use bytes::Bytes;
use protocol::{peer::Class, version::Spoken};
use std::{
    sync::{Arc, atomic::AtomicU64, atomic::Ordering},
    time::Duration,
};
use tokio::{
    sync::{broadcast, mpsc},
    time::{interval, timeout},
};

/// Whatever must happen happens within this time, on a busy machine too.
const SOON: Duration = Duration::from_secs(60);

type Frame = (u64, Class, Bytes);

/// A member of a test.
struct Node {
    number: u64,
    swarm: Swarm,
    identity: Identity,
    heard: mpsc::UnboundedReceiver<Frame>,
}

fn anywhere() -> Vec<String> {
    vec!["/ip4/127.0.0.1/udp/0/quic-v1".into(), "/ip4/127.0.0.1/tcp/0".into()]
}

/// A heard that keeps everything for the test.
fn ears() -> (Heard, mpsc::UnboundedReceiver<Frame>) {
    let (to, heard) = mpsc::unbounded_channel();
    let ears: Heard = Arc::new(move |from, class, frame| {
        let _ = to.send((from, class, frame));
        Box::pin(async {})
    });
    (ears, heard)
}

async fn start(number: u64) -> Node {
    start_with(number, Options::new(Identity::fresh(), anywhere())).await
}

async fn start_with(number: u64, options: Options) -> Node {
    let identity = options.identity.clone();
    let (ears, heard) = ears();
    let swarm = Swarm::start(options, ears).await.expect("the machine has free ports");
    Node { number, swarm, identity, heard }
}

impl Node {
    fn admitted(&self) -> Admitted {
        let addresses = self.swarm.addresses().to_vec();
        Admitted { number: self.number, peer: self.swarm.peer().to_owned(), addresses }
    }

    /// Admitted, but nobody says where it is.
    fn somewhere(&self) -> Admitted {
        Admitted { addresses: Vec::new(), ..self.admitted() }
    }

    fn link(&self, to: u64) -> Option<Link> {
        self.swarm.links().borrow().get(&to).cloned()
    }

    /// Waits until these members are up, and no others.
    async fn reaches(&self, members: &[u64]) {
        let mut links = self.swarm.links();
        let up = links.wait_for(|links| links.keys().eq(members));
        let up = timeout(SOON, up).await;
        assert!(up.is_ok(), "{} reaches {members:?}", self.number);
    }

    async fn next(&mut self) -> Frame {
        let frame = timeout(SOON, self.heard.recv()).await.expect("a frame arrives");
        frame.expect("the swarm runs")
    }

    /// Sends as soon as there is room.
    async fn send(&self, to: u64, class: Class, frame: Bytes) {
        until("there is room", || match self.swarm.send(to, class, frame.clone()) {
            Ok(()) => true,
            Err(Unsent::Full) => false,
            Err(other) => panic!("{other}"),
        })
        .await;
    }
}

/// Everybody may connect to everybody and knows where.
fn introduce(nodes: &[&Node]) {
    let all: Vec<_> = nodes.iter().map(|node| node.admitted()).collect();
    nodes.iter().for_each(|node| node.swarm.admit(all.clone()));
}

async fn pair() -> (Node, Node) {
    let (a, b) = (start(1).await, start(2).await);
    introduce(&[&a, &b]);
    a.reaches(&[2]).await;
    b.reaches(&[1]).await;
    (a, b)
}

async fn until(what: &str, mut fact: impl FnMut() -> bool) {
    let mut tick = interval(Duration::from_millis(2));
    let happened = timeout(SOON, async {
        while !fact() {
            tick.tick().await;
        }
    });
    assert!(happened.await.is_ok(), "it never happened that {what}");
}

async fn event(events: &mut broadcast::Receiver<Event>, wanted: Event) {
    let seen = timeout(SOON, async {
        while events.recv().await.expect("the listener keeps up") != wanted {}
    });
    assert!(seen.await.is_ok(), "{wanted:?} was never told");
}

fn read(figure: &AtomicU64) -> u64 {
    figure.load(Ordering::Relaxed)
}
