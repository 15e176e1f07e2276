//! A plan: who comes, and what they do. Every number is bounded, so that a slip of the finger
//! measures nothing rather than this machine's limits.

use anyhow::{Context, Result, bail};
use protocol::limits;
use serde::Deserialize;
use std::{fs, path::Path, sync::Arc};

use crate::window::Window;

/// People of one run, at most.
const PEOPLE: usize = 20_000;
/// Seconds of one part, at most.
const SECONDS: u64 = 3600;
/// People who come in at the same time, at most.
const AT_ONCE: usize = 64;
/// Messages of one speaker on the way at the same time, at most.
const IN_FLIGHT: usize = 1024;
/// Reconnect storms, at most.
const WAVES: u32 = 1000;

/// Who comes, and what they do.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    /// The file's name.
    #[serde(skip)]
    pub(crate) name: String,
    /// One sentence for the report.
    pub(crate) what: String,
    /// Where all chance comes from.
    pub(crate) seed: u64,
    /// Who comes.
    pub(crate) people: People,
    /// They write to each other.
    pub(crate) talk: Option<Talk>,
    /// They do nothing, and the node's memory is measured.
    pub(crate) idle: Option<Idle>,
    /// They lose their sockets and resume.
    pub(crate) storm: Option<Storm>,
}

/// Who comes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct People {
    /// Cases that the expert opens.
    pub(crate) rooms: usize,
    /// Guests who enter each case's link.
    pub(crate) guests_per_room: usize,
    /// Whether they knock and are let in: only then may they read and write.
    pub(crate) seated: bool,
    /// How many come in at the same time.
    pub(crate) at_once: usize,
}

/// They write to each other.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Talk {
    /// How many of a room write: the expert first, then guests.
    pub(crate) speakers_per_room: usize,
    /// Messages each has on the way at the same time.
    pub(crate) in_flight: usize,
    /// Between an answer and the next message.
    pub(crate) pause_ms: u64,
    /// How long a message is.
    pub(crate) text_bytes: usize,
    /// Whether a message is on its way until everybody has heard it, and not only until it is
    /// acknowledged. Of one room only.
    #[serde(default)]
    pub(crate) until_heard: bool,
    /// Before anything is measured.
    pub(crate) warm_seconds: u64,
    /// How long it is measured.
    pub(crate) seconds: u64,
}

/// They do nothing.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Idle {
    /// For how long.
    pub(crate) seconds: u64,
}

/// They lose their sockets.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Storm {
    /// How often.
    pub(crate) waves: u32,
    /// Between two waves.
    pub(crate) pause_ms: u64,
}

impl Plan {
    /// Reads a file and checks every bound.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| {
            format!("{} cannot be read: name a plan that exists", path.display())
        })?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        Self::parse(&name, &text).with_context(|| format!("{}", path.display()))
    }

    /// What the listeners hold back, when they do.
    pub(crate) fn window(&self) -> Option<Arc<Window>> {
        let talk = self.talk.as_ref().filter(|talk| talk.until_heard)?;
        let listeners = self.people.guests_per_room + 1;
        Some(Arc::new(Window::new(talk.in_flight * talk.speakers_per_room, listeners)))
    }

    fn parse(name: &str, text: &str) -> Result<Self> {
        let mut plan: Self = toml::from_str(text)?;
        plan.name = name.to_owned();
        plan.check()?;
        Ok(plan)
    }

    fn check(&self) -> Result<()> {
        let people = &self.people;
        within("people.rooms", people.rooms, 1..=limits::TOPICS_PER_SOCKET - 1)?;
        within("people.guests_per_room", people.guests_per_room, 0..=limits::ROOM_SEATS - 1)?;
        within("people.at_once", people.at_once, 1..=AT_ONCE)?;
        within("all people", people.rooms * people.guests_per_room, 0..=PEOPLE)?;
        if let Some(talk) = &self.talk {
            within(
                "talk.speakers_per_room",
                talk.speakers_per_room,
                1..=people.guests_per_room + 1,
            )?;
            within("talk.in_flight", talk.in_flight, 1..=IN_FLIGHT)?;
            within("talk.text_bytes", talk.text_bytes, 24..=limits::MESSAGE_CHARS)?;
            within("talk.seconds", talk.seconds, 1..=SECONDS)?;
            within("talk.warm_seconds", talk.warm_seconds, 0..=SECONDS)?;
            let rooms = if talk.until_heard { 1 } else { people.rooms };
            within("people.rooms, when talk.until_heard", people.rooms, 1..=rooms)?;
            within("talk.pause_ms", talk.pause_ms, 0..=SECONDS * 1000)?;
        }
        if let Some(idle) = &self.idle {
            within("idle.seconds", idle.seconds, 1..=SECONDS)?;
        }
        if let Some(storm) = &self.storm {
            within("storm.waves", storm.waves, 1..=WAVES)?;
            within("storm.pause_ms", storm.pause_ms, 0..=SECONDS * 1000)?;
        }
        Ok(())
    }
}

fn within<T>(name: &str, value: T, bounds: std::ops::RangeInclusive<T>) -> Result<()>
where
    T: PartialOrd + std::fmt::Display,
{
    if !bounds.contains(&value) {
        bail!("{name} is {value}: it must lie between {} and {}", bounds.start(), bounds.end());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plan_that_is_kept_can_be_read() {
        let plans = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans");
        let inside = |folder| fs::read_dir(folder).expect("plans/ exists").flatten();
        let files = inside(plans.clone()).chain(inside(plans.join("cluster")));
        let files: Vec<_> = files.map(|it| it.path()).filter(|it| it.is_file()).collect();
        assert!(files.len() >= 9);
        for plan in files {
            Plan::read(&plan).expect("a plan that is kept is within its bounds");
        }
    }

    #[test]
    fn a_number_out_of_bounds_is_named() {
        let text = include_str!("../plans/short.toml").replace("rooms = 2", "rooms = 100000");
        let why = Plan::parse("short", &text).expect_err("too many rooms");
        assert!(why.to_string().starts_with("people.rooms is 100000"), "{why}");
        let text = include_str!("../plans/lecture.toml").replace("rooms = 1", "rooms = 2");
        let text = text.replace("guests_per_room = 999", "guests_per_room = 9");
        assert!(Plan::parse("lecture", &text).is_ok());
        let heard = text.replace("pause_ms = 0", "pause_ms = 0\nuntil_heard = true");
        assert!(Plan::parse("lecture", &heard).is_err(), "of one room only");
        let text = include_str!("../plans/short.toml").replace("rooms = 2", "romos = 2");
        assert!(Plan::parse("short", &text).is_err(), "unknown keys are refused");
    }
}
