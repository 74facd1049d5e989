//! What a thread waits for: an object of the arena, or something in the memory of its process.
//!
//! A subject is a name, not a way to the thing: it says of which kind that is, and which one. It fits a word, which
//! stands in the thread's slot of the arena while the thread waits. A number that comes from its address distinguishes
//! what is in private memory from others of its kind. Other processes can do no more with that number than compare it.

use cfg_if::cfg_if;

cfg_if! {
    if #[cfg(manyhands_model)] {
        /// In the model nobody asks what a thread waits for.
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct Subject;

        impl Subject {
            pub(crate) fn private<T: ?Sized>(_kind: crate::arena::Kind, _thing: &T) -> Subject {
                Subject
            }
        }
    } else {
        use crate::arena::{Handle, Kind, numbered};

        /// What a thread waits for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Subject {
            kind: Kind,
            which: u32,
            is_private: bool,
        }

        /// The bit of a subject's word that says that the subject stands in private memory.
        const PRIVATE: u64 = 1 << 63;

        impl Subject {
            /// An object of the arena, or something of this kind that belongs to it.
            #[inline]
            pub(crate) fn shared(kind: Kind, object: Handle) -> Subject {
                Subject { kind, which: object.index(), is_private: false }
            }

            /// Something in the memory of this process.
            #[inline]
            pub(crate) fn private<T: ?Sized>(kind: Kind, thing: &T) -> Subject {
                // What is waited for holds words, so the lowest bits of its address are the same for all.
                let which = (std::ptr::from_ref(thing).addr() >> 2) as u32;
                Subject { kind, which, is_private: true }
            }

            /// Something that is known by a number of another kind: a thread's, a process's.
            #[inline]
            pub(crate) fn numbered(kind: Kind, number: u32) -> Subject {
                Subject { kind, which: number, is_private: true }
            }

            /// Whether only threads of this process can wait for it.
            #[inline]
            pub(crate) fn is_private(self) -> bool {
                self.is_private
            }

            /// The word that stands for it in a thread's slot; never 0.
            #[inline]
            pub(in crate::sync) fn to_word(self) -> u64 {
                let private = if self.is_private { PRIVATE } else { 0 };
                private | u64::from(self.kind.number()) << 32 | u64::from(self.which)
            }

            /// What a subject's word says: its kind, and the object of the arena, if it is one.
            pub(in crate::sync) fn in_words(word: u64) -> Option<(&'static str, Option<u32>)> {
                let (kind, _) = numbered((word >> 32) as u8)?;
                Some((kind.name(), (word & PRIVATE == 0).then_some(word as u32)))
            }
        }
    }
}
