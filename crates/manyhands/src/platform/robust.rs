//! Words that the kernel changes when a thread ends, however it ends.
//!
//! A thread may leave the kernel a list of words, called robust, in which its number stands. When the thread ends, by
//! itself or by SIGKILL, the kernel puts [`ENDED`] in the place of the number and wakes one sleeper of the word, word
//! by word. This is for a thread that glibc knows nothing of: glibc keeps lists of its own for its threads. If the list
//! cannot be read any more, as after an out-of-memory kill that took its pages first, nothing happens. So a waiter for
//! the end needs another way to learn of it, if a slower one.
//!
//! ```text
//! bits 0-29  the thread's number, 0 after its end
//! bit 30     ENDED: set by the kernel
//! bit 31     somebody may sleep on the word; set from the beginning
//! ```

use super::atomic::{AtomicU32, Ordering};
use super::futex::{self, ENDED, Scope};
use super::thread::gettid;
use std::io;

const SLEEPERS: u32 = 1 << 31;

/// How many words announce one end. One sleeper is woken on each, so that not all depends on one sleeper.
pub(crate) const WORDS: usize = 16;

/// A word, as far from the next as the links are that lead to them.
#[repr(C)]
pub(crate) struct Word {
    pub(crate) word: AtomicU32,
    unused: AtomicU32,
}

/// What the kernel reads: the last entry of the list leads back to its head.
#[derive(Clone, Copy)]
#[repr(C)]
struct Link(*const Link);

const _: () = assert!(size_of::<Word>() == size_of::<Link>());

/// The list that the kernel looks at when the thread ends. The drop does what the kernel would, since a will that is
/// gone cannot be read.
#[repr(C)]
pub(crate) struct Will {
    list: Link,
    /// From an entry to its word, in bytes.
    distance: libc::c_long,
    pending: *const Link,
    entries: [Link; WORDS],
    words: Option<&'static [Word; WORDS]>,
    alive: u32,
}

/// What the kernel calls the head of the list: all before the entries.
const HEAD: usize = std::mem::offset_of!(Will, entries);

impl Will {
    pub(crate) const fn new() -> Will {
        let nothing = Link(std::ptr::null());
        let entries = [nothing; WORDS];
        Will { list: nothing, distance: 0, pending: std::ptr::null(), entries, words: None, alive: 0 }
    }

    /// Puts the calling thread's number into `words`, until it ends.
    ///
    /// # Errors
    /// ENOSYS where the kernel knows no such lists; the words are unchanged then.
    ///
    /// # Safety
    /// The will stays where it is until the thread ends or drops it, and the thread has no such list yet.
    pub(crate) unsafe fn leave(&mut self, words: &'static [Word; WORDS]) -> io::Result<()> {
        for entry in 0..WORDS {
            let next = self.entries.get(entry + 1).unwrap_or(&self.list);
            self.entries[entry].0 = std::ptr::from_ref(next);
        }
        let first = self.entries.as_ptr();
        self.list.0 = first;
        self.distance = (words.as_ptr() as isize).wrapping_sub(first as isize) as libc::c_long;
        // SAFETY: gives the kernel a place to read from when this thread ends; the caller vouches that it stays.
        if unsafe { libc::syscall(libc::SYS_set_robust_list, std::ptr::from_ref(self), HEAD) } != 0 {
            return Err(io::Error::last_os_error());
        }
        self.alive = gettid() | SLEEPERS;
        self.words = Some(words);
        words.iter().for_each(|word| word.word.store(self.alive, Ordering::Release));
        Ok(())
    }

    /// Takes the thread's number out of the words, where it is still: its end is not to be announced.
    pub(crate) fn withdraw(&mut self) {
        self.replace_by(0);
    }

    fn replace_by(&mut self, last: u32) {
        for Word { word, .. } in self.words.take().into_iter().flatten() {
            if word.compare_exchange(self.alive, last, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                futex::wake(word, u32::MAX, Scope::Shared);
            }
        }
    }
}

impl Drop for Will {
    fn drop(&mut self) {
        if !self.list.0.is_null() {
            self.replace_by(ENDED | SLEEPERS);
            // SAFETY: tells the kernel that there is nothing to read.
            unsafe { libc::syscall(libc::SYS_set_robust_list, std::ptr::null::<Will>(), HEAD) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::fork::{Side, fork_plain};
    use crate::platform::futex::Wake;
    use crate::platform::memory;

    #[test]
    fn the_words_tell_of_a_kill_and_one_wakes_who_sleeps_on_each() {
        let page = memory::memory_file("robust", 4096).unwrap();
        let descriptor = std::os::fd::AsRawFd::as_raw_fd(&page);
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a fresh map, of memory that nobody uses yet.
        let map = unsafe { libc::mmap(std::ptr::null_mut(), 4096, access, libc::MAP_SHARED, descriptor, 0) };
        assert_ne!(map, libc::MAP_FAILED);
        // SAFETY: zeroed shared memory, page-aligned and long enough, never unmapped.
        let words = unsafe { &*map.cast::<[Word; WORDS]>() };
        // SAFETY: the child makes system calls and uses its stack and the shared word.
        match unsafe { fork_plain() }.unwrap() {
            Side::Child => {
                let mut will = Will::new();
                // SAFETY: the child has no list of glibc's to lose that anybody would read, and stays in this block
                // until it ends.
                unsafe {
                    let _ = will.leave(words);
                    loop {
                        libc::pause();
                    }
                }
            }
            Side::Parent(child) => {
                let alive = child | SLEEPERS;
                let says = |what| words.iter().all(|word| word.word.load(Ordering::Acquire) == what);
                while !says(alive) {
                    std::thread::yield_now();
                }
                std::thread::scope(|scope| {
                    let sleep = |word: &'static AtomicU32| {
                        move || {
                            while word.load(Ordering::Acquire) == alive {
                                assert_ne!(futex::wait(word, alive, None, Scope::Shared), Wake::TimedOut);
                            }
                        }
                    };
                    let sleepers: Vec<_> = words.iter().map(|word| scope.spawn(sleep(&word.word))).collect();
                    // SAFETY: ends the child just made, which is not reaped yet.
                    unsafe { libc::kill(child as i32, libc::SIGKILL) };
                    sleepers.into_iter().for_each(|sleeper| sleeper.join().unwrap());
                });
                assert!(says(ENDED | SLEEPERS));
                // SAFETY: waits for the child just made, which nobody else knows.
                unsafe { libc::waitpid(child as i32, std::ptr::null_mut(), 0) };
            }
        }
    }
}
