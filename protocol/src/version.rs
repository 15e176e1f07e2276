//! Versions of what travels and of what is kept.

/// What a browser and a node speak. Each number says what changed.
///
/// - 1: the first: session, tenant, room, conversation, file, media.
pub const WIRE: u16 = 1;

/// The shape of stored events. Each number says what changed.
///
/// - 1: the first.
pub const STORED: u16 = 1;

/// What nodes speak among themselves. Each number says what changed.
///
/// - 1: the first.
pub const PEER_WIRE: u16 = 1;
