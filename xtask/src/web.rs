//! The web app: built only when its sources changed, because the node embeds what lies in `dist`.

use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    house,
    run::{npm, step},
};

/// Folders that hold no sources.
const NOT_SOURCES: [&str; 5] =
    ["node_modules", "dist", "test-results", "playwright-report", "coverage"];
/// What was installed: the hash of the lock file.
const INSTALLED: &str = "node_modules/.konsil-installed";
/// What was built: the hash of the sources.
const BUILT: &str = "dist/.konsil-built";

/// Installs what the lock file names, unless that was done.
pub(crate) fn install() -> Result<()> {
    let lock = house::web().join("package-lock.json");
    let bytes = fs::read(&lock)
        .with_context(|| format!("{} is missing: the tree is incomplete", lock.display()))?;
    let hash = Fnv::default().with(&bytes).spelled();
    if stamp(INSTALLED).as_deref() == Some(&hash) {
        return Ok(());
    }
    step("web: npm ci", npm(["ci", "--no-fund", "--no-audit"]).env("CI", "1"))?;
    write_stamp(INSTALLED, &hash)
}

/// Builds the app, unless the newest build is of these very sources.
pub(crate) fn build() -> Result<()> {
    let hash = hash_of_sources(&house::web())?;
    if stamp(BUILT).as_deref() == Some(&hash) {
        println!("✓ web: the built app is of these sources");
        return Ok(());
    }
    install()?;
    step("web: npm run build", &mut npm(["run", "build"]))?;
    write_stamp(BUILT, &hash)
}

/// Runs one of the app's scripts.
pub(crate) fn script(name: &str) -> Result<()> {
    if !has_script(name)? {
        bail!("node/web/package.json has no script `{name}`: the tests of the web app need it");
    }
    install()?;
    step(&format!("web: npm run {name}"), &mut npm(["run", name]))
}

/// Whether the app has this script.
pub(crate) fn has_script(name: &str) -> Result<bool> {
    let path = house::web().join("package.json");
    let text = fs::read_to_string(&path)
        .with_context(|| format!("{} is missing: the tree is incomplete", path.display()))?;
    let package: serde_json::Value =
        serde_json::from_str(&text).with_context(|| format!("{} is no JSON", path.display()))?;
    Ok(package["scripts"][name].is_string())
}

fn stamp(name: &str) -> Option<String> {
    fs::read_to_string(house::web().join(name)).ok()
}

fn write_stamp(name: &str, hash: &str) -> Result<()> {
    let path = house::web().join(name);
    fs::write(&path, hash).with_context(|| format!("{} cannot be written", path.display()))
}

/// One number for every path and byte that the build reads.
fn hash_of_sources(folder: &Path) -> Result<String> {
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    files.sort();
    let mut hash = Fnv::default();
    for file in files {
        let name = file.strip_prefix(folder).unwrap_or(&file).to_string_lossy().into_owned();
        let bytes =
            fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        hash = hash.with(name.as_bytes()).with(&(bytes.len() as u64).to_le_bytes()).with(&bytes);
    }
    Ok(hash.spelled())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let kind = entry.file_type()?;
        let skipped = NOT_SOURCES.iter().any(|name| entry.file_name() == *name);
        if kind.is_dir() && !skipped {
            collect(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// FNV-1a with 64 bits: tells builds apart, and is no secret.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn with(self, bytes: &[u8]) -> Self {
        let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        Self(bytes.iter().fold(self.0, fold))
    }

    fn spelled(&self) -> String {
        format!("{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_byte_a_new_name_and_nothing_else_make_a_build_stale() {
        let folder = std::env::temp_dir().join(format!("konsil-web-{}", std::process::id()));
        fs::create_dir_all(folder.join("dist")).expect("writable");
        fs::create_dir_all(folder.join("src")).expect("writable");
        let hash = || hash_of_sources(&folder).expect("readable");
        fs::write(folder.join("src/a.ts"), "a").expect("writable");
        let first = hash();
        fs::write(folder.join("dist/a.js"), "a").expect("writable");
        assert_eq!(hash(), first, "what was built is no source");
        fs::write(folder.join("src/a.ts"), "b").expect("writable");
        assert_ne!(hash(), first, "a byte changed");
        fs::write(folder.join("src/a.ts"), "a").expect("writable");
        assert_eq!(hash(), first);
        fs::rename(folder.join("src/a.ts"), folder.join("src/b.ts")).expect("writable");
        assert_ne!(hash(), first, "a name changed");
        fs::remove_dir_all(folder).expect("writable");
    }
}
