//! A crowd: people who write, look and watch in a few conversations, whatever happens to the nodes,
//! and write down what they were told.
//!
//! They live on a thread of their own that stands on the people's seat of the network. Whoever
//! tells the story talks to them only through [`Crowd`]: it waits for facts (messages are
//! acknowledged again), and in the end asks for the history.

mod people;

use anyhow::{Context, Result, anyhow, bail};
use protocol::{
    frame::{Command, Reply},
    id::ConversationId,
    key::Key,
    tenant::TenantCommand,
};
use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::{network::Door, person::Address};
use crate::{
    browser::{Browser, Socket},
    history::{Fate, History, Log},
};

/// How long people may take to get ready: signing in is made slow on purpose.
const READY: Duration = Duration::from_secs(120);
/// Sockets of one session; a node allows a few more.
const PER_SESSION: usize = 12;

/// Who is in a crowd and what they do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How to sign in.
    pub login: String,
    /// And the password.
    pub password: String,
    /// How many conversations.
    pub conversations: usize,
    /// Writers in each.
    pub writers: usize,
    /// Readers in each, who look again and again.
    pub readers: usize,
    /// Watchers in each, who are told.
    pub watchers: usize,
    /// Between two things one person does.
    pub pace: Duration,
    /// How long an answer is waited for before the next node is tried.
    pub patience: Duration,
    /// After so many messages a writer goes on at another node; without, when its node fails.
    pub wander: Option<u64>,
    /// Where chance begins.
    pub seed: u64,
}

impl Plan {
    /// A small crowd, with the demo's way in.
    ///
    /// # Errors
    /// When the demo wrote none.
    pub fn of(demo: &std::path::Path, seed: u64) -> Result<Self> {
        let text = std::fs::read_to_string(demo.join("demo.json")).context("the demo's way in")?;
        let demo: serde_json::Value = serde_json::from_str(&text)?;
        let word = |name: &str| demo[name].as_str().map(str::to_owned).context("a way in");
        Ok(Self {
            login: word("login")?,
            password: word("password")?,
            conversations: 3,
            writers: 2,
            readers: 1,
            watchers: 1,
            pace: Duration::from_millis(20),
            patience: Duration::from_secs(1),
            wander: None,
            seed,
        })
    }
}

/// What people and whoever tells the story share.
struct Shared {
    plan: Plan,
    addresses: Vec<Address>,
    start: Instant,
    stop: AtomicBool,
    kept: Mutex<Kept>,
    news: Condvar,
}

struct Kept {
    conversations: Vec<ConversationId>,
    history: History,
    /// For each conversation: when the latest acknowledged message was asked for, and when it was
    /// acknowledged.
    latest: Vec<(u64, u64)>,
    /// Answers of any kind, a clear no among them.
    answers: Vec<u64>,
    /// For each node: when the latest message that it acknowledged was asked for.
    through: Vec<u64>,
}

impl Shared {
    /// Microseconds since the history began.
    fn now(&self) -> u64 {
        self.start.elapsed().as_micros() as u64
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // What somebody who panicked left is still what happened; the panic is told by the thread.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, conversation: usize, write: impl FnOnce(&mut Log)) {
        write(&mut self.kept().history.logs[conversation]);
    }

    fn said(&self, conversation: usize, said: crate::history::Said) {
        let mut kept = self.kept();
        if matches!(said.fate, Fate::Kept { .. }) {
            let latest = &mut kept.latest[conversation];
            if said.call > latest.0 {
                *latest = (said.call, said.back);
            }
        }
        if said.fate != Fate::Unknown {
            kept.answers[conversation] = kept.answers[conversation].max(said.call);
        }
        kept.history.logs[conversation].said.push(said);
        self.news.notify_all();
    }

