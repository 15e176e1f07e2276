//! The operator's door: a socket in the data folder, for whoever may read that folder.
//!
//! One line of JSON is an order, one line is the answer. There is no other way to order a cluster
//! about, but for the operator page, which is opened by a link made here.
//!
//! # Invariants
//! - **V1** Only the node's own user can open the socket (mode 0600 in a private folder).
//! - **V2** A line is at most `LINE` bytes, `DOORS` are open at a time, and each ends in time.

use futures_util::future::BoxFuture;
use protocol::{
    audit::Log,
    caller::Role,
    cluster::Setting,
    id::{FileId, TenantId},
    peer::PEER_FRAME_BYTES,
    rights::Act,
};
use serde::{Deserialize, Serialize, de::Error as _};
use serde_json::Value;
use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::{Semaphore, watch},
};

const LINE: u64 = 64 * 1024;
const DOORS: usize = 16;
/// The longest order.
const PATIENCE: Duration = Duration::from_secs(3600);
/// Bytes that may follow an answer: what another node can hand over in one frame.
const BYTES: usize = PEER_FRAME_BYTES;

/// What an operator may order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "camelCase", deny_unknown_fields)]
pub enum Order {
    /// How is the cluster?
    Status {},
    /// Let one node in.
    Invite {
        /// For how long the token is good.
        minutes: u64,
        /// Whether it lets in a witness rather than a node with data.
        witness: bool,
    },
    /// Give everything this node has to others; or stop doing so.
    Drain {
        /// Its name or number.
        node: String,
        /// Whether, or no longer.
        on: bool,
    },
    /// This node, which holds nothing, is no longer a member.
    Remove {
        /// Its name or number.
        node: String,
        /// Although it may have contents of files that are missing elsewhere.
        #[serde(default)]
        accept_loss: bool,
    },
    /// Spread everything evenly, now.
    Rebalance {},
    /// Give a shard to a node although data may be lost.
    Force {
        /// Which shard.
        shard: u16,
        /// To whom: name or number.
        node: String,
        /// Who wants it; kept for ever.
        by: String,
        /// Why; kept for ever.
        why: String,
        /// Although some node serves it at this moment.
        although_served: bool,
    },
    /// Every shard that was ever given away by force.
    Forced {},
    /// Choose something for the whole cluster.
    Set {
        /// What.
        setting: Setting,
        /// Who wants it; kept.
        by: String,
    },
    /// A one-time link to the operator page.
    Page {},
    /// Make the demo tenant and say how to get in.
    Demo {},
    /// A page of a shard's journals, for a backup, from whoever serves the shard.
    Export {
        /// Which shard.
        shard: u16,
        /// Where the page before ended.
        after: Vec<u8>,
    },
    /// A piece of a file's content, for a backup, from whoever has it.
    Content {
        /// The file whose record names it.
        file: FileId,
        /// SHA-256 of the content.
        hash: [u8; 32],
        /// Bytes of the whole.
        len: u64,
        /// From which byte on.
        offset: u64,
    },
    /// Every tenant, the first included.
    Tenants {},
    /// Let somebody in: an account, and a password for whoever has none.
    Account {
        /// A tenant's name, host name or id; none: the first.
        tenant: Option<String>,
        /// The sign-in name.
        login: String,
        /// What people call them.
        name: String,
        /// As what.
        role: Role,
    },
    /// Who has which role, and how that came about.
    Roles {
        /// A tenant's name, host name or id; none: the first.
        tenant: Option<String>,
    },
    /// How an audit log stands, signed.
    AuditHead {
        /// Whose; by default the node's own.
        tenant: Option<TenantId>,
        /// Which of the two.
        log: Log,
        /// Whether it is about to be exported.
        taken: bool,
    },
    /// Lines of an audit log, each after its length in two bytes.
    AuditLines {
        /// Whose; by default the node's own.
        tenant: Option<TenantId>,
        /// Which of the two.
        log: Log,
        /// Those behind this number.
        after: u64,
        /// And up to this one.
        upto: u64,
    },
}

