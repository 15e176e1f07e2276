//! The steward: where this node leads, it looks after who listens, who votes and who holds what.
//!
//! It wakes when the map or the leader changes, and every round; each time it brings what is a
//! little nearer to what should be. What it decides is pure ([`voters`], [`placement`],
//! [`Presence`]); here it is looked up and carried out.
//!
//! # Invariants
//! - **T1** One change of the voters at a time, and only to members that have caught up.
//! - **T2** Who left loses the vote before it stops being told anything.
//! - **T3** Wants are written only when they differ from what is written.
//! - **T5** A map that names no country in which data may lie is given the leader's, once; from then
//!   on the configuration of whoever leads counts for nothing.
//! - **T4** Who leads without a vote falls silent, so that a voter is elected; the consensus library
//!   would let it go on for ever.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use openraft::{ChangeMembers, EmptyNode};
use protocol::{
    cluster::{Change, Map, Setting},
    version::SETTINGS,
};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::{
    Control, Metrics, ServerState,
    placement::{self, Rules},
    presence::Presence,
    receiving::Receiving,
    voters,
};

/// A member that is no more than so many entries behind has caught up.
const LAG_MAX: u64 = 100;

/// A voter that is silent for so long is replaced when another member can vote.
const VOTER_PATIENCE_MS: u64 = 10_000;

/// Wants in one change.
const WANTS_MAX: usize = 4096;

/// Entries of one change of who listens.
const JOINING_MAX: usize = 64;

/// Runs until the node stops.
pub(super) async fn run(control: Control) {
    let (mut maps, mut leader) = (control.maps(), control.leader());
    let began = Instant::now();
    let (mut presence, mut receiving) = (Presence::default(), Receiving::default());
    let round = control.inner.options.round;
    let mut ticks = interval(round);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            changed = maps.changed() => if changed.is_err() { return },
            changed = leader.changed() => if changed.is_err() { return },
        }
        let map = maps.borrow_and_update().clone();
        if map.cluster.is_some() {
            let now = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            Round::new(&control, &map, now, &mut presence, &mut receiving).run().await;
        }
        // A storm of changes is one round, not many.
        sleep(round / 10).await;
    }
}

/// One look at everything.
struct Round<'a> {
    control: &'a Control,
    map: &'a Arc<Map>,
    alive: BTreeSet<u64>,
    not_lost: BTreeSet<u64>,
    rules: Rules,
    patience: Duration,
}

impl<'a> Round<'a> {
    fn new(
        control: &'a Control,
        map: &'a Arc<Map>,
        now: u64,
        presence: &mut Presence,
        receiving: &mut Receiving,
    ) -> Self {
        let options = &control.inner.options;
        let members: BTreeSet<u64> = map.members.keys().copied().collect();
        let mut up = control.inner.road.reaches();
        up.insert(control.inner.number);
        // P3: who answers is kept in this node's memory, and in no change.
        presence.note(now, &members, &up);
        let settle = u64::try_from(options.settle.as_millis()).unwrap_or(u64::MAX);
        receiving.note(now, map);
        let (unsettled, resting) = (presence.unsettled(now, settle), receiving.resting(now));
        let rules = Rules { unsettled, resting, ..options.rules.clone() };
        Self {
            control,
            map,
            alive: presence.alive(),
            not_lost: presence.not_lost(now, &members, VOTER_PATIENCE_MS),
            rules,
            patience: options.patience,
        }
    }

    async fn run(&self) {
        let metrics = self.control.inner.raft.metrics().borrow().clone();
        let silent = self.control.is_voteless_leader(&metrics);
        self.control.inner.raft.runtime_config().heartbeat(!silent); // T4
        let leads = self.control.leading(&metrics) == Some(self.control.inner.number)
            && metrics.state == ServerState::Leader;
        self.say(leads);
        if !leads {
            return;
        }
        // One at a time (T1): the next round sees what came of it.
        if self.lead_listeners(&metrics).await || self.lead_voters(&metrics).await {
            return;
        }
        if self.lead_countries().await {
            return;
        }
        self.lead_places().await;
    }

