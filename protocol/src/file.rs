//! A file: offered to a conversation, kept by its content, never named by a path.

use crate::{
    id::{ConversationId, PersonId, TenantId},
    time::Time,
};

word! {
    /// What happened to a file, kept.
    pub enum FileEvent {
        /// The whole content arrived and is kept.
        Kept {
            tenant: TenantId,
            conversation: ConversationId,
            by: PersonId,
            name: String,
            media_type: String,
            bytes: u64,
            content: [u8; 32],
        },
        /// Nobody may fetch it any more.
        Withdrawn {},
    }
}

names! {
    /// Why a file says no.
    pub enum FileRefusal {
        /// There is no such file, or not for this person.
        NotFound,
        /// It was withdrawn.
        Gone,
        /// The name is empty or too long.
        BadName,
        /// The file is larger than allowed.
        TooLarge,
        /// The file is empty.
        Empty,
        /// The id was used for another file.
        IdTaken,
        /// Administrators see no content (S238).
        NotForAdministrators,
    }
}

shape! {
    /// What a browser knows of a file.
    pub struct FileView {
        /// Its id.
        pub file: crate::id::FileId,
        /// The name it was given; shown, never used as a path.
        pub name: String,
        /// What its first bytes say it is.
        pub media_type: String,
        /// How long it is.
        pub bytes: u64,
        /// Who offered it.
        pub by: PersonId,
        /// When it was kept.
        pub at: Time,
    }
}
