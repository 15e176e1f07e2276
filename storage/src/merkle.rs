//! A Merkle tree that only grows (RFC 9162, 2.1): what proves that a log was only added to.
//!
//! Only the frontier is held, the roots of the perfect trees that the leaves so far make up: one for
//! each bit that is set in their number. That is enough to add a leaf and to say the root.
//!
//! # Invariants
//! - **MK1** A frontier holds as many roots as bits are set in its size.

use serde::{Deserialize, Serialize};

use crate::digest::{HASH_BYTES, Hash, Hasher, sha256};

/// The hash of a leaf.
pub fn leaf(bytes: &[u8]) -> Hash {
    let mut hasher = Hasher::default();
    hasher.update(&[0]);
    hasher.update(bytes);
    hasher.finish()
}

/// The hash of two trees of the same size that follow each other.
pub fn join(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1; 1 + 2 * HASH_BYTES];
    bytes[1..=HASH_BYTES].copy_from_slice(left);
    bytes[HASH_BYTES + 1..].copy_from_slice(right);
    sha256(&bytes)
}

/// What is held of a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frontier {
    size: u64,
    /// The largest first.
    roots: Vec<Hash>,
}

impl Frontier {
    /// The frontier of these leaves.
    pub fn of<'a>(leaves: impl IntoIterator<Item = &'a Hash>) -> Self {
        let mut frontier = Self::default();
        leaves.into_iter().for_each(|leaf| frontier.push(*leaf));
        frontier
    }

    /// How many leaves there are.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds the hash of a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let (mut hash, mut before) = (leaf, self.size);
        while before & 1 == 1 {
            let left = self.roots.pop().expect("MK1: a bit that is set has a root");
            hash = join(&left, &hash);
            before >>= 1;
        }
        self.roots.push(hash);
        self.size += 1;
        self.check();
    }

    /// The root of the whole tree.
    pub fn root(&self) -> Hash {
        let mut roots = self.roots.iter().rev();
        match roots.next() {
            None => sha256(b""),
            Some(last) => roots.fold(*last, |right, left| join(left, &right)),
        }
    }

    /// Panics when it is none (MK1).
    pub fn check(&self) {
        assert_eq!(self.roots.len(), self.size.count_ones() as usize, "MK1");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::hex;

    /// As RFC 9162 defines it, word by word.
    fn by_the_book(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => sha256(b""),
            [one] => *one,
            many => {
                let k = many.len().next_power_of_two() / 2;
                join(&by_the_book(&many[..k]), &by_the_book(&many[k..]))
            }
        }
    }

    #[test]
    fn mk1_a_frontier_says_the_root_of_the_book_at_every_size() {
        let leaves: Vec<Hash> = (0..300u32).map(|it| leaf(&it.to_be_bytes())).collect();
        let mut frontier = Frontier::default();
        assert_eq!(frontier.root(), by_the_book(&[]));
        for size in 1..=leaves.len() {
            frontier.push(leaves[size - 1]);
            assert_eq!(frontier.root(), by_the_book(&leaves[..size]), "{size}");
            assert_eq!(frontier.size(), size as u64);
        }
        assert_eq!(Frontier::of(&leaves), frontier);
    }

    #[test]
    fn the_known_root_of_two_leaves() {
        // The second of the reference vectors of certificate transparency: "" and 00.
        let root = Frontier::of(&[leaf(b""), leaf(&[0])]).root();
        assert_eq!(hex(&root), "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
    }
}
