//! Everybody: an expert's device for each room, and its guests.

use anyhow::{Context, Result, bail};
use futures_util::{StreamExt, TryStreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use protocol::{
    frame::{Command, Event, Fault, Refusal, Reply, ToBrowser, Topic, View},
    id::{CaseId, LinkId},
    room::{RoomCommand, RoomRefusal},
    tenant::{TenantCommand, TenantEvent},
};
use serde_json::json;
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

use crate::{
    http,
    measure::{Clock, Latencies},
    person::{Person, Shared},
    plan::Plan,
    process::Process,
    report::Report,
    site::Site,
};

/// How long a case may take until its room and its link are there.
const SETTLING: Duration = Duration::from_secs(15);
/// Between two tries of something that is not there yet.
const AGAIN: Duration = Duration::from_millis(50);

/// Everybody who came in.
pub(crate) struct Crowd {
    /// What they share.
    pub(crate) shared: Shared,
    /// The rooms, each with its people.
    pub(crate) rooms: Vec<Room>,
    /// From entering a link to seeing the conversation.
    entering: Latencies,
    /// Bytes the node held before the first guest came.
    pub(crate) memory_before: Option<u64>,
}

/// One case's people.
pub(crate) struct Room {
    /// The case.
    pub(crate) case: CaseId,
    /// The expert's device.
    pub(crate) host: Person,
    /// Those who entered the link.
    pub(crate) guests: Vec<Person>,
    token: String,
}

impl Crowd {
    /// Opens the rooms, then lets the guests in.
    pub(crate) async fn enter(
        plan: &Plan,
        sites: &[Site],
        login: &str,
        password: &str,
        process: Option<&Process>,
    ) -> Result<Self> {
        let clock = Arc::new(Clock::new());
        let deliveries = Arc::new(Latencies::new());
        let shared = Shared { sites: sites.into(), clock, deliveries, window: plan.window() };
        let bar = bar("rooms", plan.people.rooms);
        let mut rooms = Vec::new();
        for number in 0..plan.people.rooms {
            let room = open(&shared, plan, number, login, password);
            rooms.push(room.await.with_context(|| format!("room {number}"))?);
            bar.inc(1);
        }
        bar.finish_and_clear();
        let memory_before = process.map(Process::memory).transpose()?;
        let mut crowd = Self { shared, rooms, entering: Latencies::new(), memory_before };
        crowd.let_in(plan).await?;
        Ok(crowd)
    }

    /// Every guest.
    pub(crate) fn guests(&self) -> impl Iterator<Item = &Person> {
        self.rooms.iter().flat_map(|room| &room.guests)
    }

    /// Tells the report how coming in went.
    pub(crate) fn tell(&self, report: &mut Report) {
        report.figure("guests", self.guests().count() as f64, "");
        report.latency("entering a link until the conversation is seen", &self.entering.table());
    }

    /// Sums up what the guests missed and goes away.
    pub(crate) async fn leave(self, report: &mut Report) {
        for person in self.guests() {
            report.lost += person.heard.gaps.load(Relaxed);
            report.again += person.heard.again.load(Relaxed);
        }
    }

    async fn let_in(&mut self, plan: &Plan) -> Result<()> {
        let people = &plan.people;
        let bar = bar("guests", people.rooms * people.guests_per_room);
        for (number, room) in self.rooms.iter_mut().enumerate() {
            let (shared, entering, bar) = (&self.shared, &self.entering, &bar);
            let one = |guest: usize| {
                let index = people.rooms + number * people.guests_per_room + guest;
                let room = &*room;
                async move {
                    let start = Instant::now();
                    let person = room.guest(shared, plan, index).await;
                    let person =
                        person.with_context(|| format!("guest {guest} of room {number}"))?;
                    entering.record_span(shared.clock.now() / 1_000_000, start.elapsed());
                    bar.inc(1);
                    anyhow::Ok(person)
                }
            };
            let coming = stream::iter((0..people.guests_per_room).map(one));
            let guests: Vec<Person> = coming.buffer_unordered(people.at_once).try_collect().await?;
            room.guests = guests;
        }
        bar.finish_and_clear();
        Ok(())
    }
}

impl Room {
    /// The room's conversation.
    pub(crate) fn conversation(&self) -> Topic {
        Topic::Conversation { conversation: self.case.conversation() }
    }

    /// One more guest through the link: enters, knocks, is let in, watches.
    async fn guest(&self, shared: &Shared, plan: &Plan, index: usize) -> Result<Person> {
        let body = json!({ "link": self.token, "name": format!("Guest {index}") });
        let cookie = session(shared.site(index), "/api/enter", &body).await?;
        let person = Person::connect(shared, index, cookie, None).await?;
        if plan.people.seated {
            let knock = self.asked(RoomCommand::Knock {});
            done(person.ask(request(plan, index, 0), knock).await?)?;
            let admit = self.asked(RoomCommand::Admit { session: person.session });
            done(self.host.ask(request(plan, index, 1), admit).await?)?;
        }
        patiently(|| person.watch(self.conversation())).await?;
        Ok(person)
    }

    fn asked(&self, command: RoomCommand) -> Command {
        Command::Room { room: self.case.room(), command }
    }
}

/// Signs the expert in once more and opens a case: its room, its link, the expert on a seat.
async fn open(
    shared: &Shared,
    plan: &Plan,
    number: usize,
    login: &str,
    password: &str,
) -> Result<Room> {
    let body = json!({ "login": login, "password": password });
    let cookie = session(shared.site(number), "/api/sign-in", &body).await?;
    let (send, mut news) = mpsc::channel(1024);
    let host = Person::connect(shared, number, cookie, Some(send)).await?;
    host.watch(Topic::Tenant {}).await?;
    let title = format!("Load {} {number}", plan.name);
    let command = Command::Tenant { command: TenantCommand::Open { title } };
    let case = match host.ask(request(plan, number, 2), command).await? {
        Reply::Case { case } => case,
        other => bail!("opening a case was answered with {other:?}"),
    };
    let link = tokio::time::timeout(SETTLING, link_of(case, &host, &mut news)).await;
    let link = link.context("the case has no guest link after 15 s")??;
    let path = match host.ask(request(plan, number, 3), Command::Link { case, link }).await? {
        Reply::Link { path } => path,
        other => bail!("asking for a link was answered with {other:?}"),
    };
    host.unwatch(Topic::Tenant {}).await?;
    let token = path.split_once('#').context("a link has a secret part after #")?.1.to_owned();
    let room = Room { case, host, guests: Vec::new(), token };
    if plan.people.seated {
        let knock = || room.host.ask(request(plan, number, 4), room.asked(RoomCommand::Knock {}));
        patiently(|| async { done(knock().await?) }).await?;
    }
    patiently(|| room.host.watch(room.conversation())).await?;
    Ok(room)
}

/// The link that was made with the case: told as it happens, or shown when we look again.
async fn link_of(
    case: CaseId,
    host: &Person,
    news: &mut mpsc::Receiver<ToBrowser>,
) -> Result<LinkId> {
    if let ToBrowser::Shown { view: View::Tenant { view }, .. } =
        host.watch(Topic::Tenant {}).await?
    {
        let shown = view.cases.iter().find(|shown| shown.case == case);
        if let Some(link) = shown.and_then(|shown| shown.links.first()) {
            return Ok(link.link);
        }
    }
    loop {
        let frame = news.recv().await.context("the host is gone")?;
        if let ToBrowser::Happened { event: Event::Tenant { event }, .. } = frame
            && let TenantEvent::Invited { case: of, link, .. } = event
            && of == case
        {
            return Ok(link);
        }
    }
}

/// Posts, and takes the session's cookie.
async fn session(site: &Site, path: &str, body: &serde_json::Value) -> Result<String> {
    let answer = http::post(site, path, body).await?;
    if !(200..300).contains(&answer.status) {
        bail!("POST {path} was answered with {}: {}", answer.status, answer.body.trim());
    }
    answer.cookie.with_context(|| format!("POST {path} set no cookie"))
}

/// Tries again what is not there yet: a room is opened a moment after its case.
async fn patiently<T, F: Future<Output = Result<T>>>(what: impl Fn() -> F) -> Result<T> {
    let start = Instant::now();
    loop {
        match what().await {
            Err(_) if start.elapsed() < SETTLING => tokio::time::sleep(AGAIN).await,
            done => return done,
        }
    }
}

/// The ask was done, now or before.
fn done(reply: Reply) -> Result<()> {
    match reply {
        Reply::Done { .. } => Ok(()),
        Reply::Refused { refusal: Refusal::Room { why: RoomRefusal::AlreadyHere } } => Ok(()),
        Reply::Faulted { fault: Fault::Busy } => bail!("the node is busy"),
        other => bail!("answered with {other:?}"),
    }
}

/// A request's id: the same for the same person and purpose of one seed.
pub(crate) fn request(plan: &Plan, person: usize, purpose: u64) -> String {
    format!("{:016x}-{person:08x}-{purpose:08x}", plan.seed)
}

/// A bar on the terminal; nothing when there is none.
pub(crate) fn bar(what: &'static str, count: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:>10} {wide_bar} {pos}/{len} {elapsed}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(count as u64).with_style(style).with_message(what)
}
