//! A private PostgreSQL, started for one run and gone after it; with a twin when it is asked to
//! acknowledge only what two servers have flushed.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use crate::{bench::usage, nemesis::run::until};

/// Who runs the server when this process is root; the server refuses root.
const USERS: [&str; 2] = ["postgres", "nobody"];
/// How long the twin may take until it holds everything.
const TWIN: Duration = Duration::from_secs(30);
/// The twin's port: its socket lies beside the other's.
const TWIN_PORT: &str = "5433";

/// A running server. Dropping it stops it.
pub struct Postgres {
    bin: PathBuf,
    home: PathBuf,
    user: Option<&'static str>,
    twin: bool,
}

/// What came of a run of inserts.
#[derive(Debug, Clone, Copy)]
pub struct Inserts {
    /// How many were acknowledged in a second.
    pub per_second: f64,
    /// Milliseconds that half of them took at most.
    pub p50_ms: f64,
    /// And ninety-nine of a hundred.
    pub p99_ms: f64,
}

impl Postgres {
    /// Starts one, when PostgreSQL is installed.
    ///
    /// # Errors
    /// When it is and does not start.
    pub fn start(work: &Path) -> Result<Option<Self>> {
        let Some(bin) = find() else { return Ok(None) };
        let home = work.join("postgres");
        fs::create_dir(&home)?;
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let known = |user: &&str| passwd.lines().any(|line| line.starts_with(&format!("{user}:")));
        let root = rustix::process::geteuid().is_root();
        let user = if root { USERS.into_iter().find(|user| known(user)) } else { None };
        if let Some(user) = user {
            // The directories above belong to this process: others may pass through, not look.
            fs::set_permissions(work, fs::Permissions::from_mode(0o711))?;
            let owner = Command::new("chown").arg(user).arg(&home).status()?;
            ensure!(owner.success(), "the server's directory is given to {user}");
        }
        let server = Self { bin, home, user, twin: false };
        server.run("initdb", &["-D", "data", "-A", "trust", "-U", "bench", "--no-sync"])?;
        server.begin("data", "5432")?;
        server.asked(
            "create table journal \
             (seq bigserial primary key, room int not null, body bytea not null)",
        )?;
        Ok(Some(server))
    }

    /// Gives it a twin: from now on it acknowledges what both have flushed.
    ///
    /// # Errors
    /// When the twin does not start or does not catch up.
    pub fn with_twin(mut self) -> Result<Self> {
        let socket = self.socket();
        let copy = ["-h", &socket, "-U", "bench", "-D", "twin", "-R", "-X", "stream"];
        self.run("pg_basebackup", &[&copy[..], &["-c", "fast"]].concat())?;
        self.begin("twin", TWIN_PORT)?;
        self.twin = true;
        self.asked("alter system set synchronous_standby_names = '*'")?;
        self.run("pg_ctl", &["-D", "data", "reload"])?;
        until("the twin to hold everything", TWIN, || {
            Ok(self.asked("select sync_state from pg_stat_replication")?.trim() == "sync")
        })?;
        Ok(self)
    }

    /// What the server calls itself.
    ///
    /// # Errors
    /// When it does not say.
    pub fn name(&self) -> Result<String> {
        let number = self.asked("show server_version")?;
        let number = number.split_whitespace().next().unwrap_or_default();
        Ok(format!("PostgreSQL {number}"))
    }

    /// One insert per transaction from so many clients.
    ///
    /// # Errors
    /// When `pgbench` fails.
    pub fn inserts(&self, clients: usize, bytes: usize, time: Duration) -> Result<Inserts> {
        let script = format!(
            "\\set room random(1, 1000)\ninsert into journal (room, body) \
             values (:room, decode(repeat('07', {bytes}), 'hex'));\n"
        );
        fs::write(self.home.join("insert.sql"), script)?;
        let (clients, seconds) = (clients.to_string(), time.as_secs().max(1).to_string());
        let socket = self.socket();
        let script = ["-n", "-M", "prepared", "-f", "insert.sql", "-l", "--log-prefix=took"];
        let load = ["-c", &clients, "-j", "2", "-T", &seconds, "-h", &socket, "-U", "bench"];
        let said = self.run("pgbench", &[&script[..], &load, &["postgres"]].concat())?;
        let tps = said.lines().find_map(|line| line.strip_prefix("tps = "));
        let tps = tps.and_then(|rest| rest.split_whitespace().next());
        let per_second = tps.and_then(|tps| tps.parse().ok());
        let per_second = per_second.with_context(|| format!("pgbench said {said}"))?;
        let took = self.took()?;
        let at = |part: usize| took.get(took.len() * part / 100).copied().unwrap_or(f64::NAN);
        Ok(Inserts { per_second, p50_ms: at(50), p99_ms: at(99) })
    }

    /// Seconds of processor time so far, of the server and of its twin.
    ///
    /// # Errors
    /// When one of them is not there.
    pub fn cpu(&self) -> Result<f64> {
        let of = |data: &str| {
            let text = fs::read_to_string(self.home.join(data).join("postmaster.pid"))?;
            usage::cpu_of_family(text.lines().next().unwrap_or_default().trim().parse()?)
        };
        Ok(of("data")? + if self.twin { of("twin")? } else { 0.0 })
    }

    /// Milliseconds of every transaction, sorted; the logs they stand in are removed.
    fn took(&self) -> Result<Vec<f64>> {
        let mut took = Vec::new();
        for entry in fs::read_dir(&self.home)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !name.starts_with("took.") {
                continue;
            }
            for line in fs::read_to_string(&path)?.lines() {
                let us: Option<f64> = line.split(' ').nth(2).and_then(|us| us.parse().ok());
                took.push(us.context("pgbench's log holds microseconds")? / 1e3);
            }
            fs::remove_file(path)?;
        }
        took.sort_by(f64::total_cmp);
        Ok(took)
    }

    fn begin(&self, data: &str, port: &str) -> Result<()> {
        let options = format!(
            "-k {} -p {port} -c listen_addresses= -c fsync=on -c synchronous_commit=on \
             -c max_connections=200 -c shared_buffers=256MB",
            self.socket()
        );
        let log = format!("{data}.log");
        self.run("pg_ctl", &["-D", data, "-w", "-l", &log, "-o", &options, "start"])?;
        Ok(())
    }

    fn asked(&self, what: &str) -> Result<String> {
        let socket = self.socket();
        self.run("psql", &["-h", &socket, "-U", "bench", "-d", "postgres", "-qAtc", what])
    }

    fn socket(&self) -> String {
        self.home.to_string_lossy().into_owned()
    }

    /// Runs a program of PostgreSQL in its home, as its user, and gives back what it said.
    fn run(&self, program: &str, words: &[&str]) -> Result<String> {
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
        for data in ["data", "twin"].into_iter().take(1 + usize::from(self.twin)) {
            if let Err(fault) = self.run("pg_ctl", &["-D", data, "-m", "immediate", "stop"]) {
                eprintln!("PostgreSQL was not stopped: {fault}");
            }
        }
    }
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
    let all = ["initdb", "pg_ctl", "psql", "pgbench", "pg_basebackup"];
    places.into_iter().rev().find(|place| all.iter().all(|program| place.join(program).exists()))
}
