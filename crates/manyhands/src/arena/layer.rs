//! What each layer declares to the arena: its kinds of objects, and what becomes of them when their owners end.
//!
//! Only the crate's root sees all layers; it lists them once, as [`Registered`]. That no two kinds have the same number
//! is asked when the engine is compiled.

use super::error::ArenaError;
use super::handle::Handle;
use super::kind::Kind;
use super::owner::{ProcessId, ThreadId};
use super::region::Arena;

/// What a layer contributes to the undoing of deaths and of objects.
///
/// Implementations allocate nothing and take no private locks: they also run in the reaper. They may find that this
/// process has no address space left to see some of it: then another process has to do it.
pub trait Sweep: Sync {
    /// Undoes what the dead process held of this layer's kinds, each step one compare-and-swap away from its number.
    ///
    /// # Errors
    /// When not all of it could be seen from here.
    fn sweep(&self, arena: &'static Arena, dead: &Dead) -> Result<(), ArenaError>;

    /// Gives back what an object holds outside its body (blocks, counts), when its last reference is gone. May be run
    /// again after its runner died halfway. Asked for the layer's own kinds only.
    ///
    /// # Errors
    /// When it could not be seen from here; it is done when this process has ended.
    fn release(&self, arena: &'static Arena, kind: Kind, object: Handle) -> Result<(), ArenaError> {
        let _ = (arena, kind, object);
        Ok(())
    }
}

/// A layer's objects: which kinds there are, and what becomes of them when their owners end.
pub struct Layer {
    /// The kinds that the layer declares.
    pub kinds: &'static [Kind],
    /// Its part in sweeps.
    pub sweep: &'static dyn Sweep,
}

/// What later layers do when a process has ended. Only the crate's root sees them all: it implements this for
/// [`Arena`], once, or nothing compiles. Nothing is registered while the program runs, so every process of it has the
/// same table, also one that has run nothing yet.
pub(crate) trait Registered {
    /// Every layer that has objects, in the order in which a sweep goes through them.
    const LAYERS: &'static [Layer];

    /// Makes another reaper in the place of one that has ended. Where none can be made now, the next tick tries again.
    const REPLACE_REAPER: fn(&'static Arena);
}

/// A process whose end was noticed.
#[derive(Clone, Copy, Debug)]
pub struct Dead {
    /// Which one.
    pub process: ProcessId,
    /// Its pid, which may be another's by now.
    pub pid: u32,
    /// Whether it had said that it ends in good order, so that locks it holds stay held on purpose.
    pub clean: bool,
    pub(super) arena: &'static Arena,
}

impl Dead {
    /// Whether the thread was one of the dead process.
    pub fn owns(&self, thread: ThreadId) -> bool {
        self.arena.process_of(thread) == Some(self.process)
    }
}

/// The kind of this number, and the layer whose it is.
pub(crate) fn numbered(number: u8) -> Option<(Kind, &'static Layer)> {
    Arena::LAYERS.iter().find_map(|layer| {
        let kind = layer.kinds.iter().find(|kind| kind.number() == number)?;
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
            let number = kinds[kind].number() as usize;
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
