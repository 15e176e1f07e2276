//! The conversation's rules, one story a test.

use super::*;
use crate::trial::{BANK, OTHER_BANK, Trial, customer, expert, vectors, who};

const CASE: CaseId = CaseId::from_u128(7);

fn open() -> Trial<Conversation> {
    let mut talk = Trial::new();
    let people = vec![expert(1).person, customer(2).person];
    talk.ask(Caller::node(BANK), Input::Open { case: CASE, people }).expect("opens");
    talk
}

fn ask(
    talk: &mut Trial<Conversation>,
    by: Caller,
    command: ConversationCommand,
) -> Result<usize, ConversationRefusal> {
    talk.ask(by, Input::Command(command)).map(|plan| plan.events.len())
}

fn say(number: u128, text: &str) -> ConversationCommand {
    let message = MessageId::from_u128(number);
    ConversationCommand::Say { message, text: text.into(), files: Vec::new() }
}

#[test]
fn v1_said_twice_is_one_message_and_both_are_told_yes() {
    let mut talk = open();
    assert_eq!(ask(&mut talk, customer(2), say(1, "Guten Tag")), Ok(1));
    assert_eq!(ask(&mut talk, customer(2), say(1, "Guten Tag")), Ok(0));
    assert_eq!(ask(&mut talk, expert(1), say(1, "x")), Err(ConversationRefusal::IdTaken));
    assert_eq!(talk.machine.messages.len(), 1);
}

#[test]
fn v3_strangers_administrators_and_other_tenants_hear_nothing() {
    let mut talk = open();
    ask(&mut talk, customer(2), say(1, "Guten Tag")).expect("says");
    let said = ConversationEvent::Erased { message: MessageId::from_u128(1) };
    for stranger in
        [customer(9), who(5, Role::Administrator), Caller { tenant: OTHER_BANK, ..customer(9) }]
    {
        assert_eq!(ask(&mut talk, stranger, say(2, "x")), Err(ConversationRefusal::NotFound));
        assert!(talk.machine.view(&stranger, Seq::START).is_err());
        assert!(!talk.machine.tells(&stranger, &News::Event(&said)), "V3");
    }
    let admin = who(2, Role::Administrator); // a person of the conversation, in the wrong role
    assert!(talk.machine.view(&admin, Seq::START).is_err());
}

#[test]
fn own_messages_are_edited_and_taken_back_and_others_are_not() {
    let mut talk = open();
    let message = MessageId::from_u128(1);
    ask(&mut talk, customer(2), say(1, "Gutn Tag")).expect("says");
    let edit = |text: &str| ConversationCommand::Edit { message, text: text.into() };
    assert_eq!(ask(&mut talk, expert(1), edit("x")), Err(ConversationRefusal::NotYours));
    assert_eq!(ask(&mut talk, customer(2), edit("Guten Tag")), Ok(1));
    assert_eq!(ask(&mut talk, customer(2), ConversationCommand::Erase { message }), Ok(1));
    assert_eq!(ask(&mut talk, customer(2), edit("x")), Err(ConversationRefusal::Gone));
    let view = talk.machine.view(&expert(1), Seq::START).expect("may look");
    assert!(view.messages[0].erased && view.messages[0].text.is_empty(), "V4");
}

#[test]
fn a_browser_that_was_away_gets_what_changed_and_nothing_else() {
    let mut talk = open();
    for number in 1..=5 {
        ask(&mut talk, customer(2), say(number, "x")).expect("says");
    }
    let before = talk.seq;
    ask(&mut talk, expert(1), say(6, "y")).expect("says");
    let message = MessageId::from_u128(2);
    let text = "z".into();
    ask(&mut talk, customer(2), ConversationCommand::Edit { message, text }).expect("edits");
    let view = talk.machine.view(&customer(2), before).expect("may look");
    let changed: Vec<_> = view.messages.iter().map(|it| it.message.as_u128()).collect();
    assert_eq!((view.continues, changed), (true, vec![2, 6]));
    let future = talk.machine.view(&customer(2), Seq(999)).expect("may look");
    assert!(!future.continues, "a position of another life is started over");
}

