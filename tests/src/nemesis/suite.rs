//! One story from the first sign-in to the verdict.

use anyhow::{Context, Result, bail};
use std::{fs, path::Path, time::Duration};
use storage::dice::Dice;

use super::{
    cluster::Cluster,
    crowd::{Crowd, Plan},
    machines::{Machines, WHOLE},
    run::until,
    stories::Story,
};
use crate::history::History;

/// How long people may take until their first messages are acknowledged.
const FIRST: Duration = Duration::from_secs(30);

/// Tells a story to a cluster with people in it, and judges what they were told.
///
/// # Errors
/// When something did not go on that had to, or people were told what may not be; the history and
/// the nodes' words are left in `place`.
pub fn told(story: &Story, machines: &mut Machines, seed: u64, place: &Path) -> Result<String> {
    let plan = Plan::of(machines.folder(), seed)?;
    told_with(story, machines, plan, place)
}

/// The same with a crowd of one's own.
///
/// # Errors
/// As above.
pub fn told_with(
    story: &Story,
    machines: &mut Machines,
    plan: Plan,
    place: &Path,
) -> Result<String> {
    let seed = plan.seed;
    judged(story.name, machines, plan, place, |machines, crowd| {
        crowd.flows(FIRST).context("before the story")?;
        let told = story.tell(machines, crowd, &mut Dice::new(seed));
        crowd.mark("everything is mended");
        machines.mend().context("when everything was to be mended")?;
        told
    })
}

/// Lets people live while something happens to their machines, and judges what they were told.
///
/// # Errors
/// As above.
pub fn judged(
    name: &str,
    machines: &mut Machines,
    plan: Plan,
    place: &Path,
    happens: impl FnOnce(&mut Machines, &Crowd) -> Result<()>,
) -> Result<String> {
    let seed = plan.seed;
    let door = machines.network().door(machines.network().people())?;
    let crowd = Crowd::start(door, machines.addresses(), plan)?;
    let lived = happens(machines, &crowd).and_then(|()| calms(machines, &crowd));
    // Whatever happened, what was said until then is judged.
    let history = crowd.finish();
    let (history, unfinished) = match history {
        Ok(history) => (history, None),
        Err(why) => (History::default(), Some(why)),
    };
    let wrong = history.judged();
    if lived.is_ok() && unfinished.is_none() && wrong.is_empty() {
        return Ok(history.summary());
    }
    keep(machines, &history, place)?;
    let mut text = format!("seed {seed}, `{name}`: see {}", place.display());
    for sentence in wrong.iter().take(20) {
        text += &format!("\n  {sentence}");
    }
    for why in [lived.err(), unfinished].into_iter().flatten() {
        text += &format!("\n  {why:#}");
    }
    bail!("{text}")
}

fn calms(machines: &mut Machines, crowd: &Crowd) -> Result<()> {
    until("two copies of everything", WHOLE, || machines.is_whole())?;
    crowd.flows(FIRST).context("when everything was whole again")?;
    Ok(())
}

fn keep(machines: &Machines, history: &History, place: &Path) -> Result<()> {
    machines.keep_words(place)?;
    fs::write(place.join("history.json"), serde_json::to_vec(history)?)?;
    let marks = history.marks.iter().map(|(at, what)| format!("{at:>12} us  {what}\n"));
    fs::write(place.join("marks.txt"), marks.collect::<String>())?;
    Ok(())
}
