//! What members of the control plane say and keep, in the bytes of version 1 (VR2).
//!
//! Most of it is the library's own types: a newer library may encode them otherwise, and then two
//! releases would not understand each other. `vectors/control.v1.txt` holds a line for each; when
//! this test fails, the release before does not read what this one says.

use openraft::{
    SnapshotMeta,
    error::SnapshotMismatch,
    raft::{
        AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest,
        InstallSnapshotResponse, VoteRequest, VoteResponse,
    },
    testing::{blank_ent, log_id, membership_ent},
};
use protocol::cluster::{Change, ChangeRefusal};
use storage::digest::hex;

use super::super::{
    types::{Entry, LogId, Membership, Meta, Vote},
    wire::{Envelope, Reply, Said},
};
use protocol::codec;

fn at(index: u64) -> LogId {
    log_id(2, 1, index)
}

fn entries() -> Vec<Entry> {
    let change = Change::Drain { number: 9, on: true };
    let drained = Entry { log_id: at(300), payload: openraft::EntryPayload::Normal(change) };
    let votes = membership_ent(2, 1, 299, vec![[1, 2].into(), [1, 2, 3].into()]);
    vec![blank_ent(2, 1, 298), votes, drained]
}

fn meta() -> Meta {
    let openraft::EntryPayload::Membership(votes) = entries().swap_remove(1).payload else {
        unreachable!("the second entry is about votes")
    };
    let last_membership = Membership::new(Some(at(299)), votes);
    SnapshotMeta { last_log_id: Some(at(300)), last_membership, snapshot_id: "1-2-300".into() }
}

fn said() -> Vec<(&'static str, Vec<u8>)> {
    let vote = Vote::new_committed(2, 1);
    let to = |said| codec::encode(&Envelope { to: 3, said });
    let append = AppendEntriesRequest {
        vote,
        prev_log_id: Some(at(297)),
        entries: entries(),
        leader_commit: Some(at(297)),
    };
    let snapshot =
        InstallSnapshotRequest { vote, meta: meta(), offset: 70_000, data: vec![1, 2], done: true };
    let asks = VoteRequest::new(Vote::new(3, 2), Some(at(300)));
    vec![
        ("vote", to(Said::Vote(asks))),
        ("append", to(Said::Append(append))),
        ("snapshot", to(Said::Snapshot(snapshot))),
        ("change", to(Said::Change(Change::Remove { number: 4 }))),
    ]
}

fn answered() -> Vec<(&'static str, Vec<u8>)> {
    let vote = Vote::new(3, 2);
    let mismatch = SnapshotMismatch { expect: ("a", 7).into(), got: ("b", 8).into() };
    let replies = [
        ("vote", Reply::Vote(VoteResponse::new(vote, Some(at(300)), true))),
        ("success", Reply::Append(AppendEntriesResponse::Success)),
        ("partial", Reply::Append(AppendEntriesResponse::PartialSuccess(Some(at(298))))),
        ("conflict", Reply::Append(AppendEntriesResponse::Conflict)),
        ("higher", Reply::Append(AppendEntriesResponse::HigherVote(vote))),
        ("snapshot", Reply::Snapshot(InstallSnapshotResponse { vote })),
        ("mismatch", Reply::Mismatch(mismatch)),
        ("changed", Reply::Changed(300, vec![None, Some(ChangeRefusal::Epoch)])),
        ("refused", Reply::Refused(ChangeRefusal::TooMuch)),
        ("not-leader", Reply::NotLeader(Some(2))),
        ("unknown", Reply::Unknown),
        ("no", Reply::No("not for me".into())),
    ];
    replies.into_iter().map(|(name, reply)| (name, codec::encode(&reply))).collect()
}

/// The records of the log, and what a snapshot says of itself.
fn kept() -> Vec<(&'static str, Vec<u8>)> {
    let names = ["blank", "votes", "change"];
    let entries = entries();
    let entries = names.into_iter().zip(entries.iter().map(codec::encode));
    let others = [
        ("vote", codec::encode(&Vote::new(3, 2))),
        ("committed", codec::encode(&at(300))),
        ("truncated", codec::encode(&300_u64)),
        ("meta", codec::encode(&meta())),
    ];
    entries.chain(others).collect()
}

#[test]
fn vr2_the_control_plane_speaks_and_keeps_the_bytes_of_version_1() {
    let groups = [("said", said()), ("answered", answered()), ("kept", kept())];
    let made: String = groups
        .iter()
        .flat_map(|(group, lines)| lines.iter().map(move |line| (group, line)))
        .map(|(group, (name, bytes))| format!("{group}/{name} {}\n", hex(bytes)))
        .collect();
    assert_eq!(made, include_str!("../../../vectors/control.v1.txt"), "see the head of this test");
}
