//! Writers, readers, watchers: one loop each.

use anyhow::{Context, Result};
use node::{clock::now, secrets::chance};
use protocol::{
    conversation::{ConversationCommand, ConversationView, Message},
    frame::{Command, Event, Fault, Reply, ToBrowser, ToNode, Topic, View},
    id::{ConversationId, MessageId, Seq},
};
use std::{sync::Arc, time::Duration};
use storage::dice::Dice;
use tokio::time::Instant;

use super::Shared;
use crate::{
    history::{Fate, Fold, Looked, NEVER, Said},
    nemesis::person::{Heard, Line},
};

/// How long a writer tries one message.
const GIVE_UP: Duration = Duration::from_secs(20);
/// How long a watcher hears nothing before it moves on.
const SILENCE: Duration = Duration::from_secs(3);
/// Looks from one node before a reader goes to another.
const LOOKS: u32 = 10;
/// How long the end may take to be seen.
const END: Duration = Duration::from_secs(60);

/// Somebody in the crowd.
pub(super) struct Person {
    shared: Arc<Shared>,
    client: u32,
    cookie: Option<String>,
    conversation: usize,
    id: ConversationId,
    line: Option<Line>,
    next: usize,
    dice: Dice,
}

impl Person {
    pub(super) fn new(
        shared: Arc<Shared>,
        client: u32,
        cookie: Option<String>,
        conversation: usize,
        id: ConversationId,
    ) -> Self {
        let dice = Dice::new(shared.plan.seed ^ (u64::from(client) << 32));
        let next = client as usize % shared.addresses.len();
        Self { shared, client, cookie, conversation, id, line: None, next, dice }
    }

    const fn topic(&self) -> Topic {
        Topic::Conversation { conversation: self.id }
    }

    /// A line, taken out: whoever is content with it puts it back.
    async fn line(&mut self) -> Option<Line> {
        if let Some(line) = self.line.take() {
            return Some(line);
        }
        let node = self.next;
        self.next = (node + 1) % self.shared.addresses.len();
        let line = Line::open(self.cookie.as_deref(), &self.shared.addresses[node], node).await;
        if line.is_none() {
            pause(Duration::from_millis(20)).await; // a node that refuses does so at once
        }
        line
    }

    /// Says one message after another.
    pub(super) async fn writes(mut self) {
        let mut number = 0_u64;
        while !self.shared.stopped() {
            number += 1;
            self.says(number).await;
            let pace = self.shared.plan.pace.as_micros() as u64;
            pause(Duration::from_micros(pace / 2 + self.dice.below(pace.max(1)))).await;
        }
    }

    /// Says one message until it is answered, under one id and one request, wherever that goes.
    async fn says(&mut self, number: u64) {
        let (message, client) = (MessageId::new(now(), chance()), self.client);
        let (call, end) = (self.shared.now(), Instant::now() + GIVE_UP);
        let request = format!("nemesis-{client}-{number}");
        let text = format!("{client} says {number}");
        let mut perhaps = false;
        let fate = loop {
            if Instant::now() > end {
                break if perhaps { Fate::Unknown } else { Fate::Refused };
            }
            let Some(mut line) = self.line().await else { continue };
            let (text, files) = (text.clone(), Vec::new());
            let command = ConversationCommand::Say { message, text, files };
            let command = Command::Conversation { conversation: self.id, command };
            let reply = line.ask(&request, command, self.shared.plan.patience, |_| {}).await;
            match reply {
                None => perhaps = true, // the line goes, and with it its late answer
                Some(Reply::Done { seq }) => {
                    self.shared.through(line.node, call);
                    let wanders = self.shared.plan.wander;
                    let goes = wanders.is_some_and(|it| number.is_multiple_of(it));
                    self.line = (!goes).then_some(line);
                    break Fate::Kept { upto: seq.0 };
                }
                // A no after a try that was not answered says nothing of that try.
                Some(Reply::Refused { .. }) => {
                    self.line = Some(line);
                    break if perhaps { Fate::Unknown } else { Fate::Refused };
                }
                // A full disk is told to the person, who does not try for ever.
                Some(Reply::Faulted { fault: Fault::DiskFull }) if !perhaps => break Fate::Refused,
                Some(Reply::Faulted { fault }) => {
                    let clear = matches!(fault, Fault::Busy | Fault::DiskFull);
                    perhaps |= !clear;
                    pause(Duration::from_millis(20)).await;
                }
                Some(other) => {
                    self.wrong(format!("a message was answered with {other:?}"));
                    break Fate::Unknown;
                }
            }
        };
        let back = if fate == Fate::Unknown { NEVER } else { self.shared.now() };
        let message = message.as_u128();
        self.shared.said(self.conversation, Said { client, call, back, message, fate });
    }

