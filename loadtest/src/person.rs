//! One simulated person who speaks protocol and nothing else.
//!
//! A person is a task that owns one socket, and a handle that asks it for things. What the socket
//! tells is heard in the task: messages are counted and timed, gaps are noticed.
//!
//! # Invariants
//! - **L1** Of one conversation every position arrives once and in order; what is missing is lost.

use anyhow::{Context, Result, anyhow, bail};
use protocol::{
    frame::{Command, Reply, ToBrowser, ToNode, Topic},
    id::{Seq, SessionId},
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, oneshot};

use crate::{
    glance,
    measure::{Clock, Latencies},
    site::Site,
    window::Window,
    wire::{self, Wire},
};

/// Orders that may wait for one person.
const ORDERS: usize = 2048;
/// Longer than this nobody waits for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a person has heard.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// The last position of the conversation.
    pub(crate) last: AtomicU64,
    /// Positions that were skipped (L1).
    pub(crate) gaps: AtomicU64,
    /// Frames that told something told before; a browser ignores them (F1).
    pub(crate) again: AtomicU64,
    /// Why the socket ended, when it did.
    pub(crate) end: Mutex<Option<String>>,
}

/// What all people share.
#[derive(Clone)]
pub(crate) struct Shared {
    /// Where the nodes are.
    pub(crate) sites: Arc<[Site]>,
    /// The run's clock.
    pub(crate) clock: Arc<Clock>,
    /// From a speaker's sending to a listener's hearing.
    pub(crate) deliveries: Arc<Latencies>,
    /// What is on its way, when it is not to be more than the listeners keep up with.
    pub(crate) window: Option<Arc<Window>>,
}

impl Shared {
    /// The node of a person: each the next one's.
    pub(crate) fn site(&self, index: usize) -> &Site {
        &self.sites[index % self.sites.len()]
    }
}

/// The handle of one person.
#[derive(Clone)]
pub(crate) struct Person {
    /// Which one, from 0.
    pub(crate) index: usize,
    /// The device, as the node named it.
    pub(crate) session: SessionId,
    /// What was heard so far.
    pub(crate) heard: Arc<Heard>,
    orders: mpsc::Sender<Order>,
}

enum Order {
    Ask { request: String, command: Command, done: oneshot::Sender<Reply> },
    Watch { topic: Topic, done: oneshot::Sender<Result<ToBrowser>> },
    Unwatch { topic: Topic },
    Reconnect { done: oneshot::Sender<Result<Duration>> },
}

impl Person {
    /// Connects with a cookie; `news` is told every frame about the tenant.
    pub(crate) async fn connect(
        shared: &Shared,
        index: usize,
        cookie: String,
        news: Option<mpsc::Sender<ToBrowser>>,
    ) -> Result<Self> {
        let (wire, welcome) = Wire::connect(shared.site(index), &cookie).await?;
        let ToBrowser::Welcome { session, .. } = welcome else { bail!("no welcome") };
        let heard = Arc::new(Heard::default());
        let (orders, inbox) = mpsc::channel(ORDERS);
        let body = Body {
            index,
            shared: shared.clone(),
            cookie,
            wire,
            news,
            heard: heard.clone(),
            asks: HashMap::new(),
            next_ask: 1,
            watches: Vec::new(),
            conversation: None,
        };
        tokio::spawn(body.live(inbox));
        Ok(Self { index, session, heard, orders })
    }

    /// Asks the node and waits for the answer. The same `request` is the same ask.
    pub(crate) async fn ask(&self, request: String, command: Command) -> Result<Reply> {
        let (done, answer) = oneshot::channel();
        self.order(Order::Ask { request, command, done }, answer).await
    }

    /// Watches a topic and waits until it is shown.
    pub(crate) async fn watch(&self, topic: Topic) -> Result<ToBrowser> {
        let (done, answer) = oneshot::channel();
        self.order(Order::Watch { topic, done }, answer).await?
    }

    /// Watches it no longer.
    pub(crate) async fn unwatch(&self, topic: Topic) -> Result<()> {
        self.orders.send(Order::Unwatch { topic }).await.map_err(|_| self.gone())
    }

    /// Drops the socket without a word and resumes where the conversation was left.
    pub(crate) async fn reconnect(&self) -> Result<Duration> {
        let (done, answer) = oneshot::channel();
        self.order(Order::Reconnect { done }, answer).await?
    }

    async fn order<T>(&self, order: Order, answer: oneshot::Receiver<T>) -> Result<T> {
        self.orders.send(order).await.map_err(|_| self.gone())?;
        let answered = tokio::time::timeout(PATIENCE, answer).await;
        answered.context("no answer in half a minute")?.map_err(|_| self.gone())
    }

    fn gone(&self) -> anyhow::Error {
        let end = self.heard.end.lock().unwrap_or_else(PoisonError::into_inner);
        anyhow!("person {} is gone: {}", self.index, end.as_deref().unwrap_or("for no reason"))
    }
}

/// The task's side.
struct Body {
    index: usize,
    shared: Shared,
    cookie: String,
    wire: Wire,
    news: Option<mpsc::Sender<ToBrowser>>,
    heard: Arc<Heard>,
    asks: HashMap<u32, oneshot::Sender<Reply>>,
    next_ask: u32,
    watches: Vec<(Topic, oneshot::Sender<Result<ToBrowser>>)>,
    conversation: Option<Topic>,
}

impl Body {
    async fn live(mut self, mut inbox: mpsc::Receiver<Order>) {
        if let Err(why) = self.run(&mut inbox).await {
            let mut end = self.heard.end.lock().unwrap_or_else(PoisonError::into_inner);
            *end = Some(format!("{why:#}"));
        }
    }

