//! The control plane: a stand-in for consensus.
//!
//! One register that applies changes one after the other with the cluster's own rule
//! (`storage::control::apply`). The real one is openraft, which is not exact to a seed and has tests of its own; what the
//! twins see of it is all here. A request may be lost, late, or come twice; an answer may be lost,
//! so that the outcome is unknown; the register may be unavailable, or cut off from one node.
//! Nodes learn maps late, not at all, or old ones after new ones.
//!
//! What a node may conclude from a refusal is little: a request that came twice is refused the
//! second time although it was made the first time. So a refusal names the configuration it met,
//! and only when that is still the expected one, the host tells its machine that it failed.

use protocol::{
    cluster::{
        Candidate, Cas, Change, ChangeRefusal, Config, Epoch, Labels, Map, NodeKey, Place, Purpose,
    },
    id::NodeId,
    time::Time,
};
use std::{collections::BTreeMap, sync::Arc};
use storage::{control, dice::Dice};

use super::{
    clock::{Moment, ms},
    network::Slot,
};

/// Tokens expire long after every world has ended.
const LATER: Time = Time::from_ms(u64::MAX / 2);

/// How the control plane is on an ordinary moment.
#[derive(Debug, Clone, Copy)]
pub struct Manners {
    /// The longest that a request or an answer takes.
    pub delay: Moment,
    /// Requests lost, in thousands.
    pub deaf: u64,
    /// Answers lost, in thousands.
    pub mute: u64,
    /// Requests that come twice, in thousands.
    pub twice: u64,
    /// Maps that a node is not told of at once, in thousands.
    pub late: u64,
    /// Maps that come once more when they are old, in thousands.
    pub stale: u64,
    /// A learner may take over: rule (b) is broken, to see it noticed.
    pub promotes_learners: bool,
}

/// A configuration that came to be.
#[derive(Debug, Clone, Copy)]
pub struct Made {
    /// Of which shard.
    pub shard: u16,
    /// What was.
    pub before: Config,
    /// What is.
    pub after: Config,
    /// Who proposed it; none when it was forced.
    pub proposer: Option<NodeKey>,
}

/// The register.
#[derive(Debug)]
pub struct Register {
    dice: Dice,
    manners: Manners,
    map: Map,
    versions: Vec<Arc<Vec<Place>>>,
    configs: BTreeMap<(u16, Epoch), Config>,
    down: Moment,
    deaf: Moment,
    mute: Moment,
    slow: Moment,
    cut: BTreeMap<Slot, Moment>,
}

impl Register {
    /// A register in which nothing was founded yet.
    pub fn new(seed: u64, manners: Manners) -> Self {
        Self {
            dice: Dice::new(seed),
            manners,
            map: Map::default(),
            versions: Vec::new(),
            configs: BTreeMap::new(),
            down: 0,
            deaf: 0,
            mute: 0,
            slow: 0,
            cut: BTreeMap::new(),
        }
    }

    /// The map as it is in truth.
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// Who holds a shard in truth.
    pub fn config(&self, shard: u16) -> Config {
        self.map.config(shard).expect("the cluster was founded with this shard")
    }

    /// Who held a shard in an epoch.
    pub fn config_of(&self, shard: u16, epoch: Epoch) -> Option<Config> {
        self.configs.get(&(shard, epoch)).copied()
    }

    /// The version of the newest map.
    pub fn newest(&self) -> usize {
        self.versions.len() - 1
    }

    /// Places as of a version.
    pub fn version(&self, version: usize) -> Arc<Vec<Place>> {
        Arc::clone(&self.versions[version])
    }

    /// Applies a change. The lists: what was refused, and which configurations came to be.
    ///
    /// # Errors
    /// Why the whole change was refused.
    pub fn apply(
        &mut self,
        change: &Change,
    ) -> Result<(Vec<Option<ChangeRefusal>>, Vec<Made>), ChangeRefusal> {
        let before: Vec<Config> = self.map.places.iter().map(|place| place.config).collect();
        if let Change::Cas { cases } = change
            && self.manners.promotes_learners
        {
            self.let_learners_take_over(cases);
        }
        let index = self.map.index + 1;
        let answer = control::apply(&mut self.map, index, change);
        control::check(&self.map);
        let answer = answer?;
        let mut made = Vec::new();
        for (shard, place) in (0..).zip(&self.map.places) {
            let old = before.get(usize::from(shard)).copied();
            if old != Some(place.config) {
                self.configs.insert((shard, place.config.epoch), place.config);
            }
            if let Some(before) = old.filter(|it| *it != place.config) {
                let proposer = match change {
                    Change::Cas { cases } => {
                        cases.iter().find(|it| it.shard == shard).map(|it| it.proposer)
                    }
                    _ => None,
                };
                made.push(Made { shard, before, after: place.config, proposer });
            }
        }
        self.versions.push(Arc::new(self.map.places.clone()));
        Ok((answer, made))
    }

