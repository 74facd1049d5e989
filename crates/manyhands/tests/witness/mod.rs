//! How tests hear of processes: a file of their own, conditions that are waited for, programs run again as children.
//!
//! Nothing waits for a time to pass; a condition that does not come within half a minute fails the test and names
//! itself.

#![allow(dead_code, reason = "each test program uses its part")]

use crate::until::until;
use manyhands::arena::{Arena, Role};
use manyhands::platform::pidfd::PidFd;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// A file into which a process writes a line of what it sees.
pub struct Witness(PathBuf);

impl Witness {
    pub fn new() -> Witness {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("manyhands-witness-{}-{number}", std::process::id()));
        std::fs::write(&path, "").unwrap();
        Witness(path)
    }

    pub fn path(&self) -> String {
        self.0.to_str().unwrap().to_owned()
    }

    /// What was written, once something was.
    pub fn read(&self) -> String {
        let mut text = String::new();
        until("the process writes", || {
            text = std::fs::read_to_string(&self.0).unwrap();
            !text.is_empty()
        });
        text
    }

    pub fn is_empty(&self) -> bool {
        std::fs::read(&self.0).unwrap().is_empty()
    }

    /// Forgets what was written.
    pub fn clear(&self) {
        std::fs::write(&self.0, "").unwrap();
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Writes all at once, so that a reader sees nothing or everything.
pub fn write(path: &str, text: &str) {
    std::fs::OpenOptions::new()
        .append(true)
        .open(path)
        .and_then(|mut file| {
            use std::io::Write;
            file.write_all(text.as_bytes())
        })
        .unwrap();
}

/// Writes the process's number and its parent's.
pub fn tell_parent(path: String) {
    write(&path, &format!("{} {}", std::process::id(), std::os::unix::process::parent_id()));
}

pub fn sleep_for_ever() -> ! {
    loop {
        std::thread::park();
    }
}

pub fn is_readable(descriptor: BorrowedFd<'_>) -> bool {
    let mut polled = libc::pollfd { fd: descriptor.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one entry on this stack.
    unsafe { libc::poll(&raw mut polled, 1, 0) == 1 }
}

/// Whether a process of that number runs, and is no zombie.
pub fn runs(pid: u32) -> bool {
    let Ok(text) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    text.rsplit_once(')').is_some_and(|(_, rest)| !rest.starts_with(" Z") && !rest.starts_with(" X"))
}

/// Sends a signal to a process that runs.
pub fn signal(pid: u32, signal: i32) {
    PidFd::open(pid).unwrap().signal(signal).unwrap();
}

/// The number of a process of this arena with that role.
pub fn with_role(role: Role) -> Option<u32> {
    let arena = Arena::get().unwrap();
    arena.processes().find(|(_, slot)| slot.role() == role && runs(slot.pid())).map(|(_, slot)| slot.pid())
}

/// The number of this process's own zygote or template.
pub fn my_helper(role: Role) -> Option<u32> {
    let me = manyhands::arena::this_process().unwrap();
    let mut slots = Arena::get().unwrap().processes();
    let mine = slots.find(|(_, slot)| slot.role() == role && slot.parent() == Some(me) && runs(slot.pid()));
    mine.map(|(_, slot)| slot.pid())
}

/// The numbers of all processes of this arena.
pub fn all_in_arena() -> String {
    let slots = Arena::get().unwrap().processes();
    slots.map(|(_, slot)| slot.pid().to_string()).collect::<Vec<_>>().join(" ")
}

/// A signal handler that does nothing.
pub extern "C" fn handler(_: libc::c_int) {}
