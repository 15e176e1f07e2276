//! An audit log: what was done, one line after the other, in a tree that only grows.
//!
//! The journal of this actor is the log: its entry of number n is the record of number n. The
//! actor itself holds no record, only what the next one is built on; whoever reads records reads
//! the journal.
//!
//! # Invariants
//! - **AU1** A record's number is its place in the journal, and its line names the line before it.
//! - **AU2** Only the node writes, and only of the tenant whose log it is.
//! - **AU3** No record names more than `limits::AUDIT_THINGS` things.

use protocol::{
    audit::{AuditEvent, AuditRefusal, Draft, Record},
    caller::{Caller, Role},
    codec,
    id::{Seq, TenantId},
    limits,
    machine::{Machine, News, Plan},
    time::Time,
};
use serde::{Deserialize, Serialize};
use storage::{
    digest::{Hash, hex},
    merkle::{self, Frontier},
};

use crate::effect::Effect;

/// Everything that can happen to a log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Input {
    /// This was done.
    Record(Draft),
}

/// What may be asked of a log's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Query {
    /// How long is it, and what is its root?
    Head,
}

/// The answer to a [`Query`], under the same name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// As it stands.
    Head(Head),
}

/// What a whole log comes down to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// How many records there are.
    pub size: u64,
    /// The root of their tree (RFC 9162).
    pub root: Hash,
}

/// The state: the fold of every event so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Audit {
    tenant: Option<TenantId>,
    tree: Frontier,
    last: Hash,
}

impl Machine for Audit {
    type Input = Input;
    type Event = AuditEvent;
    type Note = std::convert::Infallible;
    type Effect = Effect;
    type Refusal = AuditRefusal;
    type View = ();

    fn decide(&self, now: Time, by: &Caller, input: Input, plan: &mut Plan<Self>) {
        use AuditRefusal as No;
        let Input::Record(draft) = input;
        match self.tenant {
            _ if by.role != Role::Node => plan.refuse(No::NotAllowed), // AU2
            Some(tenant) if tenant != by.tenant => plan.refuse(No::NotAllowed),
            _ if draft.what.len() > limits::AUDIT_THINGS => plan.refuse(No::TooMuch), // AU3
            _ => {
                let line = codec::to_json(&self.record(now, draft));
                plan.keep(AuditEvent::Recorded { tenant: by.tenant, line });
            }
        }
    }

    fn fold(&mut self, seq: Seq, _at: Time, event: &AuditEvent) {
        let AuditEvent::Recorded { tenant, line } = event;
        assert_eq!(seq.0, self.tree.size() + 1, "AU1");
        assert!(self.tenant.is_none_or(|known| known == *tenant), "AU2");
        self.tenant = Some(*tenant);
        self.last = merkle::leaf(line.as_bytes());
        self.tree.push(self.last);
    }

    fn view(&self, _by: &Caller, _after: Seq) -> Result<(), AuditRefusal> {
        Err(AuditRefusal::NotAllowed)
    }

    fn tells(&self, _by: &Caller, _news: &News<'_, Self>) -> bool {
        false
    }

    fn check(&self) {
        assert_eq!(self.tenant.is_some(), self.tree.size() > 0, "AU2");
        self.tree.check();
    }
}

impl Audit {
    /// Answers a query.
    pub fn answer(&self, query: &Query) -> Answer {
        match query {
            Query::Head => Answer::Head(Head { size: self.tree.size(), root: self.tree.root() }),
        }
    }

    /// The next record.
    fn record(&self, at: Time, draft: Draft) -> Record {
        let Draft { verb, by, what, purpose, result, change, from } = draft;
        Record {
            number: self.tree.size() + 1, // AU1
            at,
            verb,
            by,
            what: what.iter().map(ToString::to_string).collect(),
            purpose,
            result,
            change,
            from: from.map(|it| hex(&it)),
            before: hex(&self.last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::{BANK, OTHER_BANK, Trial, expert};
    use protocol::{
        audit::{By, Outcome, Thing, Verb},
        id::PersonId,
    };

    fn draft(verb: Verb) -> Input {
        Input::Record(Draft::new(verb, By::Stranger {}, Outcome::Done))
    }

    fn line(plan: &Plan<Audit>) -> String {
        let [AuditEvent::Recorded { line, .. }] = &plan.events[..] else {
            panic!("one record: {plan:?}")
        };
        line.clone()
    }

    #[test]
    fn au1_each_line_has_its_number_and_names_the_one_before() {
        let (mut log, node) = (Trial::<Audit>::new(), Caller::node(BANK));
        let first = line(&log.ask(node, draft(Verb::SignIn)).expect("kept"));
        let second = line(&log.ask(node, draft(Verb::SignOut)).expect("kept"));
        let read = |line: &str| codec::from_json::<Record, 65_536>(line).expect("a record");
        assert_eq!((read(&first).number, read(&second).number), (1, 2), "AU1");
        assert_eq!(read(&first).before, "0".repeat(64));
        let leaves = [merkle::leaf(first.as_bytes()), merkle::leaf(second.as_bytes())];
        assert_eq!(read(&second).before, hex(&leaves[0]), "AU1");
        let Answer::Head(head) = log.machine.answer(&Query::Head);
        assert_eq!(head, Head { size: 2, root: Frontier::of(&leaves).root() });
    }

    #[test]
    fn au2_only_the_node_writes_and_only_of_its_tenant() {
        let mut log = Trial::<Audit>::new();
        let no = log.ask(expert(1), draft(Verb::SignIn)).expect_err("AU2");
        assert_eq!(no, AuditRefusal::NotAllowed);
        log.ask(Caller::node(BANK), draft(Verb::SignIn)).expect("kept");
        let no = log.ask(Caller::node(OTHER_BANK), draft(Verb::SignIn)).expect_err("AU2");
        assert_eq!(no, AuditRefusal::NotAllowed);
    }

    #[test]
    fn au3_a_record_is_bounded() {
        let mut log = Trial::<Audit>::new();
        let person = Thing::Person { person: PersonId::from_u128(u128::MAX) };
        let names = |count| {
            let draft = Draft::new(Verb::NamesRead, By::Node {}, Outcome::Done);
            Input::Record(draft.about(std::iter::repeat_n(person, count)))
        };
        let kept = log.ask(Caller::node(BANK), names(limits::AUDIT_THINGS)).expect("kept");
        assert!(codec::encode(&kept.events[0]).len() < limits::EVENT_BYTES, "AU3");
        let no = log.ask(Caller::node(BANK), names(limits::AUDIT_THINGS + 1));
        assert_eq!(no.expect_err("AU3"), AuditRefusal::TooMuch);
    }
}
