//! Programs that are measured beside each other on this machine, ours among them: each on loopback
//! or on a seat of a network, with folders of its own, gone when dropped.
//!
//! What is measured is not here: a bench starts what it needs and speaks to it.

pub mod ejabberd;
pub mod konsil;
pub mod nats;
pub mod postgres;

use anyhow::Result;
use std::{
    ffi::OsStr,
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    path::PathBuf,
    process::Command,
};

/// How often another port is tried.
const PORTS: usize = 100;

/// A program that dies with the thread that starts it.
pub fn mortal(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    // It becomes the program: its id is the child's.
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// A port of loopback that is free for TCP and UDP. Whoever is quicker may still take it.
///
/// # Errors
/// When there is none.
pub fn free() -> Result<SocketAddr> {
    for _ in 0..PORTS {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = tcp.local_addr()?;
        if UdpSocket::bind(address).is_ok() {
            return Ok(address);
        }
    }
    anyhow::bail!("no port of loopback is free for both TCP and UDP")
}

/// A program on the path.
fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin".into(), "/sbin".into()];
    std::env::split_paths(&path).chain(more).map(|it| it.join(name)).find(|it| it.is_file())
}
