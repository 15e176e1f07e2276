//! Which m-line of a receiver shows which track. Pure.
//!
//! # Invariants
//! - **M4** A track is shown by at most one m-line, an m-line shows at most one track, and both
//!   are of the same kind.
//! - **M7** A binding that is still wished for never moves: a picture does not jump on the screen.

use super::words::{Kind, TrackKey};

/// One receiving m-line, as this table sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Its position among the m-lines.
    pub(super) line: usize,
    /// What it can show.
    pub(super) kind: Kind,
    /// Which of its kind it is: the third receiving video m-line has ordinal 2.
    pub(super) ordinal: usize,
    /// What it shows.
    pub(super) track: Option<TrackKey>,
}

/// What follows from a set of wishes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// m-lines that change, freed ones first.
    pub(super) changes: Vec<(usize, Option<TrackKey>)>,
    /// Receiving m-lines needed in total, if there are too few.
    pub(super) wanted: Option<(usize, usize)>,
}

/// Plans the bindings for these wishes, of which only tracks that are up are given.
pub(super) fn plan(places: &[Place], wishes: &[(TrackKey, Kind)]) -> Plan {
    let mut places = places.to_vec();
    let mut plan = Plan::default();
    for place in &mut places {
        let kept = |track| wishes.contains(&(track, place.kind));
        if place.track.is_some_and(|track| !kept(track)) {
            place.track = None;
            plan.changes.push((place.line, None));
        }
    }
    for (track, kind) in wishes {
        if places.iter().any(|place| place.track == Some(*track)) {
            continue; // M7
        }
        if let Some(free) = choose(&places, *track, *kind) {
            places[free].track = Some(*track);
            plan.changes.retain(|(line, _)| *line != places[free].line);
            plan.changes.push((places[free].line, Some(*track)));
        }
    }
    let need = |kind| wishes.iter().filter(|(_, k)| *k == kind).count();
    let have = |kind| places.iter().filter(|place| place.kind == kind).count();
    let (audio, video) = (need(Kind::Audio), need(Kind::Video));
    if audio > have(Kind::Audio) || video > have(Kind::Video) {
        plan.wanted = Some((audio.max(have(Kind::Audio)), video.max(have(Kind::Video))));
    }
    check(&places);
    plan
}

/// A free place of the kind. The ordinal that shows the same publisher's other kind comes first:
/// both m-lines then name the same stream, and the browser keeps lips and words together.
fn choose(places: &[Place], track: TrackKey, kind: Kind) -> Option<usize> {
    let pair = places.iter().find(|place| {
        place.kind != kind && place.track.is_some_and(|t| t.publisher == track.publisher)
    });
    let free = |place: &Place| place.kind == kind && place.track.is_none();
    let beside = pair.and_then(|pair| {
        places.iter().position(|place| free(place) && place.ordinal == pair.ordinal)
    });
    // A place whose neighbour is empty too leaves the other publishers' pairs whole.
    let lonely = |place: &Place| {
        !places.iter().any(|other| {
            other.kind != kind && other.ordinal == place.ordinal && other.track.is_some()
        })
    };
    let alone = || places.iter().position(|place| free(place) && lonely(place));
    beside.or_else(alone).or_else(|| places.iter().position(free))
}

fn check(places: &[Place]) {
    for (n, place) in places.iter().enumerate() {
        let twice = places[n + 1..].iter().any(|p| p.track.is_some() && p.track == place.track);
        assert!(!twice, "M4: a track on two m-lines");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(publisher: u128, mid: &str) -> TrackKey {
        TrackKey { publisher, mid: mid.parse().unwrap() }
    }

    fn places(kinds: &[Kind]) -> Vec<Place> {
        let mut ordinals = [0, 0];
        let place = |(line, kind): (usize, &Kind)| {
            let ordinal = &mut ordinals[usize::from(*kind == Kind::Video)];
            *ordinal += 1;
            Place { line, kind: *kind, ordinal: *ordinal - 1, track: None }
        };
        kinds.iter().enumerate().map(place).collect()
    }

    fn apply(places: &mut [Place], plan: &Plan) {
        for (line, track) in &plan.changes {
            places.iter_mut().find(|p| p.line == *line).unwrap().track = *track;
        }
    }

    use Kind::{Audio, Video};

    #[test]
    fn too_few_lines_are_said_once_per_plan_with_totals() {
        let wishes = [(track(1, "0"), Audio), (track(1, "1"), Video), (track(2, "1"), Video)];
        let plan = plan(&places(&[Audio, Video]), &wishes);
        assert_eq!(plan.wanted, Some((1, 2)));
        assert_eq!(plan.changes, [(0, Some(track(1, "0"))), (1, Some(track(1, "1")))]);
    }

    #[test]
    fn m7_what_is_shown_does_not_move_and_freed_lines_are_reused() {
        let mut places = places(&[Audio, Video, Video]);
        let (a, b, c) = (track(1, "1"), track(2, "1"), track(3, "1"));
        let first = plan(&places, &[(a, Video), (b, Video)]);
        apply(&mut places, &first);
        let second = plan(&places, &[(c, Video), (b, Video)]);
        assert_eq!(second, Plan { changes: vec![(1, Some(c))], wanted: None });
        apply(&mut places, &second);
        assert_eq!(plan(&places, &[(c, Video), (b, Video)]), Plan::default());
        assert_eq!(plan(&places, &[]).changes, [(1, None), (2, None)]);
    }

    #[test]
    fn sound_and_picture_of_one_person_share_an_ordinal() {
        let mut places = places(&[Audio, Video, Audio, Video]);
        let wishes = [
            (track(1, "0"), Audio),
            (track(2, "0"), Audio),
            (track(2, "1"), Video),
            (track(1, "1"), Video),
        ];
        let plan = plan(&places, &wishes);
        apply(&mut places, &plan);
        assert_eq!(places[1].track, Some(track(1, "1")));
        assert_eq!(places[3].track, Some(track(2, "1")));
    }

    #[test]
    fn m4_kinds_are_never_mixed() {
        let plan = plan(&places(&[Audio]), &[(track(1, "1"), Video)]);
        assert_eq!(plan, Plan { changes: vec![], wanted: Some((1, 1)) });
    }
}
