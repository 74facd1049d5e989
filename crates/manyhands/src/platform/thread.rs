//! The calling thread, as the kernel knows it.
//!
//! Offers a yield of the processor and the kernel's number of the thread. It does not start threads, and it
//! says nothing about any thread but the caller.

/// Lets another runnable thread have this processor.
#[cfg(not(manyhands_model))]
pub fn yield_now() {
    rustix::thread::sched_yield();
}

/// In the model a yield tells the checker that somebody else must move first.
#[cfg(manyhands_model)]
pub fn yield_now() {
    loom::thread::yield_now();
}

/// Whether the calling thread is the only one of its process, as the kernel counts them; not when that cannot be told.
#[cfg(not(manyhands_model))]
pub fn is_only_one() -> bool {
    // A folder for each thread, and the two that every folder has.
    rustix::fs::stat("/proc/self/task").is_ok_and(|tasks| tasks.st_nlink == 3)
}

/// The kernel's number of the calling thread.
#[cfg(not(manyhands_model))]
pub fn gettid() -> u32 {
    rustix::thread::gettid().as_raw_nonzero().get() as u32
}
