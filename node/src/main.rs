//! konsil.
fn main() {}
