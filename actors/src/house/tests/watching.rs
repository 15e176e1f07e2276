//! Watchers on another node: told once per node, and what is lost is watched anew.

use protocol::{
    frame::{Cut, Refusal, ToBrowser},
    id::{Seq, SessionId},
};
use std::collections::BTreeMap;

use super::town::{Browser, Town, open, say, until};
use crate::{
    handle::{Cursor, No, Watch},
    outbox::outbox,
    trial::{customer, expert},
};

#[tokio::test]
async fn a_thousand_watchers_on_another_node_cost_its_line_one_frame() {
    let town = Town::of(2).await;
    let (here, there) = (town.house(1), town.house(2));
    let key = open(&here, 7).await;
    let mut crowd = Vec::new();
    for number in 0..1000 {
        let by = crate::trial::who(1, expert(1).role);
        let by = protocol::caller::Caller { session: SessionId::from_u128(number), ..by };
        crowd.push(Browser::watch(&there, by, key, Seq::START).await);
    }
    assert_eq!((there.watches(), here.guests()), (1000, 1000));
    let before = town.tolds((1, 2)).len();
    let said = say(&here, key, 1, "an alle").await;
    for browser in &mut crowd {
        assert!(matches!(browser.told().await, ToBrowser::Shown { .. }));
        assert!(matches!(browser.told().await, ToBrowser::Happened { seq, .. } if seq == said));
    }
    assert_eq!(town.tolds((1, 2))[before..], [1000], "one frame, for all of them");
    crowd.iter().for_each(|browser| there.unwatch(key, browser.id));
    until("nobody watches any more", || here.guests() == 0 && there.watches() == 0).await;
}

#[tokio::test]
async fn in2_a_gap_in_what_a_node_tells_is_watched_anew_without_gap_or_double() {
    let town = Town::of(2).await;
    let (here, there) = (town.house(1), town.house(2));
    let key = open(&here, 7).await;
    let mut browser = Browser::watch(&there, expert(1), key, Seq::START).await;
    let mut seen = BTreeMap::new();
    let first = say(&here, key, 1, "eins").await;
    browser.read_to(first, &mut seen).await;
    town.lose((1, 2), 1);
    say(&here, key, 2, "zwei").await;
    let third = say(&here, key, 3, "drei").await;
    browser.read_to(third, &mut seen).await;
    // A lost last frame is noticed when the line's number is shown.
    town.lose((1, 2), 1);
    let fourth = say(&here, key, 4, "vier").await;
    town.show((1, 2));
    browser.read_to(fourth, &mut seen).await;
    let texts: Vec<_> = seen.values().map(String::as_str).collect();
    assert_eq!(texts, ["eins", "zwei", "drei", "vier"]);
    until("earlier places were given up", || here.guests() == 1).await;
}

#[tokio::test(start_paused = true)]
async fn in2_a_view_that_is_lost_is_asked_for_again() {
    let town = Town::of(2).await;
    let (here, there) = (town.house(1), town.house(2));
    let key = open(&here, 7).await;
    town.lose((1, 2), 1); // nothing follows that would show the gap
    let mut browser = Browser::watch(&there, expert(1), key, Seq::START).await;
    assert!(matches!(browser.told().await, ToBrowser::Shown { seq: Seq(3), .. }));
    until("one place is left", || here.guests() == 1).await;
}

#[tokio::test]
async fn ln1_gu1_a_full_line_breaks_and_every_watch_on_it_comes_back() {
    let town = Town::of(2).await;
    let (here, there) = (town.house(1), town.house(2));
    let keys = [open(&here, 7).await, open(&here, 8).await];
    let mut browsers = Vec::new();
    for key in keys {
        browsers.push(Browser::watch(&there, expert(1), key, Seq::START).await);
    }
    town.fill((1, 2), true);
    say(&here, keys[0], 1, "verloren").await;
    town.fill((1, 2), false);
    // The other conversation's watch was on the same line: it must not go on as if nothing was.
    let last = [say(&here, keys[0], 2, "a").await, say(&here, keys[1], 3, "b").await];
    for (browser, upto) in browsers.iter_mut().zip(last) {
        browser.read_to(upto, &mut BTreeMap::new()).await;
    }
    until("each has one place", || here.guests() == 2).await;
}

