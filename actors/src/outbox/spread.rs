//! Frames on their way to many outboxes. Sockets get theirs at once, other nodes once per node.
//!
//! # Invariants
//! - **SP1** Whoever gets several frames gets them in the order in which they were given.

use bytes::Bytes;
use protocol::{id::Seq, limits};
use std::{collections::BTreeMap, sync::Arc};

use super::{Burst, Outbox, Way};
use crate::line::Line;

/// Which of the frames somebody gets: one bit for each.
pub(crate) type Which = u64;

const _: () = assert!(limits::BURST_FRAMES <= Which::BITS as usize);

/// Up to [`limits::BURST_FRAMES`] frames, each with the actor's position after it when it is a
/// kept one.
pub struct Spread {
    frames: Vec<(Bytes, Option<Seq>)>,
    /// Put down once for all who get the same.
    bursts: BTreeMap<Which, (Burst, Option<Seq>)>,
    /// By node and life of its line.
    afar: BTreeMap<(u64, u64), Afar>,
}

/// What one line carries.
struct Afar {
    line: Arc<Line>,
    /// The watches that get each frame.
    watches: Vec<Vec<u64>>,
}

impl Spread {
    /// One frame. Nobody has it yet.
    pub fn new(frame: Bytes) -> Self {
        Self::many(vec![(frame, None)])
    }

    /// Several.
    pub(crate) fn many(frames: Vec<(Bytes, Option<Seq>)>) -> Self {
        assert!(frames.len() <= limits::BURST_FRAMES, "SP1: each has a bit of its own");
        Self { frames, bursts: BTreeMap::new(), afar: BTreeMap::new() }
    }

    /// One more gets all of them.
    pub fn to(&mut self, outbox: &Outbox) {
        self.some(outbox, Which::MAX >> (Which::BITS as usize - self.frames.len()));
    }

    /// One more gets these of them.
    pub(crate) fn some(&mut self, outbox: &Outbox, which: Which) {
        if which == 0 {
            return;
        }
        match &outbox.0 {
            Way::Socket { .. } => {
                let frames = &self.frames;
                let put = || {
                    let mine = frames.iter().enumerate().filter(|(at, _)| which >> at & 1 == 1);
                    let seq = mine.clone().filter_map(|(_, (_, seq))| *seq).next_back();
                    (Burst::of(mine.map(|(_, (frame, _))| frame)), seq)
                };
                let (burst, seq) = self.bursts.entry(which).or_insert_with(put);
                outbox.give(burst.clone(), *seq);
            }
            Way::Afar { line, life, watch } => {
                let watches = || vec![Vec::new(); self.frames.len()];
                let none = || Afar { line: line.clone(), watches: watches() };
                let afar = self.afar.entry((line.node(), *life)).or_insert_with(none);
                for (at, watches) in afar.watches.iter_mut().enumerate() {
                    if which >> at & 1 == 1 {
                        watches.push(*watch);
                    }
                }
            }
        }
    }

    /// Sends them to the other nodes.
    pub fn done(self) {
        for ((_, life), afar) in self.afar {
            for (watches, (frame, seq)) in afar.watches.into_iter().zip(&self.frames) {
                if !watches.is_empty() {
                    afar.line.tell(life, watches, *seq, frame.clone()); // SP1
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::outbox;

    #[test]
    fn sp1_everybody_gets_theirs_in_order() {
        let frames = [b"a", b"b", b"c"].map(|frame| Bytes::from_static(frame));
        let kept = [Some(Seq(1)), None, Some(Seq(3))];
        let mut spread = Spread::many(frames.into_iter().zip(kept).collect());
        let boxes: Vec<_> = (0..5).map(|_| outbox()).collect();
        let tap = super::super::Tap::new(Seq(0));
        spread.to(&boxes[0].0);
        spread.some(&boxes[1].0.tapped(&tap), 0b011);
        spread.some(&boxes[2].0, 0b110);
        spread.some(&boxes[3].0, 0);
        spread.to(&boxes[4].0);
        spread.done();
        let told = boxes.into_iter().map(|(_outbox, mut outgoing)| {
            let burst = outgoing.more(usize::MAX);
            let texts = burst.iter().flat_map(|burst| burst.texts());
            texts.map(|text| char::from(text[0])).collect::<String>()
        });
        assert!(told.eq(["abc", "ab", "bc", "", "abc"]));
        assert_eq!(tap.close(), Seq(1), "b is not kept");
    }
}
