//! Who votes in the control plane, and whether the cluster survives a machine. Pure.
//!
//! # Invariants
//! - **V1** Voters are members that stay: who drains or left loses the vote first.
//! - **V2** There are at most five, and an odd number, as long as enough members answer.
//! - **V3** Of two members with data and no witness one votes: with two votes, the loss of either
//!   would stop both, and with none of it better than one.
//! - **V4** A voter that does not answer is replaced only by one that does, and never dropped
//!   without need: it may come back.

use std::collections::{BTreeMap, BTreeSet};

use protocol::cluster::{Map, Member, Purpose};

/// Voters there are at most.
pub const VOTERS_MAX: usize = 5;

/// Who should vote: the voters now are `voters`, of the members `alive` answer.
pub fn choose(map: &Map, voters: &BTreeSet<u64>, alive: &BTreeSet<u64>) -> BTreeSet<u64> {
    let may: Vec<&Member> = map.members.values().filter(|it| !it.draining).collect();
    let answers = |it: &&&Member| alive.contains(&it.key.number);
    let answering = may.iter().filter(answers).count();
    let kept = may.iter().filter(|it| voters.contains(&it.key.number)).count();
    // Those who do not answer count as long as they vote: a cluster never shrinks by itself.
    let many = odd(answering.max(kept)).min(VOTERS_MAX);
    let data = may.iter().filter(|it| it.purpose == Purpose::Data).count();

    let mut chosen: BTreeSet<u64> = BTreeSet::new();
    let mut sites: BTreeMap<&str, usize> = BTreeMap::new();
    while chosen.len() < many {
        let next = may.iter().filter(|it| !chosen.contains(&it.key.number)).min_by_key(|it| {
            let number = it.key.number;
            let (votes, up) = (voters.contains(&number), alive.contains(&number));
            let witness = it.purpose == Purpose::Witness;
            // Where only two hold data, a witness is what makes them safe; else it is a reserve.
            let rank = if witness && data <= 2 { 0 } else { 1 + u8::from(witness) };
            let crowd = sites.get(it.labels.site.as_str()).copied().unwrap_or(0);
            (!(up || votes), !up, rank == 0 && !up, crowd, rank, !votes, number)
        });
        let Some(next) = next else { break };
        *sites.entry(next.labels.site.as_str()).or_default() += 1;
        chosen.insert(next.key.number);
    }
    if chosen.is_empty() { voters.clone() } else { chosen }
}

const fn odd(many: usize) -> usize {
    if many == 0 { 0 } else { many - 1 + many % 2 }
}

/// Whether the cluster survives the loss of a machine, in sentences for an operator; empty when it
/// does. `votes` are the sets of voters that must agree: two while the votes move.
pub fn verdict(map: &Map, votes: &[BTreeSet<u64>]) -> Vec<String> {
    let Some(voters) = votes.last() else { return Vec::new() };
    let mut words = whole(map, voters);
    let fragile = votes.iter().any(|it| it.len() < 3);
    if votes.len() > 1 && fragile && words.is_empty() {
        words.push(
            "The votes are being moved: until that is done, in a moment, those who voted before \
             must answer too."
                .into(),
        );
    }
    words
}

fn whole(map: &Map, voters: &BTreeSet<u64>) -> Vec<String> {
    let stays = |it: &&Member| !it.draining;
    let data: Vec<&Member> =
        map.members.values().filter(stays).filter(|it| it.purpose == Purpose::Data).collect();
    let witness = map.members.values().filter(stays).any(|it| it.purpose == Purpose::Witness);
    let mut words = Vec::new();
    match data.len() {
        0 => return words,
        1 => words.push(
            "One node holds everything: when it fails, everything stands still, and when its disk \
             is lost, so is what it held. Add a second node, and a witness or a third."
                .into(),
        ),
        2 if !witness => {
            let names: Vec<&str> = data.iter().map(|it| name(it)).collect();
            let voting = data.iter().find(|it| voters.contains(&it.key.number));
            let voting = voting.map_or("one of them", |it| name(it));
            words.push(format!(
                "There is no safe automatic failover: with two nodes ({}) and no third vote \
                 nobody can tell a dead node from a cut cable, so only {voting} decides. When it \
                 fails, the other waits for an operator. Add a witness or a third node.",
                names.join(" and ")
            ));
        }
        _ if voters.len() < 3 => words.push(
            "Fewer than three members vote: until others have caught up, the loss of a voter may \
             stop changes. This passes when every member answers."
                .into(),
        ),
        _ => {}
    }
    let mut sites: BTreeMap<&str, usize> = BTreeMap::new();
    for member in voters.iter().filter_map(|number| map.members.get(number)) {
        *sites.entry(member.labels.site.as_str()).or_default() += 1;
    }
    let most = sites.iter().max_by_key(|(_, votes)| **votes);
    if let Some((site, votes)) = most
        && sites.len() > 1
        && votes * 2 > voters.len()
    {
        words.push(format!(
            "{votes} of {} votes stand at site {site:?}: when that site is lost, the others wait \
             for an operator. Put a node or a witness at a third site.",
            voters.len()
        ));
    }
    words
}

