//! A call's value, on its way out of the worker: the shared objects in it must outlive it.
//!
//! A function may make a queue and return it. The value is written as bytes and dropped before the answer is in the
//! call's slot, and with it the last reference to the queue. So while it is being written, what it names is noted and
//! put into the care of an empty block, which is kept until the answer's own block cares for it.

use crate::arena::{Arena, Block, Handle, collect};
use serde::ser::Error;
use serde::{Serialize, Serializer};
use std::cell::Cell;

/// A value that notes, when it is written, which shared objects it names. It is read as the value itself.
pub(crate) struct Answered<R>(pub(crate) R);

/// The objects that an answer names, alive as long as this is.
#[derive(Default)]
pub(crate) struct Carried {
    pub(crate) objects: Vec<Handle>,
    _carrier: Option<Block>,
}

thread_local! {
    static CARRIED: Cell<Carried> = Cell::default();
}

/// What the answer that this thread wrote last names.
pub(crate) fn take_carried() -> Carried {
    CARRIED.take()
}

impl<R: Serialize> Serialize for Answered<R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (written, objects) = collect(|| self.0.serialize(serializer));
        let written = written?;
        if !objects.is_empty() {
            let carrier = Arena::get().and_then(|arena| arena.claim_carrying_block(0, &objects));
            let _carrier = Some(carrier.map_err(S::Error::custom)?);
            CARRIED.set(Carried { objects, _carrier });
        }
        Ok(written)
    }
}
