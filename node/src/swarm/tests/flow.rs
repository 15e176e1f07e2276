//! Frames: order, bounds, and who is harmed by whom.

use super::*;
use std::sync::atomic::AtomicUsize;
use tokio::sync::Semaphore;

#[tokio::test(flavor = "multi_thread")]
async fn sw2_frames_of_every_class_arrive_in_order_and_once() {
    const EACH: u32 = 2000;
    let (mut a, mut b) = pair().await;
    let send = |from: &Node, to: u64| {
        let swarm = from.swarm.clone();
        async move {
            let mut tick = interval(Duration::from_millis(1));
            for number in 0..EACH {
                for class in Class::ALL {
                    let mut frame = number.to_le_bytes().to_vec();
                    frame.resize(4 + (number as usize * 37) % 5000, class as u8);
                    let frame = Bytes::from(frame);
                    while swarm.send(to, class, frame.clone()) == Err(Unsent::Full) {
                        tick.tick().await;
                    }
                }
            }
        }
    };
    let sending = [tokio::spawn(send(&a, 2)), tokio::spawn(send(&b, 1))];
    for node in [&mut a, &mut b] {
        let mut next = [0; 4];
        while next != [EACH; 4] {
            let (_, class, frame) = node.next().await;
            let number = u32::from_le_bytes(frame[..4].try_into().expect("four bytes"));
            assert_eq!(number, next[class as usize], "{class:?}");
            assert_eq!(frame.len(), 4 + (number as usize * 37) % 5000);
            assert!(frame[4..].iter().all(|&byte| byte == class as u8));
            next[class as usize] += 1;
        }
    }
    for task in sending {
        task.await.expect("everything was sent");
    }
    assert_eq!(read(&a.swarm.figures().downs), 0);
    let figures = a.swarm.figures().class(Class::Twin);
    assert_eq!(read(&figures.frames_in), u64::from(EACH));
    until("all is counted", || read(&figures.frames_out) == u64::from(EACH)).await;
    assert_eq!((read(&figures.queued), read(&figures.queued_bytes)), (0, 0));
}

/// Sends 50 MB of bulk each way; returns how many control frames went there and back meanwhile.
async fn bulk_with_control(a: Node, b: Node) -> u32 {
    const PIECE: usize = 500_000;
    const PIECES: usize = 100;
    let piece = Bytes::from(vec![7; PIECE]);
    let mut pumps = Vec::new();
    let (arrived, whole) = (Arc::new(AtomicUsize::new(0)), PIECE * PIECES * 2);
    let (pongs, mut pong) = mpsc::unbounded_channel();
    let (swarm_a, swarm_b) = (a.swarm.clone(), b.swarm.clone());
    for (mut node, other) in [(a, 2), (b, 1)] {
        let (swarm, piece) = (node.swarm.clone(), piece.clone());
        pumps.push(tokio::spawn(async move {
            let mut tick = interval(Duration::from_millis(1));
            let mut left = PIECES;
            while left > 0 {
                match swarm.send(other, Class::Bulk, piece.clone()) {
                    Ok(()) => left -= 1,
                    Err(Unsent::Full) => drop(tick.tick().await),
                    Err(other) => panic!("{other}"),
                }
            }
        }));
        let (arrived, pongs, answer) = (arrived.clone(), pongs.clone(), swarm_b.clone());
        pumps.push(tokio::spawn(async move {
            while let Some((_, class, frame)) = node.heard.recv().await {
                match (class, node.number) {
                    (Class::Bulk, _) => drop(arrived.fetch_add(frame.len(), Ordering::Relaxed)),
                    (_, 2) => answer.send(1, class, frame).expect("there is room"),
                    _ => drop(pongs.send(frame)),
                }
            }
        }));
    }
    let mut rounds = 0;
    while arrived.load(Ordering::Relaxed) < whole {
        swarm_a.send(2, Class::Control, Bytes::from_static(b"ping")).expect("there is room");
        timeout(SOON, pong.recv()).await.expect("an answer comes");
        rounds += 1;
    }
    pumps.iter().for_each(|pump| pump.abort());
    assert_eq!(read(&swarm_a.figures().downs) + read(&swarm_b.figures().downs), 0);
    rounds
}

#[tokio::test(flavor = "multi_thread")]
async fn control_frames_pass_while_bulk_fills_the_way_over_quic() {
    let only = |kind: &str| vec![format!("/ip4/127.0.0.1/{kind}")];
    let a = start_with(1, Options::new(Identity::fresh(), only("udp/0/quic-v1"))).await;
    let b = start_with(2, Options::new(Identity::fresh(), only("udp/0/quic-v1"))).await;
    introduce(&[&a, &b]);
    a.reaches(&[2]).await;
    b.reaches(&[1]).await;
    let rounds = bulk_with_control(a, b).await;
    assert!(rounds >= 10, "{rounds} control frames there and back during 100 MB");
}

