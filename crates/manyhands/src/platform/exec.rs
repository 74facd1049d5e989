//! Starting another program as a child, at a cost that does not depend on the caller's memory.
//!
//! The child borrows the caller's memory until it execs (CLONE_VM, CLONE_VFORK), as `posix_spawn` does. It inherits
//! exactly the descriptors that are named, and 0 to 2. No other descriptor of the caller's stays open in it, so nobody
//! waits for the end of a pipe that the child never knew. Ignored signals stay ignored and handlers are reset, as with
//! any exec; no fork handler runs.

use super::signal::{self, Mask};
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

/// What to execute, and with what.
#[derive(Debug)]
pub struct Exec<'a> {
    /// Path of the program.
    pub program: &'a CStr,
    /// Its arguments, the first being its name.
    pub arguments: &'a [CString],
    /// Its environment, as `NAME=value`.
    pub environment: &'a [CString],
    /// Descriptors it gets, under the same numbers; each at least 3.
    pub descriptors: &'a [BorrowedFd<'a>],
    /// Whether descriptors 0 to 2 are /dev/null, or an empty file where there is none, instead of the caller's.
    pub detached: bool,
    /// The signals that are blocked in it.
    pub blocked: Mask,
}

const STACK: usize = 64 << 10;

/// Starts the program; says its pid. The caller must reap it.
///
/// # Errors
/// What clone or exec answered: EAGAIN, ENOMEM, ENOENT, EACCES.
pub fn exec(plan: &Exec<'_>) -> io::Result<u32> {
    let arguments = pointers(plan.arguments);
    let environment = pointers(plan.environment);
    let mut keep: Vec<RawFd> = plan.descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    keep.sort_unstable();
    debug_assert!(keep.iter().all(|descriptor| *descriptor > 2), "0 to 2 are not for passing");
    let mut child = Child {
        program: plan.program.as_ptr(),
        arguments: arguments.as_ptr(),
        environment: environment.as_ptr(),
        keep: &keep,
        detached: plan.detached,
        blocked: plan.blocked,
        error: 0,
    };
    let mut stack = vec![0_u128; STACK / size_of::<u128>()];
    // With every signal blocked no handler of the caller's can run in the child while it borrows the memory.
    let blocked = signal::block_all();
    // SAFETY: `become_program` uses only its own stack, `child` and system calls; CLONE_VFORK suspends this thread
    // until it has exec'd or ended, so both outlive its use of them.
    let pid = unsafe {
        libc::clone(
            become_program,
            stack.as_mut_ptr_range().end.cast(),
            libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD,
            (&raw mut child).cast(),
        )
    };
    let failed = io::Error::last_os_error();
    signal::set_blocked(blocked);
    if pid < 0 {
        return Err(failed);
    }
    // Read from memory, since the child wrote it behind the compiler's back.
    // SAFETY: a live local of that type; the child has ended or exec'd.
    let error = unsafe { std::ptr::read_volatile(&raw const child.error) };
    if error != 0 {
        let _ = rustix::process::waitpid(
            rustix::process::Pid::from_raw(pid),
            rustix::process::WaitOptions::empty(),
        );
        return Err(io::Error::from_raw_os_error(error));
    }
    Ok(pid as u32)
}

struct Child<'a> {
    program: *const libc::c_char,
    arguments: *const *const libc::c_char,
    environment: *const *const libc::c_char,
    keep: &'a [RawFd],
    detached: bool,
    blocked: Mask,
    error: i32,
}

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect()
}

/// Runs in the child on borrowed memory: system calls only.
extern "C" fn become_program(child: *mut libc::c_void) -> libc::c_int {
    // SAFETY: `exec` passes a pointer to its `Child`, which nobody else touches until this process has left the memory.
    let child = unsafe { &mut *child.cast::<Child<'_>>() };
    signal::reset_handlers();
    // SAFETY: plain system calls; the descriptor table is this process's own copy.
    unsafe {
        if child.detached {
            let mut null = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR);
            if null < 0 {
                // Where there is no such file: an empty one, which takes what is written to it with it in the end.
                null = libc::syscall(libc::SYS_memfd_create, c"null".as_ptr(), 0) as libc::c_int;
            }
            if null < 0 {
                child.error = *libc::__errno_location();
                libc::_exit(127);
            }
            for descriptor in 0..3 {
                if null != descriptor {
                    libc::dup2(null, descriptor);
                }
            }
        }
        let mut next = 3;
        for &descriptor in child.keep {
            if descriptor > next {
                close_range(next, descriptor - 1);
            }
            libc::fcntl(descriptor, libc::F_SETFD, 0);
            next = descriptor + 1;
        }
        close_range(next, RawFd::MAX);
        signal::set_blocked(child.blocked);
        libc::execve(child.program, child.arguments, child.environment);
        child.error = *libc::__errno_location();
        libc::_exit(127)
    }
}

/// Closes all descriptors from `first` to `last`. System calls only, for a process that borrows or copies another one's
/// memory.
///
/// # Safety
/// The descriptors belong to nobody in this process.
pub(super) unsafe fn close_range(first: RawFd, last: RawFd) {
    // SAFETY: the caller's promise.
    let code = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    if code != 0 {
        // Kernels before 5.9, and filters that do not know the call.
        for descriptor in first..=last.min(65_536) {
            // SAFETY: the caller says that nobody uses it.
            unsafe { libc::close(descriptor) };
        }
    }
}
