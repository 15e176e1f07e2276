// Generated from the crate `protocol`. Never edited: delete it and run `cargo test -p protocol`.

/** What a browser and a node speak. */
export const WIRE = 1;

/** The browser acknowledges after so many frames at the latest. */
export const ACK_EVERY = 64;

/** Characters of one message. */
export const MESSAGE_CHARS = 8000;

/** Files one message may carry. */
export const MESSAGE_FILES = 10;

/** Characters of a person's name. */
export const NAME_CHARS = 100;

/** Characters of a case's title. */
export const TITLE_CHARS = 200;

/** Characters of the message shown to a person on hold. */
export const HOLD_CHARS = 500;

/**
 * An account.
 */
export type AccountView = { 
/**
 * Whose.
 */
person: PersonId, 
/**
 * The roles it holds now; those that ended are in the history.
 */
roles: Array<Held>, };

/**
 * Something that happened.
 */
export type AccountsChange = { 
/**
 * Its position in the journal.
 */
seq: Seq, 
/**
 * When.
 */
at: Time, 
/**
 * What.
 */
event: AccountsEvent, };

/**
 * What an administrator may ask of the accounts.
 */
export type AccountsCommand = { "kind": "request", person: PersonId, role: Role, life: Span | null, } | { "kind": "approve", grant: GrantId, } | { "kind": "grant", grant: GrantId, } | { "kind": "reject", grant: GrantId, } | { "kind": "assign", person: PersonId, role: Role, } | { "kind": "withdraw", person: PersonId, role: Role, };

/**
 * What happened to accounts, kept.
 */
export type AccountsEvent = { "kind": "adopted", person: PersonId, role: Role, } | { "kind": "admitted", person: PersonId, role: Role, } | { "kind": "requested", grant: GrantId, person: PersonId, role: Role, life: Span | null, by: PersonId, } | { "kind": "approved", grant: GrantId, by: PersonId, } | { "kind": "granted", grant: GrantId, by: PersonId, until: Time | null, } | { "kind": "rejected", grant: GrantId, by: PersonId, } | { "kind": "assigned", person: PersonId, role: Role, by: PersonId, } | { "kind": "withdrawn", person: PersonId, role: Role, by: PersonId, };

/**
 * Why the accounts say no.
 */
export type AccountsRefusal = "notAllowed" | "notFound" | "critical" | "notCritical" | "own" | "samePerson" | "notApproved" | "approved" | "lapsed" | "badLife" | "already" | "notHeld" | "lastAdministrator" | "tooMany" | "noSuchRole" | "founded";

/**
 * The accounts of a tenant.
 */
export type AccountsView = { 
/**
 * All of them, by id.
 */
accounts: Array<AccountView>, 
/**
 * What waits for a second or a third person.
 */
open: Array<GrantView>, 
/**
 * The latest changes, oldest first; the journal has all.
 */
history: Array<AccountsChange>, };

/**
 * Everything between one customer and the tenant about one matter.
 */
export type CaseId = string;

/**
 * A case as its expert sees it.
 */
export type CaseView = { 
/**
 * Its id; room and conversation share its bytes.
 */
case: CaseId, 
/**
 * Its title.
 */
title: string, 
/**
 * Since when.
 */
since: Time, 
/**
 * The customer.
 */
customer: PersonId, 
/**
 * Whether it was closed.
 */
closed: boolean, 
/**
 * Its guest links.
 */
links: Array<LinkView>, };

/**
 * Something asked of somebody.
 */
export type Command = { "kind": "session", command: SessionCommand, } | { "kind": "tenant", command: TenantCommand, } | { "kind": "room", room: RoomId, command: RoomCommand, } | { "kind": "conversation", conversation: ConversationId, command: ConversationCommand, } | { "kind": "media", room: RoomId, command: MediaCommand, } | { "kind": "names", topic: Topic, people: Array<PersonId>, } | { "kind": "files", conversation: ConversationId, files: Array<FileId>, } | { "kind": "link", case: CaseId, link: LinkId, } | { "kind": "accounts", command: AccountsCommand, };

