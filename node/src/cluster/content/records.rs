//! What the records of files in a shard ask for: which contents belong wherever the shard is held.

use actors::{file::File, keeper};
use protocol::{file::FileEvent, id::FileId, key::Key};
use storage::{
    content::ContentId,
    fault::StorageFault,
    journal::{JournalId, Seq},
    ledger::Ledger,
};

/// Where the names of files' journals begin.
const FILES: &str = "file/";
/// Events one record has at most: kept, withdrawn.
const EVENTS: usize = 2;

/// A file whose content belongs where its record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// Which file.
    pub file: FileId,
    /// What is in it.
    pub content: ContentId,
}

/// Some records of a shard.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Those that ask for a content; one that was withdrawn asks for nothing.
    pub records: Vec<Record>,
    /// The last journal that was read; none when these were the last.
    pub next: Option<JournalId>,
    /// Records that could not be read: what they ask for is not known.
    pub unread: u64,
}

/// At most `limit` records of a shard, as far as this node has them, behind a journal. Blocks on
/// the disk.
///
/// # Errors
/// When the journals cannot be listed.
pub fn page(
    ledger: &Ledger,
    shard: u16,
    after: Option<&JournalId>,
    limit: usize,
) -> Result<Page, StorageFault> {
    let start = JournalId::new(FILES).expect("the beginning of a name is one");
    let listed = ledger.journals_in(shard, Some(after.unwrap_or(&start)), limit)?;
    let full = listed.len() == limit;
    let mut page = Page::default();
    let mut beyond = false;
    for journal in &listed {
        if !journal.as_str().starts_with(FILES) {
            beyond = true;
            break;
        }
        match record(ledger, journal) {
            Ok(record) => page.records.extend(record),
            Err(fault) => {
                tracing::warn!(%journal, %fault, "a file's record cannot be read");
                page.unread += 1;
            }
        }
    }
    page.next = listed.into_iter().next_back().filter(|_| full && !beyond);
    Ok(page)
}

/// What one record asks for, if anything.
fn record(ledger: &Ledger, journal: &JournalId) -> Result<Option<Record>, StorageFault> {
    let Ok(Key::File(file)) = journal.as_str().parse() else { return Ok(None) };
    let mut asked = None;
    for entry in ledger.read(journal, Seq(0), EVENTS)? {
        asked = match keeper::event::<File>(&entry.body) {
            Ok(FileEvent::Kept { content, bytes, .. }) => {
                Some(Record { file, content: ContentId { hash: content, len: bytes } })
            }
            Ok(FileEvent::Withdrawn {}) => None,
            Err(_) => {
                let (journal, seq) = (journal.clone(), entry.seq);
                return Err(StorageFault::Corrupt { journal, seq });
            }
        };
    }
    Ok(asked)
}
