//! Fan-out: a room of 1,000, one speaker, messages of 200 bytes, 64 and 1 on their way.
//!
//! Every server is one process. What counts is deliveries for a second of its processor time; the
//! clock on the wall shares two cores with a thousand listeners.

use anyhow::Result;
use std::{
    path::Path,
    time::{Duration, Instant},
};
use tests::{
    bench::figures::{Figure, Goal},
    nemesis::{process::Process, run::until},
    peers::{
        ejabberd::Ejabberd,
        free,
        konsil::Konsil,
        mortal,
        nats::{Program, Settings, Web, Wire},
    },
};

use crate::{
    Measured,
    asked::Asked,
    people::Life,
    rooms::{Language, Room},
    sockets::{Place, certificate},
};

/// People in the room.
pub(crate) const ROOM: usize = 1000;
/// Messages on their way, and the plan of ours.
const WINDOWS: [(u64, &str, f64); 2] = [(64, "fanout", 1_300_000.0), (1, "fanout-one", 150_000.0)];
/// Before anything is measured, and how long it is, as the plans say, too.
const WARM: Duration = Duration::from_secs(1);
const TIME: Duration = Duration::from_secs(6);
/// How long a server may take to start.
const START: Duration = Duration::from_secs(30);

/// Figures of one window.
struct Table {
    core: Figure,
    wall: Figure,
}

/// Measures in turns.
pub(crate) fn run(asked: &Asked, end: Instant) -> Result<Measured> {
    let work = tempfile::tempdir_in(&asked.work)?;
    let mut notes = vec![
        "konsil: TLS 1.3 as in production, every message synced before it is told; the peers keep \
         nothing. A message is on its way until everybody has heard it"
            .to_owned(),
    ];
    let ours = Konsil::start(&asked.program("konsil")?, 1, &work.path().join("konsil"))?;
    let nats = servers(work.path(), &mut notes)?;
    let mut rooms = Vec::new();
    for (name, server, place) in &nats {
        let room = Room::enter(Language::Nats, place, ROOM, vec![server.id()])?;
        rooms.push((name.clone(), room));
    }
    let ejabberd = Ejabberd::start(&work.path().join("ejabberd"))?;
    match &ejabberd {
        None => notes.push("ejabberd is not installed here".into()),
        Some(server) => {
            let place = Place::plain(server.web, "/ws", Some("xmpp"));
            let room = Room::enter(Language::Xmpp, &place, ROOM, vec![server.pid()])?;
            rooms.push((format!("{}, MUC, without TLS", server.name), room));
        }
    }
    let mut tables = WINDOWS.map(|(window, _, goal)| Table::new(window, goal));
    for round in 0..asked.rounds {
        if round > 0 && Instant::now() + Duration::from_secs(90) > end {
            notes.push(format!("only {round} rounds: the time was over"));
            break;
        }
        for (table, (window, plan, _)) in tables.iter_mut().zip(WINDOWS) {
            let life = Life { plan, round, nodes: &ours, folder: work.path(), end };
            let seen = life.live(asked)?;
            let core = seen.figure("deliveries per core-second of the node")?;
            table.add("konsil with TLS", true, core, seen.figure("deliveries")?);
            for (name, room) in &mut rooms {
                room.talk(window, WARM)?;
                let talk = room.talk(window, TIME)?;
                table.add(name, false, talk.per_core, talk.per_second);
            }
            println!(
                "  round {}, {window} on their way: konsil {core:.0} per core-second",
                round + 1
            );
        }
    }
    let figures = tables.into_iter().flat_map(|it| [it.core, it.wall]).collect();
    Ok(Measured { figures, notes })
}

/// NATS with TLS, as ours, and without.
pub(crate) fn servers(
    work: &Path,
    notes: &mut Vec<String>,
) -> Result<Vec<(String, Process, Place)>> {
    let Some(program) = Program::find() else {
        notes.push("nats-server is not installed here".into());
        return Ok(Vec::new());
    };
    let mut servers = Vec::new();
    for sealed in [true, false] {
        let name = if sealed { "sealed" } else { "plain" };
        let (client, at) = (free()?, free()?);
        let seal = if sealed { Some(certificate(work)?) } else { None };
        let place = match &seal {
            Some((certificate, _)) => Place::sealed(at, certificate)?,
            None => Place::plain(at, "/", None),
        };
        let web = Some(Web { at, seal });
        let settings = Settings { name, client, web, store: None, cluster: None };
        let server = program.start(&settings, work, |it| mortal(it))?;
        until("nats-server to answer", START, || Ok(Wire::open(client).is_ok()))?;
        let how = if sealed { "NATS with TLS" } else { "NATS without TLS" };
        servers.push((format!("{how} ({})", program.name), server, place));
    }
    Ok(servers)
}

impl Table {
    fn new(window: u64, goal: f64) -> Self {
        let what = |of: &str| format!("fan-out in a room of 1,000, {window} on their way: {of}");
        let nats = ["NATS with TLS", "NATS without TLS"].map(|it| Goal::TimesOf(1.0, it.into()));
        let goals = nats.into_iter().chain([Goal::AtLeast(goal)]).collect();
        Self {
            core: Figure::new(&what("per server core-second"), "deliveries", goals),
            wall: Figure::new(&what("per second on the wall"), "deliveries", vec![]),
        }
    }

    fn add(&mut self, who: &str, ours: bool, core: f64, wall: f64) {
        self.core.add(who, ours, core);
        self.wall.add(who, ours, wall);
    }
}
