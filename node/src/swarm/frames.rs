//! Bytes on a stream: frames with their length in front, and the hello that opens it.
//!
//! A frame is a length (u32, little endian) and so many bytes. The first frame of a stream is the
//! sender's hello; the other side answers with its own once, which says that the stream arrived,
//! and nothing ever after.
//!
//! ```text
//! hello  "konsil" | newest version 2 | boot 8 | count 8 | since version 2: oldest version 2
//! ```
//!
//! Version 1 passes over what follows its own words, as every later one does. Who cannot speak with
//! the other answers all the same, for no line, so that both see why (VR1).

use bytes::{Bytes, BytesMut};
use libp2p::futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use protocol::{peer::PEER_FRAME_BYTES, version::Spoken};
use std::io;

const MAGIC: [u8; 6] = *b"konsil";
/// What every hello holds: the whole of version 1's.
const HELLO_BYTES: usize = MAGIC.len() + 2 + 8 + 8;
/// The first version whose hello says the oldest.
const SAYS_OLDEST: u16 = 2;
/// A later release may say more; what follows is passed over.
const HELLO_MAX: usize = 256;
/// Memory is taken in steps: an announced length alone costs nothing.
const STEP: usize = 256 * 1024;

/// One direction between two members, from its beginning to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LineId {
    /// Chance, made when the sending swarm started.
    pub(super) boot: u64,
    /// Rises with every line of that swarm.
    pub(super) count: u64,
}

impl LineId {
    /// No line: the answer to a hello that is not taken.
    pub(super) const NONE: Self = Self { boot: 0, count: 0 };

    /// Whether a line of the same start came later than this one.
    pub(super) fn outdated(self, by: Self) -> bool {
        self.boot == by.boot && self.count <= by.count
    }
}

/// What a stream begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hello {
    /// Which line it belongs to.
    pub(super) line: LineId,
    /// What its sender speaks.
    pub(super) spoken: Spoken,
}

/// Why nothing more is read from a stream.
#[derive(Debug)]
pub(super) enum Cut {
    /// It ended or broke.
    Over,
    /// A frame beyond the bound.
    TooLong,
    /// The first frame is no hello.
    NoHello,
}

impl From<io::Error> for Cut {
    fn from(_: io::Error) -> Self {
        Self::Over
    }
}

/// Reads one frame of at most `max` bytes.
pub(super) async fn read<S: AsyncRead + Unpin>(from: &mut S, max: usize) -> Result<Bytes, Cut> {
    let mut head = [0; 4];
    from.read_exact(&mut head).await?;
    let len = u32::from_le_bytes(head) as usize;
    if len > max {
        return Err(Cut::TooLong);
    }
    let mut body = BytesMut::new();
    while body.len() < len {
        let have = body.len();
        body.resize(len.min(have + STEP), 0);
        from.read_exact(&mut body[have..]).await?;
    }
    Ok(body.freeze())
}

/// Writes frames: short ones together, long ones as they lie. `buffer` is scratch space.
pub(super) async fn write<S: AsyncWrite + Unpin>(
    to: &mut S,
    frames: &[Bytes],
    buffer: &mut Vec<u8>,
) -> io::Result<()> {
    const LONG: usize = 64 * 1024;
    buffer.clear();
    for frame in frames {
        assert!(frame.len() <= PEER_FRAME_BYTES, "the queue takes no longer frame");
        buffer.extend((frame.len() as u32).to_le_bytes());
        if frame.len() < LONG {
            buffer.extend_from_slice(frame);
            continue;
        }
        to.write_all(buffer).await?;
        buffer.clear();
        to.write_all(frame).await?;
    }
    to.write_all(buffer).await?;
    to.flush().await
}

/// Says hello, or answers one.
pub(super) async fn greet<S: AsyncWrite + Unpin>(to: &mut S, hello: Hello) -> io::Result<()> {
    let Hello { line, spoken } = hello;
    let mut bytes = Vec::with_capacity(HELLO_BYTES + 2);
    bytes.extend(MAGIC);
    bytes.extend(spoken.newest.to_le_bytes());
    bytes.extend(line.boot.to_le_bytes());
    bytes.extend(line.count.to_le_bytes());
    if spoken.newest >= SAYS_OLDEST {
        bytes.extend(spoken.oldest.to_le_bytes());
    }
    write(to, &[bytes.into()], &mut Vec::new()).await
}

