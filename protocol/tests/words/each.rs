//! Every word of the protocol, once: its variants, its fields, its place and its bound.

use super::{Any, Chance, Made, Visitor, made_enums, made_structs};
use protocol::{
    accounts, audit, caller, conversation, file, frame,
    limits::{EVENT_BYTES, FRAME_DOWN_BYTES, FRAME_UP_BYTES},
    media, request, rights, room, session, tenant, vault,
};

/// Visits every word.
pub(crate) fn every(to: &mut impl Visitor) {
    kept(to);
    going_up(to);
    going_down(to);
    super::nodes::between_nodes(to);
}

/// What lies on a disk.
fn kept(to: &mut impl Visitor) {
    to.visit::<room::RoomEvent, EVENT_BYTES>("room/events");
    to.visit::<conversation::ConversationEvent, EVENT_BYTES>("conversation/events");
    to.visit::<tenant::TenantEvent, EVENT_BYTES>("tenant/events");
    to.visit::<session::SessionEvent, EVENT_BYTES>("session/events");
    to.visit::<session::Origin, EVENT_BYTES>("session/origins");
    to.visit::<file::FileEvent, EVENT_BYTES>("file/events");
    to.visit::<vault::VaultEvent, EVENT_BYTES>("vault/events");
    to.visit::<caller::Role, EVENT_BYTES>("caller/roles");
    to.visit::<caller::Caller, EVENT_BYTES>("caller/callers");
    to.visit::<request::Request, EVENT_BYTES>("request/requests");
    to.visit::<accounts::AccountsEvent, EVENT_BYTES>("accounts/events");
    to.visit::<audit::AuditEvent, EVENT_BYTES>("audit/events");
    to.visit::<audit::AuditLog, EVENT_BYTES>("audit/logs");
    to.visit::<audit::Verb, EVENT_BYTES>("audit/verbs");
    to.visit::<audit::Purpose, EVENT_BYTES>("audit/purposes");
    to.visit::<audit::Outcome, EVENT_BYTES>("audit/outcomes");
    to.visit::<audit::By, EVENT_BYTES>("audit/by");
    to.visit::<audit::Thing, EVENT_BYTES>("audit/things");
    to.visit::<audit::Draft, EVENT_BYTES>("audit/drafts");
    to.visit::<audit::Record, EVENT_BYTES>("audit/records");
    to.visit::<audit::AuditRefusal, EVENT_BYTES>("audit/refusals");
}

/// What a browser sends.
fn going_up(to: &mut impl Visitor) {
    to.visit::<room::RoomCommand, FRAME_UP_BYTES>("room/commands");
    to.visit::<conversation::ConversationCommand, FRAME_UP_BYTES>("conversation/commands");
    to.visit::<tenant::TenantCommand, FRAME_UP_BYTES>("tenant/commands");
    to.visit::<session::SessionCommand, FRAME_UP_BYTES>("session/commands");
    to.visit::<media::MediaCommand, FRAME_UP_BYTES>("media/commands");
    to.visit::<media::Source, FRAME_UP_BYTES>("media/sources");
    to.visit::<media::Track, FRAME_UP_BYTES>("media/tracks");
    to.visit::<frame::Topic, FRAME_UP_BYTES>("frame/topics");
    to.visit::<frame::Command, FRAME_UP_BYTES>("frame/commands");
    to.visit::<frame::ToNode, FRAME_UP_BYTES>("frame/to-node");
    to.visit::<accounts::AccountsCommand, FRAME_UP_BYTES>("accounts/commands");
}

