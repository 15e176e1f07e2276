//! What machines ask of the world, in words that no actor's code is needed for.
//!
//! Actors never import each other: one plans an [`Effect::Ask`] in the words of this file, the
//! house delivers it, and the answer returns as an input. Every ask may be made twice (after a
//! restart it is), so every one of them is harmless the second time.

use protocol::{
    caller::Role,
    id::{CaseId, ConversationId, LinkId, PersonId, RoomId, SessionId, TenantId},
    key::Key,
    media::Source,
};

/// What should be done once the events of a plan are durable.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Ask another actor.
    Ask(Ask),
    /// Tell the media path who gets what, or that somebody is gone.
    Media(RoomId, MediaOrder),
    /// Every socket that came through this link is over.
    Cut(LinkId),
    /// Every socket of this person in this role is over: the right was taken away.
    Expel(TenantId, PersonId, Role),
}

/// What one actor may ask of another.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// Of a room: exist.
    OpenRoom {
        /// The case whose room it is.
        case: CaseId,
        /// Who leads.
        lead: PersonId,
        /// The case's tenant, told when it is done.
        tenant: TenantId,
    },
    /// Of a conversation: exist, with these people.
    OpenConversation {
        /// The case whose conversation it is.
        case: CaseId,
        /// Who may read and write.
        people: Vec<PersonId>,
        /// The case's tenant.
        tenant: TenantId,
    },
    /// Of a room: be over.
    EndRoom {
        /// The room.
        room: RoomId,
        /// Its tenant, told when it is done.
        tenant: TenantId,
    },
    /// Of a tenant: this case's room and conversation stand as they should.
    Settle {
        /// The tenant.
        tenant: TenantId,
        /// The case.
        case: CaseId,
        /// Whether it is the end of the case that stands, rather than its beginning.
        ended: bool,
    },
    /// Of a conversation: let this person read and write.
    Grant {
        /// The conversation.
        conversation: ConversationId,
        /// Its tenant.
        tenant: TenantId,
        /// The person.
        person: PersonId,
    },
    /// Of a conversation: this person no longer reads or writes.
    Withdraw {
        /// The conversation.
        conversation: ConversationId,
        /// Its tenant.
        tenant: TenantId,
        /// The person.
        person: PersonId,
    },
}

impl Ask {
    /// Whom it is asked of.
    pub const fn to(&self) -> Key {
        match self {
            Self::OpenRoom { case, .. } => Key::Room(case.room()),
            Self::EndRoom { room, .. } => Key::Room(*room),
            Self::OpenConversation { case, .. } => Key::Conversation(case.conversation()),
            Self::Grant { conversation, .. } | Self::Withdraw { conversation, .. } => {
                Key::Conversation(*conversation)
            }
            Self::Settle { tenant, .. } => Key::Tenant(*tenant),
        }
    }
}

/// What the media path is told by a room; it obeys.
#[derive(Debug, Clone, PartialEq)]
pub enum MediaOrder {
    /// Who receives whose tracks: the complete list of receivers.
    Forward(Vec<(SessionId, Vec<Feed>)>),
    /// This device's call is over.
    Close(SessionId),
    /// This device is not heard (or is again).
    Hush(SessionId, bool),
}

/// One track as somebody receives it.
#[derive(Debug, Clone, PartialEq)]
pub struct Feed {
    /// Whose it is.
    pub publisher: SessionId,
    /// On which line of the publisher.
    pub mid: String,
    /// What it shows.
    pub source: Source,
}
