//! The one async actor: decide, fold, check, keep, tell.
//!
//! Every machine of Konsil runs in this shell and nowhere else. It does not wait for the disk:
//! what a decision plans is put in a line, the events are handed to the log, and the next mail is
//! taken at once. When the log says "durable up to here", everything in the line up to there is
//! told, performed and answered, in order. Many decisions thus share one `fdatasync`.
//!
//! # Invariants
//! - **K1** Nothing is told, performed or answered before every event it rests on is durable.
//! - **K2** A broken invariant dies in `check`, before the event that broke it is handed over.
//! - **K3** Plans are told in the order in which they were decided.
//! - **K4** When the log fails, the life ends and is refolded; everybody who waits is told.
//! - **K5** What rests on no event of its own is answered only while this node surely serves the
//!   actor's shard, as of the moment the answer leaves.
//! - **K6** A life that began in an earlier reign of this node over its shard does nothing more.
//! - **K7** A request that was kept is not decided once more, by this life or another one: it is
//!   answered as before, as long as it is remembered ([`crate::answered`]).
//! - **K8** What must not stand on one disk is not kept while its shard long has but one, and another
//!   node could hold the second ([`Part::is_strict`]).
//! - **K9** A watcher that folded something of another generation is shown everything.

use bytes::Bytes;
use protocol::{
    caller::Caller,
    codec,
    frame::{Fault, ToBrowser, Topic},
    id::Seq,
    key::Key,
    limits,
    machine::{News, Plan},
    request::Request,
    time::Time,
};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::{
    collections::{BTreeMap, VecDeque},
    marker::PhantomData,
    sync::Arc,
};
use storage::fault::StorageFault;
use tokio::sync::{Semaphore, oneshot};

use crate::{
    answered::Answered,
    durable::Durable,
    effect::Effect,
    handle::{Asker, Cursor, Done, Mail, No, Place, Watch},
    keeper::{Keeper, no_of},
    outbox::{Outbox, Spread},
    part::Part,
    watchers::Watchers,
};

/// Where effects go and where time comes from.
pub trait World: Send + Sync + 'static {
    /// The node's clock.
    fn now(&self) -> Time;

    /// Takes an effect for delivery, in order per shard; false when there is no room for it.
    fn perform(&self, from: Key, effect: Effect) -> bool;

    /// An actor fell asleep and is no longer to be found under its key.
    fn slept(&self, key: Key);

    /// Whether this node serves the actor's shard.
    fn here(&self, _key: Key) -> bool {
        true
    }

    /// To which generation of the shard its positions belong.
    fn generation(&self, _key: Key) -> u32 {
        0
    }

    /// Whether its shard has stood on one disk for too long for what is important.
    fn frail(&self, _key: Key) -> bool {
        false
    }

    /// Whether this node surely still serves it, at this very moment.
    fn readable(&self, _key: Key) -> bool {
        true
    }

    /// The how-manieth time this node serves it: a life does not outlive its reign.
    fn reign(&self, _key: Key) -> u64 {
        0
    }

    /// The log says that this node no longer serves it.
    fn lost(&self, _key: Key) {}
}

/// The actor's type for ractor; it has no state of its own.
pub(crate) struct Shell<M: Part>(pub(crate) PhantomData<fn() -> M>);

/// What an actor is born with.
pub(crate) struct Boot {
    pub(crate) key: Key,
    pub(crate) keeper: Keeper,
    pub(crate) world: Arc<dyn World>,
    pub(crate) watchers: Arc<Watchers>,
    pub(crate) places: Arc<Semaphore>,
    pub(crate) reign: u64,
}

/// A life.
pub(crate) struct Running<M: Part> {
    boot: Boot,
    machine: M,
    answered: Answered,
    folded: Seq,
    kept: Seq,
    snapshot: Seq,
    durable: Arc<Durable>,
    line: VecDeque<Waiting<M>>,
}

/// Something decided that waits for the disk.
struct Waiting<M: Part> {
    upto: Seq,
    at: Time,
    plan: Plan<M>,
    first: Seq,
    then: Then<M>,
    /// Held until answered: one place of the mailbox.
    _place: Option<Place>,
}

