//! What names an object to others: its number and its generation.
//!
//! A handle is checked at each use, so a stale one is a clean error. It keeps nothing alive: a reference does, an
//! [`Object`](super::Object).

use super::object_word::OBJECTS;

/// The form in which a reference to an object travels: it names the object and keeps nothing alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Handle {
    index: u32,
    generation: u32,
}

impl Handle {
    /// The number of the object, unique among those that live at one time.
    pub fn index(self) -> u32 {
        self.index
    }

    /// Both parts in one number.
    pub fn to_raw(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    pub(super) fn new(index: u32, generation: u32) -> Handle {
        Handle { index, generation }
    }

    pub(super) fn generation(self) -> u32 {
        self.generation
    }

    pub(super) fn is_possible(self) -> bool {
        self.index != 0 && (self.index as usize) < OBJECTS
    }

    /// The handle that [`Handle::to_raw`] made a number of.
    pub fn from_raw(raw: u64) -> Handle {
        Handle { index: raw as u32, generation: (raw >> 32) as u32 }
    }
}
