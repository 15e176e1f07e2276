//! Lengths, and how a file begins.

use super::{
    lex,
    tree::{Tree, Wrong},
};

/// Lines of a file, at most.
pub(crate) const FILE_LINES: usize = 600;
/// Lines of the file in the middle, at most.
const MEDIAN_LINES: usize = 150;
/// Lines of a function, at most.
const FUNCTION_LINES: usize = 70;

/// Every file says what it is before anything else.
pub(crate) fn opens_with_doc(tree: &Tree) -> Wrong {
    let mute = tree.rust().filter(|file| !file.text.starts_with("//! "));
    mute.map(|file| format!("{}:1: the file does not open with `//! ` and what it is", file.path))
        .collect()
}

/// No file is too long, and the one in the middle is short.
pub(crate) fn files(tree: &Tree) -> Wrong {
    let mut lines: Vec<(usize, &str)> =
        tree.rust().map(|file| (file.text.lines().count(), file.path.as_str())).collect();
    lines.sort_unstable();
    let long = lines.iter().filter(|(count, _)| *count > FILE_LINES);
    let mut wrong: Wrong = long
        .map(|(count, path)| format!("{path}: {count} lines; cut it at {FILE_LINES} at the latest"))
        .collect();
    match lines.get(lines.len() / 2) {
        Some((median, path)) if *median > MEDIAN_LINES => wrong.push(format!(
            "half of all files have more than {median} lines ({path} lies in the middle); the \
             house keeps it at {MEDIAN_LINES}"
        )),
        _ => {}
    }
    wrong
}

/// No function is too long.
pub(crate) fn functions(tree: &Tree) -> Wrong {
    let mut wrong = Wrong::new();
    for file in tree.rust() {
        let code = lex::code(&file.text);
        for (at, _) in code.match_indices("fn ") {
            let Some((name, open)) = head(&code, at) else { continue };
            let lines = code[at..lex::closing(&code, open)].matches('\n').count() + 1;
            if lines > FUNCTION_LINES {
                let line = lex::line_of(&code, at);
                wrong.push(format!(
                    "{}:{line}: `{name}` has {lines} lines; cut it at {FUNCTION_LINES}",
                    file.path
                ));
            }
        }
    }
    wrong
}

/// The name of the function here and the place of its body, when it has both.
fn head(code: &str, at: usize) -> Option<(&str, usize)> {
    if code[..at].ends_with(|letter: char| letter.is_alphanumeric() || letter == '_') {
        return None;
    }
    let name = &code[at + 3..];
    let len = name.find(|letter: char| !letter.is_alphanumeric() && letter != '_')?;
    // `[u8; 32]` in a signature holds a semicolon that ends nothing.
    let mut depth = 0;
    for (place, letter) in code[at..].char_indices() {
        match letter {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            '{' if depth == 0 => return (len > 0).then_some((&name[..len], at + place)),
            ';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

#[test]
fn a_file_without_a_head_and_one_without_an_end_are_seen() {
    let long = format!("//! Long.\n{}", "fn a() {}\n".repeat(600));
    let tree = Tree::of(&[("a/src/a.rs", &long), ("a/src/b.rs", "use x;\n"), ("a/c.ts", "x")]);
    assert_eq!(opens_with_doc(&tree).len(), 1);
    let wrong = files(&tree);
    assert!(wrong[0].starts_with("a/src/a.rs: 601 lines"), "{wrong:?}");
    assert!(wrong[1].contains("lies in the middle"), "{wrong:?}");
}

#[test]
fn a_long_function_is_seen_and_its_short_neighbour_is_not() {
    let text = format!(
        "fn short(a: [u8; 2]) {{\n}}\nfn long<T>()\nwhere\n    T: X,\n{{\n{}}}\ntrait Y {{ fn z(); }}\n",
        "    if a { \"}\" }\n".repeat(70)
    );
    let wrong = functions(&Tree::of(&[("a/src/a.rs", &text)]));
    assert_eq!(wrong, ["a/src/a.rs:3: `long` has 75 lines; cut it at 70"]);
}
