//! A conversation: messages in one order for everybody.

use crate::{
    id::{CaseId, FileId, MessageId, PersonId, Seq, TenantId},
    time::Time,
};

word! {
    /// What a person may ask of a conversation.
    pub enum ConversationCommand {
        /// Say something. The id is the browser's: said twice, it is one message.
        Say { message: MessageId, text: String, files: Vec<FileId> },
        /// Change one's own message.
        Edit { message: MessageId, text: String },
        /// Take one's own message back; its place stays, its content goes.
        Erase { message: MessageId },
        /// Everything up to here was read.
        Read { upto: Seq },
        /// The person is typing. Not kept.
        Type {},
        /// Asks for the page of messages before this one.
        Earlier { before: MessageId },
    }
}

word! {
    /// What happened in a conversation, kept.
    pub enum ConversationEvent {
        /// The conversation exists. Always the first event.
        Opened { tenant: TenantId, case: CaseId },
        /// A person may read and write.
        Joined { person: PersonId },
        /// A person may no longer read or write.
        Withdrawn { person: PersonId },
        /// A message.
        Said { message: MessageId, by: PersonId, text: String, files: Vec<FileId> },
        /// A message has another text.
        Edited { message: MessageId, text: String },
        /// A message has no content any more.
        Erased { message: MessageId },
        /// A person read everything up to here.
        Read { by: PersonId, upto: Seq },
    }
}

word! {
    /// What is told of a conversation and not kept.
    pub enum ConversationNote {
        /// A person is typing.
        Typing { by: PersonId, at: Time },
    }
}

names! {
    /// Why a conversation says no.
    pub enum ConversationRefusal {
        /// There is no such conversation, or not for this person.
        NotFound,
        /// The text is empty or too long.
        BadText,
        /// Too many files, or the same one twice.
        BadFiles,
        /// No such message.
        NoSuchMessage,
        /// Somebody else's message.
        NotYours,
        /// The message was taken back.
        Gone,
        /// The conversation holds as many messages as it may.
        Full,
        /// The id was used for another message.
        IdTaken,
        /// Administrators see no content (S238).
        NotForAdministrators,
        /// The position lies in the future.
        NotYet,
    }
}

shape! {
    /// One message as it stands now.
    pub struct Message {
        /// Its id.
        pub message: MessageId,
        /// Its place: the position of `Said` in the journal.
        pub seq: Seq,
        /// The position of its latest change.
        pub changed: Seq,
        /// Who said it.
        pub by: PersonId,
        /// When it was kept.
        pub at: Time,
        /// What was said; empty when taken back.
        pub text: String,
        /// What it carries.
        pub files: Vec<FileId>,
        /// Whether the text was changed.
        pub edited: bool,
        /// Whether it was taken back.
        pub erased: bool,
    }
}

shape! {
    /// How far a person has read.
    pub struct ReadMark {
        /// The person.
        pub person: PersonId,
        /// Everything up to here.
        pub upto: Seq,
    }
}

shape! {
    /// What one person sees of a conversation since a position.
    pub struct ConversationView {
        /// The case.
        pub case: CaseId,
        /// Who may read and write.
        pub people: Vec<PersonId>,
        /// Messages changed since the asked position, in their order; at most a page.
        pub messages: Vec<Message>,
        /// True when `messages` are all changes since the position; false when they are the last
        /// page and the browser should forget what it had.
        pub continues: bool,
        /// Whether there are messages before these.
        pub earlier: bool,
        /// How far everybody has read.
        pub reads: Vec<ReadMark>,
    }
}
