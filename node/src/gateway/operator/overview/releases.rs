//! Which members run which release, and who is behind.

use protocol::{
    cluster::{Map, Member},
    operator::{Behind, Verdict},
};

/// Said as long as not everybody runs the newest release (V4 of the overview).
pub(super) fn mixed(map: &Map) -> Option<Verdict> {
    let newest = map.members.values().max_by_key(|it| age(it))?.release.clone();
    let behind = map.members.values().filter(|it| it.release != newest);
    let behind =
        behind.map(|it| Behind { name: it.labels.name.clone(), release: it.release.clone() });
    let behind: Vec<Behind> = behind.collect();
    (!behind.is_empty()).then_some(Verdict::Mixed { newest, behind })
}

/// Grows with the release: what it speaks decides, then its numbers.
fn age(member: &Member) -> (u16, Vec<u64>) {
    let numbers = member.release.split(|it: char| !it.is_ascii_digit());
    (member.wire, numbers.filter_map(|it| it.parse().ok()).collect())
}
