//! A room: who sits, who waits, who leads.
//!
//! ```text
//! (unborn) ─Opened─► open ◄─Locked/Unlocked─► locked ─Ended─► ended
//!   a device:  outside ─Knocked─► waiting ─Seated─► seated ─Left/Removed─► outside
//!                          └─Rejected/Left─► outside
//! ```
//!
//! # Invariants
//! - **R1** At most `limits::ROOM_SEATS` devices sit and `limits::ROOM_WAITING` wait.
//! - **R2** No device sits and waits at once.
//! - **R3** A browser is told of an event only after it is durable. *(kept by `shell`)*
//! - **R4** After `Ended` nobody sits and nobody waits.
//! - **R5** No administrator sits or waits (S238).
//! - **R6** Only tracks of seated devices are known.
//!
//! # Why is the lead a person and seats are devices?
//! An expert who changes from laptop to phone goes on leading; a guest whose link is used on a
//! second device is a second device at the door, and the lead sees that.

use protocol::{
    caller::{Caller, Role},
    id::{CaseId, ConversationId, PersonId, Seq, SessionId, TenantId},
    key::Key,
    limits,
    machine::{Machine, News, Plan},
    media::Track,
    room::{RoomCommand, RoomEvent, RoomNote, RoomRefusal, RoomView, Seat, Standing, Waiting},
    time::Time,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

use crate::{
    effect::{Ask, Effect, MediaOrder},
    media,
    text::fits,
};

/// Everything that can happen to a room.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Input {
    /// A person asks.
    Command(RoomCommand),
    /// The case's tenant asks that the room exist.
    Open {
        /// The case.
        case: CaseId,
        /// Who leads.
        lead: PersonId,
    },
    /// The case's tenant closes the case.
    End,
}

/// What may be asked of a room's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Query {
    /// Has this device a seat?
    Seated {
        /// The device.
        by: Caller,
    },
    /// Whom of these may the caller know?
    Knows {
        /// The caller.
        by: Caller,
        /// Those in question.
        people: Vec<PersonId>,
    },
}

/// The answer to a [`Query`], under the same name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// Whether it has.
    Seated(bool),
    /// Those whom the caller may know.
    Knows(Vec<PersonId>),
}

/// The state: the fold of every event so far, and of the notes since the last awakening.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Room {
    born: Option<Birth>,
    lead: PersonId,
    locked: bool,
    ended: bool,
    seats: BTreeMap<SessionId, Place>,
    waiting: BTreeMap<SessionId, Place>,
    removed: BTreeSet<PersonId>,
    #[serde(skip)]
    present: BTreeSet<SessionId>,
    #[serde(skip)]
    tracks: BTreeMap<SessionId, Vec<Track>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Birth {
    tenant: TenantId,
    case: CaseId,
    conversation: ConversationId,
}

/// A device's place: on a seat or at the door.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Place {
    person: PersonId,
    role: Role,
    at: Time,
    order: Seq,
    muted: bool,
    held: Option<String>,
}

impl Machine for Room {
    type Input = Input;
    type Event = RoomEvent;
    type Note = RoomNote;
    type Effect = Effect;
    type Refusal = RoomRefusal;
    type View = RoomView;

    fn decide(&self, _now: Time, by: &Caller, input: Input, plan: &mut Plan<Self>) {
        match input {
            Input::Open { case, lead } => self.open(by, case, lead, plan),
            Input::End => match self.known_to(by) {
                Some(born) if !self.ended => self.end(born, plan),
                Some(born) => plan.perform(settle(born)),
                None => plan.refuse(RoomRefusal::NotFound),
            },
            Input::Command(command) => match self.refusal(by, &command) {
                Some(no) => plan.refuse(no),
                None => self.obey(by, command, plan),
            },
        }
    }

