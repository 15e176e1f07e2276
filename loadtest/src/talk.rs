//! People who write to each other: acknowledged messages and deliveries.

use anyhow::Result;
use protocol::{
    conversation::ConversationCommand,
    frame::{Command, Fault, Reply},
    id::{ConversationId, MessageId},
    time::Time,
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime},
};
use tokio::task::JoinSet;

use crate::{
    crowd::{Crowd, Room, bar},
    glance,
    measure::Latencies,
    person::Person,
    plan::Talk,
    process::Process,
    report::Report,
    window::Window,
};

/// How long the last deliveries are waited for.
const TAIL: Duration = Duration::from_secs(15);

/// What all speakers share.
struct Stage {
    plan: Talk,
    asks: Latencies,
    over: AtomicBool,
    /// Messages that were tried again because the node was busy.
    busy: AtomicU64,
    /// What else was answered, and how often.
    failed: Mutex<BTreeMap<String, u64>>,
    /// Of each room, the highest position that was acknowledged.
    tops: Vec<AtomicU64>,
    /// Where all conversations together stood before.
    before: u64,
    window: Option<Arc<Window>>,
}

/// Lets the speakers write for the planned time and tells what came of it.
pub(crate) async fn run(
    plan: &Talk,
    crowd: &Crowd,
    process: Option<&Process>,
    report: &mut Report,
) -> Result<()> {
    let stage = Arc::new(Stage {
        plan: plan.clone(),
        asks: Latencies::new(),
        over: AtomicBool::new(false),
        busy: AtomicU64::new(0),
        failed: Mutex::new(BTreeMap::new()),
        tops: crowd.rooms.iter().map(|_| AtomicU64::new(0)).collect(),
        before: crowd.rooms.iter().map(|room| room.host.heard.last.load(Relaxed)).sum(),
        window: crowd.shared.window.clone(),
    });
    let mut speakers = JoinSet::new();
    for (number, room) in crowd.rooms.iter().enumerate() {
        for speaker in voices(room, plan.speakers_per_room) {
            for line in 0..plan.in_flight {
                let (stage, clock) = (stage.clone(), crowd.shared.clock.clone());
                let conversation = room.case.conversation();
                let voice = Voice { number, line, conversation, speaker: speaker.clone() };
                speakers.spawn(async move { voice.speak(&stage, &clock).await });
            }
        }
    }
    pass(plan.warm_seconds, "warming").await;
    let time = process.map(Process::time).transpose()?;
    crowd.shared.clock.open();
    pass(plan.seconds, "talking").await;
    let open = crowd.shared.clock.close();
    let spent =
        process.map(Process::time).transpose()?.zip(time).map(|(after, before)| after - before);
    stage.over.store(true, Relaxed);
    stage.window.iter().for_each(|window| window.close());
    while speakers.join_next().await.is_some() {}
    arrive(crowd, &stage, report).await;
    tell(crowd, &stage, open, spent, report);
    Ok(())
}

/// The host first, then guests.
fn voices(room: &Room, count: usize) -> Vec<Person> {
    std::iter::once(&room.host).chain(&room.guests).take(count).cloned().collect()
}

/// One line of messages of one speaker: the next goes when the one before is answered.
struct Voice {
    number: usize,
    line: usize,
    conversation: ConversationId,
    speaker: Person,
}

impl Voice {
    async fn speak(self, stage: &Stage, clock: &crate::measure::Clock) {
        let mut count = 0u32;
        while !stage.over.load(Relaxed) {
            if let Some(window) = &stage.window
                && !window.enter().await
            {
                return;
            }
            count += 1;
            let message = self.message(count);
            let request = format!("say-{message}");
            let sent = clock.now();
            let text = glance::text(sent, stage.plan.text_bytes);
            loop {
                let say = ConversationCommand::Say { message, text: text.clone(), files: vec![] };
                let command =
                    Command::Conversation { conversation: self.conversation, command: say };
                match self.speaker.ask(request.clone(), command).await {
                    Ok(Reply::Done { seq }) => {
                        stage.asks.record(clock, self.speaker.index, sent);
                        stage.tops[self.number].fetch_max(seq.0, Relaxed);
                        break;
                    }
                    Ok(Reply::Faulted { fault: Fault::Busy }) if !stage.over.load(Relaxed) => {
                        stage.busy.fetch_add(1, Relaxed);
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                    Ok(other) => break stage.fail(&format!("{other:?}")),
                    Err(why) => {
                        stage.fail(&format!("{why:#}"));
                        return; // a speaker without a socket is silent
                    }
                }
            }
            if stage.plan.pause_ms > 0 {
                tokio::time::sleep(Duration::from_millis(stage.plan.pause_ms)).await;
            }
        }
    }

    /// An id of its own for every message.
    fn message(&self, count: u32) -> MessageId {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut chance = [0; 10];
        chance[..3].copy_from_slice(&(self.speaker.index as u32).to_be_bytes()[1..]);
        chance[3..6].copy_from_slice(&(self.line as u32).to_be_bytes()[1..]);
        chance[6..].copy_from_slice(&count.to_be_bytes());
        MessageId::new(Time::from_ms(now.as_millis() as u64), chance)
    }
}

impl Stage {
    fn fail(&self, why: &str) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        // Ids differ, reasons do not: only a few are kept apart.
        let known = failed.len() < 20 || failed.contains_key(why);
        *failed.entry(if known { why.to_owned() } else { "others".to_owned() }).or_default() += 1;
    }
}

