//! Programs of others that judge what we write, each in an environment of its own under `target`.

use anyhow::Result;
use std::path::PathBuf;

use crate::{
    house,
    run::{cargo, output, program, step},
    tools,
};

/// Reads C2SP transparency logs; shares no line with us. Needs a Python of 3.12 or newer.
const TLOG: &str = "aics-tlog==0.2.1";
/// The oldest Python that runs it.
const PYTHON: (u32, u32) = (3, 12);
/// What a Python is called, where there are several.
const PYTHONS: [&str; 4] = ["python3", "python3.14", "python3.13", "python3.12"];

/// Installs the judge of audit logs, when that can be done here; else says why not.
pub(crate) fn for_audit() -> Result<Option<String>> {
    let folder = house::target().join("judges/tlog");
    if folder.join("bin/aics-tlog").is_file() {
        return Ok(None);
    }
    let Some(python) = python() else {
        let (major, minor) = PYTHON;
        return Ok(Some(format!(
            "{TLOG} needs a Python of {major}.{minor} or newer, and there is none here"
        )));
    };
    let place = folder.to_string_lossy().into_owned();
    step("an environment for the judge", program(python).args(["-m", "venv", &place]))?;
    let mut install = program(folder.join("bin/pip"));
    install.args(["install", "--quiet", "--only-binary", ":all:", TLOG]);
    match step("installing the judge from PyPI", &mut install) {
        Ok(()) => Ok(None),
        Err(why) => Ok(Some(format!("{TLOG} is not to be had here: {why:#}"))),
    }
}

/// Has it judge what a node exports.
pub(crate) fn audit() -> Result<()> {
    let mut tests =
        if tools::has("cargo-nextest") { cargo(["nextest", "run"]) } else { cargo(["test"]) };
    tests.args(["--workspace", "--locked", "--test", "gateway", "audit"]);
    step("an export before its judge", tests.env("KONSIL_JUDGE", "1"))
}

/// A Python that is new enough: on the path, or of pyenv.
fn python() -> Option<PathBuf> {
    let named = PYTHONS.iter().map(PathBuf::from);
    let listed = output(program("pyenv").args(["versions", "--bare"])).unwrap_or_default();
    let kept = listed.lines().filter_map(|name| output(program("pyenv").args(["prefix", name])));
    let kept: Vec<PathBuf> = kept.map(|it| PathBuf::from(it).join("bin/python3")).collect();
    // A name on the path may stand for a version that is not chosen: only what answers counts.
    named.chain(kept).find(|it| new_enough(output(program(it).arg("--version")).as_deref()))
}

fn new_enough(version: Option<&str>) -> bool {
    let numbers = version.and_then(|text| text.strip_prefix("Python ")).map(|text| {
        let mut numbers = text.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
    });
    numbers.is_some_and(|found| found >= PYTHON)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_is_judged_by_its_version() {
        for good in ["Python 3.12.1", "Python 3.13.0", "Python 4.0"] {
            assert!(new_enough(Some(good)), "{good}");
        }
        for bad in [None, Some("Python 3.11.7"), Some("Python 2.7.18"), Some("3.12.1"), Some("")] {
            assert!(!new_enough(bad), "{bad:?}");
        }
    }
}
