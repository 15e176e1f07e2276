//! What an operator types about a cluster, and what is printed.

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use protocol::operator::Overview;
use protocol::{
    cluster::{Forced, Place, Purpose, Setting},
    codec,
    id::NodeId,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    clock::now,
    cluster::{
        admin::{Order, order},
        identity,
        join::{self, Token},
        membership::{self, Newcomer},
    },
    config::Config,
    control::recover,
    node::{origins, remembered},
    swarm::{Identity as PeerKey, knock},
};

mod archive;
mod audit;
mod people;
mod print;
mod tenants;

pub use self::archive::{ArchiveCommand, archive};
pub use self::audit::{AuditCommand, audit};
pub use self::people::{AccountCommand, account, rights};
pub use self::tenants::{TenantCommand, tenant};

/// Which node is spoken to.
#[derive(Debug, Args)]
pub struct Where {
    /// The data folder of a node that runs on this machine.
    #[arg(long, global = true)]
    data: Option<PathBuf>,
    /// Its configuration, which names the data folder.
    #[arg(long, global = true)]
    config: Option<PathBuf>,
}

impl Where {
    /// The data folder.
    ///
    /// # Errors
    /// When the configuration cannot be read.
    pub fn folder(&self) -> Result<PathBuf> {
        match &self.data {
            Some(data) => Ok(data.clone()),
            None => Ok(Config::read(self.config.as_deref())?.storage.data),
        }
    }
}

/// What can be chosen for a whole cluster.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Knob {
    /// Countries in which data may lie.
    Countries,
}

/// What can be asked of a cluster.
#[derive(Debug, Subcommand)]
pub enum ClusterCommand {
    /// How every node and every shard does, and what would happen if a node died.
    Status {
        /// As JSON, for programs.
        #[arg(long)]
        json: bool,
    },
    /// Prints a token that lets one more node in: `konsil join TOKEN` on the new machine.
    #[command(visible_alias = "add")]
    Invite {
        /// Minutes for which it is good.
        #[arg(long, default_value_t = 30)]
        minutes: u64,
        /// For a witness, which votes and holds no data.
        #[arg(long)]
        witness: bool,
    },
    /// Moves everything a node has to others, calls included; the node goes on until it is empty.
    Drain {
        /// Its name or number.
        node: String,
        /// Leave it as it is after all.
        #[arg(long)]
        undo: bool,
    },
    /// Ends the membership of a node that holds nothing: one that was drained, or that died and
    /// whose shards others hold by now.
    Remove {
        /// Its name or number.
        node: String,
        /// Although it may have contents of files that are missing elsewhere: when its disk is lost.
        #[arg(long)]
        accept_loss: bool,
    },
    /// Spreads everything evenly over the nodes, now.
    Rebalance,
    /// Chooses something for the whole cluster; who chose what is kept.
    Set {
        /// What is chosen: `countries`, in which data may lie.
        what: Knob,
        /// The new value: country codes as in DE,AT.
        value: String,
    },
    /// Gives a shard whose copies are lost to a node although acknowledged data may be missing
    /// there. The last resort; it is recorded for ever.
    Force {
        /// Which shard.
        shard: u16,
        /// The node: name or number.
        node: String,
        /// Why; is kept for ever.
        #[arg(long)]
        why: String,
        /// Says that you know what this means.
        #[arg(long)]
        accept_loss: bool,
        /// Also when a node serves the shard at this moment.
        #[arg(long)]
        although_served: bool,
    },
    /// Lists what was ever given away by force: when, by whom, why, and what it was before.
    Forced,
    /// Prints a link that opens the operator page, once, within ten minutes.
    Page,
    /// Makes the demo tenant, or finds it, and prints how to get in: as JSON, for programs.
    #[command(hide = true)]
    Demo,
}

/// Whoever types this, as it is kept beside what was ordered.
fn user() -> String {
    format!("user {}", rustix::process::getuid().as_raw())
}

/// Does it and prints what came of it.
///
/// # Errors
/// In words.
pub async fn cluster(place: &Where, command: ClusterCommand) -> Result<()> {
    let data = place.folder()?;
    match command {
        ClusterCommand::Status { json } => status(&data, json).await?,
        ClusterCommand::Invite { minutes, witness } => {
            let invited = order(&data, &Order::Invite { minutes, witness }).await?;
            let token = invited["token"].as_str().context("an invitation has a token")?;
            println!("{token}");
            eprintln!("Good once, for {minutes} minutes. On the new machine:");
            eprintln!("  konsil join TOKEN --config FILE");
        }
        ClusterCommand::Drain { node, undo } => {
            order(&data, &Order::Drain { node: node.clone(), on: !undo }).await?;
            match undo {
                true => println!("{node} stays, and is given its share again."),
                false => println!(
                    "{node} is being relieved. `konsil cluster status` says when it is empty; then \
                     `konsil cluster remove {node}`."
                ),
            }
        }
        ClusterCommand::Remove { node, accept_loss } => {
            order(&data, &Order::Remove { node: node.clone(), accept_loss }).await?;
            println!("{node} is no longer a member. Its number is never used again.");
        }
        ClusterCommand::Rebalance => {
            let done = order(&data, &Order::Rebalance {}).await?;
            println!("{} shards will move, a few at a time.", done["moves"]);
        }
        ClusterCommand::Set { what: Knob::Countries, value } => {
            set_countries(&data, &value).await?;
        }
        ClusterCommand::Force { shard, node, why, accept_loss, although_served } => {
            if !accept_loss {
                bail!(
                    "what was acknowledged and lies only on other copies of shard {shard} is given \
                     up by this. If one of them can still come back, bring it back instead. To go \
                     on all the same: --accept-loss"
                );
            }
            let said = format!("Shard {shard} is served by {node} from now on. It is recorded.");
            let by = user();
            order(&data, &Order::Force { shard, node, by, why, although_served }).await?;
            println!("{said}");
        }
        ClusterCommand::Forced => {
            let forced = order(&data, &Order::Forced {}).await?;
            let forced: Vec<Forced> = serde_json::from_value(forced["forced"].clone())?;
            print!("{}", print::forced(&forced));
        }
        ClusterCommand::Page => {
            let page = order(&data, &Order::Page {}).await?;
            println!("{}", page["link"].as_str().context("a page has a link")?);
        }
        ClusterCommand::Demo => {
            let demo = order(&data, &Order::Demo {}).await?;
            println!("{}", serde_json::to_string_pretty(&demo)?);
        }
    }
    Ok(())
}