async fn pass(seconds: u64, what: &'static str) {
    let bar = bar(what, seconds as usize);
    for _ in 0..seconds {
        tokio::time::sleep(Duration::from_secs(1)).await;
        bar.inc(1);
    }
    bar.finish_and_clear();
}

/// Waits until everybody has heard everything, and counts what nobody waits for any more as lost.
async fn arrive(crowd: &Crowd, stage: &Stage, report: &mut Report) {
    let start = Instant::now();
    let missing = || -> u64 {
        let rooms = crowd.rooms.iter().zip(&stage.tops);
        rooms.map(|(room, top)| missing_in(room, top.load(Relaxed))).sum()
    };
    while missing() > 0 && start.elapsed() < TAIL {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    report.lost += missing();
    report.figure(
        "after the last answer everybody had heard all in",
        start.elapsed().as_secs_f64() * 1e3,
        "ms",
    );
}

fn missing_in(room: &Room, top: u64) -> u64 {
    room.guests.iter().map(|guest| top.saturating_sub(guest.heard.last.load(Relaxed))).sum()
}

fn tell(crowd: &Crowd, stage: &Stage, open: Duration, spent: Option<f64>, report: &mut Report) {
    let asks = stage.asks.table();
    let deliveries = crowd.shared.deliveries.table();
    let seconds = open.as_secs_f64();
    report.figure("acknowledged messages", asks.all.len() as f64 / seconds, "/s");
    report.figure("deliveries", deliveries.all.len() as f64 / seconds, "/s");
    if let Some(spent) = spent.filter(|spent| *spent > 0.0) {
        report.figure("processor of the node", spent / seconds, "cores");
        let per_core = deliveries.all.len() as f64 / spent;
        report.figure("deliveries per core-second of the node", per_core, "");
        report.figure("messages per core-second of the node", asks.all.len() as f64 / spent, "");
    }
    let tops: u64 = stage.tops.iter().map(|top| top.load(Relaxed)).sum();
    let events = tops.saturating_sub(stage.before);
    report.figure("events while people talked", events as f64, "");
    report.figure("tried again because the node was busy", stage.busy.load(Relaxed) as f64, "");
    report.latency("a message until it is acknowledged", &asks);
    report.latency("a message until a listener has it", &deliveries);
    let failed = stage.failed.lock().unwrap_or_else(PoisonError::into_inner);
    for (why, count) in failed.iter() {
        report.failed += count;
        report.note(&format!("{count} messages failed: {why}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fake::Fake, plan::Plan};
    use std::path::Path;

    #[tokio::test]
    async fn a_room_talks_and_everything_arrives() {
        let fake = Fake::start().await;
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans/short.toml");
        let mut plan = Plan::read(&path).expect("a plan");
        plan.people.rooms = 1;
        let talk = Talk { warm_seconds: 0, seconds: 1, ..plan.talk.clone().expect("talks") };
        let mut report = Report::of(&plan);
        let crowd =
            Crowd::enter(&plan, &[fake.site()], "anna", "secret", None).await.expect("let in");
        run(&talk, &crowd, None, &mut report).await.expect("talked");
        crate::storm::run(&plan.storm.clone().expect("storms"), &crowd, &mut report)
            .await
            .expect("resumed");
        crowd.leave(&mut report).await;
        assert_eq!((report.lost, report.failed), (0, 0), "{}", report.table());
        let deliveries = report.latencies.iter().find(|it| it.name.contains("listener"));
        assert!(deliveries.is_some_and(|it| it.count > 10), "{}", report.table());
    }
}
