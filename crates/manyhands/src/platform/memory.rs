//! Memory files: shared memory without a name in the file system.
//!
//! A file made here vanishes with its last descriptor and map, so nothing is left when all processes are killed. It is
//! sized once and sealed, so that no member can make another one's access fault. Pages are used when first touched.

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::mm::{MapFlags, ProtFlags};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::ptr::NonNull;

/// Makes a memory file of `size` bytes, close-on-exec, that can neither shrink nor grow. Only its user can open it anew
/// through /proc; a process that has a descriptor keeps what that allows.
///
/// # Errors
/// What the kernel says: EMFILE, ENFILE, ENOMEM, or EINVAL where memory files are switched off.
pub fn memory_file(name: &str, size: u64) -> io::Result<OwnedFd> {
    let file = rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    rustix::fs::fchmod(&file, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)?;
    rustix::fs::ftruncate(&file, size)?;
    rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(file)
}

/// Makes an empty memory file that grows as it is written, close-on-exec, for what one process leaves for another.
///
/// # Errors
/// As [`memory_file`].
pub fn note_file(name: &str) -> io::Result<OwnedFd> {
    let file = rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC)?;
    rustix::fs::fchmod(&file, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)?;
    Ok(file)
}

/// Writes `bytes` at the beginning of a note.
///
/// # Errors
/// What the kernel says.
pub fn write_note(file: impl AsFd, bytes: &[u8]) -> io::Result<()> {
    rustix::io::pwrite(file, bytes, 0).map(|_| ()).map_err(io::Error::from)
}

/// All that stands in a note.
///
/// # Errors
/// What the kernel says.
pub fn read_note(file: impl AsFd) -> io::Result<Vec<u8>> {
    let (_, size) = inode_and_size(&file)?;
    let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
    let got = rustix::io::pread(file, &mut bytes, 0)?;
    bytes.truncate(got);
    Ok(bytes)
}

/// What the kernel knows of a descriptor's file: which one it is (inode), and how many bytes it has.
///
/// # Errors
/// What the kernel says; for an open descriptor, nothing.
pub fn inode_and_size(file: impl AsFd) -> io::Result<(u64, u64)> {
    let status = rustix::fs::fstat(file)?;
    Ok((status.st_ino, u64::try_from(status.st_size).unwrap_or(0)))
}

/// Another descriptor, close-on-exec, of the file that has this number in the calling process; `None` when none has, or
/// descriptors have run out. Whose file that is the caller must look at.
pub(crate) fn duplicate(number: RawFd) -> Option<OwnedFd> {
    // SAFETY: only duplicated, and a number that is not open is an error of that.
    let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
    rustix::io::fcntl_dupfd_cloexec(descriptor, 3).ok()
}

/// Whether the file is a memory file that can shrink no more.
///
/// # Errors
/// EINVAL when it is no memory file.
pub fn cannot_shrink(file: impl AsFd) -> io::Result<bool> {
    Ok(rustix::fs::fcntl_get_seals(file)?.contains(SealFlags::SHRINK))
}

/// The limit of this process's address space in bytes, if there is one.
pub fn address_space_limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::As).current
}

/// The largest file that this process may make, in bytes, if there is a limit.
pub fn file_size_limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Fsize).current
}

/// Maps `size` bytes of `file` from `offset` on, a multiple of the page size, shared, for reading and writing, until
/// [`unmap`]. A core dump of the process leaves it out: to dump it would take all its pages from the kernel, used or
/// not.
///
/// # Errors
/// ENOMEM when address space or maps have run out.
pub fn map_shared(file: impl AsFd, offset: u64, size: usize) -> io::Result<NonNull<u8>> {
    let address = map(file, offset, size, MapFlags::SHARED)?;
    // SAFETY: the fresh map; what is read or written there does not change. Should the kernel refuse, a dump is merely
    // long.
    let _ = unsafe { rustix::mm::madvise(address.as_ptr().cast(), size, rustix::mm::Advice::LinuxDontDump) };
    Ok(address)
}

