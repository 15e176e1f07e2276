//! Several nodes on this machine: each a process of its own, so that one can be killed.
//!
//! The first founds the cluster, the others join it by tokens, exactly as on real machines: their
//! configurations lie in the data folder and can be started by hand with `konsil node`.

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

use super::Demo;
use crate::cluster::admin::{self, Order};

/// How long a node may take until it answers its operator.
const UP: Duration = Duration::from_secs(60);
/// How long a node may take to say goodbye.
const DOWN: Duration = Duration::from_secs(15);
/// How often something that is waited for is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// Between the web ports and the ports for nodes.
const APART: u16 = 20;

/// One of them.
struct One {
    number: u16,
    config: PathBuf,
    data: PathBuf,
    url: String,
    child: Option<Child>,
}

/// Starts `count` nodes, runs until `stop`, and ends those that it started.
///
/// # Errors
/// When one of them does not come up, in words.
pub async fn run(
    data: &Path,
    port: u16,
    count: u16,
    stop: impl Future<Output = Result<()>>,
) -> Result<()> {
    let mut nodes = (1..=count).map(|number| One::prepare(data, port, number));
    let mut nodes = nodes.by_ref().collect::<Result<Vec<_>>>()?;
    let outcome = tokio::select! {
        ran = together(data, &mut nodes) => ran,
        stopped = stop => stopped,
    };
    println!("Stopping; nothing acknowledged is lost.");
    for node in &mut nodes {
        node.end();
    }
    for node in &mut nodes {
        node.ended().await;
    }
    outcome
}

async fn together(data: &Path, nodes: &mut [One]) -> Result<()> {
    let (first, others) = nodes.split_first_mut().context("at least one node")?;
    let founder = first.data.clone();
    first.start().await?;
    for other in others {
        if !other.data.join("cluster.json").exists() {
            let invite = Order::Invite { minutes: 10, witness: false };
            let invited = admin::order(&founder, &invite).await?;
            let token = invited["token"].as_str().context("an invitation has a token")?;
            other.join(token).await?;
        }
        other.start().await?;
    }
    let demo = admin::order(&founder, &Order::Demo {}).await?;
    if founder != data {
        fs::copy(founder.join("demo.json"), data.join("demo.json"))?;
    }
    println!("{}", frame(&serde_json::from_value(demo)?, data, nodes));
    watch(nodes).await
}

/// Says when a node is gone, for as long as one is left.
async fn watch(nodes: &mut [One]) -> Result<()> {
    loop {
        for node in nodes.iter_mut() {
            let Some(status) = node.child.as_mut().and_then(|it| it.try_wait().transpose()) else {
                continue;
            };
            node.child = None;
            println!(
                "Node {} is gone ({}). The others go on; it comes back with\n  konsil node --config {}",
                node.number,
                status?,
                node.config.display()
            );
        }
        if nodes.iter().all(|node| node.child.is_none()) {
            bail!("every node is gone; start again to find everything as it was");
        }
        sleep(LOOK * 4).await;
    }
}

/// The part of a status that is read here.
#[derive(Deserialize)]
struct Ready {
    serving: bool,
}

impl One {
    /// Writes the configuration, unless it is there.
    fn prepare(data: &Path, port: u16, number: u16) -> Result<Self> {
        let add = |by: u16| port.checked_add(by).context("the ports end at 65535");
        let (web, peers) = (add(number - 1)?, add(APART + 2 * number)?);
        // What a single node left here earlier is the first node's.
        let own = number > 1 || !data.join("journals").exists();
        let folder = if own { data.join(format!("node-{number}")) } else { data.to_owned() };
        let config = data.join(format!("node-{number}.toml"));
        let url = format!("https://localhost:{web}");
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let quoted = |text: &dyn std::fmt::Display| toml::Value::String(text.to_string());
        let text = format!(
            "# Written by `konsil dev`. Every key is explained by `konsil config`.\n\
             [listen]\nweb = \"127.0.0.1:{web}\"\nmedia = \"0.0.0.0:{web}\"\n\n\
             [cluster]\nlisten = \"127.0.0.1:{peers}\"\njoin = \"127.0.0.1:{}\"\n\
             name = \"node-{number}\"\nsite = \"site-{number}\"\ncountry = \"DE\"\nweb = [{}]\n\n\
             [storage]\ndata = {}\n",
            peers + 1,
            quoted(&url),
            quoted(&folder.display()),
        );
        fs::write(&config, text).with_context(|| config.display().to_string())?;
        Ok(Self { number, config, data: folder, url, child: None })
    }

