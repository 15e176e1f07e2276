//! A whole node in this process, on a folder of its own, and people before it.

use actors::{session, vault};
use node::{
    clock::now,
    config::Config,
    dev::{self, Demo},
    gateway::Gate,
    node::Node,
    secrets::chance,
};
use protocol::{
    caller::{Caller, Role},
    frame::{Command, Reply, Topic},
    id::{CaseId, ConversationId, MessageId, PersonId, RoomId, Seq, SessionId, TenantId},
    key::Key,
    session::Origin,
    time::{Span, Time},
};
use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};
use tempfile::TempDir;
use tests::browser::{Browser, Site, Socket};

/// A node with its demo people.
pub(crate) struct Stage {
    pub(crate) node: Node,
    pub(crate) demo: Demo,
    pub(crate) site: Site,
    config: Config,
    dir: TempDir,
}

impl Stage {
    /// A node as it comes.
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// A node with some knobs turned.
    pub(crate) async fn with(turn: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().expect("a folder for the test");
        let mut config = Config::default();
        config.storage.data = dir.path().join("data");
        config.storage.segment_bytes = 1 << 20;
        config.listen.web = ([127, 0, 0, 1], 0).into();
        config.listen.media = ([127, 0, 0, 1], 0).into();
        config.limits.sign_ins_per_minute = 1000;
        config.limits.links_per_minute = 1000;
        turn(&mut config);
        Self::on(dir, config).await
    }

    /// A node on this folder, whatever lies in it.
    pub(crate) async fn on(dir: TempDir, config: Config) -> Self {
        // The first test of a process chooses; all choose the same.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let node = Node::start(config.clone()).await.expect("the node starts");
        let data = &config.storage.data;
        let url = format!("https://localhost:{}", node.address.port());
        let demo = dev::prepare(&node.gate, &url, data).await.expect("the demo is made or found");
        let site = Site::of(node.address, data);
        Self { node, demo, site, config, dir }
    }

    /// Stops the node, does something to what it left, and starts another on it.
    pub(crate) async fn restarted_after(self, meanwhile: impl AsyncFnOnce(&Config)) -> Self {
        let Self { node, config, dir, .. } = self;
        node.stop().await;
        // Stopped actors let go of the journals when they have had their turn; in a process of its
        // own a node would be gone by then.
        let free =
            [config.storage.data.join("journals/lock"), config.storage.data.join("files/lock")];
        eventually("journals and files to be let go", || free.iter().all(|it| is_free(it))).await;
        meanwhile(&config).await;
        Self::on(dir, config).await
    }

    /// Stops the node and starts another on the same data.
    pub(crate) async fn restarted(self) -> Self {
        self.restarted_after(async |_| {}).await
    }

    pub(crate) fn gate(&self) -> &Arc<Gate> {
        &self.node.gate
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.config.storage.data.clone()
    }

    /// The first expert's browser, signed in without the cost of a password check.
    pub(crate) async fn expert(&self) -> Browser {
        self.known(&self.demo.login).await
    }

    /// The second expert's browser.
    pub(crate) async fn colleague(&self) -> Browser {
        self.known("oeztuerk@demo.example").await
    }

    /// A guest's browser.
    pub(crate) async fn guest(&self, name: &str) -> Browser {
        Browser::enter(&self.site, &self.demo.guest, name).await
    }

    async fn known(&self, login: &str) -> Browser {
        let gate = self.gate();
        let query = vault::Query::Enrolled { login: login.to_string() };
        let known = gate.house.query::<vault::Vault>(Key::Vault(gate.tenant), query).await;
        let vault::Answer::Enrolled(known) = known.expect("the vault answers") else {
            unreachable!("another answer than asked for")
        };
        let known = known.expect("the demo enrolled them");
        self.born(gate.tenant, known.person, known.role).await
    }

    /// A browser of anybody, as if the gateway had verified who it is.
    pub(crate) async fn born(&self, tenant: TenantId, person: PersonId, role: Role) -> Browser {
        self.born_until(tenant, person, role, now().after(Span::from_secs(3600))).await
    }

    /// The same, for a while.
    pub(crate) async fn born_until(
        &self,
        tenant: TenantId,
        person: PersonId,
        role: Role,
        until: Time,
    ) -> Browser {
        let gate = self.gate();
        let session = SessionId::new(now(), chance());
        let input = session::Input::Open { person, role, origin: Origin::SignIn {}, until };
        let born = gate
            .house
            .ask::<session::Session>(Key::Session(session), Caller::node(tenant), input)
            .await;
        born.expect("a session is born");
        Browser::with_cookie(&self.site, &gate.secrets.cookie(tenant, session))
    }

    pub(crate) fn case(&self) -> CaseId {
        self.demo.case
    }

    pub(crate) fn room(&self) -> RoomId {
        self.demo.case.room()
    }

    pub(crate) fn conversation(&self) -> ConversationId {
        self.demo.case.conversation()
    }

    /// The demo room as a topic.
    pub(crate) fn room_topic(&self) -> Topic {
        Topic::Room { room: self.room() }
    }

    /// The demo conversation as a topic.
    pub(crate) fn chat_topic(&self) -> Topic {
        Topic::Conversation { conversation: self.conversation() }
    }

    /// Something asked of the demo room.
    pub(crate) fn of_room(&self, command: protocol::room::RoomCommand) -> Command {
        Command::Room { room: self.room(), command }
    }

    /// Something asked of the demo conversation.
    pub(crate) fn of_chat(&self, command: protocol::conversation::ConversationCommand) -> Command {
        Command::Conversation { conversation: self.conversation(), command }
    }

    /// A message for the demo conversation.
    pub(crate) fn say(&self, message: MessageId, text: impl Into<String>) -> Command {
        let (text, files) = (text.into(), Vec::new());
        self.of_chat(protocol::conversation::ConversationCommand::Say { message, text, files })
    }

    /// Says something in the demo conversation and waits until it is kept.
    pub(crate) async fn said(&self, socket: &mut Socket, text: impl Into<String>) -> MessageId {
        let message = MessageId::new(now(), chance());
        done(socket.ask(self.say(message, text)).await);
        message
    }
}

/// Whether nobody holds this lock.
pub(crate) fn is_free(path: &Path) -> bool {
    let lock = File::open(path).expect("a node leaves its lock");
    rustix::fs::flock(lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_ok()
}

/// The position up to which it is durable.
pub(crate) fn done(reply: Reply) -> Seq {
    match reply {
        Reply::Done { seq } => seq,
        other => panic!("not done: {other:?}"),
    }
}

/// The refusal's name, as a browser reads it: `room.notLead`.
pub(crate) fn no(reply: &Reply) -> String {
    let Reply::Refused { refusal } = reply else { panic!("not refused: {reply:?}") };
    why(refusal)
}

/// The same of a bare refusal.
pub(crate) fn why(refusal: &protocol::frame::Refusal) -> String {
    let json = serde_json::to_value(refusal).expect("a refusal is a word");
    let part = |name: &str| json[name].as_str().unwrap_or_default().to_string();
    format!("{}.{}", part("kind"), part("why"))
}

/// Waits until something is so, letting others go on meanwhile.
pub(crate) async fn eventually(what: &str, mut is: impl FnMut() -> bool) {
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(10));
    tests::browser::soon(what, async {
        while !is() {
            tick.tick().await;
        }
    })
    .await;
}
