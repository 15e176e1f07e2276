//! The web app: one place asks the node, files are short and say what they are.

use super::{
    shape::FILE_LINES,
    tree::{Tree, Wrong},
};

const SOURCES: [&str; 2] = [".ts", ".svelte"];
/// Where a browser may ask for something beside the socket: signing in, and files.
const MAY_FETCH: [&str; 2] = ["node/web/src/link/", "node/web/src/file/"];

/// `fetch` stands in the link and where files are sent.
pub(crate) fn fetches(tree: &Tree) -> Wrong {
    let mut wrong = Wrong::new();
    for file in tree.ending(&SOURCES).filter(|file| file.path.starts_with("node/web/src/")) {
        if MAY_FETCH.iter().any(|place| file.path.starts_with(place)) {
            continue;
        }
        for (number, line) in file.text.lines().enumerate() {
            let word = |at: usize| !line[..at].ends_with(|l: char| l.is_alphanumeric());
            let spoken = line.trim_start().starts_with("//") || line.trim_start().starts_with('*');
            if !spoken && line.match_indices("fetch(").any(|(at, _)| word(at)) {
                wrong.push(format!("{}:{}: only link/ and file/ fetch", file.path, number + 1));
            }
        }
    }
    wrong
}

/// Files open with a comment and end in time.
pub(crate) fn files(tree: &Tree) -> Wrong {
    let mut wrong = Wrong::new();
    for file in tree.ending(&SOURCES).filter(|file| file.path.starts_with("node/web/")) {
        if !["//", "/*", "<!--"].iter().any(|open| file.text.starts_with(open)) {
            wrong.push(format!("{}:1: the file does not open with what it is", file.path));
        }
        let lines = file.text.lines().count();
        // Generated: as long as the words are.
        if lines > FILE_LINES && !file.path.ends_with("protocol/words.ts") {
            wrong.push(format!("{}: {lines} lines; cut it at {FILE_LINES}", file.path));
        }
    }
    wrong
}

#[test]
fn a_fetch_elsewhere_is_seen() {
    let tree = Tree::of(&[
        ("node/web/src/room/room.ts", "// A room.\n// fetch(x)\nprefetch(x)\nawait fetch(x)"),
        ("node/web/src/link/http.ts", "// The door.\nawait fetch(x)"),
    ]);
    assert_eq!(fetches(&tree), ["node/web/src/room/room.ts:4: only link/ and file/ fetch"]);
}

#[test]
fn a_long_or_silent_file_is_seen() {
    let long = format!("<!-- A room. -->\n{}", "<p></p>\n".repeat(600));
    let tree = Tree::of(&[
        ("node/web/src/Room.svelte", &long),
        ("node/web/src/room.ts", "export const a = 1;"),
        ("node/web/src/good.ts", "// Good.\n"),
    ]);
    let wrong = files(&tree);
    assert_eq!(wrong.len(), 2, "{wrong:?}");
}
