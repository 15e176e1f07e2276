//! Taking in what was kept before: by the log of an earlier life, or by the other copy.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    core::{Core, Work},
    keys,
    rebuild::follow,
    slot::State,
};
use crate::{
    fault::StorageFault,
    history,
    journal::{JournalId, Seq},
};

/// Takes in an append that is known to be kept: stages and acknowledges what the journal does not
/// have. Returns what the engine lacks; none when it lacks nothing. What both have must agree: a
/// source or a copy may be ahead of the log.
pub(super) fn take_append(
    core: &Core,
    append: &history::Append,
) -> Result<Option<Work>, StorageFault> {
    let journal = &append.journal;
    let slot = core.slots.slot(journal);
    let mut state = slot.load(&*core.store)?;
    assert_eq!(state.acked, state.staged, "nobody else appends to this journal meanwhile");
    let seqs = append.entries.iter().map(|entry| history::peek_seq(entry).unwrap_or(Seq(0)));
    let fresh = seqs.clone().take_while(|seq| *seq <= state.staged.seq).count();
    for (entry, seq) in append.entries[..fresh].iter().zip(seqs) {
        check_same(core, &state, journal, seq, entry)?;
    }
    let entries = append.entries[fresh..].to_vec();
    let mut link = state.staged;
    for entry in &entries {
        link = follow(journal, link, entry)?;
    }
    if entries.is_empty() {
        return Ok(None);
    }
    state.stage(&entries, link);
    state.ack(link);
    drop(state);
    Ok(Some(Work::Entries(slot, entries, link)))
}

fn check_same(
    core: &Core,
    state: &State,
    journal: &JournalId,
    seq: Seq,
    entry: &Bytes,
) -> Result<(), StorageFault> {
    let corrupt = || StorageFault::Corrupt { journal: journal.clone(), seq };
    let same = match state.held(seq, 1).first() {
        Some((held, bytes)) if *held == seq => bytes == entry,
        _ => {
            let stored = keys::load_entries(&*core.store, journal, seq, seq.next(), 1)?;
            stored.get(&seq).is_some_and(|bytes| bytes == entry)
        }
    };
    if same { Ok(()) } else { Err(corrupt()) }
}

/// Takes in a snapshot that is known to be kept.
pub(super) fn take_fold(
    core: &Core,
    journal: &JournalId,
    inside: Bytes,
) -> Result<Work, StorageFault> {
    let slot = core.slots.slot(journal);
    slot.load(&*core.store)?.fold = Some(inside.clone());
    Ok(Work::Fold(Arc::clone(&slot), inside))
}
