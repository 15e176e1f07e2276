//! Health and figures, as operators and their machines read them.

use super::stage::Stage;
use std::collections::BTreeMap;

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_well_formed_and_for_this_machine_only() {
    let stage = Stage::start().await;
    let browser = stage.expert().await;
    let _socket = browser.socket().await;
    let answer = browser.get("/metrics").await;
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4"));
    let text = answer.text();
    let mut kinds = BTreeMap::new();
    let mut helped = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a name and a kind");
            assert!(kinds.insert(name, kind).is_none(), "{name} twice");
        } else if let Some(rest) = line.strip_prefix("# HELP ") {
            helped.push(rest.split(' ').next().expect("a name"));
        } else {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            assert!(value.parse::<f64>().is_ok(), "{line}");
            let name = name.split('{').next().expect("a name");
            let family =
                ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            let family = family.filter(|it| kinds.contains_key(it)).unwrap_or(name);
            let kind = kinds.get(family).unwrap_or_else(|| panic!("no TYPE before {line}"));
            assert!(helped.contains(&family), "no HELP before {line}");
            assert_eq!(*kind == "counter", name.ends_with("_total"), "{kind} {name}");
        }
    }
    assert_eq!(kinds.get("konsil_fsync_seconds"), Some(&"histogram"));
    assert!(text.contains("\nkonsil_sockets 1\n"), "{text}");
    // A lone node is a cluster of one: it leads itself and serves every shard, each held once.
    for line in [
        "konsil_cluster_members 1",
        "konsil_cluster_links_up 0",
        "konsil_control_leader 1",
        "konsil_shards_serving 256",
        "konsil_shards_solo 256",
        "konsil_shards_lag_entries 0",
        "konsil_twin_frames_lost_total 0",
        "konsil_twin_alarms_total 0",
        "konsil_peer_strangers_total 0",
        "konsil_peer_full_total 0",
        "konsil_scrub_damaged_total 0",
        "konsil_scrub_healed_total 0",
        "konsil_scrub_unhealed 0",
    ] {
        assert!(text.contains(&format!("\n{line}\n")), "{line} is missing in {text}");
    }
    for name in [
        "konsil_control_elections_total",
        "konsil_shards_epoch_max",
        "konsil_scrub_entries_total",
        "konsil_scrub_bytes_total",
        "konsil_scrub_rounds_total",
        "konsil_scrub_oldest_seconds",
        "konsil_scrub_ended_timestamp_seconds",
    ] {
        assert!(kinds.contains_key(name), "{name} is missing");
    }

    // A proxy on this machine speaks for strangers.
    for name in ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"] {
        let asked = browser.request("GET", "/metrics", &[(name, "192.0.2.1")], b"").await;
        assert_eq!((asked.status, asked.text().as_str()), (404, ""), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_told_to_anybody_and_says_nothing() {
    let stage = Stage::start().await;
    let nobody = tests::browser::Browser::new(&stage.site);
    assert_eq!(nobody.get("/healthz").await.text(), "ok\n");
    assert_eq!(nobody.get("/readyz").await.text(), "ready\n");
    assert_eq!(nobody.request("HEAD", "/readyz", &[], b"").await.status, 200);
    assert_eq!(nobody.post("/healthz", serde_json::json!({})).await.status, 405);
}
