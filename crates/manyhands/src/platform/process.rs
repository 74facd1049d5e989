//! Processes as the kernel numbers them: pids, start times, namespaces and names of signals.
//!
//! A pid alone identifies no process, since pids come back; together with its start time it does. Whether a process has
//! ended is asked of its pidfd (`platform::pidfd`), never of what stands here.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;

/// The file of the program that is running, for an exec of it.
pub const OWN_PROGRAM: &CStr = c"/proc/self/exe";

/// The pid of the calling process.
pub fn getpid() -> u32 {
    rustix::process::getpid().as_raw_nonzero().get() as u32
}

/// The pid of the parent of the calling process; 0 when that is outside the pid namespace.
pub fn getppid() -> u32 {
    rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get() as u32)
}

/// The inode of the caller's pid namespace: two processes with different ones do not agree on pids.
pub fn pid_namespace() -> u64 {
    std::fs::metadata("/proc/self/ns/pid").map_or(0, |metadata| metadata.ino())
}

/// The name of a signal, such as `SIGKILL`; real-time signals and unknown ones are named by number.
pub fn signal_name(signal: i32) -> String {
    let name = match signal {
        libc::SIGHUP => "SIGHUP",
        libc::SIGINT => "SIGINT",
        libc::SIGQUIT => "SIGQUIT",
        libc::SIGILL => "SIGILL",
        libc::SIGTRAP => "SIGTRAP",
        libc::SIGABRT => "SIGABRT",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGKILL => "SIGKILL",
        libc::SIGUSR1 => "SIGUSR1",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGUSR2 => "SIGUSR2",
        libc::SIGPIPE => "SIGPIPE",
        libc::SIGALRM => "SIGALRM",
        libc::SIGTERM => "SIGTERM",
        libc::SIGCHLD => "SIGCHLD",
        libc::SIGCONT => "SIGCONT",
        libc::SIGSTOP => "SIGSTOP",
        libc::SIGTSTP => "SIGTSTP",
        libc::SIGXCPU => "SIGXCPU",
        libc::SIGXFSZ => "SIGXFSZ",
        libc::SIGSYS => "SIGSYS",
        _ => return format!("signal {signal}"),
    };
    name.to_owned()
}

/// Whether orphans among this process's descendants fall to it.
///
/// # Errors
/// None since Linux 3.4.
pub fn is_subreaper() -> std::io::Result<bool> {
    let mut answer: libc::c_int = 0;
    // SAFETY: the kernel writes one int to where we say.
    if unsafe { libc::prctl(libc::PR_GET_CHILD_SUBREAPER, &raw mut answer) } != 0 {
        return Err(std::io::Error::last_os_error());
    }
    Ok(answer != 0)
}

/// Has orphans among this process's descendants fall to it, or no longer.
///
/// # Errors
/// None since Linux 3.4.
pub fn set_subreaper(on: bool) -> std::io::Result<()> {
    // SAFETY: changes an attribute of this process and no memory.
    if unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, libc::c_ulong::from(on)) } != 0 {
        return Err(std::io::Error::last_os_error());
    }
    Ok(())
}

/// How many descriptors the calling process may have open.
pub fn most_descriptors() -> u64 {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// How many descriptors the calling process has open; if that is unknown, as many as there are numbers.
pub fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(usize::MAX, Iterator::count)
}

/// Raises the limits on descriptors and address space as far as the calling process may raise them.
pub fn raise_limits() {
    for resource in [libc::RLIMIT_NOFILE, libc::RLIMIT_AS] {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: reads and writes one record of ours.
        unsafe {
            if libc::getrlimit(resource, &raw mut limit) == 0 {
                limit.rlim_cur = limit.rlim_max;
                libc::setrlimit(resource, &raw const limit);
            }
        }
    }
}

/// The name of the program's file, as an exec of it gives it to the process.
pub fn program_name() -> CString {
    let file = std::fs::read_link(std::ffi::OsStr::from_bytes(OWN_PROGRAM.to_bytes())).ok();
    let name = file.as_deref().and_then(|file| file.file_name()).map(|name| name.as_bytes().to_vec());
    CString::new(name.unwrap_or_default()).unwrap_or_default()
}

/// Changes what the calling process is called in the kernel's lists (15 bytes of it). After an exec of [`OWN_PROGRAM`]
/// that is `exe`.
pub fn set_name(name: &CStr) {
    // SAFETY: the kernel reads a string that ends with a zero byte.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
}

/// Has `run` run when the process ends by a return from `main` or by `exit`: not after [`end_at_once`], an abort or a
/// signal.
pub fn at_exit(run: extern "C" fn()) {
    // SAFETY: a function of the right type, in an image that is not unloaded before it has run.
    unsafe { libc::atexit(run) };
}

/// Ends the calling process at once: no exit handler runs, and nothing is flushed.
pub fn end_at_once(code: i32) -> ! {
    // SAFETY: the process is over, and nobody uses its memory.
    unsafe { libc::_exit(code) }
}