impl Order {
    /// Its row in the table of rights (RI3). Whoever may read the folder may do all of them.
    pub const fn act(&self) -> Act {
        match self {
            Self::Status {} => Act::ClusterStatus,
            Self::Invite { .. } => Act::ClusterInvite,
            Self::Drain { .. } => Act::ClusterDrain,
            Self::Remove { .. } => Act::ClusterRemove,
            Self::Rebalance {} => Act::ClusterRebalance,
            Self::Force { .. } => Act::ClusterForce,
            Self::Forced {} => Act::ClusterForced,
            Self::Set { setting: Setting::Countries { .. }, .. } => Act::ClusterSet,
            Self::Set { setting: Setting::Tenant { .. }, .. } => Act::TenantSet,
            Self::Page {} => Act::DeskLink,
            Self::Demo {} => Act::Demo,
            Self::Export { .. } => Act::Export,
            Self::Content { .. } => Act::ExportContent,
            Self::Tenants {} => Act::TenantList,
            Self::Account { .. } => Act::AccountAdd,
            Self::Roles { .. } => Act::AccountRoles,
            Self::AuditHead { .. } | Self::AuditLines { .. } => Act::AuditExport,
        }
    }
}

/// The answer: what was asked for, or why not, in words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Done.
    Done(Value),
    /// Not done.
    No(String),
    /// Done; bytes follow the line.
    Bytes(Piece),
}

/// Bytes that were asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Piece {
    /// How many.
    len: usize,
    /// Where the next ones begin, when there are more.
    pub next: Option<Vec<u8>>,
    /// The bytes; not in the line.
    #[serde(skip)]
    pub bytes: Vec<u8>,
}

impl Piece {
    /// These bytes.
    pub fn new(bytes: Vec<u8>, next: Option<Vec<u8>>) -> Self {
        Self { len: bytes.len(), next, bytes }
    }
}

/// Carries an order out.
pub type Handler = Arc<dyn Fn(Order) -> BoxFuture<'static, Outcome> + Send + Sync>;

/// Where the socket of a data folder is.
pub fn path(data: &Path) -> PathBuf {
    data.join("admin.sock")
}

/// Opens the socket and answers until the node stops.
///
/// # Errors
/// When the socket cannot be made.
pub fn open(
    data: &Path,
    handler: Handler,
    mut stopping: watch::Receiver<bool>,
) -> io::Result<tokio::task::JoinHandle<()>> {
    let path = path(data);
    match fs::remove_file(&path) {
        Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
        _ => {} // left by a life that was killed; the journals' lock says that it is over
    }
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?; // V1
    let doors = Arc::new(Semaphore::new(DOORS));
    Ok(tokio::spawn(async move {
        loop {
            let came = tokio::select! {
                came = listener.accept() => came,
                _ = stopping.wait_for(|stop| *stop) => break,
            };
            let Ok((stream, _)) = came else { continue };
            let Ok(door) = doors.clone().try_acquire_owned() else { continue }; // V2
            let handler = handler.clone();
            tokio::spawn(async move {
                // An operator who went away needs no answer.
                let _ = tokio::time::timeout(PATIENCE, one(stream, handler)).await;
                drop(door);
            });
        }
        // The next life makes its own.
        let _ = fs::remove_file(path);
    }))
}

async fn one(stream: UnixStream, handler: Handler) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    BufReader::new(read.take(LINE)).read_line(&mut line).await?; // V2
    let outcome = match serde_json::from_str::<Order>(&line) {
        Ok(order) => handler(order).await,
        Err(fault) => Outcome::No(format!("the order is not understood: {fault}")),
    };
    let mut answer = serde_json::to_vec(&outcome)?;
    answer.push(b'\n');
    write.write_all(&answer).await?;
    match &outcome {
        Outcome::Bytes(piece) => write.write_all(&piece.bytes).await,
        Outcome::Done(_) | Outcome::No(_) => Ok(()),
    }
}

/// An order was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OrderFault {
    /// Nobody is there.
    #[error(
        "no node answers at {path} ({reason}). Name the data folder of a running node with --data, \
         and run this as the user the node runs as"
    )]
    NoNode {
        /// Where it was looked for.
        path: PathBuf,
        /// Why there was no way in.
        reason: io::Error,
    },
    /// The node stopped meanwhile.
    #[error("the node stopped before it answered ({0}); ask again once it runs")]
    Stopped(io::Error),
    /// The answer is of another release.
    #[error("the answer is not understood ({0}); use the program of the node's release")]
    Odd(#[from] serde_json::Error),
    /// The node says no.
    #[error("{0}")]
    No(String),
}