    /// A message was acknowledged through this node.
    fn through(&self, node: usize, call: u64) {
        let through = &mut self.kept().through[node];
        *through = call.max(*through);
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// People at work.
pub struct Crowd {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Crowd {
    /// Lets people sign in at the first node, open their conversations and begin.
    ///
    /// # Errors
    /// When they cannot get ready.
    pub fn start(door: Door, addresses: Vec<Address>, plan: Plan) -> Result<Self> {
        let kept = Kept {
            conversations: Vec::new(),
            history: History::of(plan.conversations),
            latest: vec![(0, 0); plan.conversations],
            answers: vec![0; plan.conversations],
            through: vec![0; addresses.len()],
        };
        let shared = Arc::new(Shared {
            plan,
            addresses,
            start: Instant::now(),
            stop: AtomicBool::new(false),
            kept: Mutex::new(kept),
            news: Condvar::new(),
        });
        let (ready, is_ready) = mpsc::channel();
        let theirs = shared.clone();
        let thread = std::thread::spawn(move || {
            door.enter()?;
            let mut build = tokio::runtime::Builder::new_multi_thread();
            let runtime = build.worker_threads(2).enable_all().build()?;
            runtime.block_on(lives(theirs, ready))
        });
        let mut crowd = Self { shared, thread: Some(thread) };
        match is_ready.recv_timeout(READY) {
            Ok(()) => Ok(crowd),
            Err(_) => {
                crowd.shared.stop.store(true, Ordering::Relaxed);
                let why = crowd.joined().err();
                Err(why.unwrap_or_else(|| anyhow!("not within {READY:?}")).context("no crowd"))
            }
        }
    }

    /// Microseconds of the history.
    pub fn now(&self) -> u64 {
        self.shared.now()
    }

    /// Writes down what is done to the cluster.
    pub fn mark(&self, what: &str) {
        let now = self.now();
        self.shared.kept().history.marks.push((now, what.to_owned()));
    }

    /// The shard of a conversation.
    pub fn shard(&self, conversation: usize) -> u16 {
        Key::Conversation(self.shared.kept().conversations[conversation]).shard()
    }

    /// Waits until a message that was asked for from now on is acknowledged in every conversation.
    ///
    /// # Errors
    /// When that takes longer.
    pub fn flows(&self, within: Duration) -> Result<Duration> {
        let (start, from) = (Instant::now(), self.now());
        self.wait(within, "acknowledgements", |kept| kept.latest.iter().all(|it| it.0 >= from))?;
        Ok(start.elapsed())
    }

    /// Waits until a message that was asked for from a moment on is acknowledged in this
    /// conversation, and says when it was.
    ///
    /// # Errors
    /// When that takes longer.
    pub fn acknowledged(&self, conversation: usize, from: u64, within: Duration) -> Result<u64> {
        self.wait(within, "an acknowledgement", |kept| kept.latest[conversation].0 >= from)?;
        let kept = self.shared.kept();
        let said = kept.history.logs[conversation].said.iter();
        let first = said.filter(|it| it.call >= from && matches!(it.fate, Fate::Kept { .. }));
        first.map(|it| it.back).min().context("it was acknowledged a moment ago")
    }

    /// Waits until every node acknowledged a message that was asked for from now on. Takes writers
    /// that wander.
    ///
    /// # Errors
    /// When that takes longer.
    pub fn flows_through_all(&self, within: Duration) -> Result<Duration> {
        let (start, from) = (Instant::now(), self.now());
        let all = |kept: &Kept| kept.through.iter().all(|it| *it >= from);
        self.wait(within, "acknowledgements through every node", all)?;
        Ok(start.elapsed())
    }

    /// Waits until every conversation gave a clear answer, be it a no.
    ///
    /// # Errors
    /// When that takes longer.
    pub fn answers(&self, within: Duration) -> Result<()> {
        let from = self.now();
        self.wait(within, "clear answers", |kept| kept.answers.iter().all(|it| *it >= from))
    }

    /// Lets everybody come to an end, looks at every conversation on every node, and hands out what
    /// happened.
    ///
    /// # Errors
    /// When somebody panicked, or a conversation cannot be seen.
    pub fn finish(mut self) -> Result<History> {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.joined()?;
        Ok(std::mem::take(&mut self.shared.kept().history))
    }

    fn joined(&mut self) -> Result<()> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        match thread.join() {
            Ok(done) => done,
            Err(why) => {
                let text = why.downcast_ref::<String>().cloned();
                let text = text.or_else(|| why.downcast_ref::<&str>().map(ToString::to_string));
                bail!("the crowd panicked: {}", text.unwrap_or_default())
            }
        }
    }

    fn wait(&self, within: Duration, what: &str, is: impl Fn(&Kept) -> bool) -> Result<()> {
        let end = Instant::now() + within;
        let mut kept = self.shared.kept();
        while !is(&kept) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
                bail!("waited {within:?} in vain for {what}");
            }
            // Woken now and then to see whether anybody is still there.
            let turn = left.min(Duration::from_millis(200));
            let waited = self.shared.news.wait_timeout(kept, turn);
            kept = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

/// The whole life of a crowd.
async fn lives(shared: Arc<Shared>, ready: mpsc::Sender<()>) -> Result<()> {
    let plan = shared.plan.clone();
    let people = plan.conversations * (plan.writers + plan.readers + plan.watchers);
    let mut cookies = Vec::new();
    let site = shared.addresses[0].site();
    for _ in 0..people.div_ceil(PER_SESSION).max(1) {
        cookies.push(Browser::sign_in(&site, &plan.login, &plan.password).await);
    }
    let mut socket = cookies[0].socket().await;
    for number in 0..plan.conversations {
        let conversation = opened(&mut socket, number).await?;
        shared.kept().conversations.push(conversation);
    }
    drop(socket);
    let mut tasks = Vec::new();
    let mut client = 0;
    for conversation in 0..plan.conversations {
        let id = shared.kept().conversations[conversation];
        let roles = [plan.writers, plan.readers, plan.watchers];
        for (role, count) in roles.into_iter().enumerate() {
            for _ in 0..count {
                let cookie = cookies[client as usize / PER_SESSION].cookie.clone();
                let person = people::Person::new(shared.clone(), client, cookie, conversation, id);
                client += 1;
                tasks.push(tokio::spawn(async move {
                    match role {
                        0 => person.writes().await,
                        1 => person.reads().await,
                        _ => person.watches().await,
                    }
                }));
            }
        }
    }
    // Whoever waited for it may have lost patience.
    let _ = ready.send(());
    for task in tasks {
        task.await.context("somebody in the crowd panicked")?;
    }
    people::ends(&shared, cookies[0].cookie.clone()).await
}

async fn opened(socket: &mut Socket, number: usize) -> Result<ConversationId> {
    let command = TenantCommand::Open { title: format!("Nemesis {number}") };
    match socket.ask(Command::Tenant { command }).await {
        Reply::Case { case } => Ok(case.conversation()),
        other => bail!("no case was opened: {other:?}"),
    }
}
