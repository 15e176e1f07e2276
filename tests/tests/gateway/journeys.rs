//! What people do, from the door to the end.

use super::stage::{Stage, done, no};
use actors::vault;
use node::{clock::now, secrets::chance};
use protocol::{
    caller::{Caller, Role},
    conversation::{ConversationCommand, ConversationEvent, ConversationNote},
    frame::{Command, Cut, Event, Note, Reply, ToBrowser, Topic, View},
    id::{MessageId, PersonId, Seq},
    key::Key,
    room::{RoomCommand, RoomEvent, RoomView, Standing},
};
use serde_json::json;
use std::collections::BTreeSet;
use tests::browser::{Browser, Socket, secret_of};

/// The room as it is shown now.
pub(crate) async fn room(stage: &Stage, socket: &mut Socket) -> RoomView {
    match socket.watch(stage.room_topic(), Seq::START).await {
        ToBrowser::Shown { view: View::Room { view }, .. } => view,
        other => panic!("no room: {other:?}"),
    }
}

/// Waits for something that happened in the room.
async fn hears(socket: &mut Socket, is: impl Fn(&RoomEvent) -> bool) {
    socket
        .pick("an event of the room", |frame| match frame {
            ToBrowser::Happened { event: Event::Room { event }, .. } => is(event).then_some(()),
            _ => None,
        })
        .await;
}