/// What a node sends.
fn going_down(to: &mut impl Visitor) {
    to.visit::<room::RoomNote, FRAME_DOWN_BYTES>("room/notes");
    to.visit::<room::RoomRefusal, FRAME_DOWN_BYTES>("room/refusals");
    to.visit::<room::Standing, FRAME_DOWN_BYTES>("room/standings");
    to.visit::<room::Seat, FRAME_DOWN_BYTES>("room/seats");
    to.visit::<room::Waiting, FRAME_DOWN_BYTES>("room/waiting");
    to.visit::<room::RoomView, FRAME_DOWN_BYTES>("room/views");
    to.visit::<conversation::ConversationNote, FRAME_DOWN_BYTES>("conversation/notes");
    to.visit::<conversation::ConversationRefusal, FRAME_DOWN_BYTES>("conversation/refusals");
    to.visit::<conversation::Message, FRAME_DOWN_BYTES>("conversation/messages");
    to.visit::<conversation::ReadMark, FRAME_DOWN_BYTES>("conversation/read-marks");
    to.visit::<conversation::ConversationView, FRAME_DOWN_BYTES>("conversation/views");
    to.visit::<tenant::TenantRefusal, FRAME_DOWN_BYTES>("tenant/refusals");
    to.visit::<tenant::LinkView, FRAME_DOWN_BYTES>("tenant/links");
    to.visit::<tenant::CaseView, FRAME_DOWN_BYTES>("tenant/cases");
    to.visit::<tenant::TenantView, FRAME_DOWN_BYTES>("tenant/views");
    to.visit::<session::SessionRefusal, FRAME_DOWN_BYTES>("session/refusals");
    to.visit::<session::SessionView, FRAME_DOWN_BYTES>("session/views");
    to.visit::<file::FileRefusal, FRAME_DOWN_BYTES>("file/refusals");
    to.visit::<file::FileView, FRAME_DOWN_BYTES>("file/views");
    to.visit::<vault::VaultRefusal, FRAME_DOWN_BYTES>("vault/refusals");
    to.visit::<vault::Named, FRAME_DOWN_BYTES>("vault/named");
    to.visit::<media::MediaSignal, FRAME_DOWN_BYTES>("media/signals");
    to.visit::<media::MediaRefusal, FRAME_DOWN_BYTES>("media/refusals");
    to.visit::<frame::View, FRAME_DOWN_BYTES>("frame/views");
    to.visit::<frame::Event, FRAME_DOWN_BYTES>("frame/events");
    to.visit::<frame::Note, FRAME_DOWN_BYTES>("frame/notes");
    to.visit::<frame::Refusal, FRAME_DOWN_BYTES>("frame/refusals");
    to.visit::<frame::Fault, FRAME_DOWN_BYTES>("frame/faults");
    to.visit::<frame::Cut, FRAME_DOWN_BYTES>("frame/cuts");
    to.visit::<frame::Reply, FRAME_DOWN_BYTES>("frame/replies");
    to.visit::<frame::ToBrowser, FRAME_DOWN_BYTES>("frame/to-browser");
    to.visit::<accounts::AccountsRefusal, FRAME_DOWN_BYTES>("accounts/refusals");
    to.visit::<accounts::AccountsView, FRAME_DOWN_BYTES>("accounts/views");
    to.visit::<rights::RightsRefusal, FRAME_DOWN_BYTES>("rights/refusals");
}

