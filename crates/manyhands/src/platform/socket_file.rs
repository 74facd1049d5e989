//! Sockets that have a name in the file system: which file that is, and removing the name of one at which nobody
//! listens.
//!
//! Such a name stays when its process is killed. Whether it is still of use the kernel knows: it refuses a connection
//! to a socket that no process has open, and says that the kinds differ when one has. So the one that asks has a kind
//! that no server has, and no server hears of it. The folder is opened once, so that nobody can put another in its
//! place between the looks and the removal. Bare: nothing is allocated, and nothing is waited for.

use super::lasting::Identity;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, fstat, openat, statat, unlinkat};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use std::ffi::CStr;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd};

const HELD: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Which file the socket at this path is.
///
/// # Errors
/// What the kernel says; `InvalidInput` when it is no socket.
pub fn identity(path: &CStr) -> io::Result<Identity> {
    identity_of_kind(path, FileType::Socket)
}

/// Which file the folder at this path is.
///
/// # Errors
/// What the kernel says; `InvalidInput` when it is no folder.
pub fn identity_of_folder(path: &CStr) -> io::Result<Identity> {
    identity_of_kind(path, FileType::Directory)
}

fn identity_of_kind(path: &CStr, kind: FileType) -> io::Result<Identity> {
    let held = openat(CWD, path, HELD, Mode::empty())?;
    if FileType::from_raw_mode(fstat(&held)?.st_mode) != kind {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Identity::of(held)
}

/// Whether no process has the socket open, for certain.
fn is_deserted(socket: impl AsFd) -> io::Result<bool> {
    let mut way = [0; 32];
    write!(&mut way[..31], "/proc/self/fd/{}", socket.as_fd().as_raw_fd())?;
    let way = CStr::from_bytes_until_nul(&way).map_err(|_| io::ErrorKind::InvalidInput)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let caller = socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
    Ok(connect(&caller, &SocketAddrUnix::new(way)?) == Err(Errno::CONNREFUSED))
}

/// Removes the name of a socket that no process has open, if it still is that one.
pub fn remove_deserted(folder: &CStr, name: &CStr, identity: Identity) {
    let remove = || -> io::Result<()> {
        let folder = openat(CWD, folder, HELD.difference(OFlags::NOFOLLOW), Mode::empty())?;
        let held = openat(&folder, name, HELD, Mode::empty())?;
        let is_it = |status: Stat| {
            let is_socket = FileType::from_raw_mode(status.st_mode) == FileType::Socket;
            is_socket && Identity::of_status(&status) == identity
        };
        // Another may have begun to listen there meanwhile, under a file of its own.
        let is_so = is_it(fstat(&held)?)
            && is_deserted(&held)?
            && is_it(statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)?);
        if is_so {
            unlinkat(&folder, name, AtFlags::empty())?;
        }
        Ok(())
    };
    // Where it cannot be seen or removed it stays, as it would have.
    let _ = remove();
}

/// Removes a folder that is empty, if it still is that one.
pub fn remove_empty_folder(path: &CStr, identity: Identity) {
    if identity_of_folder(path).is_ok_and(|it| it == identity) {
        let _ = unlinkat(CWD, path, AtFlags::REMOVEDIR);
    }
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
        let (path, below) = (folder.join("socket"), text(&folder));
        let remove = |identity| {
            remove_deserted(&below, c"socket", identity);
            !path.exists()
        };
        let listener = UnixListener::bind(&place).unwrap();
        listener.set_nonblocking(true).unwrap();
        let known = identity(&text(&path)).unwrap();
        assert!(!remove(known), "somebody listens");
        let asked = listener.accept().unwrap_err();
        assert_eq!(asked.kind(), io::ErrorKind::WouldBlock, "it heard of the question");
        drop(listener);
        std::fs::write(folder.join("file"), "").unwrap();
        assert!(identity(&text(&folder.join("file"))).is_err());
        assert!(identity(&text(&folder.join("none"))).is_err());
        assert!(!remove(Identity::of(std::fs::File::open(folder.join("file")).unwrap()).unwrap()));
        assert!(remove(known));

        // One that is bound and does not listen yet is a process's, too.
        let bound = UnixDatagram::bind(&place).unwrap();
        let next = identity(&text(&path)).unwrap();
        assert!(!remove(next));
        drop(bound);
        assert!(remove(next));

        let it = identity_of_folder(&below).unwrap();
        remove_empty_folder(&below, it);
        assert!(folder.exists(), "it has a file");
        std::fs::remove_file(folder.join("file")).unwrap();
        remove_empty_folder(&below, Identity::from_numbers(1, 1));
        assert!(folder.exists(), "it is another one");
        remove_empty_folder(&below, it);
        assert!(!folder.exists());
    }
}
