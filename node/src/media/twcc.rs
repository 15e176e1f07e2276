//! Feedback about every packet a publisher sends, so that its bandwidth estimate can rise.
//!
//! Browsers number all their packets across streams; the node tells when each number came. The
//! format is the transport-wide congestion control draft's.

use std::time::Instant;

use rtc::rtcp::transport_feedbacks::transport_layer_cc::{
    PacketStatusChunk, RecvDelta, RunLengthChunk, StatusChunkTypeTcc, StatusVectorChunk,
    SymbolSizeTypeTcc, SymbolTypeTcc, TransportLayerCc,
};

use super::limits::{JUMP_MAX, TWCC_ARRIVALS_MAX, TWCC_PAUSE};

/// Time is told in steps of 250 µs, from a reference in steps of 64 ms.
const STEP_US: i64 = 250;
const REFERENCE_US: u64 = 64_000;
/// Statuses in one vector chunk of two bits each.
const VECTOR: usize = 7;

/// The arrivals not told yet.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    newest: Option<i64>,
    /// The first number the next feedback speaks of.
    next: Option<i64>,
    seen: Vec<(i64, u64)>,
    count: u8,
    told_at: Option<Instant>,
    media_ssrc: u32,
}

impl Arrivals {
    /// Enters one packet's transport-wide number.
    pub(super) fn enter(&mut self, number: u16, ssrc: u32, micros: u64) {
        let newest = self.newest.unwrap_or(i64::from(number));
        let unwrapped = newest + i64::from(number.wrapping_sub(newest as u16) as i16);
        if unwrapped - newest > JUMP_MAX as i64 {
            self.next = None; // A restart: what lies between was never sent.
            self.seen.clear();
        }
        self.newest = Some(newest.max(unwrapped));
        self.media_ssrc = ssrc;
        if self.seen.len() < 4 * TWCC_ARRIVALS_MAX {
            self.seen.push((unwrapped, micros));
        }
    }

    /// Whether it is time to tell.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let rested = self.told_at.is_none_or(|at| now.saturating_duration_since(at) >= TWCC_PAUSE);
        !self.seen.is_empty() && (rested || self.seen.len() >= TWCC_ARRIVALS_MAX / 2)
    }

    /// The next feedback; call until `None`.
    pub(super) fn tell(&mut self, sender_ssrc: u32, now: Instant) -> Option<TransportLayerCc> {
        if self.seen.is_empty() {
            return None;
        }
        self.told_at = Some(now);
        self.seen.sort_unstable();
        self.seen.dedup_by_key(|(number, _)| *number);
        let oldest = self.seen[0].0;
        // A number that was told as lost may be told again as received.
        let base = self.next.map_or(oldest, |next| next.min(oldest));
        let base = base.max(oldest - JUMP_MAX as i64);
        let mut feedback = Feedback::new(base, self.seen[0].1);
        let fit = |(number, micros): &&(i64, u64)| feedback.add(*number, *micros);
        let told = self.seen.iter().take(TWCC_ARRIVALS_MAX).take_while(fit).count().max(1);
        let last = self.seen[told - 1].0;
        self.seen.drain(..told);
        self.next = Some(self.next.unwrap_or(last + 1).max(last + 1));
        self.count = self.count.wrapping_add(1);
        Some(feedback.finish(sender_ssrc, self.media_ssrc, self.count.wrapping_sub(1)))
    }
}

struct Feedback {
    base: i64,
    reference: u64,
    last_us: i64,
    symbols: Vec<SymbolTypeTcc>,
    deltas: Vec<RecvDelta>,
}

impl Feedback {
    fn new(base: i64, first_us: u64) -> Feedback {
        let reference = first_us / REFERENCE_US;
        let last_us = (reference * REFERENCE_US) as i64;
        Feedback { base, reference, last_us, symbols: Vec::new(), deltas: Vec::new() }
    }

    /// Adds an arrival; false if its time cannot be said from here.
    fn add(&mut self, number: i64, micros: u64) -> bool {
        let steps = (micros as i64 - self.last_us).div_euclid(STEP_US);
        let Ok(steps) = i16::try_from(steps) else {
            return false;
        };
        let at = (number - self.base) as usize;
        self.symbols.resize(at, SymbolTypeTcc::PacketNotReceived);
        let symbol = if (0..=255).contains(&steps) {
            SymbolTypeTcc::PacketReceivedSmallDelta
        } else {
            SymbolTypeTcc::PacketReceivedLargeDelta
        };
        self.symbols.push(symbol);
        let delta = i64::from(steps) * STEP_US;
        self.deltas.push(RecvDelta { type_tcc_packet: symbol, delta });
        self.last_us += delta;
        true
    }