made_enums! {
    audit::AuditEvent { Recorded { tenant, line } }
    audit::AuditRefusal { NotAllowed {} TooMuch {} }
    audit::Log { Application {} System {} }
    audit::Verb {
        SignIn {} SignInRefused {} SignOut {} LinkOpened {} LinkRefused {} GuestEntered {}
        CaseOpened {} CaseClosed {} LinkMade {} LinkRevoked {} LinkShown {} NamesRead {}
        FilePut {} FileTaken {} MessageChanged {} MessageErased {} SeatGiven {} SeatHeld {}
        SeatRefused {} SeatTaken {} RoomLocked {} RoomUnlocked {} Muted {} LeadGiven {}
        RoomEnded {} AuditRead {} AuditExported {} OperatorEntered {} OperatorLeft {}
        PageMade {} NodeInvited {} NodeDrained {} NodeKept {} NodeRemoved {} Rebalanced {}
        ShardForced {} SettingChosen {} BackupTaken {} DemoMade {} RightAsked {}
        RightApproved {} RightGranted {} RightWithdrawn {} KeyMade {} KeyRotated {}
        KeyDestroyed {} OperatorRefused {} RightRejected {} AccountMade {}
    }
    audit::Purpose {
        Consultation {} Conversation {} Cases {} Invitation {} Audit {} Rights {}
    }
    audit::Outcome { Done {} Refused {} Faulted {} }
    audit::By { Person { person, session, role } Stranger {} Operator {} Node {} }
    audit::Thing {
        Case { case } Link { link } Room { room } Conversation { conversation }
        Message { message } File { file } Person { person } Session { session }
        Tenant { tenant } Log { log } Node { node } Shard { shard }
        Grant { grant }
    }
    caller::Role {
        Administrator {} Expert {} Customer {} Node {} Operator {} Auditor {}
        ProtectionOfficer {} Support {}
    }
    accounts::AccountsCommand {
        Request { person, role, life } Approve { grant } Grant { grant } Reject { grant }
        Assign { person, role } Withdraw { person, role }
    }
    accounts::AccountsEvent {
        Adopted { person, role } Admitted { person, role }
        Requested { grant, person, role, life, by } Approved { grant, by }
        Granted { grant, by, until } Rejected { grant, by } Assigned { person, role, by }
        Withdrawn { person, role, by }
    }
    accounts::AccountsRefusal {
        NotAllowed {} NotFound {} Critical {} NotCritical {} Own {} SamePerson {} NotApproved {}
        Approved {} Lapsed {} BadLife {} Already {} NotHeld {} LastAdministrator {} TooMany {}
        NoSuchRole {} Founded {}
    }
    rights::RightsRefusal { NotAllowed {} }
    room::RoomCommand {
        Knock {} Admit { session } Hold { session, message } Reject { session } Lock {} Unlock {}
        Mute { session } Unmute {} Remove { session } HandOver { session } Leave {} End {}
        Publish { tracks }
    }
    room::RoomEvent {
        Opened { tenant, case, conversation, lead } Knocked { session, person, role }
        Held { session, message } Rejected { session } Seated { session, person, role }
        Left { session } Removed { session } Locked {} Unlocked {} Muted { session }
        Unmuted { session } HandedOver { to } Ended {}
    }
    room::RoomNote { Present { session } Absent { session } Publishes { session, tracks } }
    room::RoomRefusal {
        NotFound {} Ended {} Locked {} Full {} QueueFull {} NotHere {} AlreadyHere {}
        NotWaiting {} NotLead {} NotAnExpert {} NotForAdministrators {} BadText {}
        TooManyTracks {}
    }
    room::Standing { Outside {} Waiting {} Seated {} }
    conversation::ConversationCommand {
        Say { message, text, files } Edit { message, text } Erase { message } Read { upto }
        Type {} Earlier { before }
    }
    conversation::ConversationEvent {
        Opened { tenant, case } Joined { person } Withdrawn { person }
        Said { message, by, text, files } Edited { message, text } Erased { message }
        Read { by, upto }
    }
    conversation::ConversationNote { Typing { by, at } }
    conversation::ConversationRefusal {
        NotFound {} BadText {} BadFiles {} NoSuchMessage {} NotYours {} Gone {} Full {}
        IdTaken {} NotForAdministrators {} NotYet {}
    }
    tenant::TenantCommand {
        Open { title } Invite { case, life } Revoke { link } Close { case }
    }
    tenant::TenantEvent {
        Opened { case, expert, customer, title } Settled { case } Invited { case, link, until }
        Revoked { link } Closed { case }
    }
    tenant::TenantRefusal {
        NotFound {} NotAnExpert {} BadText {} BadLife {} TooManyCases {} TooManyLinks {}
        CaseClosed {} LinkExpired {} LinkRevoked {} TenantClosed {}
    }
    session::SessionCommand { Close {} }
    session::Origin { SignIn {} Link { link, case } }
    session::SessionEvent { Opened { tenant, person, role, origin, until } Closed {} }
    session::SessionRefusal { NotFound {} Closed {} Expired {} }
    file::FileEvent {
        Kept { tenant, conversation, by, name, media_type, bytes, content } Withdrawn {}
    }
    file::FileRefusal {
        NotFound {} Gone {} BadName {} TooLarge {} Empty {} IdTaken {} NotForAdministrators {}
    }
    vault::VaultEvent {
        Registered { person, role, name } Renamed { person, name }
        Enrolled { person, login, secret }
    }
    vault::VaultRefusal { NotFound {} BadName {} LoginTaken {} NotAllowed {} }
    media::Source { Camera {} Microphone {} Screen {} ScreenSound {} }
    media::MediaCommand { Offer { sdp } Hangup {} }
    media::MediaSignal {
        Wanted { audio, video } Bound { mid, session, source } Speaking { sessions } Gone {}
    }
    media::MediaRefusal { NotSeated {} BadOffer {} Full {} }
    frame::Topic { Tenant {} Room { room } Conversation { conversation } Accounts {} }
    frame::Command {
        Session { command } Tenant { command } Room { room, command }
        Conversation { conversation, command } Media { room, command } Names { topic, people }
        Files { conversation, files } Link { case, link } Accounts { command }
    }
    frame::ToNode {
        Hello { version } Watch { topic, after } Unwatch { topic }
        Ask { ask, request, command } Ack { frames } Arrive { version, ticket }
        Ping {} WatchIn { topic, after, generation }
    }
    frame::View { Tenant { view } Room { view } Conversation { view } Accounts { view } }
    frame::Event {
        Tenant { event } Room { event } Conversation { event } Accounts { event }
    }
    frame::Note { Room { note } Conversation { note } }
    frame::Refusal {
        Session { why } Tenant { why } Vault { why } Room { why } Conversation { why }
        File { why } Media { why } Rights { why } Accounts { why }
    }
    frame::Fault { Busy {} DiskFull {} Disk {} Restarted {} Timeout {} Stopping {} OneCopy {} }
    frame::Cut {
        Version {} Malformed {} Slow {} Flood {} SessionOver {} TooMany {} Stopping {}
    }
    frame::Reply {
        Done { seq } Case { case } Names { names } Files { files }
        Earlier { messages, earlier } Link { path } Answer { sdp } Refused { refusal }
        Faulted { fault } Requested { grant }
    }
    frame::ToBrowser {
        Welcome { version, tenant, person, session, role, name, case, node, now }
        Shown { topic, seq, view } NotShown { topic, refusal }
        Happened { topic, seq, at, event } Noted { topic, note } Answered { ask, reply }
        Signal { room, signal } Bye { why } Nodes { nodes } Ticket { ticket } Move {}
        Pong {} Generation { topic, generation }
    }
}

