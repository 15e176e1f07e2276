//! A log as files (c2sp.org/tlog-tiles): entries and hashes in tiles of 256.
//!
//! ```text
//! tile/entries/000          the first 256 entries, each after its length in two bytes
//! tile/0/000                their leaf hashes
//! tile/1/000                the roots of the first 256 tiles of level 0
//! tile/0/001.p/7            a tile that is not full yet
//! ```

use std::io;
use storage::{
    digest::{HASH_BYTES, Hash},
    merkle::{self, Frontier},
};

/// Hashes of a full tile, and entries of a full bundle.
pub const WIDTH: usize = 256;

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Entries.
    Entries,
    /// Hashes of this level.
    Level(usize),
}

/// Where a tile lies; one that is not full says how wide it is.
pub fn path(kind: Kind, index: u64, width: usize) -> String {
    let mut parts = vec![format!("{:03}", index % 1000)];
    let mut rest = index / 1000;
    while rest > 0 {
        parts.push(format!("x{:03}", rest % 1000));
        rest /= 1000;
    }
    parts.reverse();
    let name = match kind {
        Kind::Entries => "entries".to_owned(),
        Kind::Level(level) => level.to_string(),
    };
    let part = if width < WIDTH { format!(".p/{width}") } else { String::new() };
    format!("tile/{name}/{}{part}", parts.join("/"))
}

/// Takes entries one by one and hands out each file when it is complete.
pub struct Tiles<S> {
    sink: S,
    bundle: Vec<u8>,
    levels: Vec<Level>,
    tree: Frontier,
}

#[derive(Default)]
struct Level {
    hashes: Vec<Hash>,
    full: u64,
}

impl<S: FnMut(&str, &[u8]) -> io::Result<()>> Tiles<S> {
    /// No entry yet; `sink` is given the path and the bytes of every file.
    pub fn new(sink: S) -> Self {
        Self { sink, bundle: Vec::new(), levels: Vec::new(), tree: Frontier::default() }
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// What the sink says, or that the entry is longer than one can be.
    pub fn push(&mut self, entry: &[u8]) -> io::Result<()> {
        let length = u16::try_from(entry.len()).map_err(io::Error::other)?;
        self.bundle.extend(length.to_be_bytes());
        self.bundle.extend(entry);
        self.push_leaf(merkle::leaf(entry))
    }

    /// Adds the hash of an entry; then there are no bundles, only hashes.
    ///
    /// # Errors
    /// What the sink says.
    pub fn push_leaf(&mut self, leaf: Hash) -> io::Result<()> {
        self.tree.push(leaf);
        let (mut hash, mut level) = (leaf, 0);
        loop {
            if self.levels.len() == level {
                self.levels.push(Level::default());
            }
            self.levels[level].hashes.push(hash);
            if self.levels[level].hashes.len() < WIDTH {
                return Ok(());
            }
            self.hand_out(level)?;
            let Level { hashes, full } = &mut self.levels[level];
            hash = Frontier::of(&*hashes).root();
            hashes.clear();
            *full += 1;
            level += 1;
        }
    }

    /// Hands out what is not full, and says what it all comes down to.
    ///
    /// # Errors
    /// What the sink says.
    pub fn finish(mut self) -> io::Result<Frontier> {
        for level in 0..self.levels.len() {
            if !self.levels[level].hashes.is_empty() {
                self.hand_out(level)?;
            }
        }
        Ok(self.tree)
    }

    fn hand_out(&mut self, level: usize) -> io::Result<()> {
        let Level { hashes, full } = &self.levels[level];
        if level == 0 && !self.bundle.is_empty() {
            (self.sink)(&path(Kind::Entries, *full, hashes.len()), &self.bundle)?;
            self.bundle.clear();
        }
        (self.sink)(&path(Kind::Level(level), *full, hashes.len()), &hashes.concat())
    }
}

/// The entries of a bundle, up to the first byte that makes no sense.
pub fn entries(mut bundle: &[u8]) -> (Vec<&[u8]>, bool) {
    let mut found = Vec::new();
    while let Some((length, rest)) = bundle.split_first_chunk::<2>() {
        let Some((entry, rest)) = rest.split_at_checked(u16::from_be_bytes(*length).into()) else {
            break;
        };
        found.push(entry);
        bundle = rest;
    }
    (found, bundle.is_empty())
}

/// The hashes of a tile; none when it is not one of this width.
pub fn hashes(tile: &[u8], width: usize) -> Option<Vec<Hash>> {
    let (hashes, rest) = tile.as_chunks::<HASH_BYTES>();
    (rest.is_empty() && hashes.len() == width).then(|| hashes.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn tiles_lie_where_the_specification_says() {
        assert_eq!(path(Kind::Level(0), 0, WIDTH), "tile/0/000");
        assert_eq!(path(Kind::Level(1), 1_234_067, WIDTH), "tile/1/x001/x234/067");
        assert_eq!(path(Kind::Entries, 273, 112), "tile/entries/273.p/112");
    }

    #[test]
    fn seventy_thousand_entries_are_files_of_three_levels() {
        let mut files = BTreeMap::new();
        let mut tiles = Tiles::new(|path: &str, bytes: &[u8]| {
            files.insert(path.to_owned(), bytes.to_vec());
            Ok(())
        });
        for number in 0..70_000u32 {
            tiles.push(&number.to_be_bytes()).expect("taken");
        }
        let tree = tiles.finish().expect("taken");
        // As the specification's own example: 273 full tiles and one of 112.
        assert_eq!(tree.size(), 70_000);
        assert!(files.contains_key("tile/0/272") && files.contains_key("tile/0/273.p/112"));
        assert!(files.contains_key("tile/1/000") && files.contains_key("tile/1/001.p/17"));
        assert!(files.contains_key("tile/2/000.p/1") && !files.contains_key("tile/0/273"));
        let (last, whole) = entries(&files["tile/entries/273.p/112"]);
        assert!(whole && last.len() == 112 && last[111] == 69_999u32.to_be_bytes());
        let top = hashes(&files["tile/2/000.p/1"], 1).expect("a tile");
        let first = (0..65_536u32).map(|it| merkle::leaf(&it.to_be_bytes()));
        assert_eq!(top[0], Frontier::of(&first.collect::<Vec<_>>()).root());
    }

    #[test]
    fn a_bundle_that_is_cut_gives_what_is_whole_and_says_so() {
        assert_eq!(entries(&[0, 1, 7, 0, 0]), (vec![&[7][..], &[]], true));
        assert_eq!(entries(&[0, 1, 7, 0, 9, 1]), (vec![&[7][..]], false));
        assert_eq!(hashes(&[0; 33], 1), None);
    }
}
