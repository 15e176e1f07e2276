//! Faults happen: to processes, machines, links, disks, the control plane and the membership.

use protocol::{
    cluster::{Change, NodeKey, Wanted},
    time::Time,
};
use storage::{dice::Dice, twin::Standing};

use super::Cluster;
use crate::{
    oracle::Fact,
    world::{
        clock::{Moment, ms},
        disk::Disk,
        event::Event,
        fault::Fault,
        network::Slot,
        node::Host,
        plan::SLOTS_MAX,
    },
};

impl Cluster {
    /// Something goes wrong now.
    pub fn fault(&mut self, fault: Fault) {
        self.figures.fault(fault.name());
        self.story.line(format_args!("      {fault:?}"));
        match fault {
            Fault::Crash { slot, reboots, span } => self.crash(slot, reboots, span),
            Fault::Blackout { span } => {
                for slot in 0..self.nodes.len() {
                    let span = span / 2 + self.dice.below(span / 2 + 1);
                    self.crash(slot, true, span);
                }
            }
            Fault::Pause { slot, span } => self.pause(slot, span),
            Fault::Start { slot } => self.start(slot),
            Fault::Replace { slot, span } => {
                self.crash(slot, true, Moment::MAX);
                self.lose_disk(slot, span);
            }
            Fault::Join => self.join(),
            Fault::Drain { slot, on } => {
                let number = self.nodes[slot].key.number;
                self.change(&Change::Drain { number, on });
            }
            Fault::Want { shard, primary, twin } => {
                let (primary, twin) = (self.nodes[primary].key, Some(self.nodes[twin].key));
                let wants = vec![(shard, Some(Wanted { primary, twin }))];
                self.change(&Change::Want { wants });
            }
            Fault::Force { shard, slot } => self.force(shard, slot),
            Fault::Ambush { shard, restarts } => self.ambush(shard, restarts),
            Fault::Heal => self.heal(),
            Fault::DiskSlow { .. }
            | Fault::DiskFull { .. }
            | Fault::DiskEio { .. }
            | Fault::DiskRots { .. } => self.disk_fault(&fault),
            Fault::RegisterDown { span } => self.register.take_down(self.now + span),
            Fault::RegisterDeaf { span } => self.register.deafen(self.now + span),
            Fault::RegisterMute { span } => self.register.silence(self.now + span),
            Fault::RegisterSlow { span } => self.register.slow_down(self.now + span),
            Fault::RegisterCut { slot, span } => self.register.cut(slot, self.now + span),
            _ => self.link_fault(&fault),
        }
    }

    fn disk_fault(&mut self, fault: &Fault) {
        match *fault {
            Fault::DiskSlow { slot, delay, span } => {
                let ills = &mut self.nodes[slot].disk.ills;
                (ills.slow, ills.delay) = (self.now + span, delay);
            }
            Fault::DiskFull { slot, span } => {
                self.nodes[slot].disk.ills.full = self.now + span;
            }
            Fault::DiskEio { slot } => self.nodes[slot].disk.ills.eio = true,
            Fault::DiskRots { slot } => self.nodes[slot].disk.ills.rotten = true,
            _ => {}
        }
    }

    fn link_fault(&mut self, fault: &Fault) {
        let now = self.now;
        match *fault {
            Fault::Cut { a, b, span } => self.cut_both(a, b, span),
            Fault::CutOneWay { from, to, span } => self.network.cut(from, to, now + span),
            Fault::Split { side, span } => {
                for a in 0..self.nodes.len() {
                    for b in (0..a).filter(|b| (side >> a & 1) != (side >> b & 1)) {
                        self.cut_both(a, b, span);
                    }
                }
            }
            Fault::Isolate { slot, span } => {
                for other in (0..self.nodes.len()).filter(|other| *other != slot) {
                    self.cut_both(slot, other, span);
                }
                self.register.cut(slot, now + span);
            }
            Fault::Flap { a, b, times, span } => {
                for time in 0..times.max(1) {
                    let cut = Fault::Cut { a, b, span: span / 2 };
                    self.queue.at(now + time * span, Event::Fault(cut));
                }
            }
            Fault::Lossy { from, to, loss, span } => {
                self.network.lossy(from, to, loss, now + span);
            }
            Fault::Slow { from, to, delay, span } => {
                self.network.slow(from, to, delay, now + span);
            }
            Fault::Reset { a, b } => {
                for (a, b) in [(a, b), (b, a)] {
                    self.hint(a, b, false, 0);
                    let back = self.dice.below(ms(150));
                    self.hint(a, b, true, back + 1);
                }
            }
            _ => {}
        }
    }

