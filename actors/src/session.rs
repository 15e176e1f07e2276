//! A session: one person on one device, alive across reconnects.
//!
//! Soft by design: a reconnect writes nothing, because the browser carries its cursors. What is
//! kept is the birth and the end, so that a cookie that was signed out stays worthless on every
//! node and after every restart.
//!
//! # Invariants
//! - **S1** A session is born once and ends once.
//! - **S2** Whoever opens it once more, exactly as it was opened, is told yes as long as it lives:
//!   the gateway asks again when it does not know what became of the first try.

use protocol::{
    caller::{Caller, Role},
    id::{PersonId, Seq, TenantId},
    machine::{Machine, News, Plan},
    session::{Origin, SessionCommand, SessionEvent, SessionRefusal, SessionView},
    time::Time,
};
use serde::{Deserialize, Serialize};

use crate::effect::Effect;

/// Everything that can happen to a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Input {
    /// The person asks.
    Command(SessionCommand),
    /// The gateway verified who this is.
    Open {
        /// The person.
        person: PersonId,
        /// What the person may do.
        role: Role,
        /// How it came to be.
        origin: Origin,
        /// Until when it lives.
        until: Time,
    },
    /// A browser shows the session's cookie.
    Resume,
}

/// What may be asked of a session's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Query {
    /// Who is it, and is it still good?
    View {
        /// Who asks, within the session's tenant.
        by: Caller,
    },
}

/// The answer to a [`Query`], under the same name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// The session as it stands.
    View(Result<SessionView, SessionRefusal>),
}

/// The state: the fold of every event so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Session {
    view: Option<Known>,
    closed: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Known {
    tenant: TenantId,
    person: PersonId,
    role: Role,
    origin: Origin,
    until: Time,
}

impl Machine for Session {
    type Input = Input;
    type Event = SessionEvent;
    type Note = std::convert::Infallible;
    type Effect = Effect;
    type Refusal = SessionRefusal;
    type View = SessionView;

    fn decide(&self, now: Time, by: &Caller, input: Input, plan: &mut Plan<Self>) {
        use SessionRefusal as No;
        match (&self.view, input) {
            (None, Input::Open { person, role, origin, until }) => {
                plan.keep(SessionEvent::Opened { tenant: by.tenant, person, role, origin, until });
            }
            (None, _) => plan.refuse(No::NotFound),
            (Some(known), _) if known.tenant != by.tenant => plan.refuse(No::NotFound),
            (Some(known), Input::Open { person, role, origin, until }) => {
                let again = Known { tenant: by.tenant, person, role, origin, until };
                match () {
                    () if *known != again => plan.refuse(No::NotFound),
                    () if self.closed => plan.refuse(No::Closed),
                    () => {} // S2
                }
            }
            (Some(_), Input::Resume) if self.closed => plan.refuse(No::Closed),
            (Some(known), Input::Resume) if known.until <= now => plan.refuse(No::Expired),
            (Some(_), Input::Resume) => {}
            (Some(_), Input::Command(SessionCommand::Close {})) if !self.closed => {
                plan.keep(SessionEvent::Closed {});
            }
            (Some(_), Input::Command(SessionCommand::Close {})) => {}
        }
    }

    fn fold(&mut self, _seq: Seq, _at: Time, event: &SessionEvent) {
        match event.clone() {
            SessionEvent::Opened { tenant, person, role, origin, until } => {
                assert!(self.view.is_none(), "S1");
                self.view = Some(Known { tenant, person, role, origin, until });
            }
            SessionEvent::Closed {} => {
                assert!(!self.closed, "S1");
                self.closed = true;
            }
        }
    }

    fn view(&self, by: &Caller, _after: Seq) -> Result<SessionView, SessionRefusal> {
        let known = self.view.clone().filter(|known| known.tenant == by.tenant);
        let Known { tenant, person, role, origin, until } =
            known.ok_or(SessionRefusal::NotFound)?;
        if self.closed {
            return Err(SessionRefusal::Closed);
        }
        Ok(SessionView { tenant, person, role, origin, until })
    }

    fn tells(&self, _by: &Caller, _news: &News<'_, Self>) -> bool {
        false // nobody watches a session; its browser is told by the gateway
    }

    fn check(&self) {
        assert!(!self.closed || self.view.is_some(), "S1");
    }
}

impl Session {
    /// Answers a query.
    pub fn answer(&self, query: Query) -> Answer {
        match query {
            Query::View { by } => Answer::View(self.view(&by, Seq::START)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::{BANK, OTHER_BANK, Trial};

    fn open(person: u128, until: u64) -> Input {
        let (person, until) = (PersonId::from_u128(person), Time::from_ms(until));
        Input::Open { person, role: Role::Expert, origin: Origin::SignIn {}, until }
    }

    fn ask(session: &mut Trial<Session>, by: Caller, input: Input) -> Result<(), SessionRefusal> {
        session.ask(by, input).map(|_| ())
    }

    #[test]
    fn s2_opened_once_more_as_it_was_it_is_the_same_session_and_otherwise_none() {
        let (node, late) = (Caller::node(BANK), 1_900_000_000_000);
        let mut session = Trial::<Session>::new();
        assert_eq!(ask(&mut session, node, open(1, late)), Ok(()));
        assert_eq!(ask(&mut session, node, open(1, late)), Ok(()), "S2");
        assert_eq!(session.seq, Seq(1), "S1");
        let foreign = Caller::node(OTHER_BANK);
        for (by, input) in
            [(node, open(2, late)), (node, open(1, late + 1)), (foreign, open(1, late))]
        {
            assert_eq!(ask(&mut session, by, input), Err(SessionRefusal::NotFound));
        }
        ask(&mut session, node, Input::Command(SessionCommand::Close {})).expect("closed");
        assert_eq!(ask(&mut session, node, open(1, late)), Err(SessionRefusal::Closed));
    }
}
