//! What is undone in queues after a death, and what a queue gives back when it goes.
//!
//! Runs in the warden too: it allocates nothing. Every step is one compare-and-swap away from the dead process's
//! number, so it may be stopped anywhere, done again, and done by several at once. Blocks that a message names are
//! kept for whoever takes the message; a stale look at a slot can do no harm, since only blocks that the dead one
//! still holds are touched.

use super::message;
use super::storage::{Body, View};
use super::{index_queue, message::WORDS};
use crate::arena::{Arena, Block, Dead, Handle, Kind, Object, ProcessId, Sweep};
use crate::platform::Scope;
use crate::platform::atomic::Ordering;

/// The channel layer's part in sweeps.
pub(crate) struct QueueSweep;

impl Sweep for QueueSweep {
    fn sweep(&self, arena: &'static Arena, dead: &Dead) {
        for (handle, body) in arena.objects::<Body>(Kind::Queue) {
            body.adopt_blocks(arena, dead.process);
            // Whoever unmakes a queue frees what its messages name; for one that lives, this keeps it from going.
            let Ok(object) = Object::attach(handle, Kind::Queue) else { continue };
            match body.shape().words() {
                WORDS => {
                    let view: View<WORDS> = View::of(&object);
                    let keep = |block| arena.block_in_flight(block, dead.process);
                    view.chain().each_message(message::block, |block| block.into_iter().for_each(keep));
                    recover(&view, dead.process);
                }
                _ => recover(&View::<{ index_queue::WORDS }>::of(&object), dead.process),
            }
        }
    }

    fn release(&self, arena: &'static Arena, kind: Kind, object: Handle) {
        if kind == Kind::Queue {
            let body: &Body = arena.body(object.index());
            match body.shape().words() {
                WORDS => release::<WORDS>(arena, body, |view| {
                    view.chain().each_message(message::block, |block| {
                        block.into_iter().for_each(|block| arena.free_block(block));
                    });
                    arena.counters().messages.fetch_add(view.chain().put_so_far(), Ordering::Relaxed);
                }),
                _ => release::<{ index_queue::WORDS }>(arena, body, |_| {}),
            }
        }
    }
}

/// How many messages the queues that live were given.
pub(crate) fn messages_so_far(arena: &'static Arena) -> u64 {
    let queues = arena.objects::<Body>(Kind::Queue).filter(|(_, body)| body.shape().words() == WORDS);
    queues
        .filter_map(|(handle, _)| Object::attach(handle, Kind::Queue).ok())
        .map(|object| View::<WORDS>::of(&object).chain().put_so_far())
        .sum()
}

fn recover<const W: usize>(view: &View<W>, dead: ProcessId) {
    view.chain().sweep(dead.raw());
    // A killed process may have been told to wake others, or have cleared the way for them and told nobody.
    view.lines.items.gate.recover(Scope::Shared);
    view.lines.space.gate.recover(Scope::Shared);
}

/// Gives a queue's blocks back, the youngest ring first and the ends last, so that whoever has to do it again finds
/// how far it got.
fn release<const W: usize>(arena: &'static Arena, body: &'static Body, last_words: impl Fn(&View<W>)) {
    // Taking a block makes sure that it still is this queue's, and not another's by now.
    let take = |id| arena.take_block(id, 0).ok();
    let Some(lines) = body.lines_block().and_then(take) else { return };
    let rings = body.ring_blocks().map_while(take).map(Block::into_id).count();
    let view: View<W> = View::new(arena, body, rings);
    last_words(&view);
    view.free_rings(arena);
    drop(lines);
}
