//! A conversation: messages in one order for everybody.
//!
//! # Invariants
//! - **V1** A message id stands for one message, however often it is said.
//! - **V2** Messages stand in the order in which they were kept.
//! - **V3** Only people of the conversation say, change and are told anything.
//! - **V4** A message that was taken back holds no content.
//! - **V5** At most `limits::CONVERSATION_MESSAGES` messages.

use protocol::{
    caller::{Caller, Role},
    conversation::{
        ConversationCommand, ConversationEvent, ConversationNote, ConversationRefusal,
        ConversationView, Message, ReadMark,
    },
    id::{CaseId, FileId, MessageId, PersonId, Seq, TenantId},
    limits,
    machine::{Machine, News, Plan},
    time::Time,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

use crate::effect::{Ask, Effect};

/// Everything that can happen to a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Input {
    /// A person asks.
    Command(ConversationCommand),
    /// The case's tenant asks that the conversation exist, with these people.
    Open {
        /// The case.
        case: CaseId,
        /// Who may read and write.
        people: Vec<PersonId>,
    },
    /// The room let this person in.
    Grant(PersonId),
    /// The room removed this person.
    Withdraw(PersonId),
}

/// What may be asked of a conversation's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Query {
    /// May this caller read and write here?
    Admits {
        /// The caller.
        by: Caller,
    },
    /// Whom of these may the caller know?
    Knows {
        /// The caller.
        by: Caller,
        /// Those in question.
        people: Vec<PersonId>,
    },
    /// The page of messages before one.
    Page {
        /// Who reads.
        by: Caller,
        /// The message.
        before: MessageId,
    },
}

/// The answer to a [`Query`], under the same name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// Whether the caller may.
    Admits(bool),
    /// Those whom the caller may know.
    Knows(Vec<PersonId>),
    /// The messages, and whether there are more before them.
    Page(Result<(Vec<Message>, bool), ConversationRefusal>),
}

/// The state: the fold of every event so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    born: Option<(TenantId, CaseId)>,
    /// Who may read and write, and since which position.
    people: BTreeMap<PersonId, Seq>,
    messages: Vec<Message>,
    places: BTreeMap<MessageId, usize>,
    reads: BTreeMap<PersonId, Seq>,
    head: Seq,
}

impl Machine for Conversation {
    type Input = Input;
    type Event = ConversationEvent;
    type Note = ConversationNote;
    type Effect = Effect;
    type Refusal = ConversationRefusal;
    type View = ConversationView;

    fn decide(&self, now: Time, by: &Caller, input: Input, plan: &mut Plan<Self>) {
        use ConversationEvent as Event;
        match input {
            Input::Command(command) => match self.refusal(by, &command) {
                Some(no) => plan.refuse(no),
                None => self.obey(now, by, command, plan),
            },
            _ if by.role != Role::Node => plan.refuse(ConversationRefusal::NotFound),
            Input::Open { case, people } => match self.born {
                Some((tenant, _)) if tenant != by.tenant => {
                    plan.refuse(ConversationRefusal::NotFound);
                }
                Some((tenant, case)) => plan.perform(settle(tenant, case)),
                None => {
                    plan.keep(Event::Opened { tenant: by.tenant, case });
                    people.into_iter().for_each(|person| plan.keep(Event::Joined { person }));
                    plan.perform(settle(by.tenant, case));
                }
            },
            _ if !self.known_to(by) => plan.refuse(ConversationRefusal::NotFound),
            Input::Grant(person) if !self.people.contains_key(&person) => {
                plan.keep(Event::Joined { person });
            }
            Input::Withdraw(person) if self.people.contains_key(&person) => {
                plan.keep(Event::Withdrawn { person });
            }
            Input::Grant(_) | Input::Withdraw(_) => {}
        }
    }

    fn fold(&mut self, seq: Seq, at: Time, event: &ConversationEvent) {
        self.head = seq;
        match event.clone() {
            ConversationEvent::Opened { tenant, case } => self.born = Some((tenant, case)),
            ConversationEvent::Joined { person } => {
                self.people.insert(person, seq);
            }
            ConversationEvent::Withdrawn { person } => {
                self.people.remove(&person);
            }
            ConversationEvent::Said { message, by, text, files } => {
                assert!(!self.places.contains_key(&message), "V1");
                self.places.insert(message, self.messages.len());
                let (edited, erased) = (false, false);
                let changed = seq;
                self.messages.push(Message {
                    message,
                    seq,
                    changed,
                    by,
                    at,
                    text,
                    files,
                    edited,
                    erased,
                });
            }
            ConversationEvent::Edited { message, text } => self.change(message, seq, |it| {
                it.text = text;
                it.edited = true;
            }),
            ConversationEvent::Erased { message } => self.change(message, seq, |it| {
                it.text.clear();
                it.files.clear();
                it.erased = true;
            }),
            ConversationEvent::Read { by, upto } => {
                self.reads.insert(by, upto);
            }
        }
    }

