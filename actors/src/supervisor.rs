//! What restarts, how often, and how long it rests in between.
//!
//! One ractor actor is the parent of all others of a cast. When a life ends by panic or fault, it
//! reports the key; the cast forgets the life, and whoever asks next wakes a new one from the
//! journal. An actor that somebody watches is woken at once. One that dies too often rests: a
//! mail that kills twice must not kill for ever.
//!
//! # Invariants
//! - **U1** Within [`WINDOW`] an actor is woken at most [`LIVES`] times without rest.
//! - **U2** A rest is at most [`REST_MAX`] long.

use protocol::time::{Span, Time};
use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};
use std::sync::Arc;

/// Lives within the window before an actor rests.
pub const LIVES: usize = 4;
/// How far back deaths count.
pub const WINDOW: Span = Span::from_secs(60);
/// The longest rest.
pub const REST_MAX: Span = Span::from_secs(30);

/// When an actor died lately, and until when it rests.
#[derive(Debug, Clone, Default)]
pub struct Deaths {
    recent: Vec<Time>,
    rest_until: Time,
}

impl Deaths {
    /// Counts a death.
    pub fn count(&mut self, now: Time) {
        self.recent.retain(|at| now.since(*at) <= WINDOW);
        self.recent.push(now);
        let beyond = self.recent.len().saturating_sub(LIVES);
        if beyond > 0 {
            let rest = Span::from_ms(250u64.saturating_mul(1 << beyond.min(16)));
            self.rest_until = now.after(rest.min(REST_MAX)); // U1, U2
        }
        self.recent.truncate(LIVES * 8);
    }

    /// Whether it may be woken now.
    pub fn may_wake(&self, now: Time) -> bool {
        now >= self.rest_until
    }
}

/// Told of every life that ended other than by sleep.
pub(crate) type Report = Arc<dyn Fn(ActorId, String) + Send + Sync>;

/// The parent of all actors of one cast, as the cast holds it.
pub(crate) struct Parent(ActorRef<()>);

/// The actors of a cast cannot be started: the node cannot run.
#[derive(Debug, thiserror::Error)]
#[error("a supervisor could not be started: {0}")]
pub struct NoParent(#[from] SpawnErr);

impl Parent {
    /// Starts a supervisor that reports every death.
    pub(crate) async fn start(report: Report) -> Result<Self, NoParent> {
        let (supervisor, _) = Actor::spawn(None, Supervisor, report).await?;
        Ok(Self(supervisor))
    }

    /// Starts a life under this supervisor.
    pub(crate) async fn raise<A: Actor>(
        &self,
        actor: A,
        boot: A::Arguments,
    ) -> Result<ActorRef<A::Msg>, SpawnErr> {
        let (life, _) = Actor::spawn_linked(None, actor, boot, self.0.get_cell()).await?;
        Ok(life)
    }

    /// Ends the supervisor; its actors were ended before.
    pub(crate) fn stop(&self) {
        self.0.stop(None);
    }
}

/// Hears of every end of a life.
struct Supervisor;

impl Actor for Supervisor {
    type Msg = ();
    type State = Report;
    type Arguments = Report;

    async fn pre_start(
        &self,
        _me: ActorRef<()>,
        report: Report,
    ) -> Result<Report, ActorProcessingErr> {
        Ok(report)
    }

    async fn handle_supervisor_evt(
        &self,
        _me: ActorRef<()>,
        event: SupervisionEvent,
        report: &mut Report,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(who, why) => report(id(&who), why.to_string()),
            SupervisionEvent::ActorTerminated(who, _, why) => {
                report(id(&who), why.unwrap_or_default());
            }
            _ => {}
        }
        Ok(())
    }
}

fn id(cell: &ActorCell) -> ActorId {
    cell.get_id()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u1_u2_an_actor_that_dies_too_often_rests_and_the_rest_is_bounded() {
        let mut deaths = Deaths::default();
        let mut now = Time::from_ms(1_000);
        for _ in 0..LIVES {
            deaths.count(now);
            assert!(deaths.may_wake(now), "U1");
        }
        for _ in 0..100 {
            deaths.count(now);
            assert!(!deaths.may_wake(now), "U1");
            now = now.after(Span::from_ms(1));
        }
        assert!(deaths.may_wake(now.after(REST_MAX)), "U2");
    }

    #[test]
    fn old_deaths_are_forgotten() {
        let mut deaths = Deaths::default();
        for minute in 0..50 {
            let now = Time::from_ms(minute * 120_000);
            deaths.count(now);
            assert!(deaths.may_wake(now));
        }
    }
}
