//! Browser and node: what goes up, what comes down.
//!
//! Every actor numbers what it keeps, so a browser resumes by telling the last position it folded
//! per topic: any node can serve that from the journal, and nothing is told twice or left out.
//! A browser goes from node to node with a ticket, which is signed, short-lived and worth as much
//! as its session. Within one socket, frames down are counted; the browser acknowledges the count, and a socket
//! whose unacknowledged frames pass a bound is cut instead of filling the node's memory.
//!
//! # Invariants
//! - **F1** Positions of one topic only rise; a browser ignores what is not above its own.
//!   They are positions of one generation, 0 until copies of its shard were given up by force; who
//!   folded something of another generation is shown everything anew (I8).
//! - **F2** A frame is encoded once, however many sockets it goes to: it names no socket.

use crate::{
    accounts::{AccountsCommand, AccountsEvent, AccountsRefusal, AccountsView},
    caller::Role,
    conversation::{
        ConversationCommand, ConversationEvent, ConversationNote, ConversationRefusal,
        ConversationView,
    },
    file::{FileRefusal, FileView},
    id::{
        CaseId, ConversationId, FileId, GrantId, LinkId, NodeId, PersonId, RoomId, Seq, SessionId,
        TenantId,
    },
    media::{MediaCommand, MediaRefusal, MediaSignal},
    rights::RightsRefusal,
    room::{RoomCommand, RoomEvent, RoomNote, RoomRefusal, RoomView},
    session::{SessionCommand, SessionRefusal},
    tenant::{TenantCommand, TenantEvent, TenantRefusal, TenantView},
    time::Time,
    vault::{Named, VaultRefusal},
};

word! {
    /// Something that can be watched.
    #[derive(Eq, Hash, PartialOrd, Ord, Copy)]
    pub enum Topic {
        /// The own cases of an expert.
        Tenant {},
        /// A room.
        Room { room: RoomId },
        /// A conversation.
        Conversation { conversation: ConversationId },
        /// Who has which right.
        Accounts {},
    }
}

word! {
    /// Something asked of somebody.
    pub enum Command {
        /// Of the own session.
        Session { command: SessionCommand },
        /// Of the tenant.
        Tenant { command: TenantCommand },
        /// Of a room.
        Room { room: RoomId, command: RoomCommand },
        /// Of a conversation.
        Conversation { conversation: ConversationId, command: ConversationCommand },
        /// Of the media path, as a seat of a room.
        Media { room: RoomId, command: MediaCommand },
        /// The names of people who share a room or a case with the asker.
        Names { topic: Topic, people: Vec<PersonId> },
        /// What is known of files of a conversation.
        Files { conversation: ConversationId, files: Vec<FileId> },
        /// The secret part of a guest link of an own case.
        Link { case: CaseId, link: LinkId },
        /// Of the accounts: who has which right.
        Accounts { command: AccountsCommand },
    }
}

word! {
    /// What a browser sends.
    pub enum ToNode {
        /// The first frame of every socket.
        Hello { version: u16 },
        /// Tell me of this topic; I folded everything up to `after`.
        Watch { topic: Topic, after: Seq },
        /// No longer.
        Unwatch { topic: Topic },
        /// Do this; answer under this number. `request` is chance of the browser and the same on
        /// every retry, so that a command that was done is not done twice.
        Ask { ask: u32, request: String, command: Command },
        /// So many frames arrived on this socket.
        Ack { frames: u32 },
        /// The first frame of a socket whose page came from another node: cookies do not travel
        /// between hosts, the ticket does.
        Arrive { version: u16, ticket: String },
        /// Are you there? Answered by the node itself, whatever its actors do.
        Ping {},
        /// As `Watch`; what I folded was of this generation, as I was told.
        WatchIn { topic: Topic, after: Seq, generation: u32 },
    }
}

word! {
    /// What a topic shows.
    pub enum View {
        /// An expert's cases.
        Tenant { view: TenantView },
        /// A room.
        Room { view: RoomView },
        /// A conversation.
        Conversation { view: ConversationView },
        /// Who has which right.
        Accounts { view: AccountsView },
    }
}

word! {
    /// What happened, kept.
    pub enum Event {
        /// To a tenant.
        Tenant { event: TenantEvent },
        /// In a room.
        Room { event: RoomEvent },
        /// In a conversation.
        Conversation { event: ConversationEvent },
        /// To somebody's rights.
        Accounts { event: AccountsEvent },
    }
}

