//! One of each primitive in one place, and the numbers that they guard.
//!
//! The shared ones and their numbers are seen by both processes; each process has private ones beside them.

use std::sync::atomic::{AtomicU64, Ordering};

use manyhands::sync::{RawBarrier, RawCondition, RawEvent, RawLock, RawRLock, RawSemaphore};

pub const LOCKS: usize = 3;
pub const PERMITS: u32 = 2;
pub const PARTIES: u32 = 2;

pub struct Objects {
    pub locks: [RawLock; LOCKS],
    pub rlock: RawRLock,
    pub semaphore: RawSemaphore,
    pub event: RawEvent,
    pub condition: RawCondition,
    /// Guards `Numbers::round`.
    pub round_lock: RawLock,
    pub barrier: RawBarrier,
    /// Taken; whoever gets it leaves it so, and somebody else releases it.
    pub signal: RawLock,
    pub numbers: &'static Numbers,
}

/// What is guarded, and how often each thing was done. Zeros at first.
#[derive(Default)]
pub struct Numbers {
    /// Under each lock, then under the re-entrant one: read and written in two steps.
    pub deposits: [AtomicU64; LOCKS + 1],
    /// As many, counted by one instruction.
    pub counted: [AtomicU64; LOCKS + 1],
    /// How many hold a permit, and the most that ever did.
    pub inside: AtomicU64,
    pub most_inside: AtomicU64,
    /// What the condition is about.
    pub round: AtomicU64,
    pub heard: AtomicU64,
    pub passed: AtomicU64,
    pub met: AtomicU64,
    pub signals_sent: AtomicU64,
    pub signals_got: AtomicU64,
}

/// What both processes see beside the objects.
#[derive(Default)]
pub struct Ledger {
    pub stop: AtomicU64,
    pub failures: AtomicU64,
    /// How many may still be waiting for somebody.
    pub waiters: AtomicU64,
    numbers: Numbers,
}

impl Ledger {
    pub fn get() -> &'static Ledger {
        static PLACE: std::sync::OnceLock<&'static Ledger> = std::sync::OnceLock::new();
        PLACE.get_or_init(|| {
            let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
            // SAFETY: a fresh anonymous map of that size, zeroed, page-aligned, never unmapped; zeros are a ledger.
            unsafe {
                let (size, rights) = (size_of::<Ledger>(), libc::PROT_READ | libc::PROT_WRITE);
                let memory = libc::mmap(std::ptr::null_mut(), size, rights, flags, -1, 0);
                assert_ne!(memory, libc::MAP_FAILED, "no memory for the ledger");
                &*memory.cast::<Ledger>()
            }
        })
    }
}

pub fn lasting<T>(object: T) -> &'static T {
    Box::leak(Box::new(object))
}

impl Objects {
    pub fn private() -> Objects {
        Objects {
            locks: std::array::from_fn(|_| RawLock::private()),
            rlock: RawRLock::private(),
            semaphore: RawSemaphore::private(PERMITS, PERMITS),
            event: RawEvent::private(),
            condition: RawCondition::private(),
            round_lock: RawLock::private(),
            barrier: RawBarrier::private(PARTIES),
            signal: RawLock::private(),
            numbers: lasting(Numbers::default()),
        }
    }

    pub fn shared() -> Objects {
        Objects {
            locks: std::array::from_fn(|_| RawLock::shared().expect("room in the arena")),
            rlock: RawRLock::shared().expect("room in the arena"),
            semaphore: RawSemaphore::shared(PERMITS, PERMITS).expect("room in the arena"),
            event: RawEvent::shared().expect("room in the arena"),
            condition: RawCondition::shared().expect("room in the arena"),
            round_lock: RawLock::shared().expect("room in the arena"),
            barrier: RawBarrier::shared(PARTIES).expect("room in the arena"),
            signal: RawLock::shared().expect("room in the arena"),
            numbers: &Ledger::get().numbers,
        }
    }

    /// What the objects say of themselves, and what was done with them.
    pub fn summary(&self) -> String {
        let numbers = self.numbers;
        let count = |number: &AtomicU64| number.load(Ordering::Acquire);
        let lock = |lock: &RawLock| {
            let seen = lock.statistics();
            format!(
                "held by {:?}, {} wait",
                seen.holder.map(|holder| (holder.pid, holder.thread)),
                seen.waiters
            )
        };
        format!(
            "locks {:?}; rlock {:?}; round's lock {}; signal {}; semaphore {:?}; event {:?}; condition {:?}; \
             barrier {:?}; deposits {:?}, rounds heard {}, events passed {}, met {}, signals {}",
            self.locks.each_ref().map(lock),
            self.rlock.statistics(),
            lock(&self.round_lock),
            lock(&self.signal),
            self.semaphore.statistics(),
            self.event.statistics(),
            self.condition.statistics(),
            self.barrier.statistics(),
            numbers.counted.each_ref().map(count),
            count(&numbers.heard),
            count(&numbers.passed),
            count(&numbers.met),
            count(&numbers.signals_got),
        )
    }

    /// That nothing was lost, once everybody has stopped.
    pub fn check(&self) {
        let numbers = self.numbers;
        let count = |number: &AtomicU64| number.load(Ordering::Acquire);
        assert_eq!(numbers.deposits.each_ref().map(count), numbers.counted.each_ref().map(count));
        assert!(count(&numbers.most_inside) <= u64::from(PERMITS));
        assert_eq!((count(&numbers.inside), self.semaphore.value()), (0, PERMITS));
        assert_eq!(self.condition.statistics().waiters + self.semaphore.statistics().waiters, 0);
        assert!(count(&numbers.signals_got) <= count(&numbers.signals_sent) + 1);
        let done = [&numbers.counted[0], &numbers.heard, &numbers.passed, &numbers.met, &numbers.signals_got];
        assert!(done.iter().all(|number| count(number) > 0), "something was never done: {}", self.summary());
    }
}
