//! Which act a word is. Every match is exhaustive: a new word does not compile before it has its
//! row in the table (RI3).

use super::Act;
use crate::{
    accounts::AccountsCommand,
    conversation::ConversationCommand as Talk,
    frame::{Command, Topic},
    media::MediaCommand,
    room::RoomCommand,
    session::SessionCommand,
    tenant::TenantCommand,
};

impl Act {
    /// What this command does.
    pub const fn of(command: &Command) -> Self {
        match command {
            Command::Session { command: SessionCommand::Close {} } => Self::SessionClose,
            Command::Tenant { command } => Self::of_tenant(command),
            Command::Room { command, .. } => Self::of_room(command),
            Command::Conversation { command, .. } => Self::of_talk(command),
            Command::Media { command: MediaCommand::Offer { .. }, .. } => Self::CallOffer,
            Command::Media { command: MediaCommand::Hangup {}, .. } => Self::CallHangup,
            Command::Names { topic, .. } => match topic {
                Topic::Tenant {} => Self::CasesNames,
                Topic::Room { .. } => Self::RoomNames,
                Topic::Conversation { .. } => Self::TalkNames,
                Topic::Accounts {} => Self::RightsNames,
            },
            Command::Files { .. } => Self::FilesLook,
            Command::Link { .. } => Self::CaseLink,
            Command::Accounts { command } => Self::of_accounts(command),
        }
    }

    /// Watching this topic.
    pub const fn watching(topic: &Topic) -> Self {
        match topic {
            Topic::Tenant {} => Self::CasesWatch,
            Topic::Room { .. } => Self::RoomWatch,
            Topic::Conversation { .. } => Self::TalkWatch,
            Topic::Accounts {} => Self::RightsWatch,
        }
    }

    const fn of_tenant(command: &TenantCommand) -> Self {
        match command {
            TenantCommand::Open { .. } => Self::CaseOpen,
            TenantCommand::Invite { .. } => Self::CaseInvite,
            TenantCommand::Revoke { .. } => Self::CaseRevoke,
            TenantCommand::Close { .. } => Self::CaseClose,
        }
    }

    const fn of_room(command: &RoomCommand) -> Self {
        match command {
            RoomCommand::Knock {} => Self::RoomKnock,
            RoomCommand::Admit { .. } => Self::RoomAdmit,
            RoomCommand::Hold { .. } => Self::RoomHold,
            RoomCommand::Reject { .. } => Self::RoomReject,
            RoomCommand::Lock {} => Self::RoomLock,
            RoomCommand::Unlock {} => Self::RoomUnlock,
            RoomCommand::Mute { .. } => Self::RoomMute,
            RoomCommand::Unmute {} => Self::RoomUnmute,
            RoomCommand::Remove { .. } => Self::RoomRemove,
            RoomCommand::HandOver { .. } => Self::RoomHandOver,
            RoomCommand::Leave {} => Self::RoomLeave,
            RoomCommand::End {} => Self::RoomEnd,
            RoomCommand::Publish { .. } => Self::RoomPublish,
        }
    }

    const fn of_talk(command: &Talk) -> Self {
        match command {
            Talk::Say { .. } => Self::TalkSay,
            Talk::Edit { .. } => Self::TalkEdit,
            Talk::Erase { .. } => Self::TalkErase,
            Talk::Read { .. } => Self::TalkRead,
            Talk::Type {} => Self::TalkType,
            Talk::Earlier { .. } => Self::TalkEarlier,
        }
    }

    const fn of_accounts(command: &AccountsCommand) -> Self {
        match command {
            AccountsCommand::Request { .. } => Self::RightsRequest,
            AccountsCommand::Approve { .. } => Self::RightsApprove,
            AccountsCommand::Grant { .. } => Self::RightsGrant,
            AccountsCommand::Reject { .. } => Self::RightsReject,
            AccountsCommand::Assign { .. } => Self::RightsAssign,
            AccountsCommand::Withdraw { .. } => Self::RightsWithdraw,
        }
    }
}
