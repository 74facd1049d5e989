//! Whether a program runs with more rights than its starter, and which process made a socket.
//!
//! A program whose file is setuid or setgid, or has capabilities, must not believe its environment: that is its
//! starter's, which may have no such rights. The kernel marks such a start (AT_SECURE, see getauxval(3)).

use rustix::fs::{Mode, StatVfsMountFlags};
use rustix::net::{AddressFamily, SocketAddrAny, SocketType, sockopt};
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Whether the running program got rights by its start that its starter did not have.
pub fn is_raised() -> bool {
    // SAFETY: reads a vector of numbers that the kernel made for this process.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Whether the kernel lets the calling process look at the memory of every process.
pub fn sees_every_process() -> bool {
    use rustix::thread::{CapabilitySet, capabilities};
    capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_PTRACE))
}

/// Whether an exec of `file` by the calling process would be such a start.
pub fn would_be_raised(file: &CStr) -> bool {
    let (user, group) = (rustix::process::getuid(), rustix::process::getgid());
    // The second user or group of a process that was raised.
    if user != rustix::process::geteuid() || group != rustix::process::getegid() {
        return true;
    }
    if !counts_here(file) {
        return false;
    }
    let becomes_another = rustix::fs::stat(file).is_ok_and(|status| {
        let mode = Mode::from_raw_mode(status.st_mode);
        mode.contains(Mode::SUID) && status.st_uid != user.as_raw()
            || mode.contains(Mode::SGID | Mode::XGRP) && status.st_gid != group.as_raw()
    });
    // Capabilities root has anyway.
    becomes_another
        || (!user.is_root()
            && rustix::fs::getxattr(file, c"security.capability", &mut [0_u8; 64][..]).is_ok())
}

/// Whether what a file's mode and capabilities grant is granted to this process, at the place where the file is.
fn counts_here(file: &CStr) -> bool {
    let is_refused = rustix::thread::no_new_privs().unwrap_or(false);
    let is_without =
        rustix::fs::statvfs(file).is_ok_and(|place| place.f_flag.contains(StatVfsMountFlags::NOSUID));
    !is_refused && !is_without
}

/// Whether a descriptor is one of two sockets that process `pid` has connected to each other, with the calling
/// process's user.
///
/// # Errors
/// When it is no socket.
pub fn is_paired_by(socket: impl AsFd, pid: u32) -> io::Result<bool> {
    if sockopt::socket_domain(&socket)? != AddressFamily::UNIX
        || sockopt::socket_type(&socket)? != SocketType::STREAM
    {
        return Ok(false);
    }
    // A socket that was connected by name has a name, or its peer has; what has none is a family only.
    let is_unnamed = |address: SocketAddrAny| address.addr_len() as usize == size_of::<libc::sa_family_t>();
    let peer = rustix::net::getpeername(&socket)?;
    if !is_unnamed(rustix::net::getsockname(&socket)?) || !peer.is_none_or(is_unnamed) {
        return Ok(false);
    }
    let maker = maker(&socket)?;
    Ok(u32::try_from(maker.pid) == Ok(pid) && maker.uid == rustix::process::geteuid().as_raw())
}

/// The process that made the pair that a socket is one of. The pid is 0 for a process of another pid namespace, which
/// rustix's type cannot express.
fn maker(socket: &impl AsFd) -> io::Result<libc::ucred> {
    let mut maker = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
    let mut length = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: the kernel writes at most as many bytes as is said into one record of ours.
    let done = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut maker).cast(),
            &raw mut length,
        )
    };
    if done == 0 { Ok(maker) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::message;
    use std::os::unix::net::{UnixListener, UnixStream};

    #[test]
    fn a_pair_is_told_from_other_sockets() {
        let me = std::process::id();
        let (one, _other) = message::pair().unwrap();
        assert!(is_paired_by(&one, me).unwrap());
        assert!(!is_paired_by(&one, me + 1).unwrap());
        let place = std::env::temp_dir().join(format!("manyhands-privilege-{me}"));
        let listener = UnixListener::bind(&place).unwrap();
        let near = UnixStream::connect(&place).unwrap();
        let (far, _) = listener.accept().unwrap();
        std::fs::remove_file(&place).unwrap();
        assert!(!is_paired_by(&near, me).unwrap() && !is_paired_by(&far, me).unwrap());
        let (datagrams, _other) = std::os::unix::net::UnixDatagram::pair().unwrap();
        assert!(!is_paired_by(&datagrams, me).unwrap());
        assert!(is_paired_by(std::fs::File::open("/dev/null").unwrap(), me).is_err());
    }

    #[test]
    fn this_program_is_not_raised() {
        assert!(!is_raised() && !would_be_raised(c"/proc/self/exe"));
    }
}
