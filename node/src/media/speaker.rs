//! Who speaks: the loudness each packet carries (RFC 6464), smoothed, with hysteresis.

use std::time::{Duration, Instant};

/// Louder than this, smoothed, is speech; a quiet office lies near 20.
const SPEECH: f32 = 64.0;
/// Speech has ended when it stayed softer than [`SPEECH`] for this long: pauses between words.
const PAUSE: Duration = Duration::from_millis(900);
/// A change of loudness worth telling, and how often it may be told.
const STEP: u8 = 12;
const TOLD_PAUSE: Duration = Duration::from_millis(500);

/// The ear on one published audio track.
#[derive(Debug, Default)]
pub(super) struct Ear {
    smooth: f32,
    speaking: bool,
    loud_at: Option<Instant>,
    told: u8,
    told_at: Option<Instant>,
}

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) speaking: bool,
    pub(super) loudness: u8,
}

impl Ear {
    /// Hears one packet. `level` is the extension's byte: a voice flag and the level below full.
    pub(super) fn hear(&mut self, level: u8, now: Instant) -> Option<Heard> {
        let loud = f32::from(127 - (level & 0x7f));
        // Rises within about 60 ms, falls within about 300 ms of 20 ms packets.
        let weight = if loud > self.smooth { 0.3 } else { 0.07 };
        self.smooth += (loud - self.smooth) * weight;
        if self.smooth > SPEECH {
            self.loud_at = Some(now);
        }
        self.judge(now)
    }

    /// Notices that packets stopped, as they do when a microphone is muted.
    pub(super) fn tick(&mut self, now: Instant) -> Option<Heard> {
        let quiet = self.loud_at.is_none_or(|at| now.saturating_duration_since(at) > PAUSE);
        if quiet { self.judge(now) } else { None }
    }

    fn judge(&mut self, now: Instant) -> Option<Heard> {
        let speaking = self.loud_at.is_some_and(|at| now.saturating_duration_since(at) <= PAUSE);
        let loudness = if speaking { self.smooth as u8 } else { 0 };
        let rested = self.told_at.is_none_or(|at| now.saturating_duration_since(at) >= TOLD_PAUSE);
        let moved = speaking && rested && loudness.abs_diff(self.told) >= STEP;
        if speaking == self.speaking && !moved {
            return None;
        }
        self.speaking = speaking;
        self.told = loudness;
        self.told_at = Some(now);
        Some(Heard { speaking, loudness })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speech_begins_quickly_and_ends_after_a_pause() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut ear = Ear::default();
        for n in 0..50 {
            assert_eq!(ear.hear(0x80 | 110, at(n * 20)), None, "a quiet room");
        }
        let began = (0..50).find(|n| ear.hear(0x80 | 20, at(1_000 + n * 20)).is_some()).unwrap();
        assert!(began * 20 <= 100, "began after {} ms", began * 20);
        let ended = (0..200).find(|n| {
            ear.hear(110, at(3_000 + n * 20)) == Some(Heard { speaking: false, loudness: 0 })
        });
        assert!((900..1_600).contains(&(ended.unwrap() * 20)));
    }

    #[test]
    fn a_muted_microphone_ends_speech_without_packets() {
        let start = Instant::now();
        let mut ear = Ear::default();
        for n in 0..20 {
            ear.hear(5, start + Duration::from_millis(n * 20));
        }
        assert_eq!(ear.tick(start + Duration::from_millis(700)), None);
        let heard = ear.tick(start + Duration::from_millis(1_500));
        assert_eq!(heard, Some(Heard { speaking: false, loudness: 0 }));
    }
}
