//! The steps of a plan, most urgent first; each changes what the next one sees.

use std::collections::BTreeSet;

use protocol::cluster::{Map, Wanted};

use super::{
    Rules,
    scene::{Scene, Seat},
};

/// A shard as it will be when what is wanted has come true.
#[derive(Clone, Copy)]
struct Pair {
    primary: Seat,
    twin: Option<Seat>,
    /// A step is under way, or nothing can be done: left alone by this plan.
    busy: bool,
}

/// A plan in the making.
pub(super) struct Moves<'a> {
    map: &'a Map,
    scene: &'a Scene,
    rules: &'a Rules,
    pairs: Vec<Option<Pair>>,
    wants: Vec<Option<Wanted>>,
    copies: Vec<usize>,
    primaries: Vec<usize>,
    /// Takers of each site by load, least first.
    ranked: Vec<BTreeSet<(usize, Seat)>>,
    /// Copies being made onto each.
    rebuilds: Vec<usize>,
    under_way: usize,
}

impl<'a> Moves<'a> {
    pub(super) fn new(map: &'a Map, scene: &'a Scene, rules: &'a Rules) -> Self {
        let many = scene.holders.len();
        let mut moves = Self {
            map,
            scene,
            rules,
            pairs: Vec::with_capacity(map.places.len()),
            wants: map.places.iter().map(|place| place.wanted).collect(),
            copies: vec![0; many],
            primaries: vec![0; many],
            ranked: vec![BTreeSet::new(); scene.sites],
            rebuilds: vec![0; many],
            under_way: 0,
        };
        for place in &map.places {
            let primary = scene.seat(place.config.primary);
            let twin = place.config.twin.and_then(|twin| scene.seat(twin));
            moves.pairs.push(primary.map(|primary| Pair { primary, twin, busy: false }));
        }
        for pair in moves.pairs.iter().flatten() {
            moves.primaries[pair.primary] += 1;
            moves.copies[pair.primary] += 1;
            if let Some(twin) = pair.twin {
                moves.copies[twin] += 1;
            }
        }
        for (seat, holder) in scene.holders.iter().enumerate().filter(|(_, it)| it.takes) {
            moves.ranked[holder.site].insert((moves.copies[seat], seat));
        }
        moves
    }

    /// A step that is still possible goes on: nobody is sent hither and thither.
    pub(super) fn keep_what_is_under_way(&mut self) {
        for shard in 0..self.pairs.len() {
            let Some(pair) = self.pairs[shard] else { continue };
            let holder = &self.scene.holders;
            if !holder[pair.primary].alive {
                // Its second copy takes over by itself; then it is looked at again.
                self.touch(shard, pair.primary, pair.twin, true);
                continue;
            }
            let Some(Wanted { primary, twin }) = self.wants[shard] else { continue };
            let (primary, twin) =
                (self.scene.seat(primary), twin.and_then(|twin| self.scene.seat(twin)));
            match (primary, twin) {
                // A copy is being made.
                (Some(serving), Some(new))
                    if serving == pair.primary
                        && pair.twin != Some(new)
                        && holder[new].alive
                        && holder[new].stays
                        && !holder[new].rests
                        && self.scene.may_pair(serving, new) =>
                {
                    self.under_way += usize::from(pair.twin.is_some());
                    self.rebuilds[new] += 1;
                    self.touch(shard, serving, Some(new), true);
                }
                // It is being handed over.
                (Some(serving), Some(second))
                    if pair.twin == Some(serving)
                        && second == pair.primary
                        && holder[serving].alive
                        && holder[serving].stays =>
                {
                    self.under_way += 1;
                    self.touch(shard, serving, Some(second), true);
                }
                _ => self.wants[shard] = None,
            }
        }
    }

    /// Whoever is alone gets a spare (R6). A second copy that does not answer here may well answer
    /// its primary; when it does not, the primary drops it and is alone.
    pub(super) fn give_spares(&mut self) {
        for shard in 0..self.pairs.len() {
            let Some(Pair { primary, twin: None, busy: false }) = self.pairs[shard] else {
                continue;
            };
            if let Some(spare) = self.spare(primary, None) {
                self.make_copy(shard, primary, spare);
            }
        }
    }

    /// Who drains, or stands in a country that is not allowed, gives everything away: first it
    /// hands over, then its copy is replaced.
    pub(super) fn empty_who_leaves(&mut self) {
        for shard in 0..self.pairs.len() {
            let Some(Pair { primary, twin: Some(twin), busy: false }) = self.pairs[shard] else {
                continue;
            };
            let holders = &self.scene.holders;
            if !holders[twin].stays {
                if self.may_move()
                    && let Some(spare) = self.spare(primary, Some(twin))
                {
                    self.under_way += 1;
                    self.make_copy(shard, primary, spare);
                }
            } else if !holders[primary].stays && holders[twin].alive && self.may_move() {
                self.hand_over(shard, primary, twin);
            }
        }
    }

    /// Two copies at one site are parted when there is another (B3).
    pub(super) fn part_same_sites(&mut self) {
        if !self.scene.apart {
            return;
        }
        for shard in 0..self.pairs.len() {
            let Some(Pair { primary, twin: Some(twin), busy: false }) = self.pairs[shard] else {
                continue;
            };
            if !self.scene.may_pair(primary, twin)
                && self.may_move()
                && let Some(spare) = self.spare(primary, Some(twin))
            {
                self.under_way += 1;
                self.make_copy(shard, primary, spare);
            }
        }
    }

