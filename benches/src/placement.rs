//! Where the two ends of a measurement run.
//!
//! The scheduler often puts both on one core, where a wake is cheap and batches are large; on two cores the same
//! program may be several times slower or faster. So each figure is taken both ways.

/// Who chooses the core.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// The scheduler.
    Free,
    /// Each end keeps to its own core.
    Pinned,
}

impl Placement {
    /// Puts the calling thread where end number `end` (0 or 1) belongs.
    pub fn settle(self, end: usize) {
        if self == Placement::Free {
            return;
        }
        let allowed = allowed_cores();
        let core = allowed[end % allowed.len()];
        // SAFETY: the set is a plain value on this stack, of the size that is passed on.
        unsafe {
            let mut set: libc::cpu_set_t = std::mem::zeroed();
            libc::CPU_SET(core, &mut set);
            assert_eq!(libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set), 0);
        }
    }
}

fn allowed_cores() -> Vec<usize> {
    // SAFETY: as above; the kernel fills the set.
    let set = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        assert_eq!(libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set), 0);
        set
    };
    // SAFETY: the index stays below the size of the set.
    (0..libc::CPU_SETSIZE as usize).filter(|core| unsafe { libc::CPU_ISSET(*core, &set) }).collect()
}
