//! Releases that speak other versions of the wire.

use super::*;
use protocol::version::Gap;

async fn speaking(number: u64, oldest: u16, newest: u16) -> Node {
    let spoken = Spoken { oldest, newest };
    start_with(number, Options { spoken, ..Options::new(Identity::fresh(), anywhere()) }).await
}

/// Waits until a node knows that another one does not fit.
async fn gap(at: &Node, of: u64, wanted: Gap) {
    until("the gap is seen", || at.swarm.gaps().get(&of) == Some(&wanted)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sw6_the_lower_of_the_newest_versions_is_spoken_with_each() {
    let (first, mut second) = (speaking(1, 1, 1).await, speaking(2, 1, 2).await);
    let third = speaking(3, 2, 3).await;
    introduce(&[&first, &second, &third]);
    second.reaches(&[1, 3]).await;
    assert_eq!((second.swarm.speaks(1), second.swarm.speaks(3)), (Some(1), Some(2)), "SW6");
    until("both ends agree", || third.swarm.speaks(2) == Some(2)).await;
    assert_eq!(second.swarm.speaks(9), None);
    first.send(2, Class::Actor, Bytes::from_static(b"as ever")).await;
    assert_eq!(second.next().await, (1, Class::Actor, Bytes::from_static(b"as ever")));
    // The first and the third are two releases apart.
    gap(&third, 1, Gap::Old { speaks: 1, needs: 2 }).await;
    gap(&first, 3, Gap::New { speaks: 2, knows: 1 }).await;
    assert!(third.link(1).is_none() && first.link(3).is_none(), "SW6");
}

#[tokio::test(flavor = "multi_thread")]
async fn sw6_a_level_leaves_the_release_before_behind_and_the_others_stay() {
    let nodes = [speaking(1, 1, 2).await, speaking(2, 1, 2).await, speaking(3, 1, 1).await];
    introduce(&nodes.each_ref());
    let [a, b, old] = &nodes;
    a.reaches(&[2, 3]).await;
    b.reaches(&[1, 3]).await;
    let since = a.link(2).expect("up").since;
    let mut events = a.swarm.events();
    for node in [a, b] {
        node.swarm.require(2);
        node.swarm.require(1); // a level never falls
    }
    event(&mut events, Event::Down(3)).await;
    gap(a, 3, Gap::Old { speaks: 1, needs: 2 }).await;
    old.reaches(&[]).await;
    assert_eq!(a.link(2).expect("still up").since, since, "SW6");
    // The same machine with the release of the others.
    old.swarm.stop().await;
    let options = Options::new(old.identity.clone(), anywhere());
    let upgraded = start_with(3, options).await;
    let list = vec![a.admitted(), b.admitted(), upgraded.admitted()];
    for node in [a, b, &upgraded] {
        node.swarm.admit(list.clone());
    }
    a.reaches(&[2, 3]).await;
    until("nothing is wrong any more", || a.swarm.gaps().is_empty()).await;
}
