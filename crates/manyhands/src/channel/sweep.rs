//! What is undone in queues after a death, and what a queue gives back when it goes.
//!
//! Runs in the reaper too: it allocates nothing. Every step is one compare-and-swap away from the dead process's
//! number, so it may be stopped anywhere, done again, and done by several at once. Blocks that a message names are kept
//! for the taker of the message. A stale look at a slot can do no harm, since only blocks that the dead one still holds
//! are touched.

use super::ends::{self, EndBody};
use super::message::{self, WORDS};
use super::storage::{Body, View};
use crate::arena::{Arena, ArenaError, Dead, Handle, Kind, Layer, Object, Sweep};
use crate::platform::Scope;
use crate::platform::atomic::Ordering;

impl Kind {
    pub(super) const QUEUE: Kind = Kind::of::<Body>(5, "queue");
    pub(super) const QUEUE_END: Kind = Kind::of::<EndBody>(11, "end of a queue");
}

/// The channel layer's objects.
pub(crate) const LAYER: Layer = Layer { kinds: &[Kind::QUEUE, Kind::QUEUE_END], sweep: &QueueSweep };

struct QueueSweep;

impl Sweep for QueueSweep {
    fn sweep(&self, arena: &'static Arena, dead: &Dead) -> Result<(), ArenaError> {
        let mut all = Ok(());
        for (handle, body) in arena.objects::<Body>(Kind::QUEUE)? {
            body.adopt_blocks(arena, dead.process);
            // The process that unmakes a queue frees what its messages name; a living queue is kept alive by this
            // reference.
            let Ok(object) = Object::attach(handle, Kind::QUEUE) else { continue };
            let view: View<WORDS> = match View::of(&object) {
                Ok(view) => view,
                Err(error) => {
                    all = Err(error);
                    continue;
                }
            };
            let keep = |block| arena.block_in_flight(block, dead.process);
            view.chain().each_message(message::block, |block| block.into_iter().for_each(keep));
            view.chain().sweep(dead.process.raw());
            // A killed process may have been about to wake others, or have cleared the way for them and woken none.
            view.lines.items.gate.recover(Scope::Shared);
            view.lines.space.gate.recover(Scope::Shared);
        }
        all
    }

    fn release(&self, arena: &'static Arena, kind: Kind, object: Handle) -> Result<(), ArenaError> {
        match kind {
            Kind::QUEUE => release(arena, arena.body(object.index())),
            Kind::QUEUE_END => ends::disconnect(arena, arena.body(object.index())),
            _ => Ok(()),
        }
    }
}

/// How many messages the queues that live were given.
pub(crate) fn messages_so_far(arena: &'static Arena) -> u64 {
    arena
        .objects::<Body>(Kind::QUEUE)
        .into_iter()
        .flatten()
        .filter_map(|(handle, _)| Object::attach(handle, Kind::QUEUE).ok())
        .filter_map(|object| Some(View::<WORDS>::of(&object).ok()?.chain().put_so_far()))
        .sum()
}

/// Gives a queue's blocks back: those of the messages in it, then the youngest ring first and the ends last. So a
/// process that has to do it again finds how far it got.
fn release(arena: &'static Arena, body: &'static Body) -> Result<(), ArenaError> {
    // Taking a block makes sure that it still is this queue's, and not another's by now.
    let Some(lines) = body.lines_block().map(|id| arena.take_block_if_there(id)).transpose()?.flatten()
    else {
        return Ok(());
    };
    let released = release_rings(arena, body);
    if released.is_err() {
        // It is this process's until this is done again.
        let _ = lines.into_id();
    }
    released
}

fn release_rings(arena: &'static Arena, body: &'static Body) -> Result<(), ArenaError> {
    let mut rings = 0;
    for id in body.ring_blocks() {
        let Some(ring) = arena.take_block_if_there(id)? else { break };
        let _ = ring.into_id();
        rings += 1;
    }
    let view: View<WORDS> = View::new(arena, body, rings)?;
    let mut freed = Ok(());
    view.chain().each_message(message::block, |block| {
        if let Some(Err(error)) = block.map(|block| arena.free_block(block)) {
            freed = Err(error);
        }
    });
    freed?;
    let put = view.chain().put_so_far();
    view.free_rings(arena)?;
    arena.counters().messages.fetch_add(put, Ordering::Relaxed);
    Ok(())
}
