//! The browser's types are this crate's types: generated, checked in, and compared here.
//!
//! Delete `node/web/src/protocol/words.ts` and run this test to write it anew; when the words
//! changed, the test says so and leaves the file alone.

use protocol::{
    cluster::ChangeRefusal,
    frame::{ToBrowser, ToNode},
    operator::{Drain, Live, Overview},
};
use std::{any::TypeId, collections::BTreeMap, collections::HashSet, fs, path::PathBuf};
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

fn generated() -> String {
    let config = Config::new().with_large_int("number");
    let mut found = Declarations { config, seen: HashSet::new(), by_name: BTreeMap::new() };
    found.visit::<ToNode>();
    found.visit::<ToBrowser>();
    found.visit::<Overview>();
    found.visit::<Live>();
    found.visit::<Drain>();
    found.visit::<ChangeRefusal>();
    let head = format!(
        "// Generated from the crate `protocol`. Never edited: delete it and run `cargo test -p protocol`.\n\n\
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
    );
    head + &found.by_name.into_values().collect::<Vec<_>>().join("\n")
}

#[test]
fn the_browsers_types_are_this_crates_types() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../node/web/src/protocol/words.ts");
    let generated = generated();
    match fs::read_to_string(&path) {
        Ok(kept) => assert!(kept == generated, "the words changed: delete {path:?} and run again"),
        Err(_) => {
            fs::create_dir_all(path.parent().expect("the path has a folder")).expect("writable");
            fs::write(&path, generated).expect("writable");
        }
    }
}