    async fn join(&self, token: &str) -> Result<()> {
        let mut command = self.konsil("join")?;
        let joined = command.arg(token).output().await?;
        if !joined.status.success() {
            let said = String::from_utf8_lossy(&joined.stderr);
            bail!("node {} could not join: {}", self.number, said.trim());
        }
        Ok(())
    }

    /// Starts the process and waits until it serves.
    async fn start(&mut self) -> Result<()> {
        let mut command = self.konsil("node")?;
        if self.number == 1 {
            command.arg("--found"); // unless it belongs to one already
        }
        let child = command.spawn().context("konsil cannot be started")?;
        self.child = Some(child);
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.as_mut().and_then(|it| it.try_wait().transpose()) {
                bail!("node {} ended at once ({}); see above", self.number, status?);
            }
            let status = admin::order(&self.data, &Order::Status {}).await;
            if status.ok().is_some_and(|it| serving(&it)) {
                return Ok(());
            }
            if since.elapsed() > UP {
                bail!(
                    "node {} does not come up; `konsil doctor` looks for the reason",
                    self.number
                );
            }
            sleep(LOOK).await;
        }
    }

    fn konsil(&self, what: &str) -> Result<Command> {
        let me = std::env::current_exe().context("where this program lies")?;
        let mut command = Command::new(me);
        command.arg(what).arg("--config").arg(&self.config).stdin(Stdio::null());
        command.process_group(0); // Ctrl-C is ours to pass on
        command.kill_on_drop(true);
        Ok(command)
    }

    fn end(&self) {
        let id = self.child.as_ref().and_then(Child::id);
        if let Some(id) = id.and_then(|it| rustix::process::Pid::from_raw(it.cast_signed())) {
            // Gone already is as good.
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
    }

    async fn ended(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        if timeout(DOWN, child.wait()).await.is_err() {
            // Whatever it still had to do is found in its journals.
            let _ = child.kill().await;
        }
    }
}

fn serving(status: &Value) -> bool {
    Ready::deserialize(status).is_ok_and(|it| it.serving)
}

/// The frame a newcomer reads.
fn frame(demo: &Demo, data: &Path, nodes: &[One]) -> String {
    let mut lines = vec![
        format!("Konsil is running on {} nodes.", nodes.len()),
        String::new(),
        format!("Expert        {}   password  {}", demo.login, demo.password),
        format!("Second expert {}   same password", super::EXPERTS[1].0),
        format!("Guest link    {}", demo.guest),
        String::new(),
    ];
    for node in nodes {
        let pid = node.child.as_ref().and_then(Child::id).unwrap_or_default();
        lines.push(format!("Node {}        {}   process {pid}", node.number, node.url));
    }
    let operator = &nodes.last().unwrap_or(&nodes[0]).data;
    lines.extend([
        String::new(),
        String::from("Any node serves anyone. Kill one, by its process number, and watch:"),
        String::from("consultations go on about a second later. The operator page:"),
        format!("konsil cluster page --data {}", operator.display()),
        String::new(),
        String::from("The certificates are self-signed: let the browser go on, once per node."),
        format!("Data in {}. Ctrl-C stops; the next start finds everything again.", data.display()),
    ]);
    super::boxed(&lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use protocol::id::CaseId;

    #[test]
    fn every_node_gets_a_configuration_that_a_node_can_be_started_with() {
        let data = tempdir("nodes");
        let nodes: Vec<_> =
            (1..=3).map(|it| One::prepare(&data, 9000, it).expect("prepared")).collect();
        let configs: Vec<_> =
            nodes.iter().map(|it| Config::read(Some(&it.config)).expect("it is good")).collect();
        assert_eq!(configs[1].listen.web.port(), 9001);
        assert_eq!(configs[2].cluster.listen.map(|it| it.port()), Some(9026));
        let told = frame(&demo(), &data, &nodes);
        assert!(told.contains("https://localhost:9002"), "{told}");
        assert!(One::prepare(&data, 65_530, 3).is_err(), "the ports end");
        fs::remove_dir_all(data).expect("removed");
    }

    #[test]
    fn what_a_single_node_left_is_the_first_nodes() {
        let data = tempdir("single");
        fs::create_dir_all(data.join("journals")).expect("made");
        assert_eq!(One::prepare(&data, 9000, 1).expect("prepared").data, data);
        assert_eq!(One::prepare(&data, 9000, 2).expect("prepared").data, data.join("node-2"));
        fs::remove_dir_all(data).expect("removed");
    }

    fn demo() -> Demo {
        let text = |it: &str| String::from(it);
        let case = CaseId::from_u128(1);
        Demo { url: text("u"), login: text("l"), password: text("p"), case, guest: text("g") }
    }

    fn tempdir(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("konsil-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder for the test");
        folder
    }
}
