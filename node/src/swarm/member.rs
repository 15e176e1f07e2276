//! One member: its queues, its two lines, and whether it is up.
//!
//! Each side opens a line for what it sends. A member is up while the own line is ready and all
//! four streams of the other side's have arrived. When either breaks, both are void: the own one
//! is opened anew, and only a later one of the other side counts (SW2). Each line has the version
//! that its hellos agreed on; a member speaks the lower of the two.

use super::{
    Event, Gauge, Link, Links, Unsent,
    figures::{Figures, count},
    frames::LineId,
    queue::Queue,
};
use bytes::Bytes;
use libp2p::PeerId;
use parking_lot::Mutex;
use protocol::{peer::Class, version::Gap};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};
use tokio::sync::{broadcast, watch};

/// Streams of one member that have not said hello yet, at most.
const GREETING: u32 = 16;
/// Events kept for a slow listener.
const EVENTS: usize = 1024;

/// What the swarm tells its owner.
pub(super) struct News {
    pub(super) links: watch::Sender<Links>,
    pub(super) events: broadcast::Sender<Event>,
    pub(super) figures: Arc<Figures>,
    /// Members that speak nothing this node does, and why.
    pub(super) gaps: Mutex<BTreeMap<u64, Gap>>,
}

impl News {
    pub(super) fn new() -> Self {
        let links = watch::Sender::new(Links::default());
        let events = broadcast::Sender::new(EVENTS);
        Self { links, events, figures: Arc::default(), gaps: Mutex::default() }
    }

    /// Nobody may be listening.
    pub(super) fn tell(&self, event: Event) {
        let _ = self.events.send(event);
    }
}

/// What the tasks of a member watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Phase {
    /// How often the own line became void.
    pub(super) falls: u64,
    /// The other side's line, as long as it counts.
    pub(super) line: Option<LineId>,
    /// Whether the member is up.
    pub(super) up: bool,
}

/// A stream that does not fit what the member opened before.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    /// Of a line that is over: late, nobody's fault.
    Late,
    /// The same class twice in a line.
    Twice,
}

/// A member that is admitted.
pub(super) struct Member {
    pub(super) number: u64,
    pub(super) peer: PeerId,
    pub(super) gauge: Arc<Gauge>,
    pub(super) queues: [Queue; 4],
    /// Held while `heard` is called for a class (SW5).
    pub(super) turns: [tokio::sync::Mutex<()>; 4],
    greeting: AtomicU32,
    state: Mutex<State>,
    phase: watch::Sender<Phase>,
    news: Arc<News>,
}

#[derive(Default)]
struct State {
    /// The own line and its version, once the other side has answered on each stream.
    own: Option<(LineId, u16)>,
    /// The version of the other side's line.
    theirs: u16,
    /// Which streams of the other side's line have arrived.
    arrived: [bool; 4],
    /// The last line of the other side that is over.
    over: Option<LineId>,
    /// Cut off: never up again.
    dismissed: bool,
}

impl Member {
    pub(super) fn new(number: u64, peer: PeerId, news: Arc<News>) -> Self {
        Self {
            number,
            peer,
            gauge: Arc::default(),
            queues: Class::ALL.map(|class| Queue::new(class, news.figures.clone())),
            turns: Default::default(),
            greeting: AtomicU32::new(0),
            state: Mutex::default(),
            phase: watch::Sender::new(Phase { falls: 0, line: None, up: false }),
            news,
        }
    }

    pub(super) fn send(&self, class: Class, frame: Bytes) -> Result<(), Unsent> {
        self.queues[class as usize].push(frame)
    }

    pub(super) fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// A stream came that still has to say hello; false when too many do.
    pub(super) fn begins_greeting(&self) -> bool {
        if self.greeting.fetch_add(1, Ordering::Relaxed) < GREETING {
            return true;
        }
        self.greeting.fetch_sub(1, Ordering::Relaxed);
        false
    }

    pub(super) fn greeted(&self) {
        self.greeting.fetch_sub(1, Ordering::Relaxed);
    }

    /// The own line stands: the other side has answered on each stream.
    pub(super) fn own_ready(&self, line: LineId, wire: u16) {
        let mut state = self.state.lock();
        state.own = Some((line, wire));
        self.settle(&mut state);
    }

    /// The own line broke.
    pub(super) fn own_over(&self, line: LineId) {
        let mut state = self.state.lock();
        if state.own.is_some_and(|(own, _)| own == line) {
            self.fall(&mut state);
        }
    }

