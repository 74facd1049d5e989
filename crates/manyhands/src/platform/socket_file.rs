//! Sockets that have a name in the file system: which file that is, and removing the name of one at which nobody
//! listens.
//!
//! Such a name stays when its process is killed. Whether it is still of use the kernel knows: it refuses a connection
//! to a socket that no process has open. Nothing here follows a link or trusts a path that another file may have by
//! now. Bare: nothing is allocated, and a connection is never waited for.

use super::lasting::Identity;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, fstat, openat, statat, unlinkat};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use std::ffi::CStr;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// A descriptor that stands for the file and opens nothing.
fn held(path: &CStr) -> io::Result<OwnedFd> {
    let held = openat(CWD, path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    match FileType::from_raw_mode(fstat(&held)?.st_mode) {
        FileType::Socket => Ok(held),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

/// Which file the socket at this path is.
///
/// # Errors
/// What the kernel says; `InvalidInput` when it is no socket.
pub fn identity(path: &CStr) -> io::Result<Identity> {
    Identity::of(held(path)?)
}

/// Whether no process has the socket open, for certain.
fn is_deserted(socket: impl AsFd) -> io::Result<bool> {
    let mut way = [0; 32];
    write!(&mut way[..31], "/proc/self/fd/{}", socket.as_fd().as_raw_fd())?;
    let way = CStr::from_bytes_until_nul(&way).map_err(|_| io::ErrorKind::InvalidInput)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let caller = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    Ok(connect(&caller, &SocketAddrUnix::new(way)?) == Err(Errno::CONNREFUSED))
}

/// Removes the name of a socket at which nobody listens, if it still is that one. Whether it did.
pub fn remove_deserted(path: &CStr, identity: Identity) -> bool {
    let is_it = |held: &OwnedFd| Identity::of(held).is_ok_and(|it| it == identity);
    let Some(held) = held(path).ok().filter(is_it) else { return false };
    if !is_deserted(&held).unwrap_or(false) {
        return false;
    }
    // Another may have begun to listen there meanwhile, under a file of its own.
    let now = statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW).map(|status| Identity::of_status(&status));
    now.is_ok_and(|now| now == identity) && unlinkat(CWD, path, AtFlags::empty()).is_ok()
}

/// Removes a folder that is empty.
pub fn remove_empty_folder(path: &CStr) {
    let _ = unlinkat(CWD, path, AtFlags::REMOVEDIR);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CString;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::{UnixDatagram, UnixListener};
    use std::path::Path;

    fn folder(name: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("mh-socket-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn text(path: &Path) -> CString {
        CString::new(path.as_os_str().as_bytes()).unwrap()
    }

    #[test]
    fn only_what_nobody_serves_goes() {
        // Longer than an address may be, so it is bound by way of the folder's descriptor.
        let folder = folder(&"long".repeat(30));
        let opened = std::fs::File::open(&folder).unwrap();
        let place = format!("/proc/self/fd/{}/socket", opened.as_raw_fd());
        let path = text(&folder.join("socket"));
        let listener = UnixListener::bind(&place).unwrap();
        let known = identity(&path).unwrap();
        assert!(!remove_deserted(&path, known), "somebody listens");
        drop(listener);
        std::fs::write(folder.join("file"), "").unwrap();
        assert!(identity(&text(&folder.join("file"))).is_err());
        let other = identity(&text(&folder.join("none")));
        assert!(other.is_err());
        assert!(remove_deserted(&path, known));
        assert!(!remove_deserted(&path, known));

        // Sockets of another kind count as much.
        let datagrams = UnixDatagram::bind(&place).unwrap();
        let next = identity(&path).unwrap();
        assert!(!remove_deserted(&path, next));
        drop(datagrams);
        assert!(!remove_deserted(
            &path,
            Identity::of(std::fs::File::open(folder.join("file")).unwrap()).unwrap()
        ));
        assert!(remove_deserted(&path, next));

        remove_empty_folder(&text(&folder));
        assert!(folder.exists(), "it has a file");
        std::fs::remove_file(folder.join("file")).unwrap();
        remove_empty_folder(&text(&folder));
        assert!(!folder.exists());
    }
}