    fn view(&self, by: &Caller, after: Seq) -> Result<ConversationView, ConversationRefusal> {
        let born = self.born.filter(|_| self.known_to(by) && self.has(by));
        let (_, case) = born.ok_or(ConversationRefusal::NotFound)?;
        if !by.role.takes_part() {
            return Err(ConversationRefusal::NotForAdministrators);
        }
        let changed = self.messages.iter().filter(|message| message.changed > after);
        let changed: Vec<_> = changed.cloned().collect();
        let continues = after > Seq::START && after <= self.head && fits_a_page(&changed);
        let messages = if continues { changed } else { last_page(&self.messages) };
        let people = self.people_in_order();
        let read =
            |&person: &PersonId| self.reads.get(&person).map(|&upto| ReadMark { person, upto });
        Ok(ConversationView {
            case,
            reads: people.iter().filter_map(read).collect(),
            people,
            earlier: !continues && messages.len() < self.messages.len(),
            messages,
            continues,
        })
    }

    fn tells(&self, by: &Caller, news: &News<'_, Self>) -> bool {
        let typing_myself = matches!(
            news, News::Note(ConversationNote::Typing { by: person, .. }) if *person == by.person);
        let leaving_myself = matches!(
            news, News::Event(ConversationEvent::Withdrawn { person }) if *person == by.person);
        leaving_myself || (self.has(by) && !typing_myself) // V3
    }

    fn check(&self) {
        assert_eq!(self.messages.len(), self.places.len(), "V1");
        assert!(self.messages.len() <= limits::CONVERSATION_MESSAGES, "V5");
        if let [.., before, last] = self.messages.as_slice() {
            assert!(before.seq < last.seq, "V2");
        }
        if let Some(last) = self.messages.last() {
            assert!(!last.erased || (last.text.is_empty() && last.files.is_empty()), "V4");
        }
    }
}

impl Conversation {
    /// What is refused, in the order a person should hear it.
    fn refusal(&self, by: &Caller, command: &ConversationCommand) -> Option<ConversationRefusal> {
        use ConversationCommand::*;
        use ConversationRefusal as No;
        match command {
            _ if !self.known_to(by) || !self.has(by) => Some(No::NotFound),
            _ if !by.role.takes_part() => Some(No::NotForAdministrators),

            Say { message, .. } if self.find(*message).is_some_and(|it| it.by != by.person) => {
                Some(No::IdTaken)
            }
            Say { message, .. } if self.places.contains_key(message) => None, // said before: V1
            Say { .. } if self.messages.len() >= limits::CONVERSATION_MESSAGES => Some(No::Full),
            Say { files, .. } if !distinct(files) || files.len() > limits::MESSAGE_FILES => {
                Some(No::BadFiles)
            }
            Say { text, files, .. } if files.is_empty() && text.trim().is_empty() => {
                Some(No::BadText)
            }
            Edit { text, .. } if text.trim().is_empty() => Some(No::BadText),
            Say { text, .. } | Edit { text, .. }
                if text.chars().count() > limits::MESSAGE_CHARS =>
            {
                Some(No::BadText)
            }
            Edit { message, .. } | Erase { message } => match self.find(*message) {
                None => Some(No::NoSuchMessage),
                Some(it) if it.by != by.person => Some(No::NotYours),
                Some(it) if it.erased && matches!(command, Edit { .. }) => Some(No::Gone),
                Some(_) => None,
            },
            Read { upto } if *upto > self.head => Some(No::NotYet),
            Earlier { before } if self.find(*before).is_none() => Some(No::NoSuchMessage),
            _ => None,
        }
    }