#[tokio::test(flavor = "multi_thread")]
async fn control_frames_pass_while_bulk_fills_the_way_over_tcp() {
    let only = vec!["/ip4/127.0.0.1/tcp/0".to_owned()];
    let a = start_with(1, Options::new(Identity::fresh(), only.clone())).await;
    let b = start_with(2, Options::new(Identity::fresh(), only)).await;
    introduce(&[&a, &b]);
    a.reaches(&[2]).await;
    b.reaches(&[1]).await;
    let rounds = bulk_with_control(a, b).await;
    assert!(rounds >= 10, "{rounds} control frames there and back during 100 MB");
}

/// A member whose `heard` waits for permits in two classes.
async fn slow(number: u64, listen: Vec<String>, permits: Arc<Semaphore>) -> Node {
    let identity = Identity::fresh();
    let (to, heard) = mpsc::unbounded_channel();
    let inside = Arc::new([(); 4].map(|()| AtomicUsize::new(0)));
    let ears: Heard = Arc::new(move |from, class: Class, frame| {
        let (to, permits, inside) = (to.clone(), permits.clone(), inside.clone());
        Box::pin(async move {
            // SW5
            assert_eq!(inside[class as usize].fetch_add(1, Ordering::SeqCst), 0, "one at a time");
            if matches!(class, Class::Actor | Class::Bulk) {
                permits.acquire().await.expect("never closed").forget();
            }
            inside[class as usize].fetch_sub(1, Ordering::SeqCst);
            let _ = to.send((from, class, frame));
        })
    });
    let options = Options::new(identity.clone(), listen);
    let swarm = Swarm::start(options, ears).await.expect("the machine has free ports");
    Node { number, swarm, identity, heard }
}

async fn slow_reader(listen: Vec<String>) {
    let permits = Arc::new(Semaphore::new(0));
    let a = start(1).await;
    let mut b = slow(2, listen, permits.clone()).await;
    let mut c = start(3).await;
    introduce(&[&a, &b, &c]);
    a.reaches(&[2, 3]).await;
    let frame = Bytes::from(vec![1; 200_000]);
    let mut sent = [0; 4];
    for class in [Class::Actor, Class::Bulk] {
        // Full for good: what is on its way has arrived, and still nothing is taken.
        let mut refused = 0;
        until("the queue stays full", || {
            match a.swarm.send(2, class, frame.clone()) {
                Ok(()) => (refused, sent[class as usize]) = (0, sent[class as usize] + 1),
                Err(Unsent::Full) => refused += 1,
                Err(other) => panic!("{other}"),
            }
            refused > 500
        })
        .await;
        assert!(read(&a.swarm.figures().class(class).full) > 500);
    }
    // SW4: neither its other classes nor other members are harmed.
    for number in 0..200_u32 {
        let bytes = Bytes::copy_from_slice(&number.to_le_bytes());
        for class in [Class::Control, Class::Twin] {
            a.send(2, class, bytes.clone()).await;
            assert_eq!(b.next().await, (1, class, bytes.clone()));
        }
        a.send(3, Class::Actor, bytes.clone()).await;
        assert_eq!(c.next().await, (1, Class::Actor, bytes));
    }
    // And when it reads again, nothing is missing.
    permits.add_permits(sent.iter().sum());
    for _ in 0..sent.iter().sum() {
        assert_eq!(b.next().await.2.len(), frame.len());
    }
    assert_eq!(read(&a.swarm.figures().downs), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn sw4_a_slow_reader_fills_only_its_own_queue_over_quic() {
    slow_reader(vec!["/ip4/127.0.0.1/udp/0/quic-v1".into()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sw4_a_slow_reader_fills_only_its_own_queue_over_tcp() {
    slow_reader(vec!["/ip4/127.0.0.1/tcp/0".into()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sw3_who_is_not_there_gets_nothing() {
    let a = start(1).await;
    assert_eq!(a.swarm.send(2, Class::Twin, Bytes::new()), Err(Unsent::Away));
    let b = Admitted { number: 2, peer: Identity::fresh().peer(), addresses: Vec::new() };
    a.swarm.admit(vec![b]);
    assert_eq!(a.swarm.send(2, Class::Twin, Bytes::new()), Err(Unsent::Away));
}
