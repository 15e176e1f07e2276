//! Checks an exported log without a node, and names what was done to it.
//!
//! What is believed is the verifier key alone, which comes by another way than the export. The
//! signed root proves everything; the tiles' hashes and the links between the lines are there to
//! find the place when it does not fit.
//!
//! # Invariants
//! - **VA1** A log is called sound only when all its records, in their order, come to the signed
//!   root, each line's number and link are right, and every tile holds what it should.
//! - **VA2** Otherwise what is wrong is named: the record by its number, where it can be told.

use protocol::{audit::Record, codec, limits};
use std::{
    collections::{HashMap, HashSet},
    fs, io,
    path::Path,
};
use storage::{
    digest::{HASH_BYTES, Hash, unhex},
    merkle::{self, Frontier},
};

use super::{
    note::{Checkpoint, NoteFault, Verifier},
    tiles::{self, Kind, Tiles, WIDTH},
};

/// How every record begins.
const BEGIN: &[u8] = b"{\"number\":";
/// Wrong things that are named; after so many it is clear enough.
const NAMED: usize = 20;

/// Something that is wrong with a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// Nothing can be believed.
    #[error("{0}")]
    Checkpoint(#[from] NoteFault),
    /// A file that cannot be read.
    #[error("{0}")]
    File(String),
    /// Another line than was recorded.
    #[error("record {0} was changed")]
    Changed(u64),
    /// One of two lines.
    #[error("record {0} or record {1} was changed")]
    Either(u64, u64),
    /// Records that are not there, while later ones are.
    #[error("record {0} was removed")]
    Removed(u64),
    /// A line in another's place.
    #[error("record {record} stands where record {place} belongs: they were put in another order")]
    Moved {
        /// Whose number the line has.
        record: u64,
        /// Where it stands.
        place: u64,
    },
    /// A line that was never recorded.
    #[error("where record {0} belongs stands one more, which was never recorded")]
    Added(u64),
    /// The end is missing.
    #[error("records {from} to {to} were cut off")]
    CutOff {
        /// The first that is missing.
        from: u64,
        /// The last.
        to: u64,
    },
    /// Nothing fits the root, and every link fits.
    #[error(
        "record {0}, the last, was changed, or everything from some record on was written anew: an \
         older checkpoint tells which"
    )]
    Last(u64),
    /// A file of entries.
    #[error("{0} is not as it was written, although its records are")]
    Torn(String),
    /// A file of hashes.
    #[error("{0} does not hold the hashes of these records")]
    Tile(String),
    /// Less than there was.
    #[error("the log had {was} records once and has {is}: it was cut off or set back")]
    Shorter {
        /// By the older checkpoint.
        was: u64,
        /// By this one.
        is: u64,
    },
    /// Another past.
    #[error("the first {0} records are not those that an older checkpoint was made of")]
    History(u64),
}

/// A line as far as it matters here.
struct Seen {
    leaf: Hash,
    /// Its number and the hash of the line before, when it is a record at all.
    says: Option<(u64, Hash)>,
}

/// Checks the log in this folder, and that it goes on from an older checkpoint, when there is one.
///
/// # Errors
/// Everything that is wrong, as far as it can be told; never an empty list.
pub fn verify(
    folder: &Path,
    key: &Verifier,
    older: Option<&str>,
) -> Result<Checkpoint, Vec<Wrong>> {
    let note = read(folder, "checkpoint").map_err(|it| vec![it])?;
    let signed = key.open(&String::from_utf8_lossy(&note)).map_err(|it| vec![it.into()])?;
    let older = older.map(|it| key.open(it)).transpose().map_err(|it| vec![it.into()])?;
    let (seen, torn) = lines(folder, signed.size);
    let leaves: Vec<Hash> = seen.iter().map(|it| it.leaf).collect();
    let mut wrong = if Frontier::of(&leaves).root() == signed.root {
        let mut wrong = by_links(&seen, signed.size); // nothing, unless it was recorded so
        wrong.extend(torn);
        wrong.extend(wrong_tiles(folder, &leaves));
        wrong.extend(older.and_then(|older| other_past(&leaves, &older)));
        wrong
    } else {
        let told = by_hashes(folder, &signed, &leaves);
        let told = told.unwrap_or_else(|| by_links(&seen, signed.size));
        if told.is_empty() { vec![Wrong::Last(signed.size)] } else { told } // VA2
    };
    wrong.truncate(NAMED);
    if wrong.is_empty() { Ok(signed) } else { Err(wrong) } // VA1
}

