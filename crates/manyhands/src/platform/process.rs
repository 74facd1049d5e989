//! Processes as the kernel numbers them: pids, start times, namespaces and names of signals.
//!
//! A pid alone identifies nobody, since pids come back; together with its start time it does. Whether a process
//! has ended is asked of its pidfd (`platform::pidfd`), never of what stands here.

use std::os::unix::fs::MetadataExt;

/// The pid of the calling process.
pub fn getpid() -> u32 {
    rustix::process::getpid().as_raw_nonzero().get() as u32
}

/// The pid of the parent of the calling process; 0 when that is outside the pid namespace.
pub fn getppid() -> u32 {
    rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get() as u32)
}

/// When process `pid` started, in nanoseconds of the boot clock with the kernel's resolution (10 ms);
/// `None` when there is no such process.
pub fn start_time(pid: u32) -> Option<u64> {
    let per_second = rustix::param::clock_ticks_per_second();
    Some(super::stat::start_ticks(pid)?.saturating_mul(1_000_000_000 / per_second.max(1)))
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

/// How many descriptors the calling process may have open.
pub fn most_descriptors() -> u64 {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX)
}
