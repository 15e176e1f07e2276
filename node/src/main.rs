//! `konsil`: arguments, configuration, start, wait.

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use node::{
    commands::{
        self, AccountCommand, ArchiveCommand, AuditCommand, ClusterCommand, TenantCommand, Where,
    },
    config::Config,
    dev, doctor,
    node::Node,
    witness::Witness,
};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

/// Consultations that keep working when a machine dies.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Starts a node.
    Node {
        /// The configuration; `konsil config` prints one.
        #[arg(long)]
        config: Option<PathBuf>,
        /// Begin a new cluster with this node, if its data folder belongs to none yet.
        #[arg(long)]
        found: bool,
    },
    /// Starts a witness: it votes about who serves what and holds no data. With one, two machines
    /// with data survive the loss of either.
    Witness {
        /// The configuration; only `cluster` and `storage.data` matter.
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Makes this machine a node or a witness of a cluster, whichever the token is for; then start
    /// it with `konsil node` or `konsil witness`.
    Join {
        /// What `konsil cluster invite` printed.
        token: String,
        /// The configuration of the new node.
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Looks after a cluster.
    Cluster {
        #[command(flatten)]
        place: Where,
        #[command(subcommand)]
        command: ClusterCommand,
    },
    /// Looks after tenants: each has its own host names, people and data.
    Tenant {
        #[command(flatten)]
        place: Where,
        #[command(subcommand)]
        command: TenantCommand,
    },
    /// Lets the first people of a tenant in, and lists who has which role.
    Account {
        #[command(flatten)]
        place: Where,
        #[command(subcommand)]
        command: AccountCommand,
    },
    /// Prints who may do what.
    Rights {
        /// The whole table, for a spreadsheet.
        #[arg(long)]
        csv: bool,
    },
    /// Goes on with this stopped node alone when most of those who vote are lost for good. What the
    /// others acknowledged among themselves is given up. The last resort; it is recorded for ever.
    Recover {
        /// The configuration.
        #[arg(long)]
        config: Option<PathBuf>,
        /// Why; is kept for ever.
        #[arg(long)]
        why: String,
        /// Says that the other machines are lost and will never be started again.
        #[arg(long)]
        accept_loss: bool,
    },
    #[command(flatten)]
    Archive(ArchiveCommand),
    /// Takes the audit logs out, and checks what was taken out.
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Starts nodes on this machine with a demo tenant, and says how to get in.
    Dev {
        /// Where their data lies.
        #[arg(long, default_value = "data")]
        data: PathBuf,
        /// The first node's port for web (TCP) and for voice and video (UDP); the others follow.
        #[arg(long, default_value_t = 8443)]
        port: u16,
        /// How many nodes; with one it runs in this very process.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=9))]
        nodes: u16,
        /// Further settings of a single node; data, port and addresses are taken from the
        /// arguments.
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Prints every knob with its meaning and its default.
    Config {
        /// Print the values of this file instead of the defaults.
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Says in words what is wrong.
    Doctor {
        /// The configuration.
        #[arg(long)]
        config: Option<PathBuf>,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        // For an operator: what went wrong and what to do, not where in the program it was seen.
        Err(fault) => {
            eprintln!("konsil: {fault:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("warn,node=info,openraft=off,rtc_dtls=error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    // Two providers may be linked; one has to be chosen before the first handshake.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        bail!("another part of this program has chosen a TLS provider");
    }
    match arguments.command {
        Command::Node { config, found } => {
            let config = Config::read(config.as_deref())?;
            if !found {
                commands::belongs(&config)?;
            }
            serve(config, false).await
        }
        Command::Witness { config } => vote(Config::read(config.as_deref())?).await,
        Command::Join { token, config } => {
            commands::join(&token, &Config::read(config.as_deref())?).await
        }
        Command::Recover { config, why, accept_loss } => {
            commands::recover(&Config::read(config.as_deref())?, &why, accept_loss).await
        }
        Command::Cluster { place, command } => commands::cluster(&place, command).await,
        Command::Tenant { place, command } => {
            Ok(commands::tenant(&place.folder()?, command).await?)
        }
        Command::Account { place, command } => {
            Ok(commands::account(&place.folder()?, command).await?)
        }
        Command::Rights { csv } => {
            print!("{}", commands::rights(csv));
            Ok(())
        }
        Command::Archive(command) => Ok(commands::archive(command).await?),
        Command::Audit { command } => Ok(commands::audit(command).await?),
        Command::Dev { data, port, nodes, config: None } if nodes > 1 => {
            dev::nodes::run(&data, port, nodes, stop_asked()).await
        }
        Command::Dev { data, port, config, .. } => {
            let mut config = Config::read(config.as_deref())?;
            let here = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
            config.storage.data = data;
            config.listen.web = here;
            // Some browsers hold a call over loopback alone to be impossible, so the network's
            // address is offered beside it.
            config.listen.media = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port);
            serve(config, true).await
        }
        Command::Config { config } => {
            print!("{}", Config::read(config.as_deref())?.explained());
            Ok(())
        }
        Command::Doctor { config } => {
            let findings = doctor::examine(&Config::read(config.as_deref())?);
            println!("{}", doctor::report(&findings));
            if !findings.iter().all(|it| it.well) {
                bail!("see above; nothing was changed");
            }
            Ok(())
        }
    }
}

async fn vote(config: Config) -> Result<()> {
    let witness = Witness::start(config).await.context("the witness cannot start")?;
    tracing::info!("the witness is ready");
    let fatal = witness.fatal();
    let ended = ended(fatal, stop_asked()).await;
    witness.stop().await;
    ended
}

async fn serve(config: Config, demo: bool) -> Result<()> {
    let data = config.storage.data.clone();
    // Heard from the beginning: a node that still starts has nothing to say goodbye to, and ends.
    let mut asked = tokio::spawn(stop_asked());
    let node = tokio::select! {
        started = Node::start(config) => started.context("the node cannot start")?,
        stopped = &mut asked => return stopped?,
    };
    if demo {
        let url = format!("https://localhost:{}", node.address.port());
        let demo = dev::prepare(&node.gate, &url, &data).await?;
        println!("{}", dev::frame(&demo, &data));
    } else {
        tracing::info!(address = %node.address, "the node is ready");
    }
    let fatal = node.fatal();
    let ended = ended(fatal, async { asked.await? }).await;
    println!("Stopping; nothing acknowledged is lost.");
    node.stop().await;
    ended
}

/// Waits until somebody wants the process to end, or until it must not go on.
async fn ended(
    mut fatal: watch::Receiver<Option<String>>,
    asked: impl Future<Output = Result<()>>,
) -> Result<()> {
    let must = async {
        match fatal.wait_for(Option::is_some).await {
            Ok(why) => why.clone().unwrap_or_default(),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        asked = asked => asked,
        why = must => bail!(why),
    }
}

/// Waits for Ctrl-C or for the service manager.
async fn stop_asked() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = signal(SignalKind::terminate())?;
    tokio::select! {
        asked = tokio::signal::ctrl_c() => asked?,
        _ = term.recv() => {}
    }
    Ok(())
}
