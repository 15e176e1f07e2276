//! How many messages may be on their way to a room at a time: a place is free again when everybody
//! has heard one more.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::sync::Semaphore;

/// The places of one room.
pub(crate) struct Window {
    listeners: u64,
    heard: AtomicU64,
    free: Semaphore,
}

impl Window {
    /// So many places, for a room of so many listeners.
    pub(crate) fn new(places: usize, listeners: usize) -> Self {
        let listeners = listeners.max(1) as u64;
        Self { listeners, heard: AtomicU64::new(0), free: Semaphore::new(places) }
    }

    /// Waits for a place and takes it; false when there will be none any more.
    pub(crate) async fn enter(&self) -> bool {
        self.free.acquire().await.map(|place| place.forget()).is_ok()
    }

    /// Somebody heard a message. Messages come in order, so that as many hearings as there are
    /// listeners are one message that is done.
    pub(crate) fn heard(&self) {
        let before = self.heard.fetch_add(1, Relaxed);
        if (before + 1).is_multiple_of(self.listeners) {
            self.free.add_permits(1);
        }
    }

    /// Whoever waits goes home.
    pub(crate) fn close(&self) {
        self.free.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_place_is_free_when_everybody_has_heard() {
        let window = Window::new(2, 3);
        assert!(window.enter().await && window.enter().await);
        window.heard();
        window.heard();
        assert_eq!(window.free.available_permits(), 0, "one has not heard yet");
        window.heard();
        assert!(window.enter().await);
        window.close();
        assert!(!window.enter().await);
    }
}
