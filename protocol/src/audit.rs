//! The audit log: who did what, when, to what, and what came of it (S119, S120, S143-S158).
//!
//! A record holds ids and bare names, never a person's name, a text or an address: what a record
//! is about is looked up where it lies, by whoever may. A tenant has two logs with different
//! readers (S152, S153): what people did with the application, and what operators did with the
//! system under it.
//!
//! A record is kept as one line of JSON and hashed as exactly those bytes: whoever checks a log in
//! ten years needs neither this program nor its encoding. Its number and the hash of the line
//! before it stand in the line, so that a line that was changed, taken out or moved names itself.
//!
//! All enums here are append-only, and a field may be added to [`Record`] when it may be missing.

use crate::{
    caller::Role,
    id::{
        CaseId, ConversationId, FileId, GrantId, LinkId, MessageId, PersonId, RoomId, SessionId,
        TenantId,
    },
    time::Time,
};
use std::{fmt, str::FromStr};

names! {
    /// Which of a tenant's two logs.
    pub enum Log {
        /// What people did.
        Application,
        /// What operators did.
        System,
    }
}

shape! {
    /// One log: the address of the actor that keeps it.
    #[derive(Copy, Eq, Hash, PartialOrd, Ord)]
    pub struct AuditLog {
        /// Whose.
        pub tenant: TenantId,
        /// Which.
        pub log: Log,
    }
}

names! {
    /// What was done.
    pub enum Verb {
        /// Somebody signed in.
        SignIn,
        /// Somebody wanted to, and could not.
        SignInRefused,
        /// Somebody signed out.
        SignOut,
        /// A guest link was looked at: it shows who invites.
        LinkOpened,
        /// A guest link was shown that opens nothing.
        LinkRefused,
        /// A guest came in by a link, under a name of the guest's own.
        GuestEntered,
        /// A case was opened.
        CaseOpened,
        /// A case was closed.
        CaseClosed,
        /// A guest link was made.
        LinkMade,
        /// A guest link was made worthless.
        LinkRevoked,
        /// The secret part of a guest link was shown to the expert it belongs to.
        LinkShown,
        /// Names of people were read.
        NamesRead,
        /// A file was put into a conversation.
        FilePut,
        /// A file's content was taken.
        FileTaken,
        /// A message was given another text.
        MessageChanged,
        /// A message was taken back.
        MessageErased,
        /// Somebody was let in.
        SeatGiven,
        /// Somebody was kept waiting.
        SeatHeld,
        /// Somebody was sent away from the door.
        SeatRefused,
        /// A seat was taken away.
        SeatTaken,
        /// Nobody may knock any more.
        RoomLocked,
        /// People may knock again.
        RoomUnlocked,
        /// A microphone was silenced by another person.
        Muted,
        /// Another person leads from now on.
        LeadGiven,
        /// A consultation was ended for everybody.
        RoomEnded,
        /// A log was read.
        AuditRead,
        /// A log was exported.
        AuditExported,
        /// An operator opened the operator page.
        OperatorEntered,
        /// An operator left it.
        OperatorLeft,
        /// A link to the operator page was made.
        PageMade,
        /// A node was invited.
        NodeInvited,
        /// A node is being relieved.
        NodeDrained,
        /// A node is not being relieved after all.
        NodeKept,
        /// A node is no longer a member.
        NodeRemoved,
        /// Everything was spread evenly.
        Rebalanced,
        /// A shard was given away by force.
        ShardForced,
        /// Something was chosen for the whole cluster.
        SettingChosen,
        /// A backup was begun.
        BackupTaken,
        /// The demo's people were made or found.
        DemoMade,
        /// A right was asked for.
        RightAsked,
        /// A right was approved.
        RightApproved,
        /// A right was granted.
        RightGranted,
        /// A right was withdrawn.
        RightWithdrawn,
        /// A key was made.
        KeyMade,
        /// A key was wrapped anew.
        KeyRotated,
        /// A key was destroyed, and what it sealed with it.
        KeyDestroyed,
        /// A link to the operator page was shown that opens nothing.
        OperatorRefused,
        /// A right that was asked for is not granted.
        RightRejected,
        /// Somebody was let in by whoever runs the machine.
        AccountMade,
    }
}

names! {
    /// What personal data was given out for (S102).
    pub enum Purpose {
        /// To sit together in a room.
        Consultation,
        /// To read and write in a conversation.
        Conversation,
        /// To know one's own cases apart.
        Cases,
        /// To know who invites.
        Invitation,
        /// To check what was done.
        Audit,
        /// To see who has which right.
        Rights,
    }
}

names! {
    /// What came of it.
    pub enum Outcome {
        /// Done.
        Done,
        /// No, by the rules.
        Refused,
        /// Not, or perhaps not: the world failed.
        Faulted,
    }
}

