//! Entries that force gave up are put into a file for people, never just dropped (rule R8).
//!
//! ```text
//! file   (length 4, epoch 8, lsn 8, kind 1, the entry's record) for each; all numbers little endian
//! ```

use std::io;

use protocol::twin::Entry;

use super::Host;

impl Host {
    /// Puts entries aside, durably, before their cut goes to the log. When that fails the node must
    /// end: it would drop what it promised to keep.
    pub(super) fn quarantine(&self, shard: u16, entries: &[Entry]) {
        let Some(first) = entries.first() else { return };
        let mut bytes = Vec::new();
        for entry in entries {
            bytes.extend_from_slice(&(entry.payload.len() as u32).to_le_bytes());
            bytes.extend_from_slice(&entry.at.epoch.0.to_le_bytes());
            bytes.extend_from_slice(&entry.at.lsn.0.to_le_bytes());
            bytes.push(entry.kind);
            bytes.extend_from_slice(&entry.payload);
        }
        let (epoch, lsn) = (first.at.epoch, first.at.lsn);
        if let Err(error) = self.put_aside(&format!("{shard}-{epoch}-{lsn}"), &bytes) {
            let doing = format!("put entries of shard {shard} aside");
            let fault = crate::fault::StorageFault::disk(doing, &error);
            tracing::error!(%fault, "what force gave up is not kept");
            self.world.died(&fault);
        }
    }

    /// Writes a file into the folder for what was put aside.
    pub(super) fn put_aside(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let name = format!("quarantine/{name}");
        tracing::warn!(file = name, "entries are put aside");
        let file = self.core.aside.create(&name)?;
        file.write_at(bytes, 0)?;
        file.sync_data()?;
        self.core.aside.sync_dir("quarantine")
    }
}
