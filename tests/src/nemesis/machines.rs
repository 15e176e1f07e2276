//! A cluster of real nodes: a seat on the network, a disk, a process for each.
//!
//! All run as `konsil node --config F`: the first founds the cluster and makes the demo tenant when
//! it is told to, the others come after an invitation.

mod settings;

use anyhow::{Context, Result, bail};
use std::{
    collections::BTreeSet,
    fs,
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use tempfile::TempDir;

use super::{
    cluster::{Cluster, Holders},
    disk::Disk,
    network::Network,
    person::Address,
    process::{Process, in_namespace},
    run::{run, until},
    status::Status,
};

pub use settings::{Plan, faketime};

/// How long a node may take until browsers can connect.
const START: Duration = Duration::from_secs(60);
/// How long a cluster may take until every shard has two copies.
pub const WHOLE: Duration = Duration::from_secs(120);

struct Machine {
    name: String,
    /// The program it starts next time.
    konsil: PathBuf,
    process: Option<Process>,
    disk: Disk,
    joins: u32,
    drained: bool,
    halted: bool,
    filled: bool,
    broken: bool,
}

/// A cluster on this machine; gone when dropped, and its folder with it unless it is kept.
pub struct Machines {
    plan: Plan,
    // Dropped in this order: processes, disks, network, folder.
    machines: Vec<Machine>,
    network: Network,
    pulled: BTreeSet<usize>,
    folder: TempDir,
}

impl Machines {
    /// Sets everything up, starts the first node with its demo, and lets the others join.
    ///
    /// # Errors
    /// With the words of whatever did not work.
    pub fn start(plan: Plan) -> Result<Self> {
        let network = Network::new(plan.nodes)?;
        let folder = tempfile::Builder::new().prefix(super::network::MARK).tempdir()?;
        let mut machines = Vec::new();
        for node in 0..plan.nodes {
            machines.push(Machine {
                name: format!("node-{node}"),
                konsil: plan.konsil.clone(),
                process: None,
                disk: Disk::new(folder.path(), &format!("disk-{node}"), plan.disk_mib)?,
                joins: 0,
                drained: false,
                halted: false,
                filled: false,
                broken: false,
            });
        }
        let mut all = Self { plan, machines, network, pulled: BTreeSet::new(), folder };
        for node in 0..all.plan.nodes {
            fs::write(all.clock(node), "+0")?;
            all.settle(node)?;
        }
        all.found()?;
        for node in 1..all.plan.nodes {
            all.join(node)?;
        }
        if all.plan.clustered && all.plan.nodes > 1 {
            until("two copies of every shard", WHOLE, || all.is_whole())?;
        }
        Ok(all)
    }

    /// The network, for whoever wants to stand on it.
    pub const fn network(&self) -> &Network {
        &self.network
    }

    /// Where browsers reach a node.
    pub fn web(&self, node: usize) -> SocketAddr {
        SocketAddr::new(self.network.address(node), settings::WEB)
    }

    /// A node's data folder.
    pub fn data(&self, node: usize) -> PathBuf {
        self.machines[node].disk.path().join("data")
    }

    /// Where browsers reach each node, and whom they trust there.
    pub fn addresses(&self) -> Vec<Address> {
        let address = |node| Address { web: self.web(node), trust: self.trust(node) };
        (0..self.machines.len()).map(address).collect()
    }

    /// Where the nodes' words lie.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Copies the nodes' words and configurations somewhere that outlives this.
    ///
    /// # Errors
    /// When they cannot be copied.
    pub fn keep_words(&self, place: &Path) -> Result<()> {
        fs::create_dir_all(place)?;
        for node in 0..self.machines.len() {
            for path in [self.words(node), self.config(node)] {
                if let Some(name) = path.file_name().filter(|_| path.exists()) {
                    fs::copy(&path, place.join(name))?;
                }
            }
        }
        Ok(())
    }

    fn config(&self, node: usize) -> PathBuf {
        self.folder().join(format!("node-{node}.toml"))
    }

    fn words(&self, node: usize) -> PathBuf {
        self.folder().join(format!("node-{node}.log"))
    }

    fn clock(&self, node: usize) -> PathBuf {
        self.folder().join(format!("clock-{node}"))
    }

    fn trust(&self, node: usize) -> PathBuf {
        self.folder().join(format!("trust-{node}"))
    }

    /// Hands a node's certificate to the people; a node on a new disk has a new one.
    fn publish(&self, node: usize) -> Result<()> {
        let place = self.trust(node).join("tls");
        fs::create_dir_all(&place)?;
        fs::copy(self.data(node).join("tls/certificate.pem"), place.join("new.pem"))?;
        fs::rename(place.join("new.pem"), place.join("certificate.pem"))?;
        Ok(())
    }

    /// Writes a node's configuration; a node on a new disk has a new name.
    fn settle(&mut self, node: usize) -> Result<()> {
        let joins = self.machines[node].joins;
        let name = if joins == 0 { format!("node-{node}") } else { format!("node-{node}-{joins}") };
        self.machines[node].name = name;
        let text =
            self.plan.settings(&self.network, node, &self.machines[node].name, &self.data(node));
        fs::write(self.config(node), text)?;
        Ok(())
    }

    /// `konsil` on a node's seat, with a clock that can be moved where that is possible.
    fn konsil(&self, node: usize) -> Command {
        let mut command = in_namespace(&self.network.namespace(node), &self.machines[node].konsil);
        command.current_dir(self.folder());
        command.env("RUST_LOG", &self.plan.log);
        if let Some(library) = &self.plan.faketime {
            command.env("LD_PRELOAD", library);
            command.env("FAKETIME_TIMESTAMP_FILE", self.clock(node));
            command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        }
        command
    }

    /// `konsil` with these words, to its end.
    fn said(&self, node: usize, words: &[&str]) -> Result<String> {
        let space = format!("--net=/run/netns/{}", self.network.namespace(node));
        let konsil = self.machines[node].konsil.to_string_lossy();
        run("nsenter", &[&[space.as_str(), "--", &konsil], words].concat())
    }

    /// Installs another release on a node; it runs it when it is started next.
    pub fn install(&mut self, node: usize, konsil: &Path) {
        self.machines[node].konsil = konsil.to_owned();
    }

    /// What a node says to `konsil cluster …`, with its own program.
    ///
    /// # Errors
    /// With its words, when it refuses or does not run.
    pub fn order(&self, node: usize, words: &[&str]) -> Result<String> {
        let data = self.data(node);
        self.said(node, &[&["cluster"], words, &["--data", &data.to_string_lossy()]].concat())
    }

    /// Starts a node that must not come up, and hands out its last words.
    ///
    /// # Errors
    /// When it comes up, or ends as if all were well.
    pub fn refusal(&mut self, node: usize) -> Result<String> {
        self.kill(node)?;
        let mut command = self.konsil(node);
        command.args(["node", "--config"]).arg(self.config(node));
        let name = self.machines[node].name.clone();
        let mut process = Process::start(&name, &mut command, &self.words(node))?;
        until(&format!("{name} to refuse"), START, || Ok(process.ended()?.is_some()))?;
        match process.ended()? {
            Some(status) if !status.success() => Ok(self.last_words(node)),
            other => bail!("{name} ended with {other:?} where it had to refuse"),
        }
    }

    /// Starts the first node, which founds the cluster, and lets it make the demo.
    fn found(&mut self) -> Result<()> {
        self.start_process(0)?;
        let data = self.data(0);
        self.ordered(0, "a demo tenant", &["cluster", "demo", "--data", &data.to_string_lossy()])?;
        // The first node may be replaced one day, and its disk with it.
        fs::copy(data.join("demo.json"), self.folder().join("demo.json"))?;
        Ok(())
    }

    /// What a running node said to its operator. A node that listens may still be on its way to
    /// being one that leads or follows: it is asked again for a while.
    fn ordered(&self, node: usize, what: &str, words: &[&str]) -> Result<String> {
        let mut said = self.said(node, words);
        let _ = until(what, START, || {
            if said.is_err() {
                said = self.said(node, words);
            }
            Ok(said.is_ok())
        });
        said
    }

    fn join(&mut self, node: usize) -> Result<()> {
        let host = (0..self.machines.len())
            .find(|it| *it != node && self.machines[*it].process.is_some())
            .context("nobody is there to invite")?;
        let (data, config) = (self.data(host), self.config(node));
        let words = ["cluster", "invite", "--data", &data.to_string_lossy()];
        let said = self.ordered(host, "an invitation", &words)?;
        let token = said.split_whitespace().last().context("an invitation holds a token")?;
        self.said(node, &["join", token, "--config", &config.to_string_lossy()])?;
        self.start_process(node)
    }

    /// Whether a cluster is founded by this program only when it is told to: the release before did
    /// so by itself.
    fn asks_to_found(&self) -> Result<bool> {
        let konsil = self.machines[0].konsil.to_string_lossy().into_owned();
        Ok(run(&konsil, &["node", "--help"])?.contains("--found"))
    }

    fn start_process(&mut self, node: usize) -> Result<()> {
        let mut command = self.konsil(node);
        command.args(["node", "--config"]).arg(self.config(node));
        if node == 0 && !self.data(node).join("cluster.json").exists() && self.asks_to_found()? {
            command.arg("--found");
        }
        let name = self.machines[node].name.clone();
        let mut process = Process::start(&name, &mut command, &self.words(node))?;
        let web = self.web(node);
        let up = until(&format!("{name} to listen"), START, || match process.ended()? {
            Some(status) => bail!("{name} ended with {status}: {}", self.last_words(node)),
            None => self.network.inside(node, move || {
                TcpStream::connect_timeout(&web, Duration::from_secs(1)).is_ok()
            }),
        });
        self.machines[node].process = Some(process);
        self.machines[node].halted = false;
        up?;
        self.publish(node)
    }

    /// The last lines a node said.
    pub fn last_words(&self, node: usize) -> String {
        let text = fs::read_to_string(self.words(node)).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }

    /// How a node sees the cluster.
    ///
    /// # Errors
    /// When it does not say.
    pub fn seen_by(&self, node: usize) -> Result<Status> {
        Status::read(&self.order(node, &["status", "--json"])?)
    }

    fn status(&mut self) -> Result<Status> {
        let mut why = None;
        for node in 0..self.machines.len() {
            if self.machines[node].halted || !self.runs(node)? {
                continue;
            }
            match self.seen_by(node) {
                Ok(status) => return Ok(status),
                Err(fault) => why = Some(fault),
            }
        }
        Err(why.unwrap_or_else(|| anyhow::anyhow!("no node runs")))
    }

    /// What people call a node.
    pub fn name(&self, node: usize) -> String {
        self.machines[node].name.clone()
    }

    fn names(&self) -> Vec<String> {
        self.machines.iter().map(|machine| machine.name.clone()).collect()
    }

    fn process(&mut self, node: usize) -> Result<&mut Process> {
        let machine = &mut self.machines[node];
        machine.process.as_mut().with_context(|| format!("{} does not run", machine.name))
    }
}

impl Cluster for Machines {
    fn nodes(&self) -> usize {
        self.machines.len()
    }

    fn runs(&mut self, node: usize) -> Result<bool> {
        match &mut self.machines[node].process {
            None => Ok(false),
            Some(process) => Ok(process.ended()?.is_none()),
        }
    }

    fn kill(&mut self, node: usize) -> Result<()> {
        self.machines[node].halted = false;
        self.machines[node].process.take().map_or(Ok(()), |mut process| process.kill())
    }

    fn stop(&mut self, node: usize) -> Result<()> {
        self.process(node)?.stop()?;
        self.machines[node].process = None;
        Ok(())
    }

    fn start(&mut self, node: usize) -> Result<()> {
        self.kill(node)?; // a process that has ended by itself is put away
        self.start_process(node)
    }

    fn halt(&mut self, node: usize, on: bool) -> Result<()> {
        self.process(node)?.halt(on)?;
        self.machines[node].halted = on;
        Ok(())
    }

    fn cut(&mut self, from: usize, to: usize) -> Result<()> {
        self.network.cut(from, to)
    }

    fn lose(&mut self, node: usize, percent: u8) -> Result<()> {
        for other in (0..self.nodes()).filter(|other| *other != node) {
            self.network.lose(node, other, percent)?;
            self.network.lose(other, node, percent)?;
        }
        Ok(())
    }

    fn narrow(&mut self, node: usize, kbit: u32) -> Result<()> {
        self.network.narrow(node, kbit)
    }

    fn plug(&mut self, node: usize, on: bool) -> Result<()> {
        self.network.plug(node, on)?;
        if on {
            self.pulled.remove(&node)
        } else {
            self.pulled.insert(node)
        };
        Ok(())
    }

    fn heal(&mut self) -> Result<()> {
        self.pulled.clear();
        self.network.heal()
    }

    fn fill(&mut self, node: usize, on: bool) -> Result<()> {
        let machine = &mut self.machines[node];
        machine.filled = on;
        if on { machine.disk.fill() } else { machine.disk.free() }
    }

    fn fail_disk(&mut self, node: usize) -> Result<()> {
        self.machines[node].broken = true;
        self.machines[node].disk.fail()
    }

    fn mend_disk(&mut self, node: usize) -> Result<()> {
        self.kill(node)?;
        self.machines[node].disk.mend()?;
        self.machines[node].broken = false;
        Ok(())
    }

    fn set_clock(&mut self, node: usize, seconds: i64) -> Result<()> {
        if self.plan.faketime.is_none() {
            bail!("libfaketime is not installed: apt-get install -y faketime");
        }
        // Written aside and put in place, so that nobody reads half a number.
        let new = self.folder().join("clock-new");
        fs::write(&new, format!("{seconds:+}"))?;
        fs::rename(new, self.clock(node))?;
        Ok(())
    }

    fn replace(&mut self, node: usize) -> Result<()> {
        let old = self.machines[node].name.clone();
        self.kill(node)?;
        self.machines[node].disk.renew()?;
        self.machines[node].joins += 1;
        self.settle(node)?;
        self.join(node)?;
        let host = usize::from(node == 0);
        let data = self.data(host);
        let data = data.to_string_lossy();
        // It is a member until the others have made new copies of what it held.
        until(&format!("{old} to be let go"), WHOLE, || {
            Ok(self.said(host, &["cluster", "remove", &old, "--data", &data]).is_ok())
        })?;
        Ok(())
    }

    fn drain(&mut self, node: usize, on: bool) -> Result<()> {
        let name = self.machines[node].name.clone();
        let data = self.data(usize::from(node == 0));
        let data = data.to_string_lossy();
        let mut words = vec!["cluster", "drain", &name, "--data", &data];
        words.extend((!on).then_some("--undo"));
        self.said(usize::from(node == 0), &words)?;
        self.machines[node].drained = on;
        Ok(())
    }

    fn copies(&mut self, node: usize) -> Result<usize> {
        let name = self.machines[node].name.clone();
        Ok(self.status()?.copies(&name))
    }

    fn leader(&mut self) -> Result<Option<usize>> {
        if !self.plan.clustered {
            return Ok(Some(0));
        }
        let names = self.names();
        Ok(self.status()?.leader(&names))
    }

    fn holders(&mut self, shard: u16) -> Result<Holders> {
        if !self.plan.clustered {
            return Ok(Holders { primary: Some(0), twin: None });
        }
        Ok(self.status()?.holders(shard, &self.names()))
    }

    fn is_whole(&mut self) -> Result<bool> {
        for node in 0..self.nodes() {
            if self.machines[node].halted || !self.runs(node)? {
                return Ok(false);
            }
        }
        if !self.plan.clustered {
            return Ok(true);
        }
        let names = self.names();
        // Nobody may be able to say for a moment: then it is not whole yet.
        Ok(self.status().is_ok_and(|status| status.is_whole(&names)))
    }

    fn mend(&mut self) -> Result<()> {
        self.heal()?;
        for node in 0..self.nodes() {
            if self.machines[node].halted {
                self.halt(node, false)?;
            }
            if self.machines[node].filled {
                self.fill(node, false)?;
            }
            if self.machines[node].broken {
                self.mend_disk(node)?;
            }
            if self.plan.faketime.is_some() {
                self.set_clock(node, 0)?;
            }
            if !self.runs(node)? {
                self.start(node)?;
            }
        }
        for node in 0..self.nodes() {
            if self.machines[node].drained {
                self.drain(node, false)?;
            }
        }
        Ok(())
    }
}
