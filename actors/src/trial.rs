//! A machine without a shell: what the unit tests of every machine share.

use protocol::{
    caller::{Caller, Role},
    id::{PersonId, Seq, SessionId, TenantId},
    machine::{Machine, Plan},
    time::{Span, Time},
};
use std::{fs, path::Path};

/// A machine, its clock and its journal's position.
pub(crate) struct Trial<M: Machine> {
    pub(crate) machine: M,
    pub(crate) seq: Seq,
    pub(crate) now: Time,
}

impl<M: Machine> Trial<M> {
    pub(crate) fn new() -> Self {
        Self { machine: M::default(), seq: Seq::START, now: Time::from_ms(1_800_000_000_000) }
    }

    /// Decides and folds, as the shell does.
    pub(crate) fn ask(&mut self, by: Caller, input: M::Input) -> Result<Plan<M>, M::Refusal> {
        self.now = self.now.after(Span::from_secs(1));
        let mut plan = Plan::empty();
        self.machine.decide(self.now, &by, input, &mut plan);
        self.fold(&plan);
        match plan.refusal.take() {
            Some(no) => Err(no),
            None => Ok(plan),
        }
    }

    pub(crate) fn fold(&mut self, plan: &Plan<M>) {
        for event in &plan.events {
            self.seq = self.seq.next();
            self.machine.fold(self.seq, self.now, event);
        }
        plan.notes.iter().for_each(|note| self.machine.hear(note));
        self.machine.check();
    }
}

pub(crate) const BANK: TenantId = TenantId::from_u128(0xba);
pub(crate) const OTHER_BANK: TenantId = TenantId::from_u128(0xbb);

/// Somebody of the bank, on a device of the same number.
pub(crate) fn who(number: u128, role: Role) -> Caller {
    let (person, session) = (PersonId::from_u128(number), SessionId::from_u128(number));
    Caller { tenant: BANK, person, session, role }
}

pub(crate) fn expert(number: u128) -> Caller {
    who(number, Role::Expert)
}

pub(crate) fn customer(number: u128) -> Caller {
    who(number, Role::Customer)
}

/// The golden vectors of a word, which the browser's tests read as well.
pub(crate) fn vectors(name: &str) -> Vec<serde_json::Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocol/vectors").join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|_| panic!("{} is there", path.display()));
    serde_json::from_str(&text).expect("a list of vectors")
}
