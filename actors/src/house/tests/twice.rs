//! Whatever is asked twice is done once, by any machine, whatever happens in between.

use protocol::{
    caller::{Caller, Role},
    codec,
    conversation::ConversationCommand,
    id::{
        CaseId, ConversationId, FileId, LinkId, MessageId, PersonId, RequestId, Seq, SessionId,
        TenantId,
    },
    key::Key,
    limits,
    room::RoomCommand,
    session::{Origin, SessionCommand},
    tenant::TenantCommand,
    time::{Span, Time},
};
use std::sync::Arc;
use storage::dice::Dice;

use super::town::{Town, talk, until};
use crate::{
    conversation::{self, Conversation},
    file::{self, File, Kept},
    handle::{Asker, Done},
    house::{House, Kind},
    room::{self, Room},
    session::{self, Session},
    tenant::{self, Tenant},
    trial::{BANK, customer, expert},
    vault::{self, Vault},
};

const CASE: CaseId = CaseId::from_u128(7);
const ROOM: Key = Key::Room(CASE.room());

/// A machine of which anything may be asked.
trait Subject: Kind {
    const KEY: Key;

    fn any(dice: &mut Dice) -> (Caller, Self::Input);
}

fn somebody(dice: &mut Dice) -> Caller {
    [expert(1), customer(2), customer(3), expert(4)][dice.below(4) as usize]
}

fn device(dice: &mut Dice) -> SessionId {
    somebody(dice).session
}

impl Subject for Room {
    const KEY: Key = ROOM;

    fn any(dice: &mut Dice) -> (Caller, room::Input) {
        let (by, session) = (somebody(dice), device(dice));
        let command = match dice.below(20) {
            0 | 1 => {
                let input = room::Input::Open { case: CASE, lead: expert(1).person };
                return (Caller::node(BANK), input);
            }
            2..=5 => RoomCommand::Knock {},
            6..=9 => RoomCommand::Admit { session },
            10 => RoomCommand::Hold { session, message: "gleich".into() },
            11 => RoomCommand::Reject { session },
            12 => RoomCommand::Lock {},
            13 => RoomCommand::Unlock {},
            14 => RoomCommand::Mute { session },
            15 => RoomCommand::Unmute {},
            16 => RoomCommand::Remove { session },
            17 => RoomCommand::HandOver { session },
            18 => RoomCommand::Leave {},
            _ if dice.one_in(8) => RoomCommand::End {},
            _ => RoomCommand::Publish { tracks: Vec::new() },
        };
        // The lead does most of it.
        let by = if dice.one_in(2) { expert(1) } else { by };
        (by, room::Input::Command(command))
    }
}

impl Subject for Conversation {
    const KEY: Key = Key::Conversation(CASE.conversation());

    fn any(dice: &mut Dice) -> (Caller, conversation::Input) {
        use conversation::Input;
        let node = Caller::node(BANK);
        let message = MessageId::from_u128(dice.below(4).into());
        let text = format!("Text {}", dice.below(3));
        let command = match dice.below(10) {
            0 | 1 => {
                let people = vec![expert(1).person, customer(2).person];
                return (node, Input::Open { case: CASE, people });
            }
            2 => return (node, Input::Grant(somebody(dice).person)),
            3 => return (node, Input::Withdraw(customer(3).person)),
            4 | 5 => ConversationCommand::Say { message, text, files: Vec::new() },
            6 | 7 => ConversationCommand::Edit { message, text },
            8 if dice.one_in(3) => ConversationCommand::Erase { message },
            _ => ConversationCommand::Read { upto: Seq(dice.below(9)) },
        };
        (somebody(dice), Input::Command(command))
    }
}

impl Subject for Tenant {
    const KEY: Key = Key::Tenant(BANK);

    fn any(dice: &mut Dice) -> (Caller, tenant::Input) {
        let case = CaseId::from_u128(700 + u128::from(dice.below(3)));
        let link = LinkId::from_u128(dice.below(40).into());
        let customer = PersonId::from_u128(2);
        let command = match dice.below(8) {
            0..=2 => TenantCommand::Open { title: "Baufinanzierung".into() },
            3..=5 => TenantCommand::Invite { case, life: Span::from_secs(3600) },
            6 => TenantCommand::Revoke { link },
            _ => TenantCommand::Close { case },
        };
        (expert(1), tenant::Input::Command { command, case, link, customer })
    }
}

impl Subject for Session {
    const KEY: Key = Key::Session(SessionId::from_u128(7));

    fn any(dice: &mut Dice) -> (Caller, session::Input) {
        let input = match dice.below(8) {
            0..=3 => session::Input::Open {
                person: PersonId::from_u128(dice.below(2).into()),
                role: Role::Expert,
                origin: Origin::SignIn {},
                until: Time::from_ms(1_900_000_000_000),
            },
            4 => session::Input::Command(SessionCommand::Close {}),
            _ => session::Input::Resume,
        };
        (Caller::node(BANK), input)
    }
}

