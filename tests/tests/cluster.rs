//! Whole nodes of one cluster in this process, over real sockets and on real disks.
//!
//! One file per question an operator would ask of it. Facts are waited for, never times.

mod cluster {
    pub(super) mod audits;
    pub(super) mod contents;
    pub(super) mod countries;
    pub(super) mod town;
}
