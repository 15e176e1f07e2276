//! Who receives whose tracks: pure, so that the loop that obeys needs no opinion.
//!
//! Everybody who sits receives every track of everybody else, up to a bound per kind. When there
//! are more, screens come before faces, and the order of session ids decides among equals, so
//! that everybody sees the same people.
//!
//! # Invariants
//! - **M1** Nobody receives own tracks.
//! - **M2** Nobody receives more than [`SOUNDS`] sounds and [`PICTURES`] pictures.

use protocol::{
    id::SessionId,
    media::{Source, Track},
};
use std::collections::BTreeMap;

use crate::effect::Feed;

/// Sounds one device receives at most.
pub const SOUNDS: usize = 24;
/// Pictures one device receives at most.
pub const PICTURES: usize = 24;

/// For each sitting device the tracks it receives: publisher and line.
pub fn choose(
    sitting: impl Iterator<Item = SessionId>,
    tracks: &BTreeMap<SessionId, Vec<Track>>,
) -> Vec<(SessionId, Vec<Feed>)> {
    let mut all: Vec<(SessionId, &Track)> =
        tracks.iter().flat_map(|(id, tracks)| tracks.iter().map(|track| (*id, track))).collect();
    all.sort_by_key(|(_, track)| rank(track.source));
    sitting.map(|receiver| (receiver, share(receiver, &all))).collect()
}

fn share(receiver: SessionId, all: &[(SessionId, &Track)]) -> Vec<Feed> {
    let (mut sounds, mut pictures) = (SOUNDS, PICTURES);
    let mut mine = Vec::new();
    for (publisher, track) in all.iter().filter(|(publisher, _)| *publisher != receiver) {
        let left = if is_sound(track.source) { &mut sounds } else { &mut pictures };
        if *left > 0 {
            *left -= 1;
            let (publisher, mid, source) = (*publisher, track.mid.clone(), track.source);
            mine.push(Feed { publisher, mid, source });
        }
    }
    assert!(mine.iter().all(|feed| feed.publisher != receiver), "M1");
    assert!(mine.len() <= SOUNDS + PICTURES, "M2");
    mine
}

/// Whether a source is heard rather than seen.
pub const fn is_sound(source: Source) -> bool {
    matches!(source, Source::Microphone | Source::ScreenSound)
}

const fn rank(source: Source) -> u8 {
    match source {
        Source::Screen | Source::ScreenSound => 0,
        Source::Camera | Source::Microphone => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(mid: &str, source: Source) -> Track {
        Track { mid: mid.into(), source, on: true }
    }

    #[test]
    fn m1_two_people_receive_each_other_and_never_themselves() {
        let (a, b) = (SessionId::from_u128(1), SessionId::from_u128(2));
        let tracks = BTreeMap::from([
            (a, vec![track("0", Source::Microphone), track("1", Source::Camera)]),
            (b, vec![track("0", Source::Microphone)]),
        ]);
        let shares = choose([a, b].into_iter(), &tracks);
        let feed = |publisher, mid: &str, source| Feed { publisher, mid: mid.into(), source };
        assert_eq!(shares[0], (a, vec![feed(b, "0", Source::Microphone)]));
        let of_a = vec![feed(a, "0", Source::Microphone), feed(a, "1", Source::Camera)];
        assert_eq!(shares[1], (b, of_a));
    }

    #[test]
    fn m2_a_crowd_is_cut_at_the_bound_and_screens_come_first() {
        let crowd = 1..=60u128;
        let tracks = crowd.map(|n| {
            let source = if n == 60 { Source::Screen } else { Source::Camera };
            (SessionId::from_u128(n), vec![track("0", source)])
        });
        let shares = choose([SessionId::from_u128(99)].into_iter(), &tracks.collect());
        assert_eq!(shares[0].1.len(), PICTURES);
        assert_eq!(shares[0].1[0].publisher, SessionId::from_u128(60));
    }
}
