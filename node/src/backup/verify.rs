//! Reading a backup to its end and believing nothing.

use protocol::{codec, id::FileId};
use std::{
    fs::File,
    io::{BufReader, Read},
    path::{Path, PathBuf},
};
use storage::{
    backup::{Begin, Item, Manifest, Reader},
    crypto::SealKey,
};

use super::{ArchiveFault, HOUSE_BYTES, House, NAMED, Progress, Report, owed::Owed};

/// Bytes read from the file at a time.
const AHEAD: usize = 256 * 1024;

/// The items of a backup, each checked by the storage below and, where a file names its content, by
/// what only this floor knows (BU3).
pub(super) struct Checked<R> {
    path: PathBuf,
    from: Reader<R>,
    owed: Owed,
    begin: Option<(Begin, House)>,
    manifest: Option<Manifest>,
    /// The file whose content is open, and those whose content nobody gave.
    file: Option<FileId>,
    lost: Vec<FileId>,
    progress: Progress,
}

/// Opens a backup.
pub(super) fn open(path: &Path, key: &SealKey) -> Result<Checked<BufReader<File>>, ArchiveFault> {
    let file = File::open(path).map_err(ArchiveFault::file(path))?;
    Checked::new(path, BufReader::with_capacity(AHEAD, file), key)
}

impl<R: Read> Checked<R> {
    pub(super) fn new(path: &Path, from: R, key: &SealKey) -> Result<Self, ArchiveFault> {
        let from = Reader::begin(from, key).map_err(ArchiveFault::backup(path))?;
        Ok(Self {
            path: path.to_owned(),
            from,
            owed: Owed::default(),
            begin: None,
            manifest: None,
            file: None,
            lost: Vec::new(),
            progress: Progress::default(),
        })
    }

    /// How far it was read.
    pub(super) fn progress(&self) -> Progress {
        self.progress
    }

    /// What was found; none before its end.
    pub(super) fn report(self) -> Result<(Report, House), ArchiveFault> {
        let (Some((begin, house)), Some(manifest)) = (self.begin, self.manifest) else {
            return Err(ArchiveFault::Homeless);
        };
        let (cluster, lost) = (house.cluster, self.lost);
        Ok((Report { begin, cluster, manifest, lost }, house))
    }

    fn look(&mut self, item: &Item) -> Result<(), ArchiveFault> {
        match item {
            Item::Begin(begin) => {
                let house = codec::decode::<House, HOUSE_BYTES>(&begin.more);
                let house = house.map_err(|_| ArchiveFault::Homeless)?;
                self.begin = Some((begin.clone(), house));
            }
            Item::Journal(name) => {
                self.nothing_due()?;
                self.owed.journal(name);
                self.progress.journals += 1;
            }
            Item::Entry(entry) => {
                self.owed.entry(entry)?;
                self.progress.bytes += entry.len() as u64;
            }
            Item::Content(content) => match self.owed.due() {
                Some((file, due)) if due == *content => self.file = Some(file),
                Some((file, content)) => return Err(ArchiveFault::Missing { file, content }),
                None => return Err(ArchiveFault::Unnamed { content: *content }),
            },
            Item::Piece(bytes) => self.progress.bytes += bytes.len() as u64,
            Item::Kept => self.progress.contents += 1,
            Item::Lost => {
                let room = NAMED - self.lost.len().min(NAMED);
                self.lost.extend(self.file.take().into_iter().take(room));
            }
            Item::End(manifest) => {
                self.nothing_due()?;
                self.manifest = Some(manifest.clone());
            }
        }
        Ok(())
    }

    fn nothing_due(&mut self) -> Result<(), ArchiveFault> {
        match self.owed.due() {
            None => Ok(()),
            Some((file, content)) => Err(ArchiveFault::Missing { file, content }),
        }
    }
}

impl<R: Read> Iterator for Checked<R> {
    type Item = Result<Item, ArchiveFault>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = match self.from.next()? {
            Ok(item) => item,
            Err(fault) => return Some(Err(ArchiveFault::backup(&self.path)(fault))),
        };
        Some(self.look(&item).map(|()| item))
    }
}

