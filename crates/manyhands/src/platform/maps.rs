//! What memory a process has mapped, as the kernel lists it.
//!
//! Reads `/proc/PID/maps` and asks for single entries of `/proc/PID/map_files` and `/proc/PID/fd`, without allocating
//! and without a lock. So it works in a process cloned out of one with threads. It distinguishes "is not mapped" from
//! "is unknown", since the first is how an `exec` is noticed (`arena::notice`): the memory goes while the process, its
//! number and its start time stay.

use super::census;
use super::process::getpid;
use std::ffi::CStr;
use std::io::{self, Write};

/// A part of a process's memory in which a file is mapped from its beginning.
#[derive(Clone, Copy, Debug)]
pub struct FileMap<'a> {
    /// The address of its first byte, in that process.
    pub start: u64,
    /// How many bytes there are.
    pub size: u64,
    /// The file's name, as the kernel writes it, which no other file that the process may have mapped there bears.
    pub name: &'a [u8],
    /// The file's inode.
    pub inode: u64,
}

/// Whether process `pid` has the file mapped: there, or anywhere. `None` when that is unknown. Then the process has no
/// memory (it ends, or its first thread has), or belongs to another user, or /proc is not there or not this pid
/// namespace's.
///
/// The caller holds a pidfd of the process, and the answer is the process's only if that does not poll readable
/// afterwards.
pub fn is_mapped(pid: u32, map: &FileMap<'_>) -> Option<bool> {
    if is_mapped_there(pid, map) {
        return Some(true);
    }
    // A process that loses its memory while the list is read ends the list early. Then it has none at the second look,
    // unless the memory went by an exec.
    for _ in 0..2 {
        match look_through_list(pid, map) {
            Listed::Yes => return Some(true),
            Listed::No => {}
            Listed::Nothing | Listed::Untold => return None,
        }
    }
    is_proc_ours().then_some(false)
}

/// Whether process `pid`, which does not execute another program now, may have the file mapped, as far as is known;
/// `untold` if nothing is known.
pub fn may_be_mapped(pid: u32, map: &FileMap<'_>, untold: bool) -> bool {
    match look_through_list(pid, map) {
        Listed::Yes => true,
        Listed::No | Listed::Nothing => !is_proc_ours(),
        Listed::Untold => untold,
    }
}

/// Whether process `pid` has a descriptor of the file; `None` when that is unknown, as with [`is_mapped`].
pub fn is_open(pid: u32, map: &FileMap<'_>) -> Option<bool> {
    let mut folder = [0; 32];
    write!(&mut folder[..31], "/proc/{pid}/fd").ok()?;
    let mut found = false;
    census::for_each_in(CStr::from_bytes_until_nul(&folder).ok()?, |descriptor| {
        let (mut path, mut target) = ([0; 48], [0; 128]);
        found = write!(&mut path[..47], "/proc/{pid}/fd/{descriptor}").is_ok()
            && read_link(&path, &mut target).is_some_and(|target| target == map.name);
        !found
    })
    .ok()?;
    if found { Some(true) } else { is_proc_ours().then_some(false) }
}

enum Listed {
    Yes,
    No,
    /// The process has no memory, or there is no process.
    Nothing,
    Untold,
}

fn is_mapped_there(pid: u32, map: &FileMap<'_>) -> bool {
    let mut path = [0; 96];
    // The start may stand in memory that others write.
    let (start, end) = (map.start, map.start.wrapping_add(map.size));
    let mut target = [0; 128];
    write!(&mut path[..95], "/proc/{pid}/map_files/{start:x}-{end:x}").is_ok()
        && read_link(&path, &mut target).is_some_and(|target| target == map.name)
}

fn look_through_list(pid: u32, map: &FileMap<'_>) -> Listed {
    let mut path = [0; 32];
    let Some(path) =
        write!(&mut path[..31], "/proc/{pid}/maps").ok().and(CStr::from_bytes_until_nul(&path).ok())
    else {
        return Listed::Untold;
    };
    let (mut is_empty, mut found) = (true, false);
    let read = for_each(path, |line| {
        is_empty = false;
        found |= Line::read(line).is_some_and(|line| line.inode == map.inode && line.name == map.name);
    });
    match read {
        _ if found => Listed::Yes,
        Ok(()) if is_empty => Listed::Nothing,
        Ok(()) => Listed::No,
        Err(error) if matches!(error.raw_os_error(), Some(libc::ESRCH | libc::ENOENT)) => Listed::Nothing,
        Err(_) => Listed::Untold,
    }
}

/// Whether /proc numbers processes as this process's pid namespace does.
fn is_proc_ours() -> bool {
    let (mut number, mut target) = ([0; 16], [0; 16]);
    let mut rest = &mut number[..];
    if write!(rest, "{}", getpid()).is_err() {
        return false;
    }
    let length = 16 - rest.len();
    read_link(c"/proc/self".to_bytes_with_nul(), &mut target)
        .is_some_and(|target| *target == number[..length])
}

fn read_link<'a>(path: &[u8], target: &'a mut [u8]) -> Option<&'a [u8]> {
    let path = CStr::from_bytes_until_nul(path).ok()?;
    // SAFETY: a string that ends, and as many bytes of room as is said.
    let length = unsafe { libc::readlink(path.as_ptr(), target.as_mut_ptr().cast(), target.len()) };
    target.get(..usize::try_from(length).ok()?)
}

