//! Messages one way, from one producer to one consumer, in millions a second.
//!
//! The clock runs from the first put until the consumer says that it has seen the last. Every message is copied out by
//! the consumer and its first and last byte looked at. Processes, except for crossbeam-channel, which has threads only.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::time::Instant;

use manyhands::channel::{Buffer, RawQueue};
use manyhands::sync::Blocking;

use crate::placement::Placement;

/// Messages that a bounded subject holds before its producer waits.
const CAPACITY: usize = 1024;

/// Sends `count` messages of `size` bytes.
pub fn throughput(subject: &str, size: usize, count: u64, placement: Placement) -> Option<f64> {
    let seconds = match subject {
        "manyhands" => {
            let queue = RawQueue::bounded(CAPACITY as u64).expect("a queue");
            let other_end = queue.clone();
            across_processes(
                placement,
                move || {
                    send(size, count, |message| {
                        queue.put(message, 0, None, &Blocking).expect("the queue is open");
                    });
                },
                move || {
                    let mut room = Buffer::new();
                    receive(size, count, |buffer| {
                        let message = other_end.get(&mut room, None, &Blocking);
                        buffer.copy_from_slice(&message.expect("the queue is open").content);
                    });
                },
            )
        }
        "pipe" => {
            let (mut reader, mut writer) = pipe();
            across_processes(
                placement,
                move || send(size, count, |message| writer.write_all(message).expect("the pipe is open")),
                move || receive(size, count, |buffer| reader.read_exact(buffer).expect("the pipe is open")),
            )
        }
        "ipc-channel" => {
            let (sender, receiver) = ipc_channel::ipc::bytes_channel().expect("a channel");
            across_processes(
                placement,
                move || send(size, count, |message| sender.send(message).expect("the channel is open")),
                move || {
                    receive(size, count, |buffer| {
                        buffer.copy_from_slice(&receiver.recv().expect("the channel is open"));
                    });
                },
            )
        }
        "crossbeam-channel" => {
            let (sender, receiver) = crossbeam_channel::bounded::<Vec<u8>>(CAPACITY);
            across_threads(
                placement,
                move || {
                    send(size, count, |message| sender.send(message.to_vec()).expect("the channel is open"))
                },
                move || {
                    receive(size, count, |buffer| {
                        buffer.copy_from_slice(&receiver.recv().expect("the channel is open"));
                    });
                },
            )
        }
        _ => return None,
    };
    Some(count as f64 / seconds / 1e6)
}

/// Message number `n` begins and ends with the low byte of `n`.
fn send(size: usize, count: u64, mut put: impl FnMut(&[u8])) {
    let mut message = vec![0; size];
    for number in 0..count {
        message[0] = number as u8;
        message[size - 1] = number as u8;
        put(&message);
    }
}

fn receive(size: usize, count: u64, mut get: impl FnMut(&mut [u8])) {
    let mut buffer = vec![0; size];
    for number in 0..count {
        get(&mut buffer);
        assert_eq!((buffer[0], buffer[size - 1]), (number as u8, number as u8), "message {number} is torn");
    }
}

fn across_threads(placement: Placement, produce: impl FnOnce(), consume: impl FnOnce() + Send) -> f64 {
    let (ready, is_ready) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let consumer = scope.spawn(move || {
            placement.settle(1);
            ready.send(()).expect("the producer waits");
            consume();
        });
        placement.settle(0);
        is_ready.recv().expect("the consumer starts");
        let begun = Instant::now();
        produce();
        consumer.join().expect("the consumer ends well");
        begun.elapsed().as_secs_f64()
    })
}

fn across_processes(placement: Placement, produce: impl FnOnce(), consume: impl FnOnce()) -> f64 {
    let (mut told, mut tell) = pipe();
    // SAFETY: this process has one thread, so the child may do whatever the parent may.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork: {}", std::io::Error::last_os_error());
    if child == 0 {
        placement.settle(1);
        tell.write_all(b"r").expect("the parent listens");
        consume();
        tell.write_all(b"d").expect("the parent listens");
        // SAFETY: ends the child without running the parent's exit handlers.
        unsafe { libc::_exit(0) };
    }
    drop(tell);
    placement.settle(0);
    let mut word = [0];
    told.read_exact(&mut word).expect("the consumer starts");
    let begun = Instant::now();
    produce();
    told.read_exact(&mut word).expect("the consumer ends well");
    let seconds = begun.elapsed().as_secs_f64();
    // SAFETY: waits for the child made above; no status is wanted.
    unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
    seconds
}

fn pipe() -> (File, File) {
    let mut ends = [0; 2];
    // SAFETY: the kernel fills two descriptors, which are owned from here on.
    unsafe {
        assert_eq!(libc::pipe(ends.as_mut_ptr()), 0);
        (OwnedFd::from_raw_fd(ends[0]).into(), OwnedFd::from_raw_fd(ends[1]).into())
    }
}
