//! The browser's types are this crate's types: generated, checked in, and compared here.
//!
//! Delete a file of `node/web/src/protocol/` and run this test to write it anew; when the words
//! changed, the test says so and leaves the file alone.

use protocol::{
    cluster::ChangeRefusal,
    frame::{ToBrowser, ToNode},
    operator::{Drain, Live, Overview},
};
use std::{any::TypeId, collections::BTreeMap, collections::HashSet, fs, mem, path::PathBuf};
use ts_rs::{Config, TS, TypeVisitor};

/// Collects the declarations of a type and of everything it mentions.
struct Declarations {
    config: Config,
    seen: HashSet<TypeId>,
    by_name: BTreeMap<String, String>,
}

impl TypeVisitor for Declarations {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        if T::output_path().is_none() || !self.seen.insert(TypeId::of::<T>()) {
            return;
        }
        let docs = T::docs().unwrap_or_default();
        let declaration = format!("{docs}export {}\n", T::decl(&self.config));
        self.by_name.insert(T::name(&self.config), declaration);
        T::visit_dependencies(self);
    }
}

const HEAD: &str = "// Generated from the crate `protocol`. Never edited: delete it and run `cargo test -p protocol`.\n\n";

/// What travels through the socket, and what only the operator's page reads.
fn generated() -> (String, String) {
    let config = Config::new().with_large_int("number");
    let mut found = Declarations { config, seen: HashSet::new(), by_name: BTreeMap::new() };
    found.visit::<ToNode>();
    found.visit::<ToBrowser>();
    let words = mem::take(&mut found.by_name);
    found.visit::<Overview>();
    found.visit::<Live>();
    found.visit::<Drain>();
    found.visit::<ChangeRefusal>();
    (numbers() + &joined(&words), operators(&found.by_name, &words))
}

fn joined(declarations: &BTreeMap<String, String>) -> String {
    declarations.values().cloned().collect::<Vec<_>>().join("\n")
}

/// The operator's words; those of the socket they mention are imported.
fn operators(own: &BTreeMap<String, String>, words: &BTreeMap<String, String>) -> String {
    let text = joined(own);
    let spoken = |name: &&String| {
        let parts = text.split(|letter: char| !letter.is_alphanumeric());
        parts.into_iter().any(|part| part == name.as_str())
    };
    let known: Vec<&str> = words.keys().filter(spoken).map(String::as_str).collect();
    let import = match known.as_slice() {
        [] => String::new(),
        names => format!("import type {{ {} }} from \"./words\";\n\n", names.join(", ")),
    };
    format!("{HEAD}{import}{text}")
}

fn numbers() -> String {
    format!(
        "{HEAD}\
         /** What a browser and a node speak. */\nexport const WIRE = {};\n\n\
         /** The browser acknowledges after so many frames at the latest. */\nexport const ACK_EVERY = {};\n\n\
         /** Characters of one message. */\nexport const MESSAGE_CHARS = {};\n\n\
         /** Files one message may carry. */\nexport const MESSAGE_FILES = {};\n\n\
         /** Characters of a person's name. */\nexport const NAME_CHARS = {};\n\n\
         /** Characters of a case's title. */\nexport const TITLE_CHARS = {};\n\n\
         /** Characters of the message shown to a person on hold. */\nexport const HOLD_CHARS = {};\n\n",
        protocol::version::WIRE,
        protocol::limits::ACK_EVERY,
        protocol::limits::MESSAGE_CHARS,
        protocol::limits::MESSAGE_FILES,
        protocol::limits::NAME_CHARS,
        protocol::limits::TITLE_CHARS,
        protocol::limits::HOLD_CHARS,
    )
}

/// Compares a file with what belongs in it, or writes it when it is not there.
fn compare(name: &str, generated: &str) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../node/web/src/protocol");
    let path = folder.join(name);
    match fs::read_to_string(&path) {
        Ok(kept) => assert!(kept == generated, "the words changed: delete {path:?} and run again"),
        Err(_) => {
            fs::create_dir_all(folder).expect("writable");
            fs::write(&path, generated).expect("writable");
        }
    }
}

#[test]
fn the_browsers_types_are_this_crates_types() {
    let (words, operator) = generated();
    compare("words.ts", &words);
    compare("operator.ts", &operator);
}
