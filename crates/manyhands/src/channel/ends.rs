//! The two ends of a queue in the arena, as objects: the holders of senders keep one alive, the holders of receivers
//! the other.
//!
//! An end holds nothing. It is there to be unmade. That happens when its last reference goes: by a drop, with a message
//! that carried it, or in the sweep of a dead process. Then the queue is closed for the other side and its sleepers are
//! woken. So there is no count that a kill could leave wrong. Unmaking may be done twice, by a sweeper too: it
//! allocates nothing.

use super::chain::Nothing;
use super::message::{self, WORDS};
use super::raw_queue::RawQueue;
use super::storage::{Body, NO_RECEIVERS, NO_SENDERS, View};
use crate::arena::{Arena, ArenaError, Handle, Kind, Object, ProcessId, Shared, this_process};
use crate::platform::atomic::{AtomicU32, AtomicU64, Ordering};
use std::cell::Cell;

/// The body of an end.
#[repr(C)]
pub(super) struct EndBody {
    /// The queue, as a raw handle. A holder of the end has the queue, too.
    queue: AtomicU64,
    side: AtomicU32,
    unused: AtomicU32,
}

// SAFETY: repr(C), atomics only.
unsafe impl Shared for EndBody {}

/// Which end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Senders,
    Receivers,
}

impl Side {
    /// The bit in the queue's state that says nobody is left of this side.
    fn gone(self) -> u32 {
        match self {
            Side::Senders => NO_SENDERS,
            Side::Receivers => NO_RECEIVERS,
        }
    }
}

/// A reference to one end of a queue.
#[derive(Clone)]
pub struct End(Object);

impl End {
    pub(super) fn new(queue: &RawQueue, side: Side) -> Result<End, ArenaError> {
        let end = Object::create::<EndBody>(Kind::QUEUE_END, |_, body| {
            body.queue.store(queue.handle().to_raw(), Ordering::Relaxed);
            body.side.store(side.gone(), Ordering::Relaxed);
            Ok(())
        })?;
        Ok(End(end))
    }

    /// The end that a handle names, and its queue.
    pub(super) fn attach(handle: Handle, side: Side) -> Result<(End, RawQueue), ArenaError> {
        let end = Object::attach(handle, Kind::QUEUE_END)?;
        let body: &EndBody = end.body();
        if body.side.load(Ordering::Acquire) != side.gone() {
            return Err(ArenaError::WrongValue { handle, kind: Kind::QUEUE_END });
        }
        let queue = RawQueue::attach(Handle::from_raw(body.queue.load(Ordering::Acquire)))?;
        Ok((End(end), queue))
    }

    pub(super) fn handle(&self) -> Handle {
        self.0.handle()
    }
}

/// Notifies the other side when the last reference to an end is gone.
///
/// # Errors
/// When this process cannot map what waits in the queue; the other side knows all the same. The sweep of this process
/// drops it.
pub(super) fn disconnect(arena: &'static Arena, body: &EndBody) -> Result<(), ArenaError> {
    let (queue, gone) = (body.queue.load(Ordering::Acquire), body.side.load(Ordering::Acquire));
    // When the queue is gone as well, there is nobody to notify.
    let object = match Object::attach(Handle::from_raw(queue), Kind::QUEUE) {
        Ok(object) => object,
        Err(error @ ArenaError::AddressSpace { .. }) => return Err(error),
        Err(_) => return Ok(()),
    };
    // First what others wait for, which needs no ring: there may be no address space for those.
    let queue: &'static Body = object.body();
    queue.set_closed(gone);
    queue.lines(arena)?.notify_all();
    if gone != NO_RECEIVERS {
        // Takers that find it closed see to its end.
        return Ok(());
    }
    let view: View<WORDS> = View::of(&object)?;
    view.chain().end();
    drop_messages(arena, &view, this_process()?)
}

/// Nobody will take the waiting messages, and they may carry what others wait for.
fn drop_messages(arena: &'static Arena, view: &View<WORDS>, me: ProcessId) -> Result<(), ArenaError> {
    let unseen = Cell::new(None);
    let mine = |payload: &_| {
        let Some(id) = message::block(payload) else { return Some(None) };
        arena.take_block_if_there(id).map_err(|error| unseen.set(Some(error))).ok()
    };
    loop {
        match view.chain().take(me.raw(), mine) {
            Ok(block) => drop(block),
            Err(Nothing::Yet | Nothing::Ever) => return Ok(()),
            Err(Nothing::Unreachable | Nothing::Left) => return Err(view.unreachable(unseen.take())),
        }
    }
}
