//! The simulator as a program: many seeds, or the proof that it can see.
//!
//! `sim --seeds 1000 --from 1 --threads 2` runs seeds; `sim --mutants 2000` breaks one rule of the
//! twins at a time and counts the seeds until it is noticed (built with the feature `mutants`);
//! `sim --tell 42` writes one seed's story down. `cargo xtask sim` builds and calls it.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};
use tests::world::run::{Ask, Report, hunt, many};

/// A progress line this often.
const PROGRESS: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let ask = match Ask::read(std::env::args().skip(1)) {
        Ok(ask) => ask,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    };
    // A broken promise is caught and told in one line; the machine's own words are not needed.
    std::panic::set_hook(Box::new(|_| {}));
    if let Some(seed) = ask.tell {
        return tell(&ask, seed);
    }
    if let Some(bound) = ask.mutants {
        return mutants(&ask, bound);
    }
    let start = Instant::now();
    let mut said = Instant::now();
    let report = many(&ask, &mut |report: &Report| {
        if said.elapsed() >= PROGRESS {
            said = Instant::now();
            let rate = report.figures.worlds as f64 / start.elapsed().as_secs_f64();
            let steps = report.figures.steps;
            println!(
                "  {} of {} seeds, {rate:.0}/s, {steps} steps",
                report.figures.worlds, ask.seeds
            );
        }
    });
    print!("{}", report.figures);
    println!("  stories         {:016x}", report.stories);
    println!("  wall            {:.1} s", start.elapsed().as_secs_f64());
    match report.broken {
        None => ExitCode::SUCCESS,
        Some((seed, how)) => {
            println!("seed {seed}: {how}");
            println!("{}", ask.replay(seed));
            ExitCode::FAILURE
        }
    }
}

fn tell(ask: &Ask, seed: u64) -> ExitCode {
    let (story, how) = tests::world::run::told(ask, seed);
    for line in story {
        println!("{line}");
    }
    match how {
        None => ExitCode::SUCCESS,
        Some(how) => {
            println!("{how}");
            ExitCode::FAILURE
        }
    }
}

fn mutants(ask: &Ask, bound: u64) -> ExitCode {
    let start = Instant::now();
    let mut sound = true;
    let answer = hunt(ask, bound, &mut |name, deadly, found| match found {
        Some((seeds, how)) => println!("  {name:<20} noticed in {seeds:>5} seeds: {how}"),
        None if deadly => println!("  {name:<20} NOT NOTICED in {bound} seeds"),
        None => println!("  {name:<20} harmless: {bound} seeds"),
    });
    match answer {
        Ok(all) => sound &= all,
        Err(why) => {
            eprintln!("{why}");
            sound = false;
        }
    }
    println!("  wall {:.1} s", start.elapsed().as_secs_f64());
    if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