/// Gives an order to the node of a data folder.
///
/// # Errors
/// In words: no node runs there, or what it said.
pub async fn order(data: &Path, order: &Order) -> Result<Value, OrderFault> {
    match ask(data, order).await? {
        Outcome::Done(value) => Ok(value),
        Outcome::No(why) => Err(OrderFault::No(why)),
        Outcome::Bytes(_) => Err(odd("it brings bytes")),
    }
}

/// The same, for bytes.
///
/// # Errors
/// As [`order`].
pub async fn fetch(data: &Path, order: &Order) -> Result<Piece, OrderFault> {
    match ask(data, order).await? {
        Outcome::Bytes(piece) => Ok(piece),
        Outcome::No(why) => Err(OrderFault::No(why)),
        Outcome::Done(_) => Err(odd("it brings no bytes")),
    }
}

fn odd(why: &str) -> OrderFault {
    OrderFault::Odd(serde_json::Error::custom(why))
}

async fn ask(data: &Path, order: &Order) -> Result<Outcome, OrderFault> {
    let path = path(data);
    let connected = UnixStream::connect(&path).await;
    let stream = connected.map_err(|reason| OrderFault::NoNode { path, reason })?;
    let mut line = serde_json::to_vec(order)?;
    line.push(b'\n');
    let mut stream = BufReader::new(stream);
    let mut answer = String::new();
    let asked = async {
        stream.get_mut().write_all(&line).await?;
        stream.read_line(&mut answer).await
    };
    match asked.await {
        Ok(0) => return Err(OrderFault::Stopped(io::ErrorKind::UnexpectedEof.into())),
        Ok(_) => {}
        Err(fault) => return Err(OrderFault::Stopped(fault)),
    }
    let mut outcome = serde_json::from_str(&answer)?;
    if let Outcome::Bytes(piece) = &mut outcome {
        if piece.len > BYTES {
            return Err(odd("it brings more bytes than there can be"));
        }
        piece.bytes = vec![0; piece.len];
        stream.read_exact(&mut piece.bytes).await.map_err(OrderFault::Stopped)?;
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_order_is_carried_out_and_a_bad_one_is_answered_in_words() {
        let folder = std::env::temp_dir().join(format!("konsil-admin-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder for the test");
        let (stop, stopping) = watch::channel(false);
        let handler: Handler = Arc::new(|order| {
            Box::pin(async move {
                match order {
                    Order::Drain { node, .. } => Outcome::No(format!("no node is called {node}")),
                    Order::Export { after, .. } => {
                        Outcome::Bytes(Piece::new(vec![b'\n'; 70_000], Some(after)))
                    }
                    other => Outcome::Done(serde_json::to_value(other).expect("it is JSON")),
                }
            })
        });
        let task = open(&folder, handler, stopping).expect("opened");
        let mode = fs::metadata(path(&folder)).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "V1");
        let done = order(&folder, &Order::Status {}).await.expect("answered");
        assert_eq!(done["order"], "status");
        let drain = Order::Drain { node: "x".into(), on: true };
        let no = order(&folder, &drain).await.expect_err("refused").to_string();
        assert_eq!(no, "no node is called x");
        let export = Order::Export { shard: 3, after: vec![0, 10, 255] };
        let piece = fetch(&folder, &export).await.expect("bytes");
        assert_eq!((piece.bytes, piece.next), (vec![b'\n'; 70_000], Some(vec![0, 10, 255])));
        let no = order(&folder, &export).await.expect_err("nobody asked for bytes").to_string();
        assert!(no.contains("bytes"), "{no}");
        let no = fetch(&folder, &drain).await.expect_err("refused").to_string();
        assert_eq!(no, "no node is called x");
        let mut stream = UnixStream::connect(path(&folder)).await.expect("connected");
        stream.write_all(b"rubbish\n").await.expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("answered");
        assert!(answer.contains("not understood"), "{answer}");
        stop.send_replace(true);
        task.await.expect("it ends");
        assert!(!path(&folder).exists());
        let gone = order(&folder, &Order::Status {}).await.expect_err("gone").to_string();
        assert!(gone.contains("--data"), "{gone}");
        fs::remove_dir_all(&folder).expect("removed");
    }
}