made_structs! {
    audit::AuditLog { tenant, log }
    audit::Change { before, after }
    audit::Draft { verb, by, what, purpose, result, change, from }
    audit::Record { number, at, verb, by, what, purpose, result, change, from, before }
    caller::Caller { tenant, person, session, role }
    request::Request { session, id }
    room::Seat { session, person, role, since, muted, present, tracks }
    room::Waiting { session, person, role, since, held, present }
    room::RoomView {
        case, conversation, lead, leading, standing, locked, ended, seats, waiting, ahead
    }
    conversation::Message { message, seq, changed, by, at, text, files, edited, erased }
    conversation::ReadMark { person, upto }
    conversation::ConversationView { case, people, messages, continues, earlier, reads }
    tenant::LinkView { link, until, revoked }
    tenant::CaseView { case, title, since, customer, closed, links }
    tenant::TenantView { cases }
    session::SessionView { tenant, person, role, origin, until }
    file::FileView { file, name, media_type, bytes, by, at }
    vault::Named { person, name }
    media::Track { mid, source, on }
    accounts::Held { role, since, until }
    accounts::AccountView { person, roles }
    accounts::GrantView { grant, person, role, life, by, at, approved }
    accounts::AccountsChange { seq, at, event }
    accounts::AccountsView { accounts, open, history }
}
