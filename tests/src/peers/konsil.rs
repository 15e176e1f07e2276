//! Our own nodes on loopback, each a process with a data folder: they found a cluster and join it
//! exactly as on real machines. One alone is a cluster of one.

use anyhow::{Context, Result, bail};
use std::{
    fmt::Write as _,
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    time::Duration,
};

use crate::nemesis::{
    process::Process,
    run::{run, until},
    status::Status,
};

/// How long a node may take until browsers can connect.
const START: Duration = Duration::from_secs(60);
/// How long a cluster may take until every shard has two copies.
const WHOLE: Duration = Duration::from_secs(120);
/// How long figures may take.
const FIGURES: Duration = Duration::from_secs(10);

struct Node {
    name: String,
    web: SocketAddr,
    metrics: SocketAddr,
    data: PathBuf,
    process: Process,
}

/// Nodes that run until this is dropped.
pub struct Konsil {
    nodes: Vec<Node>,
    /// The demo expert's sign-in name.
    pub login: String,
    /// And password.
    pub password: String,
}

impl Konsil {
    /// Starts so many nodes of this program, with the limits raised that hold back one address, and
    /// waits until every shard has its two copies.
    ///
    /// # Errors
    /// With the words of whatever did not work.
    pub fn start(program: &Path, count: usize, folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let konsil = program.to_string_lossy();
        let mut nodes: Vec<Node> = Vec::new();
        for number in 1..=count {
            let name = format!("node-{number}");
            let config = folder.join(format!("{name}.toml"));
            let data = folder.join(&name);
            let (web, metrics) = (super::free()?, super::free()?);
            fs::write(&config, settings(&name, web, metrics, &data, count > 1)?)?;
            if let Some(first) = nodes.first() {
                let host = first.data.to_string_lossy();
                let said = ordered(&konsil, &["cluster", "invite", "--data", &host])?;
                let token = said.split_whitespace().last().context("an invitation has a token")?;
                run(&konsil, &["join", token, "--config", &config.to_string_lossy()])?;
            }
            let mut command = super::mortal(program);
            command.args(["node", "--config"]).arg(&config).env("RUST_LOG", "warn");
            if nodes.is_empty() {
                command.arg("--found"); // the others join
            }
            let process = Process::start(&name, &mut command, &folder.join(format!("{name}.log")))?;
            let mut node = Node { name, web, metrics, data, process };
            node.up()?;
            nodes.push(node);
        }
        let first = nodes.first().context("at least one node")?.data.clone();
        ordered(&konsil, &["cluster", "demo", "--data", &first.to_string_lossy()])?;
        let demo: serde_json::Value = serde_json::from_slice(&fs::read(first.join("demo.json"))?)?;
        let word = |name: &str| demo[name].as_str().map(str::to_owned).context("a way in");
        let all = Self { login: word("login")?, password: word("password")?, nodes };
        if count > 1 {
            until("two copies of every shard", WHOLE, || all.is_whole(&konsil, &first))?;
        }
        Ok(all)
    }

    /// Where browsers connect, with commas between.
    pub fn sites(&self) -> String {
        let sites = self.nodes.iter().map(|node| format!("https://localhost:{}", node.web.port()));
        sites.collect::<Vec<_>>().join(",")
    }

    /// The processes.
    pub fn pids(&self) -> Vec<u32> {
        self.nodes.iter().map(|node| node.process.id()).collect()
    }

    /// What a figure of `/metrics` comes to on each node, over all its labels.
    ///
    /// # Errors
    /// When a node does not say.
    pub fn figure(&self, name: &str) -> Result<Vec<f64>> {
        self.nodes.iter().map(|node| Ok(sum(&node.figures()?, name))).collect()
    }

    fn is_whole(&self, konsil: &str, data: &Path) -> Result<bool> {
        let names: Vec<String> = self.nodes.iter().map(|node| node.name.clone()).collect();
        let data = data.to_string_lossy();
        let said = run(konsil, &["cluster", "status", "--json", "--data", &data]);
        Ok(said.and_then(|text| Status::read(&text)).is_ok_and(|it| it.is_whole(&names)))
    }
}

impl Node {
    fn up(&mut self) -> Result<()> {
        let web = self.web;
        let log = self.data.with_extension("log");
        until(&format!("{} to listen", self.name), START, || match self.process.ended()? {
            Some(status) => {
                let said = fs::read_to_string(&log).unwrap_or_default();
                let last = said.lines().last().unwrap_or_default();
                bail!("{} ended with {status}: {last}", self.name)
            }
            None => Ok(TcpStream::connect_timeout(&web, Duration::from_secs(1)).is_ok()),
        })?;
        Ok(())
    }

    fn figures(&self) -> Result<String> {
        let mut stream = TcpStream::connect_timeout(&self.metrics, FIGURES)?;
        stream.set_read_timeout(Some(FIGURES))?;
        let host = self.metrics;
        let request = format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    }
}

/// All lines of one figure added up: `name 1`, `name{label="a"} 2`.
fn sum(text: &str, name: &str) -> f64 {
    let value = |line: &str| {
        let rest = line.strip_prefix(name).filter(|rest| rest.starts_with(['{', ' ']))?;
        rest.rsplit_once(' ')?.1.parse::<f64>().ok()
    };
    text.lines().filter_map(value).sum()
}

/// What a node said to its operator. One that listens may still be on its way to being one that
/// leads: it is asked again for a while.
fn ordered(konsil: &str, words: &[&str]) -> Result<String> {
    let mut said = run(konsil, words);
    let _ = until("an answer of a node", START, || {
        if said.is_err() {
            said = run(konsil, words);
        }
        Ok(said.is_ok())
    });
    said
}

fn settings(
    name: &str,
    web: SocketAddr,
    metrics: SocketAddr,
    data: &Path,
    clustered: bool,
) -> Result<String> {
    let data = data.display();
    let mut text = format!(
        "[listen]\nweb = \"{web}\"\nmedia = \"{web}\"\nmetrics = \"{metrics}\"\n\
         [storage]\ndata = \"{data}\"\n\
         [limits]\nconnections = 40000\nconnections_per_address = 40000\n\
         sign_ins_per_minute = 100000\nlinks_per_minute = 1000000\n\
         commands_per_second = 1000000\n"
    );
    if clustered {
        let (peers, join, port) = (super::free()?, super::free()?, web.port());
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "[cluster]\nname = \"{name}\"\nsite = \"site-of-{name}\"\ncountry = \"DE\"\n\
             listen = \"{peers}\"\njoin = \"{join}\"\nadvertise = [\"127.0.0.1\"]\nweb = [\"https://localhost:{port}\"]\n"
        );
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_added_up_over_its_labels_and_no_other_is() {
        let text = "# HELP a_total x\na_total{class=\"x\"} 2\na_total{class=\"y\"} 3\na_totals 9\n";
        assert_eq!((sum(text, "a_total"), sum(text, "a_totals"), sum(text, "b")), (5.0, 9.0, 0.0));
    }
}
