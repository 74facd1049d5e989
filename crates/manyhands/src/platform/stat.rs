//! What the kernel says of a process that is not ours to reap: when it started, how it ended.
//!
//! Reads `/proc/PID/stat` and asks pidfds, without allocating and without a lock, so that it works in a process cloned
//! out of one with threads. Whether a process has ended is not decided here: ask its pidfd. `wait` reports how it ended
//! only to its parent. Others find it in the dead process's stat line until it is reaped, and from Linux 6.15 on in a
//! pidfd afterwards.

use super::pidfd::ExitStatus;
use std::ffi::CStr;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd};

/// When process `pid` started, in clock ticks since the machine was; `None` when there is no such process.
pub fn start_ticks(pid: u32) -> Option<u64> {
    with_fields(pid, |fields| field(fields, START_TIME))
}

/// What the kernel says that thread `tid` of this process is doing, by its letter (R runs or could, S and D sleep);
/// `None` when there is no such thread.
pub fn state_of_thread(tid: u32) -> Option<u8> {
    let stat = std::fs::read(format!("/proc/self/task/{tid}/stat")).ok()?;
    let name_end = stat.iter().rposition(|byte| *byte == b')')?;
    stat.get(name_end + 2).copied()
}

/// How a process that has ended did so. `None` when that is known no more (reaped, on a kernel before 6.15) or when the
/// caller may not know (a process of another user).
///
/// `pidfd` must be the process's own and have polled readable.
pub fn how_it_ended(pid: u32, pidfd: impl AsFd) -> Option<ExitStatus> {
    let pidfd = pidfd.as_fd();
    // Reaped between two of these looks: then the pidfd knows by now.
    let status =
        info_of_reaped(&pidfd).or_else(|| status_of_zombie(pid)).or_else(|| info_of_reaped(&pidfd))?;
    Some(decode(status))
}

/// Takes apart a status as `wait` gives it.
pub fn decode(status: i32) -> ExitStatus {
    match status & 0x7f {
        0 => ExitStatus::Exited(status >> 8 & 0xff),
        signal => ExitStatus::Signaled(signal),
    }
}

/// The number of a process's parent, and whether its first thread has ended; `None` when there is no such process.
pub fn parent_and_end(pid: u32) -> Option<(u32, bool)> {
    with_fields(pid, |fields| {
        let state = fields.split(|byte| *byte == b' ').nth(STATE)?;
        Some((field(fields, PARENT)?.try_into().ok()?, state == b"Z" || state == b"X"))
    })
}

/// The children of the calling process that have ended, were not reaped, and are called so in the kernel's lists.
pub fn ended_children(name: &CStr) -> Vec<u32> {
    let me = super::process::getpid();
    let listed = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = listed.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter(|pid| parent_and_end(*pid) == Some((me, true)) && is_called(*pid, name)).collect()
}

/// Whether a process is called so in the kernel's lists.
pub fn is_called(pid: u32, name: &CStr) -> bool {
    let called = std::fs::read(format!("/proc/{pid}/comm"));
    called.is_ok_and(|called| called.strip_suffix(b"\n") == Some(name.to_bytes()))
}

/// Whether process `pid` is a child of the calling process, or a child of one, and so on. Where the kernel does not
/// say, it is not.
pub fn descends_from_here(mut pid: u32) -> bool {
    const GENERATIONS: usize = 64;
    let me = super::process::getpid();
    for _ in 0..GENERATIONS {
        match parent_and_end(pid) {
            Some((parent, _)) if parent == me => return true,
            Some((parent @ 2.., _)) => pid = parent,
            _ => return false,
        }
    }
    false
}

// Numbers of fields in /proc/PID/stat, counted from the one after the command's name.
const STATE: usize = 0;
const PARENT: usize = 1;
const START_TIME: usize = 19;
const EXIT_CODE: usize = 49;

fn status_of_zombie(pid: u32) -> Option<i32> {
    with_fields(pid, |fields| {
        let state = fields.split(|byte| *byte == b' ').nth(STATE)?;
        // X: it is being reaped at this moment.
        if state != b"Z" && state != b"X" {
            return None;
        }
        field(fields, EXIT_CODE)?.try_into().ok()
    })
}

fn field(fields: &[u8], number: usize) -> Option<u64> {
    let text = fields.split(|byte| *byte == b' ').nth(number)?;
    std::str::from_utf8(text.trim_ascii()).ok()?.parse().ok()
}

