//! P1: no byte sequence makes a decoder panic, abort or allocate more than its bound.
//!
//! The short slice of every run; `cargo xtask fuzz` is the same for as long as one likes.

mod words;

use words::{Chance, attack::Attack, meter};

#[global_allocator]
static METER: meter::Meter = meter::Meter;

#[test]
fn p1_hostile_bytes_never_panic_and_never_take_much_memory() {
    let mut attack = Attack::new(1, 300);
    attack.run();
    assert!(attack.decoded > 50_000, "only {} inputs were tried", attack.decoded);
    // The attacks reach past the first byte: some inputs are still valid.
    assert!(attack.valid > attack.decoded / 100, "only {} were valid", attack.valid);
    eprintln!("{} inputs, {} valid, {} bytes at most", attack.decoded, attack.valid, attack.most);
}

#[test]
fn the_same_seed_makes_the_same_attack() {
    let mut tries = [0, 1].map(|_| Attack::new(7, 5));
    tries.iter_mut().for_each(Attack::run);
    let [one, other] = tries;
    assert_eq!((one.decoded, one.valid, one.most), (other.decoded, other.valid, other.most));
}

#[test]
fn the_meter_sees_what_is_reserved_and_dropped() {
    let reserve = Chance::seeded(1).below(7) + (1 << 20);
    let ((), held) = meter::most_held(|| drop(Vec::<u8>::with_capacity(reserve)));
    assert_eq!(held, reserve);
}
