//! Who may give what to whom, one story a test.

use super::*;
use crate::trial::{BANK, Trial, expert, who};
use AccountsCommand as Do;
use AccountsRefusal as No;

const ANNA: u128 = 1;
const BELA: u128 = 2;
const CARO: u128 = 3;
const DORA: u128 = 4;

const HOUR: Span = Span::from_secs(3600);

fn person(number: u128) -> PersonId {
    PersonId::from_u128(number)
}

fn admin(number: u128) -> Caller {
    who(number, Role::Administrator)
}

fn admit(accounts: &mut Trial<Accounts>, number: u128, role: Role) -> Result<usize, No> {
    let input = Input::Admit { person: person(number), role };
    accounts.ask(Caller::node(BANK), input).map(|plan| plan.events.len())
}

fn ask(
    accounts: &mut Trial<Accounts>,
    by: Caller,
    command: Do,
    grant: u128,
) -> Result<Plan<Accounts>, No> {
    let grant = GrantId::from_u128(grant);
    accounts.ask(by, Input::Command { command, grant, before: None })
}

fn told(accounts: &mut Trial<Accounts>, by: u128, command: Do) -> Result<(), No> {
    ask(accounts, admin(by), command, 100).map(drop)
}

fn request(role: Role, number: u128, life: Option<Span>) -> Do {
    Do::Request { person: person(number), role, life }
}

fn approve(grant: u128) -> Do {
    Do::Approve { grant: GrantId::from_u128(grant) }
}

fn grant(grant: u128) -> Do {
    Do::Grant { grant: GrantId::from_u128(grant) }
}

fn roles(accounts: &Trial<Accounts>, number: u128) -> Vec<Role> {
    let held = accounts.machine.roles(person(number), accounts.now);
    held.unwrap_or_default().iter().map(|it| it.role).collect()
}

/// Two administrators and an expert.
fn founded() -> Trial<Accounts> {
    let mut accounts = Trial::new();
    for (number, role) in
        [(ANNA, Role::Administrator), (BELA, Role::Administrator), (CARO, Role::Expert)]
    {
        assert_eq!(admit(&mut accounts, number, role), Ok(1));
    }
    accounts
}

#[test]
fn ac5_the_machine_lets_two_administrators_in_and_no_other_critical_right() {
    let mut accounts = founded();
    assert_eq!(admit(&mut accounts, ANNA, Role::Administrator), Ok(0), "done before");
    assert_eq!(admit(&mut accounts, DORA, Role::Administrator), Err(No::Founded), "AC5");
    for role in [Role::Operator, Role::Auditor, Role::ProtectionOfficer, Role::Support] {
        assert_eq!(admit(&mut accounts, DORA, role), Err(No::Critical), "AC5");
    }
    assert_eq!(admit(&mut accounts, DORA, Role::Expert), Ok(1));
    let input = Input::Admit { person: person(9), role: Role::Expert };
    assert_eq!(accounts.ask(admin(ANNA), input).err(), Some(No::NotAllowed));
}

#[test]
fn ac1_a_critical_right_takes_a_request_an_approval_and_a_grant_by_two_people_at_least() {
    for role in [Role::Administrator, Role::Operator, Role::ProtectionOfficer] {
        let mut accounts = founded();
        assert_eq!(told(&mut accounts, ANNA, request(role, CARO, None)), Ok(()));
        assert_eq!(told(&mut accounts, ANNA, grant(100)), Err(No::NotApproved));
        assert_eq!(told(&mut accounts, ANNA, approve(100)), Err(No::SamePerson), "AC1, S134");
        assert_eq!(told(&mut accounts, BELA, approve(100)), Ok(()));
        assert_eq!(told(&mut accounts, BELA, approve(100)), Err(No::Approved));
        assert_eq!(told(&mut accounts, BELA, grant(100)), Err(No::SamePerson), "AC1, S134");
        assert_eq!(roles(&accounts, CARO), [Role::Expert], "not yet");
        assert_eq!(told(&mut accounts, ANNA, grant(100)), Ok(()));
        assert!(roles(&accounts, CARO).contains(&role));
        assert_eq!(told(&mut accounts, ANNA, grant(100)), Err(No::NotFound), "once");
    }
}