    fn finish(self, sender_ssrc: u32, media_ssrc: u32, count: u8) -> TransportLayerCc {
        TransportLayerCc {
            sender_ssrc,
            media_ssrc,
            base_sequence_number: self.base as u16,
            packet_status_count: self.symbols.len() as u16,
            reference_time: (self.reference & 0xff_ffff) as u32,
            fb_pkt_count: count,
            packet_chunks: chunks(&self.symbols),
            recv_deltas: self.deltas,
        }
    }
}

/// Runs where a status repeats, vectors elsewhere.
fn chunks(mut symbols: &[SymbolTypeTcc]) -> Vec<PacketStatusChunk> {
    let mut chunks = Vec::new();
    while let Some(first) = symbols.first() {
        let run = symbols.iter().take(0x1fff).take_while(|symbol| *symbol == first).count();
        let (chunk, len) = if run > VECTOR || run == symbols.len() {
            let run = RunLengthChunk {
                type_tcc: StatusChunkTypeTcc::RunLengthChunk,
                packet_status_symbol: *first,
                run_length: run as u16,
            };
            let len = usize::from(run.run_length);
            (PacketStatusChunk::RunLengthChunk(run), len)
        } else {
            let len = symbols.len().min(VECTOR);
            let mut list = symbols[..len].to_vec();
            list.resize(VECTOR, SymbolTypeTcc::PacketNotReceived);
            let vector = StatusVectorChunk {
                type_tcc: StatusChunkTypeTcc::StatusVectorChunk,
                symbol_size: SymbolSizeTypeTcc::TwoBit,
                symbol_list: list,
            };
            (PacketStatusChunk::StatusVectorChunk(vector), len)
        };
        chunks.push(chunk);
        symbols = &symbols[len..];
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtc::shared::marshal::{Marshal, Unmarshal};

    #[test]
    fn what_is_told_survives_the_wire() {
        let now = Instant::now();
        let mut arrivals = Arrivals::default();
        for (number, ms) in [(65_534u16, 1_000u64), (65_535, 1_001), (3, 1_090), (1, 1_095)] {
            arrivals.enter(number, 77, ms * 1_000);
        }
        assert!(arrivals.is_due(now));
        let told = arrivals.tell(1, now).unwrap();
        assert_eq!((told.base_sequence_number, told.packet_status_count), (65_534, 6));
        let steps: Vec<i64> = told.recv_deltas.iter().map(|d| d.delta / 1_000).collect();
        assert_eq!(steps, [40, 1, 94, -5], "1000 ms is 40 ms after the 15th step of 64 ms");
        let mut bytes = told.marshal().unwrap().freeze();
        let read = TransportLayerCc::unmarshal(&mut bytes).unwrap();
        assert_eq!(read.recv_deltas, told.recv_deltas);
        assert_eq!(read.packet_status_count, 6);
        assert!(arrivals.tell(1, now).is_none());
        arrivals.enter(5, 77, 1_200_000);
        let told = arrivals.tell(1, now).unwrap();
        assert_eq!((told.base_sequence_number, told.packet_status_count), (4, 2), "4 was lost");
    }

    #[test]
    fn many_arrivals_take_several_feedbacks_and_none_is_too_long() {
        let now = Instant::now();
        let mut arrivals = Arrivals::default();
        for n in 0..1_000u16 {
            arrivals.enter(n.wrapping_mul(2), 1, u64::from(n) * 9_000);
        }
        let mut told = 0;
        while let Some(feedback) = arrivals.tell(1, now) {
            told += feedback.recv_deltas.len();
            assert!(feedback.marshal().unwrap().len() < 1_200);
        }
        assert_eq!(told, 1_000);
    }

    #[test]
    fn a_restart_does_not_report_a_sea_of_losses() {
        let now = Instant::now();
        let mut arrivals = Arrivals::default();
        arrivals.enter(0, 1, 0);
        arrivals.tell(1, now).unwrap();
        arrivals.enter(20_000, 1, 64_000);
        assert_eq!(arrivals.tell(1, now).unwrap().packet_status_count, 1);
    }
}
