//! What the scrubber tells to do, what it is told, and what it finds.

use bytes::Bytes;
use protocol::{
    cluster::{Epoch, Lsn, NodeKey},
    peer::SumsOf,
};

use crate::{
    content::ContentId,
    fault::StorageFault,
    journal::{JournalId, Link, Seq},
};

/// How fast, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Bytes read in a second, on average.
    pub bytes_per_second: u64,
    /// Milliseconds from the beginning of a round to that of the next, at least.
    pub every_ms: u64,
}

/// A shard of which this node holds a whole copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Which.
    pub shard: u16,
    /// The epoch in which it does.
    pub epoch: Epoch,
    /// Who holds the other copy.
    pub other: Option<NodeKey>,
}

/// Where a journal ends on the other copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theirs {
    /// Its last entry and the hash there.
    pub end: Link,
    /// Everything up to this place of the shard's log was in it.
    pub since: Lsn,
    /// Nothing behind this place was.
    pub upto: Lsn,
}

/// A page of the other copy's sums.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sums {
    /// See [`Theirs::since`].
    pub since: Lsn,
    /// See [`Theirs::upto`].
    pub upto: Lsn,
    /// Journals in the order of their names; none: damaged there.
    pub sums: Vec<(JournalId, Option<Link>)>,
    /// Whether more are behind them.
    pub more: bool,
}

/// Somebody ran into damage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Complaint {
    /// In a journal.
    Journal(JournalId),
    /// In a content.
    Content {
        /// The shard of its record.
        shard: u16,
        /// Which.
        content: ContentId,
    },
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Nothing before this moment, unless somebody complains.
    Wait {
        /// In milliseconds, as `now` is.
        until: u64,
    },
    /// Look at what the engine holds of the shard as a whole: what of it is damaged is put in place
    /// from memory. [`Done::Places`].
    Places {
        /// Which shard.
        shard: u16,
        /// In which epoch.
        epoch: Epoch,
    },
    /// Ask another node where its journals end. [`Done::Sums`].
    Sums {
        /// Whom.
        to: NodeKey,
        /// Which shard.
        shard: u16,
        /// In which epoch.
        epoch: Epoch,
        /// Which of its journals.
        of: SumsOf,
    },
    /// Name a page of own journals. [`Done::Listed`].
    List {
        /// Which shard.
        shard: u16,
        /// Behind this one.
        after: Option<JournalId>,
    },
    /// Read a stretch of an own journal. [`Done::Looked`].
    Look {
        /// Which.
        journal: JournalId,
        /// In which epoch.
        epoch: Epoch,
        /// From here down; none: from its head.
        from: Option<Link>,
        /// What the other copy says of it.
        theirs: Option<Theirs>,
    },
    /// Put right what takes no other copy: a head that memory knows, a name that is missing in the
    /// list, a damaged snapshot, which is taken away. [`Done::Tidied`].
    Tidy {
        /// Which journal.
        journal: JournalId,
        /// In which epoch.
        epoch: Epoch,
    },
    /// Ask another node for entries. [`Done::Stored`].
    Stored {
        /// Whom.
        to: NodeKey,
        /// Which shard.
        shard: u16,
        /// In which epoch.
        epoch: Epoch,
        /// Which journal.
        journal: JournalId,
        /// The first entry.
        from: Seq,
        /// The last.
        upto: Seq,
    },
    /// Put entries in the place of damaged ones, proven by what stands behind them.
    /// [`Done::Mended`].
    Mend {
        /// Which journal.
        journal: JournalId,
        /// In which epoch.
        epoch: Epoch,
        /// The last of them and what it must hash to.
        left: Link,
        /// The entries, gapless.
        entries: Vec<Bytes>,
    },
    /// Add entries that the journal must have and lacks at its end. [`Done::Extended`].
    Extend {
        /// Which journal.
        journal: JournalId,
        /// In which epoch.
        epoch: Epoch,
        /// Where it must end.
        theirs: Theirs,
        /// The entries, gapless.
        entries: Vec<Bytes>,
    },
    /// Put a head in the place of a damaged one: the chain below it is proven. [`Done::Headed`].
    Head {
        /// Which journal.
        journal: JournalId,
        /// In which epoch.
        epoch: Epoch,
        /// The head.
        end: Link,
    },
    /// Say which content the record in this journal names. [`Done::Record`].
    Record {
        /// Which journal.
        journal: JournalId,
    },
    /// Read a stretch of a content against its name. [`Done::Content`].
    Content {
        /// Which.
        content: ContentId,
        /// From its first byte; else on from where the last stretch ended.
        begin: bool,
    },
    /// Fetch a content anew from whoever else should have it. [`Done::Fetched`].
    Fetch {
        /// The shard of its record.
        shard: u16,
        /// Which.
        content: ContentId,
    },
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Miss {
    /// The copy is not held whole in that epoch any more, here or there.
    Moved,
    /// It is changing at this moment, or busy.
    Later,
    /// The other node does not answer, or not to this.
    Silent,
    /// The disk.
    Fault(StorageFault),
}