word! {
    /// Who did it.
    #[derive(Copy, Eq)]
    pub enum By {
        /// A person whose session the gateway knows.
        Person { person: PersonId, session: SessionId, role: Role },
        /// Somebody who is not known, or not yet.
        Stranger {},
        /// An operator, by the node's own folder or by the operator page.
        Operator {},
        /// The node itself.
        Node {},
    }
}

word! {
    /// What it was done to. In a record it is its id alone, which says what it is.
    #[derive(Copy, Eq)]
    pub enum Thing {
        /// A case.
        Case { case: CaseId },
        /// A guest link.
        Link { link: LinkId },
        /// A room.
        Room { room: RoomId },
        /// A conversation.
        Conversation { conversation: ConversationId },
        /// A message.
        Message { message: MessageId },
        /// A file.
        File { file: FileId },
        /// A person.
        Person { person: PersonId },
        /// A device.
        Session { session: SessionId },
        /// A tenant.
        Tenant { tenant: TenantId },
        /// A log.
        Log { log: Log },
        /// A machine of the cluster, by its number.
        Node { node: u64 },
        /// A shard.
        Shard { shard: u16 },
        /// A right that was asked for.
        Grant { grant: GrantId },
    }
}

shape! {
    /// What somebody could do before, and can do now.
    pub struct Change {
        /// Before.
        pub before: Vec<Role>,
        /// Now.
        pub after: Vec<Role>,
    }
}

/// The hash of a salt and an address. Salt and address lie elsewhere and are gone after 30 days
/// (S70); what is left says nothing.
pub type Commitment = [u8; 32];

shape! {
    /// Something that was done, as it is handed to its log, which gives it a time and a number.
    pub struct Draft {
        /// What was done.
        pub verb: Verb,
        /// By whom.
        pub by: By,
        /// To what.
        pub what: Vec<Thing>,
        /// What personal data was given out for, when it was.
        pub purpose: Option<Purpose>,
        /// What came of it.
        pub result: Outcome,
        /// For rights: what they were and are.
        pub change: Option<Change>,
        /// From where.
        pub from: Option<Commitment>,
    }
}

shape! {
    /// A record as its line holds it.
    pub struct Record {
        /// Its place, from 1 without a gap.
        pub number: u64,
        /// When, as the log's node had it.
        pub at: Time,
        /// What was done.
        pub verb: Verb,
        /// By whom.
        pub by: By,
        /// To what: ids.
        pub what: Vec<String>,
        /// What personal data was given out for.
        pub purpose: Option<Purpose>,
        /// What came of it.
        pub result: Outcome,
        /// For rights: what they were and are.
        pub change: Option<Change>,
        /// From where: a [`Commitment`] in hexadecimal.
        pub from: Option<String>,
        /// The leaf hash (RFC 9162) of the line before, in hexadecimal; zeros in the first.
        pub before: String,
    }
}

word! {
    /// What happened to a log, kept.
    pub enum AuditEvent {
        /// Something was recorded. `line` is a [`Record`] in JSON, and hashed as these bytes.
        Recorded { tenant: TenantId, line: String },
    }
}

names! {
    /// Why a log says no.
    pub enum AuditRefusal {
        /// Only the node writes, and each log is of one tenant.
        NotAllowed,
        /// More things than one record may name.
        TooMuch,
    }
}

impl Draft {
    /// Something that was done, and nothing more to say of it.
    pub fn new(verb: Verb, by: By, result: Outcome) -> Self {
        Self { verb, by, what: Vec::new(), purpose: None, result, change: None, from: None }
    }

    /// To these.
    #[must_use]
    pub fn about(mut self, what: impl IntoIterator<Item = Thing>) -> Self {
        self.what.extend(what);
        self
    }
}

impl fmt::Display for Log {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Application => "application",
            Self::System => "system",
        })
    }
}

impl FromStr for Log {
    type Err = NotALog;

    fn from_str(text: &str) -> Result<Self, NotALog> {
        match text {
            "application" => Ok(Self::Application),
            "system" => Ok(Self::System),
            _ => Err(NotALog),
        }
    }
}

/// The text names no log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there are two logs: application and system")]
pub struct NotALog;

impl fmt::Display for AuditLog {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}/{}", self.tenant, self.log)
    }
}

impl fmt::Display for Thing {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Case { case } => case.fmt(to),
            Self::Link { link } => link.fmt(to),
            Self::Room { room } => room.fmt(to),
            Self::Conversation { conversation } => conversation.fmt(to),
            Self::Message { message } => message.fmt(to),
            Self::File { file } => file.fmt(to),
            Self::Person { person } => person.fmt(to),
            Self::Session { session } => session.fmt(to),
            Self::Tenant { tenant } => tenant.fmt(to),
            Self::Log { log } => write!(to, "log/{log}"),
            Self::Node { node } => write!(to, "node/{node}"),
            Self::Shard { shard } => write!(to, "shard/{shard}"),
            Self::Grant { grant } => grant.fmt(to),
        }
    }
}
