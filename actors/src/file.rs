//! A file's record: what it is called, what it is, where its content lies, who may fetch it.
//!
//! The bytes are content-addressed and lie with `storage::files`; the record is born when all of
//! them are kept, so there is never a record without content.
//!
//! # Invariants
//! - **X1** A file id stands for one content.

use protocol::{
    caller::Caller,
    file::{FileEvent, FileRefusal, FileView},
    id::{ConversationId, FileId, PersonId, Seq, TenantId},
    limits,
    machine::{Machine, News, Plan},
    time::Time,
};
use serde::{Deserialize, Serialize};

use crate::{effect::Effect, text::is_name};

/// Everything that can happen to a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Input {
    /// The gateway kept the whole content.
    Keep(Kept),
    /// Its owner takes it back.
    Withdraw,
}

/// What may be asked of a file's record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Query {
    /// The record, for somebody whom the conversation admits.
    Look {
        /// Who looks.
        by: Caller,
        /// The file's own id.
        file: FileId,
        /// The conversation that admits.
        conversation: ConversationId,
    },
}

/// The answer to a [`Query`], under the same name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// The record.
    Look(Result<(FileView, Kept), FileRefusal>),
}

/// What is known of a kept file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Where it was offered: whoever is of that conversation may fetch it.
    pub conversation: ConversationId,
    /// The name it was given.
    pub name: String,
    /// What its first bytes say it is.
    pub media_type: String,
    /// How long it is.
    pub bytes: u64,
    /// The SHA-256 of its content.
    pub content: [u8; 32],
}

/// The state: the fold of every event so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct File {
    kept: Option<(TenantId, PersonId, Time, Kept)>,
    withdrawn: bool,
}

impl Machine for File {
    type Input = Input;
    type Event = FileEvent;
    type Note = std::convert::Infallible;
    type Effect = Effect;
    type Refusal = FileRefusal;
    type View = ();

    fn decide(&self, _now: Time, by: &Caller, input: Input, plan: &mut Plan<Self>) {
        use FileRefusal as No;
        match (input, &self.kept) {
            _ if !by.role.takes_part() => plan.refuse(No::NotForAdministrators),
            (Input::Keep(new), _) if !is_file_name(&new.name) => plan.refuse(No::BadName),
            (Input::Keep(new), _) if new.bytes == 0 => plan.refuse(No::Empty),
            (Input::Keep(new), _) if new.bytes > limits::FILE_BYTES => plan.refuse(No::TooLarge),
            (Input::Keep(new), None) => plan.keep(FileEvent::Kept {
                tenant: by.tenant,
                conversation: new.conversation,
                by: by.person,
                name: new.name,
                media_type: new.media_type,
                bytes: new.bytes,
                content: new.content,
            }),
            (Input::Keep(new), Some((tenant, person, _, kept))) => {
                let again = (*tenant, *person, kept.content) == (by.tenant, by.person, new.content);
                if !again || kept.conversation != new.conversation {
                    plan.refuse(No::IdTaken);
                }
            }
            (Input::Withdraw, Some((tenant, person, ..)))
                if (*tenant, *person) == (by.tenant, by.person) =>
            {
                if !self.withdrawn {
                    plan.keep(FileEvent::Withdrawn {});
                }
            }
            (Input::Withdraw, _) => plan.refuse(No::NotFound),
        }
    }

    fn fold(&mut self, _seq: Seq, at: Time, event: &FileEvent) {
        match event.clone() {
            FileEvent::Kept { tenant, conversation, by, name, media_type, bytes, content } => {
                assert!(self.kept.is_none(), "X1");
                let kept = Kept { conversation, name, media_type, bytes, content };
                self.kept = Some((tenant, by, at, kept));
            }
            FileEvent::Withdrawn {} => self.withdrawn = true,
        }
    }

    fn view(&self, _by: &Caller, _after: Seq) -> Result<(), FileRefusal> {
        Err(FileRefusal::NotFound)
    }

    fn tells(&self, _by: &Caller, _news: &News<'_, Self>) -> bool {
        false
    }

    fn check(&self) {
        assert!(!self.withdrawn || self.kept.is_some(), "X1");
    }
}

impl File {
    /// Answers a query.
    pub fn answer(&self, query: Query) -> Answer {
        match query {
            Query::Look { by, file, conversation } => {
                Answer::Look(self.look(&by, file, conversation))
            }
        }
    }

    /// The record, for somebody whom the conversation admits.
    pub fn look(
        &self,
        by: &Caller,
        file: FileId,
        conversation: ConversationId,
    ) -> Result<(FileView, Kept), FileRefusal> {
        match &self.kept {
            Some((tenant, person, at, kept))
                if *tenant == by.tenant && kept.conversation == conversation =>
            {
                if self.withdrawn {
                    return Err(FileRefusal::Gone);
                }
                let view = FileView {
                    file,
                    name: kept.name.clone(),
                    media_type: kept.media_type.clone(),
                    bytes: kept.bytes,
                    by: *person,
                    at: *at,
                };
                Ok((view, kept.clone()))
            }
            _ => Err(FileRefusal::NotFound),
        }
    }
}

/// A name is shown, never used as a path; slashes are refused all the same.
fn is_file_name(name: &str) -> bool {
    is_name(name, limits::FILE_NAME_CHARS) && !name.contains(['/', '\\'])
}
