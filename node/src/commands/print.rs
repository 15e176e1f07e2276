//! A cluster's state as lines for a terminal.

use protocol::{
    cluster::{Forced, Purpose},
    operator::{Behind, NodeSight, Overview, ShardState, Verdict, WhatIf},
};
use serde_json::Value;
use std::fmt::Write as _;

use crate::clock::now;

/// Names in one sentence, at most.
const NAMES: usize = 5;

/// Everything `konsil cluster status` says. `words` is what the control plane adds: why the loss
/// of a machine would not be survived, why a node is given nothing, which one is empty.
pub(super) fn overview(seen: &Overview, words: &[String]) -> String {
    let mut text = String::new();
    for sentence in seen.verdicts.iter().map(sentence).chain(words.iter().cloned()) {
        let _ = writeln!(text, "{sentence}"); // writing to a string cannot fail
    }
    let _ = writeln!(
        text,
        "\n{:>3}  {:<16} {:<10} {:<2} {:<8} {:<6} {:>7} {:>6} {:>8} {:>6} {:>6}  is",
        "no", "name", "site", "in", "release", "up", "serves", "twins", "sockets", "calls", "lag"
    );
    for node in &seen.nodes {
        let it = &node.figures;
        let _ = writeln!(
            text,
            "{:>3}  {:<16} {:<10} {:<2} {:<8} {:<6} {:>7} {:>6} {:>8} {:>6} {:>6}  {}",
            it.number,
            node.name,
            node.site,
            node.country,
            node.release,
            if it.up { "yes" } else { "NO" },
            it.primaries,
            it.twins,
            it.sockets,
            it.calls,
            it.lag,
            what(node),
        );
    }
    let count = |state| seen.shards.iter().filter(|it| it.state == state).count();
    let _ = writeln!(
        text,
        "\n{} shards: {} whole, {} moving, {} being copied, {} alone, {} stalled. Map {}, level {}.",
        seen.shards.len(),
        count(ShardState::Whole),
        count(ShardState::Moving),
        count(ShardState::Copying),
        count(ShardState::Solo),
        count(ShardState::Stalled),
        seen.map,
        seen.level,
    );
    if !seen.countries.is_empty() {
        let _ = writeln!(text, "Data may lie in {} only.", seen.countries.join(", "));
    }
    for case in &seen.what_if {
        let name = seen.nodes.iter().find(|it| it.figures.number == case.number);
        let _ = writeln!(text, "{}", what_if(name.map_or("?", |it| &it.name), case));
    }
    text
}

/// Everything `konsil cluster forced` says.
pub(super) fn forced(all: &[Forced]) -> String {
    if all.is_empty() {
        return "No shard was ever given away by force.\n".into();
    }
    let line = |it: &Forced| {
        let Forced { shard, before, primary, by, why, at } = it;
        let twin = before.twin.map_or_else(|| "nobody".into(), |twin| format!("n{}", twin.number));
        let days = now().ms().saturating_sub(at.ms()) / (24 * 3600 * 1000);
        format!(
            "{days:>4} days ago  shard {shard}: n{} with {twin} beside it, epoch {}, was given to n{} by {by}: \
             {why}\n",
            before.primary.number, before.epoch.0, primary.number
        )
    };
    all.iter().map(line).collect()
}

/// What the node that answers found when it looked for damage.
pub(super) fn scrub(seen: &Value, now: u64) -> String {
    if seen.is_null() {
        return String::new(); // a witness holds nothing
    }
    let count = |name: &str| seen[name].as_u64().unwrap_or(0);
    let mut text = match seen["ended"].as_u64() {
        Some(ended) => {
            let hours = now.saturating_sub(ended) / 3_600_000;
            format!("\nThis node looked through all it holds, {hours} hours ago")
        }
        None => "\nThis node has not yet looked through all it holds since it started".to_owned(),
    };
    let (damaged, healed) = (count("damaged"), count("healed"));
    let _ = writeln!(text, ": {damaged} things were damaged, {healed} are mended.");
    for one in seen["open"].as_array().into_iter().flatten() {
        let word = |name: &str| one[name].to_string();
        let _ = writeln!(
            text,
            "DAMAGED and not mended: shard {}, {}, entry {} ({}).",
            word("shard"),
            word("what"),
            word("entry"),
            word("why"),
        );
    }
    text
}

