//! A process on a seat of the network. It dies with the thread that started it, and only it is
//! ever signalled: by its id, while nobody has taken its end yet.

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    ffi::OsStr,
    fs::OpenOptions,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use super::run::until;

/// How long a process may take to end when it is asked to.
pub const STOP: Duration = Duration::from_secs(30);

/// A running process; killed when dropped.
pub struct Process {
    child: Child,
    name: String,
    ended: Option<ExitStatus>,
}

/// A command that will run in a namespace and die with the thread that starts it.
pub fn in_namespace(namespace: &str, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "nsenter"]);
    // Both become the program: its id is the child's.
    command.arg(format!("--net=/run/netns/{namespace}")).arg("--").arg(program);
    command
}

impl Process {
    /// Starts it, with its words in a file.
    ///
    /// # Errors
    /// When the system does not.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Result<Self> {
        let log = OpenOptions::new().create(true).append(true).open(log)?;
        let words = log.try_clone()?;
        let command = command.stdin(Stdio::null()).stdout(log).stderr(words);
        let child = command.spawn().with_context(|| format!("{name} cannot be started"))?;
        Ok(Self { child, name: name.into(), ended: None })
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended; nothing while it runs.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait()?;
        }
        Ok(self.ended)
    }

    /// Kills it, without a chance to say anything, and waits until it is gone.
    ///
    /// # Errors
    /// When the system does not say that it is.
    pub fn kill(&mut self) -> Result<()> {
        if self.ended()?.is_none() {
            self.child.kill()?;
            self.ended = Some(self.child.wait()?);
        }
        Ok(())
    }

    /// Halts it where it stands, or lets it go on.
    ///
    /// # Errors
    /// When it has ended.
    pub fn halt(&mut self, on: bool) -> Result<()> {
        self.signal(if on { Signal::STOP } else { Signal::CONT })
    }

    /// Asks it to end, and waits.
    ///
    /// # Errors
    /// When it does not, or ends badly; it is gone in either case.
    pub fn stop(&mut self) -> Result<()> {
        self.signal(Signal::TERM)?;
        let name = self.name.clone();
        let ended = until(&format!("{name} to stop"), STOP, || Ok(self.ended()?.is_some()));
        self.kill()?;
        ended?;
        match self.ended {
            Some(status) if !status.success() => {
                bail!("{name} was asked to stop and said {status}")
            }
            _ => Ok(()),
        }
    }

    fn signal(&mut self, signal: Signal) -> Result<()> {
        if let Some(status) = self.ended()? {
            bail!("{} has ended with {status} already", self.name);
        }
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.context("a process has an id")?, signal)?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // There is nobody to tell.
        let _ = self.kill();
    }
}
