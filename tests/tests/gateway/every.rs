//! Everything that can be done, once, in the words of a browser: the rows of the table of rights.
//!
//! A row without a deed fails every test that walks the list, so nothing is left out of the tests of
//! rights and of tenants.

use protocol::{
    accounts::AccountsCommand,
    caller::Role,
    conversation::ConversationCommand as Talk,
    frame::{Command, Topic},
    id::{CaseId, FileId, GrantId, LinkId, MessageId, PersonId, Seq, SessionId},
    media::MediaCommand,
    rights::Act,
    room::RoomCommand,
    session::SessionCommand,
    tenant::TenantCommand,
    time::Span,
};
use serde_json::{Value, json};

/// What the deeds are about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Things {
    pub(crate) case: CaseId,
    pub(crate) link: LinkId,
    pub(crate) session: SessionId,
    pub(crate) person: PersonId,
    pub(crate) message: MessageId,
    pub(crate) file: FileId,
    pub(crate) grant: GrantId,
}

impl Things {
    /// Ids that nothing has.
    pub(crate) fn absent() -> Self {
        let bits = 0xab5e_0000_0000_7000_8000_0000_0000_0001;
        Self {
            case: CaseId::from_u128(bits),
            link: LinkId::from_u128(bits),
            session: SessionId::from_u128(bits),
            person: PersonId::from_u128(bits),
            message: MessageId::from_u128(bits),
            file: FileId::from_u128(bits),
            grant: GrantId::from_u128(bits),
        }
    }
}

/// One way to try it.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    /// Through a socket.
    Ask(Command),
    /// Through a socket.
    Watch(Topic),
    /// `GET`.
    Get(String),
    /// `POST` of a form.
    Form(&'static str, Value),
    /// `POST` of bytes.
    Upload(String),
    /// Through the operator's door in the data folder, and by no path or command.
    Order,
}

/// Does this act to these things.
pub(crate) fn deed(act: Act, of: &Things) -> Deed {
    match act {
        Act::Page => Deed::Get("/".into()),
        Act::Health => Deed::Get("/healthz".into()),
        Act::Figures => Deed::Get("/metrics".into()),
        Act::SignIn => Deed::Form("/api/sign-in", json!({ "login": "nobody", "password": "x" })),
        Act::SignOut => Deed::Form("/api/sign-out", json!({})),
        Act::LinkLook => Deed::Form("/api/link", json!({ "link": "x" })),
        Act::LinkEnter => Deed::Form("/api/enter", json!({ "link": "x", "name": "X" })),
        Act::SocketOpen => Deed::Get("/ws".into()),
        Act::DeskEnter => Deed::Form("/api/operator/enter", json!({ "link": "x" })),
        Act::DeskLeave => Deed::Form("/api/operator/leave", json!({})),
        Act::DeskCluster => Deed::Get("/api/operator/cluster".into()),
        Act::DeskLive => Deed::Get("/api/operator/live".into()),
        Act::DeskDrain => Deed::Form("/api/operator/drain", json!({ "number": 1, "on": true })),
        Act::SessionClose => Deed::Ask(Command::Session { command: SessionCommand::Close {} }),
        Act::RightsTable => Deed::Get("/api/rights".into()),
        Act::AuditRead => Deed::Get("/api/audit".into()),
        Act::AuditSystem => Deed::Get("/api/operator/audit".into()),
        Act::FileStore => Deed::Upload(format!(
            "/api/files/{}?file={}&name=a.txt",
            of.case.conversation(),
            of.file
        )),
        Act::FileFetch => Deed::Get(format!("/api/files/{}/{}", of.case.conversation(), of.file)),
        Act::CasesWatch => Deed::Watch(Topic::Tenant {}),
        Act::RoomWatch => Deed::Watch(room(of)),
        Act::TalkWatch => Deed::Watch(talk(of)),
        Act::RightsWatch => Deed::Watch(Topic::Accounts {}),
        Act::CasesNames => names(Topic::Tenant {}, of),
        Act::RoomNames => names(room(of), of),
        Act::TalkNames => names(talk(of), of),
        Act::RightsNames => names(Topic::Accounts {}, of),
        Act::CaseOpen => of_tenant(TenantCommand::Open { title: "Beratung".into() }),
        Act::CaseInvite => {
            of_tenant(TenantCommand::Invite { case: of.case, life: Span::from_secs(3600) })
        }
        Act::CaseRevoke => of_tenant(TenantCommand::Revoke { link: of.link }),
        Act::CaseClose => of_tenant(TenantCommand::Close { case: of.case }),
        Act::CaseLink => Deed::Ask(Command::Link { case: of.case, link: of.link }),
        Act::FilesLook => {
            let (conversation, files) = (of.case.conversation(), vec![of.file]);
            Deed::Ask(Command::Files { conversation, files })
        }
        act => in_a_room(act, of).or_else(|| in_a_talk(act, of)).unwrap_or_else(|| rest(act, of)),
    }
}