/**
 * What a person may ask of a conversation.
 */
export type ConversationCommand = { "kind": "say", message: MessageId, text: string, files: Array<FileId>, } | { "kind": "edit", message: MessageId, text: string, } | { "kind": "erase", message: MessageId, } | { "kind": "read", upto: Seq, } | { "kind": "type", } | { "kind": "earlier", before: MessageId, };

/**
 * What happened in a conversation, kept.
 */
export type ConversationEvent = { "kind": "opened", tenant: TenantId, case: CaseId, } | { "kind": "joined", person: PersonId, } | { "kind": "withdrawn", person: PersonId, } | { "kind": "said", message: MessageId, by: PersonId, text: string, files: Array<FileId>, } | { "kind": "edited", message: MessageId, text: string, } | { "kind": "erased", message: MessageId, } | { "kind": "read", by: PersonId, upto: Seq, };

/**
 * A thread of messages, whatever channels it crosses.
 */
export type ConversationId = string;

/**
 * What is told of a conversation and not kept.
 */
export type ConversationNote = { "kind": "typing", by: PersonId, at: Time, };

/**
 * Why a conversation says no.
 */
export type ConversationRefusal = "notFound" | "badText" | "badFiles" | "noSuchMessage" | "notYours" | "gone" | "full" | "idTaken" | "notForAdministrators" | "notYet";

/**
 * What one person sees of a conversation since a position.
 */
export type ConversationView = { 
/**
 * The case.
 */
case: CaseId, 
/**
 * Who may read and write.
 */
people: Array<PersonId>, 
/**
 * Messages changed since the asked position, in their order; at most a page.
 */
messages: Array<Message>, 
/**
 * True when `messages` are all changes since the position; false when they are the last
 * page and the browser should forget what it had.
 */
continues: boolean, 
/**
 * Whether there are messages before these.
 */
earlier: boolean, 
/**
 * How far everybody has read.
 */
reads: Array<ReadMark>, };

/**
 * Why the node cut a socket.
 */
export type Cut = "version" | "malformed" | "slow" | "flood" | "sessionOver" | "tooMany" | "stopping";

/**
 * What happened, kept.
 */
export type Event = { "kind": "tenant", event: TenantEvent, } | { "kind": "room", event: RoomEvent, } | { "kind": "conversation", event: ConversationEvent, } | { "kind": "accounts", event: AccountsEvent, };

/**
 * The world failed: the browser retries, or shows it.
 */
export type Fault = "busy" | "diskFull" | "disk" | "restarted" | "timeout" | "stopping" | "oneCopy";

/**
 * A file that was offered to a conversation.
 */
export type FileId = string;

/**
 * Why a file says no.
 */
export type FileRefusal = "notFound" | "gone" | "badName" | "tooLarge" | "empty" | "idTaken" | "notForAdministrators";

/**
 * What a browser knows of a file.
 */
export type FileView = { 
/**
 * Its id.
 */
file: FileId, 
/**
 * The name it was given; shown, never used as a path.
 */
name: string, 
/**
 * What its first bytes say it is.
 */
mediaType: string, 
/**
 * How long it is.
 */
bytes: number, 
/**
 * Who offered it.
 */
by: PersonId, 
/**
 * When it was kept.
 */
at: Time, };

/**
 * A critical right that was asked for.
 */
export type GrantId = string;

/**
 * A critical right that was requested and not yet granted.
 */
export type GrantView = { 
/**
 * Which.
 */
grant: GrantId, 
/**
 * For whom.
 */
person: PersonId, 
/**
 * The right.
 */
role: Role, 
/**
 * For how long it would be.
 */
life: Span | null, 
/**
 * Who requested it.
 */
by: PersonId, 
/**
 * When.
 */
at: Time, 
/**
 * Who approved it.
 */
approved: PersonId | null, };

/**
 * A role somebody holds.
 */
