//! One connection to a NATS server: `PUB`, `MSG`, `HMSG`, `PING`; nothing else is needed.

use anyhow::{Context, Result, bail};
use std::{
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(2);
/// Bytes of one answer, at most.
const ANSWER_BYTES: usize = 1 << 20;

/// A connection that can ask.
pub struct Wire {
    stream: BufReader<TcpStream>,
    /// What arrived of a line that is not whole yet.
    line: Vec<u8>,
    asked: u64,
}

impl Wire {
    /// Connects and says hello.
    ///
    /// # Errors
    /// When nobody answers, or no NATS server does.
    pub fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, CONNECT)?;
        stream.set_nodelay(true)?;
        let mut wire = Self { stream: BufReader::new(stream), line: Vec::new(), asked: 0 };
        let end = Instant::now() + CONNECT;
        let hello = wire.line(end)?;
        if !hello.starts_with("INFO ") {
            bail!("no NATS server says {hello:?}");
        }
        let who = r#"{"verbose":false,"pedantic":false,"headers":true,"no_responders":true}"#;
        wire.say(format!("CONNECT {who}\r\nSUB inbox.{}.> 1\r\nPING\r\n", wire.own()?).as_bytes())?;
        while wire.line(end)? != "PONG" {}
        Ok(wire)
    }

    /// A name for this connection's answers: no other connection has its two ends.
    fn own(&self) -> Result<String> {
        let address = self.stream.get_ref().local_addr()?;
        Ok(format!("{}-{}", address.ip().to_string().replace('.', "-"), address.port()))
    }

    /// Asks, and waits for the answer to this very question.
    ///
    /// # Errors
    /// When it does not come in time.
    pub fn ask(&mut self, subject: &str, body: &[u8], within: Duration) -> Result<Vec<u8>> {
        let end = Instant::now() + within;
        self.asked += 1;
        let inbox = format!("inbox.{}.{}", self.own()?, self.asked);
        let mut question = format!("PUB {subject} {inbox} {}\r\n", body.len()).into_bytes();
        question.extend_from_slice(body);
        question.extend_from_slice(b"\r\n");
        self.say(&question)?;
        loop {
            let line = self.line(end)?;
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                ["PING"] => self.say(b"PONG\r\n")?,
                ["MSG", to, .., length] => {
                    let body = self.body(length.parse()?)?;
                    if *to == inbox {
                        return Ok(body);
                    }
                }
                ["HMSG", to, .., head, length] => {
                    let head: usize = head.parse()?;
                    let body = self.body(length.parse()?)?;
                    if *to == inbox {
                        return Ok(body.get(head..).unwrap_or_default().to_vec());
                    }
                }
                ["-ERR", ..] => bail!("the server says {line}"),
                _ => {}
            }
        }
    }

    fn say(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.get_mut().write_all(bytes)?)
    }

    /// The next line, without its end. What arrived of it stays when the time is over.
    fn line(&mut self, end: Instant) -> Result<String> {
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!("no answer in time");
            }
            self.stream.get_ref().set_read_timeout(Some(left))?;
            match self.stream.read_until(b'\n', &mut self.line) {
                Ok(0) => bail!("the server hung up"),
                Ok(_) if self.line.ends_with(b"\n") => break,
                Ok(_) => {}
                Err(why) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(why) => return Err(why.into()),
            }
        }
        let line = std::mem::take(&mut self.line);
        Ok(String::from_utf8(line).context("a line is text")?.trim_end().to_owned())
    }

    /// A body and the two bytes after it: it follows its line at once.
    fn body(&mut self, length: usize) -> Result<Vec<u8>> {
        if length > ANSWER_BYTES {
            bail!("an answer of {length} bytes");
        }
        self.stream.get_ref().set_read_timeout(Some(CONNECT))?;
        let mut body = vec![0; length + 2];
        self.stream.read_exact(&mut body)?;
        body.truncate(length);
        Ok(body)
    }
}
