//! Making a copy of the calling process: hooks around `fork`, and clones that skip glibc.
//!
//! [`on_fork`] has glibc call us around every `fork`. [`fork_plain`] is glibc's `fork`. [`clone_sibling`] is the bare
//! clone system call with CLONE_PARENT, whose child becomes the caller's sibling. It runs no fork handler at all. So
//! the caller must be single-threaded, with no library loaded that relies on handlers, and must run the engine's own
//! hooks. It repairs what glibc keeps per thread: the stored tid, the clear-on-exit address, the robust list.

use std::io;

/// Which side of a fork the caller is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The process that called; the child has this pid.
    Parent(u32),
    /// The new process.
    Child,
}

/// Has glibc call `prepare` before each `fork` of this process, and `parent` or `child` after it.
///
/// # Errors
/// ENOMEM.
pub fn on_fork(prepare: extern "C" fn(), parent: extern "C" fn(), child: extern "C" fn()) -> io::Result<()> {
    // SAFETY: three valid functions of the required type, which live as long as the image they stand in.
    let code = unsafe { libc::pthread_atfork(Some(prepare), Some(parent), Some(child)) };
    if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code)) }
}

/// glibc's `fork`, with all registered handlers.
///
/// # Errors
/// EAGAIN when processes have run out, ENOMEM.
///
/// # Safety
/// The child may use only what survives a fork of a process with this one's threads. With more than one thread, that is
/// nothing that could wait for a lock which another thread held.
pub unsafe fn fork_plain() -> io::Result<Side> {
    // SAFETY: the caller's promise.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Side::Child),
        pid => Ok(Side::Parent(pid as u32)),
    }
}

/// Clones the calling process. The child's parent is the caller's parent, which alone can reap it.
///
/// # Errors
/// EAGAIN when processes have run out, ENOMEM, EPERM under a filter.
///
/// # Safety
/// The caller has one thread, and nothing is loaded that relies on fork handlers.
pub unsafe fn clone_sibling() -> io::Result<Side> {
    let mut tid_address: *mut libc::c_int = std::ptr::null_mut();
    // SAFETY: the kernel writes one pointer to where we say.
    if unsafe { libc::prctl(libc::PR_GET_TID_ADDRESS, &raw mut tid_address) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut robust_head: *mut libc::c_void = std::ptr::null_mut();
    let mut robust_length: libc::size_t = 0;
    // SAFETY: asks for this thread's own list; the kernel writes to the two places.
    if unsafe { libc::syscall(libc::SYS_get_robust_list, 0, &raw mut robust_head, &raw mut robust_length) }
        != 0
    {
        return Err(io::Error::last_os_error());
    }
    let flags = libc::CLONE_PARENT | libc::CLONE_CHILD_SETTID | libc::CLONE_CHILD_CLEARTID | libc::SIGCHLD;
    // SAFETY: without CLONE_VM and with no new stack the child runs on a copy of this one, as after fork. The tid
    // address is the one that glibc registered for this thread, so its stored tid becomes the child's.
    let pid = unsafe { legacy_clone(flags, tid_address) };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            // SAFETY: the head is glibc's own for this thread, copied with the memory; the kernel forgets it at clone.
            unsafe { libc::syscall(libc::SYS_set_robust_list, robust_head, robust_length) };
            Ok(Side::Child)
        }
        pid => Ok(Side::Parent(pid as u32)),
    }
}

/// # Safety
/// As `clone(2)` without CLONE_VM; `tid_address` is null or this thread's registered one.
#[cfg(target_arch = "x86_64")]
unsafe fn legacy_clone(flags: libc::c_int, tid_address: *mut libc::c_int) -> libc::c_long {
    // SAFETY: the caller's promise; on this architecture the child's tid comes before the thread area.
    unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, tid_address, 0) }
}

/// # Safety
/// As `clone(2)` without CLONE_VM; `tid_address` is null or this thread's registered one.
#[cfg(not(target_arch = "x86_64"))]
unsafe fn legacy_clone(flags: libc::c_int, tid_address: *mut libc::c_int) -> libc::c_long {
    // SAFETY: the caller's promise; here the thread area comes before the child's tid.
    unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, tid_address) }
}