    /// What is kept, once nothing speaks against it.
    fn obey(&self, now: Time, by: &Caller, command: ConversationCommand, plan: &mut Plan<Self>) {
        use ConversationCommand::*;
        use ConversationEvent as Event;
        match command {
            Say { message, text, files } if !self.places.contains_key(&message) => {
                plan.keep(Event::Said { message, by: by.person, text, files });
            }
            Edit { message, text } if self.find(message).is_some_and(|it| it.text != text) => {
                plan.keep(Event::Edited { message, text });
            }
            Erase { message } if self.find(message).is_some_and(|it| !it.erased) => {
                plan.keep(Event::Erased { message });
            }
            Read { upto } if upto > self.reads.get(&by.person).copied().unwrap_or_default() => {
                plan.keep(Event::Read { by: by.person, upto });
            }
            Type {} => plan.note(ConversationNote::Typing { by: by.person, at: now }),
            // Done before, or a question answered by `page`: nothing to keep.
            Say { .. } | Edit { .. } | Erase { .. } | Read { .. } | Earlier { .. } => {}
        }
    }

    /// Whether this watcher's page is another one: who comes back has missed what was said.
    pub fn reshows(by: &Caller, event: &ConversationEvent) -> bool {
        matches!(event, ConversationEvent::Joined { person } if *person == by.person)
    }

    /// Answers a query.
    pub fn answer(&self, query: Query) -> Answer {
        match query {
            Query::Admits { by } => Answer::Admits(self.admits(&by)),
            Query::Knows { by, mut people } => {
                let known = if self.admits(&by) { self.known() } else { BTreeSet::new() };
                people.retain(|person| known.contains(person));
                Answer::Knows(people)
            }
            Query::Page { by, before } => Answer::Page(self.page(&by, before)),
        }
    }

    /// The page of messages before one, and whether there are more before them.
    pub fn page(
        &self,
        by: &Caller,
        before: MessageId,
    ) -> Result<(Vec<Message>, bool), ConversationRefusal> {
        match self.refusal(by, &ConversationCommand::Earlier { before }) {
            Some(no) => Err(no),
            None => {
                let messages = last_page(&self.messages[..self.places[&before]]);
                let more = messages.len() < self.places[&before];
                Ok((messages, more))
            }
        }
    }

    /// Whether this caller may read and write here.
    pub fn admits(&self, by: &Caller) -> bool {
        self.known_to(by) && self.has(by) && by.role.takes_part()
    }

    /// Everybody who is or was of this conversation: who may be named to its people.
    pub fn known(&self) -> BTreeSet<PersonId> {
        let said = self.messages.iter().map(|message| message.by);
        self.people.keys().copied().chain(said).collect()
    }

    fn known_to(&self, by: &Caller) -> bool {
        self.born.is_some_and(|(tenant, _)| tenant == by.tenant)
    }

    fn has(&self, by: &Caller) -> bool {
        self.people.contains_key(&by.person)
    }

    /// In the order of joining.
    fn people_in_order(&self) -> Vec<PersonId> {
        let mut people: Vec<_> =
            self.people.iter().map(|(&person, &since)| (since, person)).collect();
        people.sort();
        people.into_iter().map(|(_, person)| person).collect()
    }

    fn find(&self, message: MessageId) -> Option<&Message> {
        self.places.get(&message).map(|&place| &self.messages[place])
    }

    fn change(&mut self, message: MessageId, seq: Seq, apply: impl FnOnce(&mut Message)) {
        if let Some(&place) = self.places.get(&message) {
            let message = &mut self.messages[place];
            message.changed = seq;
            apply(message);
        }
    }
}

fn settle(tenant: TenantId, case: CaseId) -> Effect {
    Effect::Ask(Ask::Settle { tenant, case, ended: false })
}

fn distinct(files: &[FileId]) -> bool {
    files.iter().collect::<BTreeSet<_>>().len() == files.len()
}

/// Bytes of text one page may carry: half of a frame, because JSON escapes.
const PAGE_BYTES: usize = limits::FRAME_DOWN_BYTES / 4;

fn fits_a_page(messages: &[Message]) -> bool {
    last_page(messages).len() == messages.len()
}

/// The last messages that fit a frame.
fn last_page(messages: &[Message]) -> Vec<Message> {
    let mut bytes = 0;
    let fits = |message: &&Message| {
        bytes += message.text.len() + 512;
        bytes <= PAGE_BYTES
    };
    let tail = messages.iter().rev().take(limits::VIEW_MESSAGES).take_while(fits).count();
    messages[messages.len() - tail..].to_vec()
}

#[cfg(test)]
#[path = "conversation/tests.rs"]
mod tests;
