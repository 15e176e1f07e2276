//! Taking a backup: asking a running node for everything, page by page, and sealing what comes.
//!
//! Two halves that wait for each other at a short line: one asks, the other follows every chain,
//! seals and writes. Whatever fails, the file under its name is whole or is not there.

use protocol::{codec, id::FileId, key::SHARDS};
use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};
use storage::{
    backup::{BackupFault, Begin, Item, Manifest, Writer},
    content::ContentId,
    crypto::SealKey,
    journal::JournalId,
    ledger::{Chosen, PageItem, read_page},
};
use tokio::sync::mpsc;

use super::{ArchiveFault, House, NAMED, Progress, Report, order::order, owed::Owed};
use crate::{
    clock::now,
    cluster::{
        admin::{Order, OrderFault, fetch},
        identity,
        join::HouseKeys,
    },
};

/// Pages and pieces that were asked for and are not written yet, each of about a MiB.
const LINE: usize = 4;

/// What goes to whoever writes. Without an end, it was broken off.
enum Feed {
    Items(&'static str, Vec<Item>),
    End,
}

/// Writes a backup of the cluster of the node that runs on this data folder.
///
/// # Errors
/// When no node runs there, a shard is served by nobody, or the file cannot be written; then there
/// is no file.
pub async fn take(
    data: &Path,
    key: &SealKey,
    out: &Path,
    told: impl FnMut(Progress) + Send + 'static,
) -> Result<Report, ArchiveFault> {
    let house = house(data).map_err(ArchiveFault::file(data))?;
    let cluster = house.cluster;
    let (half, file) = Half::make(out).map_err(ArchiveFault::file(out))?;
    let release = env!("CARGO_PKG_VERSION").into();
    let begin = Begin { begun: now(), release, more: codec::encode(&house) };
    let (feed, line) = mpsc::channel(LINE);
    let (key, first) = (key.clone(), begin.clone());
    let writing =
        tokio::task::spawn_blocking(move || write(Writer::begin(file, &key, first)?, line, told));
    let mut collector = Collector { data, feed, owed: Owed::default(), lost: Vec::new() };
    let asked = collector.everything().await;
    let Collector { lost, feed, .. } = collector;
    drop(feed);
    let written = writing.await.map_err(|gone| ArchiveFault::BrokenOff(gone.to_string()))?;
    // Why it could not be written says more than that nobody took what was asked for.
    let written = written.map_err(ArchiveFault::backup(out))?;
    asked?;
    let broken = || ArchiveFault::BrokenOff("its end did not arrive".into());
    let (file, manifest) = written.ok_or_else(broken)?;
    half.keep(&file, out).map_err(ArchiveFault::file(out))?;
    Ok(Report { begin, cluster, manifest, lost })
}

/// What a restored node needs beside journals and contents: it lies in every node's data folder.
fn house(data: &Path) -> io::Result<House> {
    let nobody = || io::Error::other("no node ever ran on this folder; name another with --data");
    let identity = identity::read(data)?.ok_or_else(nobody)?;
    Ok(House { cluster: identity.cluster, keys: HouseKeys::read(data)? })
}

/// The file while it is not whole; removed when dropped.
struct Half(PathBuf);

impl Half {
    fn make(out: &Path) -> io::Result<(Self, File)> {
        if out.exists() {
            return Err(io::Error::other("it is there already; name a file that is not"));
        }
        let mut name = out.file_name().unwrap_or_default().to_owned();
        name.push(".half"); // one that a killed backup left is written over
        let path = out.with_file_name(name);
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        Ok((Self(path), file))
    }

