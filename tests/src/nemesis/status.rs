//! What `konsil cluster status --json` says, as far as the nemesis needs it: the control plane's
//! map, in the words of [`protocol::cluster`].

use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::BTreeMap;

use super::cluster::Holders;

/// A cluster's map as a node sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Names of the members by their number.
    names: BTreeMap<u64, String>,
    /// Primary and twin of every shard, by number.
    places: Vec<(u64, Option<u64>)>,
}

impl Status {
    /// Reads what was printed: the map itself, or an object that holds it as `map`.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(text: &str) -> Result<Self> {
        let said: Value = serde_json::from_str(text).context("the status is no JSON")?;
        let map = said.get("map").unwrap_or(&said);
        let members = map["members"].as_object().context("the status has no members")?;
        let name = |member: &Value| Some(member.pointer("/labels/name")?.as_str()?.to_owned());
        let names = members
            .iter()
            .map(|(number, member)| Some((number.parse().ok()?, name(member)?)))
            .collect::<Option<_>>()
            .context("a member has no name")?;
        let number = |place: &Value, who: &str| {
            place.pointer(&format!("/config/{who}/number")).and_then(Value::as_u64)
        };
        let places = map["places"].as_array().context("the status has no places")?;
        let places = places
            .iter()
            .map(|place| Some((number(place, "primary")?, number(place, "twin"))))
            .collect::<Option<_>>()
            .context("a shard has no primary")?;
        Ok(Self { names, places })
    }

    /// Who holds a shard, found by name among these.
    pub fn holders(&self, shard: u16, names: &[String]) -> Holders {
        let Some((primary, twin)) = self.places.get(usize::from(shard)) else {
            return Holders::default();
        };
        let find = |number: &u64| {
            let name = self.names.get(number)?;
            names.iter().position(|known| known == name)
        };
        Holders { primary: find(primary), twin: twin.as_ref().and_then(find) }
    }

    /// Whether every shard has two copies, on nodes with these names.
    pub fn is_whole(&self, names: &[String]) -> bool {
        !self.places.is_empty()
            && (0..self.places.len()).all(|shard| {
                let it = self.holders(shard as u16, names);
                it.primary.is_some() && it.twin.is_some()
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_read_and_half_a_map_is_not() {
        let text = r#"{"index": 9, "members": {
            "1": {"key": {"number": 1}, "labels": {"name": "a"}},
            "2": {"key": {"number": 2}, "labels": {"name": "b"}}},
          "places": [
            {"config": {"epoch": 1, "primary": {"number": 1}, "twin": {"number": 2}}, "wanted": null},
            {"config": {"epoch": 1, "primary": {"number": 2}, "twin": null}, "wanted": null}]}"#;
        let status = Status::read(text).expect("whole");
        let names = ["a".to_owned(), "b".to_owned()];
        assert_eq!(status.holders(0, &names), Holders { primary: Some(0), twin: Some(1) });
        assert_eq!(status.holders(1, &names), Holders { primary: Some(1), twin: None });
        assert_eq!(status.holders(2, &names), Holders::default());
        assert!(!status.is_whole(&names), "the second shard is alone");
        assert!(Status::read("{}").is_err() && Status::read("no").is_err());
        let inside = format!("{{\"map\": {text}}}");
        assert_eq!(Status::read(&inside).expect("whole"), status);
    }
}
