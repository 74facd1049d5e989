//! What an object is: its kind, which the layer declares that the object belongs to.
//!
//! A kind is a number, which stands in the headers of its objects, a name, which stands in messages, and a type, which
//! their bodies are of. It is a constant of [`Kind`], written in the layer that gives the body its meaning and listed
//! in that layer's [`Layer`](super::Layer). The arena names none but its own.

use super::object_word::BODY;
use super::shared::Shared;

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kind {
    number: u8,
    name: &'static str,
    body: usize,
}

impl Kind {
    /// The kind of this number, whose objects have bodies of type `T` and are called `name` in messages.
    ///
    /// # Panics
    /// When `T` is larger than [`BODY`] bytes or aligned to more than 64.
    pub(crate) const fn of<T: Shared>(number: u8, name: &'static str) -> Kind {
        assert!(size_of::<T>() <= BODY && align_of::<T>() <= 64, "a body has 192 bytes");
        Kind { number, name, body: size_of::<T>() }
    }

    /// The kind of this number of what is no object: threads wait for such things, and say so by the kind.
    pub(crate) const fn of_no_object(number: u8, name: &'static str) -> Kind {
        Kind { number, name, body: 0 }
    }

    /// The number that stands in the headers of its objects.
    pub(crate) const fn number(self) -> u8 {
        self.number
    }

    /// What it is called.
    pub(crate) const fn name(self) -> &'static str {
        self.name
    }

    /// Whether its objects' bodies are of this type, so far as the size tells.
    pub(super) fn has_body<T: Shared>(self) -> bool {
        size_of::<T>() == self.body
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name)
    }
}
