//! Running other programs: one line before, one line after, and a sentence when it fails.

use anyhow::{Context, Result, bail};
use std::{
    ffi::OsStr,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::house;

/// A program about to run in the workspace's folder, with our tools on its path.
pub(crate) fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(house::root()).env("PATH", house::search_path());
    command
}

/// The cargo that runs us.
pub(crate) fn cargo<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments);
    command
}

/// npm in the web app's folder.
pub(crate) fn npm<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = program("npm");
    command.current_dir(house::web()).args(arguments);
    command
}

/// Says what is done, does it with its output shown, and says how long it took.
pub(crate) fn step(what: &str, command: &mut Command) -> Result<()> {
    timed(what, || {
        let line = spoken(command);
        let status = command.status().with_context(|| format!("`{line}` could not be started"))?;
        if !status.success() {
            bail!("{what}: `{line}` ended with {status}; its words stand above");
        }
        Ok(())
    })
}

/// Says what is done, does it, and says how long it took.
pub(crate) fn timed<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("▸ {what}");
    let start = Instant::now();
    let done = work()?;
    println!("✓ {what} ({})", spelled(start.elapsed()));
    Ok(done)
}

/// What a quiet program printed, or nothing when it is missing or fails.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success().then_some(text)
}

/// A length of time as people read it.
pub(crate) fn spelled(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        ..60.0 => format!("{seconds:.1} s"),
        _ => format!("{} min {:02} s", time.as_secs() / 60, time.as_secs() % 60),
    }
}

/// The command as one would type it.
fn spoken(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(name).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_fails_is_named_in_the_error() {
        let why = step("shows the way", program("sh").args(["-c", "exit 3"])).expect_err("exit 3");
        let text = format!("{why:#}");
        assert!(text.contains("shows the way") && text.contains("sh -c exit 3"), "{text}");
        let why = step("is missing", &mut program("konsil-has-no-such-program"));
        assert!(format!("{:#}", why.expect_err("missing")).contains("could not be started"));
    }

    #[test]
    fn times_are_spelled_for_people() {
        assert_eq!(spelled(Duration::from_millis(1234)), "1.2 s");
        assert_eq!(spelled(Duration::from_secs(125)), "2 min 05 s");
    }
}
