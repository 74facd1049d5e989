//! Making a process that is nobody's child, at the cost of one copy of the page tables.
//!
//! Orphans fall to init, or to the nearest ancestor that asks for them. Where that is the caller itself, in a container
//! say, the orphan would be a child that the program did not make. A loop that waits for all children would then never
//! end. So there it is a child that no wait sees unless it asks for all kinds ([`start_hidden`]).
//!
//! A first child borrows the caller's memory (CLONE_VM, CLONE_VFORK), clones the second one and ends: the second is
//! left to init. No fork handler runs. So the second may use system calls and its own stack, but nothing that another
//! thread of the caller could have held a lock of: no allocation, no environment, no output. [`forget`] drops what it
//! inherited and does not need.

use super::exec::close_range;
use super::{maps, signal};
use std::io;
use std::os::fd::RawFd;

/// Room for the code that runs in the orphan: it never leaves this stack.
const STACK: usize = 512 << 10;

struct Task {
    run: unsafe fn(*const libc::c_void),
    argument: *const libc::c_void,
    error: i32,
}

/// Starts a process of its own session that calls `run` and ends when that returns. All signals are blocked in it.
///
/// # Errors
/// EAGAIN when processes have run out, ENOMEM.
///
/// # Safety
/// `run` uses system calls, what `argument` points to and constants; it neither allocates nor takes a lock.
pub unsafe fn start<T: Sync>(run: unsafe fn(*const libc::c_void), argument: &T) -> io::Result<()> {
    let mut task = Task { run, argument: (&raw const *argument).cast(), error: 0 };
    // A map of its own, so that the orphan can distinguish it from memory that it may forget.
    let stack = super::memory::reserve_private(STACK)?;
    let blocked = signal::block_all();
    // SAFETY: the first child uses only its stack, `task` and system calls while this thread is suspended; exit signal
    // 0 keeps it from the caller's own SIGCHLD handlers and waits.
    let pid = unsafe {
        libc::clone(
            leave_behind,
            stack.as_ptr().add(STACK).cast(),
            libc::CLONE_VM | libc::CLONE_VFORK,
            (&raw mut task).cast(),
        )
    };
    let failed = io::Error::last_os_error();
    if pid > 0 {
        // SAFETY: waits for the child just made, which nobody else can know.
        while unsafe { libc::waitpid(pid, std::ptr::null_mut(), libc::__WALL) } == -1
            && io::Error::last_os_error().raw_os_error() == Some(libc::EINTR)
        {}
    }
    signal::set_blocked(blocked);
    // SAFETY: the map was made above; the child that used it has ended, and the orphan has a copy.
    unsafe { libc::munmap(stack.as_ptr().cast(), STACK) };
    if pid < 0 {
        return Err(failed);
    }
    // SAFETY: a live local of that type, written by a child which has ended.
    match unsafe { std::ptr::read_volatile(&raw const task.error) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// Whether an orphan would fall to the calling process: it is the first of its pid namespace, or has asked for them.
pub fn would_fall_to_caller() -> bool {
    super::process::getpid() == 1 || super::process::is_subreaper().unwrap_or(false)
}

/// As [`start`], but a child of the calling process that sends no signal when it ends. No wait for children sees it,
/// except [`super::pidfd::reap_hidden`], which is to be called with the number that this returns when the child has
/// ended.
///
/// # Errors
/// As [`start`].
///
/// # Safety
/// As [`start`].
pub unsafe fn start_hidden<T: Sync>(run: unsafe fn(*const libc::c_void), argument: &T) -> io::Result<u32> {
    let mut task = Task { run, argument: (&raw const *argument).cast(), error: 0 };
    let stack = super::memory::reserve_private(STACK)?;
    let blocked = signal::block_all();
    // SAFETY: no flags: the child has a copy of everything, the task and its stack too, and exit signal 0.
    let pid = unsafe { libc::clone(begin, stack.as_ptr().add(STACK).cast(), 0, (&raw mut task).cast()) };
    let failed = io::Error::last_os_error();
    signal::set_blocked(blocked);
    // SAFETY: the map was made above, and nobody in this process has used it.
    unsafe { libc::munmap(stack.as_ptr().cast(), STACK) };
    u32::try_from(pid).map_err(|_| failed)
}

/// The first instructions of a hidden child.
extern "C" fn begin(task: *mut libc::c_void) -> libc::c_int {
    // SAFETY: this process's own copy of a `Task`, which nobody else sees.
    let task = unsafe { &*task.cast::<Task>() };
    // SAFETY: the caller of `start_hidden` vouches for `run`.
    unsafe { become_orphan(task) }
}

/// # Safety
/// In a process that was made for it; the maker of the task vouches for it.
unsafe fn become_orphan(task: &Task) -> ! {
    // SAFETY: system calls, and what the caller promises.
    unsafe {
        libc::setsid();
        libc::chdir(c"/".as_ptr());
        (task.run)(task.argument);
        libc::_exit(0);
    }
}

/// The first child: on borrowed memory, so system calls only.
extern "C" fn leave_behind(task: *mut libc::c_void) -> libc::c_int {
    // SAFETY: `start` passes a pointer to its `Task`, which nobody else touches until this process has ended.
    let task = unsafe { &mut *task.cast::<Task>() };
    // SAFETY: a clone without CLONE_VM and with no new stack continues here on a copy; exit signal 0, for init reaps
    // with __WALL or gets SIGCHLD on reparenting.
    match unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) } {
        -1 => {
            // SAFETY: the address of this thread's error number.
            task.error = unsafe { *libc::__errno_location() };
        }
        // SAFETY: the caller of `start` vouches for `run`.
        0 => unsafe { become_orphan(task) },
        _ => {}
    }
    // SAFETY: ends this process only.
    unsafe { libc::_exit(0) }
}

