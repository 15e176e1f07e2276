//! The harness does to lines, disks and processes what it says, and leaves nothing behind.

use std::{
    fs::{self, File},
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    path::Path,
    process::Command,
    thread,
    time::Duration,
};
use tests::nemesis::{
    disk::Disk,
    network::{self, Network},
    process::{Process, in_namespace},
    run::{run, until},
};

/// How long something is tried that must not come.
const BLINK: Duration = Duration::from_millis(400);
/// How long something may take that must come.
const SOON: Duration = Duration::from_secs(10);

/// True when this can be done here; says aloud when not.
fn here() -> bool {
    match network::may_run() {
        None => true,
        Some(why) => {
            eprintln!("nemesis skipped: {why}");
            false
        }
    }
}

/// Whether a datagram from one seat arrives at another.
fn arrives(network: &Network, from: usize, to: usize) -> bool {
    let address = SocketAddr::new(network.address(to), 5000);
    let inbox = network.inside(to, || {
        let inbox = UdpSocket::bind(address).expect("a free port");
        inbox.set_read_timeout(Some(BLINK)).expect("a time");
        inbox
    });
    let inbox = inbox.expect("a seat");
    network
        .inside(from, || {
            let outbox = UdpSocket::bind("0.0.0.0:0").expect("a free port");
            // A cut line may be noticed while sending; what counts is what arrives.
            let _ = outbox.send_to(b"x", address);
        })
        .expect("a seat");
    inbox.recv(&mut [0; 8]).is_ok()
}

#[test]
fn a_line_is_cut_one_way_and_heals() {
    if !here() {
        return;
    }
    let mut network = Network::new(3).expect("a network");
    let eventually = |network: &Network| until("a line", SOON, || Ok(arrives(network, 0, 1)));
    eventually(&network).expect("a fresh line carries");
    network.cut(0, 1).expect("a rule");
    assert!(!arrives(&network, 0, 1), "cut");
    assert!(arrives(&network, 1, 0) && arrives(&network, 0, 2), "the others are as they were");
    assert!(arrives(&network, network.people(), 1), "people reach it");
    network.cut(1, 0).expect("a rule");
    assert!(!arrives(&network, 1, 0), "cut both ways");
    network.heal().expect("healed");
    assert!(arrives(&network, 0, 1) && arrives(&network, 1, 0));
    network.plug(1, false).expect("pulled");
    assert!(!arrives(&network, 0, 1) && !arrives(&network, network.people(), 1));
    network.heal().expect("healed");
    eventually(&network).expect("plugged in");
}

#[test]
fn a_lossy_line_loses_some_and_a_narrow_one_takes_its_time() {
    if !here() {
        return;
    }
    let mut network = Network::new(2).expect("a network");
    until("a line", SOON, || Ok(arrives(&network, 0, 1))).expect("a fresh line carries");
    network.lose(0, 1, 50).expect("a rule");
    let (address, sent) = (SocketAddr::new(network.address(1), 5001), 200);
    let counted = network.inside(1, || UdpSocket::bind(address).expect("a port")).expect("a seat");
    counted.set_read_timeout(Some(BLINK)).expect("a time");
    network
        .inside(0, || {
            let outbox = UdpSocket::bind("0.0.0.0:0").expect("a port");
            (0..sent).for_each(|_| drop(outbox.send_to(b"x", address)));
        })
        .expect("a seat");
    let mut came = 0;
    while counted.recv(&mut [0; 8]).is_ok() {
        came += 1;
    }
    assert!((40..160).contains(&came), "{came} of {sent} came over a line that loses half");
    network.heal().expect("healed");

    network.narrow(0, 400).expect("a narrow line"); // 50 KB a second
    let address = SocketAddr::new(network.address(1), 5002);
    let door = network.inside(1, || TcpListener::bind(address).expect("a port")).expect("a seat");
    let taken = thread::spawn(move || {
        let mut whole = Vec::new();
        let stream = door.accept().map(|(stream, _)| stream);
        stream.and_then(|mut it| it.read_to_end(&mut whole)).expect("read to the end")
    });
    let start = std::time::Instant::now();
    network
        .inside(0, || {
            let mut stream = TcpStream::connect(address).expect("a line");
            stream.write_all(&[1; 50_000]).expect("it goes out");
        })
        .expect("a seat");
    assert_eq!(taken.join().expect("taken"), 50_000);
    // A burst of 16 KB goes at once; the rest must wait.
    assert!(start.elapsed() > Duration::from_millis(400), "{:?}", start.elapsed());
}