    fn fold(&mut self, seq: Seq, at: Time, event: &RoomEvent) {
        match event.clone() {
            RoomEvent::Opened { tenant, case, conversation, lead } => {
                self.born = Some(Birth { tenant, case, conversation });
                self.lead = lead;
            }
            RoomEvent::Knocked { session, person, role } => {
                self.waiting.insert(session, Place::new(person, role, at, seq));
            }
            RoomEvent::Held { session, message } => {
                if let Some(place) = self.waiting.get_mut(&session) {
                    place.held = Some(message);
                }
            }
            RoomEvent::Seated { session, person, role } => {
                self.waiting.remove(&session);
                self.removed.remove(&person);
                self.seats.insert(session, Place::new(person, role, at, seq));
            }
            RoomEvent::Rejected { session } | RoomEvent::Left { session } => self.forget(session),
            RoomEvent::Removed { session } => {
                if let Some(person) = self.withdrawn_by_removing(session) {
                    self.removed.insert(person);
                }
                self.forget(session);
            }
            RoomEvent::Locked {} => self.locked = true,
            RoomEvent::Unlocked {} => self.locked = false,
            RoomEvent::Muted { session } => self.set_muted(session, true),
            RoomEvent::Unmuted { session } => self.set_muted(session, false),
            RoomEvent::HandedOver { to } => self.lead = to,
            RoomEvent::Ended {} => {
                self.ended = true;
                self.seats.clear();
                self.waiting.clear();
                self.tracks.clear();
            }
        }
    }

    fn hear(&mut self, note: &RoomNote) {
        match note {
            RoomNote::Present { session } => {
                self.present.insert(*session);
            }
            RoomNote::Absent { session } => {
                // What it publishes stays known: a socket that flaps must not unbind its pictures.
                self.present.remove(session);
            }
            RoomNote::Publishes { session, tracks } => {
                self.tracks.insert(*session, tracks.clone());
            }
        }
    }

    fn arrive(&self, _now: Time, by: &Caller, plan: &mut Plan<Self>) {
        if !self.present.contains(&by.session) {
            plan.note(RoomNote::Present { session: by.session });
        }
    }

    fn depart(&self, _now: Time, by: &Caller, plan: &mut Plan<Self>) {
        if self.present.contains(&by.session) {
            plan.note(RoomNote::Absent { session: by.session });
        }
    }

    fn wake(&self, _me: Key, _now: Time, plan: &mut Plan<Self>) {
        let Some(born) = self.born else { return };
        let seated: BTreeSet<_> = self.seats.values().map(|place| place.person).collect();
        for person in &seated {
            plan.perform(born.grant(*person));
        }
        for person in self.removed.difference(&seated).filter(|person| **person != self.lead) {
            plan.perform(born.withdraw(*person));
        }
        // The media path forgets with the node; who was silenced stays silenced.
        for (&session, _) in self.seats.iter().filter(|(_, place)| place.muted) {
            self.order(MediaOrder::Hush(session, true), plan);
        }
        if self.ended {
            plan.perform(settle(born));
        }
    }

    fn view(&self, by: &Caller, _after: Seq) -> Result<RoomView, RoomRefusal> {
        let born = self.known_to(by).ok_or(RoomRefusal::NotFound)?;
        if !by.role.takes_part() {
            return Err(RoomRefusal::NotForAdministrators);
        }
        let leading = self.leads(by);
        let standing = self.standing(by.session);
        let inside = standing == Standing::Seated || leading;
        let shown = |session: SessionId| leading || session == by.session;
        Ok(RoomView {
            case: born.case,
            conversation: born.conversation,
            lead: self.lead,
            leading,
            standing,
            locked: self.locked,
            ended: self.ended,
            seats: if inside { self.seats_in_order() } else { Vec::new() },
            waiting: self.queue().filter(|(id, _)| shown(*id)).map(|at| self.waits(at)).collect(),
            ahead: match standing {
                Standing::Waiting => self.queue().take_while(|(id, _)| *id != by.session).count(),
                Standing::Outside | Standing::Seated => 0,
            } as u32,
        })
    }

    fn tells(&self, by: &Caller, news: &News<'_, Self>) -> bool {
        let inside = self.seats.contains_key(&by.session) || self.leads(by);
        let about = match news {
            News::Event(event) => subject(event),
            News::Note(
                RoomNote::Present { session }
                | RoomNote::Absent { session }
                | RoomNote::Publishes { session, .. },
            ) => Some(*session),
        };
        match news {
            // The door is the lead's business and the waiting device's own.
            News::Event(
                RoomEvent::Knocked { .. } | RoomEvent::Held { .. } | RoomEvent::Rejected { .. },
            ) => self.leads(by) || about == Some(by.session),
            News::Event(
                RoomEvent::Ended {}
                | RoomEvent::Locked {}
                | RoomEvent::Unlocked {}
                | RoomEvent::HandedOver { .. }
                | RoomEvent::Opened { .. },
            ) => true,
            _ => inside || about == Some(by.session),
        }
    }

