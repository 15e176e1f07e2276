//! Modules of a crate form no cycle.
//!
//! A module is a file. It points at another when it names it after `crate::` or `super::`. That a
//! child names its parent is no arrow: it is a part of it.

use super::{
    lex,
    tree::{Tree, Wrong},
};
use std::collections::{BTreeMap, BTreeSet};

type Path = Vec<String>;
type Graph = BTreeMap<Path, BTreeSet<Path>>;

/// No crate has a cycle.
pub(crate) fn cycles(tree: &Tree) -> Wrong {
    let crates: BTreeSet<&str> = tree
        .rust()
        .filter_map(|file| file.path.split_once("/src/"))
        .map(|(name, _)| name)
        .collect();
    crates
        .into_iter()
        .filter_map(|name| {
            let cycle = cycle(&graph(tree, name))?;
            let words: Vec<String> = cycle.iter().map(|path| path.join("::")).collect();
            Some(format!("{name}/src: modules in a circle: {}", words.join(" -> ")))
        })
        .collect()
}

/// Each module of a crate, and those it names. The root names everybody and counts as nobody.
fn graph(tree: &Tree, name: &str) -> Graph {
    let prefix = format!("{name}/src/");
    let files = || tree.rust().filter(|file| file.path.starts_with(&prefix) && !file.is_test());
    let modules: BTreeSet<Path> =
        files().map(|file| module(&file.path[prefix.len()..])).filter(|m| !m.is_empty()).collect();
    let mut graph = Graph::new();
    for file in files() {
        let from = module(&file.path[prefix.len()..]);
        if from.is_empty() {
            continue;
        }
        let (code, _) = lex::split_tests(&lex::code(&file.text));
        let known = named(&code, &from).into_iter().filter_map(|path| longest(&modules, path));
        let other = known.filter(|to| !from.starts_with(to));
        graph.entry(from.clone()).or_default().extend(other);
    }
    graph
}

/// `wal/log.rs` is `wal::log`; `lib.rs` and `main.rs` are the root.
fn module(path: &str) -> Path {
    let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
    match path {
        "lib" | "main" => Vec::new(),
        _ => path.split('/').map(str::to_owned).collect(),
    }
}

fn longest(modules: &BTreeSet<Path>, mut path: Path) -> Option<Path> {
    while !path.is_empty() && !modules.contains(&path) {
        path.pop();
    }
    (!path.is_empty()).then_some(path)
}

/// Every path after `crate::` and `super::`.
fn named(code: &str, from: &Path) -> Vec<Path> {
    let mut found = Vec::new();
    for (word, base) in [("crate::", &[][..]), ("super::", &from[..from.len() - 1])] {
        for (at, _) in code.match_indices(word) {
            let glued = code[..at].ends_with(|l: char| l.is_alphanumeric() || l == '_');
            // `super::super::` is read at its second word, whose base is one higher.
            let above = code[..at].ends_with("super::");
            if !glued {
                let base = if above { &base[..base.len().saturating_sub(1)] } else { base };
                branch(&code[at + word.len()..], base.to_vec(), &mut found);
            }
        }
    }
    found
}

/// Reads `a::{b, c::d}` and returns what stands after it.
fn branch<'a>(text: &'a str, mut path: Path, found: &mut Vec<Path>) -> &'a str {
    let mut rest = text.trim_start();
    loop {
        if let Some(inside) = rest.strip_prefix('{') {
            rest = inside.trim_start();
            while !rest.is_empty() && !rest.starts_with('}') {
                let before = rest.len();
                rest = branch(rest, path.clone(), found).trim_start();
                rest = rest.trim_start_matches(',').trim_start();
                if rest.len() == before {
                    return rest; // no list of paths: somebody else's brace
                }
            }
            return rest.strip_prefix('}').unwrap_or(rest);
        }
        let len = rest.find(|l: char| !l.is_alphanumeric() && l != '_').unwrap_or(rest.len());
        if len > 0 && !["self", "super"].contains(&&rest[..len]) {
            path.push(rest[..len].to_owned());
        }
        rest = &rest[len..];
        match rest.strip_prefix("::") {
            Some(after) => rest = after,
            None => {
                found.push(path);
                let renamed = rest.trim_start().strip_prefix("as ");
                return renamed.map_or(rest.trim_start_matches('*'), |name| {
                    name.trim_start_matches(|l: char| l.is_alphanumeric() || l == '_')
                });
            }
        }
    }
}

/// One circle, when there is one.
fn cycle(graph: &Graph) -> Option<Vec<Path>> {
    let mut done = BTreeSet::new();
    graph.keys().find_map(|start| visit(graph, start, &mut Vec::new(), &mut done))
}

fn visit(
    graph: &Graph,
    here: &Path,
    trail: &mut Vec<Path>,
    done: &mut BTreeSet<Path>,
) -> Option<Vec<Path>> {
    if let Some(first) = trail.iter().position(|one| one == here) {
        let mut circle = trail[first..].to_vec();
        circle.push(here.clone());
        return Some(circle);
    }
    if !done.insert(here.clone()) {
        return None;
    }
    trail.push(here.clone());
    let next = graph.get(here).into_iter().flatten();
    let found = next.into_iter().find_map(|to| visit(graph, to, trail, done));
    trail.pop();
    found
}

#[test]
fn a_circle_through_a_list_of_imports_is_seen() {
    let tree = Tree::of(&[
        ("x/src/lib.rs", "pub mod a; pub mod b; pub mod c; use crate::a::A;"),
        ("x/src/a.rs", "use crate::{b::{B, c as d}, e};"),
        ("x/src/b.rs", "fn f() { crate::c::deep::g() }"),
        ("x/src/c.rs", "pub mod deep;"),
        ("x/src/c/deep.rs", "use super::super::a::A;"),
    ]);
    assert_eq!(cycles(&tree), ["x/src: modules in a circle: a -> b -> c::deep -> a"]);
}

#[test]
fn children_parents_tests_and_comments_are_no_circle() {
    let tree = Tree::of(&[
        ("x/src/a.rs", "use self::b::B; use crate::a::b; // crate::c"),
        ("x/src/a/b.rs", "use super::A; use crate::a::C;"),
        ("x/src/c.rs", "use crate::a;"),
        ("x/src/d.rs", "#[cfg(test)]\nmod tests { use crate::e; }"),
        ("x/src/e.rs", "use crate::d::D;"),
    ]);
    assert_eq!(cycles(&tree), Wrong::new());
}
