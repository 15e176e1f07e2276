//! The table holds what Annex 4 and S235-S238 say, and nothing is missing from it.

use super::*;
use std::collections::BTreeSet;

/// Acts about these matters.
fn about(matters: &[Matter]) -> Vec<Act> {
    Act::ALL.iter().copied().filter(|act| matters.contains(&act.matter())).collect()
}

#[test]
fn s238_administrators_take_no_part_in_streams_content_and_signing() {
    let acts = about(&[Matter::Stream, Matter::Content, Matter::Signing]);
    assert!(acts.len() > 25, "rooms, calls, messages and files: {}", acts.len());
    for act in acts {
        assert_eq!(act.cell(Who::Administrator), Cell::Empty, "RI2, S238: {}", act.name());
        assert_eq!(act.by(Role::Administrator), Err(RightsRefusal::NotAllowed), "{}", act.name());
    }
    // Also what is not built yet.
    assert!(is_empty_cell(Who::Administrator, Matter::Signing), "S238");
}

#[test]
fn s238_customers_have_no_calendar_credentials_and_no_tickets() {
    for matter in [Matter::CalendarSecrets, Matter::Tickets] {
        assert!(is_empty_cell(Who::Customer, matter), "S238: {matter:?}");
        for act in about(&[matter]) {
            assert_eq!(act.cell(Who::Customer), Cell::Empty, "S238: {}", act.name());
        }
    }
}

#[test]
fn s235_to_s237_each_role_does_its_own_and_narrow_roles_see_no_content() {
    for act in about(&[Matter::Cases, Matter::Stream, Matter::Content]) {
        assert_eq!(act.cell(Who::Expert), Cell::Allowed, "S236: {}", act.name());
        let narrow = [Who::Operator, Who::Auditor, Who::ProtectionOfficer, Who::Support, Who::Desk];
        for who in narrow.into_iter().chain([Who::Visitor, Who::Machine]) {
            assert_eq!(act.cell(who), Cell::Refused, "{} {who:?}", act.name());
        }
    }
    for steering in [Act::RoomAdmit, Act::RoomEnd, Act::RoomMute, Act::CaseOpen] {
        assert_eq!(steering.cell(Who::Customer), Cell::Refused, "S236: {}", steering.name());
    }
}

#[test]
fn ri1_the_node_is_no_person_and_only_administrators_change_rights() {
    for act in Act::ALL {
        assert!(act.by(Role::Node).is_err(), "RI1: {}", act.name());
    }
    for act in about(&[Matter::Rights]) {
        let reads = [Act::RightsTable, Act::RightsWatch, Act::RightsNames].contains(&act);
        for role in [Role::Auditor, Role::ProtectionOfficer] {
            assert!(act.by(role).is_err() || reads, "read-only: {} {role:?}", act.name());
        }
        for role in [Role::Expert, Role::Customer, Role::Operator, Role::Support] {
            assert!(act.by(role).is_err(), "{} {role:?}", act.name());
        }
    }
}

#[test]
fn ri3_names_and_paths_are_each_of_one_thing() {
    let names: BTreeSet<_> = Act::ALL.iter().map(|act| act.name()).collect();
    assert_eq!(names.len(), Act::ALL.len(), "RI3");
    let paths: BTreeSet<_> = Route::ALL.iter().map(|route| route.path()).collect();
    assert_eq!(paths.len(), Route::ALL.len(), "RI3");
    for (at, who) in Who::ALL.iter().enumerate() {
        assert_eq!(*who as usize, at, "every column once, in its order");
    }
}

#[test]
fn s128_the_matrix_has_every_cell() {
    let text = csv();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), Act::ALL.len() + 1);
    assert!(lines.iter().all(|line| line.split(',').count() == Who::ALL.len() + 2), "{text}");
    assert!(text.contains("conversation.say,Content,no,never (S238),yes,yes,no"), "{text}");
}