    /// Puts what placement has to say to an operator into words.
    fn say(&self, leads: bool) {
        let mut words = Vec::new();
        if leads {
            words = placement::words(self.map, &self.alive, &self.rules);
        }
        let mut said = self.control.inner.words.lock();
        for new in words.iter().filter(|it| !said.contains(it)) {
            tracing::info!(words = %new, "the cluster, as its leader sees it");
        }
        *said = words;
    }

    /// Who was admitted listens; who left and has no vote is told no more (T2).
    async fn lead_listeners(&self, metrics: &Metrics) -> bool {
        let members = metrics.membership_config.membership();
        let known: BTreeSet<u64> = members.nodes().map(|(number, _)| *number).collect();
        let voting: BTreeSet<u64> = members.voter_ids().collect();
        let listed = |number: &&u64| self.map.members.contains_key(number);
        let new: BTreeMap<u64, EmptyNode> = (self.map.members.keys())
            .filter(|number| !known.contains(number))
            .take(JOINING_MAX)
            .map(|number| (*number, EmptyNode {}))
            .collect();
        if !new.is_empty() {
            return self.change_members(ChangeMembers::AddNodes(new)).await;
        }
        let gone: BTreeSet<u64> =
            known.difference(&voting).filter(|it| !listed(it)).copied().collect();
        !gone.is_empty() && self.change_members(ChangeMembers::RemoveNodes(gone)).await
    }

    /// Moves the votes to where they should be (T1).
    async fn lead_voters(&self, metrics: &Metrics) -> bool {
        let members = metrics.membership_config.membership();
        let voting: BTreeSet<u64> = members.voter_ids().collect();
        let last = metrics.last_log_index.unwrap_or(0);
        let caught_up = |number: &u64| {
            let matched = metrics.replication.as_ref().and_then(|it| it.get(number));
            matched.is_some_and(|at| at.is_some_and(|at| at.index + LAG_MAX >= last))
        };
        let may = |number: &&u64| {
            let silent = !self.alive.contains(number);
            voting.contains(number) || (!silent && caught_up(number))
        };
        let able: BTreeSet<u64> = self.not_lost.iter().filter(may).copied().collect();
        let chosen = voters::choose(self.map, &voting, &able);
        // Who cannot vote yet is not waited for: without it the votes stay as they are.
        let ready = chosen.iter().all(|number| voting.contains(number) || able.contains(number));
        let joint = members.get_joint_config().len() > 1;
        if chosen.is_empty() || !ready || (chosen == voting && !joint) {
            return false;
        }
        tracing::info!(?voting, ?chosen, "the votes of the control plane move");
        self.change_members(ChangeMembers::ReplaceAllVoters(chosen)).await
    }

    /// Writes down where data may lie, when nobody has (T5): a cluster that was founded by an older
    /// release, or whose founder did not get so far.
    async fn lead_countries(&self) -> bool {
        let allowed = self.rules.countries.clone();
        let read = self.map.level >= SETTINGS;
        if !read || allowed.is_empty() || !self.map.settings.countries.is_empty() {
            return false;
        }
        let by = format!("the configuration of member {}", self.control.inner.number);
        let setting = Setting::Countries { allowed };
        let change = Change::Set { setting, by, now: crate::clock::now() };
        match self.control.change(change).await {
            Ok(_) => true,
            Err(why) => {
                tracing::warn!(%why, "where data may lie could not be written down");
                false
            }
        }
    }

    /// Writes down what placement wants (T3).
    async fn lead_places(&self) {
        let wants = placement::plan(self.map, &self.alive, &self.rules);
        for wants in wants.chunks(WANTS_MAX) {
            let change = Change::Want { wants: wants.to_vec() };
            if let Err(why) = self.control.change(change).await {
                tracing::warn!(%why, "where shards should be could not be written down");
                return;
            }
        }
    }

    async fn change_members(&self, change: ChangeMembers<u64, EmptyNode>) -> bool {
        let raft = &self.control.inner.raft;
        match timeout(self.patience, raft.change_membership(change, true)).await {
            Ok(Ok(_)) => {}
            Ok(Err(why)) => tracing::warn!(%why, "who takes part could not be changed"),
            Err(_) => tracing::warn!("who takes part could not be changed in time"),
        }
        true
    }
}
