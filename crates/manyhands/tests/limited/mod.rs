//! Children that limit their address space, for the tests of what they cannot map.

#![allow(dead_code, reason = "each test program uses its part")]

use manyhands::shared::Event;

const MIB: u64 = 1 << 20;

pub fn limit(mib: u64) {
    let limit = libc::rlimit { rlim_cur: mib * MIB, rlim_max: mib * MIB };
    // SAFETY: sets a limit of this process from one record.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
}

/// A limit in bytes that can be taken back.
pub fn limit_softly(bytes: u64) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: sets a limit of this process from one record.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
}

/// Takes the soft limit of another process back.
pub fn raise_limit(pid: u32) {
    let limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: sets a limit of that process from one record.
    let set = unsafe { libc::prlimit(pid as i32, libc::RLIMIT_AS, &raw const limit, std::ptr::null_mut()) };
    assert_eq!(set, 0);
}

/// How many bytes of this process's address space are mapped.
pub fn mapped() -> u64 {
    let listed = std::fs::read_to_string("/proc/self/statm").unwrap();
    listed.split(' ').next().unwrap().parse::<u64>().unwrap() * 4096
}

/// Nothing can be mapped any more, whatever is unmapped. What is allocated from here on has to fit where something was
/// freed.
fn limit_to_less_than_is_mapped() {
    drop(vec![1_u8; 100_000]);
    limit(1);
}

/// What a child and its parent tell one another.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
pub struct Steps {
    pub begun: Event,
    pub go: Event,
    pub done: Event,
    pub end: Event,
}

impl Steps {
    pub fn new() -> Steps {
        let event = || Event::new().unwrap();
        Steps { begun: event(), go: event(), done: event(), end: event() }
    }

    /// In a child: what `work` does is done without any address space left, when the parent says so.
    pub fn take(self, work: impl FnOnce()) {
        self.begun.set();
        self.go.wait();
        limit_to_less_than_is_mapped();
        work();
        self.done.set();
        self.end.wait();
    }
}