    fn check(&self) {
        assert!(self.seats.len() <= limits::ROOM_SEATS, "R1");
        assert!(self.waiting.len() <= limits::ROOM_WAITING, "R1");
        assert!(self.waiting.keys().all(|id| !self.seats.contains_key(id)), "R2");
        assert!(!self.ended || (self.seats.is_empty() && self.waiting.is_empty()), "R4");
        let mut roles = self.seats.values().chain(self.waiting.values()).map(|place| place.role);
        assert!(roles.all(|role| role.takes_part()), "R5");
        assert!(self.tracks.keys().all(|id| self.seats.contains_key(id)), "R6");
    }
}

impl Room {
    /// What is refused, in the order a person should hear it.
    fn refusal(&self, by: &Caller, command: &RoomCommand) -> Option<RoomRefusal> {
        use RoomCommand::*;
        use RoomRefusal as No;

        let seated = self.seats.contains_key(&by.session);
        let waits = self.waiting.contains_key(&by.session);
        let steers = !matches!(command, Knock {} | Leave {} | Unmute {} | Publish { .. });
        match command {
            _ if self.known_to(by).is_none() => Some(No::NotFound),
            _ if !by.role.takes_part() => Some(No::NotForAdministrators),
            _ if self.ended => Some(No::Ended),
            _ if steers && !self.leads(by) => Some(No::NotLead),

            Knock {} if seated || waits => Some(No::AlreadyHere),
            Knock {} if self.leads(by) => self.full().then_some(No::Full),
            Knock {} if self.locked => Some(No::Locked),
            Knock {} if self.waiting.len() >= limits::ROOM_WAITING => Some(No::QueueFull),
            Admit { session } | Hold { session, .. } | Reject { session }
                if !self.waiting.contains_key(session) =>
            {
                Some(No::NotWaiting)
            }
            Admit { .. } if self.full() => Some(No::Full),
            Hold { message, .. } if !fits(message, limits::HOLD_CHARS) => Some(No::BadText),
            Mute { session } | Remove { session } | HandOver { session }
                if !self.seats.contains_key(session) =>
            {
                Some(No::NotHere)
            }
            HandOver { session } if self.seats[session].role != Role::Expert => {
                Some(No::NotAnExpert)
            }
            Leave {} if !seated && !waits => Some(No::NotHere),
            Unmute {} | Publish { .. } if !seated => Some(No::NotHere),
            Publish { tracks } if tracks.len() > limits::TRACKS_PER_SEAT => Some(No::TooManyTracks),
            Publish { tracks } if tracks.iter().any(|track| !fits(&track.mid, 16)) => {
                Some(No::BadText)
            }
            _ => None,
        }
    }

    /// What is kept, once nothing speaks against it.
    fn obey(&self, by: &Caller, command: RoomCommand, plan: &mut Plan<Self>) {
        use RoomCommand::*;
        use RoomEvent as Event;

        let session = by.session;
        match command {
            Knock {} if self.leads(by) => {
                self.seat(session, by.person, by.role, plan);
            }
            Knock {} => plan.keep(Event::Knocked { session, person: by.person, role: by.role }),
            Admit { session } => {
                let place = &self.waiting[&session];
                self.seat(session, place.person, place.role, plan);
            }
            Hold { session, message } => plan.keep(Event::Held { session, message }),
            Reject { session } => plan.keep(Event::Rejected { session }),
            Lock {} if !self.locked => plan.keep(Event::Locked {}),
            Unlock {} if self.locked => plan.keep(Event::Unlocked {}),
            Lock {} | Unlock {} => {}
            Mute { session } if !self.seats[&session].muted => {
                plan.keep(Event::Muted { session });
                self.order(MediaOrder::Hush(session, true), plan);
            }
            Unmute {} if self.seats[&session].muted => {
                plan.keep(Event::Unmuted { session });
                self.order(MediaOrder::Hush(session, false), plan);
            }
            Mute { .. } | Unmute {} => {}
            Remove { session } => {
                plan.keep(Event::Removed { session });
                self.part(session, plan);
                if let Some((born, person)) = self.born.zip(self.withdrawn_by_removing(session)) {
                    plan.perform(born.withdraw(person));
                }
            }
            HandOver { session } => {
                plan.keep(Event::HandedOver { to: self.seats[&session].person });
            }
            Leave {} => {
                plan.keep(Event::Left { session });
                self.part(session, plan);
            }
            End {} => self.end(self.born.expect("a room that was found was opened"), plan),
            Publish { tracks } => {
                let mut all = self.tracks.clone();
                all.insert(session, tracks.clone());
                plan.note(RoomNote::Publishes { session, tracks });
                self.order(MediaOrder::Forward(media::choose(self.sitting(), &all)), plan);
            }
        }
    }