/// A fresh map of a part of `file`, for reading and writing.
fn map(file: impl AsFd, offset: u64, size: usize, flags: MapFlags) -> io::Result<NonNull<u8>> {
    let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, flags | MapFlags::NORESERVE);
    // SAFETY: a fresh map at an address of the kernel's choice overlaps nothing.
    let address = unsafe { rustix::mm::mmap(std::ptr::null_mut(), size, protection, flags, file, offset)? };
    NonNull::new(address.cast()).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

/// As [`map_shared`], from the file's beginning on, with a page behind it in which nothing can stand. So the kernel
/// never makes one map of this and another of the same file, and lists it from its first byte to its last.
///
/// # Errors
/// As there.
pub fn map_shared_apart(file: impl AsFd, size: usize) -> io::Result<NonNull<u8>> {
    let map = map_shared(file, 0, size + rustix::param::page_size())?;
    // SAFETY: the last page of a fresh map, which nobody knows.
    let guarded = unsafe {
        rustix::mm::mmap_anonymous(
            map.add(size).as_ptr().cast(),
            rustix::param::page_size(),
            ProtFlags::empty(),
            MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE,
        )
    };
    if let Err(error) = guarded {
        // SAFETY: the same map, all of it.
        unsafe { unmap(map, size + rustix::param::page_size()) };
        return Err(error.into());
    }
    Ok(map)
}

/// Undoes [`map_shared_apart`].
///
/// # Safety
/// As [`unmap`], of a map of that size from there.
pub unsafe fn unmap_apart(map: NonNull<u8>, size: usize) {
    // SAFETY: the caller's promise; the page behind was made with it.
    unsafe { unmap(map, size + rustix::param::page_size()) };
}

/// Maps what is `distance` bytes further in the file of a shared map than the map's page at `known`: for a file of
/// which no descriptor is left. Both are multiples of the page size.
///
/// # Errors
/// As [`map_shared`].
///
/// # Safety
/// `known` is a page of a shared map of a file that is longer than `distance + size` from there on.
pub unsafe fn map_beyond(known: NonNull<u8>, distance: usize, size: usize) -> io::Result<NonNull<u8>> {
    /// How far one step goes where the whole way is too long for the address space that is left.
    const STEP: usize = 16 << 20;
    let page = rustix::param::page_size();
    // SAFETY: the caller's promise, in all that follows. Moving nothing makes another map of the same file, which the
    // kernel lets be longer than the old one; what is unmapped is part of that.
    unsafe {
        if let Ok(map) = map_again(known, distance + size) {
            if distance > 0 {
                unmap(map, distance);
            }
            return Ok(map.add(distance));
        }
        let (mut from, mut left) = (known, distance);
        let mut last: Option<NonNull<u8>> = None;
        while left > STEP {
            let map = map_again(from, STEP + page);
            if let Some(last) = last.take() {
                unmap(last, STEP + page);
            }
            let map = map?;
            (from, left, last) = (map.add(STEP), left - STEP, Some(map));
        }
        let map = map_again(from, left + size);
        if let Some(last) = last {
            unmap(last, STEP + page);
        }
        let map = map?;
        if left > 0 {
            unmap(map, left);
        }
        Ok(map.add(left))
    }
}

