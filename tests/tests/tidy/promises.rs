//! Every invariant a module promises is found again: in an assert, a comment or a test's name.

use super::tree::{Tree, Wrong};

/// An invariant of a module's head.
struct Promise {
    name: String,
    place: String,
    /// Kept by another module, which says so itself.
    elsewhere: bool,
}

/// What the head of a module promises, its code says again.
pub(crate) fn found_again(tree: &Tree) -> Wrong {
    let lines: Vec<&str> = tree
        .rust()
        .flat_map(|file| file.text.lines())
        .filter(|line| !line.trim_start().starts_with("//!"))
        .collect();
    let promises = tree.rust().flat_map(|file| promises(&file.path, &file.text));
    let lost = promises.filter(|promise| {
        !promise.elsewhere && !lines.iter().any(|line| says(line, &promise.name))
    });
    lost.map(|promise| {
        let Promise { name, place, .. } = promise;
        format!("{place}: {name} is promised, and no assert, comment or test says it again")
    })
    .collect()
}

/// `- **R1** …` in lines that begin with `//!`, each with the lines it goes on for.
fn promises(path: &str, text: &str) -> Vec<Promise> {
    let mut found: Vec<Promise> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let Some(doc) = line.trim_start().strip_prefix("//!") else { break };
        let name = doc.trim_start().strip_prefix("- **").and_then(|rest| rest.split_once("**"));
        if let Some((name, _)) = name.filter(|(name, _)| is_name(name)) {
            let place = format!("{path}:{}", number + 1);
            found.push(Promise { name: name.to_owned(), place, elsewhere: false });
        }
        if doc.contains("*(kept by")
            && let Some(promise) = found.last_mut()
        {
            promise.elsewhere = true;
        }
    }
    found
}

/// One or two capitals and a number.
fn is_name(name: &str) -> bool {
    let digits = name.trim_start_matches(|letter: char| letter.is_ascii_uppercase());
    let capitals = name.len() - digits.len();
    (1..=3).contains(&capitals)
        && !digits.is_empty()
        && digits.chars().all(|letter| letter.is_ascii_digit())
}

/// Whether a line says the name, as a word or in a test's name.
fn says(line: &str, name: &str) -> bool {
    let edge = |letter: Option<char>| letter.is_none_or(|letter| !letter.is_alphanumeric());
    let word = |name: &str| {
        line.match_indices(name).any(|(at, _)| {
            edge(line[..at].chars().next_back()) && edge(line[at + name.len()..].chars().next())
        })
    };
    word(name) || (line.contains("fn ") && word(&name.to_lowercase()))
}

#[test]
fn a_promise_nobody_keeps_is_seen() {
    let head = "//! A room.\n//! - **R1** One.\n//! - **R2** Two.\n//! - **R3** Three, and\n//!   more. *(kept by `shell`)*\n//! - **R12** Twelve.\n//! - **bold** is no promise.\n";
    let code = "fn check() { assert!(a, \"R1\"); }\n";
    let tests = "#[test]\nfn r12_holds() {}\n";
    let tree = Tree::of(&[("a/src/room.rs", &format!("{head}{code}")), ("a/tests/r.rs", tests)]);
    assert_eq!(
        found_again(&tree),
        ["a/src/room.rs:3: R2 is promised, and no assert, comment or test says it again"]
    );
}
