//! Between nodes and the control plane: proposals, maps, newcomers; and a simple placement.

use protocol::cluster::{Cas, Change, ChangeRefusal, Config, NodeKey, Wanted};
use storage::twin::Input;

use super::Cluster;
use crate::{
    oracle::Fact,
    world::{
        clock::ms,
        event::Event,
        network::Slot,
        register::{Made, case},
    },
};

impl Cluster {
    /// A machine proposes a configuration.
    pub(super) fn propose(&mut self, slot: Slot, cas: Cas) {
        let node = self.nodes[slot].key;
        self.hears(Fact::Proposed { node, cas });
        self.nodes[slot].host_mut(cas.shard).cas = Some(cas);
        let life = self.nodes[slot].life;
        for when in self.register.ask(self.now, slot).into_iter().flatten() {
            self.queue.at(when, Event::Asked { slot, life, cas });
        }
    }

    /// A proposal arrives; its proposer may be gone by now.
    pub(super) fn asked(&mut self, slot: Slot, life: u32, cas: Cas) {
        let no = match self.register.apply(&case(cas)) {
            Ok((answers, made)) => {
                self.made(&made);
                answers.first().copied().flatten()
            }
            Err(no) => Some(no),
        };
        self.story.mark(&[cas.expect.0, cas.primary.number, u64::from(no.is_none())]);
        let config = self.register.config(cas.shard);
        if let Some(when) = self.register.answer(self.now, slot) {
            self.queue.at(when, Event::Answered { slot, life, cas, no, config });
        }
    }

    /// A refusal is believed only while the configuration is still the expected one: otherwise
    /// the same proposal, come twice, may be what made the next one.
    pub(super) fn answered(
        &mut self,
        slot: Slot,
        cas: Cas,
        no: Option<ChangeRefusal>,
        config: Config,
    ) {
        let Cas { shard, expect, .. } = cas;
        self.hear_of(slot, shard, config);
        if no.is_some() && config.epoch == expect {
            let node = self.nodes[slot].key;
            self.hears(Fact::Refused { node, shard, expect });
            self.feed(slot, shard, Input::Refused { expect });
        }
    }

    /// Configurations came to be: everybody hears of them sooner or later.
    pub(super) fn made(&mut self, made: &[Made]) {
        for Made { shard, before, after, proposer } in made.iter().copied() {
            self.story.line(format_args!("      control: shard {shard} {after:?}"));
            self.story.mark(&[u64::from(shard), after.epoch.0, after.primary.number]);
            self.hears(Fact::Configured { shard, before, after, proposer });
            if after.primary != before.primary {
                self.figures.promotions += 1;
                let takes_over = before.twin == Some(after.primary) && after.twin.is_none();
                self.figures.failovers += u64::from(takes_over);
            }
            if after.twin.is_some_and(|twin| !before.is_eligible(twin)) {
                self.figures.joins += 1;
            }
        }
        self.announce();
    }

    /// The newest map is on its way to everybody.
    pub(super) fn announce(&mut self) {
        let version = self.register.newest();
        for slot in 0..self.nodes.len() {
            let life = self.nodes[slot].life;
            let (news, stale) = self.register.tell(self.now, slot);
            if let Some(when) = news {
                self.queue.at(when, Event::Learn { slot, life, version });
            }
            if let Some((version, when)) = stale {
                self.queue.at(when, Event::Learn { slot, life, version });
            }
        }
    }

    /// A node asks for the newest map by itself.
    pub(super) fn look_up_map(&mut self, slot: Slot) {
        let (life, version) = (self.nodes[slot].life, self.register.newest());
        if version > self.nodes[slot].version
            && let (Some(when), _) = self.register.tell(self.now, slot)
        {
            self.queue.at(when, Event::Learn { slot, life, version });
        }
    }

    /// A node hears of a map. An old one is given to the machines as well: they must not mind.
    pub(super) fn learn(&mut self, slot: Slot, version: usize) {
        let places = self.register.version(version);
        self.story.mark(&[slot as u64, version as u64]);
        let newest = version >= self.nodes[slot].version;
        self.nodes[slot].version = version.max(self.nodes[slot].version);
        for (shard, place) in (0..).zip(places.iter()) {
            self.hear_of(slot, shard, place.config);
            if newest {
                self.feed(slot, shard, Input::Wanted(place.wanted));
            }
        }
    }

