//! Rights: who may do what. One table, from which come the check, the printed matrix, and a test
//! for each of its cells.
//!
//! [`Act`] names everything that can be done: every command of a socket, every topic that can be
//! watched, every route, every order of an operator. [`Who`] names everybody who could try. A cell
//! that says nothing is a no.
//!
//! # Invariants
//! - **RI1** What the table does not allow is refused, before any actor is asked. *(the node's
//!   `gateway::rights` and `gateway::socket`)*
//! - **RI2** An empty cell of Annex 4 (S238) is never allowed, whatever else the table says; the
//!   compiler checks it.
//! - **RI3** What is new has its row: every match from a word to its act is exhaustive.

use crate::caller::Role;

mod acts;
mod routes;

pub use routes::{Method, Route};

names! {
    /// Everybody who could try: the columns of the table.
    pub enum Who {
        /// Nobody who is signed in.
        Visitor,
        /// [`Role::Administrator`].
        Administrator,
        /// [`Role::Expert`].
        Expert,
        /// [`Role::Customer`].
        Customer,
        /// [`Role::Operator`].
        Operator,
        /// [`Role::Auditor`].
        Auditor,
        /// [`Role::ProtectionOfficer`].
        ProtectionOfficer,
        /// [`Role::Support`].
        Support,
        /// Whoever came by a one-time link to the operator page; the page spans all tenants, so no
        /// role within a tenant opens it.
        Desk,
        /// Whoever may read a node's data folder, through the operator's door.
        Machine,
    }
}

names! {
    /// What an act is about. Annex 4 gives or denies these to a role as a whole.
    pub enum Matter {
        /// Pages, health, signing in.
        Door,
        /// The own session.
        Session,
        /// Cases and guest links.
        Cases,
        /// Rooms, calls, voice and video (S24, S26).
        Stream,
        /// Messages and files (S27, S28).
        Content,
        /// Signatures and their characteristics (S29).
        Signing,
        /// Credentials of outside calendars.
        CalendarSecrets,
        /// Support tickets.
        Tickets,
        /// Accounts and who has which right.
        Rights,
        /// The cluster and its nodes.
        Cluster,
        /// What was done, and by whom (S152, S153).
        Audit,
    }
}

names! {
    /// The domain's no of the table itself.
    pub enum RightsRefusal {
        /// This role may not do this.
        NotAllowed,
    }
}

/// A cell of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// May.
    Allowed,
    /// May not, for nobody said so.
    Refused,
    /// May never: an empty cell of Annex 4 (S238).
    Empty,
}

impl Who {
    /// Every column.
    pub const ALL: [Self; 10] = [
        Self::Visitor,
        Self::Administrator,
        Self::Expert,
        Self::Customer,
        Self::Operator,
        Self::Auditor,
        Self::ProtectionOfficer,
        Self::Support,
        Self::Desk,
        Self::Machine,
    ];

    /// The column of somebody who is signed in; none for the node itself, which is no person and
    /// has no socket.
    pub const fn signed_in(role: Role) -> Option<Self> {
        match role {
            Role::Administrator => Some(Self::Administrator),
            Role::Expert => Some(Self::Expert),
            Role::Customer => Some(Self::Customer),
            Role::Operator => Some(Self::Operator),
            Role::Auditor => Some(Self::Auditor),
            Role::ProtectionOfficer => Some(Self::ProtectionOfficer),
            Role::Support => Some(Self::Support),
            Role::Node => None,
        }
    }

    /// What a matrix calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Visitor => "visitor",
            Self::Administrator => "administrator",
            Self::Expert => "expert",
            Self::Customer => "customer",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
            Self::ProtectionOfficer => "protectionOfficer",
            Self::Support => "support",
            Self::Desk => "operatorPage",
            Self::Machine => "machine",
        }
    }
}

