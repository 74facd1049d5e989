//! Memory that several processes see, and what it takes to keep it right when any of them is killed.
//!
//! One arena serves a tree of processes. It is found by offset only, since each member maps it elsewhere, and only the
//! parts that it uses. It holds the slots of its processes and threads ([`ProcessId`], [`ThreadId`]: the owners),
//! objects with a header and references ([`Object`], [`Handle`]), blocks for large payloads ([`Block`]), and memory
//! carved off for ever. Whatever a process may be killed over carries its owner in the same word that says it is held,
//! and [`sweep`] undoes it. Each step is one compare-and-swap away from the dead owner's id, so that any process may do
//! it, twice or halfway. This layer knows no lock, queue or call; what it needs of them goes through [`Sweep`].
//!
//! ```text
//! region, header, making, neighbour, place, window         the memory file, its first page, how a process comes to it
//!                                                          and where it has it mapped
//! owner, current, member, process_slot, process_table,
//!   thread_slot, thread_table, copies, fork                who is here, and how forks take part
//! layer, notice, sweep                                     what each layer declares; who has ended, and undoing what
//!                                                          they held
//! handle, kind, object, object_word, object_table, records,
//!   counts, reference, travel, kept_block                  objects, and who keeps them alive
//! names, once                                              names that all processes call by number
//! block, block_word, block_entry, block_table, claim,
//!   mapped_block, payload, shared_memory                   memory for large content
//! carve, chunk_word, chunk_table, free_bits, reclaim, trim where it comes from and goes back to
//! shared, text, error                                      what may stand in the arena, and why it refuses
//! ```

mod block;
mod block_entry;
mod block_table;
mod block_word;
mod carve;
mod chunk_table;
mod chunk_word;
mod claim;
mod copies;
mod counts;
mod current;
mod error;
mod fork;
mod free_bits;
mod handle;
mod header;
mod kept_block;
mod kind;
mod layer;
mod making;
mod mapped_block;
mod member;
mod names;
mod neighbour;
mod notice;
mod object;
mod object_table;
mod object_word;
mod once;
mod owner;
mod payload;
mod place;
mod process_slot;
mod process_table;
mod reclaim;
mod records;
mod reference;
mod region;
mod shared;
mod shared_memory;
mod sweep;
mod text;
mod thread_slot;
mod thread_table;
mod travel;
mod trim;
mod window;

pub use block::Block;
pub use block_entry::BlockId;
pub(crate) use current::slot_of_this_thread;
pub use current::{this_process, this_thread};
pub use error::ArenaError;
pub(crate) use fork::by_hand;
pub use fork::{abandon_child, in_parent, next_child, prepare};
pub use handle::Handle;
pub use header::Counters;
pub(crate) use kept_block::{KeptBlock, keep};
pub use kind::Kind;
pub(crate) use layer::numbered;
pub(crate) use layer::{Dead, Layer, Registered, Sweep};
pub(crate) use mapped_block::MappedBlock;
pub use names::Shape;
pub use object::Object;
pub use object_word::BODY;
pub use owner::{ProcessId, ThreadId};
pub(crate) use payload::LAYER;
pub use payload::Payload;
pub use place::Pinned;
pub use process_slot::{PROCESSES, ProcessSlot, ProcessState, Role};
pub use region::Arena;
pub(crate) use shared::shared_record;
pub use shared::{Offset, Shared};
pub use shared_memory::SharedMemory;
pub(crate) use sweep::{sweep, sweep_in_turn, sweep_noticed, sweep_the_dead};
pub(crate) use text::{read_text, text_of, write_text};
pub use thread_slot::{THREADS, ThreadSlot};
pub(crate) use travel::travels;
pub use travel::{collect, note};
