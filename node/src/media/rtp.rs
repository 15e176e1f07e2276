//! The RTP header, read in place and written anew.
//!
//! The header is never encrypted, so it is read before a packet is opened, and it is short, so
//! each receiver gets a freshly written one.

/// What the first bytes of a datagram say it is (RFC 7983).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
}

/// Tells the protocols apart that share one port.
pub(super) fn classify(datagram: &[u8]) -> Option<Class> {
    match (datagram.first()?, datagram.get(1)?) {
        (0..=3, _) if datagram.len() >= 20 => Some(Class::Stun),
        (20..=63, _) => Some(Class::Dtls),
        (128..=191, 192..=223) if datagram.len() >= 8 => Some(Class::Rtcp),
        (128..=191, _) if datagram.len() >= 12 => Some(Class::Rtp),
        _ => None,
    }
}

/// The parsed header of one packet. Offsets point into the packet it was parsed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct View {
    pub(super) marker: bool,
    pub(super) padding: bool,
    pub(super) payload_type: u8,
    pub(super) seq: u16,
    pub(super) timestamp: u32,
    pub(super) ssrc: u32,
    /// Where the payload begins.
    pub(super) header_len: usize,
    extensions_at: usize,
    two_byte: bool,
}

fn u16_at(b: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*b.get(at)?, *b.get(at + 1)?]))
}

fn u32_at(b: &[u8], at: usize) -> Option<u32> {
    Some((u32::from(u16_at(b, at)?) << 16) | u32::from(u16_at(b, at + 2)?))
}

impl View {
    /// Reads the header; `None` for anything that is not RTP version 2 and complete.
    pub(super) fn parse(packet: &[u8]) -> Option<View> {
        let (first, second) = (*packet.first()?, *packet.get(1)?);
        if first >> 6 != 2 {
            return None;
        }
        let mut header_len = 12 + 4 * usize::from(first & 0x0f);
        let (mut extensions_at, mut two_byte) = (header_len, false);
        if first & 0x10 != 0 {
            let profile = u16_at(packet, header_len)?;
            let words = usize::from(u16_at(packet, header_len + 2)?);
            two_byte = profile & 0xfff0 == 0x1000;
            extensions_at = header_len + 4;
            header_len = extensions_at + 4 * words;
            if !two_byte && profile != 0xbede {
                // An unknown kind of extension: skipped, never interpreted.
                extensions_at = header_len;
            }
        }
        if packet.len() < header_len {
            return None;
        }
        Some(View {
            marker: second & 0x80 != 0,
            padding: first & 0x20 != 0,
            payload_type: second & 0x7f,
            seq: u16_at(packet, 2)?,
            timestamp: u32_at(packet, 4)?,
            ssrc: u32_at(packet, 8)?,
            header_len,
            extensions_at,
            two_byte,
        })
    }

    /// The header extensions, as identifier and value.
    pub(super) fn extensions<'a>(&self, packet: &'a [u8]) -> Extensions<'a> {
        let rest = packet.get(self.extensions_at..self.header_len).unwrap_or_default();
        Extensions { rest, two_byte: self.two_byte }
    }
}

/// Walks the extensions of one packet; stops at the first malformed one.
pub(super) struct Extensions<'a> {
    rest: &'a [u8],
    two_byte: bool,
}

impl<'a> Iterator for Extensions<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while self.rest.first() == Some(&0) {
            self.rest = &self.rest[1..];
        }
        let first = *self.rest.first()?;
        let (id, len, head) = if self.two_byte {
            (first, usize::from(*self.rest.get(1)?), 2)
        } else {
            (first >> 4, usize::from(first & 0x0f) + 1, 1)
        };
        if !self.two_byte && id == 15 {
            return None;
        }
        let value = self.rest.get(head..head + len)?;
        self.rest = &self.rest[head + len..];
        Some((id, value))
    }
}

/// What a freshly written header says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) marker: bool,
    pub(super) padding: bool,
    pub(super) payload_type: u8,
    pub(super) seq: u16,
    pub(super) timestamp: u32,
    pub(super) ssrc: u32,
}

