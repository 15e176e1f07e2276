//! Which verb a command is: one match without a wildcard, so that a new command does not compile
//! until somebody has said here what the audit log says of it (RE4).
//!
//! `None` is a decision too, and each stands beside its reason.

use protocol::{
    accounts::AccountsCommand,
    audit::{Change, Thing, Verb},
    cluster::Setting,
    conversation::ConversationCommand,
    frame::Command,
    media::MediaCommand,
    room::RoomCommand,
    session::SessionCommand,
    tenant::TenantCommand,
};

use crate::cluster::admin::Order;

/// What is recorded of a browser's command: the verb, and what it is done to.
pub fn of(command: &Command) -> Option<(Verb, Vec<Thing>)> {
    match command {
        Command::Session { command: SessionCommand::Close {} } => Some((Verb::SignOut, vec![])),
        Command::Tenant { command } => Some(of_tenant(command)),
        Command::Room { room, command } => {
            let room = Thing::Room { room: *room };
            let (verb, device) = of_room(command)?;
            Some((verb, [Some(room), device].into_iter().flatten().collect()))
        }
        Command::Conversation { conversation, command } => {
            let conversation = Thing::Conversation { conversation: *conversation };
            let (verb, message) = of_conversation(command)?;
            Some((verb, vec![conversation, message]))
        }
        Command::Media {
            command: MediaCommand::Offer { .. } | MediaCommand::Hangup {}, ..
        } => {
            None // the own device's call; who is let in and silenced stands with the room
        }
        Command::Names { .. } => None, // recorded with the names that are given, before they are
        Command::Files { .. } => None, // what a conversation's own people see of it
        Command::Accounts { command } => Some(of_accounts(command)),
        Command::Link { case, link } => {
            Some((Verb::LinkShown, vec![Thing::Case { case: *case }, Thing::Link { link: *link }]))
        }
    }
}

fn of_tenant(command: &TenantCommand) -> (Verb, Vec<Thing>) {
    match command {
        TenantCommand::Open { .. } => (Verb::CaseOpened, vec![]),
        TenantCommand::Invite { case, .. } => (Verb::LinkMade, vec![Thing::Case { case: *case }]),
        TenantCommand::Revoke { link } => (Verb::LinkRevoked, vec![Thing::Link { link: *link }]),
        TenantCommand::Close { case } => (Verb::CaseClosed, vec![Thing::Case { case: *case }]),
    }
}

fn of_accounts(command: &AccountsCommand) -> (Verb, Vec<Thing>) {
    let person = |person: &_| vec![Thing::Person { person: *person }];
    let grant = |grant: &_| vec![Thing::Grant { grant: *grant }];
    match command {
        AccountsCommand::Request { person: it, .. } => (Verb::RightAsked, person(it)),
        AccountsCommand::Approve { grant: it } => (Verb::RightApproved, grant(it)),
        AccountsCommand::Grant { grant: it } => (Verb::RightGranted, grant(it)),
        AccountsCommand::Reject { grant: it } => (Verb::RightRejected, grant(it)),
        AccountsCommand::Assign { person: it, .. } => (Verb::RightGranted, person(it)),
        AccountsCommand::Withdraw { person: it, .. } => (Verb::RightWithdrawn, person(it)),
    }
}

/// What a command makes of one right of a person (S157); of the others it makes nothing. Which right
/// a grant is stands in the accounts' journal.
pub fn change(command: &Command) -> Option<Change> {
    let Command::Accounts { command } = command else { return None };
    match command {
        AccountsCommand::Assign { role, .. } => Some(Change { before: vec![], after: vec![*role] }),
        AccountsCommand::Withdraw { role, .. } => {
            Some(Change { before: vec![*role], after: vec![] })
        }
        AccountsCommand::Request { .. }
        | AccountsCommand::Approve { .. }
        | AccountsCommand::Grant { .. }
        | AccountsCommand::Reject { .. } => None,
    }
}

/// What one person does to another, or to the room. What a device does to itself stands in the
/// room's journal.
fn of_room(command: &RoomCommand) -> Option<(Verb, Option<Thing>)> {
    let device = |session: &_| Some(Thing::Session { session: *session });
    Some(match command {
        RoomCommand::Admit { session } => (Verb::SeatGiven, device(session)),
        RoomCommand::Hold { session, .. } => (Verb::SeatHeld, device(session)),
        RoomCommand::Reject { session } => (Verb::SeatRefused, device(session)),
        RoomCommand::Remove { session } => (Verb::SeatTaken, device(session)),
        RoomCommand::Mute { session } => (Verb::Muted, device(session)),
        RoomCommand::HandOver { session } => (Verb::LeadGiven, device(session)),
        RoomCommand::Lock {} => (Verb::RoomLocked, None),
        RoomCommand::Unlock {} => (Verb::RoomUnlocked, None),
        RoomCommand::End {} => (Verb::RoomEnded, None),
        RoomCommand::Knock {} | RoomCommand::Leave {} | RoomCommand::Unmute {} => return None,
        RoomCommand::Publish { .. } => return None, // not kept at all
    })
}