fn read(folder: &Path, name: &str) -> Result<Vec<u8>, Wrong> {
    fs::read(folder.join(name)).map_err(|fault| Wrong::File(format!("{name}: {fault}")))
}

/// The lines there are, and the files in which lengths no longer lead from one to the next.
fn lines(folder: &Path, size: u64) -> (Vec<Seen>, Vec<Wrong>) {
    let (mut seen, mut torn) = (Vec::new(), Vec::new());
    for index in 0..size.div_ceil(WIDTH as u64) {
        let Some(bundle) = bundle(folder, index, size) else { continue };
        let path = tiles::path(Kind::Entries, index, width(index, size));
        let (mut entries, whole) = tiles::entries(&bundle);
        if !whole {
            entries = begun(&bundle);
        }
        if !whole || !folder.join(&path).is_file() {
            torn.push(Wrong::Torn(path));
        }
        let line = |line| Seen { leaf: merkle::leaf(line), says: says(line) };
        seen.extend(entries.into_iter().map(line));
    }
    (seen, torn)
}

/// The entries of a bundle whose lengths cannot be believed: each ends where the next record
/// begins, unless its length says so, too.
fn begun(bundle: &[u8]) -> Vec<&[u8]> {
    let begins = |at: usize| bundle.get(at..).is_some_and(|rest| rest.starts_with(BEGIN));
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some((length, _)) = bundle.get(at..).and_then(|it| it.split_first_chunk::<2>()) {
        let start = at + 2;
        let end = start + usize::from(u16::from_be_bytes(*length));
        let next = (start + 1..bundle.len()).find(|place| begins(*place)).map(|it| it - 2);
        at = match next {
            _ if begins(end + 2) => end,
            Some(next) => next.max(start),
            None => end.min(bundle.len()),
        };
        found.push(&bundle[start..at]);
        if next.is_none() {
            break; // what follows the last one is none
        }
    }
    found
}

/// A bundle: the one that belongs there, or whatever part of it is left.
fn bundle(folder: &Path, index: u64, size: u64) -> Option<Vec<u8>> {
    let width = width(index, size);
    fs::read(folder.join(tiles::path(Kind::Entries, index, width))).ok().or_else(|| {
        let parts = (1..=WIDTH).rev().filter(|it| *it != width);
        let mut paths = parts.map(|it| folder.join(tiles::path(Kind::Entries, index, it)));
        paths.find_map(|path| fs::read(path).ok())
    })
}

/// How many entries of a bundle there are.
fn width(index: u64, size: u64) -> usize {
    (size - index * WIDTH as u64).min(WIDTH as u64) as usize
}

fn says(line: &[u8]) -> Option<(u64, Hash)> {
    let text = std::str::from_utf8(line).ok()?;
    let record = codec::from_json::<Record, { limits::EVENT_BYTES }>(text).ok()?;
    Some((record.number, unhex(&record.before)?))
}

/// What the hashes in the tiles tell, when they are those that were signed.
fn by_hashes(folder: &Path, signed: &Checkpoint, leaves: &[Hash]) -> Option<Vec<Wrong>> {
    let mut right = Vec::new();
    for index in 0..signed.size.div_ceil(WIDTH as u64) {
        let width = width(index, signed.size);
        let tile = fs::read(folder.join(tiles::path(Kind::Level(0), index, width))).ok()?;
        right.extend(tiles::hashes(&tile, width)?);
    }
    (Frontier::of(&right).root() == signed.root).then(|| compared(leaves, &right))
}

