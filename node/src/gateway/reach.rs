//! How far a session reaches: one that came by a guest link, not beyond the link's case.
//!
//! The actors check tenants and people; a link is narrower than both. Whatever lies beyond is
//! answered exactly as if it were not there.

use protocol::{
    conversation::ConversationRefusal,
    frame::{Command, Refusal, Topic},
    id::{CaseId, ConversationId, RoomId},
    room::RoomRefusal,
    session::Origin,
};

/// The one case a session is for, when it is for one.
fn case(origin: &Origin) -> Option<CaseId> {
    match origin {
        Origin::Link { case, .. } => Some(*case),
        Origin::SignIn {} => None,
    }
}

/// Whether the session reaches this room.
///
/// # Errors
/// As for a room that does not exist.
pub fn room(origin: &Origin, room: RoomId) -> Result<(), Refusal> {
    match case(origin) {
        Some(case) if case.room() != room => Err(Refusal::Room { why: RoomRefusal::NotFound }),
        _ => Ok(()),
    }
}

/// Whether the session reaches this conversation.
///
/// # Errors
/// As for a conversation that does not exist.
pub fn conversation(origin: &Origin, conversation: ConversationId) -> Result<(), Refusal> {
    match case(origin) {
        Some(case) if case.conversation() != conversation => {
            Err(Refusal::Conversation { why: ConversationRefusal::NotFound })
        }
        _ => Ok(()),
    }
}

/// Whether the session may watch this.
///
/// # Errors
/// As for something that does not exist.
pub fn topic(origin: &Origin, topic: &Topic) -> Result<(), Refusal> {
    match topic {
        Topic::Room { room: id } => room(origin, *id),
        Topic::Conversation { conversation: id } => conversation(origin, *id),
        // Both are the tenant's as a whole, and the table lets no guest near them.
        Topic::Tenant {} | Topic::Accounts {} => Ok(()),
    }
}

/// Whether the session may ask this of whomever it names.
///
/// # Errors
/// As for something that does not exist.
pub fn command(origin: &Origin, command: &Command) -> Result<(), Refusal> {
    match command {
        Command::Room { room: id, .. } | Command::Media { room: id, .. } => room(origin, *id),
        Command::Conversation { conversation: id, .. }
        | Command::Files { conversation: id, .. } => conversation(origin, *id),
        Command::Names { topic: about, .. } => topic(origin, about),
        Command::Session { .. }
        | Command::Tenant { .. }
        | Command::Link { .. }
        | Command::Accounts { .. } => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{id::LinkId, room::RoomCommand};

    #[test]
    fn a_guest_reaches_the_own_case_and_nothing_beyond() {
        let (own, other) = (CaseId::from_u128(1), CaseId::from_u128(2));
        let guest = Origin::Link { link: LinkId::from_u128(3), case: own };
        let knock =
            |case: CaseId| Command::Room { room: case.room(), command: RoomCommand::Knock {} };
        let files =
            |case: CaseId| Command::Files { conversation: case.conversation(), files: Vec::new() };
        assert!(command(&guest, &knock(own)).is_ok() && command(&guest, &files(own)).is_ok());
        assert!(command(&guest, &knock(other)).is_err() && command(&guest, &files(other)).is_err());
        assert!(topic(&guest, &Topic::Room { room: other.room() }).is_err());
        assert!(command(&Origin::SignIn {}, &knock(other)).is_ok());
    }
}
