//! Plain counters of the media loop; whoever exports metrics reads them.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What the media loop has done since it started. Read with [`Counters::list`].
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[$doc])* pub $name: AtomicU64,)*
        }

        impl Counters {
            /// Every counter with its name, for an exporter.
            pub fn list(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name.load(Ordering::Relaxed)),)*]
            }
        }
    };
}

counters! {
    /// Peers at this moment: the only one that also falls.
    peers,
    /// Datagrams read.
    datagrams_in,
    /// Bytes read.
    bytes_in,
    /// Datagrams sent.
    datagrams_out,
    /// Bytes sent.
    bytes_out,
    /// System calls that sent them.
    sends,
    /// Datagrams the kernel would not take.
    send_drops,
    /// Media packets received and authentic.
    packets_in,
    /// Media packets forwarded.
    packets_out,
    /// Datagrams from strangers, or of no known shape.
    strange,
    /// Datagrams that failed authentication or were replayed.
    refused,
    /// STUN requests answered.
    stun_answered,
    /// Packets dropped because their receiver has not negotiated the codec.
    codec_missing,
    /// Packets dropped by moderation.
    hushed,
    /// Packets sent again at a receiver's request.
    resent,
    /// Packets asked for again from publishers.
    asked,
    /// Packets that came on request.
    recovered,
    /// Key frames asked for.
    keys_asked,
    /// Peers ended because their handling failed (M1).
    faults,
    /// Handshakes completed.
    connected,
}

/// Adds to a counter of which only the media thread is the writer.
pub(super) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_names_every_counter_once() {
        let counters = Counters::default();
        add(&counters.peers, 3);
        let list = counters.list();
        assert!(list.contains(&("peers", 3)));
        let mut names: Vec<_> = list.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), list.len());
    }
}