    /// Gives it its name, durably.
    fn keep(self, file: &File, out: &Path) -> io::Result<()> {
        file.sync_all()?;
        fs::rename(&self.0, out)?;
        let folder = out.parent().filter(|it| !it.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Drop for Half {
    fn drop(&mut self) {
        // Gone when it has its name; and when even this fails, the next backup writes over it.
        let _ = fs::remove_file(&self.0);
    }
}

/// Seals and writes what comes; none when it was broken off.
fn write(
    mut writer: Writer<File>,
    mut line: mpsc::Receiver<Feed>,
    mut told: impl FnMut(Progress),
) -> Result<Option<(File, Manifest)>, BackupFault> {
    loop {
        match line.blocking_recv() {
            Some(Feed::Items(kind, items)) => {
                items.iter().try_for_each(|item| writer.put(item))?;
                let (tally, bytes) = (writer.tally(), writer.written());
                told(Progress {
                    kind,
                    journals: tally.journals(),
                    contents: tally.contents,
                    bytes,
                });
            }
            Some(Feed::End) => return writer.end(now()).map(Some),
            None => return Ok(None),
        }
    }
}

/// Asks for everything.
struct Collector<'a> {
    data: &'a Path,
    feed: mpsc::Sender<Feed>,
    owed: Owed,
    lost: Vec<FileId>,
}

impl Collector<'_> {
    /// Each kind from all shards before the next kind (BU2).
    async fn everything(&mut self) -> Result<(), ArchiveFault> {
        for (chosen, kind) in order() {
            for shard in 0..SHARDS {
                self.shard(shard, &chosen, kind).await?;
            }
        }
        self.send(Feed::End).await
    }

    async fn shard(
        &mut self,
        shard: u16,
        chosen: &Chosen,
        kind: &'static str,
    ) -> Result<(), ArchiveFault> {
        let (mut after, mut journal) = (Some(chosen.start()), None);
        while let Some(cursor) = after {
            let order = Order::Export { shard, after: cursor };
            let page = fetch(self.data, &order).await?;
            after = page.next;
            let items = read_page(page.bytes).ok_or(ArchiveFault::BadPage { shard })?;
            self.page(items, &mut journal, kind).await?;
        }
        let mut items = Vec::new();
        self.settle(&mut items, kind).await?;
        self.send(Feed::Items(kind, items)).await
    }

    async fn page(
        &mut self,
        found: Vec<PageItem>,
        journal: &mut Option<JournalId>,
        kind: &'static str,
    ) -> Result<(), ArchiveFault> {
        let mut items = Vec::with_capacity(found.len());
        for item in found {
            match item {
                PageItem::Journal(name) if journal.as_ref() == Some(&name) => {} // it goes on
                PageItem::Journal(name) => {
                    self.settle(&mut items, kind).await?;
                    self.owed.journal(&name);
                    *journal = Some(name.clone());
                    items.push(Item::Journal(name));
                }
                PageItem::Entry(entry) => {
                    self.owed.entry(&entry)?;
                    items.push(Item::Entry(entry));
                }
                PageItem::Snapshot(_) => {} // no chain proves it
            }
        }
        self.send(Feed::Items(kind, items)).await
    }

    /// The journal before is over: what it owes follows it (BU3).
    async fn settle(
        &mut self,
        items: &mut Vec<Item>,
        kind: &'static str,
    ) -> Result<(), ArchiveFault> {
        let Some((file, content)) = self.owed.due() else { return Ok(()) };
        items.push(Item::Content(content));
        let mut offset = 0;
        while offset < content.len {
            let Some(bytes) = self.piece(file, content, offset).await? else {
                items.push(Item::Lost);
                let room = NAMED - self.lost.len().min(NAMED);
                self.lost.extend([file].into_iter().take(room));
                return Ok(());
            };
            offset += bytes.len() as u64;
            items.push(Item::Piece(bytes.into()));
            self.send(Feed::Items(kind, std::mem::take(items))).await?;
        }
        items.push(Item::Kept);
        Ok(())
    }

    /// The next bytes of a content; none when nobody gives them.
    async fn piece(
        &self,
        file: FileId,
        content: ContentId,
        offset: u64,
    ) -> Result<Option<Vec<u8>>, ArchiveFault> {
        let ContentId { hash, len } = content;
        let order = Order::Content { file, hash, len, offset };
        match fetch(self.data, &order).await {
            Ok(piece) if !piece.bytes.is_empty() => Ok(Some(piece.bytes)),
            Ok(_) => Ok(None),
            Err(OrderFault::No(why)) => {
                tracing::warn!(%file, %content, why, "a content is nowhere");
                Ok(None)
            }
            Err(fault) => Err(fault.into()),
        }
    }

    async fn send(&self, feed: Feed) -> Result<(), ArchiveFault> {
        let gone = |_| ArchiveFault::BrokenOff("nobody writes any more".into());
        self.feed.send(feed).await.map_err(gone)
    }
}
