//! Tables whose entries are written once: whatever got a number keeps it, for all processes and for good.
//!
//! An entry is claimed, filled and published. A process that is killed in between leaves an entry that is never used.
//! Two that enter the same thing at the same time may give it two numbers, which does no harm: each number means that
//! thing. A full table takes nothing more.
//!
//! ```text
//! word: 0 nobody's | 1 being written | 2 ready, its content will not change
//! ```

use crate::platform::atomic::{AtomicPtr, AtomicU64, Ordering};

const FREE: u64 = 0;
const CLAIMED: u64 = 1;
const READY: u64 = 2;

/// One entry, with so many words of content.
#[repr(C, align(64))]
pub(super) struct Entry<const WORDS: usize> {
    word: AtomicU64,
    content: [AtomicU64; WORDS],
}

/// The number of a content, which gets one now if it has none; `None` when the table is full.
pub(super) fn number_of<const WORDS: usize>(table: &[Entry<WORDS>], content: &[u64; WORDS]) -> Option<u16> {
    for (number, entry) in table.iter().enumerate() {
        let mut state = entry.word.load(Ordering::Acquire);
        if state == FREE {
            match entry.word.compare_exchange(FREE, CLAIMED, Ordering::Acquire, Ordering::Acquire) {
                Ok(_) => {
                    entry.store(content);
                    return Some(number as u16);
                }
                Err(now) => state = now,
            }
        }
        if state == READY && entry.load() == *content {
            return Some(number as u16);
        }
    }
    None
}

/// The content that has a number.
pub(super) fn content_of<const WORDS: usize>(table: &[Entry<WORDS>], number: u16) -> Option<[u64; WORDS]> {
    let entry = table.get(usize::from(number))?;
    (entry.word.load(Ordering::Acquire) == READY).then(|| entry.load())
}

impl<const WORDS: usize> Entry<WORDS> {
    /// Fills an entry that the caller has claimed, and makes it known.
    fn store(&self, content: &[u64; WORDS]) {
        self.content.iter().zip(content).for_each(|(place, word)| place.store(*word, Ordering::Relaxed));
        self.word.store(READY, Ordering::Release);
    }

    fn load(&self) -> [u64; WORDS] {
        std::array::from_fn(|word| self.content[word].load(Ordering::Relaxed))
    }
}

/// What this process knows of an entry: nothing yet, or a value for good. Nobody ever waits for it, so a fork's child
/// finds it whole, whatever other threads were doing.
#[derive(Debug)]
pub(super) struct Known<T>(AtomicPtr<T>);

impl<T> Known<T> {
    #[cfg(not(manyhands_model))]
    pub(super) const fn nothing() -> Known<T> {
        Known(AtomicPtr::new(std::ptr::null_mut()))
    }

    #[inline]
    pub(super) fn get(&self) -> Option<&'static T> {
        // SAFETY: null, or a box that `set` has leaked.
        unsafe { self.0.load(Ordering::Acquire).as_ref() }
    }

    /// The value, which is this one unless another thread was sooner.
    pub(super) fn set(&self, value: T) -> &'static T {
        let mine = Box::into_raw(Box::new(value));
        let set = self.0.compare_exchange(std::ptr::null_mut(), mine, Ordering::AcqRel, Ordering::Acquire);
        match set {
            // SAFETY: leaked just now, and never freed from here on.
            Ok(_) => unsafe { &*mine },
            Err(earlier) => {
                // SAFETY: just made from a box, and given to nobody.
                drop(unsafe { Box::from_raw(mine) });
                // SAFETY: not null, so a box that was leaked here.
                unsafe { &*earlier }
            }
        }
    }
}

#[cfg(all(test, manyhands_model))]
mod model {
    //! The tables under every schedule, also beside a process that is killed at any of its stores. A number always
    //! means what was entered, and the dead keep no other from entering anything.

    use super::*;
    use crate::platform::model::{check, spawn};

    type Content = [u64; 2];

    struct Tables {
        names: Vec<Entry<2>>,
        /// Their content is numbers of names.
        shapes: Vec<Entry<2>>,
    }

    fn table(entries: usize) -> Vec<Entry<2>> {
        let entry =
            |_| Entry { word: AtomicU64::new(FREE), content: std::array::from_fn(|_| AtomicU64::new(0)) };
        (0..entries).map(entry).collect()
    }

    impl Tables {
        fn new(entries: usize) -> Tables {
            Tables { names: table(entries), shapes: table(entries) }
        }
    }

    /// Does what [`number_of`] does with a free entry, up to its store number `stores`.
    fn dies_entering(entry: &Entry<2>, content: &Content, stores: usize) {
        if entry.word.compare_exchange(FREE, CLAIMED, Ordering::Acquire, Ordering::Acquire).is_ok() {
            let places = entry.content.iter().zip(content).take(stores);
            places.for_each(|(place, word)| place.store(*word, Ordering::Relaxed));
        }
    }

    #[test]
    fn model_once_a_number_means_what_was_entered() {
        check(
            3,
            || Tables::new(3),
            |tables| {
                let enter = |content: Content| {
                    spawn(tables, move |tables| {
                        number_of(&tables.names, &content).expect("there is room for all")
                    })
                };
                let (first, second) = (enter([1, 2]), enter([3, 4]));
                let third = number_of(&tables.names, &[1, 2]).unwrap();
                for (number, content) in
                    [(first.join().unwrap(), [1, 2]), (second.join().unwrap(), [3, 4]), (third, [1, 2])]
                {
                    assert_eq!(content_of(&tables.names, number), Some(content));
                }
            },
        );
    }

    #[test]
    fn model_once_whoever_sees_a_shape_sees_its_names() {
        check(
            3,
            || Tables::new(1),
            |tables| {
                let writer = spawn(tables, |tables| {
                    let name = number_of(&tables.names, &[1, 2]).unwrap();
                    number_of(&tables.shapes, &[u64::from(name), 0])
                });
                if let Some([name, _]) = content_of(&tables.shapes, 0) {
                    assert_eq!(content_of(&tables.names, name as u16), Some([1, 2]));
                }
                assert_eq!(writer.join().unwrap(), Some(0));
            },
        );
    }

    #[test]
    fn model_once_the_dead_keep_nobody_from_entering() {
        for stores in 0..=2 {
            check(
                3,
                || Tables::new(2),
                move |tables| {
                    let mortal =
                        spawn(tables, move |tables| dies_entering(&tables.names[0], &[1, 2], stores));
                    let number = number_of(&tables.names, &[1, 2]).unwrap();
                    assert_eq!(content_of(&tables.names, number), Some([1, 2]));
                    mortal.join().unwrap();
                    assert_eq!(
                        number_of(&tables.names, &[1, 2]),
                        Some(number),
                        "it has a number and gets no other"
                    );
                    let [first, second] = [0, 1].map(|number| content_of(&tables.names, number));
                    assert!(first.is_none() || second.is_none(), "who died made something known");
                },
            );
        }
    }

    #[test]
    fn model_once_all_threads_know_the_same() {
        check(
            3,
            || Known(AtomicPtr::new(std::ptr::null_mut())),
            |known| {
                let other = spawn(known, |known| *known.set(1));
                let mine = *known.set(2);
                assert_eq!(known.get(), Some(&mine));
                assert_eq!(other.join().unwrap(), mine);
            },
        );
    }
}
