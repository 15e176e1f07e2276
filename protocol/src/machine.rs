//! The shape every actor shares: decide what should follow, then fold what did.
//!
//! A machine is pure. Time and chance are handed in, never asked for, so one seed replays one
//! life: on the node, on its twin, in the simulator.
//!
//! # Why notes beside events?
//! Presence and typing never enter a log (design 3), yet a view must show them. A note is folded
//! and told like an event but not kept; after a restart the shell tells the machine again who
//! watches, and the notes grow back.

use crate::{caller::Caller, id::Seq, key::Key, time::Time};

/// A set of rules with a journal.
pub trait Machine: Default + Send + 'static {
    /// Everything that can happen to it.
    type Input: Send + 'static;
    /// What is kept: the only truth.
    type Event: Send + 'static;
    /// What is told and folded, but not kept.
    type Note: Send + 'static;
    /// What it asks of the world.
    type Effect: Send + 'static;
    /// The domain's no.
    type Refusal: Send + 'static;
    /// What one watcher is shown.
    type View: Send + 'static;

    /// Reads the state and plans what should follow. Changes nothing.
    fn decide(&self, now: Time, by: &Caller, input: Self::Input, plan: &mut Plan<Self>);

    /// Applies one kept event. The only place the kept state changes.
    fn fold(&mut self, seq: Seq, at: Time, event: &Self::Event);

    /// Applies one note. The only place the soft state changes.
    fn hear(&mut self, _note: &Self::Note) {}

    /// A device begins to watch (or still does, after a restart).
    fn arrive(&self, _now: Time, _by: &Caller, _plan: &mut Plan<Self>) {}

    /// A device no longer watches.
    fn depart(&self, _now: Time, _by: &Caller, _plan: &mut Plan<Self>) {}

    /// What was asked of others and not yet confirmed; asked again after every awakening.
    fn wake(&self, _me: Key, _now: Time, _plan: &mut Plan<Self>) {}

    /// What this caller may see; `after` is the last position the browser folded.
    fn view(&self, by: &Caller, after: Seq) -> Result<Self::View, Self::Refusal>;

    /// Whether this caller is told of this, decided after folding it.
    fn tells(&self, by: &Caller, news: &News<'_, Self>) -> bool;

    /// Panics when an invariant of the module is broken.
    fn check(&self);
}

/// Something that happened, kept or not.
#[derive(Debug)]
pub enum News<'a, M: Machine> {
    /// Kept.
    Event(&'a M::Event),
    /// Not kept.
    Note(&'a M::Note),
}

/// What one decision asks for. Events are durable before any effect is performed; the shell is
/// the only code that has to remember this.
#[derive(Debug)]
pub struct Plan<M: Machine> {
    /// To be kept, in this order.
    pub events: Vec<M::Event>,
    /// To be folded and told, after the events.
    pub notes: Vec<M::Note>,
    /// To be performed, after everything is durable.
    pub effects: Vec<M::Effect>,
    /// The domain's no; then nothing else is planned.
    pub refusal: Option<M::Refusal>,
}

impl<M: Machine> Plan<M> {
    /// A plan that asks for nothing.
    pub const fn empty() -> Self {
        Self { events: Vec::new(), notes: Vec::new(), effects: Vec::new(), refusal: None }
    }

    /// Plans an event.
    pub fn keep(&mut self, event: M::Event) {
        assert!(self.refusal.is_none(), "a refused plan keeps nothing");
        self.events.push(event);
    }

    /// Plans a note.
    pub fn note(&mut self, note: M::Note) {
        assert!(self.refusal.is_none(), "a refused plan notes nothing");
        self.notes.push(note);
    }

    /// Plans an effect.
    pub fn perform(&mut self, effect: M::Effect) {
        assert!(self.refusal.is_none(), "a refused plan performs nothing");
        self.effects.push(effect);
    }

    /// Says no. A decision refuses before it plans anything.
    pub fn refuse(&mut self, no: M::Refusal) {
        assert!(self.events.is_empty() && self.effects.is_empty(), "refusals come first");
        self.refusal = Some(no);
    }
}