    /// Neither hears the other. Their transports may notice before the machines do.
    fn cut_both(&mut self, a: Slot, b: Slot, span: Moment) {
        for (a, b) in [(a, b), (b, a)] {
            self.network.cut(a, b, self.now + span);
            if self.dice.one_in(2) {
                let notices = self.dice.below(ms(600)).min(span);
                self.hint(a, b, false, notices);
                let back = self.dice.below(ms(100));
                self.hint(a, b, true, span + back);
            }
        }
    }

    /// In a while the node on `slot` hears from its transport how it is with the one on `about`.
    fn hint(&mut self, slot: Slot, about: Slot, up: bool, after: Moment) {
        let (life, about) = (self.nodes[slot].life, self.nodes[about].key);
        self.queue.at(self.now + after, Event::Hint { slot, life, about, up });
    }

    /// A process ends, and with it all it did not write down; it starts again after `span`.
    pub(super) fn crash(&mut self, slot: Slot, reboots: bool, span: Moment) {
        let node = &mut self.nodes[slot];
        if !node.up {
            return;
        }
        node.up = false;
        node.life += 1;
        node.hosts.clear();
        node.inbox.clear();
        node.stopped = 0;
        node.disk.crash();
        let (life, key) = (node.life, node.key);
        if reboots {
            self.nodes[slot].clock = self.new_clock();
        }
        for shard in 0..self.plan.shards {
            self.hears(Fact::Kept { shard, node: key });
        }
        if span < Moment::MAX {
            self.queue.at(self.now + span, Event::Start { slot, life });
        }
        for other in (0..self.nodes.len()).filter(|other| *other != slot) {
            if !self.dice.one_in(4) {
                let notices = self.dice.below(ms(300));
                self.hint(other, slot, false, notices);
            }
        }
    }

    /// A machine's process starts with what its disk holds. A disk whose checksums fail before the
    /// durable mark is given up (rule R2): the node comes back as another.
    pub(super) fn start(&mut self, slot: Slot) {
        let node = &self.nodes[slot];
        if node.up || !node.member {
            return;
        }
        if node.disk.ills.rotten {
            self.lose_disk(slot, ms(200));
            return;
        }
        let (key, shards) = (node.key, self.plan.shards);
        let old = self.register.some_version();
        let settings = self.plan.settings_of(slot);
        let node = &mut self.nodes[slot];
        node.up = true;
        node.life += 1;
        node.version = old;
        let now = node.clock.shows(self.now);
        node.hosts = (0..shards)
            .map(|shard| Host::boot(&node.disk, key, shard, settings.clone(), now))
            .collect();
        let life = node.life;
        for shard in 0..shards {
            let host = node.host_mut(shard);
            host.standing = host.replica.standing();
            assert_eq!(host.standing, Standing::Idle, "I4: nobody serves before it has learned");
        }
        self.hears(Fact::Started { node: key });
        self.queue.at(self.now + self.dice.below(ms(25)), Event::Tick { slot, life });
        // What it kept of the map from earlier days comes first.
        self.queue.at(self.now, Event::Learn { slot, life, version: old });
        self.look_up_map(slot);
        for other in (0..self.nodes.len()).filter(|other| *other != slot) {
            // Its transport dials everybody, and everybody it.
            for (a, b) in [(other, slot), (slot, other)] {
                let there = self.nodes[b].up && !self.network.is_cut(self.now, a, b);
                let notices = self.dice.below(ms(200));
                self.hint(a, b, there, notices);
            }
        }
    }

