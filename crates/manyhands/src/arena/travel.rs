//! References that are under way in messages.
//!
//! A message may hold handles, and its receiver must find their objects alive though the sender has dropped its own
//! references meanwhile, or was killed. So such a message goes as a block that lists the handles it carries. The block
//! keeps them alive for as long as it is held or in flight. An object that was ever sent is marked; a marked one is
//! unmade only when no process refers to it and no carrying block lists it. Nothing is counted, so nothing can be
//! miscounted by a kill. A queue that is sent into itself is never unmade.
//!
//! While a value is serialised, the handles in it make themselves known through [`note`]; [`collect`] gathers them.

use super::block::Block;
use super::block_entry::BlockId;
use super::current::this_process;
use super::error::ArenaError;
use super::handle::Handle;
use super::object_word::{ObjectState, Word};
use super::place::Pinned;
use super::region::Arena;
use super::window::CHUNK;
use crate::platform::atomic::Ordering;
use std::cell::{Cell, RefCell};

/// The bit of process slot 0, which is nobody's: the object was in a message once.
pub(super) const SENT: u64 = 1;

/// Most lists are shorter.
const PAGE: usize = 4096;

thread_local! {
    /// How many [`collect`]s this thread is in. Apart from the list, since most values name no object and this is
    /// cheap.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    /// Whether the list has anything in it.
    static IS_NOTED: Cell<bool> = const { Cell::new(false) };
    /// What was met, and how deep.
    static NOTED: RefCell<Vec<(u32, Handle)>> = const { RefCell::new(Vec::new()) };
}

/// Runs `serialize` and returns what it did and which handles it met.
#[inline]
pub fn collect<R>(serialize: impl FnOnce() -> R) -> (R, Vec<Handle>) {
    struct Leave(u32);
    impl Drop for Leave {
        #[inline]
        fn drop(&mut self) {
            DEPTH.set(self.0 - 1);
            // After a panic nobody else takes them.
            take_noted(self.0);
        }
    }
    let depth = DEPTH.get() + 1;
    DEPTH.set(depth);
    let leave = Leave(depth);
    let result = serialize();
    let gathered = take_noted(depth);
    drop(leave);
    (result, gathered)
}

#[inline]
fn take_noted(depth: u32) -> Vec<Handle> {
    if !IS_NOTED.get() {
        return Vec::new();
    }
    NOTED.with_borrow_mut(|noted| {
        let start = noted.iter().position(|(deep, _)| *deep >= depth).unwrap_or(noted.len());
        let taken = noted.drain(start..).map(|(_, handle)| handle).collect();
        IS_NOTED.set(!noted.is_empty());
        taken
    })
}

/// Says that a handle was serialised, whose object the calling process refers to.
pub fn note(handle: Handle) {
    let depth = DEPTH.get();
    if depth > 0 {
        NOTED.with_borrow_mut(|noted| noted.push((depth, handle)));
        IS_NOTED.set(true);
    }
}

/// How many bytes at the end of a block list so many objects.
fn list_bytes(objects: usize) -> usize {
    (objects + 1) * 8
}

/// The end of a carrying block: how many objects it keeps alive, and before that which. So much of it is mapped as the
/// list needs.
pub(super) struct Carried(Pinned);

impl Carried {
    /// The number that stands at this place, counted from the end.
    fn number(&self, place: usize) -> u64 {
        let end = self.0.len() - place * 8;
        u64::from_le_bytes(self.0[end - 8..end].try_into().expect("eight bytes"))
    }

    fn count(&self) -> usize {
        self.number(0) as usize
    }

    fn handles(&self) -> impl Iterator<Item = Handle> {
        let count = self.count().min(self.0.len() / 8 - 1);
        (1..=count).map(|place| Handle::from_raw(self.number(place)))
    }
}

