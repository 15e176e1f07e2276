//! `cargo xtask upgrade`: the release before, built from the history of this very tree, becomes this
//! one while people talk.
//!
//! Which commit it was stands in `deploy/previous-release`, and nowhere else. Its program is built
//! once and kept under `target/previous`. Its web app is not: no page is tested here.

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use crate::{
    dev,
    house::{self, Profile},
    nemesis,
    run::{cargo, output, program, step, timed},
    tools, web,
};

/// Where it is written which commit the release before was.
const PREVIOUS: &str = "deploy/previous-release";

/// The release before becomes this one, node by node, while people talk; nothing may be lost.
#[derive(Args)]
pub(crate) struct Upgrade {
    /// The commit of the release before; without, what deploy/previous-release says.
    #[arg(long)]
    from: Option<String>,
    /// Where all chance comes from; a failure names it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Upgrade {
    /// Builds both releases and runs the upgrade.
    pub(crate) fn run(self) -> Result<()> {
        let from = match self.from {
            Some(from) => from,
            None => previous()?,
        };
        if let Some(why) = cannot(&from) {
            bail!("upgrade skipped: {why}");
        }
        tools::for_building()?;
        web::build()?;
        upgraded(&from, self.seed)
    }
}

/// The same on every change.
pub(crate) fn slice() -> Result<()> {
    upgraded(&previous()?, 1)
}

/// Why it cannot run here; nothing when it can. Whoever skips it says this aloud.
pub(crate) fn why_not() -> Result<Option<String>> {
    Ok(cannot(&previous()?))
}

fn cannot(commit: &str) -> Option<String> {
    if kept(commit).is_file() {
        return nemesis::cannot();
    }
    let object = format!("{commit}^{{commit}}");
    if output(program("git").args(["cat-file", "-e", &object])).is_none() {
        return Some(format!(
            "the history of this tree does not reach back to {commit}, the release before: \
             `git fetch --unshallow` brings it"
        ));
    }
    nemesis::cannot()
}

/// The commit of the release before.
fn previous() -> Result<String> {
    let path = house::root().join(PREVIOUS);
    let text = fs::read_to_string(&path).with_context(|| format!("{PREVIOUS} is missing"))?;
    let commit = text.trim();
    let hexadecimal = commit.bytes().all(|it| it.is_ascii_hexdigit());
    ensure!(commit.len() == 40 && hexadecimal, "{PREVIOUS} holds {commit:?} and no commit");
    Ok(commit.to_owned())
}

fn upgraded(from: &str, seed: u64) -> Result<()> {
    // The older one first: both builds end under one name, and what comes last stays there.
    let old = built(from)?;
    dev::build(Profile::Dev)?;
    let build = ["build", "--locked", "-p", "tests", "--bin", "upgrade"];
    step("building the upgrade", &mut cargo(build))?;
    let mut upgrade = program(house::built(Profile::Dev, "upgrade"));
    upgrade.arg("--old").arg(old).arg("--new").arg(house::built(Profile::Dev, "konsil"));
    upgrade.args(["--seed", &seed.to_string()]).arg("--out").arg(house::target().join("upgrade"));
    step("upgrade", &mut upgrade)
}

/// Where the program of a commit is kept.
fn kept(commit: &str) -> PathBuf {
    house::target().join("previous").join(commit).join("konsil")
}

/// The program of a commit, built unless it is there.
fn built(commit: &str) -> Result<PathBuf> {
    let kept = kept(commit);
    if kept.is_file() {
        println!("✓ the release before is there: {}", kept.display());
        return Ok(kept);
    }
    let source = house::target().join("previous/source");
    timed(&format!("unpacking {commit}"), || unpack(commit, &source))?;
    let mut build = cargo(["build", "--locked", "-p", "node"]);
    // Whatever both releases use of others is built once. Their own crates need no debug
    // information here, and those lie elsewhere than ours.
    for own in ["protocol", "storage", "actors", "node"] {
        build.args(["--config", &format!("profile.dev.package.{own}.debug=false")]);
    }
    build.current_dir(&source).env("CARGO_TARGET_DIR", house::target());
    build.env("CARGO_INCREMENTAL", "0");
    step("building the release before", &mut build)?;
    let folder = kept.parent().context("a program lies in a folder")?;
    fs::create_dir_all(folder)?;
    let aside = folder.join("konsil.new");
    fs::copy(house::built(Profile::Dev, "konsil"), &aside)?;
    fs::rename(&aside, &kept)?;
    fs::remove_dir_all(&source)?;
    Ok(kept)
}

/// The tree of a commit in a folder of its own.
fn unpack(commit: &str, folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    let mut archive =
        program("git").args(["archive", "--format=tar", commit]).stdout(Stdio::piped()).spawn()?;
    let tar = archive.stdout.take().context("git archive has an output")?;
    let unpacked = program("tar").arg("-x").current_dir(folder).stdin(tar).status()?;
    let archived = archive.wait()?;
    ensure!(archived.success() && unpacked.success(), "{commit} cannot be unpacked");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_before_is_a_commit() {
        let commit = previous().expect("deploy/previous-release holds one");
        assert!(kept(&commit).ends_with(format!("previous/{commit}/konsil")));
    }

    #[test]
    fn a_commit_that_is_not_in_the_history_is_named_in_the_reason() {
        let nowhere = "0123456789012345678901234567890123456789";
        let why = cannot(nowhere).expect("nobody made this commit");
        assert!(why.contains(nowhere) && why.contains("history"), "{why}");
    }
}