    /// The disk is gone for ever; an empty one comes in its place and with it another node.
    fn lose_disk(&mut self, slot: Slot, span: Moment) {
        let old = self.nodes[slot].key;
        if !self.nodes[slot].member {
            return;
        }
        self.hears(Fact::DiskLost { node: old });
        self.disks += 1;
        let disk = Disk::new(self.dice.roll(), self.plan.shards);
        let node = &mut self.nodes[slot];
        node.disk = disk;
        node.key = NodeKey { number: u64::MAX, storage: self.disks };
        node.member = false;
        node.version = 0;
        self.queue.at(self.now + span, Event::Admit { slot });
    }

    fn pause(&mut self, slot: Slot, span: Moment) {
        let node = &mut self.nodes[slot];
        if node.up {
            node.stopped = node.stopped.max(self.now + span);
            let (stopped, life) = (node.stopped, node.life);
            self.queue.at(stopped, Event::Resume { slot, life });
        }
    }

    fn join(&mut self) {
        if self.nodes.len() >= SLOTS_MAX {
            return;
        }
        self.disks += 1;
        let slot = self.place_node(NodeKey { number: u64::MAX, storage: self.disks });
        self.nodes[slot].member = false;
        self.queue.at(self.now, Event::Admit { slot });
    }

    /// An operator gives a shard away. What the new holder has on its disk stays; the rest is the
    /// stated loss. It is done only while nobody who may serve the shard runs.
    fn force(&mut self, shard: u16, slot: Slot) {
        let config = self.register.config(shard);
        let runs = |node: &super::Node| config.is_eligible(node.key) && node.up;
        if self.nodes.iter().any(runs) || !self.nodes[slot].member {
            return;
        }
        let Some(keeps) = self.keeps(shard, slot) else { return };
        let primary = self.nodes[slot].key;
        let words = ("operator".to_owned(), "no copy is left".to_owned());
        let now = Time::from_ms(self.now / 1000);
        let change = Change::Force { shard, primary, by: words.0, why: words.1, now };
        if let Ok((_, made)) = self.register.apply(&change) {
            self.figures.forced += 1;
            self.oracle.forced(shard, config.generation + 1, keeps);
            self.made(&made);
        }
    }

    /// How much of what was published a disk holds; none when it holds something else instead,
    /// from before an earlier use of force.
    pub(super) fn keeps(&self, shard: u16, slot: Slot) -> Option<usize> {
        let (image, seen) = (self.nodes[slot].disk.image(shard), self.oracle.seen(shard));
        let base = image.book.at;
        if base.lsn.0 > 0 && seen.known(base.lsn).is_none_or(|it| it.at != base) {
            return None;
        }
        let agreeing = image.log.iter().filter(|it| it.at.lsn > base.lsn);
        let agreeing = agreeing.take_while(|it| seen.known(it.at.lsn).is_some() && seen.agrees(it));
        Some(usize::try_from(base.lsn.0).expect("logs are short") + agreeing.count())
    }

    /// Links, disks and the control plane are well from now on.
    pub fn heal(&mut self) {
        self.network.heal();
        self.register.heal();
        for node in &mut self.nodes {
            let ills = &mut node.disk.ills;
            (ills.full, ills.slow, ills.eio) = (0, 0, false);
        }
    }

    /// All faults are over, everybody is started, nobody has new wishes.
    pub fn calm(&mut self) {
        self.heal();
        self.calm = true;
        self.queue.retain(|event| !matches!(event, Event::Weather | Event::Fault(_)));
        for slot in 0..self.nodes.len() {
            let node = &mut self.nodes[slot];
            if node.up && node.stopped > self.now {
                node.stopped = self.now;
                let life = node.life;
                self.resume(slot, life);
            }
            self.start(slot);
        }
    }

    /// Chance for whoever has none of their own.
    pub(super) fn dice(&mut self) -> &mut Dice {
        &mut self.dice
    }
}
