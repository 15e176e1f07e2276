//! The floors of the house: who may use whom, and which folders there are.

use super::tree::{Tree, Wrong};
use std::collections::BTreeSet;

/// Each crate and those of ours it may use.
const MAY_USE: [(&str, &[&str]); 7] = [
    ("protocol", &[]),
    ("storage", &["protocol"]),
    ("actors", &["protocol", "storage"]),
    ("node", &["protocol", "storage", "actors"]),
    ("loadtest", &["protocol"]),
    ("tests", &["protocol", "storage", "actors", "node"]),
    ("xtask", &[]),
];

/// The folder that is no crate.
const DEPLOY: &str = "deploy";

/// Imports only fall.
pub(crate) fn imports(tree: &Tree) -> Wrong {
    let mut wrong = Wrong::new();
    for (name, may) in MAY_USE {
        let manifest = format!("{name}/Cargo.toml");
        let Some(text) = tree.text(&manifest) else {
            wrong.push(format!("{manifest} is missing"));
            continue;
        };
        for used in dependencies(text) {
            let ours = MAY_USE.iter().any(|(one, _)| *one == used);
            if ours && !may.contains(&used.as_str()) {
                wrong.push(format!("{manifest}: {name} must not use {used}"));
            }
        }
    }
    wrong
}

/// The names in every table of dependencies.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let (mut inside, mut names) = (false, BTreeSet::new());
    for line in manifest.lines().map(str::trim) {
        if let Some(table) = line.strip_prefix('[') {
            let table = table.trim_end_matches(']');
            inside = table.ends_with("dependencies");
            if let Some((_, name)) = table.split_once("dependencies.") {
                names.insert(name.to_owned());
            }
        } else if inside && !line.starts_with('#') {
            let name: String =
                line.chars().take_while(|l| l.is_alphanumeric() || "-_".contains(*l)).collect();
            if !name.is_empty() {
                names.insert(name);
            }
        }
    }
    names
}

/// The top-level folders are the crates and `deploy`, and every one of them is there.
pub(crate) fn folders(tree: &Tree) -> Wrong {
    let here: BTreeSet<&str> = tree
        .files
        .iter()
        .filter_map(|file| file.path.split_once('/').map(|(folder, _)| folder))
        .filter(|folder| !folder.starts_with('.'))
        .collect();
    let ours: BTreeSet<&str> = MAY_USE.iter().map(|(name, _)| *name).chain([DEPLOY]).collect();
    let more = here.difference(&ours).map(|name| format!("{name}/ is no floor of the house"));
    let less = ours.difference(&here).map(|name| format!("{name}/ is missing or empty"));
    more.chain(less).collect()
}

#[test]
fn a_rising_import_is_seen() {
    let mut files = MAY_USE.map(|(name, _)| (format!("{name}/Cargo.toml"), String::new()));
    files[1].1 = "[dependencies]\nserde.workspace = true\nactors = { path = \"..\" }\n".into();
    files[4].1 = "[dev-dependencies.storage]\npath = \"..\"\n".into();
    let files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
    let wrong = imports(&Tree::of(&files));
    assert_eq!(
        wrong,
        [
            "storage/Cargo.toml: storage must not use actors",
            "loadtest/Cargo.toml: loadtest must not use storage",
        ]
    );
}

#[test]
fn a_folder_too_many_and_one_too_few_are_seen() {
    let tree = Tree::of(&[("utils/src/lib.rs", ""), (".ci/run", ""), ("LICENSE", "")]);
    let wrong = folders(&tree);
    assert!(wrong.contains(&"utils/ is no floor of the house".to_owned()));
    assert!(wrong.contains(&"deploy/ is missing or empty".to_owned()));
}
