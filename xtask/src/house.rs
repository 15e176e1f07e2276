//! Where things lie.

use std::{ffi::OsString, path::PathBuf};

/// The workspace's folder.
pub(crate) fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or(here.clone(), PathBuf::from)
}

/// The web app's folder.
pub(crate) fn web() -> PathBuf {
    root().join("node/web")
}

/// Where cargo builds.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The path that programs are looked for on: what we installed ourselves, then the system's.
pub(crate) fn search_path() -> OsString {
    let own = target().join("tools/node/node_modules/node/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = own.is_dir().then_some(own).into_iter().chain(std::env::split_paths(&path));
    // A folder with a colon in its name cannot be on a path: then ours is not.
    std::env::join_paths(all).unwrap_or(path)
}

/// A program that cargo built.
pub(crate) fn built(profile: Profile, name: &str) -> PathBuf {
    target().join(profile.folder()).join(name)
}

/// How cargo builds.
#[derive(Clone, Copy)]
pub(crate) enum Profile {
    /// Fast to build.
    Dev,
    /// Fast to run.
    Release,
}

impl Profile {
    const fn folder(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Release => "release",
        }
    }

    /// What cargo is told.
    pub(crate) const fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Dev => &[],
            Self::Release => &["--release"],
        }
    }
}
