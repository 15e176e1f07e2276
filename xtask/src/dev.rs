//! `cargo xtask dev`: from a fresh clone to a running Konsil with a demo tenant.

use anyhow::{Context, Result, bail};
use clap::Args;
use std::{fs, os::unix::process::CommandExt, path::Path};

use crate::{
    house::{self, Profile},
    run::{cargo, program, step},
    tools, web,
};

/// Build everything and start Konsil on this machine, with a demo tenant.
#[derive(Args)]
pub(crate) struct Dev {
    /// Forget what an earlier run kept in ./data (says what it removes).
    #[arg(long)]
    fresh: bool,
    /// The port browsers connect to; further nodes take the ports that follow.
    #[arg(long)]
    port: Option<u16>,
    /// How many nodes: kill one, and watch.
    #[arg(long, default_value_t = 3)]
    nodes: u16,
}

impl Dev {
    /// Builds, then becomes `konsil dev`: the same process, so that Ctrl-C and every other signal
    /// reach it and its exit is ours.
    pub(crate) fn run(self) -> Result<()> {
        tools::for_building()?;
        web::build()?;
        build(Profile::Release)?;
        let data = house::root().join("data");
        if self.fresh {
            forget(&data)?;
        }
        let mut konsil = program(house::built(Profile::Release, "konsil"));
        konsil.arg("dev").arg("--data").arg(&data);
        konsil.args(["--nodes", &self.nodes.to_string()]);
        if let Some(port) = self.port {
            konsil.args(["--port", &port.to_string()]);
        }
        println!("▸ konsil dev (Ctrl-C stops it)");
        Err(konsil.exec()).context("konsil was built and cannot be started")
    }
}

/// Builds the node.
pub(crate) fn build(profile: Profile) -> Result<()> {
    let command = ["build", "--locked", "-p", "node"];
    step("building konsil", cargo(command).args(profile.flags()))
}

/// Removes what an earlier run kept, and says so.
fn forget(data: &Path) -> Result<()> {
    let Ok(kind) = fs::symlink_metadata(data) else {
        println!("✓ --fresh: there is no {}, nothing to remove", data.display());
        return Ok(());
    };
    if !kind.is_dir() {
        bail!("{} is no folder: --fresh leaves it alone, look at it yourself", data.display());
    }
    let (files, bytes) = size(data)?;
    println!("▸ --fresh: removing {} ({files} files, {} KiB)", data.display(), bytes / 1024);
    fs::remove_dir_all(data).with_context(|| format!("{} cannot be removed", data.display()))
}

fn size(folder: &Path) -> Result<(u64, u64)> {
    let (mut files, mut bytes) = (0, 0);
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        if meta.is_dir() {
            let inside = size(&entry.path())?;
            (files, bytes) = (files + inside.0, bytes + inside.1);
        } else {
            (files, bytes) = (files + 1, bytes + meta.len());
        }
    }
    Ok((files, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_removes_a_folder_and_never_something_else() {
        let place = std::env::temp_dir().join(format!("konsil-fresh-{}", std::process::id()));
        forget(&place).expect("nothing to remove is fine");
        fs::create_dir_all(place.join("inside")).expect("writable");
        fs::write(place.join("inside/log"), "12345").expect("writable");
        assert_eq!(size(&place).expect("readable"), (1, 5));
        forget(&place).expect("a folder is removed");
        assert!(!place.exists());
        fs::write(&place, "not ours").expect("writable");
        assert!(forget(&place).is_err(), "a file is left alone");
        fs::remove_file(place).expect("writable");
    }
}