/// What follows once it is durable.
enum Then<M: Part> {
    Answer(oneshot::Sender<Done>, Done),
    Query(oneshot::Sender<Result<M::Answer, No>>, M::Answer),
    Watch(Watch, (u32, Bytes), oneshot::Sender<Result<(), No>>),
    Reshow(Outbox, Bytes),
    Nothing,
}

type Death = ActorProcessingErr;

/// Why a life of an earlier reign ends.
const MOVED: &str = "its shard moved to another node";

impl<M: Part> Actor for Shell<M> {
    type Msg = Mail<M>;
    type State = Running<M>;
    type Arguments = Boot;

    async fn pre_start(&self, me: ActorRef<Mail<M>>, boot: Boot) -> Result<Running<M>, Death> {
        let keeper = boot.keeper.clone();
        // Loading reads the disk, which an async thread must not wait for.
        let life = tokio::task::spawn_blocking(move || keeper.load::<M>()).await??;
        if boot.world.reign(boot.key) != boot.reign {
            return Err(MOVED.into()); // K6: loaded while it moved away
        }
        let mut run = Running {
            boot,
            machine: life.machine,
            answered: life.answered,
            folded: life.seq,
            kept: life.seq,
            snapshot: life.snapshot,
            durable: Arc::default(),
            line: VecDeque::new(),
        };
        run.wake(&me)?;
        Ok(run)
    }

    async fn handle(
        &self,
        me: ActorRef<Mail<M>>,
        mail: Mail<M>,
        run: &mut Running<M>,
    ) -> Result<(), Death> {
        if run.boot.world.reign(run.boot.key) != run.boot.reign {
            return Err(run.end(&No::Away, MOVED.into())); // K6
        }
        match mail {
            Mail::Ask { asker, input, reply, place } => run.ask(&me, asker, input, reply, place),
            Mail::Query { query, reply, place } => {
                let answer = run.machine.answer(query);
                run.queue(Plan::empty(), Then::Query(reply, answer), Some(place), &me);
            }
            Mail::Watch { watch, after, reply, place } => {
                run.watch(&me, watch, after, reply, place)?;
            }
            Mail::Departed { by } => {
                if !run.boot.watchers.has(by.session) {
                    run.depart(&me, by);
                }
            }
            Mail::Kept(Ok(())) => run.kept = run.kept.max(run.durable.taken()),
            Mail::Kept(Err(fault)) => return Err(run.give_up(&fault)),
            Mail::Rouse => run.ask_again(&me),
            Mail::Doze => {
                if run.may_sleep() {
                    run.boot.world.slept(run.boot.key);
                    me.stop(None);
                    return Ok(());
                }
            }
        }
        run.flush(&me)
    }
}

impl<M: Part> Running<M> {
    /// After every awakening: tell the machine who watches, and ask again what was left open.
    fn wake(&mut self, me: &ActorRef<Mail<M>>) -> Result<(), Death> {
        let now = self.boot.world.now();
        let mut plan = Plan::empty();
        for by in self.boot.watchers.sessions() {
            self.machine.arrive(now, &by, &mut plan);
        }
        self.decided(me, now, plan, None, Then::Nothing, None);
        self.ask_again(me);
        // What was not kept is gone: a browser that sees so says again what it publishes.
        for watch in self.boot.watchers.all() {
            self.reshow(me, watch);
        }
        self.flush(me)
    }

    /// Asks for what was left open.
    fn ask_again(&mut self, me: &ActorRef<Mail<M>>) {
        let now = self.boot.world.now();
        let mut plan = Plan::empty();
        self.machine.wake(self.boot.key, now, &mut plan);
        self.decided(me, now, plan, None, Then::Nothing, None);
    }

    fn ask(
        &mut self,
        me: &ActorRef<Mail<M>>,
        asker: Asker,
        input: M::Input,
        reply: oneshot::Sender<Done>,
        place: Place,
    ) {
        let (now, request) = (self.boot.world.now(), asker.request());
        let mut plan = Plan::empty();
        if let Some(seq) = request.and_then(|it| self.answered.seq(&it)) {
            let again = Then::Answer(reply, Ok(seq)); // K7
            return self.decided(me, now, plan, None, again, Some(place));
        }
        let strict = M::is_strict(&input);
        self.machine.decide(now, &asker.by, input, &mut plan);
        let answer = match plan.refusal.take() {
            Some(no) => Err(No::Refused(M::no(no))),
            None if plan.events.is_empty() => Ok(self.folded),
            None => match self.may_keep(strict) {
                Ok(()) => Ok(Seq(self.folded.0 + plan.events.len() as u64)),
                Err(fault) => {
                    plan = Plan::empty(); // nothing half-done: refused before it is folded
                    Err(No::Faulted(fault))
                }
            },
        };
        self.decided(me, now, plan, request, Then::Answer(reply, answer), Some(place));
    }

