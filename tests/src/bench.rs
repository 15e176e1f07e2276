//! What benches share: where they were run, what processes used, the figures and how they look.

pub mod figures;
pub mod machine;
pub mod page;
pub mod usage;

/// The middle one of some values; no number when there are none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