/// A few columns, as letters of the table: `V`isitor, `A`dministrator, `E`xpert, `C`ustomer,
/// `O`perator, a`U`ditor, `P`rotection officer, `S`upport, operator's `D`esk, `M`achine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Set(u16);

impl Set {
    const fn of(letters: &str) -> Self {
        let (letters, mut bits, mut at) = (letters.as_bytes(), 0, 0);
        while at < letters.len() {
            let who = match letters[at] {
                b'V' => Who::Visitor,
                b'A' => Who::Administrator,
                b'E' => Who::Expert,
                b'C' => Who::Customer,
                b'O' => Who::Operator,
                b'U' => Who::Auditor,
                b'P' => Who::ProtectionOfficer,
                b'S' => Who::Support,
                b'D' => Who::Desk,
                b'M' => Who::Machine,
                _ => panic!("no column has this letter"),
            };
            bits |= 1 << who as u16;
            at += 1;
        }
        Self(bits)
    }

    const fn has(self, who: Who) -> bool {
        self.0 & 1 << who as u16 != 0
    }
}

/// Whether Annex 4 leaves this cell empty (S238): administrators take no part in streams, content
/// and signing; customers have no calendar credentials and no tickets.
pub const fn is_empty_cell(who: Who, matter: Matter) -> bool {
    matches!(
        (who, matter),
        (Who::Administrator, Matter::Stream | Matter::Content | Matter::Signing)
            | (Who::Customer, Matter::CalendarSecrets | Matter::Tickets)
    )
}