/// Another map of a file, from the page at `known` of a shared map on.
///
/// # Safety
/// As [`map_beyond`].
unsafe fn map_again(known: NonNull<u8>, size: usize) -> io::Result<NonNull<u8>> {
    // SAFETY: of no bytes of the old map, which stays as it is; the new one is at an address of the kernel's choice.
    let address =
        unsafe { rustix::mm::mremap(known.as_ptr().cast(), 0, size, rustix::mm::MremapFlags::MAYMOVE)? };
    NonNull::new(address.cast()).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

/// Takes a map away, or a part of one.
///
/// # Safety
/// Nobody uses the range, which consists of whole pages.
pub unsafe fn unmap(address: NonNull<u8>, size: usize) {
    // SAFETY: the caller's promise. Should the kernel refuse, for want of maps, the range is merely lost.
    let _ = unsafe { rustix::mm::munmap(address.as_ptr().cast(), size) };
}

/// A view of a part of a file, unmapped on drop.
#[derive(Debug)]
pub struct Mapping {
    address: NonNull<u8>,
    size: usize,
}

// SAFETY: the map is plain memory that this value alone owns; nothing about it depends on the thread.
unsafe impl Send for Mapping {}
// SAFETY: as above; shared access is read-only unless the holder of the raw pointer orders it.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `size` bytes from `offset`, which must be a multiple of the page size. The view is copy-on-write: what is
    /// written to it, or by others to the file's pages after they were copied, stays private.
    ///
    /// # Errors
    /// EINVAL for an unaligned offset or no size, ENOMEM when the address space or the maps have run out.
    pub fn private(file: impl AsFd, offset: u64, size: usize) -> io::Result<Mapping> {
        Ok(Mapping { address: map(file, offset, size, MapFlags::PRIVATE)?, size })
    }

    /// The same, where all that is written is the file's.
    ///
    /// # Errors
    /// As for [`Mapping::private`].
    pub fn shared(file: impl AsFd, offset: u64, size: usize) -> io::Result<Mapping> {
        Ok(Mapping { address: map(file, offset, size, MapFlags::SHARED)?, size })
    }

    /// The first byte.
    pub fn as_ptr(&self) -> *mut u8 {
        self.address.as_ptr()
    }

    /// How many bytes are mapped.
    pub fn len(&self) -> usize {
        self.size
    }

    /// Whether no byte is mapped (never so for a map that was made).
    pub fn is_empty(&self) -> bool {
        self.size == 0
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the map was made for this value, and this value, its only owner, goes away.
        let unmapped = unsafe { rustix::mm::munmap(self.address.as_ptr().cast(), self.size) };
        debug_assert!(unmapped.is_ok(), "unmapping what we mapped cannot fail");
    }
}

/// Private zeroed memory for the life of the process, taken page by page when it is first touched.
///
/// # Errors
/// ENOMEM when the address space is limited below `size`.
pub fn reserve_private(size: usize) -> io::Result<NonNull<u8>> {
    // SAFETY: a fresh anonymous map at an address of the kernel's choice overlaps nothing; never unmapped.
    let address = unsafe {
        rustix::mm::mmap_anonymous(
            std::ptr::null_mut(),
            size,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::PRIVATE | MapFlags::NORESERVE,
        )?
    };
    NonNull::new(address.cast()).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

/// Gives the pages of a part of a memory file back to the kernel; they read as zeros afterwards. Nobody uses what is
/// stored there.
///
/// # Errors
/// What the kernel says; the memory is then merely kept.
pub fn punch_file(file: impl AsFd, offset: u64, size: u64) -> io::Result<()> {
    use rustix::fs::FallocateFlags;
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    Ok(rustix::fs::fallocate(file, flags, offset, size)?)
}

/// As [`punch_file`], of a range that is mapped.
///
/// # Errors
/// What the kernel says; the memory is then merely kept.
///
/// # Safety
/// `address..address + size` is page-aligned, inside a shared map, and nobody uses what is stored there.
pub unsafe fn punch_hole(address: *mut u8, size: usize) -> io::Result<()> {
    // SAFETY: the caller's promise.
    unsafe { rustix::mm::madvise(address.cast(), size, rustix::mm::Advice::LinuxRemove)? };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memory_file_is_its_users_own() {
        let file = memory_file("mode-test", 4096).unwrap();
        assert_eq!(rustix::fs::fstat(&file).unwrap().st_mode & 0o777, 0o600);
    }
}
