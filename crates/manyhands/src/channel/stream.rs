//! A queue's stream with the waiting added: producers that find it full, consumers that find it empty.
//!
//! There are two gates, one for items and one for room. While nobody sleeps there is no system call; puts do not even
//! look, since a consumer leaves a mark in the slot that it waits for. Blocked producers are woken when the queue is
//! half empty, since waking one for every message taken would have both ends march in step. In between they look by
//! themselves, ever less often, so that one message taken from a full queue lets one in soon. Closing ends the stream
//! behind the last message. What a message looks like is its user's business.

use super::alone::Alone;
use super::awaited::{Awaited, Look};
use super::chain::{Nothing, Refused};
use super::polling::Polling;
use super::ring::{Await, Payload};
use super::storage::{Body, Shape, View};
use crate::arena::{Arena, ArenaError, Handle, Kind, Object, ProcessId, this_process};
use crate::platform::atomic::Ordering;
use crate::platform::{Deadline, Scope, clock};
use crate::sync::{Outside, PlacedGate, Subject, WaitError, Waiting, wait_for};

/// Takes from a full queue that follow one another within this time are a flow, in nanoseconds: its producers are
/// woken at half empty. A single one wakes a producer at once.
const FLOW: u64 = 50_000;

/// A producer that finds the queue full yields until this part of it is free, or until it has to sleep.
const BATCH: u64 = 8;

/// Why nothing was put or taken.
#[derive(Debug)]
pub(super) enum Stop {
    /// Full, or empty, still when the time was over.
    TimedOut,
    Closed,
    /// Closed, since nobody is left on the other side.
    Disconnected,
    Interrupted,
    Arena(Box<ArenaError>),
}

impl Stop {
    /// What this means to a waiter that nobody can wake.
    fn when_alone(self) -> Stop {
        match self {
            Stop::TimedOut => Stop::Disconnected,
            stop => stop,
        }
    }
}

impl From<ArenaError> for Stop {
    #[cold]
    fn from(error: ArenaError) -> Stop {
        Stop::Arena(Box::new(error))
    }
}

impl From<WaitError> for Stop {
    fn from(error: WaitError) -> Stop {
        match error {
            WaitError::TimedOut => Stop::TimedOut,
            _ => Stop::Interrupted,
        }
    }
}

impl<const W: usize> View<W> {
    /// Refuses all further puts, lets takers have what is there, and wakes all sleepers.
    fn close(&self) {
        self.body.set_closed(0);
        self.chain().end();
        self.lines.notify_all();
    }
}

/// A reference to a queue object and this process's view of its stream. Payloads have `W` words.
pub(super) struct Stream<const W: usize> {
    // Declared first and dropped first; nothing looks at the view after that.
    object: Object,
    view: View<W>,
    /// Whether a wait without a limit ends when nobody is left to end it.
    gives_up_alone: bool,
}

impl<const W: usize> Clone for Stream<W> {
    fn clone(&self) -> Self {
        let object = self.object.clone();
        Stream { view: self.view.again(), object, gives_up_alone: self.gives_up_alone }
    }
}

impl<const W: usize> Stream<W> {
    pub(super) fn create(limit: Option<u64>) -> Result<Stream<W>, ArenaError> {
        let shape = Shape::new(W, limit);
        let object = Object::create::<Body>(Kind::QUEUE, |arena, body| body.init::<W>(arena, shape))?;
        let view = View::of(&object)?;
        view.body.adopt_blocks(Arena::get()?, this_process()?);
        Ok(Stream { object, view, gives_up_alone: false })
    }

    pub(super) fn attach(handle: Handle) -> Result<Stream<W>, ArenaError> {
        let object = Object::attach(handle, Kind::QUEUE)?;
        let view: View<W> = View::of(&object)?;
        if view.shape.words() != W {
            return Err(ArenaError::Stale { handle, kind: Kind::QUEUE });
        }
        Ok(Stream { object, view, gives_up_alone: false })
    }

    pub(super) fn giving_up_alone(self) -> Stream<W> {
        Stream { gives_up_alone: true, ..self }
    }

    pub(super) fn handle(&self) -> Handle {
        self.object.handle()
    }

    fn subject(&self) -> Subject {
        Subject::shared(Kind::QUEUE, self.handle())
    }

    /// The most messages that may wait; 0 for as many as the arena holds.
    pub(super) fn limit(&self) -> u64 {
        self.view.shape.limit
    }

    pub(super) fn len(&self) -> u64 {
        self.view.chain().len()
    }

    /// How many messages were ever put.
    pub(super) fn put_so_far(&self) -> u64 {
        self.view.chain().put_so_far()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.view.body.is_closed()
    }

    /// Refuses all further puts, lets takers have what is there, and wakes all sleepers.
    pub(super) fn close(&self) {
        self.view.close();
    }