    fn open(&self, by: &Caller, case: CaseId, lead: PersonId, plan: &mut Plan<Self>) {
        match self.born {
            Some(born) if born.tenant != by.tenant => plan.refuse(RoomRefusal::NotFound),
            _ if by.role != Role::Node => plan.refuse(RoomRefusal::NotFound),
            Some(_) => {}
            None => plan.keep(RoomEvent::Opened {
                tenant: by.tenant,
                case,
                conversation: case.conversation(),
                lead,
            }),
        }
    }

    /// Gives a seat. Seats that the same person left behind on devices that are gone are given up:
    /// whoever comes back on another device must not sit twice.
    fn seat(&self, session: SessionId, person: PersonId, role: Role, plan: &mut Plan<Self>) {
        let behind = |id: &SessionId| {
            self.seats[id].person == person && !self.present.contains(id) && *id != session
        };
        for left in self.sitting().filter(behind) {
            plan.keep(RoomEvent::Left { session: left });
            self.order(MediaOrder::Close(left), plan);
        }
        plan.keep(RoomEvent::Seated { session, person, role });
        if let Some(born) = self.born {
            plan.perform(born.grant(person));
        }
        let sitting = self.sitting().filter(|id| !behind(id)).chain([session]);
        self.order(MediaOrder::Forward(media::choose(sitting, &self.tracks)), plan);
    }

    fn end(&self, born: Birth, plan: &mut Plan<Self>) {
        plan.keep(RoomEvent::Ended {});
        for session in self.sitting() {
            plan.perform(Effect::Media(born.case.room(), MediaOrder::Close(session)));
        }
        plan.perform(settle(born));
    }

    /// Ends a device's call, and says who receives whom without it.
    fn part(&self, session: SessionId, plan: &mut Plan<Self>) {
        self.order(MediaOrder::Close(session), plan);
        let mut tracks = self.tracks.clone();
        if tracks.remove(&session).is_some() {
            let rest = self.sitting().filter(|id| *id != session);
            self.order(MediaOrder::Forward(media::choose(rest, &tracks)), plan);
        }
    }

    /// Who loses the conversation when this device is removed: not the lead, and nobody who
    /// still sits on another device.
    fn withdrawn_by_removing(&self, session: SessionId) -> Option<PersonId> {
        let person = self.seats.get(&session)?.person;
        let elsewhere = self.seats.iter().any(|(id, it)| *id != session && it.person == person);
        (person != self.lead && !elsewhere).then_some(person)
    }

    fn order(&self, order: MediaOrder, plan: &mut Plan<Self>) {
        if let Some(born) = self.born {
            plan.perform(Effect::Media(born.case.room(), order));
        }
    }

    /// The room's birth, when this caller's tenant owns it; the node sees only its own tenant too.
    fn known_to(&self, by: &Caller) -> Option<Birth> {
        self.born.filter(|born| born.tenant == by.tenant)
    }

    fn leads(&self, by: &Caller) -> bool {
        by.role == Role::Expert && by.person == self.lead
    }

    fn full(&self) -> bool {
        self.seats.len() >= limits::ROOM_SEATS
    }

    fn standing(&self, session: SessionId) -> Standing {
        match () {
            () if self.seats.contains_key(&session) => Standing::Seated,
            () if self.waiting.contains_key(&session) => Standing::Waiting,
            () => Standing::Outside,
        }
    }