fn what(node: &NodeSight) -> String {
    let mut words = Vec::new();
    if node.purpose == Purpose::Witness {
        words.push("witness");
    }
    let roles = [(node.leads, "leads"), (node.votes && !node.leads, "votes")];
    words.extend(roles.iter().filter(|it| it.0).map(|it| it.1));
    if node.draining {
        words.push(if node.empty { "empty" } else { "draining" });
    }
    if node.here {
        words.push("here");
    }
    words.join(", ")
}

fn what_if(name: &str, case: &WhatIf) -> String {
    let heirs: u32 = case.heirs.iter().map(|it| it.shards).sum();
    let mut text = format!(
        "If {name} died now: {heirs} shards go on elsewhere, {} are left with one copy, {} calls \
         and {} sockets move",
        case.alone, case.calls, case.sockets
    );
    if !case.stalls.is_empty() {
        let _ = write!(text, "; {} SHARDS STALL until it is back", case.stalls.len());
    }
    if !case.quorum {
        text.push_str("; the rest COULD NOT DECIDE about changes");
    }
    text.push('.');
    text
}

fn sentence(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Stalled { shards } => format!("{shards} shards are served by nobody."),
        Verdict::Leaderless {} => "Nobody leads: what runs goes on, nothing can move.".into(),
        Verdict::Down { name } => format!("{name} does not answer."),
        Verdict::Solo { shards } => format!("{shards} shards have one copy only."),
        Verdict::NoSpareVoter {} => {
            "One voter less, and nothing could move any more: add a node, or a witness.".into()
        }
        Verdict::NoFailover { name } => format!(
            "Two nodes and no third vote: only {name} decides. When it fails, nothing takes over."
        ),
        Verdict::Draining { name, calls, shards } => {
            format!("{name} is being relieved: {calls} calls and {shards} shards to go.")
        }
        Verdict::Lone {} => {
            "This node is alone: what it holds is held once. Add nodes with `konsil cluster \
             invite`."
                .into()
        }
        Verdict::Safe { nodes } => {
            format!("{nodes} nodes, every shard on two of them. Any one node may die.")
        }
        Verdict::Abroad { name, country } => format!(
            "{name} stands in {country}, where no data may lie: it is given nothing, and relieved of \
             what it has."
        ),
        Verdict::Missing { files } => {
            format!("Contents of {files} files are not yet wherever they belong.")
        }
        Verdict::Unlooked { shards } => {
            format!("Of {shards} shards it is not yet known whether all their files are there.")
        }
        Verdict::Empty { name } => {
            format!("{name} is empty: it can be stopped and removed, nothing it has is needed.")
        }
        Verdict::Mixed { newest, behind } => {
            let name = |it: &Behind| format!("{} ({})", it.name, it.release);
            let mut names: Vec<_> = behind.iter().take(NAMES).map(name).collect();
            if let Some(more) = behind.len().checked_sub(NAMES).filter(|it| *it > 0) {
                names.push(format!("{more} more"));
            }
            format!(
                "Two releases side by side: {newest}, and still to be upgraded {}. Until the last \
                 one is, every node can go back to what it ran.",
                names.join(", ")
            )
        }
        Verdict::TooOld { name, speaks, needs } => format!(
            "{name} runs a release that is too old: it speaks version {speaks}, and {needs} is \
             needed by now. Install the release of the other nodes on it."
        ),
        Verdict::TooNew { name, speaks, knows } => format!(
            "{name} runs a release that is too new for this node: it speaks version {speaks} and \
             later, and this node knows up to {knows}. Upgrade this node first."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixed_releases_are_told_in_a_sentence_of_some_length() {
        let behind = |count: u64| {
            let one = |it| Behind { name: format!("node-{it}"), release: "0.1.0".into() };
            Verdict::Mixed { newest: "0.2.0".into(), behind: (1..=count).map(one).collect() }
        };
        let one = sentence(&behind(1));
        assert!(one.contains("0.2.0, and still to be upgraded node-1 (0.1.0). Until"), "{one}");
        let many = sentence(&behind(9));
        assert!(many.contains("node-5 (0.1.0), 4 more.") && !many.contains("node-6"), "{many}");
    }
}