impl From<StorageFault> for Miss {
    fn from(fault: StorageFault) -> Self {
        match fault {
            StorageFault::NotHere { .. } => Self::Moved,
            StorageFault::Busy { .. }
            | StorageFault::DiskFull { .. }
            | StorageFault::EngineStalled { .. }
            | StorageFault::Closed => Self::Later,
            fault => Self::Fault(fault),
        }
    }
}

/// What came of an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// How many places were damaged and put right.
    Places(Result<u64, Miss>),
    /// Another node's sums.
    Sums {
        /// Whose.
        from: NodeKey,
        /// The page.
        sums: Result<Sums, Miss>,
    },
    /// Own journals.
    Listed(Result<Vec<JournalId>, Miss>),
    /// What a look found.
    Looked(Result<Look, Miss>),
    /// How much was put right.
    Tidied(Result<u64, Miss>),
    /// Another node's entries.
    Stored(Result<Vec<Bytes>, Miss>),
    /// What the entry before the first mended one must hash to, and how many were changed.
    Mended(Result<(Link, u64), Miss>),
    /// Where the journal ends now.
    Extended(Result<Link, Miss>),
    /// The head is in its place.
    Headed(Result<(), Miss>),
    /// What the record names; none when it names nothing, or is withdrawn.
    Record(Result<Option<ContentId>, Miss>),
    /// What a look at a content found.
    Content(Result<ContentLook, Miss>),
    /// The content is whole again.
    Fetched(Result<(), Miss>),
}

impl Done {
    /// Entries and bytes that were read for it.
    pub(super) fn cost(&self) -> (u64, u64) {
        match self {
            Self::Looked(Ok(look)) => (look.entries, look.bytes),
            Self::Content(Ok(look)) => (0, look.bytes),
            Self::Stored(Ok(entries)) => (0, entries.iter().map(|it| it.len() as u64).sum()),
            _ => (0, 0),
        }
    }
}

/// What one look at a journal found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Entries that were read and are sound.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Where the journal ends, when the look began at its head.
    pub end: Option<Link>,
    /// What follows.
    pub verdict: Verdict,
}

/// What a look at a journal says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every entry is proven.
    Whole,
    /// Proven so far; on from here.
    More {
        /// The next entry and what it must hash to.
        left: Link,
    },
    /// Something can be put right without another copy.
    Untidy,
    /// Entries are damaged.
    Damaged {
        /// The first of them.
        from: Seq,
        /// The last of them and what it must hash to.
        left: Link,
    },
    /// The head cannot be read, and nobody here knows it.
    Headless {
        /// Everything up to this place of the shard's log had been applied here.
        base: Lsn,
    },
    /// It ends before the place where it must.
    Short {
        /// Here.
        end: Link,
    },
    /// The other copy has something else at this entry.
    Contradicted {
        /// Which.
        seq: Seq,
    },
}

/// What one look at a content found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentLook {
    /// Bytes that were read and are sound.
    pub bytes: u64,
    /// All of it was.
    pub whole: bool,
}

/// Damage that could not be mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// In which shard.
    pub shard: u16,
    /// The journal or content.
    pub what: String,
    /// The entry; 0: all of it, or its head.
    pub seq: Seq,
    /// Why it was not mended.
    pub why: Why,
}

/// Why damage was not mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The other copy is damaged there, too.
    Both,
    /// There is no other copy.
    Alone,
    /// The copies contradict each other: one of them is wrong, and nobody can say which.
    Contradicted,
    /// The other copy does not answer.
    Unanswered,
    /// It cannot be read, and so not be mended.
    Unreadable(String),
}

impl Why {
    /// Whether it may be otherwise in a while.
    pub(super) const fn may_pass(&self) -> bool {
        matches!(self, Self::Alone | Self::Unanswered | Self::Unreadable(_))
    }
}

/// What a person should hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Damage was found and not mended.
    Damaged(Finding),
    /// Damage was found and mended.
    Mended {
        /// In which shard.
        shard: u16,
        /// The journal or content.
        what: String,
    },
}

/// Counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// Entries that were looked at and are sound.
    pub entries: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// Things that were found damaged: entries, heads, snapshots, contents.
    pub damaged: u64,
    /// Things that were put right.
    pub healed: u64,
    /// Journals and contents that are damaged now.
    pub unmended: u64,
    /// Whole rounds.
    pub rounds: u64,
    /// Milliseconds since the held shard that waits longest was looked at, or was first held.
    pub oldest_ms: u64,
}