word! {
    /// What happened, not kept.
    pub enum Note {
        /// In a room.
        Room { note: RoomNote },
        /// In a conversation.
        Conversation { note: ConversationNote },
    }
}

word! {
    /// The domain's no: shown to the person, each with a sentence.
    pub enum Refusal {
        /// Of a session.
        Session { why: SessionRefusal },
        /// Of a tenant.
        Tenant { why: TenantRefusal },
        /// Of the vault.
        Vault { why: VaultRefusal },
        /// Of a room.
        Room { why: RoomRefusal },
        /// Of a conversation.
        Conversation { why: ConversationRefusal },
        /// Of a file.
        File { why: FileRefusal },
        /// Of the media path.
        Media { why: MediaRefusal },
        /// Of the table of rights, before anybody was asked.
        Rights { why: RightsRefusal },
        /// Of the accounts.
        Accounts { why: AccountsRefusal },
    }
}

names! {
    /// The world failed: the browser retries, or shows it.
    pub enum Fault {
        /// Too much at once: try again in a moment.
        Busy,
        /// The node's disk is full: what was asked is not done.
        DiskFull,
        /// The node's disk fails: what was asked is perhaps not done.
        Disk,
        /// The actor was restarted meanwhile: ask again under the same request.
        Restarted,
        /// No answer in time: ask again under the same request.
        Timeout,
        /// The node goes down: connect elsewhere or again.
        Stopping,
        /// It is too important for the one copy there could be at the moment: ask again in a
        /// minute. Since version 2 of the words between nodes.
        OneCopy,
    }
}

names! {
    /// Why the node cut a socket.
    pub enum Cut {
        /// The first frame was not a hello, or of a version this node does not speak.
        Version,
        /// A frame was malformed.
        Malformed,
        /// The browser does not read or acknowledge: resume by cursor.
        Slow,
        /// Too many frames in too short a time.
        Flood,
        /// The session is over: sign in or open the link again.
        SessionOver,
        /// Too many sockets or topics.
        TooMany,
        /// The node goes down: connect again.
        Stopping,
    }
}

word! {
    /// The answer to one ask.
    pub enum Reply {
        /// Done, and durable up to this position of the asked actor.
        Done { seq: Seq },
        /// A case was opened.
        Case { case: CaseId },
        /// Names.
        Names { names: Vec<Named> },
        /// Files.
        Files { files: Vec<FileView> },
        /// Messages before those already known.
        Earlier { messages: Vec<crate::conversation::Message>, earlier: bool },
        /// A guest link's path, to be appended to the site's address.
        Link { path: String },
        /// The session description in answer to an offer.
        Answer { sdp: String },
        /// No, by the rules.
        Refused { refusal: Refusal },
        /// Not now, by the world.
        Faulted { fault: Fault },
        /// A critical right was requested.
        Requested { grant: GrantId },
    }
}

word! {
    /// What a node sends.
    pub enum ToBrowser {
        /// The first frame of every socket.
        Welcome {
            version: u16,
            tenant: TenantId,
            person: PersonId,
            session: SessionId,
            role: Role,
            name: String,
            case: Option<CaseId>,
            node: NodeId,
            now: Time,
        },
        /// A topic as it stands at `seq`; replaces or continues what the browser had.
        Shown { topic: Topic, seq: Seq, view: View },
        /// A topic cannot be watched.
        NotShown { topic: Topic, refusal: Refusal },
        /// Something was kept.
        Happened { topic: Topic, seq: Seq, at: Time, event: Event },
        /// Something was not kept, and is told all the same.
        Noted { topic: Topic, note: Note },
        /// The answer to an ask.
        Answered { ask: u32, reply: Reply },
        /// A signal of the call in a room.
        Signal { room: RoomId, signal: MediaSignal },
        /// The socket ends here.
        Bye { why: Cut },
        /// Every node that serves, as web origins; told after the welcome and on every change.
        Nodes { nodes: Vec<String> },
        /// Shows any other node, for two minutes, whose page this is; renewed in good time.
        Ticket { ticket: String },
        /// This node is being relieved: go to another one, without haste.
        Move {},
        /// I am here.
        Pong {},
        /// What is shown of this topic from now on is of this generation, and positions of another
        /// one mean nothing in it. Told before the view, once copies were given up by force.
        Generation { topic: Topic, generation: u32 },
    }
}
