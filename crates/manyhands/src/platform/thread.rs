//! The calling thread, as the kernel knows it.
//!
//! Offers a yield of the processor and the kernel's number of the thread. It does not start threads, and it
//! says nothing about any thread but the caller.

/// Lets another runnable thread have this processor.
#[cfg(not(manyhands_model))]
pub fn yield_now() {
    rustix::thread::sched_yield();
}

/// In the model a yield tells the checker that another thread must move first.
#[cfg(manyhands_model)]
pub fn yield_now() {
    loom::thread::yield_now();
}

/// Whether the calling thread is the only one of its process, as the kernel counts them; `false` when that is unknown.
#[cfg(not(manyhands_model))]
pub fn is_only_one() -> bool {
    // A folder for each thread, and the two that every folder has.
    rustix::fs::stat("/proc/self/task").is_ok_and(|tasks| tasks.st_nlink == 3)
}

/// How many threads the calling process has; `None` when that is unknown.
#[cfg(not(manyhands_model))]
pub fn count() -> Option<usize> {
    std::fs::read_dir("/proc/self/task").ok().map(Iterator::count)
}

/// What the kernel calls the thread `tid` of the calling process.
#[cfg(not(manyhands_model))]
pub fn name_of(tid: u32) -> Option<String> {
    let name = std::fs::read_to_string(format!("/proc/self/task/{tid}/comm")).ok()?;
    Some(name.trim_end().to_owned()).filter(|name| !name.is_empty())
}

/// The kernel's number of the calling thread.
#[cfg(not(manyhands_model))]
pub fn gettid() -> u32 {
    rustix::thread::gettid().as_raw_nonzero().get() as u32
}
