//! A room: who sits, who waits, who leads.

use crate::{
    id::{CaseId, ConversationId, PersonId, SessionId, TenantId},
    media::Track,
    time::Time,
};

word! {
    /// What a person may ask of a room. Steering is the lead's alone (S236).
    pub enum RoomCommand {
        /// Ask to be let in. The lead sits down at once; everybody else waits.
        Knock {},
        /// Lead: let this device in.
        Admit { session: SessionId },
        /// Lead: keep this device waiting, with a sentence it is shown.
        Hold { session: SessionId, message: String },
        /// Lead: send this device away from the door.
        Reject { session: SessionId },
        /// Lead: nobody may knock any more.
        Lock {},
        /// Lead: people may knock again.
        Unlock {},
        /// Lead: this device's microphone is not heard until it is unmuted by its owner.
        Mute { session: SessionId },
        /// Own device: be heard again after a mute.
        Unmute {},
        /// Lead: take this device's seat away.
        Remove { session: SessionId },
        /// Lead: another seated expert leads from now on.
        HandOver { session: SessionId },
        /// Own device: leave the seat or the queue.
        Leave {},
        /// Lead: the consultation is over for everybody.
        End {},
        /// Own device: what it publishes now, the complete list. Not kept.
        Publish { tracks: Vec<Track> },
    }
}

word! {
    /// What happened in a room, kept.
    pub enum RoomEvent {
        /// The room exists. Always the first event.
        Opened { tenant: TenantId, case: CaseId, conversation: ConversationId, lead: PersonId },
        /// A device waits at the door.
        Knocked { session: SessionId, person: PersonId, role: crate::caller::Role },
        /// It waits on, with a sentence from the lead.
        Held { session: SessionId, message: String },
        /// It was sent away from the door.
        Rejected { session: SessionId },
        /// A device has a seat.
        Seated { session: SessionId, person: PersonId, role: crate::caller::Role },
        /// A seat or a place in the queue was given up.
        Left { session: SessionId },
        /// A seat was taken away.
        Removed { session: SessionId },
        /// Nobody may knock.
        Locked {},
        /// People may knock.
        Unlocked {},
        /// The lead silenced this device.
        Muted { session: SessionId },
        /// The device may be heard again.
        Unmuted { session: SessionId },
        /// Somebody else leads.
        HandedOver { to: PersonId },
        /// Over. Always the last event.
        Ended {},
    }
}

word! {
    /// What is told of a room and not kept.
    pub enum RoomNote {
        /// The device's browser is connected.
        Present { session: SessionId },
        /// The device's browser is gone; its seat stays for it.
        Absent { session: SessionId },
        /// What the device publishes now, the complete list.
        Publishes { session: SessionId, tracks: Vec<Track> },
    }
}

names! {
    /// Why a room says no.
    pub enum RoomRefusal {
        /// There is no such room, or not for this tenant.
        NotFound,
        /// The consultation is over.
        Ended,
        /// Nobody may knock.
        Locked,
        /// Every seat is taken.
        Full,
        /// Too many people wait already.
        QueueFull,
        /// This device has no seat here.
        NotHere,
        /// This device waits or sits already.
        AlreadyHere,
        /// Nobody of that name waits at the door.
        NotWaiting,
        /// Only the lead may do this.
        NotLead,
        /// Only an expert can lead.
        NotAnExpert,
        /// Administrators take no part in consultations (S238).
        NotForAdministrators,
        /// The text is empty or too long.
        BadText,
        /// More tracks than a seat may publish.
        TooManyTracks,
    }
}

shape! {
    /// A device with a seat.
    pub struct Seat {
        /// The device.
        pub session: SessionId,
        /// Its person.
        pub person: PersonId,
        /// What the person may do.
        pub role: crate::caller::Role,
        /// Since when.
        pub since: Time,
        /// Silenced by the lead.
        pub muted: bool,
        /// Its browser is connected now.
        pub present: bool,
        /// What it publishes now.
        pub tracks: Vec<Track>,
    }
}

shape! {
    /// A device at the door.
    pub struct Waiting {
        /// The device.
        pub session: SessionId,
        /// Its person.
        pub person: PersonId,
        /// What the person may do.
        pub role: crate::caller::Role,
        /// Since when.
        pub since: Time,
        /// The lead's sentence, when put on hold.
        pub held: Option<String>,
        /// Its browser is connected now.
        pub present: bool,
    }
}

names! {
    /// Where the watching device stands.
    pub enum Standing {
        /// Neither seated nor waiting.
        Outside,
        /// At the door.
        Waiting,
        /// Seated.
        Seated,
    }
}

shape! {
    /// What one device sees of a room. At the door it sees itself alone.
    pub struct RoomView {
        /// The case.
        pub case: CaseId,
        /// The case's conversation.
        pub conversation: ConversationId,
        /// Who leads.
        pub lead: PersonId,
        /// Whether this device's person leads.
        pub leading: bool,
        /// Where this device stands.
        pub standing: Standing,
        /// Nobody may knock.
        pub locked: bool,
        /// Over.
        pub ended: bool,
        /// Who sits, in the order of sitting down. Empty for those at the door.
        pub seats: Vec<Seat>,
        /// Who waits, in the order of knocking. For the lead all, for others themselves.
        pub waiting: Vec<Waiting>,
        /// How many wait before this device, when it waits.
        pub ahead: u32,
    }
}
