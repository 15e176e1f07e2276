//! How far the log has come for one actor, said once however often it comes further.

use protocol::id::Seq;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How far the log has come. Everything it says before the actor looks is one mail.
#[derive(Default)]
pub(crate) struct Durable {
    upto: AtomicU64,
    said: AtomicBool,
}

impl Durable {
    /// Everything up to here is durable. True when the actor must be told to look.
    pub(crate) fn reached(&self, upto: Seq) -> bool {
        self.upto.fetch_max(upto.0, Ordering::AcqRel);
        !self.said.swap(true, Ordering::AcqRel)
    }

    /// The actor looks. In this order: what is reached behind its back is said again.
    pub(crate) fn taken(&self) -> Seq {
        self.said.swap(false, Ordering::AcqRel);
        Seq(self.upto.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_before_the_actor_looks_is_said_once_and_what_comes_behind_it_again() {
        let durable = Durable::default();
        assert!(durable.reached(Seq(3)));
        assert!(!durable.reached(Seq(5)), "the actor was told to look");
        assert_eq!(durable.taken(), Seq(5));
        assert!(durable.reached(Seq(4)), "late, and yet to be looked at");
        assert_eq!(durable.taken(), Seq(5), "it never goes back");
    }
}
