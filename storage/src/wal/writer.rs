//! The one thread that writes the log: takes what waits, commits it as one group, tells everyone.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use super::{
    log::Log,
    meter::Meter,
    queue::{Item, Queue, Turn},
    record::Draft,
};
use crate::fault::StorageFault;

/// After so long without an append the log writes how far it is durable.
const QUIET: Duration = Duration::from_millis(50);

/// Runs until the queue is stopped and empty. A bug on this thread, a completion's included, shuts
/// the log: an append must never wait for a thread that is gone.
pub(super) fn run_or_shut(log: Log, queue: &Queue, meter: &Arc<Meter>) {
    if catch_unwind(AssertUnwindSafe(|| run(log, queue, meter))).is_err() {
        let fault = StorageFault::LogFaulted { why: "a bug on the log's thread".into() };
        let behind = queue.refuse(&fault);
        tell(&fault, behind.into_iter().map(|item| item.done), meter);
    }
}

fn run(mut log: Log, queue: &Queue, meter: &Arc<Meter>) {
    let group_bytes = log.layout.group_bytes();
    let mut unmarked = false;
    loop {
        let quiet = (unmarked && log.faulted().is_none()).then_some(QUIET);
        match queue.turn(group_bytes, quiet) {
            Turn::Group(group) => {
                commit(&mut log, queue, meter, group);
                unmarked = true;
            }
            Turn::Release(upto) => {
                if let Err(fault) = log.release(upto) {
                    tracing::warn!(%fault, upto, "a segment of the log could not be released");
                    if log.faulted().is_some() {
                        refuse(&fault, Vec::new(), queue, meter);
                    }
                }
            }
            Turn::Quiet => {
                mark(&mut log, queue, meter);
                unmarked = false;
            }
            Turn::Stop => {
                if unmarked && log.faulted().is_none() {
                    mark(&mut log, queue, meter);
                }
                return;
            }
        }
        meter.segments.store(log.segments() as u64, Relaxed);
    }
}

fn commit(log: &mut Log, queue: &Queue, meter: &Meter, group: Vec<Item>) {
    let (drafts, dones): (Vec<Draft>, Vec<_>) =
        group.into_iter().map(|item| (item.draft, item.done)).unzip();
    let started = Instant::now();
    match log.commit(&drafts) {
        Ok(places) => {
            let bytes = drafts.iter().map(Draft::len).sum();
            meter.group(drafts.len(), bytes, started.elapsed());
            queue.kept();
            // The appends still referenced by `drafts` are also held by their journals: dropping
            // the drafts first would not free them.
            for (done, place) in dones.into_iter().zip(places) {
                done(Ok(place));
            }
        }
        Err(fault) => refuse(&fault, dones, queue, meter),
    }
}

fn mark(log: &mut Log, queue: &Queue, meter: &Meter) {
    let started = Instant::now();
    match log.mark() {
        Ok(()) => meter.group(0, 0, started.elapsed()),
        Err(fault) => refuse(&fault, Vec::new(), queue, meter),
    }
}

/// Shuts the gate, and tells these and whoever waits behind them.
fn refuse(fault: &StorageFault, dones: Vec<super::queue::Done>, queue: &Queue, meter: &Meter) {
    let behind = queue.refuse(fault);
    tell(fault, dones.into_iter().chain(behind.into_iter().map(|item| item.done)), meter);
    queue.all_told();
}

fn tell(fault: &StorageFault, dones: impl Iterator<Item = super::queue::Done>, meter: &Meter) {
    tracing::error!(%fault, "the log refuses writes");
    for done in dones {
        meter.refused.fetch_add(1, Relaxed);
        done(Err(fault.clone()));
    }
}
