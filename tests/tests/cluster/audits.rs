//! An audit log is one, whichever node writes, reads or exports it, and whichever is lost.

use super::town::Town;
use node::audit::{export::export, note::Verifier, verify::verify};
use protocol::{
    audit::{AuditLog, Log},
    id::TenantId,
    key::Key,
};
use serde_json::json;
use std::{fs, path::Path};
use tests::browser::{Browser, Site, secret_of};

/// Exports the log through a node, checks it, and says its key and how many records it has.
async fn exported(town: &Town, place: usize, out: &Path, older: Option<&Path>) -> (String, u64) {
    let size = export(&town.data(place), None, Log::Application, out).await.expect("exported");
    let key = fs::read_to_string(out.join("vkey")).expect("the key");
    let verifier = Verifier::read(&key).expect("a key");
    let older = older.map(|it| fs::read_to_string(it.join("log/checkpoint")).expect("there"));
    let found = verify(&out.join("log"), &verifier, older.as_deref()).expect("sound");
    assert_eq!(found.size, size);
    (key, size)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_written_read_and_exported_at_any_node_and_survives_the_one_that_served_it() {
    let mut town = Town::of(3).await;
    let out = tempfile::tempdir().expect("a folder");
    let looked = async |town: &Town, place: usize| {
        let site = Site::of(town.node(place).address, &town.data(place));
        let form = json!({ "link": secret_of(&town.demo.guest) });
        assert_eq!(Browser::new(&site).post("/api/link", form).await.status, 200);
    };
    for place in [0, 1, 2, 0, 1, 2] {
        looked(&town, place).await;
    }
    let mut before: Option<(std::path::PathBuf, String)> = None;
    for place in [0, 1, 2] {
        let folder = out.path().join(place.to_string());
        let older = before.as_ref().map(|it| it.0.as_path());
        let (key, size) = exported(&town, place, &folder, older).await;
        assert_eq!(size, 7 + place as u64, "six looks, and each export");
        assert!(before.as_ref().is_none_or(|it| it.1 == key), "one key for all nodes");
        before = Some((folder, key));
    }
    let tenant: TenantId = town.node(0).gate.tenant;
    let shard = Key::Audit(AuditLog { tenant, log: Log::Application }).shard();
    let map = town.map();
    let primary = map.config(shard).expect("it is held").primary;
    let serving = (0..3).find(|it| town.key(*it) == primary).expect("by one of three");
    town.stop(serving).await;
    let other = (serving + 1) % 3;
    looked(&town, other).await;
    let folder = out.path().join("after");
    let (_, size) = exported(&town, other, &folder, before.as_ref().map(|it| it.0.as_path())).await;
    assert_eq!(size, 11, "nothing that was acknowledged is lost");
}
