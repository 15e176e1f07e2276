//! What overwriting does to an engine's size.

use std::{path::Path, time::Instant};

use storage::{
    dice::Dice,
    store::{Batch, Store, redb::RedbStore, sled::SledStore},
};

use super::Asked;

const VALUE_BYTES: usize = 300;
const BATCH: u64 = 1000;
/// Batches between two syncs, as the ledger's checkpoints have it.
const SYNC_EVERY: u64 = 16;
const CACHE_BYTES: u64 = 64 * 1024 * 1024;

/// Fills both engines, overwrites at random and prints what they take then.
pub(crate) fn run(asked: &Asked, work: &Path) -> anyhow::Result<()> {
    let keys = (asked.overwrites / 5).max(1);
    let logical = keys * (VALUE_BYTES as u64 + 8);
    println!("\n{} random overwrites of {keys} keys of {VALUE_BYTES} bytes", asked.overwrites);
    println!("| engine | seconds | MB on disk | times the content |");
    println!("|---|---|---|---|");
    let sled: Box<dyn Store> = Box::new(SledStore::open(&work.join("sled"), CACHE_BYTES)?);
    let redb: Box<dyn Store> = Box::new(RedbStore::open(&work.join("redb"), CACHE_BYTES)?);
    for (name, store) in [("sled", sled), ("redb", redb)] {
        let started = Instant::now();
        overwrite(&*store, keys, asked)?;
        let took = started.elapsed().as_secs_f64();
        let size = store.size_on_disk()?;
        let times = size as f64 / logical as f64;
        println!("| {name} | {took:.1} | {:.0} | {times:.1} |", size as f64 / 1e6);
    }
    std::fs::remove_dir_all(work.join("sled"))?;
    std::fs::remove_dir_all(work.join("redb"))?;
    Ok(())
}

fn overwrite(store: &dyn Store, keys: u64, asked: &Asked) -> anyhow::Result<()> {
    let mut dice = Dice::new(asked.seed);
    let writes = keys + asked.overwrites;
    let mut batch = Batch::default();
    for write in 0..writes {
        let key = if write < keys { write } else { dice.below(keys) };
        let value = (0..VALUE_BYTES / 4).flat_map(|_| (dice.roll() as u32).to_le_bytes());
        batch.put(key.to_be_bytes().to_vec(), value.collect());
        if batch.len() as u64 == BATCH || write + 1 == writes {
            store.apply(&std::mem::take(&mut batch))?;
            if write / BATCH % SYNC_EVERY == 0 || write + 1 == writes {
                store.sync()?;
            }
        }
    }
    Ok(())
}