/// Reads the whole: every seal, every sum and chain, every content's hash, every count. Blocks on
/// the disk.
///
/// # Errors
/// With the first bad place.
pub fn verify(
    path: &Path,
    key: &SealKey,
    told: &mut dyn FnMut(Progress),
) -> Result<Report, ArchiveFault> {
    let mut items = open(path, key)?;
    while let Some(item) = items.next() {
        item?;
        told(items.progress());
    }
    Ok(items.report()?.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use protocol::{
        file::FileEvent,
        id::{ConversationId, NodeId, PersonId, TenantId},
        key::Key,
        time::Time,
    };
    use storage::{
        backup::Writer,
        content::ContentId,
        digest::sha256,
        history,
        journal::{JournalId, Link},
    };

    use crate::cluster::join::HouseKeys;

    fn begin() -> Begin {
        let keys = HouseKeys { tenant: TenantId::from_u128(1), signing: [9; 32] };
        let more = codec::encode(&House { cluster: NodeId::from_u128(4), keys });
        Begin { begun: Time::from_ms(5), release: "0.1.0".into(), more }
    }

    fn id(bytes: &[u8]) -> ContentId {
        ContentId { hash: sha256(bytes), len: bytes.len() as u64 }
    }

    /// The record of a file with this content.
    fn record(file: u128, bytes: &[u8]) -> Vec<Item> {
        let event = FileEvent::Kept {
            tenant: TenantId::from_u128(1),
            conversation: ConversationId::from_u128(2),
            by: PersonId::from_u128(3),
            name: "a".into(),
            media_type: "b".into(),
            bytes: bytes.len() as u64,
            content: sha256(bytes),
        };
        let name = Key::File(FileId::from_u128(file)).to_string();
        let name = JournalId::new(&name).expect("a good name");
        let bodies = [codec::encode(&event)];
        let at = Time::from_ms(1);
        let (append, ..) = history::write_append(&name, Link::genesis(&name), at, &bodies);
        vec![Item::Journal(name), Item::Entry(append.entries[0].clone())]
    }

    fn content(bytes: &'static [u8]) -> Vec<Item> {
        vec![Item::Content(id(bytes)), Item::Piece(Bytes::from_static(bytes)), Item::Kept]
    }

    fn read(items: &[Vec<Item>], begin: Begin) -> Result<Report, ArchiveFault> {
        let key = SealKey::generate();
        let mut writer = Writer::begin(Vec::new(), &key, begin).expect("begun");
        items.iter().flatten().for_each(|item| writer.put(item).expect("it follows"));
        let (bytes, _) = writer.end(Time::from_ms(9)).expect("ended");
        let mut items = Checked::new(Path::new("a.backup"), &bytes[..], &key)?;
        items.by_ref().try_for_each(|item| item.map(drop))?;
        Ok(items.report()?.0)
    }

    #[test]
    fn bu3_every_file_is_followed_by_its_content() {
        let lost = vec![Item::Content(id(b"two")), Item::Lost];
        let good = [record(1, b"one"), content(b"one"), record(2, b"two"), lost, record(3, b"one")];
        let report = read(&good, begin()).expect("sound");
        assert_eq!(
            (report.cluster, report.lost),
            (NodeId::from_u128(4), vec![FileId::from_u128(2)])
        );
        assert_eq!((report.manifest.tally.contents, report.manifest.tally.lost), (1, 1));
        for bad in [
            vec![record(1, b"one")],
            vec![record(1, b"one"), record(2, b"two"), content(b"two")],
            vec![record(1, b"one"), content(b"two")],
        ] {
            let said = read(&bad, begin()).expect_err("BU3");
            assert!(matches!(said, ArchiveFault::Missing { .. }), "{said}");
        }
        let said = read(&[content(b"one")], begin()).expect_err("nobody's");
        assert!(matches!(said, ArchiveFault::Unnamed { .. }), "{said}");
    }

    #[test]
    fn a_backup_of_nobody_is_none_of_ours() {
        let said = read(&[], Begin { more: vec![1], ..begin() }).expect_err("no cluster");
        assert!(matches!(said, ArchiveFault::Homeless), "{said}");
    }
}
