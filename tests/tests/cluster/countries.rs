//! Data lies where the cluster says that it may, whatever nodes are configured with (S69, S223-S231).

use super::town::Town;
use node::cluster::admin::Order;
use protocol::{
    cluster::Setting,
    operator::{Occurrence, Verdict},
};
use std::collections::BTreeSet;

fn set(allowed: &[&str]) -> Order {
    let allowed = allowed.iter().map(|it| (*it).to_owned()).collect();
    Order::Set { setting: Setting::Countries { allowed }, by: "somebody".into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn s69_the_map_says_where_data_may_lie_and_not_whoever_leads() {
    // The third node stands abroad, and its own configuration would allow that.
    let town = Town::with(3, |place, config| {
        if place == 2 {
            config.cluster.country = "US".into();
            config.cluster.countries = vec!["US".into(), "DE".into()];
        }
    });
    let town = town.await;
    assert_eq!(town.map().settings.countries, BTreeSet::from(["DE".to_owned()]), "the founder's");
    let abroad = town.key(2);
    let holds = |it: &Town| storage::control::holds(&it.map(), abroad);
    assert!(!holds(&town), "S69");
    let seen = town.overview(1).await;
    assert_eq!(seen.countries, ["DE"]);
    let named = |it: &Verdict| matches!(it, Verdict::Abroad { country, .. } if country == "US");
    assert!(seen.verdicts.iter().any(named), "{:?}", seen.verdicts);

    // Not even an operator gives it anything by force.
    let (node, by, why) = (format!("n{}", abroad.number), "somebody".into(), "a test".into());
    let force = Order::Force { shard: 5, node, by, why, although_served: true };
    let no = town.order(0, &force).await.expect_err("S69");
    assert!(no.contains("no data may lie"), "{no}");
    let no = town.order(0, &set(&["Germany"])).await.expect_err("that is no code");
    assert!(no.contains("two capital letters"), "{no}");

    town.order(1, &set(&["DE", "US"])).await.expect("chosen");
    town.until("it is given its share", holds).await;
    let seen = town.overview(0).await;
    let told = |it: &Occurrence| match it {
        Occurrence::Countries { countries, by } => {
            countries == "DE, US" && by == "somebody at node-1"
        }
        _ => false,
    };
    assert!(seen.happenings.iter().any(|it| told(&it.what)), "{:?}", seen.happenings);
    town.order(1, &set(&["DE"])).await.expect("chosen");
    town.until("it gives everything back", |it| !holds(it)).await;
    let whole = |it: &Town| it.map().places.iter().all(|place| place.config.twin.is_some());
    assert!(whole(&town), "and never was anything alone for it");
}

#[tokio::test(flavor = "multi_thread")]
async fn s69_a_founder_that_stands_abroad_does_not_start() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut config = node::config::Config::default();
    config.storage.data = dir.path().join("data");
    config.listen.web = ([127, 0, 0, 1], 0).into();
    config.listen.media = ([127, 0, 0, 1], 0).into();
    config.cluster.country = "US".into();
    config.cluster.countries = vec!["DE".into()];
    let said = node::node::Node::start(config).await.err().expect("refused").to_string();
    assert!(said.contains("US") && said.contains("holds everything"), "{said}");
}
