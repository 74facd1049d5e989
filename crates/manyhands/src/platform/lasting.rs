//! Descriptors that are kept for long in a process whose program may close them.
//!
//! A program that closes all descriptors it does not know, as daemons do, closes ours as well, and may open other files
//! under their numbers. So a descriptor that outlives a call is looked at before each use: it is ours as long as its
//! number stands for the same file. One that is not is neither used nor closed. Its file may be opened again in another
//! way: see [`Lasting::renewed`]. (Before Linux 6.9, descriptors of processes can be distinguished from other files,
//! but not from one another.)

use super::atomic::{AtomicU32, AtomicU64, Ordering};
use rustix::fs::{Mode, OFlags};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};

/// Which file a descriptor is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// The identity of an open descriptor's file.
    ///
    /// # Errors
    /// EBADF.
    pub fn of(descriptor: impl AsFd) -> io::Result<Identity> {
        Ok(Identity::of_status(&rustix::fs::fstat(descriptor)?))
    }

    /// The identity that a file's status shows.
    pub(super) fn of_status(status: &rustix::fs::Stat) -> Identity {
        Identity { device: status.st_dev, inode: status.st_ino }
    }

    /// As two numbers: for a record that other processes read.
    pub fn numbers(self) -> (u64, u64) {
        (self.device, self.inode)
    }

    /// The identity that these numbers stand for.
    pub fn from_numbers(device: u64, inode: u64) -> Identity {
        Identity { device, inode }
    }

    /// Opens the file of this identity, for reading and writing, if the process `pid` has a descriptor of it.
    pub fn open_in(self, pid: u32) -> Option<OwnedFd> {
        use std::os::unix::fs::MetadataExt;
        let listed = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
        let found = listed.flatten().map(|entry| entry.path()).find(|path| {
            let status = std::fs::metadata(path);
            status.is_ok_and(|it| it.dev() == self.device && it.ino() == self.inode)
        })?;
        // Held without being opened, until it is known to be this one. The process may not be one of ours, and the
        // number may stand for another file by now, whose opening does something.
        let held = rustix::fs::open(&found, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?;
        if Identity::of(&held).ok()? != self {
            return None;
        }
        opened_again(held).ok()
    }
}

/// Opens the file that is mapped at these addresses of the calling process, which the kernel lets only the privileged
/// do.
pub fn open_mapped(start: u64, end: u64) -> Option<OwnedFd> {
    open(format!("/proc/self/map_files/{start:x}-{end:x}").as_ref()).ok()
}

/// Opens the file of a descriptor once more, with flags of its own.
///
/// # Errors
/// EMFILE and the like.
pub fn opened_again(descriptor: impl AsFd) -> io::Result<OwnedFd> {
    open(format!("/proc/self/fd/{}", descriptor.as_fd().as_raw_fd()).as_ref())
}

/// What the kernel calls the file that has this number in the calling process.
pub fn name_of(number: RawFd) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/self/fd/{number}")).ok()
}

/// The numbers of all files that the calling process has open.
pub fn numbers() -> impl Iterator<Item = RawFd> {
    let entries = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Opens a file that /proc lists.
///
/// # Errors
/// EMFILE and the like, ENOENT where there is no such file.
fn open(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(path, OFlags::RDWR | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty())?)
}

/// A descriptor of the same file whose number is no standard stream's. In a program that was started with one of these
/// closed, the kernel gives its number to the next file that is opened. What the program writes to that stream would
/// then go into this file.
///
/// # Errors
/// EMFILE.
pub fn above_standard(descriptor: OwnedFd) -> io::Result<OwnedFd> {
    if descriptor.as_raw_fd() > 2 {
        return Ok(descriptor);
    }
    Ok(rustix::io::fcntl_dupfd_cloexec(&descriptor, 3)?)
}

/// A descriptor that is looked at before it is used.
#[derive(Debug)]
pub struct Lasting {
    number: AtomicU32,
    device: AtomicU64,
    inode: AtomicU64,
}

