//! What a world went through, in figures.

use std::collections::BTreeMap;

/// Counts of one world, or of many.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Worlds.
    pub worlds: u64,
    /// Events.
    pub steps: u64,
    /// Microseconds of the worlds' own time.
    pub simulated: u64,
    /// Faults by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Writes that people were told took effect.
    pub acked: u64,
    /// Writes of which nobody was ever told what became of them.
    pub unknown: u64,
    /// Reads that people got, each judged.
    pub reads: u64,
    /// Twins that took over.
    pub failovers: u64,
    /// Nodes that began to serve a shard, for whatever reason.
    pub promotions: u64,
    /// Second copies that became whole.
    pub joins: u64,
    /// States copied because a log had moved on.
    pub copies: u64,
    /// Shards given away by force.
    pub forced: u64,
    /// Entries put aside by nodes that came back after force.
    pub quarantined: u64,
    /// Alarms that machines raised.
    pub alarms: u64,
}

impl Figures {
    /// A fault happened.
    pub fn fault(&mut self, name: &'static str) {
        *self.faults.entry(name).or_default() += 1;
    }

    /// Adds those of another world.
    pub fn add(&mut self, other: &Self) {
        for (name, count) in &other.faults {
            *self.faults.entry(name).or_default() += count;
        }
        self.worlds += other.worlds;
        self.steps += other.steps;
        self.simulated += other.simulated;
        self.acked += other.acked;
        self.unknown += other.unknown;
        self.reads += other.reads;
        self.failovers += other.failovers;
        self.promotions += other.promotions;
        self.joins += other.joins;
        self.copies += other.copies;
        self.forced += other.forced;
        self.quarantined += other.quarantined;
        self.alarms += other.alarms;
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hours = self.simulated as f64 / 3.6e9;
        writeln!(to, "  worlds          {}", self.worlds)?;
        writeln!(to, "  steps           {}", self.steps)?;
        writeln!(to, "  simulated       {hours:.1} h")?;
        writeln!(to, "  acked writes    {} ({} unknown)", self.acked, self.unknown)?;
        writeln!(to, "  reads checked   {}", self.reads)?;
        writeln!(to, "  failovers       {}", self.failovers)?;
        writeln!(to, "  promotions      {}", self.promotions)?;
        writeln!(to, "  joins           {}", self.joins)?;
        writeln!(to, "  copies          {}", self.copies)?;
        writeln!(to, "  forced          {} ({} entries put aside)", self.forced, self.quarantined)?;
        writeln!(to, "  alarms          {}", self.alarms)?;
        let all: u64 = self.faults.values().sum();
        writeln!(to, "  faults          {all}")?;
        for (name, count) in &self.faults {
            writeln!(to, "    {name:<24} {count}")?;
        }
        Ok(())
    }
}