export type Held = { 
/**
 * Which.
 */
role: Role, 
/**
 * Since when.
 */
since: Time, 
/**
 * Until when; for ever unless it is said.
 */
until: Time | null, };

/**
 * A guest link: the right to knock at one case.
 */
export type LinkId = string;

/**
 * A guest link as the expert sees it.
 */
export type LinkView = { 
/**
 * Its id; the secret part is asked for separately.
 */
link: LinkId, 
/**
 * Until when it is good.
 */
until: Time, 
/**
 * Whether it was revoked.
 */
revoked: boolean, };

/**
 * What a browser tells its node about its call in one room.
 */
export type MediaCommand = { "kind": "offer", sdp: string, } | { "kind": "hangup", };

/**
 * Why the media path says no.
 */
export type MediaRefusal = "notSeated" | "badOffer" | "full";

/**
 * What the node tells a browser about its call. Not kept.
 */
export type MediaSignal = { "kind": "wanted", audio: number, video: number, } | { "kind": "bound", mid: string, session: SessionId | null, source: Source | null, } | { "kind": "speaking", sessions: Array<SessionId>, } | { "kind": "gone", };

/**
 * One message as it stands now.
 */
export type Message = { 
/**
 * Its id.
 */
message: MessageId, 
/**
 * Its place: the position of `Said` in the journal.
 */
seq: Seq, 
/**
 * The position of its latest change.
 */
changed: Seq, 
/**
 * Who said it.
 */
by: PersonId, 
/**
 * When it was kept.
 */
at: Time, 
/**
 * What was said; empty when taken back.
 */
text: string, 
/**
 * What it carries.
 */
files: Array<FileId>, 
/**
 * Whether the text was changed.
 */
edited: boolean, 
/**
 * Whether it was taken back.
 */
erased: boolean, };

/**
 * One message of a conversation; made by the browser, so a retry is not a second message.
 */
export type MessageId = string;

/**
 * A person's name, for those who sit with them.
 */
export type Named = { 
/**
 * The person.
 */
person: PersonId, 
/**
 * The name.
 */
name: string, };

/**
 * A machine of the cluster.
 */
export type NodeId = string;

/**
 * What happened, not kept.
 */
export type Note = { "kind": "room", note: RoomNote, } | { "kind": "conversation", note: ConversationNote, };

/**
 * A human, known everywhere by this opaque id; the name stands in the vault only.
 */
export type PersonId = string;

/**
 * How far a person has read.
 */
export type ReadMark = { 
/**
 * The person.
 */
person: PersonId, 
/**
 * Everything up to here.
 */
upto: Seq, };

/**
 * The domain's no: shown to the person, each with a sentence.
 */
export type Refusal = { "kind": "session", why: SessionRefusal, } | { "kind": "tenant", why: TenantRefusal, } | { "kind": "vault", why: VaultRefusal, } | { "kind": "room", why: RoomRefusal, } | { "kind": "conversation", why: ConversationRefusal, } | { "kind": "file", why: FileRefusal, } | { "kind": "media", why: MediaRefusal, } | { "kind": "rights", why: RightsRefusal, } | { "kind": "accounts", why: AccountsRefusal, };

/**
 * The answer to one ask.
 */
export type Reply = { "kind": "done", seq: Seq, } | { "kind": "case", case: CaseId, } | { "kind": "names", names: Array<Named>, } | { "kind": "files", files: Array<FileView>, } | { "kind": "earlier", messages: Array<Message>, earlier: boolean, } | { "kind": "link", path: string, } | { "kind": "answer", sdp: string, } | { "kind": "refused", refusal: Refusal, } | { "kind": "faulted", fault: Fault, } | { "kind": "requested", grant: GrantId, };

/**
 * The domain's no of the table itself.
 */
export type RightsRefusal = "notAllowed";

/**
 * The roles of requirements S235-S238, and the node itself.
 */
export type Role = "administrator" | "expert" | "customer" | "node" | "operator" | "auditor" | "protectionOfficer" | "support";