/// One line of a list: `start-end rwxp offset device inode name`.
#[derive(Debug)]
pub struct Line<'a> {
    /// The first address.
    pub start: usize,
    /// One past the last address.
    pub end: usize,
    /// What may be done there: `rw-s` for shared memory that may be written.
    pub access: &'a [u8],
    /// Where in the file it begins.
    pub offset: u64,
    /// The file's inode; 0 for no file.
    pub inode: u64,
    /// The file's name; empty for none.
    pub name: &'a [u8],
}

impl Line<'_> {
    /// Takes a line apart; `None` for one of another form.
    pub fn read(line: &[u8]) -> Option<Line<'_>> {
        let mut rest = line;
        let mut field = || {
            let end = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
            let (field, after) = rest.split_at(end);
            rest = after.trim_ascii_start();
            field
        };
        let (range, access, offset, _device, inode) = (field(), field(), field(), field(), field());
        let (start, end) = std::str::from_utf8(range).ok()?.split_once('-')?;
        Some(Line {
            start: usize::from_str_radix(start, 16).ok()?,
            end: usize::from_str_radix(end, 16).ok()?,
            access,
            offset: u64::from_str_radix(std::str::from_utf8(offset).ok()?, 16).ok()?,
            inode: std::str::from_utf8(inode).ok()?.parse().ok()?,
            name: rest,
        })
    }
}

/// Calls `look` with each line of the calling process's own list, as [`Line::read`] takes it.
///
/// # Errors
/// What the kernel says.
pub fn for_each_here(look: impl FnMut(&[u8])) -> io::Result<()> {
    for_each(c"/proc/self/maps", look)
}

/// Calls `look` with each line of the list at `path`. A line that is longer than 8 KiB is left out.
///
/// # Errors
/// What the kernel says.
fn for_each(path: &CStr, mut look: impl FnMut(&[u8])) -> io::Result<()> {
    let file = rustix::fs::open(path, rustix::fs::OFlags::CLOEXEC, rustix::fs::Mode::empty())?;
    let mut buffer = [0_u8; 8192];
    let mut filled = 0;
    loop {
        match rustix::io::read(&file, &mut buffer[filled..]) {
            Ok(0) => return Ok(()),
            Ok(read) => filled += read,
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let mut from = 0;
        while let Some(length) = buffer[from..filled].iter().position(|byte| *byte == b'\n') {
            look(&buffer[from..from + length]);
            from += length + 1;
        }
        if from == 0 && filled == buffer.len() {
            filled = 0;
            continue;
        }
        buffer.copy_within(from..filled, 0);
        filled -= from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::memory::{inode_and_size, map_shared, memory_file};

    #[test]
    fn tells_what_is_mapped_and_what_is_not() {
        const SIZE: u64 = 64 << 10;
        let file = memory_file("maps-test", SIZE).unwrap();
        let (inode, _) = inode_and_size(&file).unwrap();
        let start = map_shared(&file, 0, SIZE as usize).unwrap().as_ptr() as u64;
        let name = b"/memfd:maps-test (deleted)";
        let map = FileMap { start, size: SIZE, name, inode };
        let me = std::process::id();
        assert!(is_mapped_there(me, &map));
        assert_eq!(is_mapped(me, &FileMap { start: start + 4096, ..map }), Some(true), "found in the list");
        let elsewhere = FileMap { start: start + 4096, inode: inode + 1, ..map };
        assert_eq!(is_mapped(me, &elsewhere), Some(false));
        assert_eq!(is_mapped(u32::MAX / 2, &map), None, "there is no such process");
        assert_eq!(is_mapped(me, &FileMap { start: u64::MAX, ..map }), Some(true), "no address");
    }

    #[test]
    fn tells_what_is_open_and_what_is_not() {
        let file = memory_file("maps-test-open", 4096).unwrap();
        let map = FileMap { start: 0, size: 0, name: b"/memfd:maps-test-open (deleted)", inode: 0 };
        let me = std::process::id();
        assert_eq!(is_open(me, &map), Some(true));
        drop(file);
        assert_eq!(is_open(me, &map), Some(false));
        assert_eq!(is_open(u32::MAX / 2, &map), None, "there is no such process");
    }

    #[test]
    fn a_process_that_has_ended_tells_nothing() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pidfd = crate::platform::pidfd::PidFd::open(child.id()).unwrap();
        pidfd.wait_dead(None).unwrap();
        let map = FileMap { start: 4096, size: 4096, name: b"none", inode: 1 };
        assert_eq!(is_mapped(child.id(), &map), None);
        child.wait().unwrap();
    }

    #[test]
    fn lines_are_taken_apart() {
        let text = b"7f22-7f32 rw-s 04000000 00:01 84822                      /memfd:a b (deleted)";
        let line = Line::read(text).unwrap();
        assert_eq!((line.start, line.end, line.inode), (0x7f22, 0x7f32, 84822));
        assert_eq!((line.access, line.name), (&b"rw-s"[..], &b"/memfd:a b (deleted)"[..]));
        assert_eq!(line.offset, 64 << 20);
        assert!(Line::read(b"7f22-7f32 rw-p 00000000 00:00 0 ").unwrap().name.is_empty());
        assert!(Line::read(b"nonsense").is_none());
    }
}
