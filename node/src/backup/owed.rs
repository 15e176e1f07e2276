//! Which contents a backup owes: a file's record is followed by the file's content.
//!
//! Whoever writes a backup and whoever reads it come to the same result, with a memory that is
//! bounded: a content that was among the first ones is not repeated for a second file.

use actors::{file::File, keeper};
use protocol::{file::FileEvent, id::FileId, key::Key};
use std::collections::BTreeSet;
use storage::{content::ContentId, history, journal::JournalId};

use super::ArchiveFault;

/// Contents that are remembered; files of the same content beyond it carry their own.
const SEEN: usize = 65_536;

/// The file whose record is open, and the contents that came.
#[derive(Default)]
pub(super) struct Owed {
    open: Option<(JournalId, FileId)>,
    content: Option<ContentId>,
    seen: BTreeSet<ContentId>,
}

impl Owed {
    /// A journal begins; nothing is due.
    pub(super) fn journal(&mut self, name: &JournalId) {
        self.content = None;
        self.open = match name.as_str().parse::<Key>() {
            Ok(Key::File(file)) => Some((name.clone(), file)),
            _ => None,
        };
    }

    /// Its next entry.
    pub(super) fn entry(&mut self, entry: &[u8]) -> Result<(), ArchiveFault> {
        let Some((journal, _)) = &self.open else { return Ok(()) };
        // One that is damaged is found by its chain.
        let Some(stored) = history::read_entry(entry) else { return Ok(()) };
        let event = keeper::event::<File>(&stored.entry.body);
        let event = event.map_err(|_| ArchiveFault::Record {
            journal: journal.clone(),
            seq: stored.entry.seq,
        })?;
        self.content = match event {
            FileEvent::Kept { bytes, content, .. } => Some(ContentId { hash: content, len: bytes }),
            FileEvent::Withdrawn {} => None, // taken back: a backup does not keep it
        };
        Ok(())
    }

    /// The journal is over: what has to come now, once.
    pub(super) fn due(&mut self) -> Option<(FileId, ContentId)> {
        let (file, content) = (self.open.take()?.1, self.content.take()?);
        if self.seen.contains(&content) {
            return None;
        }
        if self.seen.len() < SEEN {
            self.seen.insert(content);
        }
        Some((file, content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{
        codec,
        id::{ConversationId, PersonId, RequestId, SessionId, TenantId},
        request::Request,
        time::Time,
    };
    use storage::journal::Link;

    fn kept(content: u8) -> FileEvent {
        FileEvent::Kept {
            tenant: TenantId::from_u128(1),
            conversation: ConversationId::from_u128(2),
            by: PersonId::from_u128(3),
            name: "a.pdf".into(),
            media_type: "application/pdf".into(),
            bytes: 7,
            content: [content; 32],
        }
    }

    /// What is due after a journal with these events.
    fn due(owed: &mut Owed, file: u128, events: &[FileEvent]) -> Option<ContentId> {
        let name = Key::File(FileId::from_u128(file)).to_string();
        let name = JournalId::new(&name).expect("a good name");
        let mut bodies: Vec<Vec<u8>> = events.iter().map(codec::encode).collect();
        // As the shell keeps it: the last event is followed by the request it was kept for.
        let (session, id) = (SessionId::from_u128(9), RequestId::from_u128(8));
        if let Some(last) = bodies.last_mut() {
            last.extend(codec::encode(&Request { session, id }));
        }
        let at = Time::from_ms(1);
        let (append, ..) = history::write_append(&name, Link::genesis(&name), at, &bodies);
        owed.journal(&name);
        append.entries.iter().for_each(|entry| owed.entry(entry).expect("it is read"));
        let due = owed.due();
        assert_eq!(owed.due(), None, "once");
        due.map(|(named, content)| {
            assert_eq!(named, FileId::from_u128(file));
            content
        })
    }

    #[test]
    fn bu3_a_file_owes_its_content_unless_it_was_withdrawn_or_came_before() {
        let mut owed = Owed::default();
        let content = |hash| Some(ContentId { hash: [hash; 32], len: 7 });
        assert_eq!(due(&mut owed, 1, &[kept(1)]), content(1), "BU3");
        assert_eq!(due(&mut owed, 2, &[kept(2), FileEvent::Withdrawn {}]), None);
        assert_eq!(due(&mut owed, 3, &[kept(1)]), None, "it came with the first");
        assert_eq!(due(&mut owed, 4, &[kept(2)]), content(2), "withdrawn by the other file alone");
        owed.journal(&JournalId::new("room/1").expect("a good name"));
        owed.entry(b"whatever").expect("of no interest");
        assert_eq!(owed.due(), None);
    }

    #[test]
    fn a_record_of_a_later_release_is_not_overlooked() {
        let name = Key::File(FileId::from_u128(1)).to_string();
        let name = JournalId::new(&name).expect("a good name");
        let at = Time::from_ms(1);
        let (append, ..) = history::write_append(&name, Link::genesis(&name), at, &[vec![250; 9]]);
        let mut owed = Owed::default();
        owed.journal(&name);
        let said = owed.entry(&append.entries[0]).expect_err("unknown").to_string();
        assert!(said.contains("later release") && said.contains(name.as_str()), "{said}");
    }
}