macro_rules! acts {
    ($($matter:ident { $($act:ident $name:literal $may:literal;)* })*) => {
        names! {
            /// Everything that can be done: the rows of the table.
            pub enum Act { $($(#[doc = $name] $act,)*)* }
        }

        impl Act {
            /// Every row.
            pub const ALL: &[Self] = &[$($(Self::$act,)*)*];

            /// What a matrix calls it.
            pub const fn name(self) -> &'static str {
                match self { $($(Self::$act => $name,)*)* }
            }

            /// What it is about.
            pub const fn matter(self) -> Matter {
                match self { $($(Self::$act => Matter::$matter,)*)* }
            }

            const fn row(self) -> Set {
                match self { $($(Self::$act => const { Set::of($may) },)*)* }
            }
        }
    };
}

acts! {
    Door {
        Page "door.page" "VAECOUPSD";
        Health "door.health" "VAECOUPSDM";
        SignIn "door.signIn" "VAECOUPSD";
        SignOut "door.signOut" "VAECOUPSD";
        LinkLook "door.link" "VAECOUPSD";
        LinkEnter "door.enter" "VAECOUPSD";
        SocketOpen "door.socket" "VAECOUPSD";
        DeskEnter "door.operatorEnter" "VAECOUPSD";
        DeskLeave "door.operatorLeave" "VAECOUPSD";
    }
    Session {
        SessionClose "session.close" "AECOUPS";
    }
    Cases {
        CasesWatch "cases.watch" "E";
        CasesNames "cases.names" "E";
        CaseOpen "case.open" "E";
        CaseInvite "case.invite" "E";
        CaseRevoke "case.revoke" "E";
        CaseClose "case.close" "E";
        CaseLink "case.link" "E";
    }
    Stream {
        RoomWatch "room.watch" "EC";
        RoomNames "room.names" "EC";
        RoomKnock "room.knock" "EC";
        RoomAdmit "room.admit" "E";
        RoomHold "room.hold" "E";
        RoomReject "room.reject" "E";
        RoomLock "room.lock" "E";
        RoomUnlock "room.unlock" "E";
        RoomMute "room.mute" "E";
        RoomUnmute "room.unmute" "EC";
        RoomRemove "room.remove" "E";
        RoomHandOver "room.handOver" "E";
        RoomLeave "room.leave" "EC";
        RoomEnd "room.end" "E";
        RoomPublish "room.publish" "EC";
        CallOffer "call.offer" "EC";
        CallHangup "call.hangup" "EC";
    }
    Content {
        TalkWatch "conversation.watch" "EC";
        TalkNames "conversation.names" "EC";
        TalkSay "conversation.say" "EC";
        TalkEdit "conversation.edit" "EC";
        TalkErase "conversation.erase" "EC";
        TalkRead "conversation.read" "EC";
        TalkType "conversation.type" "EC";
        TalkEarlier "conversation.earlier" "EC";
        FilesLook "files.look" "EC";
        FileStore "file.store" "EC";
        FileFetch "file.fetch" "EC";
    }
    Rights {
        RightsTable "rights.table" "AUP";
        RightsWatch "rights.watch" "AUP";
        RightsNames "rights.names" "AP";
        RightsRequest "rights.request" "A";
        RightsApprove "rights.approve" "A";
        RightsGrant "rights.grant" "A";
        RightsReject "rights.reject" "A";
        RightsAssign "rights.assign" "A";
        RightsWithdraw "rights.withdraw" "A";
        AccountAdd "machine.accountAdd" "M";
        AccountRoles "machine.accountRoles" "M";
    }
    Cluster {
        Figures "door.figures" "VAECOUPSDM";
        DeskCluster "desk.cluster" "D";
        DeskLive "desk.live" "D";
        DeskDrain "desk.drain" "D";
        ClusterStatus "machine.status" "M";
        ClusterInvite "machine.invite" "M";
        ClusterDrain "machine.drain" "M";
        ClusterRemove "machine.remove" "M";
        ClusterRebalance "machine.rebalance" "M";
        ClusterForce "machine.force" "M";
        ClusterForced "machine.forced" "M";
        ClusterSet "machine.set" "M";
        DeskLink "machine.page" "M";
        Demo "machine.demo" "M";
        Export "machine.export" "M";
        ExportContent "machine.content" "M";
        TenantList "machine.tenants" "M";
        TenantSet "machine.tenant" "M";
    }
    Audit {
        AuditRead "audit.read" "AUP";
        AuditSystem "desk.audit" "D";
        AuditExport "machine.audit" "M";
    }
}

impl Act {
    /// What the table says.
    pub const fn cell(self, who: Who) -> Cell {
        match self.row().has(who) {
            _ if is_empty_cell(who, self.matter()) => Cell::Empty,
            true => Cell::Allowed,
            false => Cell::Refused,
        }
    }

    /// Whether somebody who is signed in may do this (RI1).
    ///
    /// # Errors
    /// The one word for every no of the table.
    pub const fn by(self, role: Role) -> Result<(), RightsRefusal> {
        match Who::signed_in(role) {
            Some(who) if matches!(self.cell(who), Cell::Allowed) => Ok(()),
            _ => Err(RightsRefusal::NotAllowed),
        }
    }
}

/// The whole table as comma-separated values (S128): a row for each act, a column for each who.
pub fn csv() -> String {
    let mut text = String::from("act,matter");
    Who::ALL.iter().for_each(|who| text.extend([",", who.name()]));
    text.push('\n');
    for act in Act::ALL {
        text += &format!("{},{:?}", act.name(), act.matter());
        for who in Who::ALL {
            text += match act.cell(who) {
                Cell::Allowed => ",yes",
                Cell::Refused => ",no",
                Cell::Empty => ",never (S238)",
            };
        }
        text.push('\n');
    }
    text
}

const _: () = {
    // RI2: nobody wrote a letter into an empty cell.
    let (mut act, all) = (0, Act::ALL);
    while act < all.len() {
        let mut who = 0;
        while who < Who::ALL.len() {
            let empty = is_empty_cell(Who::ALL[who], all[act].matter());
            assert!(!empty || !all[act].row().has(Who::ALL[who]), "RI2");
            who += 1;
        }
        act += 1;
    }
};

#[cfg(test)]
mod tests;
