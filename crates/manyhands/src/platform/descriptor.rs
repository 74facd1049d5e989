//! Descriptors that go from one process to another: their kinds, their places, what is written and read through them.
//!
//! The standard streams, 0 to 2, are the program's own: they are looked at and replaced here, in a child that is made
//! for another process. Descriptors that are kept for long are in `platform::lasting`; `platform::message` sends those
//! that travel in a message.

use rustix::fs::FileType;
use rustix::io::FdFlags;
use rustix::pipe::{PipeFlags, pipe_with};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// Makes a pipe: the end to read from and the end to write to, both closed at exec.
///
/// # Errors
/// EMFILE or ENFILE.
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(pipe_with(PipeFlags::CLOEXEC)?)
}

/// Writes all of `bytes` if there is room for them at once, as in a pipe that has no other writer.
pub fn write(descriptor: impl AsFd, bytes: &[u8]) {
    // If there is no reader any more, nobody misses it.
    let _ = rustix::io::write(descriptor, bytes);
}

/// Reads until `bytes` are full.
///
/// # Errors
/// `UnexpectedEof` when the other end was closed before.
pub fn read_fully(descriptor: impl AsFd, bytes: &mut [u8]) -> io::Result<()> {
    let mut got = 0;
    while got < bytes.len() {
        match rustix::io::read(&descriptor, &mut bytes[got..]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(more) => got += more,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Another descriptor of the same file, closed at exec, whose number is no standard stream's.
///
/// # Errors
/// EMFILE.
pub fn duplicate(descriptor: impl AsFd) -> io::Result<OwnedFd> {
    Ok(rustix::io::fcntl_dupfd_cloexec(descriptor, 3)?)
}

/// Has the system close the descriptor when the process executes another program.
pub fn close_at_exec(descriptor: impl AsFd) {
    let _ = rustix::io::fcntl_setfd(descriptor, FdFlags::CLOEXEC);
}

/// Those of the descriptors 0 to 2 that a child of the calling process would have. One that is closed at exec is none
/// of the program's: it took the place of one that was closed.
pub fn standard() -> [Option<BorrowedFd<'static>>; 3] {
    [0, 1, 2].map(|number| {
        // SAFETY: only looked at, and passed on when it is open; nobody closes the standard descriptors meanwhile.
        let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
        let passed_on =
            rustix::io::fcntl_getfd(descriptor).is_ok_and(|flags| !flags.contains(FdFlags::CLOEXEC));
        passed_on.then_some(descriptor)
    })
}

/// Puts a descriptor, or none, in the place of one of the descriptors 0 to 2.
///
/// # Errors
/// What the kernel says.
///
/// # Panics
/// For any other number.
pub fn set_standard(number: RawFd, descriptor: Option<OwnedFd>) -> io::Result<()> {
    assert!((0..=2).contains(&number), "descriptor {number} is no standard one");
    match descriptor {
        // SAFETY: the standard descriptors have no owner that would close what is put there.
        Some(descriptor) if unsafe { libc::dup2(descriptor.as_raw_fd(), number) } < 0 => {
            Err(io::Error::last_os_error())
        }
        Some(_) => Ok(()),
        None => {
            // SAFETY: as above.
            unsafe { libc::close(number) };
            Ok(())
        }
    }
}

/// The number that distinguishes a socket from all others.
///
/// # Errors
/// `InvalidInput` when it is no socket.
pub fn identity_of_socket(socket: impl AsFd) -> io::Result<u64> {
    let status = rustix::fs::fstat(socket)?;
    match FileType::from_raw_mode(status.st_mode) {
        FileType::Socket => Ok(status.st_ino),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

/// Whether it is a pipe, as a doorbell is.
pub fn is_pipe(descriptor: impl AsFd) -> bool {
    rustix::fs::fstat(descriptor)
        .is_ok_and(|status| FileType::from_raw_mode(status.st_mode) == FileType::Fifo)
}
