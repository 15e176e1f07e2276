//! A node of this machine that lives as long as one measurement, on an empty folder.

use anyhow::{Context, Result, bail};
use std::{
    io::{BufRead, BufReader},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, ChildStdout, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use crate::{
    house::{self, Profile},
    run::{program, timed},
};

/// How long a node may take until browsers can connect.
const START: Duration = Duration::from_secs(60);
/// How long it may take to stop.
const STOP: Duration = Duration::from_secs(30);

/// A running node and how to sign in.
pub(crate) struct Site {
    node: Child,
    data: PathBuf,
    /// Where browsers connect.
    pub(crate) url: String,
    /// The demo expert's sign-in name.
    pub(crate) login: String,
    /// And password.
    pub(crate) password: String,
}

impl Site {
    /// Starts `konsil dev` and waits until it says how to sign in and listens.
    pub(crate) fn start(profile: Profile) -> Result<Self> {
        timed("starting a node on an empty folder", || {
            let data = std::env::temp_dir().join(format!("konsil-load-{}", std::process::id()));
            std::fs::create_dir_all(&data).context("the folder for temporary files is writable")?;
            let port = free_port()?;
            let mut konsil = program(house::built(profile, "konsil"));
            konsil.args(["dev", "--port", &port.to_string(), "--data"]).arg(&data);
            konsil.args(["--config".as_ref(), house::root().join(CONFIG).as_os_str()]);
            let mut node = konsil.stdout(Stdio::piped()).spawn().context("konsil cannot start")?;
            let said = lines(node.stdout.take());
            match wait_until_up(&mut node, &said, port) {
                Ok((login, password)) => {
                    let url = format!("https://localhost:{port}");
                    Ok(Self { node, data, url, login, password })
                }
                Err(why) => {
                    let _ = node.kill();
                    Err(why)
                }
            }
        })
    }

    /// The node's process.
    pub(crate) fn pid(&self) -> u32 {
        self.node.id()
    }

    /// Asks the node to go down and waits until it has.
    pub(crate) fn stop(mut self) -> Result<()> {
        timed("stopping the node", || {
            let pid = self.pid().to_string();
            program("kill").args(["-TERM", &pid]).status().context("kill is missing")?;
            let start = Instant::now();
            let status = loop {
                match self.node.try_wait()? {
                    Some(status) => break status,
                    None if start.elapsed() > STOP => {
                        self.node.kill()?;
                        bail!("the node did not stop within {} s of SIGTERM", STOP.as_secs());
                    }
                    None => thread::sleep(Duration::from_millis(50)),
                }
            };
            std::fs::remove_dir_all(&self.data)
                .with_context(|| format!("{} cannot be removed", self.data.display()))?;
            if !status.success() {
                bail!("the node ended with {status} after SIGTERM; it should end with 0");
            }
            Ok(())
        })
    }
}

/// What a node under load is configured with: no limits that hold real people back.
const CONFIG: &str = "loadtest/node.toml";

fn free_port() -> Result<u16> {
    let port = TcpListener::bind("127.0.0.1:0").context("no free port on 127.0.0.1")?;
    Ok(port.local_addr()?.port())
}

/// Hands on what the node prints, line by line, for as long as it lives.
fn lines(stdout: Option<ChildStdout>) -> Receiver<String> {
    let (send, lines) = channel();
    if let Some(stdout) = stdout {
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // When nobody listens any more the pipe is still emptied.
                let _ = send.send(line);
            }
        });
    }
    lines
}

fn wait_until_up(node: &mut Child, said: &Receiver<String>, port: u16) -> Result<(String, String)> {
    let start = Instant::now();
    let mut text = String::new();
    while start.elapsed() < START {
        while let Ok(line) = said.recv_timeout(Duration::from_millis(100)) {
            text += &line;
            text += "\n";
        }
        if let Some(status) = node.try_wait()? {
            bail!("konsil dev ended with {status} before it was up; it said:\n{text}");
        }
        let listens = || TcpStream::connect(("127.0.0.1", port)).is_ok();
        if let Some(known) = sign_in(&text).filter(|_| listens()) {
            return Ok(known);
        }
    }
    bail!("konsil dev was not up within {} s; it said:\n{text}", START.as_secs())
}

/// The sign-in name and password in what `konsil dev` prints: the words after `login` and
/// `password`.
fn sign_in(text: &str) -> Option<(String, String)> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let after = |name: &str| {
        let at = words.iter().position(|word| word.trim_end_matches(':') == name)?;
        words.get(at + 1).map(|word| (*word).to_owned())
    };
    Some((after("login")?, after("password")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sign_in_is_read_from_the_frame() {
        let frame = "│ https://localhost:8443 │\n│ login: anna@demo │\n│ password: s3cret │\n";
        assert_eq!(sign_in(frame), Some(("anna@demo".into(), "s3cret".into())));
        assert_eq!(sign_in("│ login: anna@demo │"), None);
    }

    #[test]
    fn a_free_port_is_a_port() {
        assert!(free_port().expect("127.0.0.1 has ports") > 1023);
    }
}
