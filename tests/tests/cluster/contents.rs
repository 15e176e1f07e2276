//! Contents of files are wherever their records are, whatever happens to nodes.

use super::town::{Town, file_of};
use node::cluster::admin::Order;
use protocol::operator::Verdict;

/// Bytes in which every place can be told from its neighbours.
fn bytes(count: usize, seed: usize) -> Vec<u8> {
    (0..count).map(|place| (place * 31 + place / 251 + seed * 7) as u8).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn o3_a_content_follows_its_record_through_two_replacements() {
    let mut town = Town::of(4).await;
    let mut files = Vec::new();
    for shard in [3, 77, 200] {
        let (file, body) = (file_of(shard), bytes(2_500_000 + usize::from(shard), shard.into()));
        let content = town.upload(usize::from(shard) % 4, file, &body).await;
        for place in town.holders(file) {
            assert!(town.has(place, &content), "O1");
        }
        files.push((file, body, content));
    }
    let (file, body, content) = &files[0];
    let first = town.holders(*file);
    assert_eq!(first.len(), 2);
    for place in first {
        town.let_go(place).await;
        town.stop(place).await;
        for (file, _, content) in &files {
            let here = |it: &Town| it.holders(*file).iter().all(|at| it.has(*at, content));
            town.until("the content is where its record is", here).await;
        }
    }
    assert_eq!(town.holders(*file), town.running(), "those who held it first are gone");
    for place in town.running() {
        assert!(town.has(place, content));
        let got = town.download(place, *file).await;
        assert!(got.status == 200 && got.body == *body, "{}", got.status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_uploaded_while_alone_gets_its_second_copy() {
    let mut town = Town::of(1).await;
    let (file, body) = (file_of(9), bytes(1_200_000, 1));
    let content = town.upload(0, file, &body).await;
    let second = town.join().await;
    town.until("a second copy of the record", |it| it.holders(file).len() == 2).await;
    town.until("a second copy of the content", |it| it.has(second, &content)).await;
    town.until_so("it is said that any node's content is twice there", async || {
        let seen = town.overview(0).await;
        !seen
            .verdicts
            .iter()
            .any(|it| matches!(it, Verdict::Missing { .. } | Verdict::Unlooked { .. }))
    })
    .await;
    assert!(town.node(second).holder.porter.fetched() >= 1);
    town.stop(0).await;
    // With two voters nobody decides alone, but what the disk has is there.
    assert!(town.has(second, &content));
}

#[tokio::test(flavor = "multi_thread")]
async fn v5_a_node_that_alone_has_a_content_is_not_let_go() {
    let mut town = Town::of(3).await;
    let (file, body) = (file_of(30), bytes(700_000, 2));
    let content = town.upload(0, file, &body).await;
    let holders = town.holders(file);
    let lucky = (0..3).find(|it| !holders.contains(it)).expect("two of three hold it");
    let gate = &town.node(lucky).gate;
    let mut upload = gate.files.begin(content.len).expect("begun");
    upload.write(&body).and_then(|()| upload.finish()).expect("kept");
    town.lose(&holders, &content);
    let got = town.download(holders[0], file).await;
    assert!(got.status == 200 && got.body == body, "O3: whoever has it gives it");

    // Now the only one who has it is away, and the others lose it behind the cluster's back.
    let key = town.key(lucky);
    town.stop(lucky).await;
    town.until("it holds nothing", |it| !storage::control::holds(&it.map(), key)).await;
    town.lose(&holders, &content);
    for place in &holders {
        town.stop(*place).await;
        town.start(*place).await;
    }
    let missing =
        |it: &Town| holders.iter().all(|at| it.node(*at).holder.porter.known().missing == 1);
    town.until("it is missed", missing).await;
    let remove = Order::Remove { node: format!("n{}", key.number), accept_loss: false };
    let no = town.order(holders[0], &remove).await.expect_err("it may have it");
    assert!(no.contains("missing on") && no.contains("--accept-loss"), "{no}");
    let seen = town.overview(holders[1]).await;
    let node = seen.nodes.iter().find(|it| it.figures.number == key.number).expect("shown");
    assert!(!node.empty && seen.verdicts.contains(&Verdict::Missing { files: 2 }), "V5: {seen:?}");

    town.start(lucky).await;
    let here = |it: &Town| it.holders(file).iter().all(|at| it.has(*at, &content));
    town.until("the others have it", here).await;
    town.let_go(lucky).await;
}
