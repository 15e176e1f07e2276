//! What was meant for tomorrow, and tests that wait or look away.

use super::{
    lex,
    tree::{Tree, Wrong},
};

/// Marks of work not done. Put together here, so that this file holds none.
const MARKS: [&str; 4] =
    [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK")];
const ENDS: [&str; 9] = [".rs", ".ts", ".svelte", ".css", ".html", ".toml", ".yml", ".mjs", ".md"];
const MACROS: [&str; 3] = ["todo!", "unimplemented!", "dbg!"];

/// Nothing is marked for later.
pub(crate) fn marks(tree: &Tree) -> Wrong {
    let mut wrong = Wrong::new();
    for file in tree.ending(&ENDS) {
        for (number, line) in file.text.lines().enumerate() {
            let mut words = line.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
            if let Some(mark) = words.find(|word| MARKS.contains(word)) {
                wrong.push(format!("{}:{}: {mark}: do it, or leave it", file.path, number + 1));
            }
        }
    }
    wrong
}

/// Nothing is left open in code.
pub(crate) fn macros(tree: &Tree) -> Wrong {
    let mut wrong = Wrong::new();
    for file in tree.rust() {
        let code = lex::code(&file.text);
        for name in MACROS {
            for (at, _) in code.match_indices(name) {
                let line = lex::line_of(&code, at);
                wrong.push(format!("{}:{line}: `{name}` is for drafts", file.path));
            }
        }
    }
    wrong
}

/// Tests wait for things to happen, not for time to pass, and none is ignored.
pub(crate) fn sleeping_tests(tree: &Tree) -> Wrong {
    let mut wrong = Wrong::new();
    for file in tree.rust() {
        let code = lex::code(&file.text);
        let ignored = code.matches("#[ignore").count();
        if ignored > 0 {
            wrong.push(format!("{}: {ignored} ignored tests: mend or remove them", file.path));
        }
        let tests = if file.is_test() { code } else { lex::split_tests(&code).1 };
        for sleep in ["thread::sleep", "time::sleep"] {
            if tests.contains(sleep) {
                wrong.push(format!(
                    "{}: `{sleep}` in a test: wait for what must happen, not for time",
                    file.path
                ));
            }
        }
    }
    wrong
}

#[test]
fn marks_and_drafts_are_seen() {
    let mark = format!("// {}: later\nfn a() {{ {}(1) }}\n", MARKS[0], MACROS[2]);
    let tree = Tree::of(&[("a/src/a.rs", &mark), ("web/b.ts", "const prefix = 'x'")]);
    assert_eq!(marks(&tree).len(), 1);
    assert_eq!(macros(&tree), ["a/src/a.rs:2: `dbg!` is for drafts"]);
}

#[test]
fn a_test_that_sleeps_or_looks_away_is_seen() {
    let sleeps = "#[cfg(test)]\nmod tests { fn a() { std::thread::sleep(x) } }";
    let code = "fn a() { tokio::time::sleep(x).await }";
    let tree = Tree::of(&[
        ("a/src/a.rs", sleeps),
        ("a/src/b.rs", code),
        ("a/tests/c.rs", code),
        ("a/tests/d.rs", "#[ignore = \"slow\"]\nfn d() {}"),
    ]);
    let wrong = sleeping_tests(&tree);
    assert_eq!(wrong.len(), 3, "{wrong:#?}");
    assert!(wrong.iter().all(|sentence| !sentence.starts_with("a/src/b.rs")));
}
