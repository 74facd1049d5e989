//! A queue of bytes with a tag, between processes: what the typed queue and Python's queues are made of.
//!
//! Messages of any size, in order; up to [`INLINE`](super::INLINE) bytes stand in the ring, larger ones in blocks that
//! change owners. Bounded, or growing up to the arena's end, which is an error and never a wait. A process killed
//! during a put or a take costs at most the message that it was at.

use super::awaited::{Awaited, Look};
use super::error::{GetError, PutError, QueueName};
use super::message::{Buffer, INLINE, Message, Outgoing, Receiver, Room, WORDS, write_small};
use super::stream::{Stop, Stream};
use crate::arena::{Arena, ArenaError, Handle};
use crate::platform::Deadline;
use crate::sync::{PlacedGate, Subject, Waiting};

/// What a queue did so far and holds now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueStatistics {
    /// Messages that wait.
    pub waiting: u64,
    /// Messages ever put.
    pub put: u64,
    /// The most messages that may wait; `None` for as many as the arena holds.
    pub limit: Option<u64>,
    /// Whether nothing can be put any more.
    pub closed: bool,
}

/// A queue of bytes. A clone is another reference to the same queue, which goes with the last one in any process.
#[derive(Clone)]
pub struct RawQueue {
    stream: Stream<WORDS>,
}

impl RawQueue {
    /// A queue in which at most `limit` messages wait.
    ///
    /// When a process is killed while it takes a message, that message comes back, if need be as one more than `limit`.
    /// That never happens when `limit` is a power of two up to 1024.
    ///
    /// # Errors
    /// When the arena has no room for another queue.
    ///
    /// # Panics
    /// When `limit` is 0.
    pub fn bounded(limit: u64) -> Result<RawQueue, ArenaError> {
        assert!(limit > 0, "a queue with room for no message can never be used");
        Ok(RawQueue { stream: Stream::create(Some(limit))? })
    }

    /// A queue that holds as much as the arena does.
    ///
    /// # Errors
    /// As [`RawQueue::bounded`].
    pub fn growing() -> Result<RawQueue, ArenaError> {
        Ok(RawQueue { stream: Stream::create(None)? })
    }

    /// A reference to a queue that another reference keeps alive.
    ///
    /// # Errors
    /// When the queue is gone, or the handle names something else.
    pub fn attach(handle: Handle) -> Result<RawQueue, ArenaError> {
        Ok(RawQueue { stream: Stream::attach(handle)? })
    }

    /// What names the queue to other processes; it keeps nothing alive.
    pub fn handle(&self) -> Handle {
        self.stream.handle()
    }

    /// Puts `bytes`, waiting for room until `deadline` (`None`: as long as it takes).
    ///
    /// # Errors
    /// [`PutError`]; the queue is as before.
    #[inline]
    pub fn put(
        &self,
        bytes: &[u8],
        tag: u32,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
    ) -> Result<(), PutError> {
        self.put_or_stop(bytes, tag, deadline, waiting).map_err(|stop| self.put_error(stop))
    }

    /// [`RawQueue::put`], with the shorter result.
    #[inline]
    pub(super) fn put_or_stop(
        &self,
        bytes: &[u8],
        tag: u32,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
    ) -> Result<(), Stop> {
        if bytes.len() > INLINE {
            return self.send(Outgoing::new(&[bytes], &mut Room::new())?, tag, deadline, waiting);
        }
        self.stream.put(deadline, waiting, |payload| {
            // SAFETY: the stream lends the payload of a slot that it has claimed; the length was just looked at.
            unsafe { write_small(bytes, tag, payload) }
        })
    }

    /// Puts one message that consists of `parts`, one after the other.
    ///
    /// # Errors
    /// As [`RawQueue::put`].
    #[inline]
    pub fn put_parts(
        &self,
        parts: &[&[u8]],
        tag: u32,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
    ) -> Result<(), PutError> {
        let mut room = Room::new();
        let message = Outgoing::new(parts, &mut room).map_err(|error| self.put_error(error.into()))?;
        self.send(message, tag, deadline, waiting).map_err(|stop| self.put_error(stop))
    }

    /// Puts one message that consists of `parts` and names the objects of `handles`, which it keeps alive until it was
    /// taken and dropped. The calling process must hold references to them now.
    ///
    /// # Errors
    /// As [`RawQueue::put`].
    pub fn put_parts_naming(
        &self,
        parts: &[&[u8]],
        handles: &[Handle],
        tag: u32,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
    ) -> Result<(), PutError> {
        self.put_carrying(parts, handles, tag, deadline, waiting).map_err(|stop| self.put_error(stop))
    }

    /// [`RawQueue::put_parts_naming`], with the shorter result.
    pub(super) fn put_carrying(
        &self,
        parts: &[&[u8]],
        handles: &[Handle],
        tag: u32,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
    ) -> Result<(), Stop> {
        self.send(Outgoing::carrying(parts, handles)?, tag, deadline, waiting)
    }

    /// Puts `bytes` if there is room now.
    ///
    /// # Errors
    /// As [`RawQueue::put`].
    #[inline]
    pub fn try_put(&self, bytes: &[u8], tag: u32) -> Result<(), PutError> {
        let mut room = Room::new();
        let message = Outgoing::new(&[bytes], &mut room).map_err(|error| self.put_error(error.into()))?;
        self.stream
            .try_put(|payload| {
                // SAFETY: the stream lends the payload of a slot that it has claimed.
                unsafe { message.write(tag, payload) }
            })
            .map_err(|stop| self.put_error(stop))?;
        message.sent();
        Ok(())
    }

