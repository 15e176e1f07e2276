//! The sockets of each session: counted, bounded, and cut together.
//!
//! # Invariants
//! - **B1** At most `limits::SOCKETS_PER_SESSION` sockets of one session are entered.
//! - **B2** A socket that ended, in whatever way, leaves nothing here.

use actors::outbox::Outbox;
use parking_lot::Mutex;
use protocol::{
    caller::Caller,
    frame::Cut,
    id::{SessionId, TenantId},
    limits,
};
use std::{
    collections::HashMap,
    sync::atomic::{AtomicUsize, Ordering},
};

/// Outboxes of each session's sockets.
#[derive(Default)]
pub struct PerSession(Mutex<HashMap<SessionId, (Caller, Vec<Outbox>)>>);

/// One socket's place; given back when dropped.
pub(super) struct Entered<'a> {
    all: &'a PerSession,
    session: SessionId,
    outbox: Outbox,
}

impl PerSession {
    /// A place for one more socket, when there is one.
    pub(super) fn enter(&self, by: &Caller, outbox: &Outbox) -> Option<Entered<'_>> {
        let session = by.session;
        let mut all = self.0.lock();
        let (_, mine) = all.entry(session).or_insert_with(|| (*by, Vec::new()));
        mine.retain(Outbox::is_open);
        if mine.len() >= limits::SOCKETS_PER_SESSION {
            return None; // B1
        }
        mine.push(outbox.clone());
        Some(Entered { all: self, session, outbox: outbox.clone() })
    }

    /// Ends every socket of a session that is over.
    pub fn cut(&self, session: SessionId) {
        if let Some((_, mine)) = self.0.lock().get(&session) {
            mine.iter().for_each(|outbox| outbox.cut(Cut::SessionOver));
        }
    }

    /// Ends every socket of everybody of whom this is true.
    pub fn cut_all(&self, is_over: impl Fn(&Caller) -> bool) {
        for (by, mine) in self.0.lock().values() {
            if is_over(by) {
                mine.iter().for_each(|outbox| outbox.cut(Cut::SessionOver));
            }
        }
    }

    /// Every session that has a socket here, and whose it is.
    pub(super) fn all(&self) -> Vec<(TenantId, SessionId)> {
        self.0.lock().iter().map(|(session, (by, _))| (by.tenant, *session)).collect()
    }

    /// Sessions that have a socket here.
    pub fn sessions(&self) -> usize {
        self.0.lock().len()
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.outbox.cut(Cut::Stopping); // usually cut before: the first reason stands
        let mut all = self.all.0.lock();
        if let Some((_, mine)) = all.get_mut(&self.session) {
            mine.retain(Outbox::is_open);
            if mine.is_empty() {
                all.remove(&self.session); // B2
            }
        }
    }
}

/// Counts a socket as long as it lives.
pub(super) struct Open<'a>(&'a AtomicUsize);

impl<'a> Open<'a> {
    pub(super) fn count(all: &'a AtomicUsize) -> Self {
        all.fetch_add(1, Ordering::Relaxed);
        Self(all)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b1_one_session_has_so_many_sockets_and_b2_what_ended_makes_room() {
        let (tabs, node) = (PerSession::default(), Caller::node(TenantId::from_u128(7)));
        let session = Caller { session: SessionId::from_u128(1), ..node };
        let boxes: Vec<_> =
            (0..limits::SOCKETS_PER_SESSION + 1).map(|_| actors::outbox::outbox()).collect();
        let mut places: Vec<_> =
            boxes.iter().map(|(outbox, _)| tabs.enter(&session, outbox)).collect();
        assert!(places.pop().expect("one too many").is_none());
        assert!(places.iter().all(Option::is_some));
        drop(places.pop());
        assert!(tabs.enter(&session, &actors::outbox::outbox().0).is_some());
        drop(places);
        assert_eq!(tabs.sessions(), 0, "B2");
    }
}
