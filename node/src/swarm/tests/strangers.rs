//! Who may not connect, who no longer may, and members that behave badly.

use super::{rogue::Rogue, *};
use libp2p::futures::AsyncWriteExt;
use protocol::peer::PEER_FRAME_BYTES;

#[tokio::test(flavor = "multi_thread")]
async fn sw1_a_stranger_is_refused_and_counted_until_it_is_admitted() {
    let (a, stranger) = (start(1).await, start(9).await);
    stranger.swarm.admit(vec![a.admitted()]);
    until("the stranger was refused", || read(&a.swarm.figures().strangers) > 0).await;
    assert!(a.link(9).is_none() && stranger.link(1).is_none());
    a.swarm.admit(vec![stranger.somewhere()]);
    a.reaches(&[9]).await;
    stranger.reaches(&[1]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sw1_who_leaves_the_list_is_cut_and_the_others_stay() {
    let nodes = [start(1).await, start(2).await, start(3).await];
    introduce(&nodes.each_ref());
    let [a, b, c] = &nodes;
    a.reaches(&[2, 3]).await;
    b.reaches(&[1, 3]).await;
    let since = a.link(3).expect("up").since;
    let mut events = a.swarm.events();
    a.swarm.admit(vec![a.admitted(), c.admitted()]);
    event(&mut events, Event::Down(2)).await;
    assert_eq!(a.swarm.send(2, Class::Actor, Bytes::new()), Err(Unsent::Away));
    b.reaches(&[3]).await;
    until("it knocks in vain", || read(&a.swarm.figures().strangers) > 0).await;
    assert_eq!(a.link(3).expect("still up").since, since);
    assert!(a.link(2).is_none());
    // Under another number it is another member.
    a.swarm.admit(vec![Admitted { number: 7, ..b.admitted() }, c.admitted()]);
    a.reaches(&[3, 7]).await;
}

/// One honest pair and a rogue that is admitted at the first of them as number 3.
async fn with_rogue() -> (Node, Node, Rogue) {
    let (a, b) = (start(1).await, start(2).await);
    let identity = Identity::fresh();
    let rogue = Admitted { number: 3, peer: identity.peer(), addresses: Vec::new() };
    a.swarm.admit(vec![b.admitted(), rogue]);
    b.swarm.admit(vec![a.admitted()]);
    a.reaches(&[2]).await;
    let rogue = Rogue::connect(&identity, &a).await;
    (a, b, rogue)
}

async fn honest_goes_on(a: &Node, b: &mut Node, since: std::time::Instant) {
    a.send(2, Class::Actor, Bytes::from_static(b"unharmed")).await;
    assert_eq!(b.next().await, (1, Class::Actor, Bytes::from_static(b"unharmed")));
    assert_eq!(a.link(2).expect("up").since, since);
}

#[tokio::test(flavor = "multi_thread")]
async fn sw4_a_frame_beyond_the_bound_cuts_the_line_and_harms_nobody_else() {
    let (mut a, mut b, mut rogue) = with_rogue().await;
    let since = a.link(2).expect("up").since;
    let mut events = a.swarm.events();
    let mut streams = rogue.line(1).await.expect("a line opens");
    event(&mut events, Event::Up(3)).await;
    let actor = &mut streams[Class::Actor as usize];
    actor.write_all(&[3, 0, 0, 0, 1, 2, 3]).await.expect("written");
    assert_eq!(a.next().await, (3, Class::Actor, Bytes::from_static(&[1, 2, 3])));
    let too_long = (PEER_FRAME_BYTES as u32 + 1).to_le_bytes();
    actor.write_all(&too_long).await.expect("written");
    event(&mut events, Event::Down(3)).await;
    assert_eq!(read(&a.swarm.figures().cut), 1);
    honest_goes_on(&a, &mut b, since).await;
    // A new line is a new chance.
    let _streams = rogue.line(2).await.expect("a line opens");
    event(&mut events, Event::Up(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sw4_who_does_not_say_hello_is_cut_and_harms_nobody_else() {
    let (a, mut b, mut rogue) = with_rogue().await;
    let since = a.link(2).expect("up").since;
    for rubbish in [&b"\x04\0\0\0rude"[..], &[0xff; 64], &[0, 0, 0, 0]] {
        let before = read(&a.swarm.figures().cut);
        let mut stream = rogue.open(Class::Twin).await.expect("opened");
        stream.write_all(rubbish).await.expect("written");
        stream.flush().await.expect("written");
        until("the stream was cut", || read(&a.swarm.figures().cut) > before).await;
    }
    // Many streams that say nothing at all: only so many are waited for.
    let mut silent = Vec::new();
    for _ in 0..40 {
        let Some(mut stream) = rogue.open(Class::Twin).await else { break };
        let _ = stream.write_all(&[1]).await;
        let _ = stream.flush().await;
        silent.push(stream);
    }
    until("too many were cut", || read(&a.swarm.figures().cut) > 10).await;
    honest_goes_on(&a, &mut b, since).await;
    assert!(a.link(3).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn sw4_who_reads_nothing_only_fills_its_own_queue() {
    let (a, mut b, mut rogue) = with_rogue().await;
    let since = a.link(2).expect("up").since;
    let _streams = rogue.line(1).await.expect("a line opens");
    a.reaches(&[2, 3]).await;
    let frame = Bytes::from(vec![1; 1_000_000]);
    for class in Class::ALL {
        until("the queue is full", || a.swarm.send(3, class, frame.clone()) == Err(Unsent::Full))
            .await;
    }
    honest_goes_on(&a, &mut b, since).await;
}