    #[inline]
    fn send(
        &self,
        message: Outgoing<'_>,
        tag: u32,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
    ) -> Result<(), Stop> {
        self.stream.put(deadline, waiting, |payload| {
            // SAFETY: the stream lends the payload of a slot that it has claimed.
            unsafe { message.write(tag, payload) }
        })?;
        message.sent();
        Ok(())
    }

    /// Takes the next message, waiting for one until `deadline` (`None`: as long as it takes).
    ///
    /// # Errors
    /// [`GetError`]; no message was taken.
    #[inline(always)]
    pub fn get<'b>(
        &self,
        buffer: &'b mut Buffer,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
    ) -> Result<Message<'b>, GetError> {
        // Its parts stay in registers, since only what reads into the buffer is called.
        let receiver = Receiver::new(self.arena(), buffer);
        let head = self.take_into(&receiver, deadline, waiting);
        self.received(receiver, head)
    }

    #[inline(never)]
    fn take_into(
        &self,
        receiver: &Receiver<'_>,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
    ) -> Result<u64, Stop> {
        self.stream.take(deadline, waiting, |payload| {
            // SAFETY: the stream lends the payload of a slot that it has claimed, and only one.
            unsafe { receiver.read(payload) }
        })
    }

    /// Takes the next message if there is one now.
    ///
    /// # Errors
    /// As [`RawQueue::get`].
    #[inline]
    pub fn try_get<'b>(&self, buffer: &'b mut Buffer) -> Result<Message<'b>, GetError> {
        let receiver = Receiver::new(self.arena(), buffer);
        let head = self.stream.take_now(|payload| {
            // SAFETY: as in `get`.
            unsafe { receiver.read(payload) }
        });
        self.received(receiver, head)
    }

    #[inline(always)]
    fn received<'b>(&self, receiver: Receiver<'b>, head: Result<u64, Stop>) -> Result<Message<'b>, GetError> {
        match head {
            // SAFETY: the receiver gave it to the stream, which passed it on.
            Ok(head) => unsafe { receiver.message(head) }.map_err(|error| self.get_error(error.into())),
            Err(stop @ Stop::Arena(_)) => {
                // It says how long the message is that there is no room for.
                let stop = receiver.refusal().map_or(stop, Stop::from);
                Err(self.get_error(stop))
            }
            Err(stop) => Err(self.get_error(stop)),
        }
    }

    /// Refuses all further puts, by any process. What is in the queue can still be taken; after that, takers get an
    /// error that says the queue is closed.
    pub fn close(&self) {
        self.stream.close();
    }

    /// Whether the queue was closed.
    pub fn is_closed(&self) -> bool {
        self.stream.is_closed()
    }

    /// How many messages wait: exact while no other thread puts or takes.
    pub fn len(&self) -> u64 {
        self.stream.len()
    }

    /// Whether no message waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether as many messages wait as may.
    pub fn is_full(&self) -> bool {
        self.limit().is_some_and(|limit| self.len() >= limit)
    }

    /// The most messages that may wait; `None` for as many as the arena holds.
    pub fn limit(&self) -> Option<u64> {
        Some(self.stream.limit()).filter(|limit| *limit != 0)
    }

    /// How many messages were ever put.
    pub fn messages(&self) -> u64 {
        self.stream.put_so_far()
    }

    /// What the queue did so far and holds now.
    pub fn statistics(&self) -> QueueStatistics {
        QueueStatistics {
            waiting: self.len(),
            put: self.messages(),
            limit: self.limit(),
            closed: self.is_closed(),
        }
    }

    pub(super) fn name(&self) -> QueueName {
        QueueName::InArena(self.handle().index())
    }

    fn arena(&self) -> &'static Arena {
        Arena::current().expect("the queue was made in it")
    }

    #[cold]
    pub(super) fn put_error(&self, stop: Stop) -> PutError {
        PutError::new(self.name(), self.stream.limit(), self.why(stop))
    }

    /// Whether the queue was closed, or one side of it is gone.
    fn why(&self, stop: Stop) -> Stop {
        match stop {
            Stop::Closed if self.stream.is_disconnected() => Stop::Disconnected,
            stop => stop,
        }
    }

    /// The same reference, whose waits without a limit end as `Disconnected` when nobody is left to end them.
    pub(super) fn giving_up_alone(self) -> RawQueue {
        RawQueue { stream: self.stream.giving_up_alone() }
    }

    #[cold]
    fn get_error(&self, stop: Stop) -> GetError {
        GetError::new(self.name(), self.why(stop))
    }
}

impl Awaited for RawQueue {
    fn gate(&self) -> PlacedGate<'_> {
        self.stream.gate()
    }

    fn subject(&self) -> Subject {
        self.stream.subject()
    }

    fn glance(&self) -> bool {
        self.stream.glance()
    }

    fn look(&self) -> Look {
        self.stream.look()
    }

    fn look_behind_the_dead(&self) -> bool {
        self.stream.look_behind_the_dead()
    }

    fn is_alone(&self) -> bool {
        self.stream.is_alone()
    }
}

impl std::fmt::Debug for RawQueue {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("RawQueue").field("number", &self.handle().index()).finish_non_exhaustive()
    }
}
