//! What a child has of its parent by birth: the part that it can be given afterwards, and the part that it cannot.
//!
//! A process that is made by another must look as if its parent had forked it. The file mode mask, the working
//! directory and ignored signals can be set in it. Users, groups, capabilities, sessions, namespaces, limits and
//! scheduling cannot, so one number stands for all of them: it changes when any of them does.

use super::signal::Mask;
use rustix::fs::{Mode, OFlags};
use std::ffi::CStr;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// What a child of the calling thread would have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The file mode mask.
    pub umask: u32,
    /// The signals that are ignored.
    pub ignored: Mask,
    /// Another number when something differs that a child cannot change from inside.
    pub fixed: u64,
}

impl Standing {
    /// That of the calling thread, now.
    ///
    /// # Errors
    /// When /proc cannot be read.
    pub fn present() -> io::Result<Standing> {
        let text = status_text()?;
        let status = Status::of(&text);
        Ok(Standing { umask: status.umask, ignored: status.ignored, fixed: fixed(&status) })
    }
}

/// The calling process's working directory, to be given to another process.
pub fn working_directory() -> Option<OwnedFd> {
    rustix::fs::open(c".", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok()
}

/// Makes it the calling process's own.
///
/// # Errors
/// EACCES for a directory that may not be searched.
pub fn set_working_directory(directory: impl AsFd) -> io::Result<()> {
    Ok(rustix::process::fchdir(directory)?)
}

/// Sets the calling process's file mode mask.
pub fn set_umask(umask: u32) {
    rustix::process::umask(Mode::from_raw_mode(umask));
}

fn fixed(status: &Status<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    status.fixed.hash(&mut hasher);
    for space in NAMESPACES {
        // What the link says names the namespace; a look through it would have the kernel make a file.
        let mut name = [0_u8; 64];
        // SAFETY: reads the path, and writes at most that many bytes to the place given.
        let length = unsafe { libc::readlink(space.as_ptr(), name.as_mut_ptr().cast(), name.len()) };
        name.get(..usize::try_from(length).unwrap_or(0)).hash(&mut hasher);
    }
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    for resource in 0..16 {
        // SAFETY: the call writes one record to the place given, or nothing.
        unsafe { libc::getrlimit(resource, &raw mut limit) };
        (limit.rlim_cur, limit.rlim_max).hash(&mut hasher);
    }
    // SAFETY: reads a number of the calling process.
    unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }.hash(&mut hasher);
    // SAFETY: as above.
    unsafe { libc::sched_getscheduler(0) }.hash(&mut hasher);
    let mut priority = libc::sched_param { sched_priority: 0 };
    // SAFETY: the call writes one record to the place given, or nothing.
    unsafe { libc::sched_getparam(0, &raw mut priority) };
    priority.sched_priority.hash(&mut hasher);
    // SAFETY: reads a number of the calling thread (1: of a process or thread, 0: of this one).
    unsafe { libc::syscall(libc::SYS_ioprio_get, 1, 0) }.hash(&mut hasher);
    hasher.finish()
}

/// Those that change what a process can reach.
const NAMESPACES: [&CStr; 4] = [
    c"/proc/thread-self/ns/mnt",
    c"/proc/thread-self/ns/net",
    c"/proc/thread-self/ns/user",
    c"/proc/thread-self/ns/pid_for_children",
];

/// What /proc/thread-self/status says that matters here.
struct Status<'a> {
    umask: u32,
    ignored: Mask,
    /// The lines that a child cannot change from inside.
    fixed: [&'a [u8]; FIXED.len()],
}

const FIXED: [&[u8]; 14] = [
    b"Uid",
    b"Gid",
    b"Groups",
    b"NSpgid",
    b"NSsid",
    b"CapInh",
    b"CapPrm",
    b"CapEff",
    b"CapBnd",
    b"CapAmb",
    b"NoNewPrivs",
    b"Seccomp",
    b"Cpus_allowed",
    b"Mems_allowed",
];

impl Status<'_> {
    fn of(text: &[u8]) -> Status<'_> {
        let mut status = Status { umask: 0o022, ignored: 0, fixed: [b""; FIXED.len()] };
        let number =
            |value: &[u8], radix| u64::from_str_radix(std::str::from_utf8(value).ok()?.trim(), radix).ok();
        for line in text.split(|byte| *byte == b'\n') {
            let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
            let (name, value) = (&line[..colon], &line[colon + 1..]);
            match name {
                b"Umask" => status.umask = number(value, 8).map_or(status.umask, |umask| umask as u32),
                b"SigIgn" => status.ignored = number(value, 16).unwrap_or(0),
                name => {
                    if let Some(place) = FIXED.iter().position(|fixed| *fixed == name) {
                        status.fixed[place] = value;
                    }
                }
            }
        }
        status
    }
}

/// The whole of /proc/thread-self/status, which the kernel gives in one piece to a caller that has the room.
fn status_text() -> io::Result<Vec<u8>> {
    let file = rustix::fs::open(c"/proc/thread-self/status", OFlags::CLOEXEC, Mode::empty())?;
    let mut text = vec![0; 4096];
    let mut filled = 0;
    loop {
        match rustix::io::read(&file, &mut text[filled..]) {
            Ok(more) => filled += more,
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        // A list of groups may be long.
        if filled < text.len() {
            text.truncate(filled);
            return Ok(text);
        }
        text.resize(2 * filled, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_user_is_another_standing() {
        let text = b"Name:\tx\nUmask:\t0077\nUid:\t1\t1\t1\t1\nSigIgn:\t0000000000001000\n";
        let status = Status::of(text);
        assert_eq!((status.umask, status.ignored), (0o077, 1 << 12));
        let other = Status::of(b"Uid:\t2\t1\t1\t1\n");
        assert_ne!(fixed(&status), fixed(&other));
        assert_eq!(Standing::present().unwrap(), Standing::present().unwrap());
    }
}