impl Subject for Vault {
    const KEY: Key = Key::Vault(BANK);

    fn any(dice: &mut Dice) -> (Caller, vault::Input) {
        let person = PersonId::from_u128(dice.below(3).into());
        let input = if dice.one_in(2) {
            let name = format!("Frau {}", dice.below(3));
            vault::Input::Name { person, role: Role::Expert, name }
        } else {
            let (login, secret) = (format!("{person}@bank.example"), "$argon2id$".into());
            vault::Input::Enroll { person, login, secret }
        };
        (Caller::node(BANK), input)
    }
}

impl Subject for File {
    const KEY: Key = Key::File(FileId::from_u128(7));

    fn any(dice: &mut Dice) -> (Caller, file::Input) {
        let content = [dice.below(2) as u8; 32];
        let input = if dice.one_in(4) {
            file::Input::Withdraw
        } else {
            file::Input::Keep(Kept {
                conversation: ConversationId::from_u128(7),
                name: "Antrag.pdf".into(),
                media_type: "application/pdf".into(),
                bytes: 7,
                content,
            })
        };
        (somebody(dice), input)
    }
}

/// How many entries of the actor's journal say that they were kept for this.
fn kept(town: &Town, key: Key, asker: Asker) -> usize {
    let request = codec::encode(&asker.request().expect("asked under a request"));
    town.entries(key).iter().filter(|body| body.ends_with(&request)).count()
}

/// Something that was asked, and the answer once it was done.
struct Past<M: Subject> {
    asker: Asker,
    input: M::Input,
    done: Option<Done>,
}

/// One actor's life on two nodes, with half of everything asked again, some time later. Says whether
/// anything was done.
async fn lives<M: Subject>(seed: u64) -> bool {
    const STEPS: u128 = 60;
    const { assert!(STEPS <= limits::REQUESTS_PER_SESSION as u128) };
    let (town, mut dice) = (Town::of(2).await, Dice::new(seed));
    let mut past: Vec<Past<M>> = Vec::new();
    for number in 1..=STEPS {
        if dice.one_in(8) {
            town.move_to(1 + dice.below(2)).await;
        }
        if past.is_empty() || dice.one_in(2) {
            let (by, input) = M::any(&mut dice);
            let asker = Asker::under(by, RequestId::from_u128(number));
            past.push(Past { asker, input, done: None });
        }
        let at = if dice.one_in(2) { past.len() as u64 - 1 } else { dice.below(past.len() as u64) };
        let it = &mut past[at as usize];
        let house = town.house(1 + dice.below(2));
        let answer = house.ask::<M>(M::KEY, it.asker, it.input.clone()).await;
        let times = kept(&town, M::KEY, it.asker);
        assert!(times <= 1, "K7, seed {seed}: done {times} times");
        match &it.done {
            Some(before) => assert_eq!(&answer, before, "K7, seed {seed}: another answer"),
            None => it.done = (times == 1).then_some(answer),
        }
    }
    // A room that nobody opened knows nothing to do.
    past.iter().any(|it| it.done.is_some())
}

#[tokio::test]
async fn k7_ho3_any_command_that_comes_twice_takes_effect_once_and_is_answered_the_same() {
    let mut busy = [0; 6];
    for seed in 0..8 {
        let lived = [
            lives::<Room>(seed).await,
            lives::<Conversation>(seed).await,
            lives::<Tenant>(seed).await,
            lives::<Session>(seed).await,
            lives::<Vault>(seed).await,
            lives::<File>(seed).await,
        ];
        busy.iter_mut().zip(lived).for_each(|(busy, lived)| *busy += u32::from(lived));
    }
    assert!(busy.iter().all(|lives| *lives >= 6), "most of them lived: {busy:?}");
}

async fn opened(house: &Arc<House>) {
    let open = room::Input::Open { case: CASE, lead: expert(1).person };
    house.ask::<Room>(ROOM, Caller::node(BANK), open).await.expect("opened");
}

#[tokio::test]
async fn ho3_what_was_done_before_its_node_died_is_answered_as_done_by_the_next() {
    let town = Town::of(3).await;
    opened(&town.house(1)).await;
    let (lead, guest) = (expert(1), customer(2));
    let session = guest.session;
    let asks = [
        (lead, RoomCommand::Knock {}),
        (guest, RoomCommand::Knock {}),
        (lead, RoomCommand::Reject { session }),
        (guest, RoomCommand::Knock {}),
        (lead, RoomCommand::Admit { session }),
        (lead, RoomCommand::Mute { session }),
        (guest, RoomCommand::Unmute {}),
        (lead, RoomCommand::Lock {}),
        (lead, RoomCommand::Unlock {}),
        (lead, RoomCommand::HandOver { session: lead.session }),
        (lead, RoomCommand::Remove { session }),
        (lead, RoomCommand::Leave {}),
        (lead, RoomCommand::End {}),
    ];
    for (number, (by, command)) in asks.into_iter().enumerate() {
        town.lose_answers(1);
        let asked = {
            let (house, what) = (town.house(3), room::Input::Command(command.clone()));
            tokio::spawn(async move { house.ask::<Room>(ROOM, by, what).await })
        };
        until("it is done, and nobody hears of it", || town.answers_to_lose() == 0).await;
        town.move_to(1 + (number as u64 + 1) % 2).await;
        let answer = asked.await.expect("ran");
        assert_eq!(answer, Ok(Seq(number as u64 + 2)), "HO3: {command:?}");
        assert_eq!(town.entries(ROOM).len(), number + 2, "HO3: {command:?}");
    }
}

