//! The join door: who knocks, who answers, and who comes too often.

use super::super::{Answer, JoinDoor, JoinFault, Knock, behaviour, door, frames, knock};
use super::*;
use libp2p::{Multiaddr, futures::StreamExt, swarm::dial_opts::DialOpts};

/// Takes one token and names the newcomer in its answer.
fn answer() -> Answer {
    Arc::new(|knock: Knock| {
        Box::pin(async move {
            match &knock.request[..] {
                b"the right token" => Ok(format!("welcome, {}", knock.peer).into_bytes()),
                _ => Err("this invitation was used already".to_owned()),
            }
        })
    })
}

async fn open(identity: &Identity) -> JoinDoor {
    JoinDoor::open(identity, &anywhere(), answer()).await.expect("the machine has free ports")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_knocks_proves_its_key_and_is_answered() {
    let (host, newcomer) = (Identity::fresh(), Identity::fresh());
    let door = open(&host).await;
    // Each transport alone, and both together.
    for addresses in [&door.addresses()[..1], &door.addresses()[1..], door.addresses()] {
        let token = b"the right token".to_vec();
        let said = knock(&newcomer, &host.peer(), addresses, token).await.expect("an answer");
        assert_eq!(said, format!("welcome, {}", newcomer.peer()).into_bytes());
    }
    let wrong = knock(&newcomer, &host.peer(), door.addresses(), b"a guess".to_vec()).await;
    assert!(matches!(wrong, Err(JoinFault::Refused(words)) if words.contains("used already")));
    assert_eq!(read(&door.figures().answered), 3);
    assert_eq!(read(&door.figures().refused), 1);
    let addresses = door.addresses().to_vec();
    door.close().await;
    let closed = knock(&newcomer, &host.peer(), &addresses[1..], b"the right token".to_vec()).await;
    assert!(matches!(closed, Err(JoinFault::Unreachable(_))), "{closed:?}");
    // Opened again, on the same ports, for the next invitation.
    let own = |address: &String| address.split("/p2p/").next().expect("an address").to_owned();
    let same: Vec<_> = addresses.iter().map(own).collect();
    let door = JoinDoor::open(&host, &same, answer()).await.expect("the ports are free");
    assert_eq!(door.addresses(), addresses);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_somebody_else_is_not_taken() {
    let (host, impostor, newcomer) = (Identity::fresh(), Identity::fresh(), Identity::fresh());
    let door = open(&impostor).await;
    let token = b"the right token".to_vec();
    for addresses in [&door.addresses()[..1], &door.addresses()[1..]] {
        let fault = knock(&newcomer, &host.peer(), addresses, token.clone()).await;
        let is_named = |found: &str| found == impostor.peer();
        assert!(matches!(&fault, Err(JoinFault::WrongPeer { found, .. }) if is_named(found)));
    }
    assert_eq!(read(&door.figures().answered), 0, "the token was not shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_work_is_said_before_anything_is_sent() {
    let newcomer = Identity::fresh();
    let peer = Identity::fresh().peer();
    let somewhere = ["/ip4/127.0.0.1/tcp/1".to_owned()];
    let fault = knock(&newcomer, "rubbish", &somewhere, Vec::new()).await;
    assert!(matches!(fault, Err(JoinFault::Peer(_))));
    let fault = knock(&newcomer, &peer, &["127.0.0.1:1".to_owned()], Vec::new()).await;
    assert!(matches!(fault, Err(JoinFault::NoAddress)));
    let fault = knock(&newcomer, &peer, &somewhere, vec![0; door::REQUEST_BYTES + 1]).await;
    assert!(matches!(fault, Err(JoinFault::TooLong(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn sw11_a_flood_of_knocks_is_bounded_and_ends_with_itself() {
    const KNOCKS: usize = 60;
    let host = Identity::fresh();
    let door = open(&host).await;
    let peer = host.peer();
    let knocks = (0..KNOCKS).map(|_| {
        let (peer, addresses) = (peer.clone(), door.addresses()[1..].to_vec());
        tokio::spawn(async move {
            let newcomer = Identity::fresh();
            knock(&newcomer, &peer, &addresses, b"the right token".to_vec()).await
        })
    });
    let mut answered = 0;
    for knock in knocks.collect::<Vec<_>>() {
        let said = timeout(SOON, knock).await.expect("in time").expect("no panic");
        answered += usize::from(said.is_ok());
    }
    let turned_away = read(&door.figures().turned_away);
    assert!(turned_away > 0 && answered < KNOCKS, "{answered} answered, {turned_away} not");
    assert_eq!(read(&door.figures().answered) as usize, answered);
    let again = Identity::fresh();
    let mut tick = interval(Duration::from_millis(100));
    let heard = timeout(SOON, async {
        while knock(&again, &peer, &door.addresses()[1..], b"the right token".to_vec())
            .await
            .is_err()
        {
            tick.tick().await;
        }
    });
    assert!(heard.await.is_ok(), "after the flood the door answers again");
}

#[tokio::test(flavor = "multi_thread")]
async fn sw11_a_request_beyond_the_bound_is_dropped() {
    let (host, newcomer) = (Identity::fresh(), Identity::fresh());
    let door = open(&host).await;
    let made = behaviour::build(&newcomer, libp2p_stream::Behaviour::new(), |config| config);
    let mut swarm = made.expect("a swarm is made");
    let addresses: Vec<Multiaddr> =
        door.addresses().iter().map(|it| it.parse().expect("an address")).collect();
    swarm.dial(DialOpts::peer_id(host.id()).addresses(addresses).build()).expect("dialled");
    let mut control = swarm.behaviour().new_control();
    let driver = tokio::spawn(async move {
        loop {
            swarm.select_next_some().await;
        }
    });
    let mut stream = control.open_stream(host.id(), door::JOIN).await.expect("opened");
    assert_eq!(frames::read(&mut stream, 0).await.expect("the door speaks first").len(), 0);
    let long = Bytes::from(vec![0; door::REQUEST_BYTES + 1]);
    let _ = frames::write(&mut stream, &[long], &mut Vec::new()).await;
    until("it was dropped", || read(&door.figures().dropped) == 1).await;
    assert!(frames::read(&mut stream, door::ANSWER_BYTES).await.is_err());
    driver.abort();
}
