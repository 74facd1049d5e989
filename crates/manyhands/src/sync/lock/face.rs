//! The part of a private lock that other threads read.
//!
//! It is the question of a thread that waits for the lock: which thread holds it, whether only that one can release it,
//! where it was taken and where it was made. The wait graph asks it, and knows nothing else of locks.

use super::word::{LockWord, Seen};
use crate::platform::atomic::{AtomicUsize, Ordering};
use crate::sync::wait_graph::{Answer, Held, Question, Wanted};
use cfg_if::cfg_if;

/// A private lock without its count of waiters.
#[derive(Debug, Default)]
pub(in crate::sync) struct LockFace {
    /// The holder.
    pub(in crate::sync) word: LockWord,
    /// Where its holder took it, as a raw `Site`.
    pub(in crate::sync) taken_at: AtomicUsize,
    /// Where it was made, as the holder of the face keeps it.
    #[cfg(not(manyhands_model))]
    pub(in crate::sync) made_at: crate::sync::wait::site::Site,
    /// Whether its holder may take it again, and no other thread can ever release it.
    pub(in crate::sync) only_by_holder: bool,
    #[cfg(all(test, manyhands_model))]
    alive: model::Alive,
}

impl Question for LockFace {
    const WANTED: Wanted = Wanted::Lock;

    fn answer(&self) -> Answer {
        #[cfg(all(test, manyhands_model))]
        self.alive.look();
        let Seen { owner, guarded, .. } = self.word.seen();
        let (certain, taken_at) = (guarded || self.only_by_holder, self.taken_at.load(Ordering::Relaxed));
        Answer::Lock(Held {
            owner,
            certain,
            is_by_rust: certain && is_by_rust(taken_at),
            is_re_entrant: self.only_by_holder,
            taken_at,
            made_at: self.made_at_raw(),
        })
    }
}

cfg_if! {
    if #[cfg(manyhands_model)] {
        impl LockFace {
            fn made_at_raw(&self) -> usize {
                0
            }
        }

        /// The model has no places.
        fn is_by_rust(_: usize) -> bool {
            true
        }
    } else {
        use crate::sync::wait::site::Site;

        impl LockFace {
            fn made_at_raw(&self) -> usize {
                self.made_at.to_raw()
            }
        }

        /// Whether this is a place in a Rust program.
        fn is_by_rust(taken_at: usize) -> bool {
            matches!(Site::from_raw(taken_at), Site::Rust(_))
        }
    }
}

#[cfg(all(test, manyhands_model))]
mod model;
