//! Which processes there are, and who is whose child.
//!
//! Reads /proc, without allocating and without a lock, like `platform::maps`. A process that exists from before the
//! count to its end is counted; one that comes or goes meanwhile may be or not.

use super::stat;
use rustix::fs::{CWD, Mode, OFlags, RawDir, openat};
use std::ffi::CStr;
use std::io::{self, Write};
use std::mem::MaybeUninit;

/// Calls `look` with the number of each process, until it answers `false`.
///
/// # Errors
/// What the kernel says, when /proc cannot be read to its end.
pub fn for_each(look: impl FnMut(u32) -> bool) -> io::Result<()> {
    for_each_in(c"/proc", look)
}

/// As [`for_each`], with each entry of a folder of /proc whose name is a number.
///
/// # Errors
/// As there.
pub fn for_each_in(folder: &CStr, mut look: impl FnMut(u32) -> bool) -> io::Result<()> {
    let proc = openat(CWD, folder, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let mut buffer = [MaybeUninit::<u8>::uninit(); 4096];
    let mut entries = RawDir::new(proc, &mut buffer);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let number = entry.file_name().to_str().ok().and_then(|name| name.parse().ok());
        if number.is_some_and(|number| !look(number)) {
            break;
        }
    }
    Ok(())
}

/// What is known of a process from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The number of its parent.
    pub parent: u32,
    /// When it began, in nanoseconds of the boot clock, with the kernel's resolution (10 ms).
    pub started: u64,
    /// Whether its first thread has ended.
    pub has_ended: bool,
    /// Whether it belongs to the user of the calling process.
    pub is_mine: bool,
}

/// Looks at one process; `None` when there is none of that number.
pub fn look_at(pid: u32) -> Option<Seen> {
    let (parent, has_ended) = stat::parent_and_end(pid)?;
    let mut path = [0; 24];
    write!(&mut path[..23], "/proc/{pid}").ok()?;
    let path = CStr::from_bytes_until_nul(&path).ok()?;
    let owner = rustix::fs::stat(path).ok()?.st_uid;
    let started = stat::start_time(pid)?;
    Some(Seen { parent, started, has_ended, is_mine: owner == rustix::process::geteuid().as_raw() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_this_process_and_its_child() {
        let mut child = std::process::Command::new("sleep").arg("1000000").spawn().unwrap();
        let mut found = Vec::new();
        for_each(|pid| {
            found.push(pid);
            true
        })
        .unwrap();
        assert!(found.contains(&std::process::id()) && found.contains(&child.id()));
        let seen = look_at(child.id()).unwrap();
        assert_eq!((seen.parent, seen.has_ended, seen.is_mine), (std::process::id(), false, true));
        assert!(seen.started >= look_at(std::process::id()).unwrap().started);
        child.kill().unwrap();
        let pidfd = crate::platform::pidfd::PidFd::open(child.id()).unwrap();
        pidfd.wait_dead(None).unwrap();
        assert!(look_at(child.id()).unwrap().has_ended);
        child.wait().unwrap();
        assert_eq!(look_at(u32::MAX / 2), None);
    }
}
