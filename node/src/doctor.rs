//! `konsil doctor`: what is wrong, in words, and what to do about it.

use std::{
    fs, io,
    net::{SocketAddr, TcpListener, UdpSocket},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::{cluster::identity, config::Config, serve, tls};

/// One thing that was looked at.
#[derive(Debug, PartialEq)]
pub struct Finding {
    /// What.
    pub about: &'static str,
    /// Whether it is as it should be.
    pub well: bool,
    /// What was seen, and when it is not well, what to do.
    pub said: String,
}

/// Seconds of a day.
const DAY: i64 = 24 * 3600;
/// Free bytes below which somebody should look: sixteen segments of the log.
const FREE_BYTES: u64 = 1 << 30;
/// Open files beside connections: journals, kept files, uploads.
const SPARE_FILES: u64 = 512;
/// 2026-01-01: this program did not exist before.
const EPOCH_OF_KONSIL: u64 = 1_767_225_600;

/// Looks at everything a node needs. Changes nothing but a probe file, which it removes.
pub fn examine(config: &Config) -> Vec<Finding> {
    let data = &config.storage.data;
    vec![
        tcp("web port", config.listen.web),
        udp("media port", config.listen.media),
        writable(data),
        free(data),
        descriptors(config),
        version(config),
        clock(),
        certificate(config),
    ]
}

/// The findings as a person reads them.
pub fn report(findings: &[Finding]) -> String {
    let line = |it: &Finding| {
        format!("{} {:<12} {}\n", if it.well { "ok " } else { "BAD" }, it.about, it.said)
    };
    let bad = findings.iter().filter(|it| !it.well).count();
    let last = match bad {
        0 => "Nothing is wrong.".to_string(),
        1 => "One thing is wrong.".to_string(),
        bad => format!("{bad} things are wrong."),
    };
    findings.iter().map(line).collect::<String>() + &last
}

fn finding(about: &'static str, well: bool, said: impl Into<String>) -> Finding {
    Finding { about, well, said: said.into() }
}

fn tcp(about: &'static str, address: SocketAddr) -> Finding {
    port(about, address, "TCP", TcpListener::bind(address).map(|_| ()))
}

fn udp(about: &'static str, address: SocketAddr) -> Finding {
    port(about, address, "UDP", UdpSocket::bind(address).map(|_| ()))
}

fn port(about: &'static str, at: SocketAddr, kind: &str, bound: io::Result<()>) -> Finding {
    match bound {
        Ok(()) => finding(about, true, format!("{at} {kind} is free")),
        Err(fault) if fault.kind() == io::ErrorKind::AddrInUse => finding(
            about,
            false,
            format!(
                "{at} {kind} is taken. Stop the other program (`ss -lp` names it), or change [listen]."
            ),
        ),
        Err(fault) if fault.kind() == io::ErrorKind::PermissionDenied => finding(
            about,
            false,
            format!("{at} {kind} may not be used: {fault}. Choose a port above 1023 in [listen]."),
        ),
        Err(fault) => finding(about, false, format!("{at} {kind}: {fault}. Check [listen].")),
    }
}

fn writable(data: &Path) -> Finding {
    let probe = data.join(".doctor");
    let tried = fs::create_dir_all(data).and_then(|()| {
        let file = fs::File::create(&probe)?;
        file.sync_all()?;
        fs::remove_file(&probe)
    });
    match tried {
        Ok(()) => finding("data folder", true, format!("{} can be written", data.display())),
        Err(fault) => finding(
            "data folder",
            false,
            format!(
                "{} cannot be written: {fault}. Give it to the node's user, or change storage.data.",
                data.display()
            ),
        ),
    }
}

fn free(data: &Path) -> Finding {
    match rustix::fs::statvfs(data) {
        Ok(stat) => {
            let bytes = stat.f_bavail.saturating_mul(stat.f_frsize);
            let said =
                format!("{:.1} GiB free for {}", bytes as f64 / FREE_BYTES as f64, data.display());
            let more = if bytes < FREE_BYTES {
                ". Make room: a full disk refuses every write."
            } else {
                ""
            };
            finding("disk", bytes >= FREE_BYTES, said + more)
        }
        Err(fault) => finding("disk", false, format!("{}: {fault}", data.display())),
    }
}

fn descriptors(config: &Config) -> Finding {
    let (have, wanted) = (serve::descriptors(), config.limits.connections as u64 + SPARE_FILES);
    let said =
        format!("{have} may be open, of which connections take up to {}", wanted - SPARE_FILES);
    let more = ". Raise the limit (systemd: LimitNOFILE, shell: ulimit -n), or lower \
        limits.connections.";
    finding("open files", have >= wanted, if have >= wanted { said } else { said + more })
}

fn version(config: &Config) -> Finding {
    if let Err(half) = identity::whole(&config.storage.data) {
        return finding("data", false, half.to_string());
    }
    let journals = config.storage.data.join("journals");
    let engine = format!("{:?}", config.storage.engine).to_lowercase();
    match storage::ledger::probe(&journals, &engine) {
        Ok(None) => finding("data", true, "no data yet: the first start makes it"),
        Ok(Some(found)) => {
            finding("data", true, format!("version {found}, which this program reads"))
        }
        Err(fault) => finding("data", false, fault.to_string()),
    }
}

fn clock() -> Finding {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs());
    if now < EPOCH_OF_KONSIL {
        return finding(
            "clock",
            false,
            "the clock stands before this program existed. Set it; run an NTP client.",
        );
    }
    match synchronised() {
        Some(false) => finding(
            "clock",
            false,
            "the kernel says that the clock is not synchronised. Run an NTP client (chrony).",
        ),
        Some(true) => finding("clock", true, "synchronised"),
        None => finding(
            "clock",
            true,
            "plausible; this machine does not say whether it is synchronised",
        ),
    }
}

/// What systemd's or chrony's marker files say; nothing when there is none of them.
fn synchronised() -> Option<bool> {
    let marks = ["/run/systemd/timesync/synchronized", "/var/lib/chrony/drift"];
    marks.iter().any(|mark| Path::new(mark).exists()).then_some(true)
}

fn certificate(config: &Config) -> Finding {
    let (path, _) = tls::places(&config.tls, &config.storage.data);
    if config.tls.certificate.is_none() && !path.exists() {
        return finding("certificate", true, "none yet: the first start makes a self-signed one");
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs() as i64);
    match tls::validity(&path) {
        Err(fault) => finding("certificate", false, fault.to_string()),
        Ok((from, _)) if now < from => finding(
            "certificate",
            false,
            format!("{} is not valid yet. Is the clock right?", path.display()),
        ),
        Ok((_, until)) if now > until => finding(
            "certificate",
            false,
            format!(
                "{} expired {} days ago. Renew it; a self-signed one is made anew when the file is removed.",
                path.display(),
                (now - until) / DAY
            ),
        ),
        Ok((_, until)) => {
            let days = (until - now) / DAY;
            let more = if days < 14 { ". Renew it soon." } else { "" };
            finding("certificate", days >= 14, format!("valid for {days} days{more}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named_with_the_remedy() {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = taken.local_addr().expect("bound");
        let found = tcp("web port", address);
        assert!(!found.well && found.said.contains(&address.to_string()), "{found:?}");
        assert!(found.said.contains("change [listen]"));
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let found = writable(Path::new("/proc/konsil"));
        assert!(!found.well && found.said.contains("/proc/konsil"), "{found:?}");
    }

    #[test]
    fn the_clock_of_this_machine_is_after_the_programs_birth() {
        assert!(
            clock().said
                != "the clock stands before this program existed. Set it; run an NTP client."
        );
    }
}