impl Lasting {
    /// Takes charge of a descriptor, under a number that is no standard stream's.
    ///
    /// # Errors
    /// EMFILE, if it has such a number.
    pub fn new(descriptor: OwnedFd) -> io::Result<Lasting> {
        let descriptor = above_standard(descriptor)?;
        let identity = Identity::of(&descriptor)?;
        Ok(Lasting {
            number: AtomicU32::new(descriptor.into_raw_fd() as u32),
            device: AtomicU64::new(identity.device),
            inode: AtomicU64::new(identity.inode),
        })
    }

    /// Which file it is of.
    pub fn identity(&self) -> Identity {
        Identity { device: self.device.load(Ordering::Acquire), inode: self.inode.load(Ordering::Acquire) }
    }

    /// Takes charge of another file's descriptor instead, since this one's is lost for good. To a thread that looks
    /// meanwhile it is closed.
    ///
    /// # Errors
    /// None for an open one.
    pub fn replace(&self, descriptor: OwnedFd) -> io::Result<()> {
        let descriptor = above_standard(descriptor)?;
        let identity = Identity::of(&descriptor)?;
        self.inode.store(identity.inode, Ordering::Release);
        self.device.store(identity.device, Ordering::Release);
        self.number.store(descriptor.into_raw_fd() as u32, Ordering::Release);
        Ok(())
    }

    /// The descriptor, unless the program has closed it.
    pub fn get(&self) -> Option<BorrowedFd<'_>> {
        let number = self.number();
        // SAFETY: only looked at, until it is known to be of our file; a number that is not open is an error of the
        // look.
        let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
        Identity::of(descriptor).is_ok_and(|it| it == self.identity()).then_some(descriptor)
    }

    /// The descriptor; one that the program has closed is replaced by what `find` gives, if that is of the same file.
    pub fn renewed(&self, find: impl FnOnce(Identity) -> Option<OwnedFd>) -> Option<BorrowedFd<'_>> {
        let before = self.number();
        if self.get().is_none() {
            let found = above_standard(find(self.identity())?).ok()?;
            if Identity::of(&found).ok()? != self.identity() {
                return None;
            }
            let (before, number) = (before as u32, found.as_raw_fd() as u32);
            if self.number.compare_exchange(before, number, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                let _ = found.into_raw_fd();
            }
        }
        self.get()
    }

    /// Its number, whatever has that by now.
    pub fn number(&self) -> RawFd {
        self.number.load(Ordering::Acquire) as RawFd
    }
}

impl Drop for Lasting {
    fn drop(&mut self) {
        if self.get().is_some() {
            // SAFETY: the descriptor is of our file and was given to us alone.
            drop(unsafe { OwnedFd::from_raw_fd(self.number()) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_took_its_number_is_left_alone() {
        let (one, other) = rustix::pipe::pipe().unwrap();
        let lasting = Lasting::new(one).unwrap();
        assert!(lasting.get().is_some());
        let file = std::fs::File::open("/dev/null").unwrap();
        // SAFETY: puts another file under the number, as a program that closes what it does not know might.
        unsafe { libc::dup2(file.as_raw_fd(), lasting.number()) };
        assert!(lasting.get().is_none());
        let taken = lasting.number();
        drop(lasting);
        // SAFETY: asks about a number, and then closes what was opened above.
        unsafe {
            assert!(libc::fcntl(taken, libc::F_GETFD) >= 0, "the other file is still open");
            libc::close(taken);
        }
        drop(other);
    }

    #[test]
    fn it_is_found_again_in_a_process_that_has_it() {
        let (one, _other) = rustix::pipe::pipe().unwrap();
        let copy = one.try_clone().unwrap();
        let lasting = Lasting::new(one).unwrap();
        // SAFETY: closes what `lasting` owns, as above.
        unsafe { libc::close(lasting.number()) };
        assert!(lasting.get().is_none());
        assert!(lasting.renewed(|identity| identity.open_in(std::process::id())).is_some());
        drop(copy);
    }
}
