//! Every bound of the media path, with the reason for its size.

use std::time::Duration;

/// SDP longer than this is refused unread: our page's offer takes 0.8 KiB per m-line and 2 KiB for
/// each that publishes.
pub(super) const SDP_BYTES_MAX: usize = 96 * 1024;
/// Lines of SDP that are read; a 64 m-line offer has about 3,500.
pub(super) const SDP_LINES_MAX: usize = 8_192;
/// m-lines of one peer. Sixty faces are more than a screen can show.
pub(super) const LINES_MAX: usize = 64;
/// Tracks one receiver can wish for; more than its m-lines would never be shown.
pub(super) const WISHES_MAX: usize = LINES_MAX;
/// Payload types kept per m-line.
pub(super) const CODECS_MAX: usize = 16;
/// SSRCs a peer may use, declared or learned: m-lines, their retransmissions, and some change.
pub(super) const SSRCS_MAX: usize = 4 * LINES_MAX;
/// Addresses remembered per peer: a few interfaces, two families, one roaming.
pub(super) const ADDRESSES_MAX: usize = 8;

/// Packets kept per video track for retransmission: about a second of a 5 Mbit/s picture.
pub(super) const RING_PACKETS: usize = 512;
/// Sequence numbers one receiver may ask for again per second, so that a liar cannot amplify.
pub(super) const RESEND_PER_SECOND_MAX: u32 = 600;
/// Gaps remembered per published stream.
pub(super) const MISSING_MAX: usize = 256;
/// How often one missing packet is asked for before it is given up.
pub(super) const ASK_MAX: u8 = 6;
/// Pause between two requests for the same packet: about one round trip inside a country.
pub(super) const ASK_PAUSE: Duration = Duration::from_millis(60);
/// A jump in sequence numbers beyond this is a restart of the stream, not a loss.
pub(super) const JUMP_MAX: u64 = 3_000;

/// Two key-frame requests to one publisher are at least this far apart.
pub(super) const KEY_PAUSE: Duration = Duration::from_millis(300);
/// After this long without the key frame we asked for, pictures flow anyway: the payload may be
/// sealed end to end, and then no key frame can be recognised here.
pub(super) const KEY_PATIENCE: Duration = Duration::from_millis(2_500);

/// The heartbeat of everything that is not a packet.
pub(super) const TICK: Duration = Duration::from_millis(20);
/// Pause between two transport-wide feedbacks, as browsers do it themselves.
pub(super) const TWCC_PAUSE: Duration = Duration::from_millis(60);
/// Arrivals reported in one transport-wide feedback; more would not fit one datagram.
pub(super) const TWCC_ARRIVALS_MAX: usize = 400;
/// Pause between two receiver reports.
pub(super) const REPORT_PAUSE: Duration = Duration::from_secs(1);
/// A handshake that takes longer than this is abandoned.
pub(super) const CONNECT_PATIENCE: Duration = Duration::from_secs(20);

/// Largest datagram we ever send or read: an Ethernet frame's worth and some room.
pub(super) const DATAGRAM_MAX: usize = 2_048;
/// Bytes one peer may have queued within one turn of the loop.
pub(super) const QUEUE_BYTES_MAX: usize = 1024 * 1024;
/// Datagram batches read per turn, so that orders and timers are never starved.
pub(super) const BATCHES_PER_TURN: usize = 8;
/// Errors of the socket in a row before it is given up; some pass, such as want of memory.
pub(super) const SOCKET_FAILURES_MAX: u32 = 100;
/// Orders obeyed per turn, so that packets are never starved.
pub(super) const ORDERS_PER_TURN: usize = 64;

const _: () = {
    // Every m-line may carry a stream and its retransmission, twice while it changes.
    assert!(SSRCS_MAX >= 4 * LINES_MAX);
    // The ring must hold whatever can still be asked for.
    assert!(RING_PACKETS >= MISSING_MAX);
    assert!(RING_PACKETS.is_power_of_two());
};
