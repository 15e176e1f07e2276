//! The tree as it lies on the disk, without what is built, downloaded or kept.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Sentences: what is wrong, and where.
pub(crate) type Wrong = Vec<String>;

/// Folders nobody wrote, and dot-folders somebody did.
const NOT_OURS: [&str; 7] =
    ["target", "data", "node_modules", "dist", "fuzz-corpus", "test-results", "playwright-report"];
const DOT_FOLDERS: [&str; 3] = [".cargo", ".ci", ".config"];
/// Longer files are no text that a person wrote.
const TEXT_BYTES: usize = 4 * 1024 * 1024;

/// One text file.
pub(crate) struct File {
    /// From the workspace's folder, with slashes.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
}

/// Every text file of the workspace.
pub(crate) struct Tree {
    /// Sorted by path.
    pub(crate) files: Vec<File>,
}

impl Tree {
    /// The tree this test was built from.
    pub(crate) fn read() -> Self {
        let mut tree = Self { files: Vec::new() };
        tree.walk(&root(), "");
        tree.files.sort_by(|one, other| one.path.cmp(&other.path));
        tree
    }

    /// A tree of a bad sample.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        };
        Self { files: files.iter().map(file).collect() }
    }

    /// Every Rust file.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.ending(&[".rs"])
    }

    /// Every file with one of these ends.
    pub(crate) fn ending<'a>(&'a self, ends: &'a [&str]) -> impl Iterator<Item = &'a File> {
        self.files.iter().filter(|file| ends.iter().any(|end| file.path.ends_with(end)))
    }

    /// The text of one file.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path).map(|file| file.text.as_str())
    }

    /// Whether there is such a file or folder.
    pub(crate) fn has(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        self.files.iter().any(|file| file.path == path || file.path.starts_with(&folder))
    }

    fn walk(&mut self, folder: &Path, prefix: &str) {
        for entry in fs::read_dir(folder).expect("the tree is readable") {
            let entry = entry.expect("the tree is readable");
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            let kind = entry.file_type().expect("the tree is readable");
            let skipped = NOT_OURS.contains(&name.as_str())
                || (name.starts_with('.') && !DOT_FOLDERS.contains(&name.as_str()));
            if kind.is_dir() && !skipped {
                self.walk(&entry.path(), &format!("{path}/"));
            } else if kind.is_file() && !path.ends_with(".log") {
                // A file that vanishes meanwhile, or is no text, has no rules.
                if let Ok(text) = fs::read_to_string(entry.path())
                    && text.len() <= TEXT_BYTES
                {
                    self.files.push(File { path, text });
                }
            }
        }
    }
}

impl File {
    /// Whether everything in it is test code.
    pub(crate) fn is_test(&self) -> bool {
        let stem = self.path.rsplit('/').next().unwrap_or_default();
        stem == "tests.rs" || self.path.split('/').rev().skip(1).any(|part| part == "tests")
    }
}

/// The workspace's folder: cargo says where, and without cargo it is where we stand.
fn root() -> PathBuf {
    match option_env!("CARGO_MANIFEST_DIR") {
        Some(here) => Path::new(here).parent().expect("tests is a folder of the tree").into(),
        None => PathBuf::from("."),
    }
}

#[test]
fn test_code_is_told_from_code() {
    let tree = Tree::of(&[
        ("actors/src/room.rs", ""),
        ("actors/src/room/tests.rs", ""),
        ("protocol/tests/vectors.rs", ""),
        ("tests/src/lib.rs", ""),
    ]);
    let tests: Vec<bool> = tree.files.iter().map(File::is_test).collect();
    assert_eq!(tests, [false, true, true, true]);
}
