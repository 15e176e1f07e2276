//! Papers: paths that are named exist, and nothing of the workplace is committed.

use super::tree::{Tree, Wrong};

/// Words of the machine somebody works on and of the places packages come from. Put together
/// here, so that this file holds none.
const WORKPLACE: [&str; 9] = [
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/wo", "rk/"),
    concat!("registry.", "npmjs"),
    concat!("registry.", "yarnpkg"),
    concat!("static.", "crates.io"),
    concat!("index.", "crates.io"),
    concat!("pypi", ".org"),
];
/// Where Cargo.lock may say packages come from.
const SOURCE: &str =
    concat!("source = \"registry+https://github.com/rust-lang/", "crates.io-index\"");

/// Every path in backticks in ARCHITECTURE.md exists.
pub(crate) fn paths_exist(tree: &Tree) -> Wrong {
    let mut wrong = Wrong::new();
    for paper in tree.ending(&["ARCHITECTURE.md"]) {
        for (number, line) in paper.text.lines().enumerate() {
            for path in line.split('`').skip(1).step_by(2).flat_map(spread) {
                if is_path(tree, &path) && !tree.has(path.trim_end_matches('/')) {
                    wrong.push(format!("{}:{}: there is no {path}", paper.path, number + 1));
                }
            }
        }
    }
    wrong
}

/// `a/{b,c}.rs` is `a/b.rs` and `a/c.rs`.
fn spread(words: &str) -> Vec<String> {
    let parts = words
        .split_once('{')
        .and_then(|(head, rest)| rest.split_once('}').map(|(inside, tail)| (head, inside, tail)));
    match parts {
        None => vec![words.to_owned()],
        Some((head, inside, tail)) => {
            inside.split(',').map(|one| format!("{head}{}{tail}", one.trim())).collect()
        }
    }
}

/// Words that begin in a folder of the tree and hold nothing but a path.
fn is_path(tree: &Tree, words: &str) -> bool {
    let plain = |letter: char| letter.is_alphanumeric() || "._-/".contains(letter);
    let built = ["/dist", "/target", "/node_modules"].iter().any(|part| words.contains(part));
    let first = words.split_once('/').map(|(first, _)| first);
    !built && words.chars().all(plain) && first.is_some_and(|first| tree.has(first))
}

/// No path of a machine, no host of a registry.
pub(crate) fn workplace(tree: &Tree) -> Wrong {
    let mut wrong = Wrong::new();
    for file in &tree.files {
        for (number, line) in file.text.lines().enumerate() {
            let foreign = line.starts_with("source = ") && line != SOURCE;
            let word = WORKPLACE.iter().find(|word| line.contains(**word)).copied();
            if let Some(word) = word.or(foreign.then_some("a source of its own")) {
                let number = number + 1;
                wrong.push(format!("{}:{number}: {word} is of a workplace", file.path));
            }
        }
    }
    wrong
}

#[test]
fn a_path_that_is_gone_is_seen() {
    let paper = "See `actors/src/{room,gone}.rs`, `GET /api/x`, `actors/src/`, `a::b`, `x/y`.";
    let tree = Tree::of(&[("ARCHITECTURE.md", paper), ("actors/src/room.rs", "")]);
    assert_eq!(paths_exist(&tree), ["ARCHITECTURE.md:1: there is no actors/src/gone.rs"]);
}

#[test]
fn a_path_of_a_machine_and_a_host_of_a_registry_are_seen() {
    let lock = format!("{SOURCE}\nsource = \"registry+https://example.org/index\"\n");
    let path = format!("let a = \"{}anna/x\";", WORKPLACE[1]);
    let tree = Tree::of(&[("Cargo.lock", &lock), ("a/src/a.rs", &path)]);
    let wrong = workplace(&tree);
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    assert!(wrong[0].starts_with("Cargo.lock:2:") && wrong[1].starts_with("a/src/a.rs:1:"));
}
