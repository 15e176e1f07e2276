//! The nemesis, judged itself: the judges can see, and the harness does what it says.
//!
//! The suite itself is `cargo xtask nemesis`. What needs root and is refused here says so aloud.

mod nemesis {
    pub(super) mod harness;
    pub(super) mod judges;
    pub(super) mod pretend;
}
