//! Publishers of a NATS stream, each with one message on its way: acknowledged when the stream has
//! it on as many copies as it was told to keep.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};
use tests::{
    nemesis::{process::Process, run::until},
    peers::{
        free, mortal,
        nats::{Program, Reader, Settings, Store, Wire, Word},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Runtime,
    task::JoinSet,
};

/// Servers, and copies of the stream.
const NODES: usize = 3;
/// How long the cluster may take until there is a stream.
const WHOLE: Duration = Duration::from_secs(60);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(10);

/// Three servers with one stream.
pub(crate) struct Stream {
    servers: Vec<Process>,
    clients: Vec<SocketAddr>,
    runtime: Runtime,
}

impl Stream {
    /// Starts them.
    pub(crate) fn start(program: &Program, folder: &Path, always: bool) -> Result<Self> {
        let addresses = |_| (0..NODES).map(|_| free()).collect::<Result<Vec<_>>>();
        let (clients, routes) = (addresses(0)?, addresses(1)?);
        let mut servers = Vec::new();
        for node in 0..NODES {
            let (name, store) = (format!("n{node}"), folder.join(format!("n{node}")));
            let settings = Settings {
                name: &name,
                client: clients[node],
                web: None,
                store: Some(Store { folder: &store, megabytes: 8_000, always }),
                cluster: Some((routes[node], routes.clone())),
            };
            servers.push(program.start(&settings, folder, |it| mortal(it))?);
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let stream = Self { servers, clients, runtime };
        let made = json!({
            "name": "S", "subjects": ["s.>"], "num_replicas": NODES, "storage": "file",
            "retention": "limits", "discard": "old", "max_msgs": -1, "max_bytes": -1,
            "max_age": 0, "max_consumers": -1,
        });
        until("a stream", WHOLE, || {
            let said = stream.asked("$JS.API.STREAM.CREATE.S", &made);
            Ok(said.is_ok_and(|said| said.get("config").is_some()))
        })?;
        until("three current copies", WHOLE, || {
            let said = stream.asked("$JS.API.STREAM.INFO.S", &json!({}))?;
            let copies = said.pointer("/cluster/replicas").and_then(Value::as_array);
            let current = |it: &&Value| it["current"] == true;
            Ok(copies.is_some_and(|it| it.iter().filter(current).count() + 1 == NODES))
        })?;
        Ok(stream)
    }

    /// The servers' processes.
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.servers.iter().map(Process::id).collect()
    }

    /// So many publishers, spread over the servers, for so long: acknowledgements in a second, and
    /// the milliseconds of the middle and of the slow ones.
    pub(crate) fn publish(
        &self,
        publishers: usize,
        bytes: usize,
        time: Duration,
    ) -> Result<[f64; 3]> {
        self.runtime.block_on(async {
            let mut all = JoinSet::new();
            let start = Instant::now();
            for number in 0..publishers {
                let at = self.clients[number % NODES];
                all.spawn(publishes(at, number, bytes, start + time));
            }
            let mut took = Vec::new();
            while let Some(one) = all.join_next().await {
                took.extend(one??);
            }
            let seconds = start.elapsed().as_secs_f64();
            took.sort_by(f64::total_cmp);
            let at = |part: usize| took.get(took.len() * part / 100).copied().unwrap_or(f64::NAN);
            Ok([took.len() as f64 / seconds, at(50), at(99)])
        })
    }

    fn asked(&self, subject: &str, body: &Value) -> Result<Value> {
        let mut wire = Wire::open(self.clients[0])?;
        let answer = wire.ask(subject, body.to_string().as_bytes(), ANSWER)?;
        Ok(serde_json::from_slice(&answer)?)
    }
}

/// Milliseconds that each acknowledgement took.
async fn publishes(at: SocketAddr, number: usize, bytes: usize, end: Instant) -> Result<Vec<f64>> {
    let mut stream = TcpStream::connect(at).await?;
    stream.set_nodelay(true)?;
    let hello = r#"CONNECT {"verbose":false,"pedantic":false,"headers":false}"#;
    stream.write_all(format!("{hello}\r\nSUB in.{number} 1\r\nPING\r\n").as_bytes()).await?;
    let mut message = format!("PUB s.{number} in.{number} {bytes}\r\n").into_bytes();
    message.extend(vec![b'x'; bytes]);
    message.extend(b"\r\n");
    let (mut reader, mut buffer, mut took) = (Reader::default(), vec![0; 4096], Vec::new());
    let mut sent: Option<Instant> = None;
    loop {
        let read = tokio::time::timeout(ANSWER, stream.read(&mut buffer));
        let read = read.await.context("no acknowledgement in time")??;
        if read == 0 {
            bail!("the server hung up");
        }
        let (mut next, mut pong, mut odd) = (false, false, None);
        reader.take(&buffer[..read], |word| match word {
            Word::Pong => next = true,
            Word::Ping => pong = true,
            Word::Message { body, .. } if !body.starts_with(b"{\"stream\"") => {
                odd = Some(String::from_utf8_lossy(body).into_owned());
            }
            Word::Message { .. } => next = true,
            Word::Other => {}
        })?;
        if let Some(said) = odd {
            bail!("a message was not kept: {said}");
        }
        if pong {
            stream.write_all(b"PONG\r\n").await?;
        }
        if next {
            took.extend(sent.map(|sent| sent.elapsed().as_secs_f64() * 1e3));
            if Instant::now() >= end {
                return Ok(took);
            }
            sent = Some(Instant::now());
            stream.write_all(&message).await?;
        }
    }
}
