//! What an object is: its kind, which the layer declares that the object belongs to.
//!
//! A kind is a number, which stands in the headers of its objects, a name, which stands in messages, and a type, which
//! their bodies are of. It is a constant of [`Kind`], written in the layer that gives the body its meaning and listed
//! in that layer's [`Layer`](super::Layer). The arena names none but its own. That no two have the same number is asked
//! when the engine is compiled.

use super::object::BODY;
use super::region::Arena;
use super::shared::Shared;
use super::sweep::{Layer, Registered};

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

    /// The number that stands in the headers of its objects.
    pub(crate) fn number(self) -> u8 {
        self.number
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

/// The kind of this number, and the layer whose it is.
pub(super) fn numbered(number: u8) -> Option<(Kind, &'static Layer)> {
    Arena::LAYERS.iter().find_map(|layer| {
        let kind = layer.kinds.iter().find(|kind| kind.number == number)?;
        Some((*kind, layer))
    })
}

const _: () = assert!(are_told_apart(Arena::LAYERS), "two kinds of objects have one number, or one has 0");

/// Whether each kind has a number of its own, which is not 0, as that of a free record is.
const fn are_told_apart(layers: &[Layer]) -> bool {
    let mut taken = [false; 256];
    taken[0] = true;
    let mut layer = 0;
    while layer < layers.len() {
        let kinds = layers[layer].kinds;
        let mut kind = 0;
        while kind < kinds.len() {
            let number = kinds[kind].number as usize;
            if taken[number] {
                return false;
            }
            taken[number] = true;
            kind += 1;
        }
        layer += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn layer(kinds: &'static [Kind]) -> Layer {
        Layer { kinds, sweep: Arena::LAYERS[0].sweep }
    }

    #[test]
    fn a_number_that_is_used_twice_is_found() {
        const ONE: Kind = Kind::of::<[u8; 8]>(1, "one");
        const OTHER: Kind = Kind::of::<[u8; 8]>(1, "other");
        const NONE: Kind = Kind::of::<[u8; 8]>(0, "none");
        assert!(are_told_apart(&[layer(&[ONE]), layer(&[])]));
        assert!(!are_told_apart(&[layer(&[ONE, OTHER])]));
        assert!(!are_told_apart(&[layer(&[ONE]), layer(&[OTHER])]));
        assert!(!are_told_apart(&[layer(&[NONE])]));
    }

    #[test]
    fn every_kind_is_found_by_its_number() {
        for kind in Arena::LAYERS.iter().flat_map(|layer| layer.kinds) {
            assert_eq!(numbered(kind.number()).map(|(found, _)| found), Some(*kind));
        }
        assert!(numbered(0).is_none());
    }
}