/// What changes or takes back what was said. What is said stands in the conversation's journal.
fn of_conversation(command: &ConversationCommand) -> Option<(Verb, Thing)> {
    let message = |message: &_| Thing::Message { message: *message };
    Some(match command {
        ConversationCommand::Edit { message: it, .. } => (Verb::MessageChanged, message(it)),
        ConversationCommand::Erase { message: it } => (Verb::MessageErased, message(it)),
        ConversationCommand::Say { .. } | ConversationCommand::Read { .. } => return None,
        ConversationCommand::Type {} => return None, // not kept at all
        ConversationCommand::Earlier { .. } => return None, // of the own conversation
    })
}

/// What is recorded of an operator's order, in the system's log.
pub fn of_order(order: &Order) -> Option<(Verb, Vec<Thing>)> {
    Some(match order {
        Order::Invite { .. } => (Verb::NodeInvited, vec![]),
        Order::Drain { node, on: true } => (Verb::NodeDrained, numbered(node)),
        Order::Drain { node, on: false } => (Verb::NodeKept, numbered(node)),
        Order::Remove { node, .. } => (Verb::NodeRemoved, numbered(node)),
        Order::Rebalance {} => (Verb::Rebalanced, vec![]),
        Order::Force { shard, node, .. } => {
            let shard = Thing::Shard { shard: *shard };
            (Verb::ShardForced, [vec![shard], numbered(node)].concat())
        }
        Order::Set { setting: Setting::Countries { .. }, .. } => (Verb::SettingChosen, vec![]),
        Order::Set { setting: Setting::Tenant { tenant, .. }, .. } => {
            (Verb::SettingChosen, vec![Thing::Tenant { tenant: *tenant }])
        }
        Order::Account { .. } => (Verb::AccountMade, vec![]),
        Order::Roles { .. } | Order::Tenants {} => return None, // ids, and no name of a person
        Order::Page {} => (Verb::PageMade, vec![]),
        Order::Demo {} => (Verb::DemoMade, vec![]),
        // The first page of many: a backup begins.
        Order::Export { shard: 0, after } if after.is_empty() => (Verb::BackupTaken, vec![]),
        Order::Export { .. } | Order::Content { .. } => return None, // the pages after it
        Order::Status {} | Order::Forced {} => return None, // how the cluster is, and of nobody
        // Recorded in the log it is about, before it is counted.
        Order::AuditHead { .. } | Order::AuditLines { .. } => return None,
    })
}

/// A node by its number. One that was named by its name stands in the map.
fn numbered(node: &str) -> Vec<Thing> {
    node.parse().map(|node| Thing::Node { node }).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::id::{ConversationId, MessageId, RoomId, SessionId};

    #[test]
    fn re4_what_is_done_to_others_is_recorded_and_chat_is_not_slowed() {
        let (room, session) = (RoomId::from_u128(1), SessionId::from_u128(2));
        let told = |command| of(&Command::Room { room, command });
        let things = vec![Thing::Room { room }, Thing::Session { session }];
        assert_eq!(told(RoomCommand::Mute { session }), Some((Verb::Muted, things)));
        assert_eq!(told(RoomCommand::Knock {}), None);
        let conversation = ConversationId::from_u128(1);
        let told = |command| of(&Command::Conversation { conversation, command });
        let message = MessageId::from_u128(3);
        let say = ConversationCommand::Say { message, text: "x".into(), files: vec![] };
        assert_eq!((told(say), told(ConversationCommand::Type {})), (None, None));
        let things = vec![Thing::Conversation { conversation }, Thing::Message { message }];
        let erased = told(ConversationCommand::Erase { message });
        assert_eq!(erased, Some((Verb::MessageErased, things)));
    }

    #[test]
    fn re4_a_backup_is_recorded_once() {
        let export = |shard, after: &[u8]| of_order(&Order::Export { shard, after: after.into() });
        assert_eq!(export(0, &[]), Some((Verb::BackupTaken, vec![])));
        assert_eq!((export(0, &[1]), export(1, &[])), (None, None));
        let drain = of_order(&Order::Drain { node: "3".into(), on: true });
        assert_eq!(drain, Some((Verb::NodeDrained, vec![Thing::Node { node: 3 }])));
    }
}
