//! Which machines there are, and how each speaks to browsers.
//!
//! A machine knows its own words; a browser gets them wrapped in the words of `frame`. This file
//! is that wrapping, one block per machine, and nothing else.

use protocol::{
    caller::Caller,
    frame::{Event, Note, Refusal, Topic, View},
    key::Key,
    machine::Machine,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    accounts::{self, Accounts},
    audit::{self, Audit},
    conversation::{self, Conversation},
    effect::Effect,
    file::{self, File},
    room::{self, Room},
    session::{self, Session},
    tenant::{self, Tenant},
    vault::{self, Vault},
};

/// A machine that the house runs: it can be kept, and it can be told of.
pub trait Part:
    Machine<
        Effect = Effect,
        Input: Serialize + DeserializeOwned + Clone + Sync,
        Event: Serialize + DeserializeOwned + Clone + Sync,
        Note: Clone,
    > + Serialize
    + DeserializeOwned
{
    /// Its word, for logs and metrics.
    const NAME: &'static str;

    /// What may be asked of its state. Append-only: nodes of two releases speak it.
    type Query: Serialize + DeserializeOwned + Clone + Send + Sync + 'static;

    /// What is answered.
    type Answer: Serialize + DeserializeOwned + Send + 'static;

    /// Answers a query; what it sees is durable before the answer leaves.
    fn answer(&self, query: Self::Query) -> Self::Answer;

    /// Whether what this input keeps is too important to stand on one disk (rule R5, strict): then it
    /// is refused, with a fault that passes, while its shard has long been without a second copy
    /// that another node could hold. Everything else is kept all the same (available): people go on
    /// talking, and nobody is kept from making a link worthless.
    fn is_strict(_input: &Self::Input) -> bool {
        false
    }

    /// The version of its snapshot's shape; another version is ignored and the journal replayed.
    const SNAPSHOT: u16 = 1;

    /// What browsers call it, when they may watch it.
    fn topic(_key: Key) -> Option<Topic> {
        None
    }

    /// Wraps an event for browsers.
    fn event(_event: Self::Event) -> Option<Event> {
        None
    }

    /// Wraps a note for browsers.
    fn note(_note: Self::Note) -> Option<Note> {
        None
    }

    /// Wraps a view for browsers.
    fn shown(_view: Self::View) -> Option<View> {
        None
    }

    /// Wraps a refusal.
    fn no(why: Self::Refusal) -> Refusal;

    /// Whether this watcher's view is another one after this event, and must be shown anew.
    fn reshows(_by: &Caller, _event: &Self::Event) -> bool {
        false
    }
}

impl Part for Room {
    const NAME: &'static str = "room";

    type Query = room::Query;
    type Answer = room::Answer;

    fn answer(&self, query: room::Query) -> room::Answer {
        self.answer(query)
    }

    fn topic(key: Key) -> Option<Topic> {
        match key {
            Key::Room(room) => Some(Topic::Room { room }),
            _ => None,
        }
    }

    fn event(event: Self::Event) -> Option<Event> {
        Some(Event::Room { event })
    }

    fn note(note: Self::Note) -> Option<Note> {
        Some(Note::Room { note })
    }

    fn shown(view: Self::View) -> Option<View> {
        Some(View::Room { view })
    }

    fn no(why: Self::Refusal) -> Refusal {
        Refusal::Room { why }
    }

    fn reshows(by: &Caller, event: &Self::Event) -> bool {
        Self::reshows(by, event)
    }
}

impl Part for Conversation {
    const NAME: &'static str = "conversation";

    type Query = conversation::Query;
    type Answer = conversation::Answer;

    fn answer(&self, query: conversation::Query) -> conversation::Answer {
        self.answer(query)
    }

    fn topic(key: Key) -> Option<Topic> {
        match key {
            Key::Conversation(conversation) => Some(Topic::Conversation { conversation }),
            _ => None,
        }
    }

    fn event(event: Self::Event) -> Option<Event> {
        Some(Event::Conversation { event })
    }