/// Closes every descriptor except those in `keep`, which is sorted.
///
/// # Safety
/// Nobody in this process uses another one any more.
pub unsafe fn close_all_but(keep: &[RawFd]) {
    let mut next = 0;
    for &descriptor in keep {
        if descriptor > next {
            // SAFETY: the caller's promise.
            unsafe { close_range(next, descriptor - 1) };
        }
        next = descriptor + 1;
    }
    // SAFETY: the caller's promise.
    unsafe { close_range(next, RawFd::MAX) };
}

/// Gives large private memory back that was inherited and holds none of `needed`, this stack or this thread's own data.
/// What was there reads as zeros afterwards. The heap of the first thread is left alone: the tables through which
/// thread-local data is found may stand there. Memory that begins where the map of a file ends is left alone, too.
/// There are the zeroed statics of a program or library, and the kernel makes one map of them and of a private one that
/// happens to come next.
///
/// # Safety
/// Everything that is used later stands in `needed`, in statics, on the stack, in thread-local storage or in files.
pub unsafe fn forget(needed: &[usize]) {
    const LARGE: usize = 1 << 20;
    let here = 0_u8;
    // SAFETY: reads this thread's own error number's address.
    let local = unsafe { libc::__errno_location() } as usize;
    let holds = |start: usize, end: usize| {
        [&raw const here as usize, local, thread_table()]
            .iter()
            .chain(needed)
            .any(|address| (start..end).contains(address))
    };
    let mut end_of_file = 0;
    // What cannot be listed is kept.
    let _ = maps::for_each_here(|line| {
        let Some(line) = maps::Line::read(line) else { return };
        let (start, end) = (line.start, line.end);
        if line.inode != 0 {
            end_of_file = end;
        }
        if line.access.starts_with(b"rw")
            && line.access.ends_with(b"p")
            && line.inode == 0
            && end - start >= LARGE
            && line.name != b"[heap]"
            && start != end_of_file
            && !holds(start, end)
        {
            // SAFETY: the caller's promise; the range is a whole map.
            unsafe { libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_DONTNEED) };
        }
    });
}

/// Where glibc keeps this thread's table of thread-local blocks.
#[cfg(target_arch = "x86_64")]
fn thread_table() -> usize {
    let table: usize;
    // SAFETY: reads the second word of the thread control block, which the ABI gives to that table.
    unsafe { std::arch::asm!("mov {}, fs:[8]", out(reg) table, options(nostack, readonly, preserves_flags)) };
    table
}

/// Where glibc keeps this thread's table of thread-local blocks.
#[cfg(not(target_arch = "x86_64"))]
fn thread_table() -> usize {
    // The first word of the thread control block.
    let table: usize;
    #[cfg(target_arch = "aarch64")]
    // SAFETY: reads the thread pointer's first word, which the ABI gives to that table.
    unsafe {
        std::arch::asm!("mrs {0}, tpidr_el0", "ldr {0}, [{0}]", out(reg) table, options(nostack, readonly));
    }
    #[cfg(not(target_arch = "aarch64"))]
    {
        table = 0;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::fork::{Side, fork_plain};
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Zeroed, and of a size that would be given back.
    static LARGE_AND_ZEROED: [AtomicU32; 1 << 19] = [const { AtomicU32::new(0) }; 1 << 19];

    #[test]
    fn statics_are_not_forgotten() {
        let middle = &LARGE_AND_ZEROED[1 << 18];
        middle.store(7, Ordering::Relaxed);
        // SAFETY: the child makes system calls and uses a static and its stack.
        match unsafe { fork_plain() }.unwrap() {
            // SAFETY: nothing but those two, as was said; and it ends without a look back.
            Side::Child => unsafe {
                forget(&[]);
                libc::_exit(middle.load(Ordering::Relaxed) as i32);
            },
            Side::Parent(child) => {
                let mut status = 0;
                // SAFETY: waits for the child just made, which nobody else knows.
                assert_eq!(unsafe { libc::waitpid(child as i32, &raw mut status, 0) }, child as i32);
                assert_eq!((libc::WIFEXITED(status), libc::WEXITSTATUS(status)), (true, 7));
            }
        }
    }
}
