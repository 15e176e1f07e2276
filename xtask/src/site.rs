//! A node of this machine that lives as long as one measurement, on an empty folder.

use anyhow::{Context, Result, bail};
use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Stdio},
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
    /// Starts `konsil dev` and waits until it listens and has written how to get in.
    pub(crate) fn start(profile: Profile) -> Result<Self> {
        timed("starting a node on an empty folder", || {
            let data = std::env::temp_dir().join(format!("konsil-load-{}", std::process::id()));
            fs::create_dir_all(&data).context("the folder for temporary files is writable")?;
            let port = free_port()?;
            let mut konsil = program(house::built(profile, "konsil"));
            konsil.args(["dev", "--nodes", "1", "--port", &port.to_string(), "--data"]).arg(&data);
            konsil.arg("--config").arg(house::root().join(CONFIG));
            let mut node = konsil.stdout(Stdio::null()).spawn().context("konsil cannot start")?;
            match wait_until_up(&mut node, &data.join("demo.json"), port) {
                Ok(Demo { url, login, password }) => Ok(Self { node, data, url, login, password }),
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
            fs::remove_dir_all(&self.data)
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

/// How to get in, as `konsil dev` writes it into its data folder.
struct Demo {
    url: String,
    login: String,
    password: String,
}

fn wait_until_up(node: &mut Child, demo: &Path, port: u16) -> Result<Demo> {
    let start = Instant::now();
    while start.elapsed() < START {
        if let Some(status) = node.try_wait()? {
            bail!("konsil dev ended with {status} before it was up; its words stand above");
        }
        let known = fs::read_to_string(demo).ok().and_then(|text| sign_in(&text));
        let listens = || TcpStream::connect(("127.0.0.1", port)).is_ok();
        if let Some(known) = known.filter(|_| listens()) {
            return Ok(known);
        }
        thread::sleep(Duration::from_millis(100));
    }
    bail!("konsil dev was not up within {} s; its words stand above", START.as_secs())
}

/// Half a file is none.
fn sign_in(text: &str) -> Option<Demo> {
    let demo: serde_json::Value = serde_json::from_str(text).ok()?;
    let word = |name: &str| demo[name].as_str().map(str::to_owned);
    Some(Demo { url: word("url")?, login: word("login")?, password: word("password")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sign_in_is_read_when_it_is_whole() {
        let text = r#"{"url": "https://localhost:1", "login": "a@b", "password": "c", "more": 1}"#;
        assert_eq!(sign_in(text).expect("whole").login, "a@b");
        assert!(sign_in(&text[..40]).is_none() && sign_in("{}").is_none());
    }

    #[test]
    fn a_free_port_is_a_port() {
        assert!(free_port().expect("127.0.0.1 has ports") > 1023);
    }
}
