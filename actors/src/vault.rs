//! The vault: the one machine per tenant that knows who a person is (S98, S99).
//!
//! Everything else in Konsil holds a `PersonId`. Only the node asks the vault, on behalf of
//! somebody who shares a case with the person asked about.
//!
//! # Invariants
//! - **D1** A sign-in name belongs to one person.
//! - **D2** A secret is held as an Argon2id hash, never as it was typed. *(kept by the gateway)*

use protocol::{
    caller::{Caller, Role},
    id::{PersonId, Seq},
    limits,
    machine::{Machine, News, Plan},
    time::Time,
    vault::{Named, VaultEvent, VaultRefusal},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::{effect::Effect, text::is_name};

/// Everything that can happen to a vault.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub enum Input {
    /// A person is known by this name from now on.
    Name {
        /// The person.
        person: PersonId,
        /// What the person may do.
        role: Role,
        /// The name.
        name: String,
    },
    /// A known person may sign in.
    Enroll {
        /// The person.
        person: PersonId,
        /// The sign-in name.
        login: String,
        /// The Argon2id hash, PHC form.
        secret: String,
    },
}

/// What may be asked of a vault's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Query {
    /// What are these people called?
    Names {
        /// The people.
        people: Vec<PersonId>,
    },
    /// Who signs in under this name?
    Enrolled {
        /// The sign-in name.
        login: String,
    },
    /// Which role was this person registered with?
    Role {
        /// The person.
        person: PersonId,
    },
}

/// The answer to a [`Query`], under the same name.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// Those who have a name.
    Names(Vec<Named>),
    /// Who it would be, when anybody.
    Enrolled(Option<Enrolled>),
    /// The role, when the person is known.
    Role(Option<Role>),
}

/// The state: the fold of every event so far.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Vault {
    persons: BTreeMap<PersonId, Record>,
    logins: BTreeMap<String, PersonId>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Record {
    role: Role,
    name: String,
    secret: Option<String>,
}

/// What the gateway needs to check a sign-in.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Enrolled {
    /// Who it would be.
    pub person: PersonId,
    /// What the person may do.
    pub role: Role,
    /// The hash to check against.
    pub secret: String,
}

impl Machine for Vault {
    type Input = Input;
    type Event = VaultEvent;
    type Note = std::convert::Infallible;
    type Effect = Effect;
    type Refusal = VaultRefusal;
    type View = ();

    fn decide(&self, _now: Time, by: &Caller, input: Input, plan: &mut Plan<Self>) {
        use VaultRefusal as No;
        match input {
            _ if by.role != Role::Node => plan.refuse(No::NotAllowed),
            Input::Name { name, .. } if !is_name(&name, limits::NAME_CHARS) => {
                plan.refuse(No::BadName)
            }
            Input::Name { person, role, name } => match self.persons.get(&person) {
                None => plan.keep(VaultEvent::Registered { person, role, name }),
                Some(known) if known.name != name => {
                    plan.keep(VaultEvent::Renamed { person, name });
                }
                Some(_) => {}
            },
            Input::Enroll { login, .. } if !is_name(&login, limits::LOGIN_CHARS) => {
                plan.refuse(No::BadName)
            }
            Input::Enroll { person, .. } if !self.persons.contains_key(&person) => {
                plan.refuse(No::NotFound);
            }
            Input::Enroll { person, login, secret } => match self.logins.get(&key_of(&login)) {
                Some(&other) if other != person => plan.refuse(No::LoginTaken),
                _ => plan.keep(VaultEvent::Enrolled { person, login: key_of(&login), secret }),
            },
        }
    }

    fn fold(&mut self, _seq: Seq, _at: Time, event: &VaultEvent) {
        match event.clone() {
            VaultEvent::Registered { person, role, name } => {
                self.persons.insert(person, Record { role, name, secret: None });
            }
            VaultEvent::Renamed { person, name } => {
                if let Some(record) = self.persons.get_mut(&person) {
                    record.name = name;
                }
            }
            VaultEvent::Enrolled { person, login, secret } => {
                let taken = self.logins.insert(login, person);
                assert!(taken.is_none_or(|before| before == person), "D1");
                if let Some(record) = self.persons.get_mut(&person) {
                    record.secret = Some(secret);
                }
            }
        }
    }

    fn view(&self, _by: &Caller, _after: Seq) -> Result<(), VaultRefusal> {
        Err(VaultRefusal::NotAllowed)
    }

    fn tells(&self, _by: &Caller, _news: &News<'_, Self>) -> bool {
        false
    }

    fn check(&self) {
        assert!(self.logins.len() <= self.persons.len(), "D1");
    }
}

impl Vault {
    /// Answers a query.
    pub fn answer(&self, query: Query) -> Answer {
        match query {
            Query::Names { people } => {
                let named =
                    |&person: &PersonId| self.name(person).map(|name| Named { person, name });
                Answer::Names(people.iter().filter_map(named).collect())
            }
            Query::Enrolled { login } => Answer::Enrolled(self.enrolled(&login)),
            Query::Role { person } => Answer::Role(self.persons.get(&person).map(|it| it.role)),
        }
    }

    /// The person's name, when known.
    pub fn name(&self, person: PersonId) -> Option<String> {
        self.persons.get(&person).map(|record| record.name.clone())
    }

    /// Who signs in under this name, when anybody does.
    pub fn enrolled(&self, login: &str) -> Option<Enrolled> {
        let person = *self.logins.get(&key_of(login))?;
        let record = self.persons.get(&person)?;
        Some(Enrolled { person, role: record.role, secret: record.secret.clone()? })
    }
}

/// Sign-in names are compared without regard to case and surrounding space.
fn key_of(login: &str) -> String {
    login.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::id::TenantId;

    fn told(vault: &mut Vault, input: Input) -> Option<VaultRefusal> {
        let mut plan = Plan::empty();
        vault.decide(Time::default(), &Caller::node(TenantId::from_u128(1)), input, &mut plan);
        plan.events.iter().for_each(|event| vault.fold(Seq(1), Time::default(), event));
        vault.check();
        plan.refusal
    }

    #[test]
    fn d1_a_sign_in_name_belongs_to_one_person_whatever_its_case() {
        let mut vault = Vault::default();
        let (a, b) = (PersonId::from_u128(1), PersonId::from_u128(2));
        for person in [a, b] {
            let name = "Frau Yıldız".to_string();
            assert_eq!(told(&mut vault, Input::Name { person, role: Role::Expert, name }), None);
        }
        let enroll = |person, login: &str| Input::Enroll {
            person,
            login: login.into(),
            secret: "$argon2id$".into(),
        };
        assert_eq!(told(&mut vault, enroll(a, "Yildiz@bank.example")), None);
        assert_eq!(
            told(&mut vault, enroll(b, " yildiz@BANK.example")),
            Some(VaultRefusal::LoginTaken)
        );
        assert_eq!(vault.enrolled("YILDIZ@bank.example").map(|it| it.person), Some(a));
    }

    #[test]
    fn only_the_node_asks_the_vault() {
        let vault = Vault::default();
        let mut plan = Plan::empty();
        let by = Caller { role: Role::Expert, ..Caller::node(TenantId::from_u128(1)) };
        let person = PersonId::from_u128(1);
        let input = Input::Name { person, role: Role::Expert, name: "x".into() };
        vault.decide(Time::default(), &by, input, &mut plan);
        assert_eq!(plan.refusal, Some(VaultRefusal::NotAllowed));
    }
}
