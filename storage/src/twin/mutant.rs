//! Replicas that break one rule each: a simulator that does not notice is no use.
//!
//! Thirteen of them lose or contradict something that was acknowledged; the last is harmless and
//! shows that stopping before a handoff is a courtesy. Without the feature `mutants` none of
//! this is in the program.

use super::Settings;

/// A broken rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mutant {
    /// Acknowledges what is not durable yet.
    AckBeforeSync,
    /// A twin takes over without asking the control plane.
    SelfPromote,
    /// A primary goes on alone because time passed, not because it learned so.
    LocalSolo,
    /// A learner proposes itself as primary. The control plane's rule (b) stops this by itself:
    /// the simulator must drop that rule too.
    PromoteLearner,
    /// A twin that was proposed does not have to acknowledge.
    NoJoint,
    /// Frames of an older epoch are obeyed.
    NoFence,
    /// A restarted primary goes on in its old epoch.
    SameEpochRestart,
    /// A primary reads alone without any lease.
    ReadUnconfirmed,
    /// A new primary reads before what it inherited is committed.
    ReadEarly,
    /// The promise not to serve is shorter than the lease it grants.
    ShortGrace,
    /// A promoted twin does not wait until its promise has passed.
    NoPromiseWait,
    /// A restarted twin forgets that it may have promised.
    ForgetPromise,
    /// The lease counts from the answer instead of from the question.
    LeaseFromReceipt,
    /// A primary hands off without stopping first. Harmless.
    HandoffWhileServing,
}

impl Mutant {
    /// Those that must be noticed.
    pub const DEADLY: [Mutant; 13] = [
        Mutant::AckBeforeSync,
        Mutant::SelfPromote,
        Mutant::LocalSolo,
        Mutant::PromoteLearner,
        Mutant::NoJoint,
        Mutant::NoFence,
        Mutant::SameEpochRestart,
        Mutant::ReadUnconfirmed,
        Mutant::ReadEarly,
        Mutant::ShortGrace,
        Mutant::NoPromiseWait,
        Mutant::ForgetPromise,
        Mutant::LeaseFromReceipt,
    ];
}

impl Settings {
    /// Whether this rule is broken.
    #[cfg(feature = "mutants")]
    pub(super) fn breaks(&self, rule: Mutant) -> bool {
        self.mutant == Some(rule)
    }

    /// Whether this rule is broken: never.
    #[cfg(not(feature = "mutants"))]
    pub(super) const fn breaks(&self, _: Mutant) -> bool {
        false
    }

    /// Whether every rule is kept.
    #[cfg(feature = "mutants")]
    pub(super) fn sound(&self) -> bool {
        self.mutant.is_none()
    }

    /// Whether every rule is kept: always.
    #[cfg(not(feature = "mutants"))]
    pub(super) const fn sound(&self) -> bool {
        true
    }
}
