//! What a story may do to a cluster, and what it may ask it. Nothing more is known of it.

use anyhow::Result;

/// Who holds a shard, as the cluster itself says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Holders {
    /// Serves it.
    pub primary: Option<usize>,
    /// Holds the second copy.
    pub twin: Option<usize>,
}

/// A cluster whose nodes are counted from 0.
///
/// Deeds come in pairs; [`Cluster::mend`] undoes whatever is left, so that a story that fails in the
/// middle leaves nothing for the next.
pub trait Cluster {
    /// How many nodes there are.
    fn nodes(&self) -> usize;

    /// Whether the node's process runs.
    ///
    /// # Errors
    /// When the system does not say.
    fn runs(&mut self, node: usize) -> Result<bool>;

    /// Ends the process at once, as a power cut does.
    ///
    /// # Errors
    /// When it does not end.
    fn kill(&mut self, node: usize) -> Result<()>;

    /// Asks the process to stop, and waits until it has.
    ///
    /// # Errors
    /// When it does not, or ends badly.
    fn stop(&mut self, node: usize) -> Result<()>;

    /// Starts the process and waits until browsers can connect.
    ///
    /// # Errors
    /// When they cannot in time.
    fn start(&mut self, node: usize) -> Result<()>;

    /// Halts the process, or lets it go on.
    ///
    /// # Errors
    /// When it is not running.
    fn halt(&mut self, node: usize, on: bool) -> Result<()>;

    /// One-way: nothing goes from one node to another.
    ///
    /// # Errors
    /// When the network does not take the rule.
    fn cut(&mut self, from: usize, to: usize) -> Result<()>;

    /// So many of a hundred packets between this node and the others are lost.
    ///
    /// # Errors
    /// As above.
    fn lose(&mut self, node: usize, percent: u8) -> Result<()>;

    /// What the node sends goes through a narrow line.
    ///
    /// # Errors
    /// As above.
    fn narrow(&mut self, node: usize, kbit: u32) -> Result<()>;

    /// Pulls the node's cable, or plugs it in: people do not reach it either.
    ///
    /// # Errors
    /// As above.
    fn plug(&mut self, node: usize, on: bool) -> Result<()>;

    /// Every line is good again.
    ///
    /// # Errors
    /// As above.
    fn heal(&mut self) -> Result<()>;

    /// Fills the node's disk, or gives the space back.
    ///
    /// # Errors
    /// When the disk fails otherwise.
    fn fill(&mut self, node: usize, on: bool) -> Result<()>;

    /// The node's disk becomes read-only under it.
    ///
    /// # Errors
    /// When the disk does not do that.
    fn fail_disk(&mut self, node: usize) -> Result<()>;

    /// The disk is checked and mounted anew; the process is ended for it.
    ///
    /// # Errors
    /// When the disk cannot be mended.
    fn mend_disk(&mut self, node: usize) -> Result<()>;

    /// The node's wall clock is so many seconds off from now on.
    ///
    /// # Errors
    /// When its clock cannot be moved.
    fn set_clock(&mut self, node: usize, seconds: i64) -> Result<()>;

    /// The node is gone with its disk; another one with an empty disk joins in its place.
    ///
    /// # Errors
    /// When it is not taken in.
    fn replace(&mut self, node: usize) -> Result<()>;

    /// The node shall give everything away, or shall not after all.
    ///
    /// # Errors
    /// When the cluster does not take the order.
    fn drain(&mut self, node: usize, on: bool) -> Result<()>;

    /// How many copies the node holds.
    ///
    /// # Errors
    /// When no node says.
    fn copies(&mut self, node: usize) -> Result<usize>;

    /// Who leads the control plane.
    ///
    /// # Errors
    /// When no node says.
    fn leader(&mut self) -> Result<Option<usize>>;

    /// Who holds a shard.
    ///
    /// # Errors
    /// When no node says.
    fn holders(&mut self, shard: u16) -> Result<Holders>;

    /// Whether every node runs and every shard has its two copies.
    ///
    /// # Errors
    /// When the system does not say.
    fn is_whole(&mut self) -> Result<bool>;

    /// Undoes every deed that still lasts and starts every node that is down.
    ///
    /// # Errors
    /// When something stays broken.
    fn mend(&mut self) -> Result<()>;
}
