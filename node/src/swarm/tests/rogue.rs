//! A peer with a member's key that does what it likes.

use super::super::{
    behaviour,
    frames::{self, Hello, LineId},
    keeper,
};
use super::*;
use libp2p::{
    Multiaddr, PeerId, Stream,
    futures::StreamExt,
    swarm::{SwarmEvent, dial_opts::DialOpts},
};
use libp2p_stream::Control;
use tokio::task::JoinSet;

fn hello(line: LineId) -> Hello {
    Hello { line, spoken: Spoken::OURS }
}

/// Connected to one node; answers its hellos and reads nothing after them.
pub(super) struct Rogue {
    pub(super) control: Control,
    pub(super) target: PeerId,
    _tasks: JoinSet<()>,
}

impl Rogue {
    pub(super) async fn connect(identity: &Identity, to: &Node) -> Self {
        let streams = libp2p_stream::Behaviour::new();
        let year = Duration::from_secs(365 * 24 * 3600);
        let swarm = behaviour::build(identity, streams, |it| it.with_idle_connection_timeout(year));
        let mut swarm = swarm.expect("a swarm is made");
        let target = to.identity.id();
        let addresses: Vec<Multiaddr> =
            to.swarm.addresses().iter().map(|it| it.parse().expect("an address")).collect();
        let mut control = swarm.behaviour().new_control();
        let mut tasks = JoinSet::new();
        for class in Class::ALL {
            let mut incoming = control.accept(keeper::protocol(class)).expect("taken once");
            tasks.spawn(async move {
                let mut held = Vec::new();
                while let Some((_, mut stream)) = incoming.next().await {
                    if let Ok(Hello { line, .. }) = frames::greeted(&mut stream).await {
                        let _ = frames::greet(&mut stream, hello(line)).await;
                        held.push(stream);
                    }
                }
            });
        }
        let options = DialOpts::peer_id(target).addresses(addresses).build();
        swarm.dial(options).expect("dialled");
        let connected = timeout(SOON, async {
            loop {
                match swarm.select_next_some().await {
                    SwarmEvent::ConnectionEstablished { .. } => return,
                    SwarmEvent::OutgoingConnectionError { error, .. } => panic!("{error}"),
                    _ => {}
                }
            }
        });
        connected.await.expect("connected");
        tasks.spawn(async move {
            loop {
                swarm.select_next_some().await;
            }
        });
        Self { control, target, _tasks: tasks }
    }

    /// A stream on which nothing was said yet.
    pub(super) async fn open(&mut self, class: Class) -> Option<Stream> {
        self.control.open_stream(self.target, keeper::protocol(class)).await.ok()
    }

    /// A whole line, as an honest member opens it.
    pub(super) async fn line(&mut self, count: u64) -> Option<Vec<Stream>> {
        let line = LineId { boot: 666, count };
        let mut streams = Vec::new();
        for class in Class::ALL {
            let mut stream = self.open(class).await?;
            frames::greet(&mut stream, hello(line)).await.ok()?;
            assert_eq!(frames::greeted(&mut stream).await.ok()?.line, line);
            streams.push(stream);
        }
        Some(streams)
    }
}
