//! Frames in pieces, frames that are none, and frames of others.

use super::*;
use proptest::prelude::*;

/// A browser's frame.
fn masked(first: u8, body: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut frame = Vec::new();
    put(&mut frame, 0, body);
    frame[0] = first;
    frame[1] |= MASKED;
    let head = frame.len() - body.len();
    frame.splice(head..head, mask);
    frame[head + 4..].iter_mut().zip(0..).for_each(|(byte, at)| *byte ^= mask[at % 4]);
    frame
}

/// Everything said in these pieces, and what broke it.
fn read(pieces: &[&[u8]]) -> (Vec<Said>, Option<Broken>) {
    let (mut reader, mut all) = (Reader::default(), Vec::new());
    for mut piece in pieces.iter().copied() {
        loop {
            match reader.next(&mut piece) {
                Ok(Some(said)) => all.push(said),
                Ok(None) => break,
                Err(broken) => return (all, Some(broken)),
            }
        }
        assert!(piece.is_empty(), "what is not complete was taken in");
    }
    (all, None)
}

/// A message in frames of its own, with a ping between them, as browsers may send it.
fn message(text: &str, parts: usize, mask: [u8; 4]) -> Vec<u8> {
    let bytes = text.as_bytes();
    let size = bytes.len().div_ceil(parts).max(1);
    let mut chunks: Vec<&[u8]> = bytes.chunks(size).collect();
    if chunks.is_empty() {
        chunks.push(&[]);
    }
    let mut frames = Vec::new();
    for (at, chunk) in chunks.iter().enumerate() {
        let kind = if at == 0 { TEXT } else { MORE };
        let last = if at + 1 == chunks.len() { FINAL } else { 0 };
        frames.extend(masked(last | kind, chunk, mask));
        if last == 0 {
            frames.extend(masked(FINAL | PING, b"there?", mask));
        }
    }
    frames
}

proptest! {
    #[test]
    fn ws3_however_the_bytes_are_cut_the_same_is_read(
        texts in prop::collection::vec((".{0,300}", 1..4usize, any::<[u8; 4]>()), 1..5),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let bytes: Vec<u8> =
            texts.iter().flat_map(|(text, parts, mask)| message(text, *parts, *mask)).collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
        let (said, broken) = read(&pieces);
        prop_assert_eq!(&(said.clone(), broken), &read(&[&bytes]));
        prop_assert_eq!(broken, None);
        let heard = said.into_iter().filter_map(|said| match said {
            Said::Text(text) => Some(text),
            _ => None,
        });
        prop_assert!(heard.eq(texts.iter().map(|(text, ..)| text.clone())));
    }

    #[test]
    fn ws1_noise_holds_no_more_than_a_frame(noise in prop::collection::vec(any::<u8>(), 0..2000)) {
        let mut reader = Reader::default();
        let mut bytes = noise.as_slice();
        while let Ok(Some(_)) = reader.next(&mut bytes) {}
        prop_assert!(reader.message.len() + reader.control.len() <= noise.len());
    }

    #[test]
    fn what_the_node_puts_down_is_read_back(
        all in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 0..5),
        long in 65_000..66_000usize,
    ) {
        let mut frames = Vec::new();
        all.iter().for_each(|one| text(&mut frames, one));
        text(&mut frames, &vec![7; long]);
        let back: Vec<&[u8]> = texts(&frames).collect();
        prop_assert_eq!(back.len(), all.len() + 1);
        prop_assert!(back.iter().zip(&all).all(|(back, one)| *back == one.as_slice()));
        prop_assert_eq!(back[all.len()].len(), long);
    }
}

#[test]
fn ws1_a_frame_too_long_is_refused_at_its_head() {
    let head = |len: u64| [&[FINAL | TEXT, MASKED | 127][..], &len.to_be_bytes(), &[0; 4]].concat();
    for len in [FRAME_UP_BYTES as u64 + 1, 1 << 40, 1 << 63, u64::MAX] {
        assert_eq!(read(&[&head(len)]), (vec![], Some(Broken::TooLong)), "{len}");
    }
    let most = [head(FRAME_UP_BYTES as u64), vec![b'x'; FRAME_UP_BYTES]].concat();
    let (said, broken) = read(&[&most]);
    assert!(matches!(&said[..], [Said::Text(text)] if text.len() == FRAME_UP_BYTES));
    assert_eq!(broken, None);
    // In pieces it is no shorter.
    let half = masked(TEXT, &vec![b'x'; FRAME_UP_BYTES], [0; 4]);
    let more = masked(FINAL, b"x", [0; 4]);
    assert_eq!(read(&[&half, &more]), (vec![], Some(Broken::TooLong)));
}

#[test]
fn ws2_what_the_rfc_forbids_is_refused() {
    let ok = |first, body: &[u8]| masked(first, body, [1, 2, 3, 4]);
    let mut bare = Vec::new();
    text(&mut bare, b"x");
    let forbidden = [
        bare,
        ok(FINAL | 3, b""),                        // a kind that is none
        ok(FINAL | 11, b""),                       // and a control frame that is none
        ok(FINAL | 0x40 | TEXT, b""),              // an extension nobody agreed on
        ok(FINAL | MORE, b"x"),                    // goes on with nothing
        ok(PING, b"x"),                            // a control frame in pieces
        ok(FINAL | PING, &[0; 126]),               // or too long
        ok(FINAL | CLOSE, &[3]),                   // half a reason
        [ok(TEXT, b"a"), ok(TEXT, b"b")].concat(), // a message within a message
    ];
    for bytes in forbidden {
        assert_eq!(read(&[&bytes]), (vec![], Some(Broken::Forbidden)), "{bytes:?}");
    }
    assert_eq!(read(&[&ok(FINAL | TEXT, &[0xc3, 0x28])]), (vec![], Some(Broken::NotText)));
    assert_eq!(read(&[&ok(FINAL | BINARY, b"x")]), (vec![Said::Binary], None));
    let ends = [ok(FINAL | PONG, b""), ok(FINAL | PING, b"a"), ok(FINAL | CLOSE, &[3, 232])];
    let said = vec![Said::Pong, Said::Ping(b"a".to_vec()), Said::Close];
    assert_eq!(read(&[&ends.concat()]), (said, None));
}

#[test]
fn ws4_a_message_in_endless_pieces_is_cut() {
    let cut = |pieces: u16| {
        let mut frames = masked(TEXT, b"", [0; 4]);
        (2..pieces).for_each(|_| frames.extend(masked(MORE, b"", [0; 4])));
        [frames, masked(FINAL, b"x", [0; 4])].concat()
    };
    let whole = cut(PIECES);
    assert_eq!(read(&[&whole, &whole]), (vec![Said::Text("x".into()); 2], None));
    assert_eq!(read(&[&cut(PIECES + 1)]), (vec![], Some(Broken::Forbidden)), "WS4");
}

#[test]
fn control_frames_are_as_others_read_them() {
    assert_eq!(ping(), [0x89, 0]);
    assert_eq!(pong(b"a"), [0x8a, 1, b'a']);
    assert_eq!(close(4000, "bye"), [0x88, 5, 0x0f, 0xa0, b'b', b'y', b'e']);
}
