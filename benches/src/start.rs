//! Starting a process that ends at once, and waiting for it, in microseconds.
//!
//! The requester is small, or has filled memory of its own first: a fork copies its page tables, a zygote and a fresh
//! program do not.

use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

/// Starts `count` processes, one after the other, from a requester with `resident` bytes of its own.
pub fn start(subject: &str, count: u64, resident: usize) -> Option<f64> {
    let ballast = vec![1_u8; resident];
    let seconds = match subject {
        "manyhands" => timed(count, || {
            let process = manyhands::Process::spawn(nothing, ()).expect("a process");
            process.join().expect("it ends well");
        }),
        "re-exec" => timed(count, || {
            let mut child = Command::new("/proc/self/exe");
            assert!(child.arg("--nothing").status().expect("a process").success());
        }),
        "fork" => timed(count, || {
            // SAFETY: the child calls nothing but `_exit`.
            unsafe {
                match libc::fork() {
                    0 => libc::_exit(0),
                    child => assert_eq!(libc::waitpid(child, std::ptr::null_mut(), 0), child),
                }
            }
        }),
        _ => return None,
    };
    black_box(&ballast);
    Some(seconds * 1e6 / count as f64)
}

fn nothing((): ()) {}

fn timed(count: u64, mut step: impl FnMut()) -> f64 {
    // The first one pays for what is made once.
    step();
    let begun = Instant::now();
    for _ in 0..count {
        step();
    }
    begun.elapsed().as_secs_f64()
}