fn room(of: &Things) -> Topic {
    Topic::Room { room: of.case.room() }
}

fn talk(of: &Things) -> Topic {
    Topic::Conversation { conversation: of.case.conversation() }
}

fn names(topic: Topic, of: &Things) -> Deed {
    Deed::Ask(Command::Names { topic, people: vec![of.person] })
}

fn of_tenant(command: TenantCommand) -> Deed {
    Deed::Ask(Command::Tenant { command })
}

fn in_a_room(act: Act, of: &Things) -> Option<Deed> {
    let (room, session) = (of.case.room(), of.session);
    let command = match act {
        Act::RoomKnock => RoomCommand::Knock {},
        Act::RoomAdmit => RoomCommand::Admit { session },
        Act::RoomHold => RoomCommand::Hold { session, message: "Moment".into() },
        Act::RoomReject => RoomCommand::Reject { session },
        Act::RoomLock => RoomCommand::Lock {},
        Act::RoomUnlock => RoomCommand::Unlock {},
        Act::RoomMute => RoomCommand::Mute { session },
        Act::RoomUnmute => RoomCommand::Unmute {},
        Act::RoomRemove => RoomCommand::Remove { session },
        Act::RoomHandOver => RoomCommand::HandOver { session },
        Act::RoomLeave => RoomCommand::Leave {},
        Act::RoomEnd => RoomCommand::End {},
        Act::RoomPublish => RoomCommand::Publish { tracks: Vec::new() },
        Act::CallOffer => {
            let command = MediaCommand::Offer { sdp: "v=0".into() };
            return Some(Deed::Ask(Command::Media { room, command }));
        }
        Act::CallHangup => {
            return Some(Deed::Ask(Command::Media { room, command: MediaCommand::Hangup {} }));
        }
        _ => return None,
    };
    Some(Deed::Ask(Command::Room { room, command }))
}

fn in_a_talk(act: Act, of: &Things) -> Option<Deed> {
    let (conversation, message) = (of.case.conversation(), of.message);
    let command = match act {
        Act::TalkSay => Talk::Say { message, text: "Guten Tag".into(), files: Vec::new() },
        Act::TalkEdit => Talk::Edit { message, text: "Guten Abend".into() },
        Act::TalkErase => Talk::Erase { message },
        Act::TalkRead => Talk::Read { upto: Seq(1) },
        Act::TalkType => Talk::Type {},
        Act::TalkEarlier => Talk::Earlier { before: message },
        _ => return None,
    };
    Some(Deed::Ask(Command::Conversation { conversation, command }))
}

fn rest(act: Act, of: &Things) -> Deed {
    let (person, grant, life) = (of.person, of.grant, None);
    let command = match act {
        Act::RightsRequest => AccountsCommand::Request { person, role: Role::Operator, life },
        Act::RightsApprove => AccountsCommand::Approve { grant },
        Act::RightsGrant => AccountsCommand::Grant { grant },
        Act::RightsReject => AccountsCommand::Reject { grant },
        Act::RightsAssign => AccountsCommand::Assign { person, role: Role::Expert },
        Act::RightsWithdraw => AccountsCommand::Withdraw { person, role: Role::Expert },
        act if act.name().starts_with("machine.") => return Deed::Order,
        act => unreachable!("{} has no deed: give it one", act.name()),
    };
    Deed::Ask(Command::Accounts { command })
}
