//! `konsil witness`: a voter that holds nothing, so that two machines with data can lose either.

use protocol::{cluster::Purpose, id::NodeId, peer::NodeStatus};
use serde_json::json;
use std::{fs, sync::Arc};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    cluster::{
        admin::{self, Handler, Outcome},
        desk::Tell,
        membership::{self, Membership, Newcomer},
        sight::{Own, Sight},
    },
    config::Config,
    node::{StartFault, disk, remembered},
};

/// A running witness.
pub struct Witness {
    member: Arc<Membership>,
    stop: watch::Sender<bool>,
    admin: JoinHandle<()>,
    fatal: watch::Receiver<Option<String>>,
}

impl Witness {
    /// Takes part in the cluster this machine was admitted to.
    ///
    /// # Errors
    /// In words that say what to do.
    pub async fn start(config: Config) -> Result<Self, StartFault> {
        let data = config.storage.data.clone();
        fs::create_dir_all(&data).map_err(|it| disk(&data, it))?;
        let id = remembered(&data, "node", NodeId::new)?;
        let me = Newcomer { id, purpose: Purpose::Witness, web: Vec::new() };
        let member = Arc::new(Membership::open(&config, &me).await?);
        let (control, links) = (member.control.clone(), member.links.clone());
        let node = member.identity.key;
        let status: Tell = Arc::new(move || NodeStatus {
            node,
            map: control.map().index,
            leader: *control.leader().borrow(),
            sockets: 0,
            calls: 0,
            rooms: 0,
            reaches: links.borrow().keys().copied().collect(),
            shards: Vec::new(),
        });
        assert!(member.desk.status.set(status.clone()).is_ok(), "a witness says once how it is");
        let own = Own { status, porter: None };
        let (control, peers) = (member.control.clone(), member.peers.clone());
        let door = member.door(&config);
        let rules = membership::rules(&config);
        let more = (member.swarm.clone(), None);
        let sight = Sight::new(control, peers, member.links.clone(), own, (door, rules), more);
        let orders: Handler = Arc::new(move |order| {
            let sight = sight.clone();
            Box::pin(async move {
                let none = || Outcome::No("a witness holds nothing; ask a node with data".into());
                sight.obey(&order).await.unwrap_or_else(none)
            })
        });
        let (stop, stopping) = watch::channel(false);
        let admin = admin::open(&data, orders, stopping);
        let admin = admin.map_err(|it| disk(&admin::path(&data), it))?;
        let (died, fatal) = watch::channel(None);
        let control = member.control.clone();
        member.keep(tokio::spawn(async move {
            died.send_replace(Some(control.ended().await));
        }));
        tracing::info!(status = %json!({ "node": node.number }), "the witness votes");
        Ok(Self { member, stop, admin, fatal })
    }

    /// Why this process must end, once it must.
    pub fn fatal(&self) -> watch::Receiver<Option<String>> {
        self.fatal.clone()
    }

    /// Ends in good order.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        drop(self.admin.await);
        self.member.close().await;
    }
}
