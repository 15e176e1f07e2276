//! The UDP socket: many datagrams per system call, in both directions where the kernel can.

use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fd::OwnedFd;
use socket2::{Domain, Protocol, Socket, Type};

use super::counters::{Counters, add};
use super::peer::Path;

/// Datagram trains read per call.
const TRAINS: usize = 16;
/// The longest train the kernel can hand over.
const TRAIN_BYTES: usize = 65_536;
/// A train sent must stay below the longest UDP payload.
const SEND_BYTES_MAX: usize = 60_000;
/// Kernel buffers: a key frame to a thousand receivers, if the machine allows it.
const SOCKET_BYTES: usize = 8 * 1024 * 1024;
/// How long a full kernel buffer is waited for before a datagram is dropped.
const SEND_PATIENCE_MS: i64 = 2;

/// Wakes the loop from another thread.
#[derive(Debug, Clone)]
pub(super) struct Waker(Arc<OwnedFd>);

impl Waker {
    /// Makes the next or current wait return at once.
    pub(super) fn wake(&self) {
        // A full counter means that a wake is already due.
        let _ = rustix::io::write(&*self.0, &1u64.to_ne_bytes());
    }
}

/// The socket and its buffers.
pub(super) struct Wire {
    socket: UdpSocket,
    state: UdpSocketState,
    waker: Waker,
    buffers: Vec<u8>,
    counters: Arc<Counters>,
}

impl Wire {
    /// Binds the one port of this node.
    pub(super) fn bind(listen: SocketAddr, counters: Arc<Counters>) -> io::Result<Wire> {
        let socket = Socket::new(Domain::for_address(listen), Type::DGRAM, Some(Protocol::UDP))?;
        if listen.is_ipv6() {
            socket.set_only_v6(false)?;
        }
        // Best effort: the kernel caps what it gives.
        let _ = socket.set_recv_buffer_size(SOCKET_BYTES);
        let _ = socket.set_send_buffer_size(SOCKET_BYTES);
        socket.bind(&listen.into())?;
        let socket: UdpSocket = socket.into();
        let state = UdpSocketState::new((&socket).into())?;
        let flags = EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC;
        let waker = Waker(Arc::new(eventfd(0, flags)?));
        Ok(Wire { socket, state, waker, buffers: vec![0; TRAINS * TRAIN_BYTES], counters })
    }

    /// Where it is bound.
    pub(super) fn local(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// For other threads.
    pub(super) fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Waits for a datagram, a wake or the end of the time.
    pub(super) fn wait(&self, time: Option<Duration>) -> io::Result<()> {
        let mut fds = [
            PollFd::new(&self.socket, PollFlags::IN),
            PollFd::from_borrowed_fd(self.waker.0.as_fd(), PollFlags::IN),
        ];
        let time = time.map(|time| Timespec {
            tv_sec: time.as_secs() as i64,
            tv_nsec: i64::from(time.subsec_nanos()),
        });
        match poll(&mut fds, time.as_ref()) {
            Err(error) if error != rustix::io::Errno::INTR => return Err(error.into()),
            _ => {}
        }
        if fds[1].revents().contains(PollFlags::IN) {
            let _ = rustix::io::read(&*self.waker.0, &mut [0; 8]);
        }
        Ok(())
    }

    /// Reads what has come, a batch at most. False when nothing is left.
    pub(super) fn read(
        &mut self,
        mut each: impl FnMut(SocketAddr, Option<std::net::IpAddr>, &[u8]),
    ) -> io::Result<bool> {
        let mut metas = [RecvMeta::default(); TRAINS];
        let mut slices: Vec<IoSliceMut<'_>> =
            self.buffers.chunks_mut(TRAIN_BYTES).map(IoSliceMut::new).collect();
        let count = match self.state.recv((&self.socket).into(), &mut slices, &mut metas) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(true),
            // A port that has closed elsewhere is reported here; it is not our fault.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return Ok(true),
            Err(error) => return Err(error),
        };
        for (meta, train) in metas.iter().zip(&slices).take(count) {
            let train = &train[..meta.len.min(TRAIN_BYTES)];
            for datagram in train.chunks(meta.stride.max(1)) {
                each(meta.addr, meta.dst_ip, datagram);
            }
        }
        Ok(true)
    }