impl Head {
    /// Appends the header with these extensions; what follows in `out` shall be the payload.
    /// Returns the header's length.
    pub(super) fn write(&self, extensions: &[(u8, &[u8])], out: &mut Vec<u8>) -> usize {
        let start = out.len();
        let flag = |on: bool, bit: u8| if on { bit } else { 0 };
        out.push(0x80 | flag(self.padding, 0x20) | flag(!extensions.is_empty(), 0x10));
        out.push(flag(self.marker, 0x80) | (self.payload_type & 0x7f));
        out.extend_from_slice(&self.seq.to_be_bytes());
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        if extensions.is_empty() {
            return out.len() - start;
        }
        let fits = |(id, value): &(u8, &[u8])| *id < 15 && (1..=16).contains(&value.len());
        let one_byte = extensions.iter().all(fits);
        out.extend_from_slice(if one_byte { &[0xbe, 0xde] } else { &[0x10, 0x00] });
        let length_at = out.len();
        out.extend_from_slice(&[0, 0]);
        for (id, value) in extensions {
            if one_byte {
                out.push((id << 4) | (value.len() as u8 - 1));
            } else {
                out.extend_from_slice(&[*id, value.len() as u8]);
            }
            out.extend_from_slice(value);
        }
        while !(out.len() - length_at - 2).is_multiple_of(4) {
            out.push(0);
        }
        let words = ((out.len() - length_at - 2) / 4) as u16;
        out[length_at..length_at + 2].copy_from_slice(&words.to_be_bytes());
        out.len() - start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Head = Head {
        marker: true,
        padding: false,
        payload_type: 96,
        seq: 0xfffe,
        timestamp: 0xdead_beef,
        ssrc: 0x0102_0304,
    };

    #[test]
    fn a_written_header_reads_the_same() {
        for extensions in [
            vec![],
            vec![(1u8, &b"x"[..])],
            vec![(1, &b"abc"[..]), (14, &b"0123456789abcdef"[..])],
            vec![(1, &b"abc"[..]), (3, &b"seventeen bytes!!"[..])],
            vec![(200, &b""[..])],
        ] {
            let mut packet = Vec::new();
            let len = HEAD.write(&extensions, &mut packet);
            packet.extend_from_slice(b"payload");
            let view = View::parse(&packet).unwrap();
            assert_eq!(view.header_len, len);
            assert_eq!(len % 4, 0);
            assert_eq!((view.seq, view.timestamp, view.ssrc), (0xfffe, 0xdead_beef, 0x0102_0304));
            assert!(view.marker && !view.padding);
            assert_eq!(view.extensions(&packet).collect::<Vec<_>>(), extensions);
        }
    }

    #[test]
    fn golden_bytes_of_a_browser() {
        // V=2 X=1, PT 111, one-byte extensions: 1 = level 0x7f|voice, 3 = transport number 7.
        let packet = [
            0x90, 0xef, 0x00, 0x2a, 0, 0, 3, 0xc0, 0x11, 0x22, 0x33, 0x44, 0xbe, 0xde, 0, 2, 0x10,
            0xff, 0x31, 0x00, 0x07, 0, 0, 0, 0xf8,
        ];
        let view = View::parse(&packet).unwrap();
        assert_eq!((view.payload_type, view.seq, view.header_len), (111, 42, 24));
        let seen: Vec<_> = view.extensions(&packet).collect();
        assert_eq!(seen, [(1, &[0xff][..]), (3, &[0, 7][..])]);
    }

    #[test]
    fn hostile_bytes_never_panic() {
        for len in 0..40 {
            for fill in [0u8, 0x0f, 0x90, 0x9f, 0xff] {
                let packet = vec![fill; len];
                classify(&packet);
                if let Some(view) = View::parse(&packet) {
                    assert!(view.header_len <= packet.len());
                    view.extensions(&packet).for_each(drop);
                }
            }
        }
        // An extension block that claims more than there is.
        let mut packet = vec![0x90; 12];
        packet.extend_from_slice(&[0xbe, 0xde, 0xff, 0xff]);
        assert_eq!(View::parse(&packet), None);
        // A value that claims more than its block.
        let mut packet = vec![0x90; 12];
        packet.extend_from_slice(&[0xbe, 0xde, 0, 1, 0x1f, 0, 0, 0]);
        let view = View::parse(&packet).unwrap();
        assert_eq!(view.extensions(&packet).count(), 0);
    }

    #[test]
    fn protocols_are_told_apart() {
        assert_eq!(classify(&[0; 20]), Some(Class::Stun));
        assert_eq!(classify(&[22, 254]), Some(Class::Dtls));
        assert_eq!(classify(&[0x80; 12]), Some(Class::Rtp));
        let mut rtcp = [0x80; 12];
        rtcp[1] = 201;
        assert_eq!(classify(&rtcp), Some(Class::Rtcp));
        for junk in [&[][..], &[0], &[0; 19], &[0x80; 11], &[255; 100], &[100; 100]] {
            assert_eq!(classify(junk), None);
        }
    }
}