#[tokio::test]
async fn k7_a_browser_that_asks_again_elsewhere_changes_nothing_that_came_in_between() {
    let town = Town::of(2).await;
    let key = super::town::open(&town.house(1), 7).await;
    assert_eq!(key, talk(7));
    let message = MessageId::from_u128(1);
    let ask = async |node, id, command: ConversationCommand| {
        let asker = Asker::under(customer(2), RequestId::from_u128(id));
        let input = conversation::Input::Command(command);
        town.house(node).ask::<Conversation>(key, asker, input).await
    };
    let edit = |text: &str| ConversationCommand::Edit { message, text: text.into() };
    let say = ConversationCommand::Say { message, text: "erst".into(), files: Vec::new() };
    ask(1, 1, say.clone()).await.expect("said");
    let first = ask(1, 2, edit("A")).await;
    ask(1, 3, edit("B")).await.expect("edited");
    town.move_to(2).await;
    assert_eq!(ask(2, 2, edit("A")).await, first, "K7");
    assert_eq!(ask(2, 1, say).await, Ok(Seq(4)), "K7");
    assert_eq!(town.entries(key).len(), 6, "A, and then B");
    assert_eq!(ask(2, 4, edit("A")).await, Ok(Seq(7)), "another request is another edit");
}

#[tokio::test]
async fn k7_requests_are_saved_with_the_fold_and_older_ones_forgotten() {
    // Most of what is remembered in the end was saved, the rest follows in the journal.
    const TURNS: u64 = limits::SNAPSHOT_EVERY + 10;
    let town = Town::of(2).await;
    opened(&town.house(1)).await;
    let turn = |number: u64| match number % 2 {
        1 => room::Input::Command(RoomCommand::Lock {}),
        _ => room::Input::Command(RoomCommand::Unlock {}),
    };
    let ask = async |node, number: u64| {
        let asker = Asker::under(expert(1), RequestId::from_u128(number.into()));
        town.house(node).ask::<Room>(ROOM, asker, turn(number)).await
    };
    for number in 1..=TURNS {
        assert_eq!(ask(1, number).await, Ok(Seq(number + 1)));
    }
    until("the fold is saved", || town.is_saved(ROOM)).await;
    town.move_to(2).await;
    let kept = limits::REQUESTS_PER_SESSION as u64;
    for number in TURNS - kept + 1..=TURNS {
        assert_eq!(ask(2, number).await, Ok(Seq(number + 1)), "K7");
    }
    assert_eq!(town.entries(ROOM).len() as u64, TURNS + 1);
    // Beyond the bound it is another command, as it would be without any memory.
    assert_eq!(ask(2, 1).await, Ok(Seq(TURNS + 2)), "AN1");
}

#[tokio::test]
async fn as_long_as_a_member_cannot_read_requests_none_are_written_or_sent() {
    let town = Town::of(2).await;
    town.level(1);
    opened(&town.house(2)).await;
    let lock = room::Input::Command(RoomCommand::Lock {});
    let asker = Asker::under(expert(1), RequestId::from_u128(1));
    let locked = town.house(2).ask::<Room>(ROOM, asker, lock.clone()).await;
    assert_eq!(locked, Ok(Seq(2)));
    let bare = codec::encode(&protocol::room::RoomEvent::Locked {});
    assert_eq!(town.entries(ROOM)[1], bare, "an entry of the first release");
    // Everybody speaks the newer words: what was written before is read, what follows is known.
    town.level(protocol::version::PEER_WIRE);
    town.move_to(2).await;
    let unlock = room::Input::Command(RoomCommand::Unlock {});
    let asker = Asker::under(expert(1), RequestId::from_u128(2));
    for _ in 0..2 {
        let unlocked = town.house(1).ask::<Room>(ROOM, asker, unlock.clone()).await;
        assert_eq!(unlocked, Ok(Seq(3)));
        town.house(1).ask::<Room>(ROOM, expert(1), lock.clone()).await.expect("locked");
    }
    assert_eq!(town.entries(ROOM)[2].len(), bare.len() + limits::REQUEST_BYTES);
    let other = TenantId::from_u128(0xbb);
    assert!(town.house(1).ask::<Room>(ROOM, Caller::node(other), lock).await.is_err());
}
