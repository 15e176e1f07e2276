//! A request: what makes a command known when it comes once more.
//!
//! Whoever asks and hears no answer asks again, perhaps at another node, and does not know whether
//! the first try was done. So what an actor keeps names the request it was kept for, on both
//! copies, and whoever serves the actor next answers the same again instead of doing it twice
//! (twins.md I9).

use crate::id::{RequestId, SessionId};

shape! {
    /// Who asked, and which of its commands this is. Stored behind the last event that was kept
    /// for it.
    #[derive(Copy, Eq, Hash, PartialOrd, Ord)]
    pub struct Request {
        /// The device; nobody's for what the node asks itself.
        pub session: SessionId,
        /// Which of its commands.
        pub id: RequestId,
    }
}
