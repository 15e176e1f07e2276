//! A cluster from a number: seeds, their stories, and stories of our own.
//!
//! `SEED=42 cargo test -p tests --test sim` runs one world again and prints what happened in it.

use tests::world::{
    Plan, World,
    run::{Ask, many, told},
};

mod sim {
    mod scenarios;
}

/// Seeds that are run on every change.
const SEEDS: u64 = 200;

#[test]
fn two_hundred_worlds_keep_every_promise() {
    if let Some(seed) = std::env::var("SEED").ok().and_then(|it| it.parse().ok()) {
        let (story, how) = told(&Ask::default(), seed);
        story.iter().for_each(|line| println!("{line}"));
        assert_eq!(how, None, "seed {seed}");
        return;
    }
    let ask = Ask { seeds: SEEDS, threads: 2, ..Ask::default() };
    let report = many(&ask, &mut |_| {});
    print!("{}", report.figures);
    if let Some((seed, how)) = report.broken {
        panic!("seed {seed}: {how}\n{}", ask.replay(seed));
    }
    assert_eq!(report.figures.worlds, SEEDS);
    assert!(report.figures.acked > SEEDS * 20, "people were at work: {}", report.figures);
    assert!(report.figures.failovers > SEEDS / 4, "and nodes failed: {}", report.figures);
}

#[test]
fn the_same_seed_is_the_same_story_byte_for_byte() {
    let first = World::story(7);
    let other = World::story(8);
    assert!(first.len() > 1000, "something happened");
    assert_eq!(World::story(7), first, "whatever ran before it");
    assert_ne!(first, other);
}

/// Worlds that once found something; each line says what.
const FOUND: [(u64, &str); 1] =
    [(34_261, "a restarted twin forgot what was matched and could not apply the end of its log")];

#[test]
fn what_was_found_once_is_not_found_again() {
    for (seed, what) in FOUND {
        let (_, how) = told(&Ask::default(), seed);
        assert_eq!(how, None, "seed {seed}: {what}");
    }
}

#[test]
fn a_quiet_world_has_no_failover() {
    let mut world = World::new(Plan::quiet(3));
    world.live();
    let figures = world.figures();
    assert!(figures.acked > 100, "{figures}");
    assert_eq!((figures.failovers, figures.forced, figures.alarms), (0, 0, 0), "{figures}");
}

/// The test that the tests can see.
#[cfg(feature = "mutants")]
#[test]
fn every_deadly_broken_rule_is_noticed_and_the_harmless_one_is_not() {
    use tests::world::run::hunt;
    let ask = Ask { threads: 2, ..Ask::default() };
    let mut missed = Vec::new();
    let sound = hunt(&ask, 3000, &mut |name, deadly, found| {
        println!("{name}: {found:?}");
        if found.is_some() != deadly {
            missed.push(name.to_owned());
        }
    });
    assert_eq!(sound, Ok(true), "{missed:?}");
}
