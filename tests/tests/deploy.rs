//! What `deploy/` hands to operators is read here as a node, Grafana and systemd would read it.

use node::config::Config;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

#[test]
fn the_example_configuration_starts_a_node() {
    let path = deploy().join("one-node/konsil.toml");
    let config = Config::read(Some(&path)).expect("the example is a configuration");
    assert_eq!(config.storage.data, Path::new("/var/lib/konsil"));
    let unit = fs::read_to_string(deploy().join("one-node/konsil.service")).expect("kept");
    assert!(unit.contains("WorkingDirectory=/var/lib/konsil"), "unit and example name one folder");
}

#[test]
fn three_machines_make_a_cluster() {
    let read = |name: &str| {
        let path = deploy().join("three-nodes").join(name);
        Config::read(Some(&path)).expect("the example is a configuration")
    };
    for members in [["node-1", "node-2", "node-3"], ["node-1", "node-2", "witness"]] {
        let configs = members.map(|name| read(&format!("{name}.toml")));
        let each = |what: fn(&Config) -> String| {
            configs.iter().map(what).filter(|it| !it.is_empty()).collect::<BTreeSet<_>>().len()
        };
        assert_eq!(each(|it| it.cluster.name.clone()), 3, "names differ");
        assert_eq!(each(|it| it.cluster.site.clone()), 3, "so do sites");
        let listen = each(|it| it.cluster.listen.map_or_else(String::new, |at| at.to_string()));
        assert_eq!(listen, 3, "everybody listens, each on an address of its own");
        assert!(configs[0].cluster.join.is_some(), "newcomers find a door");
        for config in &configs {
            assert_eq!(config.storage.data, Path::new("/var/lib/konsil"));
            assert_eq!(
                config.cluster.country, configs[0].cluster.country,
                "S69: data may lie there"
            );
        }
    }
    for (unit, what) in [("konsil", "node"), ("konsil-witness", "witness")] {
        let path = deploy().join(format!("three-nodes/{unit}.service"));
        let unit = fs::read_to_string(path).expect("kept");
        let start = format!("ExecStart=/usr/local/bin/konsil {what} --config");
        assert!(unit.contains(&start) && unit.contains("WorkingDirectory=/var/lib/konsil"));
    }
}

#[test]
fn the_load_tests_configuration_is_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../loadtest/node.toml");
    Config::read(Some(&path)).expect("the bounds for load are a configuration");
}

/// Names of figures in dashboards and alerts.
fn figures_asked_for() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in fs::read_dir(deploy().join("dashboards")).expect("kept").flatten() {
        let text = fs::read_to_string(file.path()).expect("readable");
        if file.path().extension().is_some_and(|end| end == "json") {
            let board: serde_json::Value =
                serde_json::from_str(&text).expect("a dashboard is JSON");
            assert!(board["panels"].as_array().is_some_and(|panels| !panels.is_empty()));
        }
        let words = text.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
        names.extend(words.filter(|word| word.starts_with("konsil_")).map(str::to_owned));
    }
    names
}

#[test]
fn every_figure_on_a_dashboard_is_one_the_node_shows() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../node/src");
    let read = |file| fs::read_to_string(source.join(file)).expect("the node shows figures");
    let shown = ["metrics.rs", "metrics/cluster.rs"].map(read).concat();
    for name in figures_asked_for() {
        let known = format!("\"{}\"", name.trim_end_matches("_bucket"));
        assert!(shown.contains(&known), "deploy/dashboards asks for {name}, which nobody shows");
    }
}

#[test]
fn every_alert_names_a_page_of_the_runbook_that_exists() {
    let alerts = fs::read_to_string(deploy().join("dashboards/alerts.yml")).expect("kept");
    let pages: Vec<&str> =
        alerts.lines().filter_map(|line| line.trim().strip_prefix("runbook: deploy/")).collect();
    assert_eq!(pages.len(), alerts.matches("- alert:").count(), "every alert names its page");
    for page in pages {
        assert!(deploy().join(page).is_file(), "there is no deploy/{page}");
    }
}
