//! What the crash suite and the process it kills must agree on.

use std::path::PathBuf;

use storage::{Options, dice::Dice};

/// Journals that are appended to.
pub const JOURNALS: usize = 12;
/// Threads that append.
pub const THREADS: usize = 3;

/// Small segments and checkpoints, so that a short life sees many of both.
pub fn options(dir: impl Into<PathBuf>) -> Options {
    Options {
        segment_bytes: 128 * 1024,
        segments_keep: 0,
        checkpoint_bytes: 64 * 1024,
        cache_bytes: 8 * 1024 * 1024,
        reserve_bytes: 0,
        ..Options::new(dir)
    }
}

/// The name of a journal.
pub fn journal_name(journal: usize) -> String {
    format!("room/room_{journal:04}")
}

/// What stands in the entry `seq` of a journal.
pub fn body(journal: usize, seq: u64) -> Vec<u8> {
    let mut dice = Dice::new(seq * JOURNALS as u64 + journal as u64);
    let len = if dice.one_in(40) { dice.below(9000) } else { dice.below(400) };
    (0..len).map(|_| dice.roll() as u8).collect()
}
