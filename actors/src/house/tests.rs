//! Several houses in one process: what is asked and told across, and what happens when shards move.
//!
//! The houses share one ledger, as if every append stood on every node. A move is made as the
//! twins make it: first nobody serves, then everything handed in is durable, then the next one
//! serves.

mod asking;
mod calling;
mod moving;
mod owing;
mod town;
mod twice;
mod watching;
