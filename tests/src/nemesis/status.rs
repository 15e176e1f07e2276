//! What `konsil cluster status --json` says, as far as the nemesis needs it: the overview that an
//! operator is shown.

use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::BTreeMap;

use super::cluster::Holders;

/// A cluster as one of its nodes sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Names of the members by their number.
    names: BTreeMap<u64, String>,
    /// The member that leads the control plane.
    leader: Option<u64>,
    shards: Vec<Shard>,
    /// What each member runs, by its name.
    releases: BTreeMap<String, String>,
    /// The level of the cluster; none when the node that was asked knows of none.
    level: Option<u64>,
    /// Who is behind, when several releases are said to run side by side.
    behind: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Shard {
    primary: u64,
    twin: Option<u64>,
    whole: bool,
}

impl Status {
    /// Reads what was printed.
    ///
    /// # Errors
    /// When it is no status.
    pub fn read(text: &str) -> Result<Self> {
        let said: Value = serde_json::from_str(text).context("the status is no JSON")?;
        let overview = said.get("overview").unwrap_or(&said);
        let nodes = overview["nodes"].as_array().context("the status has no nodes")?;
        let number = |node: &Value| node.pointer("/figures/number").and_then(Value::as_u64);
        let named = |node: &Value| Some((number(node)?, node["name"].as_str()?.to_owned()));
        let names = nodes.iter().map(named).collect::<Option<_>>().context("a nameless node")?;
        let leader = nodes.iter().find(|node| node["leads"] == true).and_then(number);
        let shards = overview["shards"].as_array().context("the status has no shards")?;
        let shard = |it: &Value| {
            Some(Shard {
                primary: it["primary"].as_u64()?,
                twin: it["twin"].as_u64(),
                whole: it["state"].as_str()? == "whole",
            })
        };
        let shards = shards.iter().map(shard).collect::<Option<_>>().context("half a shard")?;
        let released = |it: &Value| {
            Some((it["name"].as_str()?.to_owned(), it["release"].as_str()?.to_owned()))
        };
        let releases = nodes.iter().filter_map(released).collect();
        let mixed = overview["verdicts"].as_array().into_iter().flatten();
        let mixed = mixed.filter(|it| it["kind"] == "mixed");
        let behind = mixed.filter_map(|it| it["behind"].as_array()).flatten();
        let behind = behind.filter_map(|it| it["name"].as_str().map(str::to_owned)).collect();
        let level = overview["level"].as_u64();
        Ok(Self { names, leader, shards, releases, level, behind })
    }

    /// Who holds a shard, found by name among these.
    pub fn holders(&self, shard: u16, names: &[String]) -> Holders {
        let Some(shard) = self.shards.get(usize::from(shard)) else { return Holders::default() };
        Holders {
            primary: self.find(shard.primary, names),
            twin: shard.twin.and_then(|twin| self.find(twin, names)),
        }
    }

    /// What a member runs.
    pub fn release(&self, name: &str) -> Option<&str> {
        self.releases.get(name).map(String::as_str)
    }

    /// The level of the cluster; none when the node that was asked knows of none.
    pub const fn level(&self) -> Option<u64> {
        self.level
    }

    /// Who is said to run an older release than others.
    pub fn behind(&self) -> &[String] {
        &self.behind
    }

    /// Copies of shards that the member holds.
    pub fn copies(&self, name: &str) -> usize {
        let is = |number| self.names.get(&number).is_some_and(|it| it == name);
        let held = self.shards.iter().map(|it| (it.primary, it.twin));
        held.filter(|(primary, twin)| is(*primary) || twin.is_some_and(is)).count()
    }

    /// Shards served by a member of one release whose second copy is on a member of another one.
    pub fn served_across(&self) -> BTreeMap<(String, String), usize> {
        let release = |number| self.names.get(&number).and_then(|name| self.releases.get(name));
        let mut across = BTreeMap::new();
        for it in &self.shards {
            let (one, other) = (release(it.primary), it.twin.and_then(release));
            if let (Some(one), Some(other)) = (one, other)
                && one != other
            {
                *across.entry((one.clone(), other.clone())).or_default() += 1;
            }
        }
        across
    }

