//! A majority that is lost for good.

use super::*;
use crate::control::recover::recover;

#[tokio::test(flavor = "multi_thread")]
async fn rc1_rc2_one_of_three_goes_on_alone_and_admits_nobody_of_before() {
    let mut world = World::of(3).await;
    world.make(1).await;
    let before = world.until_agreed().await;
    let others: Vec<u64> = before.members.keys().copied().collect();
    let left = *others.last().expect("three members");
    for number in others {
        world.stop(number).await;
    }
    let data = TempDir::new().expect("a folder");
    let old = world.dirs[&left].path();
    std::fs::rename(old, data.path().join("control")).expect("moved");
    let me = before.members[&left].key;

    let words = ("user 0", "two machines burnt");
    let done = recover(data.path(), me, words, Time::from_ms(77)).await.expect("recovered");
    assert!(done.kept.join("lock").exists() || done.kept.is_dir(), "RC1");
    assert_eq!(*done.before, *before);
    assert_eq!(done.now.members.len(), 1);
    let all = before.places.len();
    assert_eq!(done.now.forced.len(), all);
    for (place, was) in done.now.places.iter().zip(&before.places) {
        assert_eq!((place.config.primary, place.config.twin), (me, None));
        assert_eq!(place.config.epoch, was.config.epoch.next(), "RC2");
        assert_eq!(place.config.generation, was.config.generation + 1);
    }

    let road = Arc::new(Road { me: left, net: Net::default() });
    let folder = data.path().join("control");
    let control = Control::open(&folder, left, road, quick()).await.expect("opened");
    let mut leader = control.leader();
    let led = tokio::time::timeout(PATIENCE, leader.wait_for(|it| *it == Some(left))).await;
    assert!(led.is_ok_and(|it| it.is_ok()), "it leads itself");
    // A disk that was in the old cluster comes in as little as ever (R3).
    let invitation =
        Change::Invite { digest: [9; 32], expires: Time::from_ms(1000), purpose: Purpose::Data };
    let index = control.change(invitation).await.expect("it decides alone").index;
    assert!(index > before.index, "RC2");
    let candidate = Candidate { peer: "other".into(), ..candidate(1, Purpose::Data) };
    let admit = Change::Admit { digest: [9; 32], now: Time::from_ms(1), candidate };
    assert_eq!(control.change(admit).await, Err(ControlNo::Refused(ChangeRefusal::Used)));
    control.close().await;

    // Once more, from the folder of before: nothing there was touched.
    let again = TempDir::new().expect("a folder");
    std::fs::rename(&done.kept, again.path().join("control")).expect("moved");
    let twice = recover(again.path(), me, words, Time::from_ms(77)).await.expect("recovered");
    assert_eq!(twice.now, done.now, "RC1");
}