#[test]
fn nobody_has_a_hand_in_a_right_of_their_own() {
    let mut accounts = founded();
    let own = request(Role::Operator, ANNA, None);
    assert_eq!(told(&mut accounts, ANNA, own.clone()), Err(No::Own));
    assert_eq!(told(&mut accounts, BELA, own), Ok(()));
    assert_eq!(told(&mut accounts, ANNA, approve(100)), Err(No::Own));
    let mine = Do::Assign { person: person(ANNA), role: Role::Expert };
    assert_eq!(told(&mut accounts, ANNA, mine), Err(No::Own));
    // A third one approves, and then whoever it is for still grants nothing.
    let third = request(Role::Administrator, CARO, None);
    ask(&mut accounts, admin(ANNA), third, 200).expect("asked for");
    told(&mut accounts, BELA, approve(200)).expect("approved");
    told(&mut accounts, ANNA, grant(200)).expect("granted");
    told(&mut accounts, CARO, approve(100)).expect("approved");
    assert_eq!(told(&mut accounts, ANNA, grant(100)), Err(No::Own));
    assert_eq!(told(&mut accounts, BELA, grant(100)), Ok(()), "who requested may grant");
}

#[test]
fn a_right_that_is_not_critical_takes_one_administrator_and_a_critical_one_never() {
    let mut accounts = founded();
    for role in [Role::Expert, Role::Customer] {
        let assign = Do::Assign { person: person(CARO), role };
        assert_eq!(told(&mut accounts, ANNA, assign), Ok(()));
        assert_eq!(told(&mut accounts, ANNA, request(role, CARO, None)), Err(No::NotCritical));
    }
    for role in Role::PEOPLE.into_iter().filter(|role| is_critical(*role)) {
        let assign = Do::Assign { person: person(CARO), role };
        assert_eq!(told(&mut accounts, ANNA, assign), Err(No::Critical), "{role:?}");
    }
    let nobody = Do::Assign { person: person(99), role: Role::Expert };
    assert_eq!(told(&mut accounts, ANNA, nobody), Err(No::NotFound));
    let node = Do::Assign { person: person(CARO), role: Role::Node };
    assert_eq!(told(&mut accounts, ANNA, node), Err(No::NoSuchRole));
}

#[test]
fn ac2_support_and_auditors_are_let_in_for_a_time_that_is_near() {
    let mut accounts = founded();
    for (role, most) in
        [(Role::Support, limits::SUPPORT_LIFE), (Role::Auditor, limits::AUDITOR_LIFE)]
    {
        let more = Span::from_ms(most.ms() + 1);
        for life in [None, Some(more), Some(Span::from_ms(0))] {
            let bad = request(role, CARO, life);
            assert_eq!(told(&mut accounts, ANNA, bad), Err(No::BadLife), "AC2 {life:?}");
        }
    }
    told(&mut accounts, ANNA, request(Role::Support, CARO, Some(HOUR))).expect("asked for");
    told(&mut accounts, BELA, approve(100)).expect("approved");
    told(&mut accounts, ANNA, grant(100)).expect("granted");
    let held = accounts.machine.roles(person(CARO), accounts.now).expect("an account");
    assert_eq!(held[1].until, Some(accounts.now.after(HOUR)), "the least powerful first");
    accounts.now = accounts.now.after(HOUR);
    assert_eq!(roles(&accounts, CARO), [Role::Expert], "AC3: over by itself");
    let again = request(Role::Support, CARO, Some(HOUR));
    assert_eq!(told(&mut accounts, ANNA, again), Ok(()));
}

#[test]
fn ac3_taking_away_is_one_step_and_cuts_off_at_once() {
    let mut accounts = founded();
    let take = |number, role| Do::Withdraw { person: person(number), role };
    let plan = ask(&mut accounts, admin(ANNA), take(CARO, Role::Expert), 100).expect("taken");
    assert_eq!(plan.effects, [Effect::Expel(BANK, person(CARO), Role::Expert)], "AC3");
    assert!(roles(&accounts, CARO).is_empty());
    assert_eq!(told(&mut accounts, ANNA, take(CARO, Role::Expert)), Err(No::NotHeld));
    assert_eq!(told(&mut accounts, ANNA, take(BELA, Role::Administrator)), Ok(()));
    let late = request(Role::Operator, CARO, None);
    assert_eq!(told(&mut accounts, BELA, late), Err(No::NotAllowed), "no administrator any more");
    let last = take(ANNA, Role::Administrator);
    assert_eq!(told(&mut accounts, ANNA, last), Err(No::LastAdministrator), "AC4");
}

