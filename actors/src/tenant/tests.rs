//! The tenant's rules, one story a test.

use super::*;
use crate::trial::{BANK, Trial, customer, expert, who};

const CASE: CaseId = CaseId::from_u128(7);
const LINK: LinkId = LinkId::from_u128(8);

fn ask(
    tenant: &mut Trial<Tenant>,
    by: Caller,
    command: TenantCommand,
    number: u128,
) -> Result<Plan<Tenant>, TenantRefusal> {
    let (case, link) = (CaseId::from_u128(number), LinkId::from_u128(number + 1));
    let customer = PersonId::from_u128(number + 2);
    tenant.ask(by, Input::Command { command, case, link, customer })
}

fn opened() -> Trial<Tenant> {
    let mut tenant = Trial::new();
    let title = "Baufinanzierung".into();
    ask(&mut tenant, expert(1), TenantCommand::Open { title }, 7).expect("opens");
    tenant
}

#[test]
fn a_case_is_opened_once_however_often_it_is_asked() {
    let mut tenant = opened();
    let title = "Baufinanzierung".into();
    let again = ask(&mut tenant, expert(1), TenantCommand::Open { title }, 7).expect("again");
    assert!(again.events.is_empty());
    let view = tenant.machine.view(&expert(1), Seq::START).expect("may look");
    assert_eq!((view.cases.len(), view.cases[0].links.len()), (1, 1));
}

#[test]
fn an_unsettled_case_is_asked_for_again_after_every_awakening() {
    let mut tenant = opened();
    let mut wake = Plan::empty();
    tenant.machine.wake(Key::Tenant(BANK), tenant.now, &mut wake);
    assert_eq!(wake.effects.len(), 2);
    tenant.ask(Caller::node(BANK), Input::Settle { case: CASE, ended: false }).expect("settles");
    let mut wake = Plan::empty();
    tenant.machine.wake(Key::Tenant(BANK), tenant.now, &mut wake);
    assert!(wake.effects.is_empty());
}

#[test]
fn a_closed_case_cuts_its_guests_and_is_settled_by_its_end_alone() {
    let mut tenant = opened();
    let close = TenantCommand::Close { case: CASE };
    let plan = ask(&mut tenant, expert(1), close, 50).expect("closes");
    assert!(plan.effects.contains(&Effect::Cut(LINK)));
    let begun = Input::Settle { case: CASE, ended: false };
    let late = tenant.ask(Caller::node(BANK), begun).expect("is heard");
    assert!(late.events.is_empty(), "the beginning says nothing of the end");
    let over = tenant.ask(Caller::node(BANK), Input::Settle { case: CASE, ended: true });
    assert_eq!(over.expect("settles").events.len(), 1);
}

#[test]
fn t2_a_link_id_that_is_taken_opens_no_other_case() {
    let mut tenant = opened();
    let (command, case) = (TenantCommand::Open { title: "x".into() }, CaseId::from_u128(70));
    let customer = PersonId::from_u128(71);
    let taken = Input::Command { command, case, link: LINK, customer };
    assert_eq!(tenant.ask(expert(1), taken).map(|_| ()), Err(TenantRefusal::NotFound));
}

#[test]
fn t3_an_expert_neither_sees_nor_changes_anothers_case() {
    let mut tenant = opened();
    assert!(tenant.machine.view(&expert(9), Seq::START).expect("may look").cases.is_empty());
    for command in [TenantCommand::Close { case: CASE }, TenantCommand::Revoke { link: LINK }] {
        let no = ask(&mut tenant, expert(9), command, 50).map(|_| ());
        assert_eq!(no, Err(TenantRefusal::NotFound));
    }
    assert_eq!(tenant.machine.link_of(&expert(9), CASE, LINK), Err(TenantRefusal::NotFound));
}

#[test]
fn customers_and_administrators_open_nothing() {
    let mut tenant = opened();
    for by in [customer(2), who(5, Role::Administrator)] {
        let title = "x".into();
        let no = ask(&mut tenant, by, TenantCommand::Open { title }, 60).map(|_| ());
        assert_eq!(no, Err(TenantRefusal::NotAnExpert));
    }
}

#[test]
fn a_link_opens_its_case_until_it_is_revoked_expired_or_the_case_closed() {
    let tenant = opened();
    let now = tenant.now;
    let opens = tenant.machine.opens(now, LINK).expect("opens");
    assert_eq!(opens.case, CASE);
    let late = now.after(limits::LINK_LIFE);
    assert_eq!(tenant.machine.opens(late, LINK), Err(TenantRefusal::LinkExpired));
    let unknown = LinkId::from_u128(99);
    assert_eq!(tenant.machine.opens(now, unknown), Err(TenantRefusal::NotFound));

    let mut revoked = opened();
    let plan =
        ask(&mut revoked, expert(1), TenantCommand::Revoke { link: LINK }, 50).expect("revokes");
    assert!(plan.effects.contains(&Effect::Cut(LINK)));
    assert_eq!(revoked.machine.opens(now, LINK), Err(TenantRefusal::LinkRevoked));

    let mut closed = opened();
    ask(&mut closed, expert(1), TenantCommand::Close { case: CASE }, 50).expect("closes");
    assert_eq!(closed.machine.opens(now, LINK), Err(TenantRefusal::CaseClosed));
}

#[test]
fn t1_t2_links_are_bounded_and_belong_to_one_case() {
    let mut tenant = opened();
    let invite = || TenantCommand::Invite { case: CASE, life: Span::from_secs(3600) };
    for number in 1..limits::CASE_LINKS as u128 {
        ask(&mut tenant, expert(1), invite(), 100 + number * 10).expect("invites");
    }
    let no = ask(&mut tenant, expert(1), invite(), 9000).map(|_| ());
    assert_eq!(no, Err(TenantRefusal::TooManyLinks));
    let forever = TenantCommand::Invite { case: CASE, life: Span::from_ms(u64::MAX) };
    let mut fresh = opened();
    let no = ask(&mut fresh, expert(1), forever, 50).map(|_| ());
    assert_eq!(no, Err(TenantRefusal::BadLife));
}