    /// A stream of the other side said hello. A new line makes what was before void.
    pub(super) fn arrive(&self, line: LineId, wire: u16, class: Class) -> Result<(), Misfit> {
        let mut state = self.state.lock();
        let current = self.phase.borrow().line;
        let late = |than: Option<LineId>| than.is_some_and(|than| line.outdated(than));
        if state.dismissed || late(state.over) || (current != Some(line) && late(current)) {
            return Err(Misfit::Late);
        }
        if current != Some(line) {
            if self.phase.borrow().up {
                self.fall(&mut state);
            }
            state.arrived = [false; 4];
            self.phase.send_modify(|phase| phase.line = Some(line));
        }
        if std::mem::replace(&mut state.arrived[class as usize], true) {
            return Err(Misfit::Twice);
        }
        state.theirs = wire;
        self.settle(&mut state);
        Ok(())
    }

    /// A stream of the other side broke: its line is over.
    pub(super) fn broke(&self, line: LineId) {
        let mut state = self.state.lock();
        if self.phase.borrow().line != Some(line) {
            return;
        }
        if self.phase.borrow().up {
            self.fall(&mut state);
        } else {
            self.void(&mut state);
        }
    }

    /// The last connection is gone.
    pub(super) fn lost(&self) {
        self.fall(&mut self.state.lock());
    }

    /// Nothing before this version is spoken any more.
    pub(super) fn require(&self, oldest: u16) {
        let mut state = self.state.lock();
        let behind = self.news.links.borrow().get(&self.number).is_some_and(|it| it.wire < oldest);
        if behind {
            self.fall(&mut state);
        }
    }

    /// There is no version that both sides speak (VR1).
    pub(super) fn misfits(&self, gap: Gap) {
        let _state = self.state.lock(); // it does not come up meanwhile
        if self.news.gaps.lock().insert(self.number, gap) != Some(gap) {
            tracing::error!(member = self.number, "no connection to another node: {gap}");
        }
    }

    /// It is no member any longer.
    pub(super) fn dismiss(&self) {
        let mut state = self.state.lock();
        state.dismissed = true;
        self.news.gaps.lock().remove(&self.number);
        self.fall(&mut state);
    }

    fn settle(&self, state: &mut State) {
        let Some((own, wire)) = state.own else { return };
        if state.arrived != [true; 4] || state.dismissed || self.phase.borrow().up {
            return;
        }
        assert!(self.phase.borrow().line.is_some(), "what arrived, arrived on a line");
        self.queues.iter().for_each(|queue| queue.open(own));
        self.phase.send_modify(|phase| phase.up = true);
        let wire = wire.min(state.theirs); // VR1
        let link = Link { since: Instant::now(), wire, gauge: self.gauge.clone() };
        count(&self.news.figures.ups);
        self.news.gaps.lock().remove(&self.number);
        self.news.links.send_modify(|links| {
            Arc::make_mut(links).insert(self.number, link);
        });
        self.news.tell(Event::Up(self.number));
    }

    /// Both lines are void (SW2); tells when the member was up.
    fn fall(&self, state: &mut State) {
        let was_up = self.phase.borrow().up;
        self.queues.iter().for_each(Queue::close);
        state.own = None;
        self.void(state);
        self.phase.send_modify(|phase| {
            phase.up = false;
            phase.falls += 1;
        });
        if was_up {
            count(&self.news.figures.downs);
            self.news.links.send_modify(|links| {
                Arc::make_mut(links).remove(&self.number);
            });
            self.news.tell(Event::Down(self.number));
        }
    }