/// Expert and guest, seated in the demo room and watching it and the chat.
pub(crate) async fn met(stage: &Stage) -> (Socket, Socket) {
    let mut expert = stage.expert().await.socket().await;
    let mut guest = stage.guest("Familie Groß").await.socket().await;
    room(stage, &mut expert).await;
    room(stage, &mut guest).await;
    done(expert.ask(stage.of_room(RoomCommand::Knock {})).await);
    done(guest.ask(stage.of_room(RoomCommand::Knock {})).await);
    let session = guest.session;
    done(expert.ask(stage.of_room(RoomCommand::Admit { session })).await);
    expert.watch(stage.chat_topic(), Seq::START).await;
    guest.watch(stage.chat_topic(), Seq::START).await;
    (expert, guest)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expert_signs_in_and_is_welcomed_by_name_and_signs_out_for_good() {
    let stage = Stage::start().await;
    let browser = Browser::sign_in(&stage.site, &stage.demo.login, &stage.demo.password).await;
    let mut socket = browser.socket().await;
    let ToBrowser::Welcome { name, case, role, .. } = &socket.welcome else { unreachable!() };
    assert_eq!((name.as_str(), *case, *role), ("Leyla Yıldız", None, Role::Expert));

    assert_eq!(browser.post("/api/sign-out", json!({})).await.status, 204);
    assert_eq!(socket.bye().await, Some(Cut::SessionOver));
    // The same cookie once more: signed by this node, and worth nothing.
    let mut replayed = browser.bare_socket().await.expect("the handshake itself succeeds");
    let bye = tests::browser::frame(&mut replayed).await;
    assert_eq!(bye, Some(ToBrowser::Bye { why: Cut::SessionOver }));
    assert_eq!(browser.get("/ws").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_looks_knocks_is_held_and_let_in() {
    let stage = Stage::start().await;
    let looked = Browser::new(&stage.site);
    let link = secret_of(&stage.demo.guest);
    let seen = looked.post("/api/link", json!({ "link": link })).await;
    assert_eq!(seen.status, 200);
    assert_eq!(seen.json()["expert"], "Leyla Yıldız");
    assert_eq!(seen.json()["case"], stage.case().to_string());
    assert_eq!(seen.cookie(), None, "looking is not entering");

    let mut expert = stage.expert().await.socket().await;
    let mut guest = stage.guest("Familie Groß").await.socket().await;
    assert!(room(&stage, &mut expert).await.leading);
    let door = room(&stage, &mut guest).await;
    assert_eq!((door.standing, door.seats.len(), door.leading), (Standing::Outside, 0, false));

    let early = guest.ask(stage.of_room(RoomCommand::Admit { session: guest.session })).await;
    assert_eq!(no(&early), "rights.notAllowed");
    done(guest.ask(stage.of_room(RoomCommand::Knock {})).await);
    let session = guest.session;
    hears(
        &mut expert,
        |it| matches!(it, RoomEvent::Knocked { session: who, .. } if *who == session),
    )
    .await;
    let message = "Fünf Minuten noch".to_string();
    done(expert.ask(stage.of_room(RoomCommand::Hold { session, message })).await);
    hears(
        &mut guest,
        |it| matches!(it, RoomEvent::Held { message, .. } if message.starts_with("Fünf")),
    )
    .await;
    done(expert.ask(stage.of_room(RoomCommand::Admit { session })).await);
    hears(&mut guest, |it| matches!(it, RoomEvent::Seated { session: who, .. } if *who == session))
        .await;
    assert_eq!(room(&stage, &mut guest).await.standing, Standing::Seated);
}

#[tokio::test(flavor = "multi_thread")]
async fn chat_goes_both_ways_is_edited_taken_back_read_and_typed() {
    let stage = Stage::start().await;
    let (mut expert, mut guest) = met(&stage).await;
    let first = stage.said(&mut expert, "Guten Tag").await;
    assert_eq!(guest.texts_until("Guten Tag").await, ["Guten Tag"]);
    stage.said(&mut guest, "Grüß Gott 🏡").await;
    assert_eq!(
        expert.texts_until("Grüß Gott 🏡").await.last().map(String::as_str),
        Some("Grüß Gott 🏡")
    );

    let text = "Guten Morgen".to_string();
    let edit = stage.of_chat(ConversationCommand::Edit { message: first, text });
    assert_eq!(no(&guest.ask(edit.clone()).await), "conversation.notYours");
    let at = done(expert.ask(edit).await);
    done(expert.ask(stage.of_chat(ConversationCommand::Erase { message: first })).await);
    done(guest.ask(stage.of_chat(ConversationCommand::Read { upto: at })).await);
    done(guest.ask(stage.of_chat(ConversationCommand::Type {})).await);

    let mut told = Vec::new();
    loop {
        match expert.next().await {
            ToBrowser::Happened { event: Event::Conversation { event }, .. } => told.push(event),
            ToBrowser::Noted { note: Note::Conversation { note }, .. } => {
                let ConversationNote::Typing { by, .. } = note;
                assert_eq!(by, guest.person);
                break;
            }
            _ => {}
        }
    }
    let [.., edited, erased, read] = told.as_slice() else { panic!("too little: {told:?}") };
    assert!(matches!(edited, ConversationEvent::Edited { text, .. } if text == "Guten Morgen"));
    assert!(matches!(erased, ConversationEvent::Erased { message } if *message == first));
    assert!(
        matches!(read, ConversationEvent::Read { by, upto } if *by == guest.person && *upto == at)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_said_twice_is_one_and_a_case_opened_twice_is_one() {
    let stage = Stage::start().await;
    let (mut expert, mut guest) = met(&stage).await;
    let message = MessageId::new(now(), chance());
    let once = done(expert.ask(stage.say(message, "einmal")).await);
    assert!(done(expert.ask(stage.say(message, "einmal")).await) >= once);
    stage.said(&mut expert, "Ende").await;
    assert_eq!(guest.texts_until("Ende").await, ["einmal", "Ende"]);
    assert_eq!(no(&guest.ask(stage.say(message, "meins")).await), "conversation.idTaken");

    let open = |title: &str| Command::Tenant {
        command: protocol::tenant::TenantCommand::Open { title: title.into() },
    };
    let one = expert.ask_again("same", open("Rente")).await;
    let again = expert.ask_again("same", open("Rente")).await;
    let other = expert.ask_again("other", open("Rente")).await;
    assert!(matches!(one, Reply::Case { .. }), "{one:?}");
    assert_eq!(one, again);
    assert_ne!(one, other);
    let shown = expert.watch(Topic::Tenant {}, Seq::START).await;
    let ToBrowser::Shown { view: View::Tenant { view }, .. } = shown else { panic!("{shown:?}") };
    assert_eq!(view.cases.len(), 3);
    // Its room and chat stand when the answer arrives.
    let Reply::Case { case } = one else { unreachable!() };
    let shown = expert.watch(Topic::Room { room: case.room() }, Seq::START).await;
    assert!(matches!(shown, ToBrowser::Shown { .. }), "{shown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_told_only_of_people_one_shares_something_with() {
    let stage = Stage::start().await;
    let mut expert = stage.expert().await.socket().await;
    let mut guest = stage.guest("Familie Groß").await.socket().await;
    let mut colleague = stage.colleague().await.socket().await;
    let everybody = vec![expert.person, guest.person, colleague.person, PersonId::from_u128(9)];
    let ask = |topic| Command::Names { topic, people: everybody.clone() };
    let names = async |socket: &mut Socket, topic| match socket.ask(ask(topic)).await {
        Reply::Names { names } => names.into_iter().map(|it| it.name).collect::<BTreeSet<_>>(),
        other => panic!("{other:?}"),
    };
    let known = |names: &[&str]| names.iter().map(|it| it.to_string()).collect::<BTreeSet<_>>();
    let (room, chat) = (stage.room_topic(), stage.chat_topic());
    assert_eq!(names(&mut guest, room).await.len(), 2, "at the door: oneself and the lead");
    assert_eq!(
        names(&mut expert, Topic::Tenant {}).await,
        known(&["Leyla Yıldız", "Familie Groß"])
    );
    assert_eq!(names(&mut colleague, Topic::Tenant {}).await, known(&["Deniz Öztürk"]));
    assert_eq!(names(&mut colleague, chat).await, known(&[]));
    // A colleague of the same tenant may knock, and is told who leads and nobody else.
    assert!(!names(&mut colleague, room).await.contains("Familie Groß"));
    let people = vec![guest.person; protocol::limits::NAMES_PER_ASK + 1];
    let many = guest.ask(Command::Names { topic: room, people }).await;
    assert_eq!(no(&many), "vault.notAllowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lead_hands_over_locks_mutes_removes_rejects_and_ends() {
    let stage = Stage::start().await;
    let (mut expert, mut guest) = met(&stage).await;
    let (lead, session) = (expert.session, guest.session);
    let mut colleague = stage.colleague().await.socket().await;
    room(&stage, &mut colleague).await;
    done(expert.ask(stage.of_room(RoomCommand::Lock {})).await);
    let knock = stage.of_room(RoomCommand::Knock {});
    assert_eq!(no(&colleague.ask(knock.clone()).await), "room.locked");
    done(expert.ask(stage.of_room(RoomCommand::Unlock {})).await);
    done(colleague.ask(knock.clone()).await);
    let second = colleague.session;
    done(expert.ask(stage.of_room(RoomCommand::Admit { session: second })).await);

    done(expert.ask(stage.of_room(RoomCommand::Mute { session })).await);
    hears(&mut guest, |it| matches!(it, RoomEvent::Muted { session: who } if *who == session))
        .await;
    let to_guest = expert.ask(stage.of_room(RoomCommand::HandOver { session })).await;
    assert_eq!(no(&to_guest), "room.notAnExpert");
    done(expert.ask(stage.of_room(RoomCommand::HandOver { session: second })).await);
    hears(&mut guest, |it| matches!(it, RoomEvent::HandedOver { .. })).await;
    let late = expert.ask(stage.of_room(RoomCommand::Lock {})).await;
    assert_eq!(no(&late), "room.notLead");
    done(colleague.ask(stage.of_room(RoomCommand::HandOver { session: lead })).await);

    done(expert.ask(stage.of_room(RoomCommand::Remove { session })).await);
    guest
        .pick("being taken out of the chat", |frame| match frame {
            ToBrowser::Happened {
                event: Event::Conversation { event: ConversationEvent::Withdrawn { .. } },
                ..
            } => Some(()),
            _ => None,
        })
        .await;
    let message = MessageId::new(now(), chance());
    assert_eq!(no(&guest.ask(stage.say(message, "noch da?")).await), "conversation.notFound");
    stage.said(&mut expert, "unter uns").await;
    let heard = guest.settled().await;
    let heard = format!("{heard:?}");
    assert!(!heard.contains("unter uns"), "{heard}");

    done(guest.ask(knock).await);
    done(expert.ask(stage.of_room(RoomCommand::Reject { session })).await);
    hears(&mut guest, |it| matches!(it, RoomEvent::Rejected { .. })).await;
    done(expert.ask(stage.of_room(RoomCommand::End {})).await);
    hears(&mut guest, |it| matches!(it, RoomEvent::Ended {})).await;
    let over = guest.ask(stage.of_room(RoomCommand::Knock {})).await;
    assert_eq!(no(&over), "room.ended");
}

/// S238: whoever administers does not sit in consultations.
#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_neither_joins_nor_reads() {
    let stage = Stage::start().await;
    let (gate, person) = (stage.gate(), PersonId::from_u128(77));
    let name = vault::Input::Name { person, role: Role::Administrator, name: "Admin".into() };
    let node = Caller::node(gate.tenant);
    gate.house.ask::<vault::Vault>(Key::Vault(gate.tenant), node, name).await.expect("named");
    let browser = stage.born(gate.tenant, person, Role::Administrator).await;
    let mut admin = browser.socket().await;
    let (mut expert, guest) = met(&stage).await;
    stage.said(&mut expert, "vertraulich").await;

    for topic in [stage.room_topic(), stage.chat_topic(), Topic::Tenant {}] {
        let shown = admin.watch(topic, Seq::START).await;
        assert!(matches!(shown, ToBrowser::NotShown { .. }), "{shown:?}");
    }
    let knock = admin.ask(stage.of_room(RoomCommand::Knock {})).await;
    assert_eq!(no(&knock), "rights.notAllowed");
    let people = vec![guest.person];
    let names = Command::Names { topic: stage.room_topic(), people };
    assert_eq!(no(&admin.ask(names).await), "rights.notAllowed");
    let message = MessageId::new(now(), chance());
    assert_eq!(no(&admin.ask(stage.say(message, "x")).await), "rights.notAllowed");
    let before = stage.of_chat(ConversationCommand::Earlier { before: message });
    assert_eq!(no(&admin.ask(before).await), "rights.notAllowed");
    let heard = format!("{:?}", admin.settled().await);
    assert!(!heard.contains("vertraulich"), "{heard}");
    let (chat, file) = (stage.conversation(), protocol::id::FileId::from_u128(1));
    let path = format!("/api/files/{chat}?file={file}&name=a.txt");
    let origin = format!("https://{}", stage.site.host);
    let sent = browser.request("POST", &path, &[("Origin", &origin)], b"x").await;
    assert_eq!((sent.status, sent.why().as_str()), (403, "notAllowed"));
}
