//! What a process finds that another one made on its parent's behalf: what a fork of the parent would have found.
//!
//! Each test runs in a process of its own, so that it may change what belongs to the whole process. The zygote exists
//! before the change: what is inherited is the parent's state at the time of the start.

mod until;
mod witness;

use manyhands::spawn::{Process, StartMethod};
use std::os::fd::AsRawFd;
use witness::Witness;

const METHODS: [StartMethod; 2] = [StartMethod::Zygote, StartMethod::Exec];

/// Runs `prepare` in a process of its own, for each start method, and then `look` in one that it starts. What that
/// says, or what else was written to the file at the path.
fn seen_by_a_child(prepare: fn(&str), look: impl Fn() -> String + Copy + Send + 'static) -> [String; 2] {
    METHODS.map(|method| {
        let witness = Witness::new();
        // A function's address is the same in a child of the same program only when that was forked.
        // SAFETY: the child is the only thread that goes on; it allocates, which glibc's own fork handlers make safe.
        let process = unsafe {
            Process::builder().fork(|| {
                Process::builder().method(method).spawn(|(): ()| (), ()).unwrap().join().unwrap();
                prepare(&witness.path());
                let look = move |path: String| witness::write(&path, &look());
                Process::builder().method(method).spawn(look, witness.path()).unwrap().join().unwrap();
            })
        }
        .unwrap();
        process.join().unwrap();
        witness.read()
    })
}

#[test]
fn directory_umask_and_environment() {
    let prepare = |_: &str| {
        std::env::set_current_dir("/usr").unwrap();
        // SAFETY: this process has one thread.
        unsafe {
            std::env::set_var("MANYHANDS_TEST", "a=b\nc");
            std::env::remove_var("HOME");
            libc::umask(0o027);
        }
    };
    let look = || {
        // SAFETY: this process has one thread.
        let umask = unsafe { libc::umask(0) };
        let directory = std::env::current_dir().unwrap();
        let variable = std::env::var("MANYHANDS_TEST").unwrap();
        let home = std::env::var_os("HOME").is_none();
        let handed = std::env::var_os("MANYHANDS_HANDOVER").is_none();
        format!("{} {umask:o} {variable} {home} {handed}", directory.display())
    };
    for told in seen_by_a_child(prepare, look) {
        assert_eq!(told, "/usr 27 a=b\nc true true");
    }
}

#[test]
fn standard_descriptors_as_they_are_now() {
    let prepare = |path: &str| {
        let file = std::fs::File::options().append(true).open(path).unwrap();
        // SAFETY: this process's own standard descriptors, which nobody else uses.
        unsafe {
            libc::dup2(file.as_raw_fd(), 1);
            libc::close(0);
        }
    };
    let look = || {
        // SAFETY: asks only.
        let input = unsafe { libc::fcntl(0, libc::F_GETFD) };
        println!("standard input: {input}");
        String::new()
    };
    for told in seen_by_a_child(prepare, look) {
        assert_eq!(told, "standard input: -1\n");
    }
}

#[test]
fn no_other_descriptor() {
    let prepare = |path: &str| {
        std::mem::forget((std::io::pipe().unwrap(), std::fs::File::open(path).unwrap()));
    };
    let look = || {
        let kinds: Vec<String> = std::fs::read_dir("/proc/self/fd")
            .unwrap()
            .filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok())
            .map(|target| target.to_string_lossy().into_owned())
            .filter(|target| target.contains("pipe:") || target.contains("witness"))
            .collect();
        format!("{}.", kinds.join(" "))
    };
    for told in seen_by_a_child(prepare, look) {
        let standard: Vec<&str> = told.trim_end_matches('.').split_whitespace().collect();
        assert!(standard.len() <= 3 && !told.contains("witness"), "{told}");
    }
}

#[test]
fn blocked_and_ignored_signals() {
    let prepare = |_: &str| {
        // SAFETY: dispositions and mask of this process, which has one thread.
        unsafe {
            libc::signal(libc::SIGUSR1, libc::SIG_IGN);
            libc::signal(libc::SIGUSR2, witness::handler as *const () as libc::sighandler_t);
            let mut set = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            libc::sigaddset(&raw mut set, libc::SIGHUP);
            libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut());
        }
    };
    let look = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap()
        };
        let bit = |set: u64, signal: i32| set >> (signal - 1) & 1;
        format!(
            "{:x} {} {} {}",
            line("SigBlk"),
            bit(line("SigIgn"), libc::SIGUSR1),
            bit(line("SigIgn"), libc::SIGPIPE),
            line("SigCgt") & !(1 << (libc::SIGSEGV - 1)) & !(1 << (libc::SIGBUS - 1)) & 0x7fff_ffff,
        )
    };
    for told in seen_by_a_child(prepare, look) {
        // SIGHUP blocked, SIGUSR1 ignored, SIGPIPE ignored as in any Rust program, no handler.
        assert_eq!(told, "1 1 1 0");
    }
}

#[test]
fn a_changed_limit_reaches_the_next_process() {
    let prepare = |_: &str| {
        let limit = libc::rlimit { rlim_cur: 512, rlim_max: 512 };
        // SAFETY: this process's own limit.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    };
    let look = || {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: writes one record.
        unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
        limit.rlim_max.to_string()
    };
    for told in seen_by_a_child(prepare, look) {
        assert_eq!(told, "512");
    }
}
