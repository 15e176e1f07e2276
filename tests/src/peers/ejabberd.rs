//! ejabberd: an XMPP server with rooms, spoken to over WebSockets (RFC 7395), everybody anonymous.
//!
//! Set up in its own favour: no history, no presence to the others, no shaper, no encryption.

use anyhow::{Context, Result, bail};
use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    time::Duration,
};

use crate::nemesis::{
    process::Process,
    run::{run, until},
};

/// How long it may take to start.
const START: Duration = Duration::from_secs(60);

/// A running server, gone when dropped.
pub struct Ejabberd {
    process: Process,
    /// What it calls itself.
    pub name: String,
    /// Where browsers connect, at `/ws`.
    pub web: SocketAddr,
}

impl Ejabberd {
    /// Starts one, when it is installed.
    ///
    /// # Errors
    /// When it is and does not start.
    pub fn start(folder: &Path) -> Result<Option<Self>> {
        let Some(control) = super::on_path("ejabberdctl") else { return Ok(None) };
        let Some(erl) = super::on_path("erl") else { return Ok(None) };
        let libraries = libraries(&control)?;
        fs::create_dir_all(folder.join("spool"))?;
        let (config, web) = (folder.join("ejabberd.yml"), super::free()?);
        fs::write(&config, settings(web.port()))?;
        let mut command = super::mortal(erl);
        command.args(["-noinput", "+K", "true", "+P", "250000", "-mnesia", "dir"]);
        // An Erlang term: the quotes belong to it.
        command.arg(format!("\"{}\"", folder.join("spool").display()));
        command.args(["-s", "ejabberd"]);
        command.env("EJABBERD_CONFIG_PATH", config).env("ERL_LIBS", libraries);
        command.env("EJABBERD_LOG_PATH", folder.join("ejabberd.log"));
        // A root-owned home may not be there for whoever runs this; Erlang wants some home.
        command.env("ERL_MAX_PORTS", "32000").env("HOME", folder).current_dir(folder);
        let mut process = Process::start("ejabberd", &mut command, &folder.join("said.log"))?;
        until("ejabberd to listen", START, || match process.ended()? {
            Some(status) => bail!("ejabberd ended with {status}"),
            None => Ok(TcpStream::connect_timeout(&web, Duration::from_secs(1)).is_ok()),
        })?;
        Ok(Some(Self { process, name: name(), web }))
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }
}

/// Where Debian put its modules, as its own script says.
fn libraries(control: &Path) -> Result<PathBuf> {
    let text = fs::read_to_string(control)?;
    let line = text.lines().find_map(|line| line.strip_prefix("ERL_LIBS="));
    let path = line.map(|path| path.trim_matches(['\'', '"']));
    Ok(path.context("ejabberdctl does not say where its modules are")?.into())
}

/// Debian's number for it: asking the program itself would start another one.
fn name() -> String {
    let said = run("dpkg-query", &["-W", "-f=${Version}", "ejabberd"]).unwrap_or_default();
    let number = said.split('-').next().unwrap_or_default();
    format!("ejabberd {number}").trim().to_owned()
}

fn settings(port: u16) -> String {
    format!(
        "loglevel: error\nhosts: [localhost]\nacme: {{ auto: false }}\nauth_method: anonymous\n\
         anonymous_protocol: sasl_anon\nallow_multiple_connections: true\n\
         listen:\n  - port: {port}\n    ip: \"127.0.0.1\"\n    module: ejabberd_http\n    \
         backlog: 1024\n    request_handlers: {{ /ws: ejabberd_http_ws }}\n\
         shaper: {{}}\nshaper_rules: {{ max_user_sessions: 100000 }}\n\
         modules:\n  mod_muc:\n    host: conference.localhost\n    access: all\n    \
         access_create: all\n    max_users: 2000\n    history_size: 0\n    \
         min_message_interval: 0\n    min_presence_interval: 0\n    default_room_options: \
         {{ persistent: false, presence_broadcast: [], max_users: 2000 }}\n"
    )
}