    /// Sends datagrams that lie one behind the other, equal lengths in one call.
    pub(super) fn send(&self, path: Path, bytes: &[u8], lengths: &[usize]) {
        let trains = self.state.max_gso_segments().max(1);
        let (mut at, mut n) = (0, 0);
        while n < lengths.len() {
            let (count, len) = train(&lengths[n..], trains);
            self.send_train(path, &bytes[at..at + len], lengths[n], count);
            (at, n) = (at + len, n + count);
        }
    }

    fn send_train(&self, path: Path, bytes: &[u8], segment: usize, count: usize) {
        let transmit = Transmit {
            destination: path.to,
            ecn: None,
            contents: bytes,
            segment_size: (count > 1).then_some(segment),
            src_ip: path.from,
        };
        let mut result = self.state.try_send((&self.socket).into(), &transmit);
        if matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
            let mut fds = [PollFd::new(&self.socket, PollFlags::OUT)];
            let time = Timespec { tv_sec: 0, tv_nsec: SEND_PATIENCE_MS * 1_000_000 };
            let _ = poll(&mut fds, Some(&time));
            result = self.state.try_send((&self.socket).into(), &transmit);
        }
        if result.is_ok() {
            add(&self.counters.sends, 1);
            add(&self.counters.datagrams_out, count as u64);
            add(&self.counters.bytes_out, bytes.len() as u64);
        } else {
            add(&self.counters.send_drops, count as u64);
        }
    }
}

/// How many of these datagrams form one train, and their bytes: equal lengths, and one shorter at
/// the end.
fn train(lengths: &[usize], count_max: usize) -> (usize, usize) {
    let first = lengths.first().copied().unwrap_or(0);
    let (mut count, mut total) = (0, 0);
    for &len in lengths.iter().take(count_max) {
        if len > first || (count > 0 && total + len > SEND_BYTES_MAX) {
            break;
        }
        count += 1;
        total += len;
        if len < first {
            break;
        }
    }
    (count, total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_train_is_equal_but_for_its_end() {
        assert_eq!(train(&[5], 64), (1, 5));
        assert_eq!(train(&[5, 5, 3, 5], 64), (3, 13));
        assert_eq!(train(&[5, 6], 64), (1, 5));
        assert_eq!(train(&[5, 5, 5], 2), (2, 10));
        assert_eq!(train(&[30_000, 30_000, 1], 64), (2, 60_000));
        assert_eq!(train(&[70_000], 64), (1, 70_000));
    }

    #[test]
    fn datagrams_arrive_whole_and_in_order() {
        let counters = Arc::new(Counters::default());
        let here: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let mut one = Wire::bind(here, counters.clone()).unwrap();
        let two = Wire::bind(here, counters.clone()).unwrap();
        let path = Path { to: one.local().unwrap(), from: None };
        two.send(path, b"aaaabbbbccdddd", &[4, 4, 2, 4]);
        let mut got = Vec::new();
        while got.len() < 4 {
            one.wait(Some(Duration::from_secs(5))).unwrap();
            one.read(|_, _, datagram| got.push(datagram.to_vec())).unwrap();
        }
        assert_eq!(got, [&b"aaaa"[..], b"bbbb", b"cc", b"dddd"]);
        assert!(!one.read(|_, _, _| panic!("nothing is left")).unwrap());
    }

    #[test]
    fn a_wake_ends_a_wait_even_if_it_came_first() {
        let wire = Wire::bind("127.0.0.1:0".parse().unwrap(), Arc::default()).unwrap();
        wire.waker().wake();
        wire.wait(None).unwrap();
    }
}
