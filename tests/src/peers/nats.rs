//! NATS servers: how one is configured and started. They are spoken to in their own words.

mod reader;
mod wire;

use anyhow::{Context, Result};
use std::{
    fmt::Write as _,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use crate::nemesis::{process::Process, run::run};

pub use reader::{Reader, Word};
pub use wire::Wire;

/// Where a better one than the system's lies, for whoever starts us.
const NAMED: &str = "NATS_SERVER";
/// From this release on a stream can be told to sync before it acknowledges.
const ALWAYS: (u32, u32) = (2, 10);

/// The server's program.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    /// What it calls itself, as in `nats-server 2.14.0`.
    pub name: String,
    release: (u32, u32),
}

impl Program {
    /// The one that `NATS_SERVER` names, else the one on the path; nothing when it is not there.
    pub fn find() -> Option<Self> {
        let named = std::env::var_os(NAMED).map(PathBuf::from).filter(|path| path.is_file());
        let path = named.or_else(|| super::on_path("nats-server"))?;
        let said = run(&path.to_string_lossy(), &["--version"]).ok()?;
        let number = said.trim().rsplit_once('v')?.1.to_owned();
        let mut parts = number.split('.').map(|part| part.parse().unwrap_or(0));
        let release = (parts.next()?, parts.next()?);
        Some(Self { path, name: format!("nats-server {number}"), release })
    }

    /// Whether it can sync before it acknowledges.
    pub fn can_sync_always(&self) -> bool {
        self.release >= ALWAYS
    }

    /// Starts a server. `seat` makes the command: a bare one, or one on a seat of a network.
    ///
    /// # Errors
    /// When the configuration cannot be written or the program not be started.
    pub fn start(
        &self,
        settings: &Settings<'_>,
        folder: &Path,
        seat: impl FnOnce(&Path) -> Command,
    ) -> Result<Process> {
        let config = folder.join(format!("{}.conf", settings.name));
        fs::write(&config, settings.text()).with_context(|| config.display().to_string())?;
        let mut command = seat(&self.path);
        command.arg("-c").arg(&config);
        let log = folder.join(format!("{}.log", settings.name));
        Process::start(&self.name, &mut command, &log)
    }
}

/// How a server is configured.
pub struct Settings<'a> {
    /// Its name, without which a cluster knows no members.
    pub name: &'a str,
    /// Where clients connect.
    pub client: SocketAddr,
    /// Where browsers connect.
    pub web: Option<Web>,
    /// Where streams are kept.
    pub store: Option<Store<'a>>,
    /// Where other servers connect, and where they all are.
    pub cluster: Option<(SocketAddr, Vec<SocketAddr>)>,
}

/// Where browsers connect.
#[derive(Debug, Clone)]
pub struct Web {
    /// The address.
    pub at: SocketAddr,
    /// Certificate and key; without them nothing is encrypted.
    pub seal: Option<(PathBuf, PathBuf)>,
}

/// Where and how streams are kept.
#[derive(Debug, Clone, Copy)]
pub struct Store<'a> {
    /// The folder.
    pub folder: &'a Path,
    /// Megabytes it may take.
    pub megabytes: u64,
    /// Sync before acknowledging, and not every two minutes.
    pub always: bool,
}

impl Settings<'_> {
    fn text(&self) -> String {
        let mut text = format!("server_name: {}\nlisten: \"{}\"\n", self.name, self.client);
        // Writing to a string cannot fail.
        if let Some(Store { folder, megabytes, always }) = self.store {
            let always = if always { ", sync_interval: always" } else { "" };
            let folder = folder.display();
            let _ = writeln!(
                text,
                "jetstream {{ store_dir: \"{folder}\", max_file_store: {megabytes}MB{always} }}"
            );
        }
        if let Some((own, all)) = &self.cluster {
            let routes: Vec<String> = all.iter().map(|it| format!("\"nats://{it}\"")).collect();
            let routes = routes.join(", ");
            let _ = writeln!(text, "cluster {{ name: c, listen: \"{own}\", routes: [{routes}] }}");
        }
        if let Some(Web { at, seal }) = &self.web {
            let seal = seal.as_ref().map_or("no_tls: true".to_owned(), |(certificate, key)| {
                let (certificate, key) = (certificate.display(), key.display());
                format!("tls {{ cert_file: \"{certificate}\", key_file: \"{key}\" }}")
            });
            let _ = writeln!(text, "websocket {{ listen: \"{at}\", compression: false, {seal} }}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_told_what_it_shall_be() {
        let at = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let store = Store { folder: Path::new("/d"), megabytes: 9, always: true };
        let web = Web { at: at(4), seal: Some(("c.pem".into(), "k.pem".into())) };
        let settings = Settings {
            name: "n",
            client: at(1),
            web: Some(web),
            store: Some(store),
            cluster: Some((at(2), vec![at(2), at(3)])),
        };
        let text = settings.text();
        for part in [
            "listen: \"127.0.0.1:1\"",
            "max_file_store: 9MB, sync_interval: always",
            "routes: [\"nats://127.0.0.1:2\", \"nats://127.0.0.1:3\"]",
            "cert_file: \"c.pem\"",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
