//! Bringing a change about, here or at the leader; and what others of the group say to this member.
//!
//! An attempt ends in one of three ways: made (or refused by the rule), certainly not begun, or
//! unknown. One that was certainly not begun is tried again (P2). So is a compare-and-set of unknown
//! outcome, for it cannot take effect twice; but once there is a doubt, a refusal is none.
//!
//! Nobody waits for a leader that no longer leads: while a member that died is waited for, another
//! may have been elected.

use std::time::Duration;

use openraft::error::{InstallSnapshotError, RaftError};
use protocol::{cluster::Change, codec};
use tokio::time::{Instant, timeout_at};

use super::{
    Changed, Control, ControlFault, ControlNo, RoadFault,
    types::Answered,
    wire::{Envelope, Reply, Said, read},
};

/// Bytes of one change: a message between nodes holds it with room to spare.
const CHANGE_BYTES: usize = 4 * 1024 * 1024;

/// Attempts of one change, none of which was begun.
const TRIES: u32 = 64;

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(50);

/// How one attempt ended.
enum Tried {
    Done(Result<Changed, ControlNo>),
    /// It may have been made, or may yet be.
    Unknown,
    /// Nothing was begun; this member is said to lead.
    NotBegun(Option<u64>),
}

impl Control {
    /// Brings a change about: here when this node leads, else at the leader.
    ///
    /// # Errors
    /// [`ControlNo`]; all but [`ControlNo::Unknown`] mean that nothing was changed.
    pub async fn change(&self, change: Change) -> Result<Changed, ControlNo> {
        let len = codec::encode(&change).len();
        if len > CHANGE_BYTES {
            return Err(ControlNo::TooLarge { len, max: CHANGE_BYTES });
        }
        let until = Instant::now() + self.inner.options.patience;
        let repeats = matches!(change, Change::Cas { .. });
        let (mut hint, mut doubt) = (None, false);
        for _ in 0..TRIES {
            let leader = match hint.take() {
                Some(leader) => Some(leader),
                None => self.wait_for_leader(until).await,
            };
            let Some(leader) = leader else { break };
            let tried = if leader == self.inner.number {
                self.change_here(change.clone(), until).await
            } else {
                self.change_there(leader, change.clone(), until).await
            };
            match tried {
                Tried::Done(answer) => return if doubt { surely(answer) } else { answer },
                Tried::Unknown if !repeats => return Err(ControlNo::Unknown),
                Tried::Unknown => doubt = true,
                Tried::NotBegun(other) => hint = other.filter(|it| *it != leader),
            }
            if hint.is_none() {
                tokio::time::sleep(PAUSE).await;
            }
        }
        let stopped = self.inner.raft.metrics().borrow().running_state.is_err();
        Err(match (doubt, stopped) {
            (true, _) => ControlNo::Unknown,
            (false, true) => ControlNo::Stopped,
            (false, false) => ControlNo::NoLeader,
        })
    }

    /// Asks the consensus, which must be led here.
    async fn change_here(&self, change: Change, until: Instant) -> Tried {
        let me = Some(self.inner.number);
        let leader = self.leading(&self.inner.raft.metrics().borrow());
        if leader != me || *self.inner.leader.borrow() != me {
            return Tried::NotBegun(leader.filter(|it| Some(*it) != me));
        }
        let write = self.inner.raft.client_write(change);
        match self.while_led(me, until, write).await {
            Some(Ok(made)) => Tried::Done(told(made.log_id.index, made.data)),
            // It may have been begun and then cut from this log, yet live on in another's.
            Some(Err(_)) | None => Tried::Unknown,
        }
    }