#[test]
fn a_disk_is_full_then_fails_and_is_mended_and_replaced() {
    if !here() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let disk = Disk::new(folder.path(), "disk", 64).expect("a disk");
    let file = disk.path().join("kept");
    // What was not synced is lost with the journal, as on a real one.
    let mut kept = File::create(&file).expect("room");
    kept.write_all(b"kept").and_then(|()| kept.sync_all()).expect("synced");
    drop(kept);
    File::open(disk.path()).and_then(|folder| folder.sync_all()).expect("synced");
    disk.fill().expect("filled");
    let full = fs::write(disk.path().join("more"), [1; 9000]).expect_err("full");
    assert_eq!(full.kind(), ErrorKind::StorageFull);
    disk.free().expect("room again");
    let mut open = File::create(disk.path().join("open")).expect("room");
    disk.fail().expect("it fails");
    let why = open.write(b"x").and_then(|_| open.sync_all()).expect_err("read-only");
    assert_eq!(why.kind(), ErrorKind::ReadOnlyFilesystem);
    assert_eq!(fs::read_to_string(&file).expect("still read"), "kept");
    drop(open);
    disk.mend().expect("mended");
    assert_eq!(fs::read_to_string(&file).expect("still there"), "kept");
    fs::write(&file, "again").expect("writable");
    disk.renew().expect("another disk");
    assert!(!file.exists());
}

#[test]
fn a_process_stands_on_its_seat_halts_goes_on_and_ends() {
    if !here() {
        return;
    }
    let network = Network::new(1).expect("a network");
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let mut command = in_namespace(&network.namespace(0), "sh");
    command.args(["-c", "ip -4 -o addr show dev e0; exec tail -f /dev/null"]);
    let mut process = Process::start("a process", &mut command, &log).expect("it starts");
    let here = network.address(0).to_string();
    let said = || fs::read_to_string(&log).is_ok_and(|text| text.contains(&here));
    until("its address", SOON, || Ok(said())).expect("it stands there");
    let id = process.id();
    // The program took the place of those that brought it there.
    until("its name", SOON, || Ok(state(id).0 == "tail")).expect("one process");
    process.halt(true).expect("halted");
    until("a halt", SOON, || Ok(state(id).1 == "T")).expect("halted");
    process.halt(false).expect("on");
    until("a life", SOON, || Ok(state(id).1 == "S")).expect("goes on");
    assert!(process.ended().expect("known").is_none());
    drop(process);
    assert!(!Path::new("/proc").join(id.to_string()).exists());
}

fn state(id: u32) -> (String, String) {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let (name, rest) = stat.rsplit_once(") ").unwrap_or_default();
    let name = name.split_once('(').map_or("", |(_, name)| name);
    (name.into(), rest.split(' ').next().unwrap_or_default().into())
}

#[test]
fn whoever_panics_leaves_nothing_behind() {
    if !here() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().to_owned();
    let broken = thread::spawn(move || {
        let network = Network::new(2).expect("a network");
        let disk = Disk::new(&place, "disk", 16).expect("a disk");
        let mut command = in_namespace(&network.namespace(0), "tail");
        let command = command.args(["-f", "/dev/null"]);
        let process = Process::start("tail", command, &place.join("log")).expect("it starts");
        let names = (network.namespace(1), disk.path().to_owned(), process.id());
        fs::write(place.join("names"), format!("{} {}", names.0, names.2)).expect("noted");
        panic!("as it goes");
    });
    assert!(broken.join().is_err());
    let names = fs::read_to_string(folder.path().join("names")).expect("noted");
    let (space, id) = names.split_once(' ').expect("two words");
    assert!(!run("ip", &["netns", "list"]).expect("a list").contains(space));
    assert!(!Path::new("/proc").join(id).exists());
    let mounts = fs::read_to_string("/proc/mounts").expect("readable");
    assert!(!mounts.contains(&*folder.path().to_string_lossy()));
}

#[test]
fn a_clock_that_was_moved_is_seen_by_the_program() {
    let plan = tests::nemesis::machines::faketime();
    let Some(library) = plan else {
        eprintln!("nemesis: no libfaketime here, so no clock is moved (apt-get install faketime)");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let clock = folder.path().join("clock");
    fs::write(&clock, "+7200").expect("writable");
    let mut date = Command::new("date");
    date.arg("+%s").env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", clock);
    date.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let said = String::from_utf8(date.output().expect("date").stdout).expect("digits");
    let theirs: u64 = said.trim().parse().expect("digits");
    let ours = node::clock::now().ms() / 1000;
    assert!((7190..7210).contains(&(theirs - ours)), "{theirs} is two hours after {ours}");
}