#[test]
fn a_long_conversation_is_shown_by_pages_without_gap_or_double() {
    let mut talk = open();
    let total = limits::VIEW_MESSAGES as u128 * 2 + 10;
    for number in 1..=total {
        ask(&mut talk, customer(2), say(number, "x")).expect("says");
    }
    let view = talk.machine.view(&customer(2), Seq::START).expect("may look");
    let mut seen = view.messages;
    let mut more = view.earlier;
    while more {
        let (mut page, earlier) =
            talk.machine.page(&customer(2), seen[0].message).expect("may look");
        page.extend(seen);
        (seen, more) = (page, earlier);
    }
    let ids: Vec<_> = seen.iter().map(|it| it.message.as_u128()).collect();
    assert_eq!(ids, (1..=total).collect::<Vec<_>>(), "V2");
}

#[test]
fn a_page_of_the_longest_messages_fits_a_frame() {
    let mut talk = open();
    let long = "\u{1}".repeat(limits::MESSAGE_CHARS - 1) + "x"; // six bytes each in JSON
    for number in 1..=300 {
        ask(&mut talk, customer(2), say(number, &long)).expect("says");
    }
    let view = talk.machine.view(&customer(2), Seq::START).expect("may look");
    assert!(view.earlier && !view.messages.is_empty());
    let bytes = protocol::codec::to_json(&view).len();
    assert!(bytes <= limits::FRAME_DOWN_BYTES * 2, "{bytes} bytes");
}

#[test]
fn read_marks_only_rise_and_never_run_ahead() {
    let mut talk = open();
    ask(&mut talk, customer(2), say(1, "x")).expect("says");
    let upto = talk.seq;
    assert_eq!(ask(&mut talk, expert(1), ConversationCommand::Read { upto }), Ok(1));
    let back = ConversationCommand::Read { upto: Seq(1) };
    assert_eq!(ask(&mut talk, expert(1), back), Ok(0));
    let ahead = ConversationCommand::Read { upto: Seq(999) };
    assert_eq!(ask(&mut talk, expert(1), ahead), Err(ConversationRefusal::NotYet));
}

#[test]
fn typing_is_told_to_others_and_kept_nowhere() {
    let mut talk = open();
    let plan = talk.ask(customer(2), Input::Command(ConversationCommand::Type {})).expect("types");
    assert!(plan.events.is_empty() && plan.notes.len() == 1);
    let news = News::Note(&plan.notes[0]);
    assert!(talk.machine.tells(&expert(1), &news) && !talk.machine.tells(&customer(2), &news));
}

#[test]
fn only_the_node_changes_who_may_talk() {
    let mut talk = open();
    let grant = || Input::Grant(customer(9).person);
    let by_person = talk.ask(expert(1), grant()).map(|_| ());
    assert_eq!(by_person, Err(ConversationRefusal::NotFound));
    talk.ask(Caller::node(BANK), grant()).expect("the node grants");
    assert_eq!(ask(&mut talk, customer(9), say(3, "x")), Ok(1));
    talk.ask(Caller::node(BANK), Input::Withdraw(customer(9).person)).expect("withdraws");
    assert_eq!(ask(&mut talk, customer(9), say(4, "x")), Err(ConversationRefusal::NotFound));
}

#[test]
fn v5_bad_text_and_bad_files_are_refused_before_anything_is_kept() {
    let mut talk = open();
    let no = ConversationRefusal::BadText;
    assert_eq!(ask(&mut talk, customer(2), say(1, " \n ")), Err(no));
    let long = "ä".repeat(limits::MESSAGE_CHARS + 1);
    assert_eq!(ask(&mut talk, customer(2), say(1, &long)), Err(no));
    let files = vec![FileId::from_u128(1); 2];
    let twice =
        ConversationCommand::Say { message: MessageId::from_u128(1), text: "x".into(), files };
    assert_eq!(ask(&mut talk, customer(2), twice), Err(ConversationRefusal::BadFiles));
    assert!(talk.machine.messages.is_empty());
}

#[test]
fn golden_vectors_fold_to_their_views() {
    for vector in vectors("conversation/folds.json") {
        let mut talk = Conversation::default();
        for kept in vector["events"].as_array().expect("events") {
            let event = serde_json::from_value(kept["event"].clone()).expect("event");
            let seq = Seq(kept["seq"].as_u64().expect("seq"));
            talk.fold(seq, Time::from_ms(kept["at"].as_u64().expect("at")), &event);
            talk.check();
        }
        let by: Caller = serde_json::from_value(vector["by"].clone()).expect("caller");
        let after = Seq(vector["after"].as_u64().unwrap_or_default());
        let view: ConversationView = serde_json::from_value(vector["state"].clone()).expect("view");
        assert_eq!(talk.view(&by, after), Ok(view), "{}", vector["name"]);
    }
}