    /// Looks again and again, from one node and then from another.
    pub(super) async fn reads(mut self) {
        let (mut fold, mut looks) = (Fold::default(), 0);
        while !self.shared.stopped() {
            // Now and then as somebody who knows nothing.
            if self.dice.one_in(20) {
                self.saw(&fold);
                fold = Fold::default();
            }
            if let Some(mut line) = self.line().await
                && self.look(&mut line, &mut fold).await
                && line.send(&ToNode::Unwatch { topic: self.topic() }).await
            {
                looks += 1;
                pause(self.shared.plan.pace).await;
                // What was shown before the next question is no answer to it.
                let open = self.catches_up(&mut line, &mut fold).await;
                self.line = (open && looks % LOOKS != 0).then_some(line);
            }
            pause(self.shared.plan.pace).await;
        }
        self.saw(&fold);
    }

    /// Is told, and when nothing is told any more, comes back elsewhere with its cursor.
    pub(super) async fn watches(mut self) {
        let mut fold = Fold::default();
        while !self.shared.stopped() {
            let Some(mut line) = self.line().await else { continue };
            if !self.look(&mut line, &mut fold).await {
                continue;
            }
            let mut quiet = Instant::now() + SILENCE;
            while !self.shared.stopped() {
                let turn = Instant::now() + Duration::from_millis(200);
                match line.next(turn).await {
                    Heard::End => break,
                    Heard::Silence if Instant::now() > quiet => break,
                    Heard::Silence => {}
                    Heard::Frame(came) => {
                        quiet = Instant::now() + SILENCE;
                        self.told(&mut fold, &came);
                        if fold.upto == 0 {
                            break; // looks anew
                        }
                    }
                }
            }
            self.saw(&fold);
        }
        self.saw(&fold);
    }

    /// Takes in all that has arrived by now; false when the line is over.
    async fn catches_up(&self, line: &mut Line, fold: &mut Fold) -> bool {
        loop {
            match line.next(Instant::now()).await {
                Heard::Frame(came) => self.told(fold, &came),
                Heard::Silence => return true,
                Heard::End => return false,
            }
        }
    }

    /// Asks to be shown the conversation as it is now; true when it was.
    async fn look(&self, line: &mut Line, fold: &mut Fold) -> bool {
        let (topic, call) = (self.topic(), self.shared.now());
        if !line.send(&ToNode::Watch { topic, after: Seq(fold.upto) }).await {
            return false;
        }
        let until = Instant::now() + self.shared.plan.patience;
        let (seq, view) = loop {
            match line.next(until).await {
                Heard::Silence | Heard::End => return false,
                Heard::Frame(came) => match *came {
                    ToBrowser::Shown { topic: of, seq, view: View::Conversation { view } }
                        if of == topic =>
                    {
                        break (seq.0, view);
                    }
                    ToBrowser::NotShown { topic: of, .. } if of == topic => return false,
                    came => self.told(fold, &came),
                },
            }
        };
        let back = self.shared.now();
        if view.continues {
            let known = fold.continued(&view, seq);
            self.sound(known);
        } else {
            let Some(anew) = self.pages(line, seq, &view).await else { return false };
            self.saw(fold);
            *fold = anew;
        }
        // What the view itself shows, be it less than was told before.
        let (length, chain) = fold.at(seq);
        let client = self.client;
        let looked = Looked { client, call, back, length, chain, fresh: true };
        self.shared.note(self.conversation, |log| log.looked.push(looked));
        true
    }

