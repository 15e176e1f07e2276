//! Texts: every language has the same sentences.

use super::tree::{Tree, Wrong};
use std::collections::BTreeSet;

/// The first language, which others are compared with, and the others.
const LANGUAGES: (&str, [&str; 1]) = ("de", ["en"]);

/// Every file of texts has its sister, and both have the same keys.
pub(crate) fn same_keys(tree: &Tree) -> Wrong {
    let (first, others) = LANGUAGES;
    let mut wrong = Wrong::new();
    for other in others {
        for (one, two) in [(first, other), (other, first)] {
            for file in tree.ending(&[".ftl"]) {
                let Some(sister) = sister(&file.path, one, two) else { continue };
                let Some(text) = tree.text(&sister) else {
                    wrong.push(format!("{} has no sister {sister}", file.path));
                    continue;
                };
                let (mine, theirs) = (keys(&file.text), keys(text));
                let lost = mine.difference(&theirs);
                wrong.extend(lost.map(|key| format!("{sister} does not say `{key}`")));
            }
        }
    }
    wrong
}

/// The path in the other language: a folder or a file is named by it.
fn sister(path: &str, one: &str, two: &str) -> Option<String> {
    let part = |part: &str| match part.strip_prefix(one) {
        Some(rest) if rest.is_empty() || rest.starts_with(['.', '-']) => format!("{two}{rest}"),
        _ => part.to_owned(),
    };
    let other = path.split('/').map(part).collect::<Vec<_>>().join("/");
    (other != path).then_some(other)
}

/// Messages, terms, and the attributes of both.
fn keys(text: &str) -> BTreeSet<String> {
    let (mut keys, mut message) = (BTreeSet::new(), "");
    for line in text.lines() {
        let Some((name, _)) = line.split_once('=') else { continue };
        let word = name.trim();
        let plain = |word: &str| {
            !word.is_empty() && word.chars().all(|l| l.is_alphanumeric() || "-_".contains(l))
        };
        match word.strip_prefix('.') {
            Some(attribute) if line.starts_with(' ') && plain(attribute) => {
                keys.insert(format!("{message}.{attribute}"));
            }
            None if name.starts_with(|l: char| l.is_alphanumeric() || l == '-') && plain(word) => {
                message = word;
                keys.insert(word.to_owned());
            }
            _ => {}
        }
    }
    keys
}

#[test]
fn a_sentence_in_one_language_only_is_seen() {
    let german = "# Comment = no\nknock = Klopfen\n    .title = Anklopfen\nleave = Gehen\n";
    let english = "knock = Knock\n    continued = line\nleave = Leave\nstay = Stay\n";
    let tree = Tree::of(&[
        ("node/web/texts/de/room.ftl", german),
        ("node/web/texts/en/room.ftl", english),
        ("node/web/texts/de/book.ftl", ""),
    ]);
    let wrong = same_keys(&tree);
    assert!(wrong.iter().any(|it| it.contains("no sister node/web/texts/en/book.ftl")));
    assert!(wrong.iter().any(|it| it.contains("en/room.ftl does not say `knock.title`")));
    assert!(wrong.iter().any(|it| it.contains("de/room.ftl does not say `stay`")));
    assert_eq!(wrong.len(), 3, "{wrong:?}");
}