/// What became of the right list.
fn compared(found: &[Hash], right: &[Hash]) -> Vec<Wrong> {
    let place: HashMap<&Hash, usize> = right.iter().enumerate().map(|(at, it)| (it, at)).collect();
    let there: HashSet<&Hash> = found.iter().collect();
    let (mut at, mut due, mut wrong) = (0, 0, Vec::new());
    while due < right.len() && at < found.len() {
        let number = due as u64 + 1;
        let (known, missing) = (place.get(&found[at]), !there.contains(&right[due]));
        match known {
            Some(same) if *same == due => {}
            Some(later) if missing && *later > due => {
                wrong.push(Wrong::Removed(number));
                due += 1;
                continue;
            }
            Some(other) => {
                wrong.push(Wrong::Moved { record: *other as u64 + 1, place: number });
            }
            None if missing => wrong.push(Wrong::Changed(number)),
            None => {
                wrong.push(Wrong::Added(number));
                at += 1;
                continue;
            }
        }
        (at, due) = (at + 1, due + 1);
    }
    if due < right.len() {
        wrong.push(Wrong::CutOff { from: due as u64 + 1, to: right.len() as u64 });
    }
    if at < found.len() {
        wrong.push(Wrong::Added(due as u64 + 1));
    }
    wrong
}

/// What the lines tell by themselves.
fn by_links(seen: &[Seen], size: u64) -> Vec<Wrong> {
    let numbers: HashSet<u64> = seen.iter().filter_map(|it| Some(it.says?.0)).collect();
    let (mut wrong, mut due) = (Vec::new(), 1);
    for line in seen {
        let number = line.says.map(|it| it.0);
        while wrong.len() < NAMED && number.is_some_and(|it| it > due) && !numbers.contains(&due) {
            wrong.push(Wrong::Removed(due));
            due += 1;
        }
        match number {
            None => wrong.push(Wrong::Changed(due)),
            Some(number) if number != due => {
                wrong.push(Wrong::Moved { record: number, place: due });
            }
            Some(_) => {}
        }
        due += 1;
    }
    if due <= size {
        wrong.push(Wrong::CutOff { from: due, to: size });
    }
    if due > size + 1 {
        wrong.push(Wrong::Added(size + 1));
    }
    if wrong.is_empty() { broken_links(seen) } else { wrong }
}

/// Who was changed, by the lines that do not name the line before them.
fn broken_links(seen: &[Seen]) -> Vec<Wrong> {
    let before = |at: usize| if at == 0 { [0; HASH_BYTES] } else { seen[at - 1].leaf };
    let broken =
        |at: usize| seen.get(at).is_some_and(|it| it.says.map(|it| it.1) != Some(before(at)));
    let (mut wrong, mut at) = (Vec::new(), 0);
    while at < seen.len() {
        let number = at as u64 + 1;
        match (broken(at), broken(at + 1)) {
            (false, _) => {}
            // Neither does it name the one before, nor is it named by the next one.
            (true, true) => {
                wrong.push(Wrong::Changed(number));
                at += 1;
            }
            (true, false) if at == 0 => wrong.push(Wrong::Changed(1)),
            (true, false) if at + 1 == seen.len() => {
                wrong.push(Wrong::Either(number - 1, number));
            }
            (true, false) => wrong.push(Wrong::Changed(number - 1)),
        }
        at += 1;
    }
    wrong
}

/// Files of hashes that do not hold what they should.
fn wrong_tiles(folder: &Path, leaves: &[Hash]) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let mut compare = Tiles::new(|path: &str, right: &[u8]| {
        if fs::read(folder.join(path)).ok().as_deref() != Some(right) {
            wrong.push(Wrong::Tile(path.to_owned()));
        }
        io::Result::Ok(())
    });
    let walked = leaves.iter().try_for_each(|leaf| compare.push_leaf(*leaf));
    let walked = walked.and_then(|()| compare.finish());
    wrong.extend(walked.err().map(|fault| Wrong::File(fault.to_string())));
    wrong
}

/// Whether these records begin with those of an older checkpoint.
fn other_past(leaves: &[Hash], older: &Checkpoint) -> Option<Wrong> {
    let (was, is) = (older.size, leaves.len() as u64);
    if was > is {
        return Some(Wrong::Shorter { was, is });
    }
    let then = Frontier::of(&leaves[..was as usize]).root();
    (then != older.root).then_some(Wrong::History(was))
}

#[cfg(test)]
#[path = "verify/tests.rs"]
mod tests;
