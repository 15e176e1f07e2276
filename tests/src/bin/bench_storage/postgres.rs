//! A private PostgreSQL, started for this run and gone after it: the peer of the commit figures.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, ensure};

use super::BODY_BYTES;

/// Who runs the server when this process is root; the server refuses root.
const USERS: [&str; 2] = ["postgres", "nobody"];

/// A running server. Dropping it stops it.
pub(crate) struct Postgres {
    bin: PathBuf,
    home: PathBuf,
    user: Option<&'static str>,
}

impl Postgres {
    /// Starts one, when PostgreSQL is installed; says so when it is not.
    pub(crate) fn start(work: &Path) -> anyhow::Result<Option<Self>> {
        let Some(bin) = find() else {
            println!("PostgreSQL is not installed: the peer is left out");
            return Ok(None);
        };
        let home = work.join("postgres");
        fs::create_dir(&home)?;
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let known = |user: &&str| passwd.lines().any(|line| line.starts_with(&format!("{user}:")));
        let root = is_root();
        let user = if root { USERS.into_iter().find(|user| known(user)) } else { None };
        if let Some(user) = user {
            // The directories above belong to this process: others may pass through, not look.
            fs::set_permissions(work, fs::Permissions::from_mode(0o711))?;
            let owner = Command::new("chown").arg(user).arg(&home).status()?;
            ensure!(owner.success(), "the server's directory is given to {user}");
        }
        let server = Self { bin, home, user };
        server.run("initdb", &["-D", "data", "-A", "trust", "-U", "bench", "--no-sync"])?;
        let options = format!(
            "-k {} -c listen_addresses= -c fsync=on -c synchronous_commit=on \
                       -c max_connections=200 -c shared_buffers=256MB",
            server.home.display()
        );
        server.run("pg_ctl", &["-D", "data", "-w", "-l", "server.log", "-o", &options, "start"])?;
        let table = "create table journal \
                     (seq bigserial primary key, room int not null, body bytea not null)";
        let socket = server.home.to_string_lossy().into_owned();
        server.run("psql", &["-h", &socket, "-U", "bench", "-d", "postgres", "-qc", table])?;
        Ok(Some(server))
    }

    /// One insert per transaction from so many clients: how many a second.
    pub(crate) fn inserts(&self, clients: usize, time: Duration) -> anyhow::Result<f64> {
        let script = format!(
            "\\set room random(1, 1000)\ninsert into journal (room, body) \
             values (:room, decode(repeat('07', {BODY_BYTES}), 'hex'));\n"
        );
        fs::write(self.home.join("insert.sql"), script)?;
        let (clients, seconds) = (clients.to_string(), time.as_secs().max(1).to_string());
        let socket = self.home.to_string_lossy().into_owned();
        let said = self.run(
            "pgbench",
            &[
                "-n",
                "-M",
                "prepared",
                "-f",
                "insert.sql",
                "-c",
                &clients,
                "-j",
                "2",
                "-T",
                &seconds,
                "-h",
                &socket,
                "-U",
                "bench",
                "postgres",
            ],
        )?;
        let tps = said.lines().find_map(|line| line.strip_prefix("tps = "));
        let tps = tps.and_then(|rest| rest.split_whitespace().next());
        tps.and_then(|tps| tps.parse().ok()).with_context(|| format!("pgbench said {said}"))
    }

    /// Runs a program of PostgreSQL in its home, as its user, and gives back what it said.
    fn run(&self, program: &str, words: &[&str]) -> anyhow::Result<String> {
        let program = self.bin.join(program);
        let mut command = match self.user {
            None => Command::new(&program),
            Some(user) => {
                let mut command = Command::new("runuser");
                command.args(["-u", user, "--"]).arg(&program);
                command
            }
        };
        let log = fs::File::create(self.home.join("said"))?;
        let status = command
            .args(words)
            .current_dir(&self.home)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .status()?;
        let said = fs::read_to_string(self.home.join("said"))?;
        ensure!(status.success(), "{}: {said}", program.display());
        Ok(said)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Err(fault) = self.run("pg_ctl", &["-D", "data", "-m", "immediate", "stop"]) {
            eprintln!("PostgreSQL was not stopped: {fault}");
        }
    }
}

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    ids.and_then(|ids| ids.split_whitespace().nth(1)) == Some("0")
}

/// A directory that holds all the programs: on the path, or where distributions put them.
fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect();
    places.sort();
    places.extend(std::env::split_paths(&path));
    let all = ["initdb", "pg_ctl", "psql", "pgbench"];
    places.into_iter().rev().find(|place| all.iter().all(|program| place.join(program).exists()))
}
