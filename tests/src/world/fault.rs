//! Everything that can go wrong, and what people do to a cluster.

use super::{clock::Moment, network::Slot};

/// One thing that happens to the world. What lasts ends by itself after its `span`.
#[expect(missing_docs, reason = "the fields are called what they are")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A process ends; the machine too, when it `reboots` (its clock then begins anew).
    Crash { slot: Slot, reboots: bool, span: Moment },
    /// All processes end at once.
    Blackout { span: Moment },
    /// A process stands still while its clock goes on (SIGSTOP).
    Pause { slot: Slot, span: Moment },
    /// Two machines do not hear each other.
    Cut { a: Slot, b: Slot, span: Moment },
    /// One does not hear the other.
    CutOneWay { from: Slot, to: Slot, span: Moment },
    /// The machines whose bits are set do not hear the others.
    Split { side: u32, span: Moment },
    /// A machine hears nobody, not the control plane either, and is heard by nobody.
    Isolate { slot: Slot, span: Moment },
    /// A link goes and comes: so many times, each so long.
    Flap { a: Slot, b: Slot, times: u64, span: Moment },
    /// A direction loses this many frames in a thousand.
    Lossy { from: Slot, to: Slot, loss: u64, span: Moment },
    /// A direction takes this much longer.
    Slow { from: Slot, to: Slot, delay: Moment, span: Moment },
    /// A connection breaks and is there again: both ends are told.
    Reset { a: Slot, b: Slot },
    /// Syncs take up to this much longer.
    DiskSlow { slot: Slot, delay: Moment, span: Moment },
    /// No room on a disk.
    DiskFull { slot: Slot, span: Moment },
    /// The next sync fails.
    DiskEio { slot: Slot },
    /// A bit turns in what is durable; found at the next start.
    DiskRots { slot: Slot },
    /// A disk is replaced by an empty one: the node comes back as another.
    Replace { slot: Slot, span: Moment },
    /// The control plane is unavailable.
    RegisterDown { span: Moment },
    /// The control plane loses requests.
    RegisterDeaf { span: Moment },
    /// The control plane loses answers.
    RegisterMute { span: Moment },
    /// The control plane is slow.
    RegisterSlow { span: Moment },
    /// One machine does not reach the control plane.
    RegisterCut { slot: Slot, span: Moment },
    /// A machine joins.
    Join,
    /// A member shall give away what it has, or shall not after all.
    Drain { slot: Slot, on: bool },
    /// A shard shall be served there, with its second copy there.
    Want { shard: u16, primary: Slot, twin: Slot },
    /// An operator gives a shard to a node, with loss.
    Force { shard: u16, slot: Slot },
    /// A shard's primary is cut off while its twin restarts, or after it heard the twin late.
    Ambush { shard: u16, restarts: bool },
    /// A machine that is down is started.
    Start { slot: Slot },
    /// Links, disks and the control plane are well.
    Heal,
}

impl Fault {
    /// Its name in figures.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Crash { reboots: false, .. } => "process killed",
            Self::Crash { reboots: true, .. } => "machine rebooted",
            Self::Blackout { .. } => "all killed",
            Self::Pause { .. } => "process stopped",
            Self::Cut { .. } => "link cut",
            Self::CutOneWay { .. } => "link cut one way",
            Self::Split { .. } => "network split",
            Self::Isolate { .. } => "node cut off",
            Self::Flap { .. } => "link flapping",
            Self::Lossy { .. } => "link lossy",
            Self::Slow { .. } => "link slow",
            Self::Reset { .. } => "connection reset",
            Self::DiskSlow { .. } => "disk slow",
            Self::DiskFull { .. } => "disk full",
            Self::DiskEio { .. } => "disk EIO",
            Self::DiskRots { .. } => "disk rots",
            Self::Replace { .. } => "disk replaced",
            Self::RegisterDown { .. } => "control down",
            Self::RegisterDeaf { .. } => "control loses requests",
            Self::RegisterMute { .. } => "control loses answers",
            Self::RegisterSlow { .. } => "control slow",
            Self::RegisterCut { .. } => "control cut off",
            Self::Join => "node joins",
            Self::Drain { on: true, .. } => "node drained",
            Self::Drain { on: false, .. } => "node kept after all",
            Self::Want { .. } => "shard wanted elsewhere",
            Self::Force { .. } => "shard forced",
            Self::Ambush { restarts: true, .. } => "ambush: twin restarts",
            Self::Ambush { restarts: false, .. } => "ambush: twin is late",
            Self::Start { .. } => "node started",
            Self::Heal => "healed",
        }
    }
}
