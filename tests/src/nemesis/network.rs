//! A network of one's own: a namespace for each machine and one for the people, on one bridge.
//!
//! Seats are numbered from 0; the last one is the people's. Rules stand at the bridge and are
//! replaced as a whole, in one transaction, so that there is never half a rule.

use anyhow::{Context, Result, bail};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    net::{IpAddr, Ipv4Addr},
    os::fd::AsFd,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use super::run::{fed, run};

/// The beginning of every name that is made here.
pub(super) const MARK: &str = "konsil-nemesis-";
/// Programs that must be there.
const PROGRAMS: [&str; 8] =
    ["ip", "nft", "tc", "nsenter", "setpriv", "mkfs.ext4", "mount", "timeout"];
/// Networks made by this process.
static MADE: AtomicU32 = AtomicU32::new(0);

/// What is missing to run any of this here; nothing when it can be.
pub fn may_run() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("it needs root, for namespaces and mounts".into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = || std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let missing = PROGRAMS.iter().find(|name| !folders().any(|it| it.join(name).is_file()));
    if let Some(name) = missing {
        return Some(format!(
            "`{name}` is missing: apt-get install -y iproute2 nftables e2fsprogs util-linux"
        ));
    }
    match Network::new(1) {
        Ok(_) => None,
        Err(why) => Some(format!("this machine allows no namespaces: {why:#}")),
    }
}

/// The way into a namespace.
pub struct Door(File);

impl Door {
    /// From here on this thread stands in it, and every thread it starts.
    ///
    /// # Errors
    /// When the system does not let it in.
    pub fn enter(&self) -> Result<()> {
        let kind = Some(LinkNameSpaceType::Network);
        move_into_link_name_space(self.0.as_fd(), kind).context("the namespace cannot be entered")
    }
}

/// Which lines are bad, and how.
#[derive(Debug, Clone, Default)]
struct Rules {
    cut: BTreeSet<(usize, usize)>,
    lossy: BTreeMap<(usize, usize), u8>,
}

/// A network; gone when dropped.
pub struct Network {
    name: String,
    seats: usize,
    rules: Rules,
}

