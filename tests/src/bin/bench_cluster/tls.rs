//! What the state of one TLS connection takes of a server's memory: rustls alone, set up as a node
//! sets it up, after a handshake in memory.

use anyhow::Result;
use node::{config::Tls, tls};
use rustls::{ClientConnection, Connection, ServerConnection, pki_types::ServerName};
use std::path::Path;
use tests::bench::usage;

use crate::sockets;

/// Connections held at a time.
const CONNECTIONS: usize = 5_000;
/// Made before anything is counted: what is made once and shared is there by then.
const BEFORE: usize = 200;

/// KiB of each connection.
pub(crate) fn each(work: &Path) -> Result<f64> {
    let settings = Tls::default();
    let server = tls::server(&settings, work)?;
    let client = sockets::trusting(&tls::places(&settings, work).0)?;
    let one = || -> Result<Connection> {
        let there = ClientConnection::new(client.clone(), ServerName::try_from("localhost")?)?;
        let mut there = Connection::from(there);
        let mut here = Connection::from(ServerConnection::new(server.clone())?);
        while here.is_handshaking() || there.is_handshaking() {
            pass(&mut there, &mut here)?;
            pass(&mut here, &mut there)?;
        }
        Ok(here)
    };
    let mut all = (0..BEFORE).map(|_| one()).collect::<Result<Vec<_>>>()?;
    let own = [std::process::id()];
    let before = usage::memory(&own)?;
    all.extend((0..CONNECTIONS).map(|_| one()).collect::<Result<Vec<_>>>()?);
    Ok((usage::memory(&own)? - before) / CONNECTIONS as f64)
}

/// Hands over everything one side has to say.
fn pass(from: &mut Connection, to: &mut Connection) -> Result<()> {
    let mut wire = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut wire)?;
    }
    let mut rest = wire.as_slice();
    while !rest.is_empty() {
        to.read_tls(&mut rest)?;
        to.process_new_packets()?;
    }
    Ok(())
}
