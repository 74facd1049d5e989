//! The name that a socket has in the file system, which goes with the last process that has it.
//!
//! The engine makes no names, but programs do: a Unix socket at which a process listens is a file, and stays one when
//! the process is killed. An object in the arena says which file it is. Its references are what processes have: a
//! fork's child has a copy. When the last one goes, by a drop or in a sweep, the name is removed if no process has the
//! socket open. A folder that was made for such names has an object as well. It goes when nobody has it any more and it
//! is empty, so whichever of the two ends later removes it.

use super::reaper;
use crate::arena::{Arena, ArenaError, Dead, Handle, Kind, Layer, Object, Shared, Sweep};
use crate::platform::atomic::{AtomicU64, Ordering};
use crate::platform::lasting::Identity;
use crate::platform::socket_file::{identity, identity_of_folder, remove_deserted, remove_empty_folder};
use std::ffi::{CStr, CString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The longest path, in bytes.
const LONGEST: usize = WORDS * 8 - 1;
const WORDS: usize = 20;

/// Stands for a folder in the place of a socket's folder.
const IS_FOLDER: u64 = u64::MAX;

#[repr(C)]
struct Body {
    device: AtomicU64,
    inode: AtomicU64,
    /// The handle of the folder's object; 0 for none.
    folder: AtomicU64,
    path: [AtomicU64; WORDS],
}

// SAFETY: repr(C), atomics only.
unsafe impl Shared for Body {}

impl Kind {
    const SOCKET_NAME: Kind = Kind::of::<Body>(15, "name of a socket");
}

/// This layer's objects.
pub(crate) const LAYER: Layer = Layer { kinds: &[Kind::SOCKET_NAME], sweep: &Names };

struct Names;

impl Sweep for Names {
    fn sweep(&self, _arena: &'static Arena, _dead: &Dead) -> Result<(), ArenaError> {
        // Its references are the arena's business.
        Ok(())
    }

    fn release(&self, arena: &'static Arena, _kind: Kind, object: Handle) -> Result<(), ArenaError> {
        let body: &Body = arena.body(object.index());
        let identity = body.identity();
        let (path, end) = body.path();
        let folder = body.folder.load(Ordering::Acquire);
        if folder == IS_FOLDER {
            if let Ok(path) = CStr::from_bytes_until_nul(&path) {
                remove_empty_folder(path, identity);
            }
            return Ok(());
        }
        let (mut above, slash) = (path, path[..end].iter().rposition(|byte| *byte == b'/').unwrap_or(0));
        // The root has a name of one byte.
        above[slash.max(1)..].fill(0);
        let (Ok(above), Ok(name)) =
            (CStr::from_bytes_until_nul(&above), CStr::from_bytes_until_nul(&path[slash + 1..]))
        else {
            return Ok(());
        };
        remove_deserted(above, name, identity);
        // When the folder is had by nobody any more, its object was unmade while this name was still there.
        let is_left = folder != 0 && Object::attach(Handle::from_raw(folder), Kind::SOCKET_NAME).is_err();
        if is_left && let Ok(identity) = identity_of_folder(above) {
            remove_empty_folder(above, identity);
        }
        Ok(())
    }
}

impl Body {
    fn identity(&self) -> Identity {
        Identity::from_numbers(self.device.load(Ordering::Acquire), self.inode.load(Ordering::Acquire))
    }

    /// The path's bytes, and how many there are.
    fn path(&self) -> ([u8; LONGEST + 1], usize) {
        let mut bytes = [0; LONGEST + 1];
        for (eight, word) in bytes.chunks_mut(8).zip(&self.path) {
            eight.copy_from_slice(&word.load(Ordering::Acquire).to_le_bytes());
        }
        bytes[LONGEST] = 0;
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(LONGEST);
        (bytes, end)
    }
}

/// The object of a file.
fn keep(path: &Path, of: fn(&CStr) -> io::Result<Identity>, folder: u64) -> io::Result<Object> {
    let bytes = path.as_os_str().as_bytes();
    if !path.is_absolute() || bytes.len() > LONGEST {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let (device, inode) = of(&CString::new(bytes)?)?.numbers();
    let arena = Arena::get().map_err(io::Error::other)?;
    reaper::ensure(arena)?;
    let object = Object::create::<Body>(Kind::SOCKET_NAME, |_, body| {
        body.device.store(device, Ordering::Relaxed);
        body.inode.store(inode, Ordering::Relaxed);
        body.folder.store(folder, Ordering::Relaxed);
        let mut parts = bytes.chunks(8);
        for word in &body.path {
            let mut eight = [0; 8];
            if let Some(part) = parts.next() {
                eight[..part.len()].copy_from_slice(part);
            }
            word.store(u64::from_le_bytes(eight), Ordering::Relaxed);
        }
        Ok(())
    });
    object.map_err(io::Error::other)
}

/// A reference to a folder that was made for names of sockets: while a process has one the folder stays.
#[derive(Debug)]
pub struct SocketFolder {
    object: Object,
}

impl SocketFolder {
    /// Keeps the folder at `path`, an absolute one. When nobody has it any more, it is removed if it is empty.
    ///
    /// # Errors
    /// `InvalidInput` when that is no folder, or the path is relative or longer than 159 bytes. What the system says
    /// when nothing is there, or there is no room for it, or no process can watch over the end of this one.
    pub fn keep(path: &Path) -> io::Result<SocketFolder> {
        Ok(SocketFolder { object: keep(path, identity_of_folder, IS_FOLDER)? })
    }
}

/// A reference to the name of a socket: while a process has one the name stays.
#[derive(Debug)]
pub struct SocketName {
    _object: Object,
}

impl SocketName {
    /// Keeps the name of the socket at `path`, an absolute one, which the calling process has open; `folder` if its
    /// folder was made for it.
    ///
    /// # Errors
    /// As for [`SocketFolder::keep`]; `InvalidInput` when there is no socket.
    pub fn keep(path: &Path, folder: Option<&SocketFolder>) -> io::Result<SocketName> {
        let folder = folder.map_or(0, |folder| folder.object.handle().to_raw());
        Ok(SocketName { _object: keep(path, identity, folder)? })
    }
}