    /// The other side's line is void; whoever reads from it stops.
    fn void(&self, state: &mut State) {
        state.arrived = [false; 4];
        let line = self.phase.borrow().line;
        state.over = line.or(state.over);
        if line.is_some() {
            self.phase.send_modify(|phase| phase.line = None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member() -> (Arc<News>, Member) {
        let news = Arc::new(News::new());
        (news.clone(), Member::new(7, PeerId::random(), news))
    }

    fn line(boot: u64, count: u64) -> LineId {
        LineId { boot, count }
    }

    fn all_arrive(member: &Member, line: LineId) {
        for class in Class::ALL {
            assert_eq!(member.arrive(line, 2, class), Ok(()));
        }
    }

    fn is_up(member: &Member) -> bool {
        member.phase.borrow().up
    }

    #[test]
    fn a_member_is_up_while_both_lines_stand() {
        let (news, member) = member();
        let mut events = news.events.subscribe();
        assert_eq!(member.send(Class::Twin, Bytes::new()), Err(Unsent::Away));
        member.own_ready(line(1, 1), 2);
        all_arrive(&member, line(2, 1));
        assert!(is_up(&member) && news.links.borrow().contains_key(&7));
        assert_eq!(member.send(Class::Twin, Bytes::new()), Ok(()));
        member.own_over(line(1, 1));
        assert!(!is_up(&member) && news.links.borrow().is_empty());
        assert_eq!(member.send(Class::Twin, Bytes::new()), Err(Unsent::Away));
        assert_eq!(events.try_recv(), Ok(Event::Up(7)));
        assert_eq!(events.try_recv(), Ok(Event::Down(7)));
        assert!(events.try_recv().is_err());
    }

    #[test]
    fn sw2_after_a_fall_both_lines_begin_anew() {
        let (_, member) = member();
        member.own_ready(line(1, 1), 2);
        all_arrive(&member, line(2, 1));
        member.broke(line(2, 1));
        let falls = member.phase.borrow().falls;
        assert_eq!(falls, 1, "the own line is given up as well");
        assert_eq!(member.arrive(line(2, 1), 2, Class::Bulk), Err(Misfit::Late));
        all_arrive(&member, line(2, 2));
        assert!(!is_up(&member), "the own line is not ready");
        member.own_over(line(1, 1));
        member.own_ready(line(1, 2), 2);
        assert!(is_up(&member));
    }

    #[test]
    fn sw2_a_new_line_of_the_other_side_makes_the_old_one_void() {
        let (news, member) = member();
        let mut events = news.events.subscribe();
        member.own_ready(line(1, 1), 2);
        all_arrive(&member, line(2, 5));
        assert_eq!(member.arrive(line(2, 6), 2, Class::Actor), Ok(()));
        assert!(!is_up(&member));
        assert_eq!(member.arrive(line(2, 5), 2, Class::Twin), Err(Misfit::Late));
        member.broke(line(2, 5));
        assert_eq!(member.phase.borrow().line, Some(line(2, 6)));
        member.own_ready(line(1, 2), 2);
        for class in [Class::Control, Class::Twin, Class::Bulk] {
            assert_eq!(member.arrive(line(2, 6), 2, class), Ok(()));
        }
        assert!(is_up(&member));
        // A member that was started anew counts from the beginning.
        assert_eq!(member.arrive(line(3, 1), 2, Class::Actor), Ok(()));
        assert!(!is_up(&member));
        let told: Vec<Event> = std::iter::from_fn(|| events.try_recv().ok()).collect();
        assert_eq!(told, [Event::Up(7), Event::Down(7), Event::Up(7), Event::Down(7)]);
    }

    #[test]
    fn a_class_that_comes_twice_is_a_misfit() {
        let (_, member) = member();
        assert_eq!(member.arrive(line(2, 1), 2, Class::Actor), Ok(()));
        assert_eq!(member.arrive(line(2, 1), 2, Class::Actor), Err(Misfit::Twice));
    }

    #[test]
    fn sw1_who_is_dismissed_never_comes_up_again() {
        let (_, member) = member();
        member.own_ready(line(1, 1), 2);
        all_arrive(&member, line(2, 1));
        member.dismiss();
        assert!(!is_up(&member));
        member.own_ready(line(1, 2), 2);
        assert_eq!(member.arrive(line(2, 2), 2, Class::Actor), Err(Misfit::Late));
        assert!(!is_up(&member));
    }

    #[test]
    fn vr1_a_member_speaks_the_lower_of_both_lines_and_falls_when_that_is_not_enough() {
        let (news, member) = member();
        let gap = Gap::Old { speaks: 1, needs: 2 };
        member.misfits(gap);
        assert_eq!(news.gaps.lock().get(&7), Some(&gap));
        member.own_ready(line(1, 1), 3);
        all_arrive(&member, line(2, 1));
        assert_eq!(news.links.borrow()[&7].wire, 2, "VR1");
        assert!(news.gaps.lock().is_empty(), "it speaks again");
        member.require(2);
        assert!(is_up(&member));
        member.require(3);
        assert!(!is_up(&member), "VR5");
        member.misfits(gap);
        member.dismiss();
        assert!(news.gaps.lock().is_empty(), "nobody misses it");
    }

    #[test]
    fn streams_without_a_hello_are_bounded() {
        let (_, member) = member();
        let taken = (0..100).filter(|_| member.begins_greeting()).count();
        assert_eq!(taken, GREETING as usize);
        member.greeted();
        assert!(member.begins_greeting());
    }
}