    /// The pages before the last one; they do not change any more.
    async fn pages(&self, line: &mut Line, seq: u64, view: &ConversationView) -> Option<Fold> {
        let mut before: Vec<Vec<Message>> = Vec::new();
        let mut meanwhile = Vec::new();
        let mut more = view.earlier;
        while more {
            let first = before.last().unwrap_or(&view.messages).first()?;
            let command = ConversationCommand::Earlier { before: first.message };
            let command = Command::Conversation { conversation: self.id, command };
            let patience = self.shared.plan.patience;
            match line.ask("page", command, patience, |came| meanwhile.push(came)).await? {
                Reply::Earlier { messages, earlier } => {
                    before.push(messages);
                    more = earlier;
                }
                _ => return None,
            }
        }
        let fold = Fold::anew(seq, &view.messages, &before);
        let mut fold = fold.map_err(|why| self.wrong(why)).ok()?;
        // It is told once: left out, what is told later would be put over a gap.
        meanwhile.iter().for_each(|came| self.told(&mut fold, came));
        Some(fold)
    }

    /// Takes in what was told; who was shown nothing yet has nothing to put it to. A node that looked
    /// for a new place for this watch shows what was missed; when that is more than a page, nothing
    /// is known any more.
    fn told(&self, fold: &mut Fold, came: &ToBrowser) {
        if fold.upto == 0 {
            return;
        }
        match came {
            ToBrowser::Happened { topic, seq, event: Event::Conversation { event }, .. }
                if *topic == self.topic() =>
            {
                let known = fold.happened(seq.0, event).map(|_| ());
                self.sound(known);
            }
            ToBrowser::Shown { topic, seq, view: View::Conversation { view } }
                if *topic == self.topic() && seq.0 > fold.upto =>
            {
                if view.continues {
                    let known = fold.continued(view, seq.0);
                    self.sound(known);
                } else {
                    self.saw(fold);
                    *fold = Fold::default();
                }
            }
            _ => {}
        }
    }

    /// Writes down what is known by now, however old.
    fn saw(&self, fold: &Fold) {
        let (now, client) = (self.shared.now(), self.client);
        let (length, chain) = fold.at(fold.upto);
        let looked = Looked { client, call: now, back: now, length, chain, fresh: false };
        self.shared.note(self.conversation, |log| log.looked.push(looked));
    }

    fn sound(&self, known: Result<(), String>) {
        if let Err(why) = known {
            self.wrong(why);
        }
    }

    fn wrong(&self, why: String) {
        let sentence = format!("client {} at {} us: {why}", self.client, self.shared.now());
        self.shared.note(self.conversation, |log| log.wrong.push(sentence));
    }
}

/// Looks at every conversation on every node, from nothing, when all is calm.
pub(super) async fn ends(shared: &Arc<Shared>, cookie: Option<String>) -> Result<()> {
    let conversations = shared.kept().conversations.clone();
    for (conversation, id) in conversations.into_iter().enumerate() {
        for node in 0..shared.addresses.len() {
            let client = u32::MAX - node as u32;
            let person = Person::new(shared.clone(), client, cookie.clone(), conversation, id);
            let seen = tokio::time::timeout(END, person.end(node)).await;
            let fold = seen.with_context(|| {
                format!("node {node} did not show conversation {conversation} within {END:?}")
            })?;
            shared.note(conversation, |log| log.ends.push(fold.list));
        }
    }
    Ok(())
}

impl Person {
    /// The whole conversation as this node shows it.
    async fn end(mut self, node: usize) -> Fold {
        loop {
            self.next = node;
            let mut fold = Fold::default();
            if let Some(mut line) = self.line().await
                && self.look(&mut line, &mut fold).await
            {
                return fold;
            }
        }
    }
}

/// Lets a little time pass between two things a person does.
async fn pause(time: Duration) {
    let mut tick = tokio::time::interval_at(Instant::now() + time, Duration::from_secs(1));
    tick.tick().await;
}
