//! Where in the log something stands, and how its files are named.

/// The end of one record: everything up to it has been seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The number of the record; 0 before the first.
    pub number: u64,
    /// The first number of the segment it stands in.
    pub segment: u64,
    /// The byte after it in that segment.
    pub offset: u64,
}

/// Bytes of an encoded place.
const PLACE_BYTES: usize = 24;

impl Place {
    /// The place as bytes, to be kept by the caller.
    pub fn to_bytes(self) -> [u8; PLACE_BYTES] {
        let mut bytes = [0; PLACE_BYTES];
        bytes[..8].copy_from_slice(&self.number.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.segment.to_le_bytes());
        bytes[16..].copy_from_slice(&self.offset.to_le_bytes());
        bytes
    }

    /// The place behind the bytes, when they are one.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; PLACE_BYTES] = bytes.try_into().ok()?;
        let part = |at: usize| bytes[at..at + 8].try_into().ok().map(u64::from_le_bytes);
        Some(Self { number: part(0)?, segment: part(8)?, offset: part(16)? })
    }
}

/// The file of the segment whose first record is `first`. Names sort as the numbers do.
pub fn segment_name(first: u64) -> String {
    format!("wal-{first:020}")
}

/// The first record of the segment behind a file's name, when it is one.
pub fn segment_first(name: &str) -> Option<u64> {
    name.strip_prefix("wal-")?.parse().ok()
}

/// The file a released segment waits in until it is used again.
pub fn spare_name(first: u64) -> String {
    format!("spare-{first:020}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_names_are_read_back() {
        let place = Place { number: 1, segment: 2, offset: u64::MAX };
        assert_eq!(Place::from_bytes(&place.to_bytes()), Some(place));
        assert_eq!(Place::from_bytes(b"short"), None);
        assert_eq!(segment_first(&segment_name(42)), Some(42));
        assert_eq!(segment_first(&spare_name(42)), None);
        assert!(segment_name(9) < segment_name(10));
    }
}
