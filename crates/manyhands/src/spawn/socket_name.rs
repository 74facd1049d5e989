//! The name that a socket has in the file system, which goes with the last process that has it.
//!
//! The engine makes no names, but programs do: a Unix socket at which a process listens is a file, and stays one when
//! the process is killed. An object in the arena says which file it is. Its references are what processes have: a
//! fork's child has a copy. When the last one goes, by a drop or in a sweep, the name is removed if nobody listens
//! there.

use super::reaper;
use crate::arena::{Arena, ArenaError, Dead, Handle, Kind, Layer, Object, Shared, Sweep};
use crate::platform::atomic::{AtomicU64, Ordering};
use crate::platform::lasting::Identity;
use crate::platform::socket_file::{identity, remove_deserted, remove_empty_folder};
use std::ffi::{CStr, CString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The longest path, in bytes.
const LONGEST: usize = WORDS * 8 - 1;
const WORDS: usize = 20;

/// Whether the folder goes as well, if it is empty then.
const WITH_FOLDER: u64 = 1;

#[repr(C)]
struct Body {
    device: AtomicU64,
    inode: AtomicU64,
    flags: AtomicU64,
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
        let mut bytes = [0; LONGEST + 1];
        for (eight, word) in bytes.chunks_mut(8).zip(&body.path) {
            eight.copy_from_slice(&word.load(Ordering::Acquire).to_le_bytes());
        }
        bytes[LONGEST] = 0;
        let Ok(path) = CStr::from_bytes_until_nul(&bytes) else { return Ok(()) };
        let it =
            Identity::from_numbers(body.device.load(Ordering::Acquire), body.inode.load(Ordering::Acquire));
        let is_gone = remove_deserted(path, it);
        if is_gone && body.flags.load(Ordering::Acquire) & WITH_FOLDER != 0 {
            let end = path.to_bytes().iter().rposition(|byte| *byte == b'/').unwrap_or(0);
            bytes[end] = 0;
            if let Ok(folder) = CStr::from_bytes_until_nul(&bytes) {
                remove_empty_folder(folder);
            }
        }
        Ok(())
    }
}

/// A reference to the name of a socket: while a process has one the name stays.
#[derive(Debug)]
pub struct SocketName {
    _object: Object,
}

impl SocketName {
    /// Keeps the name of the socket at `path`, an absolute one, at which the calling process listens; `with_folder` if
    /// the folder is to go with it, when that is empty.
    ///
    /// # Errors
    /// `InvalidInput` when that is no socket, or the path is relative or longer than 159 bytes. What the system says
    /// when nothing is there, or there is no room for it, or no process can watch over the end of this one.
    pub fn keep(path: &Path, with_folder: bool) -> io::Result<SocketName> {
        let bytes = path.as_os_str().as_bytes();
        if !path.is_absolute() || bytes.len() > LONGEST {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let it = identity(&CString::new(bytes)?)?;
        let arena = Arena::get().map_err(io::Error::other)?;
        reaper::ensure(arena)?;
        let object = Object::create::<Body>(Kind::SOCKET_NAME, |_, body| {
            let (device, inode) = it.numbers();
            body.device.store(device, Ordering::Relaxed);
            body.inode.store(inode, Ordering::Relaxed);
            body.flags.store(if with_folder { WITH_FOLDER } else { 0 }, Ordering::Relaxed);
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
        Ok(SocketName { _object: object.map_err(io::Error::other)? })
    }
}