async fn status(data: &Path, json: bool) -> Result<()> {
    let status = order(data, &Order::Status {}).await?;
    if json {
        println!("{}", serde_json::to_string_pretty(&status)?);
        return Ok(());
    }
    let overview = status.get("overview").cloned().context("a status has an overview")?;
    let overview: Overview = serde_json::from_value(overview)?;
    let words = status.get("words").cloned().context("a status has words")?;
    print!("{}", print::overview(&overview, &serde_json::from_value::<Vec<_>>(words)?));
    print!("{}", print::scrub(&status["scrub"], now().ms()));
    Ok(())
}

async fn set_countries(data: &Path, value: &str) -> Result<()> {
    let allowed = value.split(',').map(|it| it.trim().to_owned()).collect();
    let setting = Setting::Countries { allowed };
    order(data, &Order::Set { setting, by: user() }).await?;
    println!(
        "Data may lie in {value} only. What lies elsewhere is moved away, a few shards at a time; \
         `konsil cluster status` says when it is."
    );
    Ok(())
}

/// Looks that a node which listens for others belongs to a cluster already: a disk that is missing
/// or empty must not answer as a new cluster under the old name.
///
/// # Errors
/// When it does not, with what to do.
pub fn belongs(config: &Config) -> Result<()> {
    let data = &config.storage.data;
    if config.cluster.listen.is_none() || identity::read(data)?.is_some() {
        return Ok(());
    }
    bail!(
        "{} belongs to no cluster. If this node was a member, its disk is not there: mount it. To \
         make this machine a member, `konsil cluster invite` on a node prints a token and `konsil \
         join TOKEN` here uses it. To begin a new cluster here: konsil node --found",
        data.display()
    )
}

/// Makes this stopped node a cluster of one, when those who decided with it are lost.
///
/// # Errors
/// In words.
pub async fn recover(config: &Config, why: &str, accept_loss: bool) -> Result<()> {
    let data = &config.storage.data;
    let me = identity::read(data)?.context("this data folder belongs to no cluster")?;
    if !accept_loss {
        bail!(
            "afterwards node {} serves everything with what it has: what the others acknowledged \
             and it does not hold is given up, and they can never be members again with the disks \
             they have. If a majority of those who vote can still be started, start them instead. \
             To go on all the same: --accept-loss",
            me.key.number
        );
    }
    // A running node holds its journals; nobody starts it while this goes on.
    let _stopped = storage::lock::lock(&data.join("journals"))
        .context("the node must be stopped: its control plane is rewritten")?;
    let by = user();
    let done = recover::recover(data, me.key, (&by, why), now()).await?;
    let holds = |it: &&Place| it.config.is_eligible(me.key);
    let whole = done.before.places.iter().filter(holds).count();
    println!(
        "Node {} is the only member now. Of {} shards it held {whole} whole; it serves the others \
         with what it has of them. Start it, then invite new machines, each with an empty disk. \
         What was before lies in {}.",
        me.key.number,
        done.now.places.len(),
        done.kept.display()
    );
    Ok(())
}

/// Makes this machine a member: knocks, and writes down what it is given.
///
/// # Errors
/// In words: what is missing in the configuration, or what the cluster said.
pub async fn join(token: &str, config: &Config) -> Result<()> {
    let token = Token::read(token)?;
    let data = &config.storage.data;
    if config.cluster.listen.is_none() {
        bail!(
            "set cluster.listen in the configuration: the address and port at which the other \
             nodes reach this one (`konsil config` explains it)"
        );
    }
    fs::create_dir_all(data).with_context(|| data.display().to_string())?;
    if let Some(known) = identity::read(data)? {
        bail!("{} is node {} of a cluster already", data.display(), known.key.number);
    }
    let purpose = token.purpose;
    let key = PeerKey::open(data)?;
    let me = Newcomer {
        id: remembered(data, "node", NodeId::new)?,
        purpose,
        web: match purpose {
            Purpose::Data => origins(config, config.listen.web),
            Purpose::Witness => Vec::new(),
        },
    };
    let storage = identity::name_disk(data)?;
    let candidate = membership::candidate(config, &me, storage, &key, None);
    let request = codec::encode(&join::Knock { secret: token.secret, candidate });
    let answer = knock(&key, &token.peer, &token.addresses, request).await?;
    let welcome = codec::decode::<join::Welcome, { 1024 * 1024 }>(&answer)?;
    let settled = join::settle(data, &welcome)?;
    println!(
        "This machine is node {} of the cluster. Start it: konsil {} --config FILE",
        settled.key.number,
        if purpose == Purpose::Witness { "witness" } else { "node" }
    );
    Ok(())
}
