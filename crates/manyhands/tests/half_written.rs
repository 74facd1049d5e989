//! A producer that is killed in the midst of a message hides none of those that others have put, not even for the
//! moment until somebody sweeps.

mod forked;

use forked::{child, end_of, turn};
use manyhands::channel::{Buffer, RawQueue};
use manyhands::platform::Deadline;
use manyhands::platform::pidfd::ExitStatus;
use manyhands::sync::Blocking;
use std::time::Duration;

/// As many bytes as stand in the ring itself, none of which can be read: whoever puts them is killed in the midst of
/// that.
fn unreadable() -> &'static [u8] {
    const LENGTH: usize = 64;
    // SAFETY: a new map, of which nobody else knows.
    let map = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            LENGTH,
            libc::PROT_NONE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    assert_ne!(map, libc::MAP_FAILED);
    // SAFETY: the map stays; a read of it ends the process, which is what the test wants.
    unsafe { std::slice::from_raw_parts(map.cast(), LENGTH) }
}

/// A queue in which a killed producer has left a message half-written, and another one then put a whole one. Nobody has
/// swept: the forks have no reaper.
fn scene(queue: &RawQueue) {
    let unreadable = unreadable();
    let killed = child(|| {
        // SAFETY: no core of a process that is meant to be killed.
        unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0) };
        queue.put(unreadable, 0, None, &Blocking).is_ok()
    });
    assert_eq!(end_of(killed), ExitStatus::Signaled(libc::SIGSEGV));
    let other = child(|| queue.put(b"whole", 7, None, &Blocking).is_ok());
    assert_eq!(end_of(other), ExitStatus::Exited(0));
    assert_eq!(queue.len(), 2, "a sweep was faster");
}

fn queues() -> [RawQueue; 2] {
    [RawQueue::bounded(4).unwrap(), RawQueue::growing().unwrap()]
}

fn is_whole(message: manyhands::channel::Message<'_>) -> bool {
    message.tag == 7 && *message.content == *b"whole"
}

#[test]
fn a_take_that_does_not_wait_finds_what_is_behind() {
    let _turn = turn();
    for queue in queues() {
        scene(&queue);
        assert!(is_whole(queue.try_get(&mut Buffer::new()).unwrap()));
        assert!(queue.is_empty() && queue.try_get(&mut Buffer::new()).is_err());
    }
}

#[test]
fn a_take_whose_time_is_over_finds_what_is_behind() {
    let _turn = turn();
    for queue in queues() {
        scene(&queue);
        let soon = Deadline::after(Duration::from_millis(1));
        assert!(is_whole(queue.get(&mut Buffer::new(), soon, &Blocking).unwrap()));
        assert!(queue.is_empty());
    }
}
