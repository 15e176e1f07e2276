//! What an actor has done already: the last requests it kept something for, and its answers.
//!
//! Part of every actor's state, beside its machine, which knows nothing of it: folded from the
//! journal, saved with the snapshot, and so the same on whichever node the actor lives next.
//!
//! Beyond the bounds the oldest is forgotten. A request that comes again after that is decided anew,
//! as if it were another one; most of what machines do is harmless the second time, or refused. What
//! was refused, or changed nothing, is decided anew in any case: nothing was done yet.
//!
//! # Invariants
//! - **AN1** At most `limits::REQUESTS_PER_SESSION` requests of one device are remembered, and
//!   `limits::REQUESTS` in all.
//! - **AN2** The latest are remembered, whatever came in between from others.

use protocol::{
    id::{RequestId, Seq, SessionId},
    limits,
    request::Request,
};
use std::collections::{BTreeMap, VecDeque};

/// The requests an actor answered with yes, and up to where each is durable.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Answered {
    /// Of each device, oldest first.
    of: BTreeMap<SessionId, VecDeque<(Seq, RequestId)>>,
    /// All of them by their positions: whose each is.
    order: BTreeMap<Seq, SessionId>,
}

impl Answered {
    /// The answer that was given to a request.
    pub(crate) fn seq(&self, request: &Request) -> Option<Seq> {
        let mine = self.of.get(&request.session)?;
        mine.iter().find(|(_, id)| *id == request.id).map(|(seq, _)| *seq)
    }

    /// The event at `seq` is the last one that was kept for this request.
    pub(crate) fn fold(&mut self, seq: Seq, request: &Request) {
        let Request { session, id } = *request;
        let mine = self.of.entry(session).or_default();
        mine.push_back((seq, id));
        self.order.insert(seq, session);
        if mine.len() > limits::REQUESTS_PER_SESSION {
            self.forget(session);
        } else if self.order.len() > limits::REQUESTS
            && let Some((_, &oldest)) = self.order.first_key_value()
        {
            self.forget(oldest);
        }
        assert!(self.order.len() <= limits::REQUESTS, "AN1");
    }

    /// Everything, oldest first: what is saved.
    pub(crate) fn list(&self) -> Vec<(Seq, Request)> {
        let of = |(session, mine): (&SessionId, &VecDeque<(Seq, RequestId)>)| {
            let session = *session;
            let mine: Vec<_> =
                mine.iter().map(|&(seq, id)| (seq, Request { session, id })).collect();
            mine
        };
        let mut all: Vec<_> = self.of.iter().flat_map(of).collect();
        all.sort_unstable();
        all
    }

    /// What was saved.
    pub(crate) fn from_list(list: &[(Seq, Request)]) -> Self {
        let mut answered = Self::default();
        list.iter().for_each(|(seq, request)| answered.fold(*seq, request));
        answered
    }

    fn forget(&mut self, session: SessionId) {
        let Some(mine) = self.of.get_mut(&session) else { return };
        if let Some((seq, _)) = mine.pop_front() {
            self.order.remove(&seq);
        }
        if mine.is_empty() {
            self.of.remove(&session);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(session: u128, id: u128) -> Request {
        Request { session: SessionId::from_u128(session), id: RequestId::from_u128(id) }
    }

    #[test]
    fn an1_an2_the_latest_of_everybody_are_remembered() {
        let mut answered = Answered::default();
        for number in 1..=5000 {
            // One device that does not stop, and many that do something now and then.
            let session = if number % 50 == 0 { 1000 + number / 50 } else { 1 };
            answered.fold(Seq(number as u64), &request(session, number));
        }
        assert_eq!(answered.seq(&request(1, 4999)), Some(Seq(4999)), "AN2");
        assert_eq!(answered.seq(&request(1, 4900)), None, "AN1");
        assert_eq!(answered.seq(&request(1001, 50)), Some(Seq(50)), "AN2: nobody drove it out");
        assert_eq!(answered.list().len(), 64 + 100);
        assert_eq!(Answered::from_list(&answered.list()), answered);
    }

    #[test]
    fn an1_a_crowd_is_remembered_up_to_the_bound() {
        let mut answered = Answered::default();
        for number in 1..=3000 {
            answered.fold(Seq(number as u64), &request(number, 7));
        }
        assert_eq!(answered.list().len(), limits::REQUESTS, "AN1");
        assert_eq!(answered.seq(&request(3000, 7)), Some(Seq(3000)));
        assert_eq!(answered.seq(&request(3000 - limits::REQUESTS as u128, 7)), None);
        assert_eq!(answered.of.len(), limits::REQUESTS, "who is forgotten leaves nothing");
    }
}