impl Network {
    /// A network with so many seats, and one more for the people.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub fn new(machines: usize) -> Result<Self> {
        if machines > 200 {
            bail!("a network has at most 200 seats");
        }
        sweep();
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("{MARK}{}-{number}", std::process::id());
        let network = Self { name, seats: machines + 1, rules: Rules::default() };
        network.build().context("the network cannot be set up")?;
        Ok(network)
    }

    /// The people's seat.
    pub const fn people(&self) -> usize {
        self.seats - 1
    }

    /// The namespace of a seat.
    pub fn namespace(&self, seat: usize) -> String {
        format!("{}-{seat}", self.name)
    }

    /// The address of a seat.
    pub fn address(&self, seat: usize) -> IpAddr {
        assert!(seat < self.seats, "seat {seat} of {}", self.seats);
        IpAddr::V4(Ipv4Addr::new(10, 77, 0, 10 + seat as u8))
    }

    /// The way into a seat's namespace.
    ///
    /// # Errors
    /// When there is none.
    pub fn door(&self, seat: usize) -> Result<Door> {
        let path = Path::new("/run/netns").join(self.namespace(seat));
        Ok(Door(File::open(&path).with_context(|| path.display().to_string())?))
    }

    /// Does something on a thread that stands in a seat's namespace.
    ///
    /// # Errors
    /// When the namespace cannot be entered.
    ///
    /// # Panics
    /// When the work does.
    pub fn inside<T: Send>(&self, seat: usize, work: impl FnOnce() -> T + Send) -> Result<T> {
        let door = self.door(seat)?;
        thread::scope(|scope| {
            let inside = scope.spawn(move || door.enter().map(|()| work()));
            inside.join().unwrap_or_else(|why| std::panic::resume_unwind(why))
        })
    }

    /// Nothing goes from one seat to another any more; the way back is as it was.
    ///
    /// # Errors
    /// When the rule is not taken.
    pub fn cut(&mut self, from: usize, to: usize) -> Result<()> {
        self.rules.cut.insert((from, to));
        self.apply()
    }

    /// So many of a hundred packets from one seat to another are lost.
    ///
    /// # Errors
    /// When the rule is not taken.
    pub fn lose(&mut self, from: usize, to: usize, percent: u8) -> Result<()> {
        self.rules.lossy.insert((from, to), percent.min(100));
        self.apply()
    }

    /// Every line is good again.
    ///
    /// # Errors
    /// When a rule stays.
    pub fn heal(&mut self) -> Result<()> {
        self.rules = Rules::default();
        self.apply()?;
        for seat in 0..self.seats {
            self.plug(seat, true)?;
            // A seat that was never narrowed has nothing to take away.
            let _ = run("tc", &["-n", &self.namespace(seat), "qdisc", "del", "dev", "e0", "root"]);
        }
        Ok(())
    }

    /// Pulls a seat's cable at the bridge, or plugs it in.
    ///
    /// # Errors
    /// When the system does not.
    pub fn plug(&self, seat: usize, on: bool) -> Result<()> {
        let (line, state) = (format!("p{seat}"), if on { "up" } else { "down" });
        run("ip", &["-n", &self.bridge(), "link", "set", &line, state])?;
        Ok(())
    }

    /// What a seat sends goes through a narrow line, and waits in its queue.
    ///
    /// # Errors
    /// When the system does not.
    pub fn narrow(&self, seat: usize, kbit: u32) -> Result<()> {
        let (rate, space) = (format!("{kbit}kbit"), self.namespace(seat));
        let narrow = ["-n", &space, "qdisc", "replace", "dev", "e0", "root", "tbf", "rate", &rate];
        run("tc", &[&narrow[..], &["burst", "16kb", "latency", "400ms"]].concat())?;
        Ok(())
    }

    fn bridge(&self) -> String {
        format!("{}-sw", self.name)
    }

    fn build(&self) -> Result<()> {
        let bridge = self.bridge();
        run("ip", &["netns", "add", &bridge])?;
        run("ip", &["-n", &bridge, "link", "add", "br0", "type", "bridge"])?;
        run("ip", &["-n", &bridge, "link", "set", "br0", "up"])?;
        for seat in 0..self.seats {
            let (space, port) = (self.namespace(seat), format!("p{seat}"));
            run("ip", &["netns", "add", &space])?;
            let pair = ["link", "add", "e0", "netns", &space, "type", "veth", "peer", "name"];
            run("ip", &[&pair[..], &[&port, "netns", &bridge]].concat())?;
            run("ip", &["-n", &bridge, "link", "set", &port, "master", "br0", "up"])?;
            let address = format!("{}/24", self.address(seat));
            run("ip", &["-n", &space, "addr", "add", &address, "dev", "e0"])?;
            for device in ["lo", "e0"] {
                run("ip", &["-n", &space, "link", "set", device, "up"])?;
            }
        }
        let chain = "add table bridge nemesis\n\
                     add chain bridge nemesis line { type filter hook forward priority 0; }\n";
        self.rule(chain)
    }

    fn apply(&self) -> Result<()> {
        let mut text = String::from("flush chain bridge nemesis line\n");
        let line = |from, to| format!("add rule bridge nemesis line iifname p{from} oifname p{to}");
        for (from, to) in &self.rules.cut {
            text += &format!("{} drop\n", line(from, to));
        }
        for ((from, to), percent) in &self.rules.lossy {
            text += &format!("{} numgen random mod 100 < {percent} drop\n", line(from, to));
        }
        self.rule(&text)
    }

    /// Not by `ip netns exec`: that copies the table of mounts, and a disk that is mounted in a copy
    /// cannot be taken away.
    fn rule(&self, text: &str) -> Result<()> {
        let space = format!("--net=/run/netns/{}", self.bridge());
        fed("nsenter", &[&space, "--", "nft", "-f", "-"], text)?;
        Ok(())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let seats = (0..self.seats).map(|seat| self.namespace(seat));
        for space in seats.chain([self.bridge()]) {
            // A network that was half set up has not all of them.
            let _ = run("ip", &["netns", "del", &space]);
        }
    }
}

/// Takes away namespaces of runs that were killed: their names hold the id of a process that is
/// gone.
fn sweep() {
    let Ok(list) = run("ip", &["netns", "list"]) else { return };
    for name in list.lines().filter_map(|line| line.split_whitespace().next()) {
        if is_stale(name) {
            // Another run may sweep at the same time.
            let _ = run("ip", &["netns", "del", name]);
        }
    }
}

/// Whether a name was made by a process that is no more.
pub(super) fn is_stale(name: &str) -> bool {
    let pid = name.strip_prefix(MARK).and_then(|rest| rest.split('-').next());
    pid.and_then(|pid| pid.parse::<u32>().ok())
        .is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists())
}
