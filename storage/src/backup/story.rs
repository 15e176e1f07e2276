//! What may follow what in a backup: the writer and the reader live through the same story.

use protocol::key::SHARDS;

use super::{Item, Sum, Tally, Wrong};
use crate::{
    content::ContentId,
    digest::Hasher,
    history,
    journal::{JournalId, Link, Seq},
};

/// Where in its story a backup is.
pub(super) struct Story {
    stage: Stage,
    /// The journal whose entries come, or that came last, and how far it was followed.
    journal: Option<(JournalId, Link)>,
    tally: Tally,
}

enum Stage {
    /// Nothing came.
    Before,
    /// A journal is open, or nothing.
    Journals,
    /// A content is open, and so much of it came.
    Content(ContentId, u64, Box<Hasher>),
    /// The end came.
    Over,
}

impl Story {
    pub(super) fn new() -> Self {
        let shards = vec![Sum::default(); usize::from(SHARDS)];
        let tally = Tally { shards, ..Tally::default() };
        Self { stage: Stage::Before, journal: None, tally }
    }

    /// Everything that was counted; complete once no journal and no content is open.
    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// Goes on by one item, or says why it cannot be the next one.
    pub(super) fn follow(&mut self, item: &Item) -> Result<(), Wrong> {
        match (&mut self.stage, item) {
            (Stage::Before, Item::Begin(_)) => self.stage = Stage::Journals,
            (Stage::Journals, Item::Journal(name)) => self.journal(name)?,
            (Stage::Journals, Item::Entry(entry)) => self.entry(entry)?,
            (Stage::Journals, Item::Content(id)) => {
                self.end_journal()?;
                self.stage = Stage::Content(*id, 0, Box::default());
            }
            (Stage::Content(id, came, hasher), Item::Piece(bytes)) => {
                *came += bytes.len() as u64;
                hasher.update(bytes);
                if *came > id.len {
                    return Err(Wrong::Content { content: *id });
                }
            }
            (Stage::Content(id, came, hasher), Item::Kept) => {
                if (*came, hasher.clone().finish()) != (id.len, id.hash) {
                    return Err(Wrong::Content { content: *id }); // BK3
                }
                self.tally.contents += 1;
                self.tally.bytes += id.len;
                self.stage = Stage::Journals;
            }
            (Stage::Content(..), Item::Lost) => {
                self.tally.lost += 1;
                self.stage = Stage::Journals;
            }
            (Stage::Journals, Item::End(manifest)) => {
                self.end_journal()?;
                if manifest.tally != self.tally {
                    return Err(Wrong::Tally); // BK4
                }
                self.stage = Stage::Over;
            }
            (_, item) => return Err(Wrong::Order { what: name(item) }),
        }
        Ok(())
    }

    /// A journal begins, at its shard's end of the alphabet: none comes twice in one go. Kinds of
    /// journals follow each other in whatever order they rely on each other.
    fn journal(&mut self, name: &JournalId) -> Result<(), Wrong> {
        fn kind(journal: &JournalId) -> Option<&str> {
            journal.as_str().split('/').next()
        }
        let before = self.end_journal()?;
        let back = |before: &JournalId| {
            before >= name && kind(before) == kind(name) && before.shard() == name.shard()
        };
        if before.as_ref().is_some_and(back) {
            return Err(Wrong::Order { what: "a journal" });
        }
        self.journal = Some((name.clone(), Link::genesis(name)));
        Ok(())
    }

    /// BK3
    fn entry(&mut self, entry: &[u8]) -> Result<(), Wrong> {
        let Some((journal, link)) = &mut self.journal else {
            return Err(Wrong::Order { what: "an entry" });
        };
        let seq = link.seq.next();
        match history::read_entry(entry) {
            Some(stored) if stored.entry.seq == seq && stored.parent == link.hash => {
                *link = Link { seq, hash: stored.hash };
                Ok(())
            }
            _ => Err(Wrong::Chain { journal: journal.clone(), seq }),
        }
    }

    /// The journal that was open is whole.
    fn end_journal(&mut self) -> Result<Option<JournalId>, Wrong> {
        let Some((journal, link)) = self.journal.take() else { return Ok(None) };
        if link.seq == Seq(0) {
            return Err(Wrong::Order { what: "the end of a journal" });
        }
        self.tally.shards[usize::from(journal.shard())].add(&journal, link);
        Ok(Some(journal))
    }

    /// Nothing is open any more: the end may come.
    pub(super) fn settle(&mut self) -> Result<(), Wrong> {
        match self.stage {
            Stage::Journals => self.end_journal().map(drop),
            _ => Err(Wrong::Order { what: "the end" }),
        }
    }
}

fn name(item: &Item) -> &'static str {
    match item {
        Item::Begin(_) => "a beginning",
        Item::Journal(_) => "a journal",
        Item::Entry(_) => "an entry",
        Item::Content(_) => "a content",
        Item::Piece(_) => "a piece of a content",
        Item::Kept | Item::Lost => "the end of a content",
        Item::End(_) => "the end",
    }
}
