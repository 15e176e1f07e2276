//! Many worlds, one after the other or side by side; none knows of another.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
};

use super::{World, figures::Figures, plan::Plan};

/// What somebody wants to know.
#[derive(Debug, Clone)]
pub struct Ask {
    /// How many seeds.
    pub seeds: u64,
    /// The first.
    pub from: u64,
    /// Worlds side by side.
    pub threads: usize,
    /// The rule to break, by its name.
    pub mutant: Option<String>,
    /// Break each rule in turn, in at most so many seeds.
    pub mutants: Option<u64>,
    /// Write down the story of this seed.
    pub tell: Option<u64>,
}

/// What came of many worlds.
#[derive(Debug, Default)]
pub struct Report {
    /// All their figures.
    pub figures: Figures,
    /// All their stories as one number, whatever their order.
    pub stories: u64,
    /// The smallest seed that was seen to break a promise, and how.
    pub broken: Option<(u64, String)>,
}

impl Default for Ask {
    fn default() -> Self {
        Self { seeds: 200, from: 1, threads: 1, mutant: None, mutants: None, tell: None }
    }
}

impl Ask {
    /// From the words of a command line.
    ///
    /// # Errors
    /// Which word is not understood.
    pub fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut ask = Self::default();
        while let Some(word) = words.next() {
            let value = words.next().ok_or(format!("{word} needs a value"))?;
            let number = || value.parse::<u64>().map_err(|_| format!("{value} is no number"));
            match word.as_str() {
                "--seeds" => ask.seeds = number()?,
                "--from" => ask.from = number()?,
                "--threads" => {
                    ask.threads = usize::try_from(number()?.clamp(1, 64)).expect("at most 64");
                }
                "--mutant" => ask.mutant = Some(value),
                "--mutants" => ask.mutants = Some(number()?),
                "--tell" => ask.tell = Some(number()?),
                _ => return Err(format!("{word} is not known")),
            }
        }
        Ok(ask)
    }

    /// The plan of a seed, with the rule broken that shall be.
    fn plan(&self, seed: u64) -> Plan {
        let plan = Plan::of(seed);
        #[cfg(feature = "mutants")]
        if let Some(name) = &self.mutant {
            return plan.breaking(mutant(name));
        }
        plan
    }

    /// The line with which a seed is run again.
    pub fn replay(&self, seed: u64) -> String {
        match &self.mutant {
            None => format!("SEED={seed} cargo test -p tests --test sim"),
            Some(name) => {
                format!(
                    "SEED={seed} MUTANT={name} cargo test -p tests --features mutants --test sim"
                )
            }
        }
    }
}

/// Every broken rule, the deadly ones first, with whether it must be noticed.
#[cfg(feature = "mutants")]
pub fn all() -> impl Iterator<Item = (storage::twin::Mutant, bool)> {
    use storage::twin::Mutant;
    Mutant::DEADLY.into_iter().map(|it| (it, true)).chain([(Mutant::HandoffWhileServing, false)])
}

/// The broken rule of this name.
///
/// # Panics
/// When there is none.
#[cfg(feature = "mutants")]
pub fn mutant(name: &str) -> storage::twin::Mutant {
    let found = all().find(|it| format!("{:?}", it.0) == name);
    found.unwrap_or_else(|| panic!("there is no mutant {name}")).0
}

/// One world, from beginning to end: its figures and story, or how a promise was broken.
///
/// # Errors
/// How.
pub fn one(plan: Plan) -> Result<(Figures, u64), String> {
    let mut world = World::new(plan);
    match catch_unwind(AssertUnwindSafe(|| world.live())) {
        Ok(()) => Ok((world.figures(), world.cluster.story.sum())),
        Err(why) => Err(words(why.as_ref())),
    }
}

/// One world with its story, and how a promise was broken, if it was.
pub fn told(ask: &Ask, seed: u64) -> (Vec<String>, Option<String>) {
    let mut world = World::told(ask.plan(seed));
    let how = catch_unwind(AssertUnwindSafe(|| world.live())).err();
    (world.cluster.story.text().to_vec(), how.map(|why| words(why.as_ref())))
}

fn words(why: &(dyn std::any::Any + Send)) -> String {
    let text = why.downcast_ref::<String>().cloned();
    let text = text.or_else(|| why.downcast_ref::<&str>().map(|it| (*it).to_owned()));
    text.unwrap_or_else(|| "it ended without words".to_owned())
}

/// Runs seeds until one breaks a promise. `says` is called after each.
pub fn many(ask: &Ask, says: &mut dyn FnMut(&Report)) -> Report {
    let (next, stop) = (AtomicU64::new(ask.from), AtomicBool::new(false));
    let (tell, told) = mpsc::channel();
    let report = Mutex::new(Report::default());
    std::thread::scope(|scope| {
        for _ in 0..ask.threads {
            let (tell, next, stop) = (tell.clone(), &next, &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= ask.from + ask.seeds {
                        break;
                    }
                    let answer = one(ask.plan(seed));
                    stop.fetch_or(answer.is_err(), Ordering::Relaxed);
                    if tell.send((seed, answer)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(tell);
        for (seed, answer) in told {
            let mut report = report.lock().expect("only this thread holds it");
            match answer {
                Ok((figures, story)) => {
                    report.figures.add(&figures);
                    report.stories = report.stories.wrapping_add(story ^ seed);
                }
                Err(how) if report.broken.as_ref().is_none_or(|it| seed < it.0) => {
                    report.broken = Some((seed, how));
                }
                Err(_) => {}
            }
            says(&report);
        }
    });
    report.into_inner().expect("all threads are done")
}

/// Told of each broken rule: its name, whether it must be noticed, and after how many seeds it
/// was, and how.
pub type Tells<'a> = &'a mut dyn FnMut(&str, bool, Option<(u64, String)>);

/// Breaks each rule in turn and looks whether that is noticed. True when every deadly one was, and
/// the harmless one was not.
///
/// # Errors
/// Without the feature `mutants` there is nothing to break.
#[cfg(feature = "mutants")]
pub fn hunt(ask: &Ask, bound: u64, tells: Tells<'_>) -> Result<bool, String> {
    let mut sound = true;
    for (mutant, deadly) in all() {
        let name = format!("{mutant:?}");
        if ask.mutant.as_ref().is_some_and(|it| *it != name) {
            continue;
        }
        let ask = Ask { seeds: bound, mutant: Some(name.clone()), ..ask.clone() };
        let broken = many(&ask, &mut |_| {}).broken;
        sound &= broken.is_some() == deadly;
        tells(&name, deadly, broken.map(|(seed, how)| (seed - ask.from + 1, how)));
    }
    Ok(sound)
}

/// Breaks each rule in turn; not in this build.
///
/// # Errors
/// Without the feature `mutants` there is nothing to break.
#[cfg(not(feature = "mutants"))]
pub fn hunt(_: &Ask, _: u64, _: Tells<'_>) -> Result<bool, String> {
    Err("build with `--features mutants` to break rules".to_owned())
}
