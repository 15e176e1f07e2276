//! A browser of the tests: takes frames out one by one, however they were told.

use protocol::{
    codec,
    frame::{Cut, ToBrowser},
    limits,
};
use std::{collections::VecDeque, time::Duration};

use super::Outgoing;

/// Longer than this no test waits.
const PATIENCE: Duration = Duration::from_secs(20);

/// The end of an outbox, and what was taken out and not read.
pub(crate) struct Listener {
    outgoing: Outgoing,
    unread: VecDeque<ToBrowser>,
}

impl Listener {
    pub(crate) fn new(outgoing: Outgoing) -> Self {
        Self { outgoing, unread: VecDeque::new() }
    }

    /// What it is told next.
    pub(crate) async fn told(&mut self) -> ToBrowser {
        while self.unread.is_empty() {
            let burst = tokio::time::timeout(PATIENCE, self.outgoing.next(usize::MAX));
            let burst = burst.await.expect("is told in time").expect("the socket is open");
            self.unread.extend(burst.texts().map(|text| {
                let text = std::str::from_utf8(text).expect("text");
                codec::from_json::<ToBrowser, { limits::FRAME_DOWN_BYTES }>(text).expect("a frame")
            }));
        }
        self.unread.pop_front().expect("not empty")
    }

    /// Takes everything to the end: why it ended.
    pub(crate) async fn cut(&mut self) -> Cut {
        loop {
            if let Err(why) = self.outgoing.next(usize::MAX).await {
                return why;
            }
        }
    }
}
