//! Versions of what travels and of what is kept.

/// What a browser and a node speak. Each number says what changed.
///
/// - 1: the first: session, tenant, room, conversation, file, media. Since then, where the other side
///   cannot be surprised by it: generations, which are spoken of only after a use of force.
pub const WIRE: u16 = 1;

/// The shape of stored events. Each number says what changed.
///
/// - 1: the first.
/// - 2: an event may be followed by the request it was kept for, a snapshot by the requests that
///   were answered. Written once every member speaks [`REQUESTS`].
pub const STORED: u16 = 2;

/// What nodes speak among themselves. Each number says what changed.
///
/// - 1: the first.
/// - 2: an input says which request it is, and is done once however often it comes. What must not
///   stand on one disk is refused with a fault of its own. A watch may name its generation. The map
///   holds what was chosen for the whole cluster, once anything was. A node says which contents of
///   files it misses.
pub const PEER_WIRE: u16 = 2;

/// What every member has to speak before actors remember requests.
pub const REQUESTS: u16 = 2;

/// What every member has to speak before anything is chosen for the whole cluster.
pub const SETTINGS: u16 = 2;

/// What every member has to speak before anything is refused because of one copy.
pub const STRICT: u16 = 2;