    /// Serving is shared: a shard is handed over to a second copy that serves clearly less (B6).
    pub(super) fn balance_primaries(&mut self) {
        let gap = self.gap(self.pairs.len());
        for shard in 0..self.pairs.len() {
            if !self.may_move() {
                return;
            }
            let Some(Pair { primary, twin: Some(twin), busy: false }) = self.pairs[shard] else {
                continue;
            };
            let fewer = self.primaries[twin] + gap < self.primaries[primary];
            if fewer && self.scene.holders[twin].takes {
                self.hand_over(shard, primary, twin);
            }
        }
    }

    /// Copies are shared: a second copy moves from the most loaded to one that holds clearly less
    /// (B6).
    pub(super) fn balance_copies(&mut self) {
        let gap = self.gap(self.copies.iter().sum());
        let mut held: Vec<Vec<usize>> = vec![Vec::new(); self.scene.holders.len()];
        for (shard, pair) in self.pairs.iter().enumerate() {
            if let Some(Pair { twin: Some(twin), busy: false, .. }) = pair {
                held[*twin].push(shard);
            }
        }
        let mut most: BTreeSet<(usize, Seat)> =
            self.copies.iter().enumerate().map(|(seat, copies)| (*copies, seat)).collect();
        while self.may_move()
            && let Some((copies, from)) = most.pop_last()
        {
            let Some(least) = self.ranked.iter().filter_map(|it| it.first()).min() else { return };
            if least.0 + gap >= copies {
                return;
            }
            // The shards tried in vain stay where they are in this plan.
            while let Some(shard) = held[from].pop() {
                if self.move_copy(shard, copies, gap) {
                    most.insert((self.copies[from], from));
                    break;
                }
            }
        }
    }

    /// What is to be written down.
    pub(super) fn changes(self) -> Vec<(u16, Option<Wanted>)> {
        let mut changes = Vec::new();
        for (shard, (place, wanted)) in self.map.places.iter().zip(self.wants).enumerate() {
            if place.wanted != wanted {
                changes.push((u16::try_from(shard).expect("a map has u16 shards"), wanted));
            }
        }
        changes
    }

    fn move_copy(&mut self, shard: usize, copies: usize, gap: usize) -> bool {
        let Some(Pair { primary, twin: Some(twin), busy: false }) = self.pairs[shard] else {
            return false;
        };
        let Some(spare) = self.spare(primary, Some(twin)) else { return false };
        if self.copies[spare] + gap >= copies {
            return false;
        }
        self.under_way += 1;
        self.make_copy(shard, primary, spare);
        true
    }

    /// The least loaded that may take a copy beside this primary (B2, B3, B5).
    fn spare(&self, primary: Seat, not: Option<Seat>) -> Option<Seat> {
        let fits = |seat: Seat| {
            seat != primary
                && Some(seat) != not
                && self.scene.may_pair(primary, seat)
                && self.rebuilds[seat] < self.rules.rebuilds_max
        };
        let best =
            |site: &BTreeSet<(usize, Seat)>| site.iter().find(|(_, seat)| fits(*seat)).copied();
        let home = self.scene.holders[primary].site;
        let sites = self.ranked.iter().enumerate();
        let sites = sites.filter(|(site, _)| !self.scene.apart || *site != home);
        sites.filter_map(|(_, site)| best(site)).min().map(|(_, seat)| seat)
    }

    /// A difference worth a move: more than one, and more than a sixteenth of a fair share, so that
    /// the loss of a node moves what it held and nothing else.
    fn gap(&self, total: usize) -> usize {
        1 + total / self.scene.takers().max(1) / 16
    }

    const fn may_move(&self) -> bool {
        self.under_way < self.rules.moves_max
    }

    fn make_copy(&mut self, shard: usize, primary: Seat, new: Seat) {
        self.rebuilds[new] += 1;
        self.want(shard, primary, new);
    }

    fn hand_over(&mut self, shard: usize, primary: Seat, twin: Seat) {
        assert!(self.pairs[shard].is_some_and(|pair| pair.twin == Some(twin)), "B4");
        self.under_way += 1;
        self.want(shard, twin, primary);
    }

    fn want(&mut self, shard: usize, primary: Seat, twin: Seat) {
        let holders = &self.scene.holders;
        assert!(holders[primary].alive && holders[twin].alive, "B2");
        self.wants[shard] =
            Some(Wanted { primary: holders[primary].key, twin: Some(holders[twin].key) });
        self.touch(shard, primary, Some(twin), true);
    }

    /// Counts the shard as it will be.
    fn touch(&mut self, shard: usize, primary: Seat, twin: Option<Seat>, busy: bool) {
        let now = Pair { primary, twin, busy };
        if let Some(before) = self.pairs[shard].replace(now) {
            self.primaries[before.primary] -= 1;
            self.primaries[primary] += 1;
            for seat in std::iter::once(before.primary).chain(before.twin) {
                self.weigh(seat, |copies| copies - 1);
            }
            for seat in std::iter::once(primary).chain(twin) {
                self.weigh(seat, |copies| copies + 1);
            }
        }
    }

    fn weigh(&mut self, seat: Seat, change: impl Fn(usize) -> usize) {
        let site = self.scene.holders[seat].site;
        let ranked = self.ranked[site].remove(&(self.copies[seat], seat));
        self.copies[seat] = change(self.copies[seat]);
        if ranked {
            self.ranked[site].insert((self.copies[seat], seat));
        }
    }
}
