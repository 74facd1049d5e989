//! What the arena refuses, and why.
//!
//! One type for the layer: nearly every operation can meet the same few ends (a stale handle, something that ran
//! out, a stranger's arena). Each message names the thing and its limit; nothing is half done when one is
//! returned.

use super::handle::Handle;
use super::kind::Kind;
use crate::platform::needs::Missing;
use std::io;

/// Why the arena did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArenaError {
    /// The object is gone: its last reference was dropped, or its number belongs to a newer one.
    #[error("this {kind} (number {}) is gone: its last reference was dropped", handle.index())]
    Stale {
        /// What was asked for.
        handle: Handle,
        /// As what it was asked for.
        kind: Kind,
    },
    /// The handle belongs to an object of another kind.
    #[error("number {} is a {found}, not a {wanted}", handle.index())]
    WrongKind {
        /// What was asked for.
        handle: Handle,
        /// As what it was asked for.
        wanted: Kind,
        /// What it is.
        found: Kind,
    },
    /// The handle belongs to an object around a value of another type.
    #[error("number {} is a {kind} around a value of another type; attach to it as what it was made as", handle.index())]
    WrongValue {
        /// What was asked for.
        handle: Handle,
        /// What it is.
        kind: Kind,
    },
    /// A block's content was freed before it was asked for.
    #[error("this block of shared memory was freed before it was asked for")]
    StaleBlock,
    /// A table is full.
    #[error("no room for another {what}: the limit is {limit} at a time")]
    OutOfSlots {
        /// What there is no room for.
        what: &'static str,
        /// How many there can be.
        limit: usize,
    },
    /// The arena's memory is used up.
    #[error("out of shared memory: {wanted} bytes wanted, {limit} bytes are the arena's size")]
    OutOfMemory {
        /// How many bytes were wanted.
        wanted: usize,
        /// The size of the arena in bytes.
        limit: usize,
    },
    /// The process that needs the arena may not make a file of its size.
    #[error(
        "shared memory needs a memory file of at least {wanted} bytes, and files of this process are limited to {limit} \
         (RLIMIT_FSIZE, ulimit -f); start the program with a higher limit"
    )]
    FileSize {
        /// How many bytes it has at least.
        wanted: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// This process cannot map a part of the arena: its address space is limited and used up.
    #[error(
        "no address space is left in this process to map {wanted} bytes of shared memory; it is limited (RLIMIT_AS)"
    )]
    AddressSpace {
        /// How many bytes were to be mapped.
        wanted: usize,
    },
    /// What stands in the arena makes no sense, so it was not used.
    #[error("the program's shared memory is damaged: {what}; something has written over it")]
    Damaged {
        /// What makes no sense.
        what: &'static str,
    },
    /// The memory offered is no arena of this engine.
    #[error("cannot use this arena: {reason}")]
    Foreign {
        /// What is wrong with it.
        reason: String,
    },
    /// The operating system, or what this process may ask of it, lacks something that the engine cannot do without.
    #[error("between processes manyhands needs {what}: {source}")]
    Missing {
        /// What, and since when there is one.
        what: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operating system refused.
    #[error("the operating system refused {action}: {source}")]
    System {
        /// What was asked of it.
        action: &'static str,
        /// What it said.
        source: io::Error,
    },
}

impl ArenaError {
    pub(crate) fn system(action: &'static str) -> impl FnOnce(io::Error) -> ArenaError {
        move |source| ArenaError::System { action, source }
    }

    pub(super) fn missing(missing: Missing) -> ArenaError {
        ArenaError::Missing { what: missing.what, source: missing.source }
    }
}
