//! The last packets of one published track, for receivers that ask again.

use bytes::Bytes;

use super::limits::RING_PACKETS;
use super::rtp::View;

/// One packet as it arrived, opened.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) view: View,
    pub(super) packet: Bytes,
}

/// A ring by sequence number: bounded, overwriting the oldest.
#[derive(Debug, Default)]
pub(super) struct Ring {
    slots: Vec<Option<Kept>>,
}

impl Ring {
    /// Keeps a packet in place of the one that had its slot.
    pub(super) fn keep(&mut self, view: View, packet: Bytes) {
        if self.slots.is_empty() {
            self.slots.resize_with(RING_PACKETS, || None); // Only tracks that are used pay for it.
        }
        let slot = usize::from(view.seq) % RING_PACKETS;
        self.slots[slot] = Some(Kept { view, packet });
    }

    /// The packet of this number, unless it is too old.
    pub(super) fn find(&self, seq: u16) -> Option<&Kept> {
        let slot = self.slots.get(usize::from(seq) % RING_PACKETS)?.as_ref()?;
        (slot.view.seq == seq).then_some(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::rtp::Head;

    fn packet(seq: u16) -> (View, Bytes) {
        let head =
            Head { marker: false, padding: false, payload_type: 96, seq, timestamp: 0, ssrc: 1 };
        let mut out = Vec::new();
        head.write(&[], &mut out);
        (View::parse(&out).unwrap(), out.into())
    }

    #[test]
    fn the_newest_are_found_and_the_oldest_are_gone() {
        let mut ring = Ring::default();
        assert!(ring.find(0).is_none());
        for n in 0..RING_PACKETS as u32 + 10 {
            let (view, bytes) = packet((n as u16).wrapping_sub(5));
            ring.keep(view, bytes);
        }
        assert!(ring.find(0u16.wrapping_sub(5)).is_none());
        assert_eq!(ring.find(100).unwrap().view.seq, 100);
        assert!(ring.find(30_000).is_none());
    }
}
