//! Random lives: everything that may happen does, in an order that one number decides; then all
//! is well again and the shard must serve, with everything it ever acknowledged.

use super::world::{Fate, World, key};
use crate::twin::{Input, Settings};
use protocol::cluster::Epoch;

/// A small generator (xorshift); the same seed is the same life.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

fn happen(world: &mut World, chance: &mut Chance) {
    let number = 1 + chance.below(3);
    let other = 1 + (number + chance.below(2)) % 3;
    let up = world.nodes[&number].replica.is_some();
    match chance.below(16) {
        0..=4 => {
            for primary in 1..=3 {
                if world.nodes[&primary].replica.is_some() {
                    for _ in 0..=chance.below(4) {
                        let what = chance.0.to_string();
                        let _ = world.try_write(primary, &what);
                    }
                }
            }
        }
        5 if up => world.crash(number),
        5..=7 => {
            if !up {
                world.start(number);
            }
        }
        8 => drop(world.cut.insert((number, other))),
        9 => world.cut.clear(),
        10 => world.mute = chance.below(3) == 0,
        11 => {
            world.node(number).deaf = chance.below(3) == 0;
            if up {
                world.tell(number);
            }
        }
        12 => {
            let twin = Some(other).filter(|_| chance.below(4) > 0);
            world.want(number, twin);
        }
        13 if up => world.checkpoint(number),
        13 => {}
        14 => world.input(number, Input::Down(key(other))),
        _ => {
            let node = world.node(number);
            node.stuck = chance.below(3) == 0;
            if node.stuck && chance.below(2) == 0 && world.is_writing(number) {
                world.lose_writes(number);
            }
        }
    }
}

fn live(seed: u64, settings: Settings) {
    let mut world = World::new(seed.is_multiple_of(2), settings);
    let mut chance = Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut fate = Chance(seed | 1 << 40);
    world.route = Box::new(move |_, _, _| match fate.below(40) {
        0..=2 => Fate::IsLost,
        3..=4 => Fate::ArrivesTwice,
        5 => Fate::Lingers(fate.below(1_500)),
        _ => Fate::Arrives,
    });
    for _ in 0..300 {
        happen(&mut world, &mut chance);
        let quick = chance.below(3) > 0;
        world.run(if quick { chance.below(20) } else { chance.below(400) });
    }
    world.cut.clear();
    world.mute = false;
    world.route = Box::new(|_, _, _| Fate::Arrives);
    for number in 1..=3 {
        let node = world.node(number);
        (node.stuck, node.deaf) = (false, false);
        if node.replica.is_none() {
            world.start(number);
        }
        world.tell(number);
    }
    world.want(1, Some(2));
    world.until("it is as wanted", |world| world.serves(1) && world.config.twin == Some(key(2)));
    world.acked_write(1, "the end");
    world.run(500);
    assert_eq!(world.payloads(1), world.payloads(2));
    assert_eq!(world.payloads(1).len(), world.acked.len());
    assert!(world.config.epoch > Epoch(1), "it was not all quiet");
}

#[test]
fn whatever_happens_nothing_acknowledged_is_lost_and_all_ends_well() {
    for seed in 1..=12 {
        live(seed, Settings::default());
    }
}

#[test]
fn the_same_with_next_to_no_memory() {
    let small = Settings {
        ring_keep_bytes: 100,
        ring_max_bytes: 1_000,
        batch_max_bytes: 300,
        window_max_bytes: 600,
        uncommitted_max_bytes: 2_000,
        ..Settings::default()
    };
    for seed in 101..=112 {
        live(seed, small.clone());
    }
}
