//! Programs of the system, run with an end in time.

use anyhow::{Context, Result, bail};
use std::{
    io::Write,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Seconds a program of the system may take.
const SECONDS: &str = "30";
/// How often a fact is looked for.
const GLANCE: Duration = Duration::from_millis(20);

/// Runs a program and hands out what it printed.
///
/// # Errors
/// With its words, when it fails or does not end.
pub fn run(program: &str, arguments: &[&str]) -> Result<String> {
    fed(program, arguments, "")
}

/// The same, with something to read.
///
/// # Errors
/// As above.
pub fn fed(program: &str, arguments: &[&str], input: &str) -> Result<String> {
    let line = || format!("{program} {}", arguments.join(" "));
    let mut command = Command::new("timeout");
    command.args(["-k", "5", SECONDS, program]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("`{}` cannot be started", line()))?;
    if let Some(mut pipe) = child.stdin.take() {
        // A program that reads nothing may be gone by now; its status is what counts.
        let _ = pipe.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().with_context(line)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` ended with {}: {}", line(), output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Waits for a fact; says in the error what was waited for.
///
/// # Errors
/// When it does not come in time, or looking for it fails.
pub fn until(
    what: &str,
    within: Duration,
    mut is: impl FnMut() -> Result<bool>,
) -> Result<Duration> {
    let start = Instant::now();
    loop {
        if is()? {
            return Ok(start.elapsed());
        }
        if start.elapsed() > within {
            bail!("waited {within:?} in vain for {what}");
        }
        thread::park_timeout(GLANCE);
    }
}

/// Lets time pass: for faults that last, never to wait for something.
pub fn lasting(time: Duration) {
    let end = Instant::now() + time;
    while let Some(left) = end.checked_duration_since(Instant::now()).filter(|it| !it.is_zero()) {
        thread::park_timeout(left);
    }
}