    fn sitting(&self) -> impl Iterator<Item = SessionId> {
        self.seats.keys().copied()
    }

    fn queue(&self) -> impl Iterator<Item = (SessionId, &Place)> {
        let mut queue: Vec<_> = self.waiting.iter().map(|(id, place)| (*id, place)).collect();
        queue.sort_by_key(|(_, place)| place.order);
        queue.into_iter()
    }

    fn seats_in_order(&self) -> Vec<Seat> {
        let mut seats: Vec<_> = self.seats.iter().collect();
        seats.sort_by_key(|(_, place)| place.order);
        let seat = |(session, place): (&SessionId, &Place)| Seat {
            session: *session,
            person: place.person,
            role: place.role,
            since: place.at,
            muted: place.muted,
            present: self.present.contains(session),
            tracks: self.tracks.get(session).cloned().unwrap_or_default(),
        };
        seats.into_iter().map(seat).collect()
    }

    fn waits(&self, (session, place): (SessionId, &Place)) -> Waiting {
        Waiting {
            session,
            person: place.person,
            role: place.role,
            since: place.at,
            held: place.held.clone(),
            present: self.present.contains(&session),
        }
    }

    fn forget(&mut self, session: SessionId) {
        self.seats.remove(&session);
        self.waiting.remove(&session);
        self.tracks.remove(&session);
    }

    fn set_muted(&mut self, session: SessionId, muted: bool) {
        if let Some(place) = self.seats.get_mut(&session) {
            place.muted = muted;
        }
    }

    /// Answers a query.
    pub fn answer(&self, query: Query) -> Answer {
        match query {
            Query::Seated { by } => Answer::Seated(self.seated(&by)),
            Query::Knows { by, mut people } => {
                people.retain(|person| self.knows(&by, *person));
                Answer::Knows(people)
            }
        }
    }

    /// Whether this device has a seat.
    pub fn seated(&self, by: &Caller) -> bool {
        self.known_to(by).is_some() && self.seats.contains_key(&by.session)
    }

    /// Whether this caller may know who that is: the lead knows all, the seated each other, and
    /// everybody the lead.
    pub fn knows(&self, by: &Caller, person: PersonId) -> bool {
        let sits = self.seats.values().any(|place| place.person == person);
        let waits = self.waiting.values().any(|place| place.person == person);
        self.known_to(by).is_some()
            && by.role.takes_part()
            && (person == self.lead
                || person == by.person
                || (self.leads(by) && (sits || waits))
                || (self.seated(by) && sits))
    }

    /// Whether this device's picture of the room is another one after this event.
    pub fn reshows(by: &Caller, event: &RoomEvent) -> bool {
        match event {
            RoomEvent::Seated { session, .. } => *session == by.session,
            RoomEvent::HandedOver { .. } => true,
            _ => false,
        }
    }
}

impl Birth {
    fn grant(self, person: PersonId) -> Effect {
        let Self { tenant, conversation, .. } = self;
        Effect::Ask(Ask::Grant { conversation, tenant, person })
    }

    fn withdraw(self, person: PersonId) -> Effect {
        let Self { tenant, conversation, .. } = self;
        Effect::Ask(Ask::Withdraw { conversation, tenant, person })
    }
}

impl Place {
    const fn new(person: PersonId, role: Role, at: Time, order: Seq) -> Self {
        Self { person, role, at, order, muted: false, held: None }
    }
}

fn settle(born: Birth) -> Effect {
    Effect::Ask(Ask::Settle { tenant: born.tenant, case: born.case, ended: true })
}

/// The device an event is about.
fn subject(event: &RoomEvent) -> Option<SessionId> {
    match event {
        RoomEvent::Knocked { session, .. }
        | RoomEvent::Held { session, .. }
        | RoomEvent::Rejected { session }
        | RoomEvent::Seated { session, .. }
        | RoomEvent::Left { session }
        | RoomEvent::Removed { session }
        | RoomEvent::Muted { session }
        | RoomEvent::Unmuted { session } => Some(*session),
        _ => None,
    }
}

#[cfg(test)]
#[path = "room/tests.rs"]
mod tests;
