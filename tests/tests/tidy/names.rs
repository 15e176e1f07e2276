//! Names that may stand in few places: heavy crates, clocks and chance, the environment.

use super::{
    lex,
    tree::{File, Tree, Wrong},
};

/// What a machine may not know: it is handed time and chance, and does not wait.
const IMPURE: [&str; 6] = ["tokio", "async ", "::now()", "rand::", "HashMap", "unwrap("];

/// A name, the beginnings of paths where it may stand, and why.
const ONLY_THERE: [(&str, &[&str], &str); 8] = [
    (
        "ActorRef",
        &[
            "actors/src/shell.rs",
            "actors/src/handle.rs",
            "actors/src/keeper.rs",
            "actors/src/supervisor.rs",
        ],
        "a raw mailbox has no bound: use a handle",
    ),
    ("sled::", &["storage/src/store/sled.rs"], "engines hide behind `Store`"),
    ("redb::", &["storage/src/store/redb.rs"], "engines hide behind `Store`"),
    ("bincode::", &["protocol/src/codec.rs"], "the encoding has one door"),
    ("aead::", &["storage/src/crypto.rs"], "ciphers have one door"),
    ("aws_lc_rs::digest", &["storage/src/digest.rs"], "hashes have one door"),
    ("ractor::", &["actors/src/"], "actors are reached by handles"),
    (
        "anyhow",
        &[
            "loadtest/",
            "tests/",
            "xtask/",
            "node/src/main.rs",
            "node/src/commands.rs",
            "node/src/dev/nodes.rs",
        ],
        "a fault has a name; `anyhow` is for programs that end",
    ),
];

/// Files that hold a machine know nothing of time, chance and waiting.
pub(crate) fn pure_machines(tree: &Tree) -> Wrong {
    let machines = product(tree).filter(|(_, code)| code.contains(" Machine for "));
    let mut wrong = Wrong::new();
    for (file, code) in machines {
        for (line, word) in found(&code, &IMPURE) {
            wrong.push(format!("{}:{line}: `{word}` in a machine", file.path));
        }
    }
    wrong
}

/// Heavy names stand in their one file.
pub(crate) fn only_there(tree: &Tree) -> Wrong {
    let mut wrong = Wrong::new();
    for (file, code) in product(tree) {
        let code = without_own_imports(&code);
        for (name, places, why) in ONLY_THERE {
            if places.iter().any(|place| file.path.starts_with(place)) {
                continue;
            }
            for (line, word) in found(&code, &[name]) {
                wrong.push(format!("{}:{line}: `{word}` does not belong here: {why}", file.path));
            }
        }
    }
    wrong
}

/// The node reads its environment in one place.
pub(crate) fn environment(tree: &Tree) -> Wrong {
    let node = product(tree).filter(|(file, _)| file.path.starts_with("node/src/"));
    let places: Vec<String> = node
        .flat_map(|(file, code)| {
            let lines = found(&code, &["env::var"]);
            lines.into_iter().map(move |(line, _)| format!("{}:{line}", file.path))
        })
        .collect();
    if places.len() <= 1 {
        return Wrong::new();
    }
    vec![format!("the environment is read in {}: read it in one place", places.join(" and "))]
}

/// The code of every file that is no test, without the tests in it.
fn product(tree: &Tree) -> impl Iterator<Item = (&File, String)> {
    let files = tree.rust().filter(|file| !file.is_test());
    files.map(|file| (file, lex::split_tests(&lex::code(&file.text)).0))
}

/// Our own modules may have a crate's name: `use crate::store::sled` names no engine.
fn without_own_imports(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    for statement in code.split_inclusive(';') {
        let own = ["use crate::", "use super::", "use self::"];
        match own.iter().filter_map(|start| statement.find(start)).min() {
            Some(from) => {
                out += &statement[..from];
                out.extend(statement[from..].chars().filter(|&letter| letter == '\n'));
            }
            None => out += statement,
        }
    }
    out
}

/// Lines that hold one of these words, not as the end of a longer one or of a path.
fn found<'a>(code: &str, words: &[&'a str]) -> Vec<(usize, &'a str)> {
    let mut lines = Vec::new();
    for (number, line) in code.lines().enumerate() {
        for word in words {
            let glue = if word.ends_with("::") { "_:" } else { "_" };
            let whole = |at: usize| {
                !word.starts_with(char::is_alphanumeric)
                    || !line[..at].ends_with(|l: char| l.is_alphanumeric() || glue.contains(l))
            };
            if line.match_indices(word).any(|(at, _)| whole(at)) {
                lines.push((number + 1, *word));
            }
        }
    }
    lines
}

#[test]
fn an_impure_machine_is_seen_and_its_tests_are_not() {
    let text = "//! tokio\nimpl Machine for Room {\n  fn f() { Instant::now(); operand::x() }\n}\n#[cfg(test)]\nmod tests { fn g() { x.unwrap() } }";
    let tree = Tree::of(&[("actors/src/room.rs", text), ("actors/src/shell.rs", "use tokio::x;")]);
    assert_eq!(pure_machines(&tree), ["actors/src/room.rs:3: `::now()` in a machine"]);
}

#[test]
fn a_heavy_name_in_the_wrong_file_is_seen() {
    let tree = Tree::of(&[
        ("storage/src/journal.rs", "let a = sled::open(x);"),
        ("storage/src/store/sled.rs", "let a = sled::open(x);"),
        ("node/src/gateway.rs", "use anyhow::Result;\nfn f(a: ActorRef<M>) {}"),
        ("actors/src/handle.rs", "fn f(a: ActorRef<M>) {}"),
        (
            "storage/src/open.rs",
            "use crate::{\n  store::{sled::Sled, redb::R},\n};\nstore::sled::X;",
        ),
    ]);
    let wrong = only_there(&tree);
    assert_eq!(wrong.len(), 3, "{wrong:#?}");
    assert!(wrong[0].starts_with("storage/src/journal.rs:1: `sled::` does not belong here"));
}

#[test]
fn an_environment_read_twice_is_seen() {
    let read = "let a = std::env::var(\"A\");";
    let twice = Tree::of(&[("node/src/a.rs", read), ("node/src/b.rs", read)]);
    assert_eq!(environment(&twice).len(), 1);
    assert!(environment(&Tree::of(&[("node/src/a.rs", read)])).is_empty());
}
