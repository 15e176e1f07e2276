//! How members find each other, lose each other and find each other again.

use super::*;
use std::net::UdpSocket;

#[tokio::test(flavor = "multi_thread")]
async fn two_members_connect_by_address_and_measure_the_way() {
    let (a, b) = pair().await;
    until("a ping came back", || a.link(2).is_some_and(|link| link.rtt().is_some())).await;
    until("a ping came back", || b.link(1).is_some_and(|link| link.rtt().is_some())).await;
    assert!(read(&a.swarm.figures().ups) >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn four_members_that_dial_at_the_same_moment_all_reach_each_other() {
    let nodes = [start(1).await, start(2).await, start(3).await, start(4).await];
    introduce(&nodes.each_ref());
    for node in &nodes {
        let others: Vec<_> = (1..=4).filter(|&number| number != node.number).collect();
        node.reaches(&others).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_find_each_other_by_a_seed_without_a_name() {
    let (a, c) = (start(1).await, start(3).await);
    let seeds = [&a, &c].map(|node| {
        let address = &node.swarm.addresses()[0];
        address.split("/p2p/").next().expect("an address").to_owned()
    });
    let options = Options::new(Identity::fresh(), anywhere());
    let b = start_with(2, Options { seeds: seeds.to_vec(), ..options }).await;
    for node in [&a, &b, &c] {
        node.swarm.admit(vec![a.somewhere(), b.somewhere(), c.somewhere()]);
    }
    b.reaches(&[1, 3]).await;
    a.reaches(&[2]).await;
    c.reaches(&[2]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_find_each_other_at_a_rendezvous_point() {
    let cluster = || "7f3a".to_owned();
    let options = || Options { cluster: cluster(), ..Options::new(Identity::fresh(), anywhere()) };
    let point = start_with(1, Options { serves_rendezvous: true, ..options() }).await;
    let rendezvous = vec![point.swarm.addresses()[0].clone()];
    let a = start_with(2, Options { rendezvous: rendezvous.clone(), ..options() }).await;
    let b = start_with(3, Options { rendezvous, ..options() }).await;
    for node in [&point, &a, &b] {
        node.swarm.admit(vec![point.somewhere(), a.somewhere(), b.somewhere()]);
    }
    point.reaches(&[2, 3]).await;
    a.reaches(&[1, 3]).await;
    b.reaches(&[1, 2]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_udp_is_blocked_tcp_carries_everything() {
    let hole = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let port = hole.local_addr().expect("bound").port();
    let only_tcp = vec!["/ip4/127.0.0.1/tcp/0".to_owned()];
    let a = start(1).await;
    let mut b = start_with(2, Options::new(Identity::fresh(), only_tcp)).await;
    let mut blocked = b.admitted();
    blocked.addresses.insert(0, format!("/ip4/127.0.0.1/udp/{port}/quic-v1"));
    a.swarm.admit(vec![blocked]);
    b.swarm.admit(vec![a.somewhere()]);
    a.reaches(&[2]).await;
    assert!(!a.link(2).expect("up").quic());
    for class in Class::ALL {
        a.send(2, class, Bytes::from_static(b"over tcp")).await;
        assert_eq!(b.next().await, (1, class, Bytes::from_static(b"over tcp")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_only_quic_is_listened_on_quic_carries_everything() {
    let only_quic = || vec!["/ip4/127.0.0.1/udp/0/quic-v1".to_owned()];
    let a = start_with(1, Options::new(Identity::fresh(), only_quic())).await;
    let b = start_with(2, Options::new(Identity::fresh(), only_quic())).await;
    introduce(&[&a, &b]);
    a.reaches(&[2]).await;
    b.reaches(&[1]).await;
    assert!(a.link(2).expect("up").quic() && b.link(1).expect("up").quic());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_ends_is_down_then_refused_and_up_again_when_it_is_back() {
    let (a, b) = pair().await;
    let mut events = a.swarm.events();
    b.swarm.stop().await;
    event(&mut events, Event::Down(2)).await;
    assert_eq!(a.swarm.send(2, Class::Twin, Bytes::new()), Err(Unsent::Away));
    event(&mut events, Event::Refused(2)).await;
    let listen: Vec<_> = b.swarm.addresses().to_vec();
    let listen = listen.iter().map(|it| it.split("/p2p/").next().expect("an address").to_owned());
    let mut again = start_with(2, Options::new(b.identity.clone(), listen.collect())).await;
    again.swarm.admit(vec![a.admitted(), again.admitted()]);
    event(&mut events, Event::Up(2)).await;
    again.reaches(&[1]).await;
    a.send(2, Class::Control, Bytes::from_static(b"welcome back")).await;
    assert_eq!(again.next().await, (1, Class::Control, Bytes::from_static(b"welcome back")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_vanishes_without_a_word_is_down_and_comes_back() {
    let (a, b) = pair().await;
    let mut events = a.swarm.events();
    let (identity, addresses) = (b.identity.clone(), b.swarm.addresses().to_vec());
    drop(b);
    event(&mut events, Event::Down(2)).await;
    let mut back = start_with(2, Options::new(identity, anywhere())).await;
    assert_ne!(back.swarm.addresses(), addresses);
    back.swarm.admit(vec![a.admitted()]);
    event(&mut events, Event::Up(2)).await;
    a.send(2, Class::Bulk, Bytes::from_static(b"again")).await;
    assert_eq!(back.next().await, (1, Class::Bulk, Bytes::from_static(b"again")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_none_or_taken_is_named() {
    let (ears, _) = ears();
    let wrong = Options::new(Identity::fresh(), vec!["127.0.0.1:7400".into()]);
    let fault = Swarm::start(wrong, ears.clone()).await.err().expect("no address");
    assert!(fault.to_string().contains("127.0.0.1:7400"), "{fault}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port();
    let listen = vec![format!("/ip4/127.0.0.1/tcp/{port}")];
    let fault = Swarm::start(Options::new(Identity::fresh(), listen), ears).await;
    let fault = fault.err().expect("the port is taken");
    let said = fault.to_string();
    assert!(said.contains(&port.to_string()) && said.contains("in use"), "{said}");
}
