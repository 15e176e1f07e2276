//! The nemesis: real nodes on a network and on disks of their own, and everything that happens to
//! machines done to them while people chat.
//!
//! # How it is used
//! `cargo xtask nemesis [--minutes M] [--seed S] [--fault NAME]` builds the node and runs the bin
//! `nemesis`: a cluster of three, a [`crowd`] of people, [`stories`] in the order of a seed until
//! the time is over; then calm, then the two judges of [`crate::history`]. A failure leaves the
//! history, the nodes' logs and the marks in a folder that is named.
//!
//! # What it is made of
//! - [`network`]: namespaces on one bridge in a namespace of its own; cuts and losses are rules at
//!   the bridge, so that neither end can tell them from a bad cable. The machine's own network is
//!   not touched. There is no netem on small machines, so nothing here delays by a fixed time: a
//!   narrow line (`tbf`) does by its queue.
//! - [`disk`]: a small ext4 in a file for each node, that can be full, fail, or be another one.
//! - [`process`]: a node's process; it dies with the one who started it.
//! - [`machines`]: all three together, behind [`cluster::Cluster`], which is all a story knows.
//! - [`upgrade`]: not a fault but the same care: another release on one node after the other, which
//!   `cargo xtask upgrade` tells with the program of the release before.
//! - [`person`] and [`crowd`]: browsers that move on to another node and write a history.
//!
//! Root and iproute2, nftables, e2fsprogs are needed; [`network::may_run`] says what is missing, and
//! whoever cannot run it says so aloud. Everything has an end in time, and what was set up goes away
//! with its owner, also in a panic. Names hold the process id; what a killed run left behind is
//! swept by the next.

pub mod cluster;
pub mod crowd;
pub mod disk;
pub mod machines;
pub mod network;
pub mod person;
pub mod process;
pub mod run;
pub mod status;
pub mod stories;
pub mod suite;
pub mod upgrade;
