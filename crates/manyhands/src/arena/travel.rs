//! References that are under way in messages.
//!
//! A message may hold handles, and its receiver must find their objects alive though the sender has dropped its own
//! references meanwhile, or was killed. So such a message goes as a block that lists the handles it carries, and the
//! block keeps them alive for as long as it is held or in flight: an object that was ever sent is marked, and a marked
//! one is unmade only when no process refers to it and no carrying block lists it. Nothing is counted, so nothing can
//! be miscounted by a kill. A queue that is sent into itself is never unmade.
//!
//! While a value is serialised, the handles in it make themselves known through [`note`]; [`collect`] gathers them.

use super::block::{Block, BlockId};
use super::error::ArenaError;
use super::object::{Handle, State, Word};
use super::owner::this_process;
use super::region::Arena;
use crate::platform::atomic::Ordering;
use std::cell::RefCell;

/// The bit of process slot 0, which is nobody's: the object was in a message once.
pub(super) const SENT: u64 = 1;

thread_local! {
    static GATHERED: RefCell<Option<Vec<Handle>>> = const { RefCell::new(None) };
}

/// Runs `serialize` and returns what it did and which handles it met.
pub fn collect<R>(serialize: impl FnOnce() -> R) -> (R, Vec<Handle>) {
    struct Restore(Option<Vec<Handle>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            GATHERED.set(self.0.take());
        }
    }
    let outer = Restore(GATHERED.replace(Some(Vec::new())));
    let result = serialize();
    let gathered = GATHERED.take().unwrap_or_default();
    drop(outer);
    (result, gathered)
}

/// Says that a handle was serialised, whose object the calling process refers to.
pub fn note(handle: Handle) {
    GATHERED.with_borrow_mut(|gathered| {
        if let Some(gathered) = gathered {
            gathered.push(handle);
        }
    });
}

impl Arena {
    /// Claims a block for `length` bytes which keeps the objects of `handles` alive until it is freed. The calling
    /// process must refer to them now.
    ///
    /// # Errors
    /// As [`Arena::claim_block`].
    pub fn claim_carrying_block(&self, length: usize, handles: &[Handle]) -> Result<Block, ArenaError> {
        let list = (handles.len() + 1) * 8;
        let mut block = self.claim_block(length + list)?;
        let room = self.block_bytes_mut(&mut block);
        let mut end = room.len();
        for number in
            std::iter::once(handles.len() as u64).chain(handles.iter().map(|handle| handle.to_raw()))
        {
            room[end - 8..end].copy_from_slice(&number.to_le_bytes());
            end -= 8;
        }
        block.shorten(length);
        self.mark_carrying(block.id());
        for handle in handles {
            self.record(handle.index()).references[0].fetch_or(SENT, Ordering::AcqRel);
        }
        Ok(block)
    }

    fn carried(&self, id: BlockId) -> impl Iterator<Item = Handle> + use<> {
        let room = self.block_bytes(id, id.capacity());
        let number = |place: usize| {
            let end = room.len() - place * 8;
            u64::from_le_bytes(room[end - 8..end].try_into().expect("eight bytes"))
        };
        let count = (number(0) as usize).min(room.len() / 8 - 1);
        (1..=count).map(move |place| Handle::from_raw(number(place)))
    }

    /// Whether a block that is held or in flight carries the object.
    pub(super) fn is_carried(&self, index: u32) -> bool {
        let mut found = false;
        self.each_carrying_block(|id| found |= self.carried(id).any(|handle| handle.index() == index));
        found
    }

    /// Before a block that no longer counts as carrying is freed: unmakes those of its objects that nobody refers to.
    pub(super) fn drop_carried(&'static self, id: BlockId) {
        for handle in self.carried(id) {
            self.unmake_if_unreferenced(handle);
        }
    }

    fn unmake_if_unreferenced(&'static self, handle: Handle) {
        // The list may be another block's by now, if somebody else freed this one, too.
        if !handle.is_possible() {
            return;
        }
        let word = Word::unpack(self.record(handle.index()).word.load(Ordering::Acquire));
        let Ok(by) = this_process() else { return };
        if word.state == State::Live
            && Handle::of(handle.index(), word) == handle
            && self.is_unreferenced(handle.index())
        {
            self.unmake(handle.index(), by);
        }
    }
}
