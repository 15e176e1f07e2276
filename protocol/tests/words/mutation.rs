//! Breaks bytes the way networks, disks and attackers do.

use super::Chance;

/// Numbers that announce too much: bincode's markers for 16, 32, 64 and 128 bits, and the ends.
const MARKERS: [u8; 8] = [0, 1, 250, 251, 252, 253, 254, 255];

/// Texts that break JSON in the middle.
const SPLICES: [&str; 10] = [
    "[[[[[[[[[[[[[[[[",
    "{\"kind\":",
    "\\ud800",
    "18446744073709551616",
    "-1",
    "1e999",
    "null",
    "\u{0}",
    "\"",
    "}}",
];

/// Changes the bytes in one to four places; never makes them longer than `max`.
pub(crate) fn mutate(bytes: &mut Vec<u8>, chance: &mut Chance<'_>, max: usize) {
    for _ in 0..=chance.below(4) {
        let at = if bytes.is_empty() { 0 } else { place(chance, bytes.len()) };
        match chance.below(9) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << chance.below(8),
            1 if !bytes.is_empty() => bytes[at] = MARKERS[chance.below(MARKERS.len())],
            2 if !bytes.is_empty() => bytes[at] = chance.byte(),
            3 => bytes.truncate(at),
            4 => {
                // A length that promises the world: a marker and what follows it.
                let huge = [253, chance.byte(), 255, 255, 255, 255, 255, 255, chance.byte()];
                let end = bytes.len().min(at + 1);
                bytes.splice(at..end, huge);
            }
            5 => {
                let splice = SPLICES[chance.below(SPLICES.len())].bytes();
                bytes.splice(at..at, splice);
            }
            6 => {
                // The same part again, many times.
                let end = bytes.len().min(at + 1 + chance.below(64));
                let part = bytes[at..end].repeat(1 + chance.below(16));
                bytes.splice(at..at, part);
            }
            7 => {
                let end = bytes.len().min(at + chance.below(32));
                bytes.drain(at..end);
            }
            _ => {
                let noise: Vec<u8> = (0..chance.below(32)).map(|_| chance.byte()).collect();
                bytes.splice(at..at, noise);
            }
        }
    }
    bytes.truncate(max);
}

/// Nothing but noise, short more often than long.
pub(crate) fn noise(chance: &mut Chance<'_>) -> Vec<u8> {
    let len = if chance.one_in(16) { chance.below(4096) } else { chance.below(64) };
    (0..len).map(|_| chance.byte()).collect()
}

/// A place in `len` bytes, near the front more often: there the lengths and tags are.
fn place(chance: &mut Chance<'_>, len: usize) -> usize {
    let near = len.min(24);
    if chance.one_in(2) { chance.below(near) } else { chance.below(len.min(65_535)) }
}
