//! A look at the browser's first handshake message, to know whether it can do AES-GCM.
//!
//! The DTLS core takes the first SRTP profile the browser lists, and browsers list the old cipher
//! first, which costs three times the CPU per packet. So the node looks which profiles are listed
//! and then offers the core only the better ones.

/// A longer first message is not waited for.
const HELLO_BYTES_MAX: usize = 8_192;
/// Datagrams held back while the message is incomplete.
const HELD_MAX: usize = 8;

/// What the first message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ciphers {
    /// It lists an AES-GCM profile.
    Gcm,
    /// It does not, or it could not be read: the core shall judge.
    Any,
}

/// Collects the first message, which may come in pieces.
#[derive(Debug, Default)]
pub(super) struct Hello {
    held: Vec<Vec<u8>>,
    body: Vec<u8>,
}

impl Hello {
    /// Takes a datagram. Once it is clear what the message says, all datagrams held are given
    /// back with the verdict.
    pub(super) fn take(&mut self, datagram: &[u8]) -> Option<(Ciphers, Vec<Vec<u8>>)> {
        self.held.push(datagram.to_vec());
        let verdict = match self.read(datagram) {
            Some(true) => ciphers(&self.body).unwrap_or(Ciphers::Any),
            Some(false) if self.held.len() < HELD_MAX => return None,
            _ => Ciphers::Any,
        };
        self.body.clear();
        Some((verdict, std::mem::take(&mut self.held)))
    }

    /// Adds the pieces in a datagram: true when complete, `None` when this is something else.
    fn read(&mut self, mut rest: &[u8]) -> Option<bool> {
        while !rest.is_empty() {
            // Record: type 22, version, epoch 0, number, length.
            let (head, after) = rest.split_at_checked(13)?;
            let (record, after) =
                after.split_at_checked(usize::from(number(&head[11..13])? as u16))?;
            if head[0] != 22 || head[3..5] != [0, 0] {
                return None;
            }
            rest = after;
            // Handshake: type 1, length, message number, offset and length of this piece.
            let (head, piece) = record.split_at_checked(12)?;
            let total = number(&head[1..4])? as usize;
            let (offset, len) = (number(&head[6..9])? as usize, number(&head[9..12])? as usize);
            let is_next = head[0] == 1 && offset == self.body.len() && len == piece.len();
            if !is_next || total > HELLO_BYTES_MAX || offset + len > total {
                return None;
            }
            self.body.extend_from_slice(piece);
            if self.body.len() == total {
                return Some(true);
            }
        }
        Some(false)
    }
}

/// A big-endian number of up to four bytes.
fn number(bytes: &[u8]) -> Option<u32> {
    (bytes.len() <= 4).then(|| bytes.iter().fold(0, |n, byte| (n << 8) | u32::from(*byte)))
}

/// Skips a field that says its length in `width` bytes, and returns it and the rest.
fn field(bytes: &[u8], width: usize) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_at_checked(width)?;
    rest.split_at_checked(number(length)? as usize)
}

/// Reads the whole message down to the list of SRTP profiles.
fn ciphers(body: &[u8]) -> Option<Ciphers> {
    let rest = body.get(34..)?; // version and random
    let (_, rest) = field(rest, 1)?; // session
    let (_, rest) = field(rest, 1)?; // cookie
    let (_, rest) = field(rest, 2)?; // cipher suites
    let (_, rest) = field(rest, 1)?; // compression
    let (mut extensions, _) = field(rest, 2)?;
    while let Some((kind, rest)) = extensions.split_at_checked(2) {
        let (value, rest) = field(rest, 2)?;
        extensions = rest;
        if kind == [0, 14] {
            let (profiles, _) = field(value, 2)?;
            let is_gcm = |profile: &[u8]| profile == [0, 7] || profile == [0, 8];
            let gcm = profiles.chunks(2).any(is_gcm);
            return Some(if gcm { Ciphers::Gcm } else { Ciphers::Any });
        }
    }
    Some(Ciphers::Any)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(profiles: &[u8]) -> Vec<u8> {
        let mut body = vec![0xfe, 0xfd];
        body.extend_from_slice(&[7; 32]);
        body.extend_from_slice(&[0, 0, 0, 2, 0xc0, 0x2b, 1, 0]);
        let srtp = [&[0, profiles.len() as u8][..], profiles, &[0]].concat();
        let extensions = [&[0, 23, 0, 0, 0, 14, 0, srtp.len() as u8][..], &srtp].concat();
        body.extend_from_slice(&[0, extensions.len() as u8]);
        body.extend_from_slice(&extensions);
        body
    }

    fn piece(body: &[u8], from: usize, to: usize) -> Vec<u8> {
        let len = (to - from) as u8;
        let mut out = vec![22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, len + 12];
        out.extend_from_slice(&[1, 0, 0, body.len() as u8, 0, 0, 0, 0, from as u8, 0, 0, len]);
        out.extend_from_slice(&body[from..to]);
        out
    }

    #[test]
    fn the_old_cipher_first_and_gcm_after_is_gcm() {
        let whole = body(&[0, 1, 0, 8, 0, 7]);
        let (verdict, held) = Hello::default().take(&piece(&whole, 0, whole.len())).unwrap();
        assert_eq!((verdict, held.len()), (Ciphers::Gcm, 1));
        let old = body(&[0, 1]);
        let (verdict, _) = Hello::default().take(&piece(&old, 0, old.len())).unwrap();
        assert_eq!(verdict, Ciphers::Any);
    }

    #[test]
    fn pieces_are_joined_and_given_back() {
        let whole = body(&[0, 1, 0, 8]);
        let mut hello = Hello::default();
        let (first, second) = (piece(&whole, 0, 20), piece(&whole, 20, whole.len()));
        assert_eq!(hello.take(&first), None);
        assert_eq!(hello.take(&second), Some((Ciphers::Gcm, vec![first, second])));
    }

    #[test]
    fn hostile_messages_are_left_to_the_core() {
        let whole = body(&[0, 8]);
        let good = piece(&whole, 0, whole.len());
        for end in 0..good.len() {
            if let Some((verdict, _)) = Hello::default().take(&good[..end]) {
                assert_eq!(verdict, Ciphers::Any);
            }
        }
        for at in 0..good.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bytes = good.clone();
                bytes[at] = value;
                Hello::default().take(&bytes);
            }
        }
        let mut hello = Hello::default();
        let first = piece(&whole, 0, 20);
        let given = (0..HELD_MAX).find_map(|n| hello.take(if n == 0 { &first } else { &[] }));
        assert_eq!(given.unwrap().1.len(), HELD_MAX, "nothing is held for ever");
    }
}