    /// Until the handle is dropped or the socket ends.
    async fn run(&mut self, inbox: &mut mpsc::Receiver<Order>) -> Result<()> {
        loop {
            tokio::select! {
                text = self.wire.next() => {
                    self.hear(&text?)?;
                    self.wire.acknowledge().await?;
                }
                order = inbox.recv() => match order {
                    Some(order) => self.obey(order).await?,
                    None => return Ok(()),
                },
            }
        }
    }

    async fn obey(&mut self, order: Order) -> Result<()> {
        match order {
            Order::Ask { request, command, done } => {
                let ask = self.next_ask;
                self.next_ask += 1;
                self.asks.insert(ask, done);
                self.wire.send(&ToNode::Ask { ask, request, command }).await
            }
            Order::Watch { topic, done } => {
                if matches!(topic, Topic::Conversation { .. }) {
                    self.conversation = Some(topic);
                }
                self.watches.push((topic, done));
                self.wire.send(&ToNode::Watch { topic, after: Seq::START }).await
            }
            Order::Unwatch { topic } => self.wire.send(&ToNode::Unwatch { topic }).await,
            Order::Reconnect { done } => {
                let resumed = self.resume().await;
                let failed = resumed.as_ref().err().map(|why| anyhow!("{why:#}"));
                let _ = done.send(resumed);
                failed.map_or(Ok(()), Err)
            }
        }
    }

    /// A new socket with the old cookie; resumed when the conversation is shown again.
    async fn resume(&mut self) -> Result<Duration> {
        let start = Instant::now();
        let mut pause = Duration::from_millis(100);
        loop {
            match Wire::connect(self.shared.site(self.index), &self.cookie).await {
                Ok((wire, _)) => break self.wire = wire,
                Err(why) if start.elapsed() + pause > PATIENCE => return Err(why),
                Err(_) => tokio::time::sleep(pause).await,
            }
            pause = (pause * 2).min(Duration::from_secs(3));
        }
        if let Some(topic) = self.conversation {
            let after = Seq(self.heard.last.load(Relaxed));
            let (done, mut shown) = oneshot::channel();
            self.watches.push((topic, done));
            self.wire.send(&ToNode::Watch { topic, after }).await?;
            while shown.try_recv().is_err() {
                let text = tokio::time::timeout(PATIENCE, self.wire.next()).await??;
                self.hear(&text)?;
            }
        }
        Ok(start.elapsed())
    }

    fn hear(&mut self, text: &str) -> Result<()> {
        if let Some(said) = glance::said(text) {
            self.count(said.seq);
            if let Some(sent) = said.sent {
                self.shared.deliveries.record(&self.shared.clock, self.index, sent);
                if let Some(window) = &self.shared.window {
                    window.heard();
                }
            }
            return Ok(());
        }
        let frame = wire::decode(text)?;
        if let Some(news) = &self.news
            && matches!(&frame, ToBrowser::Happened { topic: Topic::Tenant {}, .. })
        {
            // Whoever listens reads on; a full list means that nobody does any more.
            let _ = news.try_send(frame.clone());
        }
        match frame {
            ToBrowser::Answered { ask, reply } => {
                if let Some(done) = self.asks.remove(&ask) {
                    let _ = done.send(reply);
                }
            }
            ToBrowser::Shown { topic, seq, .. } => {
                if Some(topic) == self.conversation {
                    self.heard.last.fetch_max(seq.0, Relaxed);
                }
                self.shown(topic, Ok(frame));
            }
            ToBrowser::NotShown { topic, ref refusal } => {
                let why = anyhow!("{topic:?} is not shown: {refusal:?}");
                self.shown(topic, Err(why));
            }
            ToBrowser::Bye { why } => bail!("the node cut the socket: {why:?}"),
            _ => {}
        }
        Ok(())
    }

    /// L1: the next position is the one after the last.
    fn count(&self, seq: u64) {
        let last = self.heard.last.fetch_max(seq, Relaxed);
        if seq <= last {
            self.heard.again.fetch_add(1, Relaxed);
        } else if seq > last + 1 {
            self.heard.gaps.fetch_add(seq - last - 1, Relaxed);
        }
    }

    fn shown(&mut self, topic: Topic, frame: Result<ToBrowser>) {
        if let Some(at) = self.watches.iter().position(|(waiting, _)| *waiting == topic) {
            let (_, done) = self.watches.swap_remove(at);
            let _ = done.send(frame);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;
    use protocol::id::ConversationId;

    #[tokio::test]
    async fn l1_what_is_skipped_or_told_twice_is_noticed() {
        let fake = Fake::start().await;
        let person = fake.person(0).await;
        let topic = Topic::Conversation { conversation: ConversationId::from_u128(1) };
        person.watch(topic).await.expect("shown");
        fake.tell_skipping(3);
        fake.tell_again();
        // An answer comes after what was told before it.
        person.ask("r".into(), fake.say("hello")).await.expect("answered");
        assert_eq!(person.heard.gaps.load(Relaxed), 3);
        assert_eq!(person.heard.again.load(Relaxed), 1);
    }

    #[tokio::test]
    async fn a_socket_that_is_cut_says_why() {
        let fake = Fake::start().await;
        let person = fake.person(0).await;
        fake.cut();
        let why = person.ask("r".into(), fake.say("hello")).await.expect_err("cut");
        assert!(format!("{why:#}").contains("Stopping"), "{why:#}");
    }
}