#[test]
fn what_a_former_administrator_began_is_not_gone_on_with() {
    let mut accounts = founded();
    told(&mut accounts, ANNA, request(Role::Administrator, CARO, None)).expect("asked for");
    told(&mut accounts, BELA, approve(100)).expect("approved");
    let take = Do::Withdraw { person: person(BELA), role: Role::Administrator };
    told(&mut accounts, ANNA, take).expect("taken");
    assert_eq!(told(&mut accounts, ANNA, grant(100)), Err(No::NotApproved));
}

#[test]
fn a_role_from_before_there_were_accounts_is_adopted_once_and_can_be_taken_away() {
    let mut accounts = founded();
    let (dora, role) = (person(DORA), Role::Expert);
    let command = Do::Withdraw { person: dora, role };
    let input =
        |before| Input::Command { command: command.clone(), grant: GrantId::from_u128(7), before };
    assert_eq!(accounts.ask(admin(ANNA), input(None)).err(), Some(No::NotFound));
    let plan = accounts.ask(admin(ANNA), input(Some(role))).expect("taken");
    assert_eq!(plan.events.len(), 2, "adopted, withdrawn");
    assert!(roles(&accounts, DORA).is_empty());
    assert_eq!(accounts.ask(admin(ANNA), input(Some(role))).err(), Some(No::NotHeld), "once");
}

#[test]
fn a_request_lapses_and_is_asked_for_once_at_a_time() {
    let mut accounts = founded();
    let asked = request(Role::Operator, CARO, None);
    told(&mut accounts, ANNA, asked.clone()).expect("asked for");
    let again = ask(&mut accounts, admin(ANNA), asked.clone(), 100).expect("the same");
    assert!(again.events.is_empty());
    assert_eq!(ask(&mut accounts, admin(BELA), asked.clone(), 200).err(), Some(No::Already));
    accounts.now = accounts.now.after(limits::GRANT_OPEN);
    assert_eq!(told(&mut accounts, BELA, approve(100)), Err(No::Lapsed));
    assert_eq!(ask(&mut accounts, admin(BELA), asked, 200).map(drop), Ok(()));
    let reject = Do::Reject { grant: GrantId::from_u128(200) };
    assert_eq!(told(&mut accounts, ANNA, reject), Ok(()));
    assert_eq!(told(&mut accounts, ANNA, approve(200)), Err(No::NotFound));
}

#[test]
fn accounts_are_seen_by_few_and_changed_by_administrators() {
    let mut accounts = founded();
    for role in Role::PEOPLE {
        let sees = [Role::Administrator, Role::Auditor, Role::ProtectionOfficer].contains(&role);
        let by = who(50, role);
        assert_eq!(accounts.machine.view(&by, Seq::START).is_ok(), sees, "{role:?}");
        let assign = Do::Assign { person: person(CARO), role: Role::Customer };
        let may = role == Role::Administrator;
        assert_eq!(ask(&mut accounts, by, assign, 1).is_ok(), may, "{role:?}");
    }
    let view = accounts.machine.view(&admin(ANNA), Seq::START).expect("may look");
    assert_eq!((view.accounts.len(), view.history.len()), (3, 4));
    assert!(accounts.machine.view(&expert(1), Seq::START).is_err());
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut accounts = founded();
    for _ in 0..limits::ACCOUNTS_HISTORY {
        for command in [
            Do::Withdraw { person: person(CARO), role: Role::Expert },
            Do::Assign { person: person(CARO), role: Role::Expert },
        ] {
            told(&mut accounts, ANNA, command).expect("done");
        }
    }
    assert_eq!(accounts.machine.history.len(), limits::ACCOUNTS_HISTORY);
    for number in 0..limits::GRANTS_OPEN as u128 {
        assert_eq!(admit(&mut accounts, 1000 + number, Role::Expert), Ok(1));
        let asked = request(Role::Operator, 1000 + number, None);
        ask(&mut accounts, admin(ANNA), asked, 5000 + number).expect("asked for");
    }
    let asked = request(Role::Operator, CARO, None);
    assert_eq!(told(&mut accounts, ANNA, asked), Err(No::TooMany));
}