/**
 * What a person may ask of a room. Steering is the lead's alone (S236).
 */
export type RoomCommand = { "kind": "knock", } | { "kind": "admit", session: SessionId, } | { "kind": "hold", session: SessionId, message: string, } | { "kind": "reject", session: SessionId, } | { "kind": "lock", } | { "kind": "unlock", } | { "kind": "mute", session: SessionId, } | { "kind": "unmute", } | { "kind": "remove", session: SessionId, } | { "kind": "handOver", session: SessionId, } | { "kind": "leave", } | { "kind": "end", } | { "kind": "publish", tracks: Array<Track>, };

/**
 * What happened in a room, kept.
 */
export type RoomEvent = { "kind": "opened", tenant: TenantId, case: CaseId, conversation: ConversationId, lead: PersonId, } | { "kind": "knocked", session: SessionId, person: PersonId, role: Role, } | { "kind": "held", session: SessionId, message: string, } | { "kind": "rejected", session: SessionId, } | { "kind": "seated", session: SessionId, person: PersonId, role: Role, } | { "kind": "left", session: SessionId, } | { "kind": "removed", session: SessionId, } | { "kind": "locked", } | { "kind": "unlocked", } | { "kind": "muted", session: SessionId, } | { "kind": "unmuted", session: SessionId, } | { "kind": "handedOver", to: PersonId, } | { "kind": "ended", };

/**
 * A conference: one actor, one journal, one twin.
 */
export type RoomId = string;

/**
 * What is told of a room and not kept.
 */
export type RoomNote = { "kind": "present", session: SessionId, } | { "kind": "absent", session: SessionId, } | { "kind": "publishes", session: SessionId, tracks: Array<Track>, };

/**
 * Why a room says no.
 */
export type RoomRefusal = "notFound" | "ended" | "locked" | "full" | "queueFull" | "notHere" | "alreadyHere" | "notWaiting" | "notLead" | "notAnExpert" | "notForAdministrators" | "badText" | "tooManyTracks";

/**
 * What one device sees of a room. At the door it sees itself alone.
 */
export type RoomView = { 
/**
 * The case.
 */
case: CaseId, 
/**
 * The case's conversation.
 */
conversation: ConversationId, 
/**
 * Who leads.
 */
lead: PersonId, 
/**
 * Whether this device's person leads.
 */
leading: boolean, 
/**
 * Where this device stands.
 */
standing: Standing, 
/**
 * Nobody may knock.
 */
locked: boolean, 
/**
 * Over.
 */
ended: boolean, 
/**
 * Who sits, in the order of sitting down. Empty for those at the door.
 */
seats: Array<Seat>, 
/**
 * Who waits, in the order of knocking. For the lead all, for others themselves.
 */
waiting: Array<Waiting>, 
/**
 * How many wait before this device, when it waits.
 */
ahead: number, };

/**
 * A device with a seat.
 */
export type Seat = { 
/**
 * The device.
 */
session: SessionId, 
/**
 * Its person.
 */
person: PersonId, 
/**
 * What the person may do.
 */
role: Role, 
/**
 * Since when.
 */
since: Time, 
/**
 * Silenced by the lead.
 */
muted: boolean, 
/**
 * Its browser is connected now.
 */
present: boolean, 
/**
 * What it publishes now.
 */
tracks: Array<Track>, };

/**
 * A position in a journal: 1 is the first event, 0 is before it.
 */
export type Seq = number;

/**
 * What a device may ask of its own session.
 */
export type SessionCommand = { "kind": "close", };

/**
 * One person on one device, alive across reconnects.
 */
export type SessionId = string;

/**
 * Why a session says no.
 */
export type SessionRefusal = "notFound" | "closed" | "expired";

/**
 * What a track shows.
 */
export type Source = "camera" | "microphone" | "screen" | "screenSound";

/**
 * A length of time in milliseconds.
 */
export type Span = number;

/**
 * Where the watching device stands.
 */
export type Standing = "outside" | "waiting" | "seated";