    fn may_keep(&self, strict: bool) -> Result<(), Fault> {
        self.boot.keeper.writable()?;
        if strict && self.boot.world.frail(self.boot.key) {
            tracing::warn!(key = %self.boot.key, "refused: its shard has long had one copy only");
            return Err(Fault::OneCopy); // K8
        }
        Ok(())
    }

    fn watch(
        &mut self,
        me: &ActorRef<Mail<M>>,
        watch: Watch,
        after: Cursor,
        reply: oneshot::Sender<Result<(), No>>,
        place: Place,
    ) -> Result<(), Death> {
        let (now, generation) = (self.boot.world.now(), self.boot.world.generation(self.boot.key));
        let after = after.within(generation); // K9
        if self.boot.watchers.len() >= limits::WATCHERS {
            let _ = reply.send(Err(No::Faulted(Fault::Busy))); // a gone asker needs no answer
            return Ok(());
        }
        // The view must show the watcher as present, so arriving is decided first.
        if self.machine.view(&watch.by, after).is_ok() {
            let mut plan = Plan::empty();
            self.machine.arrive(now, &watch.by, &mut plan);
            self.decided(me, now, plan, None, Then::Nothing, None);
        }
        match self.machine.view(&watch.by, after).map(|view| self.shown(view)) {
            Ok(Some(frame)) => {
                let shows = Then::Watch(watch, (generation, frame), reply);
                self.queue(Plan::empty(), shows, Some(place), me);
            }
            Ok(None) => drop(reply.send(Err(No::Faulted(Fault::Busy)))),
            Err(no) => drop(reply.send(Err(No::Refused(M::no(no))))),
        }
        Ok(())
    }

    /// The last socket of a device stopped watching.
    fn depart(&mut self, me: &ActorRef<Mail<M>>, by: Caller) {
        let now = self.boot.world.now();
        let mut plan = Plan::empty();
        self.machine.depart(now, &by, &mut plan);
        self.decided(me, now, plan, None, Then::Nothing, None);
    }

    /// Folds a plan and puts it in the line. Kept by the log, told by `flush`.
    fn decided(
        &mut self,
        me: &ActorRef<Mail<M>>,
        now: Time,
        plan: Plan<M>,
        request: Option<Request>,
        then: Then<M>,
        place: Option<Place>,
    ) {
        let first = self.folded.next();
        for event in &plan.events {
            self.folded = self.folded.next();
            self.machine.fold(self.folded, now, event);
        }
        plan.notes.iter().for_each(|note| self.machine.hear(note));
        self.machine.check(); // K2
        if !plan.events.is_empty() {
            if let Some(request) = &request {
                self.answered.fold(self.folded, request); // K7
            }
            let after = Seq(first.0 - 1);
            let (me, durable) = (me.clone(), self.durable.clone());
            // The log's thread only posts a mail; an actor that is gone needs none.
            let done = move |kept: Result<Seq, StorageFault>| {
                let news = kept.map(|upto| durable.reached(upto));
                if news.as_ref().map_or(true, |news| *news) {
                    drop(me.cast(Mail::Kept(news.map(|_| ()))));
                }
            };
            self.boot.keeper.keep::<M>((after, now), &plan.events, request.as_ref(), done);
        }
        self.line.push_back(Waiting {
            upto: self.folded,
            at: now,
            plan,
            first,
            then,
            _place: place,
        });
    }

    fn queue(
        &mut self,
        plan: Plan<M>,
        then: Then<M>,
        place: Option<Place>,
        me: &ActorRef<Mail<M>>,
    ) {
        let now = self.boot.world.now();
        self.decided(me, now, plan, None, then, place);
    }