fn name(member: &Member) -> &str {
    &member.labels.name
}

#[cfg(test)]
mod tests {
    use protocol::{cluster::NodeKey, id::NodeId};

    use super::*;

    fn member(number: u64, site: &str, purpose: Purpose) -> Member {
        Member {
            key: NodeKey { number, storage: number },
            id: NodeId::from_u128(u128::from(number)),
            peer: format!("peer-{number}"),
            addresses: Vec::new(),
            web: Vec::new(),
            labels: protocol::cluster::Labels {
                name: format!("node-{number}"),
                country: "DE".into(),
                site: site.into(),
            },
            purpose,
            release: String::new(),
            wire: 1,
            draining: false,
        }
    }

    fn map(members: &[(u64, &str, Purpose)]) -> Map {
        let members = members
            .iter()
            .map(|(number, site, purpose)| (*number, member(*number, site, *purpose)));
        Map { members: members.collect(), ..Map::default() }
    }

    fn set(numbers: &[u64]) -> BTreeSet<u64> {
        numbers.iter().copied().collect()
    }

    const DATA: Purpose = Purpose::Data;
    const WITNESS: Purpose = Purpose::Witness;

    #[test]
    fn v2_voters_are_odd_and_at_most_five() {
        let numbers: Vec<(u64, &str, Purpose)> = (1..9).map(|it| (it, "", DATA)).collect();
        for many in 1..=8 {
            let map = map(&numbers[..many]);
            let alive: BTreeSet<u64> = map.members.keys().copied().collect();
            let chosen = choose(&map, &set(&[1]), &alive);
            assert_eq!(chosen.len(), [1, 1, 3, 3, 5, 5, 5, 5][many - 1], "V2");
            assert!(chosen.contains(&1), "who votes already goes on");
            assert_eq!(choose(&map, &chosen, &alive), chosen, "and then it rests");
        }
    }

    #[test]
    fn v3_two_nodes_have_one_vote_until_a_witness_comes() {
        let two = map(&[(1, "a", DATA), (5, "b", DATA)]);
        assert_eq!(choose(&two, &set(&[1]), &set(&[1, 5])), set(&[1]), "V3");
        let words = verdict(&two, &[set(&[1])]);
        assert!(words[0].contains("no safe automatic failover"), "{words:?}");
        assert!(words[0].contains("witness or a third node"), "{words:?}");
        let three = map(&[(1, "a", DATA), (5, "b", DATA), (7, "c", WITNESS)]);
        let chosen = choose(&three, &set(&[1]), &set(&[1, 5, 7]));
        assert_eq!(chosen, set(&[1, 5, 7]));
        let moving = verdict(&three, &[set(&[1]), chosen.clone()]);
        assert!(moving[0].contains("being moved"), "{moving:?}");
        assert_eq!(verdict(&three, &[chosen]), Vec::<String>::new());
    }

    #[test]
    fn a_witness_votes_before_a_third_and_fourth_at_a_crowded_site() {
        let map = map(&[(1, "a", DATA), (2, "a", DATA), (3, "a", DATA), (4, "b", WITNESS)]);
        let chosen = choose(&map, &set(&[1]), &set(&[1, 2, 3, 4]));
        assert_eq!(chosen.len(), 3);
        assert!(chosen.contains(&4), "another site is worth more");
    }

    #[test]
    fn sites_share_the_votes() {
        let map =
            map(&[(1, "a", DATA), (2, "a", DATA), (3, "a", DATA), (4, "b", DATA), (5, "c", DATA)]);
        let alive = set(&[1, 2, 3, 4, 5]);
        let three = choose(&map, &set(&[1]), &set(&[1, 4, 5]));
        assert_eq!(three, set(&[1, 4, 5]));
        assert_eq!(choose(&map, &three, &alive).len(), 5);
        let words = verdict(&map, &[alive]);
        assert!(words[0].contains("3 of 5 votes stand at site \"a\""), "{words:?}");
    }

    #[test]
    fn v1_who_drains_loses_the_vote_first() {
        let mut map = map(&[(1, "", DATA), (2, "", DATA), (3, "", DATA), (4, "", DATA)]);
        let alive = set(&[1, 2, 3, 4]);
        if let Some(member) = map.members.get_mut(&2) {
            member.draining = true;
        }
        assert_eq!(choose(&map, &set(&[1, 2, 3]), &alive), set(&[1, 3, 4]), "V1");
    }

    #[test]
    fn v4_a_silent_voter_is_replaced_but_not_dropped() {
        let three = map(&[(1, "", DATA), (2, "", DATA), (3, "", DATA)]);
        assert_eq!(choose(&three, &set(&[1, 2, 3]), &set(&[1, 2])), set(&[1, 2, 3]), "V4");
        let four = map(&[(1, "", DATA), (2, "", DATA), (3, "", DATA), (4, "", DATA)]);
        assert_eq!(choose(&four, &set(&[1, 2, 3]), &set(&[1, 2, 4])), set(&[1, 2, 4]), "V4");
    }
}
