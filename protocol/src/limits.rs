//! Every bound that no operator may change, and the relations between them.
//!
//! What an operator may change lies in the node's configuration and is checked against these.

use crate::time::Span;

/// Bytes of one frame a browser may send. Text of a message plus its envelope fits five times.
pub const FRAME_UP_BYTES: usize = 128 * 1024;
/// Bytes of one frame a node may send: a full view of the largest room or a page of messages.
pub const FRAME_DOWN_BYTES: usize = 2 * 1024 * 1024;
/// Frames a browser may leave unacknowledged before its socket is cut; it resumes by cursor.
pub const FRAMES_IN_FLIGHT: usize = 1024;
/// The browser acknowledges after so many frames at the latest.
pub const ACK_EVERY: usize = 64;
/// Bytes that may wait for one browser before its socket is cut; it resumes by cursor.
pub const OUTBOX_BYTES: usize = 4 * 1024 * 1024;
/// Frames that are put down together for everybody who gets them.
pub const BURST_FRAMES: usize = 64;
/// Bytes of them, unless one alone is longer.
pub const BURST_BYTES: usize = 64 * 1024;
/// Topics one socket may watch: the expert's start page watches a room for each open case.
pub const TOPICS_PER_SOCKET: usize = 256;
/// Sockets of one session at a time (tabs of one browser).
pub const SOCKETS_PER_SESSION: usize = 16;

/// Bytes of one stored event.
pub const EVENT_BYTES: usize = 64 * 1024;
/// Bytes of one snapshot.
pub const SNAPSHOT_BYTES: usize = 32 * 1024 * 1024;
/// Events between two snapshots of one actor.
pub const SNAPSHOT_EVERY: u64 = 500;

/// People one room may seat, at most; the operator may ask for fewer.
pub const ROOM_SEATS: usize = 1000;
/// People who may wait before one room.
pub const ROOM_WAITING: usize = 100;
/// Tracks one session may publish in one room: camera, microphone, screen, its sound, one spare.
pub const TRACKS_PER_SEAT: usize = 5;
/// Characters of the message shown to a person on hold.
pub const HOLD_CHARS: usize = 500;

/// Characters of one message.
pub const MESSAGE_CHARS: usize = 8_000;
/// Files one message may carry.
pub const MESSAGE_FILES: usize = 10;
/// Messages one conversation holds; then a new case is due.
pub const CONVERSATION_MESSAGES: usize = 20_000;
/// Messages in one view; earlier ones are asked for by page.
pub const VIEW_MESSAGES: usize = 200;
/// People one conversation may have.
pub const CONVERSATION_PEOPLE: usize = ROOM_SEATS;
/// How long a person counts as typing after the last sign of it.
pub const TYPING: Span = Span::from_secs(6);

/// Characters of a person's name.
pub const NAME_CHARS: usize = 100;
/// Characters of a sign-in name.
pub const LOGIN_CHARS: usize = 254;
/// Characters of a case's title.
pub const TITLE_CHARS: usize = 200;
/// Cases one tenant keeps open at a time on one node of this first layout.
pub const TENANT_CASES: usize = 10_000;
/// Guest links one case may have, revoked ones included.
pub const CASE_LINKS: usize = 20;
/// How long a guest link is good for at most.
pub const LINK_LIFE: Span = Span::from_secs(90 * 24 * 3600);
/// People whose names are asked for in one command.
pub const NAMES_PER_ASK: usize = 200;

/// Characters of a file's name.
pub const FILE_NAME_CHARS: usize = 200;
/// Bytes of one file, at most; the operator may ask for fewer.
pub const FILE_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// Bytes of one session description.
pub const SDP_BYTES: usize = 96 * 1024;

/// Commands that may wait in one actor's mailbox.
pub const MAILBOX: usize = 1024;
/// Watchers of one actor on one node.
pub const WATCHERS: usize = 20_000;

/// Requests one actor remembers: everything that was decided and not answered when its node died,
/// and so may come once more, is among them.
pub const REQUESTS: usize = 1024;
/// Requests of one device among them: as many as one socket may have under way.
pub const REQUESTS_PER_SESSION: usize = 64;
/// Bytes of a request behind an event.
pub const REQUEST_BYTES: usize = 32;

/// Accounts one tenant may have.
pub const ACCOUNTS: usize = 5_000;
/// Critical rights that may be asked for at a time.
pub const GRANTS_OPEN: usize = 200;
/// Changes of rights that are shown; the journal has all.
pub const ACCOUNTS_HISTORY: usize = 500;
/// How long a critical right may be asked for before it has to be asked for anew.
pub const GRANT_OPEN: Span = Span::from_secs(14 * 24 * 3600);
/// How long support is let in at most.
pub const SUPPORT_LIFE: Span = Span::from_secs(3 * 24 * 3600);
/// How long an auditor is let in at most.
pub const AUDITOR_LIFE: Span = Span::from_secs(90 * 24 * 3600);
/// The shortest that anybody is let in.
pub const GRANT_LIFE_LEAST: Span = Span::from_secs(60);
/// Things one audit record may name: the people whose names were asked for, and where.
pub const AUDIT_THINGS: usize = NAMES_PER_ASK + 2;
/// Records of an audit log shown or exported at a time.
pub const AUDIT_PAGE: usize = 256;

const _: () = {
    // Accounts, open requests and history, as JSON, fit one view.
    assert!(ACCOUNTS * 300 + (GRANTS_OPEN + ACCOUNTS_HISTORY) * 400 <= FRAME_DOWN_BYTES);
    // A message of the longest text, every character four bytes and escaped, fits a frame.
    assert!(MESSAGE_CHARS * 12 + 4096 <= FRAME_UP_BYTES);
    // A session description, escaped, fits a frame with room to spare.
    assert!(SDP_BYTES + SDP_BYTES / 8 < FRAME_UP_BYTES);
    // A stored message fits an event.
    assert!(MESSAGE_CHARS * 4 + MESSAGE_FILES * 16 + 256 <= EVENT_BYTES);
    // A browser that acknowledges on time is never cut.
    assert!(ACK_EVERY * 4 <= FRAMES_IN_FLIGHT);
    // Nor one whose whole next burst waits until it may be sent.
    assert!(ACK_EVERY + BURST_FRAMES <= FRAMES_IN_FLIGHT);
    // Bursts never fill a socket's outbox by themselves.
    assert!(BURST_BYTES * 4 <= OUTBOX_BYTES);
    // One full view never fills a socket's whole outbox.
    assert!(FRAME_DOWN_BYTES * 2 <= OUTBOX_BYTES);
    // A full page of the longest messages is cut by bytes, not only by count; a usual page fits.
    assert!(VIEW_MESSAGES * 4096 <= FRAME_DOWN_BYTES);
    // What waits in a mailbox is remembered once it is done, and no device drives out all others.
    assert!(MAILBOX <= REQUESTS && REQUESTS_PER_SESSION * 16 <= REQUESTS);
    // A record of as many things as there may be fits an event: an id is at most 41 letters.
    assert!(AUDIT_THINGS * 48 + 4096 <= EVENT_BYTES);
    // A conversation can take in everybody a room seats.
    assert!(ROOM_SEATS <= CONVERSATION_PEOPLE);
};