    async fn change_there(&self, leader: u64, change: Change, until: Instant) -> Tried {
        let bytes = codec::encode(&Envelope { to: leader, said: Said::Change(change) });
        let carry = self.inner.road.carry(leader, bytes);
        let known = *self.inner.leader.borrow();
        let bytes = match self.while_led(known, until, carry).await {
            Some(Ok(bytes)) => bytes,
            Some(Err(RoadFault::Unsent(_))) => return Tried::NotBegun(None),
            Some(Err(RoadFault::Silent(_))) | None => return Tried::Unknown,
        };
        match read::<Reply>(&bytes) {
            Ok(Reply::Changed(index, refused)) => Tried::Done(Ok(Changed { index, refused })),
            Ok(Reply::Refused(why)) => Tried::Done(Err(ControlNo::Refused(why))),
            Ok(Reply::NotLeader(other)) => Tried::NotBegun(other),
            Ok(Reply::No(_)) => Tried::NotBegun(None),
            Ok(_) | Err(_) => Tried::Unknown,
        }
    }

    /// Does the work as long as this is who leads and there is time; none when it was broken off.
    async fn while_led<T>(
        &self,
        known: Option<u64>,
        until: Instant,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let mut leader = self.leader();
        tokio::select! {
            biased;
            done = timeout_at(until, work) => done.ok(),
            _ = leader.wait_for(|now| *now != known) => None,
        }
    }

    async fn wait_for_leader(&self, until: Instant) -> Option<u64> {
        let mut leader = self.leader();
        let found = timeout_at(until, leader.wait_for(Option::is_some)).await;
        found.ok()?.ok().and_then(|found| *found)
    }

    /// Takes a message of another member and makes the answer.
    ///
    /// # Errors
    /// When the bytes are no message.
    pub async fn heard(&self, bytes: Vec<u8>) -> Result<Vec<u8>, ControlFault> {
        let Envelope { to, said } =
            read(&bytes).map_err(|why| ControlFault::Garbled(why.to_string()))?;
        let reply = if to == self.inner.number {
            self.reply(said).await
        } else {
            Reply::No(format!("I am member {}, not {to}", self.inner.number))
        };
        Ok(codec::encode(&reply))
    }

    async fn reply(&self, said: Said) -> Reply {
        let raft = &self.inner.raft;
        match said {
            Said::Vote(asked) => match raft.vote(asked).await {
                Ok(answer) => Reply::Vote(answer),
                Err(why) => Reply::No(why.to_string()),
            },
            Said::Append(asked) => match raft.append_entries(asked).await {
                Ok(answer) => Reply::Append(answer),
                Err(why) => Reply::No(why.to_string()),
            },
            Said::Snapshot(piece) => {
                let end = piece.offset.saturating_add(piece.data.len() as u64);
                if end > super::machine::MAP_BYTES as u64 {
                    return Reply::No("a snapshot larger than a map may be".into());
                }
                match raft.install_snapshot(piece).await {
                    Ok(answer) => Reply::Snapshot(answer),
                    Err(RaftError::APIError(InstallSnapshotError::SnapshotMismatch(why))) => {
                        Reply::Mismatch(why)
                    }
                    Err(why) => Reply::No(why.to_string()),
                }
            }
            Said::Change(change) => {
                let until = Instant::now() + self.inner.options.patience;
                match self.change_here(change, until).await {
                    Tried::Done(Ok(made)) => Reply::Changed(made.index, made.refused),
                    Tried::Done(Err(ControlNo::Refused(why))) => Reply::Refused(why),
                    Tried::Done(Err(_)) | Tried::Unknown => Reply::Unknown,
                    Tried::NotBegun(leader) => Reply::NotLeader(leader),
                }
            }
        }
    }
}

/// An answer after an attempt of which nothing is known: what is refused now may be so because it
/// was made before.
fn surely(answer: Result<Changed, ControlNo>) -> Result<Changed, ControlNo> {
    match answer {
        Ok(made) if made.refused.iter().all(Option::is_none) => Ok(made),
        _ => Err(ControlNo::Unknown),
    }
}

fn told(index: u64, answered: Answered) -> Result<Changed, ControlNo> {
    match answered {
        Ok(refused) => Ok(Changed { index, refused }),
        Err(why) => Err(ControlNo::Refused(why)),
    }
}