    /// Who leads the control plane, found by name among these.
    pub fn leader(&self, names: &[String]) -> Option<usize> {
        self.find(self.leader?, names)
    }

    /// Whether every shard has two copies, all of them on nodes with these names, and somebody
    /// leads.
    pub fn is_whole(&self, names: &[String]) -> bool {
        let ours = |number| self.find(number, names).is_some();
        let whole = |it: &Shard| it.whole && ours(it.primary) && it.twin.is_some_and(ours);
        self.leader.is_some() && !self.shards.is_empty() && self.shards.iter().all(whole)
    }

    fn find(&self, number: u64, names: &[String]) -> Option<usize> {
        let name = self.names.get(&number)?;
        names.iter().position(|known| known == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::operator::{
        Behind, Figures, NodeSight, Overview, ShardSight, ShardState, Verdict,
    };

    fn node(number: u64, name: &str, leads: bool) -> NodeSight {
        NodeSight {
            name: name.into(),
            country: "DE".into(),
            site: String::new(),
            release: "0.1.0".into(),
            purpose: protocol::cluster::Purpose::Data,
            here: leads,
            draining: false,
            empty: false,
            leads,
            votes: true,
            figures: Figures {
                number,
                up: true,
                sockets: 0,
                calls: 0,
                rooms: 0,
                lag: 0,
                primaries: 1,
                twins: 1,
            },
        }
    }

    #[test]
    fn an_overview_is_read_and_half_a_one_is_not() {
        let shard = |shard, primary, twin, state| ShardSight {
            shard,
            epoch: protocol::cluster::Epoch(1),
            primary,
            twin,
            state,
        };
        let mut overview = Overview {
            revision: 1,
            now: protocol::time::Time::from_ms(1),
            map: 9,
            countries: Vec::new(),
            level: 1,
            verdicts: Vec::new(),
            nodes: vec![node(4, "a", false), node(7, "b", true)],
            shards: vec![
                shard(0, 4, Some(7), ShardState::Whole),
                shard(1, 7, None, ShardState::Solo),
            ],
            what_if: Vec::new(),
            happenings: Vec::new(),
        };
        let printed =
            |it: &Overview| serde_json::json!({ "order": "status", "overview": it }).to_string();
        let names = ["a".to_owned(), "b".to_owned()];
        let status = Status::read(&printed(&overview)).expect("whole");
        assert_eq!(status.holders(0, &names), Holders { primary: Some(0), twin: Some(1) });
        assert_eq!(status.holders(1, &names), Holders { primary: Some(1), twin: None });
        assert_eq!(status.holders(2, &names), Holders::default());
        assert_eq!(status.leader(&names), Some(1));
        assert_eq!((status.copies("a"), status.copies("b")), (1, 2));
        assert!(!status.is_whole(&names), "the second shard is alone");
        overview.shards.pop();
        assert!(Status::read(&printed(&overview)).expect("whole").is_whole(&names));
        assert_eq!((status.level(), status.copies("a"), status.copies("b")), (Some(1), 1, 2));
        let behind = vec![Behind { name: "a".into(), release: "0.0.9".into() }];
        overview.verdicts.push(Verdict::Mixed { newest: "0.1.0".into(), behind });
        overview.nodes[0].release = "0.0.9".into();
        let mixed = Status::read(&printed(&overview)).expect("whole");
        assert_eq!((mixed.release("a"), mixed.behind()), (Some("0.0.9"), &["a".to_owned()][..]));
        let across = BTreeMap::from([(("0.0.9".to_owned(), "0.1.0".to_owned()), 1)]);
        assert_eq!(mixed.served_across(), across);
        let others = ["a".to_owned(), "c".to_owned()];
        let status = Status::read(&printed(&overview)).expect("whole");
        assert!(!status.is_whole(&others), "a copy lies on a node that was replaced");
        assert!(Status::read("{}").is_err() && Status::read("no").is_err());
    }
}