/// Calls `look` with the stat line from the state on.
fn with_fields<R>(pid: u32, look: impl FnOnce(&[u8]) -> Option<R>) -> Option<R> {
    let mut path = [0_u8; 32];
    write!(&mut path[..31], "/proc/{pid}/stat").ok()?;
    let path = std::ffi::CStr::from_bytes_until_nul(&path).ok()?;
    let file = rustix::fs::open(path, rustix::fs::OFlags::CLOEXEC, rustix::fs::Mode::empty()).ok()?;
    let mut line = [0_u8; 1024];
    let length = rustix::io::read(&file, &mut line).ok()?;
    // The command's name stands in parentheses and may hold spaces and parentheses itself.
    let name_end = line[..length].iter().rposition(|byte| *byte == b')')?;
    look(line[..length].get(name_end + 2..)?)
}

/// The first version of the kernel's `struct pidfd_info`.
#[repr(C)]
#[derive(Default)]
struct PidfdInfo {
    mask: u64,
    cgroup: u64,
    ids: [u32; 11],
    exit_code: i32,
}

const PIDFD_INFO_EXIT: u64 = 1 << 3;
/// _IOWR(0xFF, 11, struct pidfd_info)
const PIDFD_GET_INFO: libc::c_ulong =
    3 << 30 | (size_of::<PidfdInfo>() as libc::c_ulong) << 16 | 0xff << 8 | 11;

fn info_of_reaped(pidfd: &impl AsFd) -> Option<i32> {
    let mut info = PidfdInfo { mask: PIDFD_INFO_EXIT, ..PidfdInfo::default() };
    // SAFETY: the request's number carries the size of the record, which the kernel fills and does not exceed.
    let code = unsafe { libc::ioctl(pidfd.as_fd().as_raw_fd(), PIDFD_GET_INFO as _, &raw mut info) };
    (code == 0 && info.mask & PIDFD_INFO_EXIT != 0).then_some(info.exit_code)
}

/// When process `pid` started, in nanoseconds of the boot clock with the kernel's resolution (10 ms);
/// `None` when there is no such process.
pub fn start_time(pid: u32) -> Option<u64> {
    let per_second = rustix::param::clock_ticks_per_second();
    Some(start_ticks(pid)?.saturating_mul(1_000_000_000 / per_second.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::pidfd::PidFd;

    fn keeps_exit_info() -> bool {
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        let mut version = release.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        (version.next(), version.next()) >= (Some(6), Some(15))
    }

    #[test]
    fn tells_how_a_child_ended_before_and_after_it_is_reaped() {
        for (command, expected) in
            [("exit 7", ExitStatus::Exited(7)), ("kill -9 $$", ExitStatus::Signaled(libc::SIGKILL))]
        {
            let mut child = std::process::Command::new("sh").args(["-c", command]).spawn().unwrap();
            let pidfd = PidFd::open(child.id()).unwrap();
            assert!(pidfd.wait_dead(None).unwrap());
            assert_eq!(how_it_ended(child.id(), &pidfd), Some(expected));
            child.wait().unwrap();
            assert_eq!(how_it_ended(child.id(), &pidfd), keeps_exit_info().then_some(expected));
        }
    }

    #[test]
    fn a_race_with_the_reaper_loses_nothing() {
        if !keeps_exit_info() {
            return;
        }
        for _ in 0..300 {
            let mut child = std::process::Command::new("true").spawn().unwrap();
            let pid = child.id();
            let pidfd = PidFd::open(pid).unwrap();
            let reaper = std::thread::spawn(move || child.wait().unwrap());
            while !pidfd.is_dead() {}
            assert_eq!(how_it_ended(pid, &pidfd), Some(ExitStatus::Exited(0)));
            reaper.join().unwrap();
        }
    }

    #[test]
    fn a_grandchild_descends_from_here() {
        let mut child = std::process::Command::new("sh")
            .args(["-c", "sleep 1000000 & echo $!; wait"])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut output, &mut line).unwrap();
        let grandchild: u32 = line.trim().parse().unwrap();
        assert!(descends_from_here(child.id()) && descends_from_here(grandchild));
        assert!(!descends_from_here(std::process::id()) && !descends_from_here(1));
        PidFd::open(grandchild).unwrap().signal(libc::SIGKILL).unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn start_times_grow() {
        let mine = start_ticks(std::process::id()).unwrap();
        let first = start_ticks(1).unwrap();
        assert!(first <= mine);
        assert_eq!(start_ticks(u32::MAX / 2), None);
    }
}