    /// Tells, performs and answers everything that is durable by now.
    fn flush(&mut self, me: &ActorRef<Mail<M>>) -> Result<(), Death> {
        loop {
            let due = self.due();
            if due.is_empty() {
                break;
            }
            let changed = self.tell(&due);
            for Waiting { upto, plan, then, .. } in due {
                let bare = plan.events.is_empty();
                for effect in plan.effects {
                    if !self.boot.world.perform(self.boot.key, effect) {
                        // Not performed, so not forgotten: the next life asks again in `wake`.
                        return Err("the house has no room for an effect".into());
                    }
                }
                if let Some(gone) = self.finish(then, upto, bare) {
                    self.depart(me, gone);
                }
            }
            for watch in changed.into_values() {
                self.reshow(me, watch);
            }
        }
        self.save();
        Ok(())
    }

    /// Takes out of the line what is durable, so much that its news may be one burst. Whoever is
    /// shown a view is the last of them: it must not be told what the view holds already.
    fn due(&mut self) -> Vec<Waiting<M>> {
        let (mut due, mut news) = (Vec::new(), 0);
        while let Some(front) = self.line.pop_front_if(|front| front.upto <= self.kept) {
            assert!(front.upto <= self.kept, "K1");
            let shows = matches!(front.then, Then::Watch(..) | Then::Reshow(..));
            news += front.plan.events.len() + front.plan.notes.len();
            due.push(front);
            if shows || news >= limits::BURST_FRAMES {
                break;
            }
        }
        due
    }

    /// Answers. Names the device of a watch whose socket ended before its view was ready: its
    /// `unwatch` came too early to find it, so nobody else will say that it is gone.
    fn finish(&self, then: Then<M>, seq: Seq, bare: bool) -> Option<Caller> {
        // In this order: who reads now and was never away until now has read the newest (K5).
        let world = &self.boot.world;
        let may = || world.readable(self.boot.key) && world.reign(self.boot.key) == self.boot.reign;
        match then {
            Then::Answer(reply, answer) => {
                drop(reply.send(if bare && !may() { Err(No::Away) } else { answer }));
            }
            Then::Query(reply, answer) => {
                drop(reply.send(if may() { Ok(answer) } else { Err(No::Away) }));
            }
            Then::Watch(watch, (generation, frame), reply) => {
                let (shown, by) = (may(), watch.by);
                if let (true, Some(named)) = (shown, self.named(generation)) {
                    watch.outbox.push(named);
                }
                let added = shown && watch.outbox.tell(frame, Some(seq));
                if added {
                    self.boot.watchers.add(watch);
                }
                // Answered last: whoever takes the watch back after the answer finds it.
                drop(reply.send(if shown { Ok(()) } else { Err(No::Away) }));
                if !added && !self.boot.watchers.has(by.session) {
                    return Some(by);
                }
            }
            Then::Reshow(outbox, frame) => {
                outbox.tell(frame, Some(seq));
            }
            Then::Nothing => {}
        }
        None
    }

    /// Shows a watcher its view anew, once everything in it is durable (K1).
    fn reshow(&mut self, me: &ActorRef<Mail<M>>, watch: Watch) {
        let view = self.machine.view(&watch.by, Seq::START);
        if let Some(frame) = view.ok().and_then(|view| self.shown(view)) {
            self.queue(Plan::empty(), Then::Reshow(watch.outbox, frame), None, me);
        }
    }

    /// Encodes once, sends to everybody who may know; names those whose view is another one now.
    fn tell(&self, due: &[Waiting<M>]) -> BTreeMap<u64, Watch> {
        let mut changed = BTreeMap::new();
        let Some(topic) = M::topic(self.boot.key) else { return changed };
        if self.boot.watchers.is_empty() {
            return changed;
        }
        let all: Vec<_> = due.iter().flat_map(|one| told::<M>(topic, one)).collect();
        for told in bursts(&all) {
            let frames = told.iter().map(|it| (it.frame.clone(), it.seq)).collect();
            let mut spread = Spread::many(frames);
            self.boot.watchers.each(|watch| {
                let may = told.iter().enumerate();
                let may = may.filter(|(_, it)| self.machine.tells(&watch.by, &it.news));
                spread.some(&watch.outbox, may.fold(0, |which, (at, _)| which | 1 << at));
            });
            spread.done();
        }
        let events = || due.iter().flat_map(|one| &one.plan.events);
        self.boot.watchers.each(|watch| {
            if events().any(|event| M::reshows(&watch.by, event)) {
                changed.insert(watch.id, watch.clone());
            }
        });
        changed
    }