    pub(super) fn is_disconnected(&self) -> bool {
        self.view.body.is_disconnected()
    }

    pub(super) fn is_only_reference(&self) -> bool {
        self.object.is_only_reference()
    }

    /// Puts one message if there is room now.
    #[inline(always)]
    pub(super) fn try_put(&self, fill: impl Fn(&Payload<W>)) -> Result<(), Stop> {
        if self.view.body.is_closed() {
            return Err(Stop::Closed);
        }
        let owner = this_process()?;
        let mut is_awaited = false;
        let put = self.view.chain().put(owner.raw(), &mut is_awaited, fill);
        if is_awaited {
            self.view.lines.items.gate.notify_one(Scope::Shared);
        }
        match put {
            Ok(()) => Ok(()),
            Err(Refused::Full) => Err(Stop::TimedOut),
            Err(Refused::Ended) => Err(Stop::Closed),
            Err(Refused::NoRing(error)) => Err(error.into()),
            Err(Refused::Unreachable) => Err(self.unreachable()),
        }
    }

    /// Puts one message, waiting for room until `deadline`.
    #[inline(always)]
    pub(super) fn put(
        &self,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
        fill: impl Fn(&Payload<W>),
    ) -> Result<(), Stop> {
        match self.try_put(&fill) {
            Ok(()) => Ok(()),
            Err(Stop::TimedOut) => self.put_slowly(deadline, waiting, fill),
            end => end,
        }
    }

    #[cold]
    fn put_slowly(
        &self,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
        fill: impl Fn(&Payload<W>),
    ) -> Result<(), Stop> {
        let alone = Alone::new(|| self.is_only_reference(), waiting);
        let ready = || match self.try_put(&fill) {
            Err(Stop::TimedOut) => {
                self.view.lines.space.wanted.store(self.view.chain().put_at_least(), Ordering::Relaxed);
                None
            }
            end => Some(end),
        };
        let batch = self.limit().div_ceil(BATCH);
        let early = || {
            let has_room = self.view.chain().len_hint() + batch <= self.limit();
            if has_room { ready() } else { None }
        };
        let gate = &self.view.lines.space.gate;
        let hooks = self.hooks(deadline, &alone, waiting);
        let put = wait_for(self.subject(), &Outside, deadline, hooks, |wait| {
            let polling = Polling::new(wait);
            gate.wait_with(&wait.ticked_by(&polling), early, ready, || self.len() < self.limit())
        });
        // The last of the others may have made room just before it went.
        if alone.is_found() { self.try_put(&fill).map_err(Stop::when_alone) } else { put? }
    }