/// Reads a hello, or the answer to one.
pub(super) async fn greeted<S: AsyncRead + Unpin>(from: &mut S) -> Result<Hello, Cut> {
    let hello = match read(from, HELLO_MAX).await {
        Err(Cut::TooLong) => return Err(Cut::NoHello),
        other => other?,
    };
    let (magic, rest) = hello.split_at_checked(MAGIC.len()).ok_or(Cut::NoHello)?;
    let (newest, rest) = rest.split_first_chunk().ok_or(Cut::NoHello)?;
    let (boot, rest) = rest.split_first_chunk().ok_or(Cut::NoHello)?;
    let (count, rest) = rest.split_first_chunk().ok_or(Cut::NoHello)?;
    let newest = u16::from_le_bytes(*newest);
    if magic != MAGIC || newest == 0 {
        return Err(Cut::NoHello);
    }
    // Version 1 says no oldest: there was none before it.
    let oldest = rest.split_first_chunk().map_or(newest, |(it, _)| u16::from_le_bytes(*it));
    let line = LineId { boot: u64::from_le_bytes(*boot), count: u64::from_le_bytes(*count) };
    Ok(Hello { line, spoken: Spoken { oldest, newest } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use libp2p::futures::{executor::block_on, io::Cursor};

    fn read_back(bytes: &[u8], max: usize) -> Result<Bytes, Cut> {
        block_on(read(&mut Cursor::new(bytes), max))
    }

    #[test]
    fn frames_of_every_length_come_back_as_they_were() {
        let frames: Vec<Bytes> = [0, 1, 65_535, 65_536, 700_000, 3]
            .into_iter()
            .map(|len: usize| (0..len).map(|at| at as u8).collect())
            .collect();
        let mut wire = Vec::new();
        block_on(write(&mut wire, &frames, &mut Vec::new())).expect("memory takes all");
        let mut from = Cursor::new(wire);
        for frame in frames {
            assert_eq!(block_on(read(&mut from, PEER_FRAME_BYTES)).expect("whole"), frame);
        }
        assert!(matches!(block_on(read(&mut from, 1)), Err(Cut::Over)));
    }

    #[test]
    fn a_length_beyond_the_bound_is_refused_before_any_memory_is_taken() {
        assert!(matches!(read_back(&u32::MAX.to_le_bytes(), 8), Err(Cut::TooLong)));
        assert!(matches!(read_back(&9_u32.to_le_bytes(), 8), Err(Cut::TooLong)));
        assert!(matches!(read_back(&8_u32.to_le_bytes(), 8), Err(Cut::Over)));
    }

    fn written(hello: Hello) -> Vec<u8> {
        let mut wire = Vec::new();
        block_on(greet(&mut wire, hello)).expect("memory takes all");
        wire
    }

    fn heard(bytes: &[u8]) -> Result<Hello, Cut> {
        block_on(greeted(&mut Cursor::new(bytes)))
    }

    const LINE: LineId = LineId { boot: 7, count: 3 };
    /// What the first release says of that line.
    const FIRST: &[u8] = b"\x18\0\0\0konsil\x01\0\x07\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0";

    #[test]
    fn a_hello_is_understood_and_anything_else_is_not() {
        let hello = Hello { line: LINE, spoken: Spoken { oldest: 2, newest: 5 } };
        let wire = written(hello);
        assert_eq!(heard(&wire).expect("a hello"), hello);
        let mut longer = wire.clone();
        longer[0] += 1;
        longer.push(0xff);
        assert_eq!(heard(&longer).expect("a later release"), hello);
        for at in 4..4 + MAGIC.len() {
            let mut wrong = wire.clone();
            wrong[at] ^= 1;
            assert!(matches!(heard(&wrong), Err(Cut::NoHello)));
        }
        let mut huge = wire.clone();
        huge[..4].copy_from_slice(&(HELLO_MAX as u32 + 1).to_le_bytes());
        assert!(matches!(heard(&huge), Err(Cut::NoHello)));
        for short in 0..HELLO_BYTES {
            let mut cut = (short as u32).to_le_bytes().to_vec();
            cut.extend_from_slice(&wire[4..4 + short]);
            assert!(matches!(heard(&cut), Err(Cut::NoHello)));
        }
    }

    #[test]
    fn vr2_the_first_releases_hello_is_understood_and_is_how_every_hello_begins() {
        let spoken = Spoken { oldest: 1, newest: 1 };
        let first = Hello { line: LINE, spoken };
        assert_eq!(heard(FIRST).expect("the first release"), first);
        assert_eq!(written(first), FIRST, "who speaks nothing newer says nothing more");
        let ours = written(Hello { line: LINE, spoken: Spoken::OURS });
        let same = |range: std::ops::Range<usize>| ours[range.clone()] == FIRST[range];
        assert!(same(4..10) && same(12..28), "only the version differs");
        assert_eq!(ours.len(), FIRST.len() + 2, "and the first release passes over the oldest");
    }

    #[test]
    fn a_later_line_of_the_same_start_outdates_an_earlier_one() {
        let line = |boot, count| LineId { boot, count };
        assert!(line(1, 4).outdated(line(1, 4)) && line(1, 3).outdated(line(1, 4)));
        assert!(!line(1, 5).outdated(line(1, 4)) && !line(2, 1).outdated(line(1, 4)));
    }
}