#[tokio::test]
async fn a_link_that_breaks_is_noticed_on_both_sides() {
    let town = Town::of(2).await;
    let (here, there) = (town.house(1), town.house(2));
    let key = open(&here, 7).await;
    let mut browser = Browser::watch(&there, expert(1), key, Seq::START).await;
    town.fill((2, 1), true);
    town.fill((1, 2), true);
    here.line_lost(2);
    there.line_lost(1);
    let said = say(&here, key, 1, "allein").await;
    until("the owner forgot whom it cannot reach", || here.guests() == 0).await;
    town.fill((2, 1), false);
    town.fill((1, 2), false);
    browser.read_to(said, &mut BTreeMap::new()).await;
    until("the watch is back", || here.guests() == 1).await;
}

#[tokio::test]
async fn who_may_not_see_is_refused_there_as_here_and_leaves_nothing() {
    let town = Town::of(2).await;
    let (here, there) = (town.house(1), town.house(2));
    let key = open(&here, 7).await;
    for house in [&here, &there] {
        let (outbox, _frames) = outbox();
        let watch = Watch { id: house.watch_id(), by: customer(3), outbox };
        let refused = house.watch(key, watch, Seq::START).await;
        assert!(matches!(refused, Err(No::Refused(Refusal::Conversation { .. }))));
    }
    assert_eq!((here.watches(), there.watches(), here.guests()), (0, 0, 0));
}

#[tokio::test]
async fn a_socket_that_ends_in_the_middle_of_its_watch_leaves_nothing_behind() {
    let town = Town::of(2).await;
    let (here, there) = (town.house(1), town.house(2));
    let key = open(&here, 7).await;
    for house in [&here, &there] {
        for pause in 0..40 {
            let (outbox, frames) = outbox();
            let (id, by) = (house.watch_id(), expert(1));
            let watching = {
                let house = house.clone();
                let watch = Watch { id, by, outbox };
                tokio::spawn(async move { house.watch(key, watch, Seq::START).await })
            };
            for _ in 0..pause {
                tokio::task::yield_now().await;
            }
            watching.abort();
            house.unwatch(key, id);
            drop(frames);
        }
    }
    until("nothing is left", || here.watches() + there.watches() + here.guests() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn wa1_who_only_watches_is_cut_when_the_way_to_its_actor_stays_lost() {
    let town = Town::of(2).await;
    let (here, there) = (town.house(1), town.house(2));
    let key = open(&here, 7).await;
    let mut browser = Browser::watch(&there, expert(1), key, Seq::START).await;
    let mut near = Browser::watch(&here, expert(1), key, Seq::START).await;
    assert!(matches!(browser.told().await, ToBrowser::Shown { .. }));
    town.fill((2, 1), true);
    town.fill((1, 2), true);
    here.line_lost(2);
    there.line_lost(1);
    assert_eq!(browser.cut().await, Cut::Stopping, "WA1");
    there.unwatch(key, browser.id);
    // Whoever is on the right side goes on.
    assert!(matches!(near.told().await, ToBrowser::Shown { .. }));
    let said = say(&here, key, 1, "allein").await;
    assert!(matches!(near.told().await, ToBrowser::Happened { seq, .. } if seq == said));
}

#[tokio::test]
async fn k9_in3_after_force_everything_is_shown_anew_and_otherwise_what_changed() {
    let town = Town::of(2).await;
    let key = open(&town.house(1), 7).await;
    let said = say(&town.house(1), key, 1, "eins").await;
    let mut browsers = Vec::new();
    for node in [1, 2] {
        let mut browser = Browser::watch(&town.house(node), expert(1), key, Seq::START).await;
        assert!(matches!(browser.shown().await, (None, view) if view.messages.len() == 1));
        browsers.push(browser);
    }
    town.move_to(2).await;
    for browser in &mut browsers {
        let (named, view) = browser.shown().await;
        assert!(named.is_none() && view.continues && view.messages.is_empty());
    }
    town.force(1).await;
    for browser in &mut browsers {
        let (named, view) = browser.shown().await;
        assert_eq!((named, view.continues, view.messages.len()), (Some(1), false, 1), "K9");
    }
    town.move_to(2).await;
    for browser in &mut browsers {
        let (named, view) = browser.shown().await;
        assert!(named == Some(1) && view.continues && view.messages.is_empty(), "IN3");
    }
    // A page that comes back: with what it was told, or of before and with its position alone.
    for node in [1, 2] {
        let house = town.house(node);
        let cursor = Cursor { generation: 1, seq: said };
        let (_, view) = Browser::watch(&house, expert(1), key, cursor).await.shown().await;
        assert!(view.continues);
        let (named, view) = Browser::watch(&house, expert(1), key, said).await.shown().await;
        assert!(named == Some(1) && !view.continues, "K9");
    }
}