    /// A machine hears of a configuration; while a copied state takes the place of its log, only
    /// afterwards.
    fn hear_of(&mut self, slot: Slot, shard: u16, config: Config) {
        let host = self.nodes[slot].host_mut(shard);
        if host.pull.as_ref().is_some_and(|pull| pull.whole) {
            host.late = host.late.filter(|late| late.epoch > config.epoch).or(Some(config));
        } else {
            self.feed(slot, shard, Input::Config(config));
        }
    }

    /// What was put off.
    pub(super) fn hear_late(&mut self, slot: Slot, shard: u16) {
        if let Some(config) = self.nodes[slot].host_mut(shard).late.take() {
            self.feed(slot, shard, Input::Config(config));
        }
    }

    /// A node's transport says that another is there, or is not.
    pub(super) fn hinted(&mut self, slot: Slot, about: NodeKey, up: bool) {
        for shard in 0..self.plan.shards {
            let hint = if up { Input::Up(about) } else { Input::Down(about) };
            self.feed(slot, shard, hint);
        }
    }

    /// A machine with a new disk becomes a member, once the control plane is reached.
    pub(super) fn admit(&mut self, slot: Slot) {
        if self.nodes[slot].member {
            return;
        }
        if self.register.is_away(self.now, slot) {
            self.queue.at(self.now + ms(300), Event::Admit { slot });
            return;
        }
        let key = self.register.admit(self.nodes[slot].key.storage);
        let node = &mut self.nodes[slot];
        (node.key, node.member) = (key, true);
        self.start(slot);
        self.announce();
    }

    /// The simplest placement: a shard alone gets a second node that runs, a shard on a node that
    /// is leaving gets another, and a member that holds nothing may go.
    pub(super) fn placement(&mut self) {
        self.queue.at(self.now + ms(400), Event::Place);
        if self.register.is_away(self.now, 0) {
            return;
        }
        let wants: Vec<(u16, Option<Wanted>)> = (0..self.plan.shards)
            .filter_map(|shard| Some((shard, self.wish_for(shard)?)))
            .collect();
        if !wants.is_empty() {
            self.change(&Change::Want { wants });
        }
        for number in self.leaving() {
            self.change(&Change::Remove { number });
        }
    }

    /// Makes a change that no node proposed.
    pub(super) fn change(&mut self, change: &Change) {
        if let Ok((_, made)) = self.register.apply(change) {
            self.made(&made);
        }
    }

    /// A new wish for a shard, when it is not well where it is and nothing good is wanted already.
    /// The wish may be that nothing is wanted.
    fn wish_for(&mut self, shard: u16) -> Option<Option<Wanted>> {
        let place = self.register.map().places[usize::from(shard)];
        let good = self.good_nodes();
        let fits = |node: NodeKey| good.contains(&node);
        if place.wanted.is_some_and(|it| fits(it.primary) && it.twin.is_some_and(fits)) {
            return None;
        }
        let Config { primary, twin, .. } = place.config;
        let stays = [Some(primary), twin].into_iter().flatten().filter(|it| fits(*it));
        let mut pair: Vec<NodeKey> = stays.collect();
        let start = usize::try_from(self.dice.below(good.len() as u64 + 1)).expect("few");
        for offset in 0..good.len() {
            let node = good[(start + offset) % good.len()];
            if pair.len() < 2 && !pair.contains(&node) {
                pair.push(node);
            }
        }
        // Never one copy instead of two: then rather let it be where it is.
        let wanted = Wanted { primary: *pair.first()?, twin: pair.get(1).copied() };
        let better = |it: &Wanted| {
            (it.primary, it.twin) != (primary, twin) && (it.twin.is_some() || twin.is_none())
        };
        let wanted = Some(wanted).filter(better);
        (wanted != place.wanted).then_some(wanted)
    }

    /// Nodes that run, as far as placement can know, and stay.
    fn good_nodes(&self) -> Vec<NodeKey> {
        let staying = self.staying().into_iter().map(|slot| &self.nodes[slot]);
        staying.filter(|node| node.up).map(|node| node.key).collect()
    }

    /// Members that are gone or on their way out and hold nothing.
    fn leaving(&self) -> Vec<u64> {
        let map = self.register.map();
        let gone = |key: NodeKey| self.slot_of(key).is_none();
        let members = map.members.values().filter(|it| it.draining || gone(it.key));
        let free = members.filter(|it| !storage::control::holds(map, it.key));
        free.map(|it| it.key.number).collect()
    }
}