/**
 * What an expert may ask of the tenant.
 */
export type TenantCommand = { "kind": "open", title: string, } | { "kind": "invite", case: CaseId, life: Span, } | { "kind": "revoke", link: LinkId, } | { "kind": "close", case: CaseId, };

/**
 * What happened to a tenant, kept.
 */
export type TenantEvent = { "kind": "opened", case: CaseId, expert: PersonId, customer: PersonId, title: string, } | { "kind": "settled", case: CaseId, } | { "kind": "invited", case: CaseId, link: LinkId, until: Time, } | { "kind": "revoked", link: LinkId, } | { "kind": "closed", case: CaseId, };

/**
 * One controller (Verantwortlicher): a bank, an insurer, an office.
 */
export type TenantId = string;

/**
 * Why a tenant says no.
 */
export type TenantRefusal = "notFound" | "notAnExpert" | "badText" | "badLife" | "tooManyCases" | "tooManyLinks" | "caseClosed" | "linkExpired" | "linkRevoked" | "tenantClosed";

/**
 * What an expert sees: the own cases, newest first.
 */
export type TenantView = { 
/**
 * The cases.
 */
cases: Array<CaseView>, };

/**
 * A moment: milliseconds since 1970-01-01T00:00:00Z, as the node's clock had it.
 */
export type Time = number;

/**
 * What a node sends.
 */
export type ToBrowser = { "kind": "welcome", version: number, tenant: TenantId, person: PersonId, session: SessionId, role: Role, name: string, case: CaseId | null, node: NodeId, now: Time, } | { "kind": "shown", topic: Topic, seq: Seq, view: View, } | { "kind": "notShown", topic: Topic, refusal: Refusal, } | { "kind": "happened", topic: Topic, seq: Seq, at: Time, event: Event, } | { "kind": "noted", topic: Topic, note: Note, } | { "kind": "answered", ask: number, reply: Reply, } | { "kind": "signal", room: RoomId, signal: MediaSignal, } | { "kind": "bye", why: Cut, } | { "kind": "nodes", nodes: Array<string>, } | { "kind": "ticket", ticket: string, } | { "kind": "move", } | { "kind": "pong", } | { "kind": "generation", topic: Topic, generation: number, };

/**
 * What a browser sends.
 */
export type ToNode = { "kind": "hello", version: number, } | { "kind": "watch", topic: Topic, after: Seq, } | { "kind": "unwatch", topic: Topic, } | { "kind": "ask", ask: number, request: string, command: Command, } | { "kind": "ack", frames: number, } | { "kind": "arrive", version: number, ticket: string, } | { "kind": "ping", } | { "kind": "watchIn", topic: Topic, after: Seq, generation: number, };

/**
 * Something that can be watched.
 */
export type Topic = { "kind": "tenant", } | { "kind": "room", room: RoomId, } | { "kind": "conversation", conversation: ConversationId, } | { "kind": "accounts", };

/**
 * One published track.
 */
export type Track = { 
/**
 * The line (`mid`) of the publisher's session description.
 */
mid: string, 
/**
 * What it shows.
 */
source: Source, 
/**
 * Switched on by its owner.
 */
on: boolean, };

/**
 * Why the vault says no.
 */
export type VaultRefusal = "notFound" | "badName" | "loginTaken" | "notAllowed";

/**
 * What a topic shows.
 */
export type View = { "kind": "tenant", view: TenantView, } | { "kind": "room", view: RoomView, } | { "kind": "conversation", view: ConversationView, } | { "kind": "accounts", view: AccountsView, };

/**
 * A device at the door.
 */
export type Waiting = { 
/**
 * The device.
 */
session: SessionId, 
/**
 * Its person.
 */
person: PersonId, 
/**
 * What the person may do.
 */
role: Role, 
/**
 * Since when.
 */
since: Time, 
/**
 * The lead's sentence, when put on hold.
 */
held: string | null, 
/**
 * Its browser is connected now.
 */
present: boolean, };
