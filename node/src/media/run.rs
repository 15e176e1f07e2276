//! The loop: one thread that moves datagrams and orders into the switch and the results out.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::clock::Clock;
use super::counters::Counters;
use super::limits;
use super::switch::{Outlet, Switch};
use super::wire::{Waker, Wire};
use super::words::{Busy, MediaConfig, MediaEvent, Order};

/// The running loop. Dropping it says farewell to all peers and joins the thread.
pub struct MediaLoop {
    handle: MediaHandle,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    local: SocketAddr,
}

/// The one way to reach the loop. Cheap to clone; never blocks.
#[derive(Clone)]
pub struct MediaHandle {
    orders: Sender<Order>,
    waker: Waker,
    counters: Arc<Counters>,
}

impl MediaHandle {
    /// Hands over an order, or says that too many wait already.
    pub fn send(&self, order: Order) -> Result<(), Busy> {
        match self.orders.try_send(order) {
            Ok(()) => {
                self.waker.wake();
                Ok(())
            }
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(Busy),
        }
    }

    /// What the loop has done so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
}

impl MediaLoop {
    /// Binds the port and starts the thread. `events` is called on that thread and must not block.
    pub fn start(
        config: MediaConfig,
        events: impl FnMut(MediaEvent) + Send + 'static,
    ) -> io::Result<MediaLoop> {
        let counters = Arc::new(Counters::default());
        let wire = Wire::bind(config.listen, counters.clone())?;
        let local = wire.local()?;
        let addresses = advertised(&config, local);
        tracing::info!(%local, ?addresses, "media listens");
        let (orders, inbox) = bounded(config.orders_max);
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let clock = Clock::new(Instant::now(), unix);
        let outlet: Outlet = Box::new(events);
        let switch = Switch::new(config, addresses, clock, counters.clone(), outlet)
            .map_err(io::Error::other)?;
        let stop = Arc::new(AtomicBool::new(false));
        let handle = MediaHandle { orders, waker: wire.waker(), counters };
        let turn = Turn { wire, switch, inbox, stop: stop.clone() };
        let thread = std::thread::Builder::new().name("media".into()).spawn(|| turn.run())?;
        Ok(MediaLoop { handle, stop, thread: Some(thread), local })
    }

    /// The way to reach it.
    pub fn handle(&self) -> MediaHandle {
        self.handle.clone()
    }

    /// Where it is bound.
    pub fn local(&self) -> SocketAddr {
        self.local
    }
}

impl Drop for MediaLoop {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.handle.waker.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // Its panic was reported where it happened.
        }
    }
}

/// The thread's possessions.
struct Turn {
    wire: Wire,
    switch: Switch,
    inbox: Receiver<Order>,
    stop: Arc<AtomicBool>,
}

impl Turn {
    fn run(mut self) {
        let mut due = Instant::now();
        let mut failures = 0;
        while !self.stop.load(Ordering::Acquire) {
            // With no peer there is nothing to keep time for: an idle node does not even tick.
            let now = Instant::now();
            let rest = (!self.switch.is_empty()).then(|| due.saturating_duration_since(now));
            let rest = if self.inbox.is_empty() { rest } else { Some(Default::default()) };
            match self.wire.wait(rest).and_then(|()| self.read()) {
                Ok(()) => failures = 0,
                Err(error) if failures < limits::SOCKET_FAILURES_MAX => {
                    tracing::warn!(%error, "the media socket complains");
                    failures += 1;
                }
                Err(error) => {
                    tracing::error!(%error, "the media socket failed; the loop ends");
                    self.switch.drop_all(Instant::now());
                    break;
                }
            }
            for _ in 0..limits::ORDERS_PER_TURN {
                let Ok(order) = self.inbox.try_recv() else { break };
                self.switch.obey(order, Instant::now());
            }
            let now = Instant::now();
            if now >= due {
                due = now + limits::TICK;
                self.switch.tick(now);
            }
            self.flush();
        }
        self.switch.farewell(Instant::now());
        self.flush();
    }

    fn read(&mut self) -> io::Result<()> {
        for _ in 0..limits::BATCHES_PER_TURN {
            let now = Instant::now();
            let switch = &mut self.switch;
            if !self.wire.read(|from, to, datagram| switch.receive(now, from, to, datagram))? {
                break;
            }
            self.flush();
        }
        Ok(())
    }

    fn flush(&mut self) {
        let wire = &self.wire;
        self.switch.drain(|path, bytes, lengths| wire.send(path, bytes, lengths));
    }
}

/// The addresses told to browsers.
fn advertised(config: &MediaConfig, local: SocketAddr) -> Vec<SocketAddr> {
    let told = |ip: &IpAddr| SocketAddr::new(*ip, local.port());
    if !config.advertise.is_empty() {
        return config.advertise.iter().map(told).collect();
    }
    if !local.ip().is_unspecified() {
        return vec![local];
    }
    let mut ips: Vec<IpAddr> = Vec::new();
    // Connecting a UDP socket sends nothing; it only asks the routing table which address of ours
    // would be used. The targets are addresses kept for documentation.
    for (bind, target) in [("0.0.0.0:0", "192.0.2.1:9"), ("[::]:0", "[2001:db8::1]:9")] {
        let asked = UdpSocket::bind(bind).and_then(|s| s.connect(target).and(s.local_addr()));
        let usable = |a: &SocketAddr| !a.ip().is_unspecified() && a.is_ipv6() <= local.is_ipv6();
        ips.extend(asked.ok().filter(usable).map(|address| address.ip()));
    }
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    if !ips.contains(&loopback) {
        ips.push(loopback);
    }
    ips.iter().map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_configured_is_told_and_an_idle_loop_stops_at_once() {
        let advertise = vec!["192.0.2.9".parse().unwrap()];
        let config = MediaConfig { advertise, ..MediaConfig::default() };
        let media = MediaLoop::start(config.clone(), |_| {}).unwrap();
        let told = advertised(&config, media.local());
        assert_eq!(told, [SocketAddr::new(config.advertise[0], media.local().port())]);
        let handle = media.handle();
        let (reply, answer) = bounded(1);
        let reply = Box::new(move |stats| reply.send(stats).unwrap());
        handle.send(Order::Stats { reply }).unwrap();
        assert_eq!(answer.recv().unwrap(), []);
        drop(media);
        assert_eq!(handle.send(Order::Close { peer: 1 }), Err(Busy));
    }
}