    /// The hooks of a wait: the caller's own or, where it could be a wait that nobody ends, with a check for that.
    fn hooks<'a>(
        &self,
        deadline: Option<Deadline>,
        alone: &'a dyn Waiting,
        waiting: &'a dyn Waiting,
    ) -> &'a dyn Waiting {
        if self.gives_up_alone && deadline.is_none() { alone } else { waiting }
    }

    /// Takes one message if there is one now, also one behind what a killed producer has left half-written.
    #[inline(always)]
    pub(super) fn take_now<T>(&self, read: impl Fn(&Payload<W>) -> Option<T>) -> Result<T, Stop> {
        match self.try_take(&read) {
            Err(Stop::TimedOut) => self.take_behind_the_dead(read),
            end => end,
        }
    }

    /// After a take that found nothing, before its caller gets that answer. Asks the kernel about the producer that is
    /// writing, if there is one, so it is too expensive for every look.
    #[cold]
    fn take_behind_the_dead<T>(&self, read: impl Fn(&Payload<W>) -> Option<T>) -> Result<T, Stop> {
        while self.free_dead() {
            match self.try_take(&read) {
                Err(Stop::TimedOut) => {}
                end => return end,
            }
        }
        Err(Stop::TimedOut)
    }

    /// Frees what a dead producer has left half-written at the head. Whether there may be something to take now.
    fn free_dead(&self) -> bool {
        let Some(arena) = Arena::current() else { return false };
        let is_dead = |owner| ProcessId::from_raw(owner).is_some_and(|process| arena.notice(process));
        self.view.chain().free_dead(is_dead)
    }

    /// Takes one message if the next one is complete.
    #[inline(always)]
    fn try_take<T>(&self, read: impl Fn(&Payload<W>) -> Option<T>) -> Result<T, Stop> {
        let owner = this_process()?.raw();
        let chain = self.view.chain();
        let taken = match chain.take(owner, &read) {
            Ok(message) => Ok(message),
            Err(nothing) => self.take_last(nothing, &read),
        };
        if self.view.lines.space.gate.is_armed() {
            self.wake_producers();
        }
        taken
    }

    /// After a take that found nothing: what that means, and once more if nothing can be put any more.
    #[cold]
    fn take_last<T>(&self, mut nothing: Nothing, read: impl Fn(&Payload<W>) -> Option<T>) -> Result<T, Stop> {
        if nothing == Nothing::Yet && self.view.body.is_closed() {
            self.view.chain().end();
            match self.view.chain().take(this_process()?.raw(), read) {
                Ok(message) => return Ok(message),
                Err(still) => nothing = still,
            }
        }
        Err(match nothing {
            Nothing::Yet => Stop::TimedOut,
            Nothing::Ever => Stop::Closed,
            Nothing::Unreachable | Nothing::Left => {
                // Another consumer may have room for it.
                self.view.lines.items.gate.notify_one(Scope::Shared);
                self.unreachable()
            }
        })
    }

    /// This process cannot map the ring in which the stream goes on.
    #[cold]
    fn unreachable(&self) -> Stop {
        self.view.unreachable(None).into()
    }

    /// Takes one message, waiting for it until `deadline`.
    #[inline(always)]
    pub(super) fn take<T>(
        &self,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
        read: impl Fn(&Payload<W>) -> Option<T>,
    ) -> Result<T, Stop> {
        match self.try_take(&read) {
            Ok(message) => Ok(message),
            Err(Stop::TimedOut) => self.take_slowly(deadline, waiting, read),
            end => end,
        }
    }

    #[cold]
    fn take_slowly<T>(
        &self,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
        read: impl Fn(&Payload<W>) -> Option<T>,
    ) -> Result<T, Stop> {
        let alone = Alone::new(|| self.is_only_reference(), waiting);
        let early = || match self.try_take(&read) {
            Err(Stop::TimedOut) => None,
            end => Some(end),
        };
        // Leaves word for the others that may sleep here.
        let more = || matches!(self.view.chain().await_next(), Await::Something | Await::Writing);
        let gate = &self.view.lines.items.gate;
        let hooks = self.hooks(deadline, &alone, waiting);
        let taken = wait_for(self.subject(), &Outside, deadline, hooks, |wait| {
            let polling = Polling::new(wait);
            // Sleeps only after it has left word in the slot of the message to come, so that puts need not look for
            // sleepers.
            let ready = || loop {
                if let Some(end) = early() {
                    return Some(end);
                }
                match self.view.chain().await_next() {
                    Await::Something => continue,
                    Await::Noted => polling.is_needed(false),
                    Await::Writing => polling.is_needed(true),
                    Await::Sealed(_) => unreachable!("the chain goes on to the next ring"),
                }
                return None;
            };
            gate.wait_with(&wait.ticked_by(&polling), early, ready, more)
        });
        // The last of the others may have put something just before it went.
        if alone.is_found() {
            return self.take_now(&read).map_err(Stop::when_alone);
        }
        match taken {
            Err(WaitError::TimedOut) => self.take_behind_the_dead(&read),
            taken => taken?,
        }
    }

    /// After a take while producers may sleep: wakes one if the time has come. Looks at nothing that producers write
    /// while they are awake.
    #[cold]
    fn wake_producers(&self) {
        let (space, limit) = (&self.view.lines.space, self.limit());
        // For a producer that has gone on since this is too little: then the gate is notified in vain, once.
        let left = space.wanted.load(Ordering::Relaxed).saturating_sub(self.view.chain().taken_at_least());
        if left > limit.div_ceil(2) {
            if left + 1 < limit {
                return;
            }
            let now = clock::now_ns();
            let last = space.last_take.swap(now, Ordering::Relaxed);
            if now.wrapping_sub(last) < FLOW {
                return;
            }
        }
        space.gate.notify_one(Scope::Shared);
    }
}

impl<const W: usize> Awaited for Stream<W> {
    fn gate(&self) -> PlacedGate<'_> {
        (&self.view.lines.items.gate, Scope::Shared)
    }

    fn subject(&self) -> Subject {
        Stream::subject(self)
    }

    fn glance(&self) -> bool {
        self.view.chain().len_hint() > 0 || self.is_closed()
    }

    fn look(&self) -> Look {
        let chain = self.view.chain();
        if chain.has_returned() {
            return Look::Something;
        }
        let next = match chain.await_next() {
            Await::Noted if self.is_closed() => {
                chain.end();
                chain.await_next()
            }
            next => next,
        };
        match next {
            Await::Something => Look::Something,
            Await::Noted if !self.is_closed() => Look::Nothing,
            Await::Noted | Await::Writing => Look::Soon,
            Await::Sealed(_) => unreachable!("the chain goes on to the next ring"),
        }
    }

    fn look_behind_the_dead(&self) -> bool {
        self.free_dead();
        self.look() == Look::Something
    }

    fn is_alone(&self) -> bool {
        self.gives_up_alone && self.is_only_reference()
    }
}