    fn note(note: Self::Note) -> Option<Note> {
        Some(Note::Conversation { note })
    }

    fn shown(view: Self::View) -> Option<View> {
        Some(View::Conversation { view })
    }

    fn no(why: Self::Refusal) -> Refusal {
        Refusal::Conversation { why }
    }

    fn reshows(by: &Caller, event: &Self::Event) -> bool {
        Self::reshows(by, event)
    }
}

impl Part for Tenant {
    const NAME: &'static str = "tenant";

    type Query = tenant::Query;
    type Answer = tenant::Answer;

    fn answer(&self, query: tenant::Query) -> tenant::Answer {
        self.answer(query)
    }

    /// What a customer is promised: a case, and a way in.
    fn is_strict(input: &tenant::Input) -> bool {
        use protocol::tenant::TenantCommand::{Invite, Open};
        matches!(input, tenant::Input::Command { command: Open { .. } | Invite { .. }, .. })
    }

    fn topic(_key: Key) -> Option<Topic> {
        Some(Topic::Tenant {})
    }

    fn event(event: Self::Event) -> Option<Event> {
        Some(Event::Tenant { event })
    }

    fn shown(view: Self::View) -> Option<View> {
        Some(View::Tenant { view })
    }

    fn no(why: Self::Refusal) -> Refusal {
        Refusal::Tenant { why }
    }
}

impl Part for Session {
    const NAME: &'static str = "session";

    type Query = session::Query;
    type Answer = session::Answer;

    fn answer(&self, query: session::Query) -> session::Answer {
        self.answer(query)
    }

    fn no(why: Self::Refusal) -> Refusal {
        Refusal::Session { why }
    }
}

impl Part for Vault {
    const NAME: &'static str = "vault";

    type Query = vault::Query;
    type Answer = vault::Answer;

    fn answer(&self, query: vault::Query) -> vault::Answer {
        self.answer(query)
    }

    /// Who may sign in. A name is given again at the next door.
    fn is_strict(input: &vault::Input) -> bool {
        matches!(input, vault::Input::Enroll { .. })
    }

    fn no(why: Self::Refusal) -> Refusal {
        Refusal::Vault { why }
    }
}

impl Part for File {
    const NAME: &'static str = "file";

    type Query = file::Query;
    type Answer = file::Answer;

    fn answer(&self, query: file::Query) -> file::Answer {
        self.answer(query)
    }

    fn no(why: Self::Refusal) -> Refusal {
        Refusal::File { why }
    }
}

impl Part for Accounts {
    const NAME: &'static str = "accounts";

    type Query = accounts::Query;
    type Answer = accounts::Answer;

    fn answer(&self, query: accounts::Query) -> accounts::Answer {
        self.answer(query)
    }

    /// Who may do what: given on two disks or not at all. Taking away is never refused for want of a
    /// second copy.
    fn is_strict(input: &accounts::Input) -> bool {
        use protocol::accounts::AccountsCommand::{Reject, Withdraw};
        let takes = |command: &_| matches!(command, Reject { .. } | Withdraw { .. });
        !matches!(input, accounts::Input::Command { command, .. } if takes(command))
    }

    fn topic(_key: Key) -> Option<Topic> {
        Some(Topic::Accounts {})
    }

    fn event(event: Self::Event) -> Option<Event> {
        Some(Event::Accounts { event })
    }

    fn shown(view: Self::View) -> Option<View> {
        Some(View::Accounts { view })
    }

    fn no(why: Self::Refusal) -> Refusal {
        Refusal::Accounts { why }
    }
}

impl Part for Audit {
    const NAME: &'static str = "audit";

    type Query = audit::Query;
    type Answer = audit::Answer;

    fn answer(&self, query: audit::Query) -> audit::Answer {
        self.answer(&query)
    }

    /// A browser never asks a log; who is refused is the node itself, by a mistake of its own.
    fn no(_why: Self::Refusal) -> Refusal {
        Refusal::Vault { why: protocol::vault::VaultRefusal::NotAllowed }
    }
}
