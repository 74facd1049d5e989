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

/// Runs `function` in a process of its own, for each start method, and returns what it made others write.
fn in_a_process(function: fn(&str, StartMethod)) -> Vec<String> {
    let run = METHODS.map(|method| {
        let witness = Witness::new();
        // A function's address is the same in a child of the same program only when that was forked.
        // SAFETY: the child is the only thread that goes on; it allocates, which glibc's own fork handlers make safe.
        let process = unsafe {
            Process::builder().fork(|| {
                Process::builder().method(method).spawn(|(): ()| (), ()).unwrap().join().unwrap();
                function(&witness.path(), method);
            })
        }
        .unwrap();
        process.join().unwrap();
        witness.read()
    });
    run.into()
}

#[test]
fn directory_umask_and_environment() {
    for told in in_a_process(|path, method| {
        std::env::set_current_dir("/usr").unwrap();
        // SAFETY: this process has one thread.
        unsafe {
            std::env::set_var("MANYHANDS_TEST", "a=b\nc");
            std::env::remove_var("HOME");
            libc::umask(0o027);
        }
        let process = Process::builder().method(method).spawn(
            |path: String| {
                // SAFETY: this process has one thread.
                let umask = unsafe { libc::umask(0) };
                let directory = std::env::current_dir().unwrap();
                let variable = std::env::var("MANYHANDS_TEST").unwrap();
                let home = std::env::var_os("HOME").is_none();
                let handed = std::env::var_os("MANYHANDS_HANDOVER").is_none();
                witness::write(
                    &path,
                    &format!("{} {umask:o} {variable} {home} {handed}", directory.display()),
                );
            },
            path.to_owned(),
        );
        process.unwrap().join().unwrap();
    }) {
        assert_eq!(told, "/usr 27 a=b\nc true true");
    }
}

#[test]
fn standard_descriptors_as_they_are_now() {
    for told in in_a_process(|path, method| {
        let file = std::fs::File::options().append(true).open(path).unwrap();
        // SAFETY: this process's own standard descriptors, which nobody else uses.
        unsafe {
            libc::dup2(file.as_raw_fd(), 1);
            libc::close(0);
        }
        let process = Process::builder().method(method).spawn(
            |(): ()| {
                // SAFETY: asks only.
                let input = unsafe { libc::fcntl(0, libc::F_GETFD) };
                println!("standard input: {input}");
            },
            (),
        );
        process.unwrap().join().unwrap();
    }) {
        assert_eq!(told, "standard input: -1\n");
    }
}

#[test]
fn no_other_descriptor() {
    for told in in_a_process(|path, method| {
        let path = path.to_owned();
        let process = Process::builder().method(method).spawn(
            |path: String| {
                let kinds: Vec<String> = std::fs::read_dir("/proc/self/fd")
                    .unwrap()
                    .filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok())
                    .map(|target| target.to_string_lossy().into_owned())
                    .filter(|target| target.contains("pipe:") || target.contains("witness"))
                    .collect();
                witness::write(&path, &format!("{}.", kinds.join(" ")));
            },
            path.clone(),
        );
        let (_reader, _writer) = std::io::pipe().unwrap();
        let _file = std::fs::File::open(&path).unwrap();
        process.unwrap().join().unwrap();
    }) {
        let standard: Vec<&str> = told.trim_end_matches('.').split_whitespace().collect();
        assert!(standard.len() <= 3 && !told.contains("witness"), "{told}");
    }
}

#[test]
fn blocked_and_ignored_signals() {
    for told in in_a_process(|path, method| {
        // SAFETY: dispositions and mask of this process, which has one thread.
        unsafe {
            libc::signal(libc::SIGUSR1, libc::SIG_IGN);
            libc::signal(libc::SIGUSR2, witness::handler as *const () as libc::sighandler_t);
            let mut set = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            libc::sigaddset(&raw mut set, libc::SIGHUP);
            libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut());
        }
        let process = Process::builder().method(method).spawn(
            |path: String| {
                let status = std::fs::read_to_string("/proc/self/status").unwrap();
                let line = |name: &str| {
                    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
                    u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap()
                };
                let bit = |set: u64, signal: i32| set >> (signal - 1) & 1;
                witness::write(
                    &path,
                    &format!(
                        "{:x} {} {} {}",
                        line("SigBlk"),
                        bit(line("SigIgn"), libc::SIGUSR1),
                        bit(line("SigIgn"), libc::SIGPIPE),
                        line("SigCgt")
                            & !(1 << (libc::SIGSEGV - 1))
                            & !(1 << (libc::SIGBUS - 1))
                            & 0x7fff_ffff,
                    ),
                );
            },
            path.to_owned(),
        );
        process.unwrap().join().unwrap();
    }) {
        // SIGHUP blocked, SIGUSR1 ignored, SIGPIPE ignored as in any Rust program, no handler.
        assert_eq!(told, "1 1 1 0");
    }
}

#[test]
fn a_changed_limit_reaches_the_next_process() {
    for told in in_a_process(|path, method| {
        let limit = libc::rlimit { rlim_cur: 512, rlim_max: 512 };
        // SAFETY: this process's own limit.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
        let process = Process::builder().method(method).spawn(
            |path: String| {
                let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
                // SAFETY: writes one record.
                unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
                witness::write(&path, &limit.rlim_max.to_string());
            },
            path.to_owned(),
        );
        process.unwrap().join().unwrap();
    }) {
        assert_eq!(told, "512");
    }
}