    /// Without rule (b) a proposer is as good as the twin.
    fn let_learners_take_over(&mut self, cases: &[Cas]) {
        for case in cases.iter().filter(|it| it.primary == it.proposer && it.twin.is_none()) {
            let config = &mut self.map.places[usize::from(case.shard)].config;
            if config.epoch == case.expect && !config.is_eligible(case.proposer) {
                config.twin = Some(case.proposer);
            }
        }
    }

    /// Founds the cluster.
    pub fn found(&mut self, shards: u16, storage: u64) -> NodeKey {
        let change =
            Change::Found { cluster: NodeId::from_u128(7), shards, first: candidate(storage) };
        self.apply(&change).expect("a cluster is founded once");
        self.key_of(storage)
    }

    /// Lets a node with this disk join.
    pub fn admit(&mut self, storage: u64) -> NodeKey {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&storage.to_le_bytes());
        let purpose = Purpose::Data;
        let invite = Change::Invite { digest, expires: LATER, purpose };
        self.apply(&invite).expect("each disk has a token of its own");
        let admit = Change::Admit { digest, now: Time::from_ms(1), candidate: candidate(storage) };
        self.apply(&admit).expect("the token is fresh");
        self.key_of(storage)
    }

    fn key_of(&self, storage: u64) -> NodeKey {
        let member = self.map.members.values().find(|it| it.key.storage == storage);
        member.expect("it was admitted").key
    }

    /// When a request of this machine arrives: never, once or twice.
    pub fn ask(&mut self, now: Moment, from: Slot) -> [Option<Moment>; 2] {
        if self.is_away(now, from) || now < self.deaf || self.chance(self.manners.deaf) {
            return [None, None];
        }
        let first = now + self.delay(now);
        let again = self.chance(self.manners.twice).then(|| first + self.dice.below(ms(500)));
        [Some(first), again]
    }

    /// When the answer arrives; never when it is lost.
    pub fn answer(&mut self, now: Moment, to: Slot) -> Option<Moment> {
        let lost = self.is_away(now, to) || now < self.mute || self.chance(self.manners.mute);
        (!lost).then(|| now + self.delay(now))
    }

    /// When a machine hears of a new map, and which old one it hears of again, and when.
    pub fn tell(&mut self, now: Moment, to: Slot) -> (Option<Moment>, Option<(usize, Moment)>) {
        if self.is_away(now, to) {
            return (None, None);
        }
        let news = (!self.chance(self.manners.late)).then(|| now + self.delay(now));
        let stale = self.chance(self.manners.stale).then(|| {
            let old = usize::try_from(self.dice.below(self.versions.len() as u64));
            (old.expect("a version"), now + self.dice.below(ms(2000)))
        });
        (news, stale)
    }

    /// A map that a node may have kept from earlier days.
    pub fn some_version(&mut self) -> usize {
        let back = self.dice.below(6).min(self.newest() as u64);
        self.newest() - usize::try_from(back).expect("a version")
    }

    /// Whether this machine reaches the register.
    pub fn is_away(&self, now: Moment, slot: Slot) -> bool {
        now < self.down || self.cut.get(&slot).is_some_and(|until| now < *until)
    }

    /// Unavailable until then.
    pub fn take_down(&mut self, until: Moment) {
        self.down = self.down.max(until);
    }

    /// Loses requests until then.
    pub fn deafen(&mut self, until: Moment) {
        self.deaf = self.deaf.max(until);
    }

    /// Loses answers until then.
    pub fn silence(&mut self, until: Moment) {
        self.mute = self.mute.max(until);
    }

    /// Slow until then.
    pub fn slow_down(&mut self, until: Moment) {
        self.slow = self.slow.max(until);
    }

    /// Not reached from this machine until then.
    pub fn cut(&mut self, slot: Slot, until: Moment) {
        let cut = self.cut.entry(slot).or_default();
        *cut = until.max(*cut);
    }

    /// Well again.
    pub fn heal(&mut self) {
        (self.down, self.deaf, self.mute, self.slow) = (0, 0, 0, 0);
        self.cut.clear();
    }

    fn chance(&mut self, thousandths: u64) -> bool {
        self.dice.below(1000) < thousandths
    }

    fn delay(&mut self, now: Moment) -> Moment {
        let slow = if now < self.slow { ms(900) } else { 0 };
        ms(1) + self.dice.below(self.manners.delay + slow + 1)
    }
}

/// One case, as a change.
pub fn case(cas: Cas) -> Change {
    Change::Cas { cases: vec![cas] }
}

fn candidate(storage: u64) -> Candidate {
    Candidate {
        storage,
        id: NodeId::from_u128(u128::from(storage) + 8),
        peer: format!("peer-{storage:x}"),
        addresses: Vec::new(),
        web: Vec::new(),
        labels: Labels::default(),
        purpose: Purpose::Data,
        release: String::new(),
        wire: 1,
    }
}