impl Arena {
    /// Claims a block for `length` bytes which keeps the objects of `handles` alive until it is freed. The calling
    /// process must refer to them now.
    ///
    /// # Errors
    /// As [`Arena::claim_block`].
    pub fn claim_carrying_block(
        &'static self,
        length: usize,
        handles: &[Handle],
    ) -> Result<Block, ArenaError> {
        let list = list_bytes(handles.len());
        if list > CHUNK as usize {
            let limit = CHUNK as usize / 8 - 1;
            return Err(ArenaError::OutOfSlots { what: "shared object in one message", limit });
        }
        handles
            .iter()
            .filter(|handle| handle.is_possible())
            .try_for_each(|handle| self.try_record(handle.index()).map(drop))?;
        let mut block = self.claim_block(length + list)?;
        let tail = self.block_tail(block.id(), self.block_place(block.id())?, list)?;
        let numbers = std::iter::once(handles.len() as u64).chain(handles.iter().map(|it| it.to_raw()));
        for (place, number) in numbers.enumerate() {
            let start = tail.len() - (place + 1) * 8;
            // SAFETY: inside the tail, which is part of the block that this process has just claimed for itself.
            unsafe { tail.address.add(start).cast::<[u8; 8]>().write(number.to_le_bytes()) };
        }
        block.shorten(length);
        self.mark_carrying(block.id())?;
        for handle in handles.iter().filter(|handle| handle.is_possible()) {
            self.record(handle.index()).references[0].fetch_or(SENT, Ordering::AcqRel);
        }
        Ok(block)
    }

    /// The objects that a carrying block at this place lists.
    pub(super) fn carried(&'static self, id: BlockId, place: u64) -> Result<Carried, ArenaError> {
        let page = Carried(self.block_tail(id, place, PAGE)?);
        let list = list_bytes(page.count().min(id.capacity() / 8));
        if list <= PAGE { Ok(page) } else { self.block_tail(id, place, list).map(Carried) }
    }

    /// Whether a block that is held or in flight carries the object.
    ///
    /// # Errors
    /// When none was seen that does, and not all could be seen from here.
    pub(super) fn is_carried(&'static self, index: u32) -> Result<bool, ArenaError> {
        let (mut found, mut unseen) = (false, Ok(()));
        let all = self.each_carrying_block(|id, place| match self.carried(id, place) {
            Ok(carried) => found |= carried.handles().any(|handle| handle.index() == index),
            // If it was let go meanwhile, the place may hold anything, even a list that is too long.
            Err(error) if self.is_carrying(id) => unseen = Err(error),
            Err(_) => {}
        });
        if found { Ok(true) } else { all.and(unseen).map(|()| false) }
    }

    /// Before a block that no longer counts as carrying is freed: unmakes those of its objects that nobody refers to.
    ///
    /// # Errors
    /// When that cannot be seen from here of all of them. It may be done again.
    pub(super) fn drop_carried(&'static self, carried: &Carried) -> Result<(), ArenaError> {
        carried.handles().map(|handle| self.unmake_if_unreferenced(handle)).fold(Ok(()), Result::and)
    }

    fn unmake_if_unreferenced(&'static self, handle: Handle) -> Result<(), ArenaError> {
        // The list may be another block's by now, if another process freed this one, too.
        if !handle.is_possible() {
            return Ok(());
        }
        let word = Word::unpack(self.word_of(handle.index()).load(Ordering::Acquire));
        if word.state == ObjectState::Live && Handle::new(handle.index(), word.generation) == handle {
            self.try_record(handle.index())?;
            if self.is_unreferenced(handle.index())? {
                self.unmake(handle.index(), this_process()?)?;
            }
        }
        Ok(())
    }
}

/// Makes a reference a serde type: its handle travels.
macro_rules! travels {
    ($name:ident $(<$value:ident: $bound:path>)?) => {
        impl $(<$value: $bound>)? serde::Serialize for $name $(<$value>)? {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let handle = self.handle();
                // A message that carries the handle keeps the object alive while it is under way.
                crate::arena::note(handle);
                handle.serialize(serializer)
            }
        }

        impl<'de $(, $value: $bound)?> serde::Deserialize<'de> for $name $(<$value>)? {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let handle = crate::arena::Handle::deserialize(deserializer)?;
                Self::attach(handle).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use travels;