    fn shown(&self, view: M::View) -> Option<Bytes> {
        let (topic, view) = (M::topic(self.boot.key)?, M::shown(view)?);
        Some(pack(&ToBrowser::Shown { topic, seq: self.folded, view }))
    }

    /// Says of which generation a view is, once there was another one.
    fn named(&self, generation: u32) -> Option<Bytes> {
        let topic = M::topic(self.boot.key).filter(|_| generation > 0)?;
        Some(pack(&ToBrowser::Generation { topic, generation }))
    }

    /// Saves the fold now and then, when nothing is under way.
    fn save(&mut self) {
        if self.line.is_empty() && self.kept.0 - self.snapshot.0 >= limits::SNAPSHOT_EVERY {
            match self.boot.keeper.snapshot(self.kept, &self.machine, &self.answered) {
                Ok(()) => self.snapshot = self.kept,
                Err(fault) => tracing::warn!(key = %self.boot.key, %fault, "snapshot put off"),
            }
        }
    }

    /// K4: everybody who waits hears why; the supervisor starts the next life.
    fn give_up(&mut self, fault: &StorageFault) -> Death {
        let no = no_of(fault);
        if no == No::Away {
            self.boot.world.lost(self.boot.key); // no fault of the actor's: not a death
        }
        self.end(&no, fault.to_string().into())
    }

    fn end(&mut self, no: &No, why: Death) -> Death {
        for waiting in self.line.drain(..) {
            match waiting.then {
                Then::Answer(reply, _) => drop(reply.send(Err(no.clone()))),
                Then::Query(reply, _) => drop(reply.send(Err(no.clone()))),
                Then::Watch(_, _, reply) => drop(reply.send(Err(no.clone()))),
                Then::Reshow(..) | Then::Nothing => {}
            }
        }
        why
    }

    /// True when nobody watches, nothing is under way, and the door could be shut (H3).
    fn may_sleep(&self) -> bool {
        let idle = self.line.is_empty() && self.boot.watchers.is_empty();
        let all = limits::MAILBOX as u32;
        let shut = idle
            && self.boot.places.try_acquire_many(all).is_ok_and(|places| {
                places.forget();
                true
            });
        if shut {
            self.boot.places.close();
        }
        shut
    }
}

/// A frame for watchers, and what it is of.
struct Told<'a, M: Part> {
    frame: Bytes,
    seq: Option<Seq>,
    news: News<'a, M>,
}

/// The frames of one plan, in their order (K3).
fn told<M: Part>(topic: Topic, of: &Waiting<M>) -> impl Iterator<Item = Told<'_, M>> {
    let at = of.at;
    let events = (of.first.0..).map(Seq).zip(&of.plan.events).filter_map(move |(seq, event)| {
        let word = M::event(event.clone())?;
        let frame = pack(&ToBrowser::Happened { topic, seq, at, event: word });
        Some(Told { frame, seq: Some(seq), news: News::Event(event) })
    });
    let notes = of.plan.notes.iter().filter_map(move |note| {
        let frame = pack(&ToBrowser::Noted { topic, note: M::note(note.clone())? });
        Some(Told { frame, seq: None, news: News::Note(note) })
    });
    events.chain(notes)
}

/// As many of them at once as one burst holds.
fn bursts<'a, 'b, M: Part>(all: &'b [Told<'a, M>]) -> impl Iterator<Item = &'b [Told<'a, M>]> {
    let mut rest = all;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = rest.iter().take(limits::BURST_FRAMES).take_while(|it| {
            let first = bytes == 0;
            bytes += it.frame.len();
            first || bytes <= limits::BURST_BYTES
        });
        let (burst, more) = rest.split_at(fits.count());
        rest = more;
        (!burst.is_empty()).then_some(burst)
    })
}

/// Encodes a frame for browsers.
pub fn pack(frame: &ToBrowser) -> Bytes {
    Bytes::from(codec::to_json(frame))
}
