//! The operator's page: who gets in, what is shown, what can be done.

use super::stage::Stage;
use node::{
    clock::now,
    gateway::operator::{self, LINK_LIFE},
};
use protocol::{cluster::Purpose, id::NodeId, operator::Overview, time::Time};
use serde_json::json;
use tests::browser::{Answer, Browser, Site, secret_of};

const ASKED: [&str; 2] = ["/api/operator/cluster", "/api/operator/live"];

async fn enter(site: &Site, link: &str) -> Answer {
    Browser::new(site).post("/api/operator/enter", json!({ "link": secret_of(link) })).await
}

async fn get(site: &Site, path: &str, cookie: &str) -> Answer {
    Browser::new(site).request("GET", path, &[("Cookie", cookie)], b"").await
}

async fn drain(site: &Site, cookie: &str, origin: &str) -> Answer {
    let headers = [("Cookie", cookie), ("Origin", origin), ("Content-Type", "application/json")];
    let body = json!({ "number": 1, "on": true }).to_string();
    let path = "/api/operator/drain";
    Browser::new(site).request("POST", path, &headers, body.as_bytes()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn o1_a_link_opens_the_page_once_and_only_of_its_own_node() {
    let stage = Stage::start().await;
    let gate = stage.gate();
    let link = operator::link(&gate.secrets, gate.node, now());
    assert!(link.starts_with("/operator#"));
    let answer = enter(&stage.site, &link).await;
    assert_eq!(answer.status, 204);
    let set = answer.header("set-cookie").unwrap_or_default();
    for part in
        ["__Host-konsil-operator=", "Secure", "HttpOnly", "SameSite=Strict", "Max-Age=28800"]
    {
        assert!(set.contains(part), "{set}");
    }
    let late = Time::from_ms(now().ms() - LINK_LIFE.ms());
    for (why, link) in [
        ("used", link),
        ("elsewhere", operator::link(&gate.secrets, NodeId::from_u128(1), now())),
        ("late", operator::link(&gate.secrets, gate.node, late)),
        ("a guest's", stage.demo.guest.clone()),
        ("nothing", String::new()),
    ] {
        let answer = enter(&stage.site, &link).await;
        assert_eq!((answer.status, answer.cookie()), (401, None), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn o2_nobody_but_an_operator_sees_or_does_anything() {
    let stage = Stage::start().await;
    let (site, gate) = (&stage.site, stage.gate());
    let own = format!("https://{}", site.host);
    let (tenant, session) = (gate.tenant, stage.expert().await.socket().await.session);
    let person = gate.secrets.cookie(tenant, session);
    let late = gate.secrets.operator_cookie(now());
    for cookie in [
        String::new(),
        format!("__Host-konsil={person}"),
        format!("__Host-konsil-operator={person}"),
        format!("__Host-konsil-operator={late}"),
    ] {
        for path in ASKED {
            assert_eq!(get(site, path, &cookie).await.status, 401, "{path} {cookie:.24}");
        }
        assert_eq!(drain(site, &cookie, &own).await.status, 401, "{cookie:.24}");
    }
    let operator = enter(site, &operator::link(&gate.secrets, gate.node, now())).await;
    let operator = operator.cookie().expect("an operator's cookie");
    // An operator is nobody among people, and is not led astray by other sites.
    let (_, value) = operator.split_once('=').expect("name and value");
    assert_eq!(Browser::with_cookie(site, value).get("/ws").await.status, 401);
    assert_eq!(drain(site, &operator, "https://evil.example").await.status, 403);
    // The last node with data is not drained; asked rightly, that is what is said.
    let last = drain(site, &operator, &own).await;
    assert_eq!((last.status, last.json()["why"].as_str()), (409, Some("last")), "{last:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sees_the_cluster_and_nothing_of_what_is_said_in_it() {
    let stage = Stage::start().await;
    let (site, gate) = (&stage.site, stage.gate());
    let answer = enter(site, &operator::link(&gate.secrets, gate.node, now())).await;
    let cookie = answer.cookie().expect("an operator's cookie");
    let mut socket = stage.expert().await.socket().await;
    stage.said(&mut socket, "Streng vertraulich").await;
    let whole = get(site, ASKED[0], &cookie).await;
    assert!(!whole.text().contains("vertraulich") && !whole.text().contains("yildiz"));
    let picture: Overview = serde_json::from_value(whole.json()).expect("an overview");
    assert_eq!((picture.nodes.len(), picture.shards.len()), (1, 256));
    assert!(picture.nodes[0].here && picture.nodes[0].purpose == Purpose::Data);
    let live = get(site, ASKED[1], &cookie).await.json();
    assert_eq!(live["figures"].as_array().map(Vec::len), Some(1));
    assert!(live["revision"].is_u64());
}
