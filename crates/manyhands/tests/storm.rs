//! Two producers and two consumers of one queue, killed with SIGKILL at random moments and started again.
//!
//! No hang, no torn message, none delivered twice; lost at most one message per killed consumer; and when all is over
//! no block is held. `MANYHANDS_STORM_KILLS` says how many kills (100 unless told); `MANYHANDS_STORM_SEED` repeats a
//! storm's choices, though not its timing. It has a `main` of its own since it forks, which only a process
//! with one thread may do as it likes, and it ends only processes that it started.

use manyhands::arena::{self, Arena, ProcessId, Role};
use manyhands::channel::{Buffer, GetError, PutError, RawQueue};
use manyhands::platform::Deadline;
use manyhands::sync::Blocking;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(120);
const MESSAGES: usize = 1 << 28;
const PUT: u8 = 1;
const TAKEN: u8 = 2;

/// What all processes of the storm see besides the arena.
struct Ledger {
    next: AtomicU64,
    taken: AtomicU64,
    torn: AtomicU64,
    twice: AtomicU64,
    stop: AtomicBool,
    /// One byte per message: PUT when `put` has returned, TAKEN when `get` has returned it.
    messages: [AtomicU8; MESSAGES],
}

fn ledger() -> &'static Ledger {
    let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a fresh anonymous map, as long as a ledger, zeroed, page-aligned and never unmapped; zeros are a ledger.
    unsafe {
        let memory = libc::mmap(
            std::ptr::null_mut(),
            size_of::<Ledger>(),
            libc::PROT_READ | libc::PROT_WRITE,
            flags,
            -1,
            0,
        );
        assert_ne!(memory, libc::MAP_FAILED, "no memory for the ledger");
        &*memory.cast::<Ledger>()
    }
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// The bytes of message `number`: the number, then what only follows from it; mostly small, sometimes a block.
fn fill(number: u64, bytes: &mut Vec<u8>) {
    let mut random = Random(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let length = match random.below(20) {
        0 => 1000 + random.below(20_000),
        1..=4 => 100 + random.below(600),
        _ => 8 + random.below(90),
    };
    bytes.clear();
    bytes.extend_from_slice(&number.to_le_bytes());
    while (bytes.len() as u64) < length {
        bytes.extend_from_slice(&random.next().to_le_bytes());
    }
    bytes.truncate(length as usize);
}

fn soon() -> Option<Deadline> {
    Deadline::after(Duration::from_secs(1))
}

fn produce(queue: &RawQueue, ledger: &Ledger, parent: i32) {
    let mut bytes = Vec::new();
    while !ledger.stop.load(Ordering::Relaxed) {
        let number = ledger.next.fetch_add(1, Ordering::Relaxed);
        fill(number, &mut bytes);
        loop {
            match queue.put(&bytes, bytes.len() as u32, soon(), &Blocking) {
                Ok(()) => break,
                Err(PutError::Full { .. }) => leave_if_orphaned(parent),
                Err(error) => panic!("{error}"),
            }
        }
        ledger.messages[number as usize].fetch_or(PUT, Ordering::Relaxed);
        sweep_now_and_then(number);
    }
}

fn consume(queue: &RawQueue, ledger: &Ledger, parent: i32) {
    let (mut buffer, mut expected) = (Buffer::new(), Vec::new());
    loop {
        let message = match queue.get(&mut buffer, soon(), &Blocking) {
            Ok(message) => message,
            Err(GetError::Empty { .. }) => {
                leave_if_orphaned(parent);
                continue;
            }
            Err(GetError::Closed { .. }) => return,
            Err(error) => panic!("{error}"),
        };
        // Noted before anything else, so that hardly a message is lost between its slot and the ledger.
        let number = message.content.first_chunk().map_or(u64::MAX, |head| u64::from_le_bytes(*head));
        let state = ledger.messages.get(number as usize);
        if state.is_some_and(|state| state.fetch_or(TAKEN, Ordering::Relaxed) & TAKEN != 0) {
            ledger.twice.fetch_add(1, Ordering::Relaxed);
        }
        fill(number, &mut expected);
        if message.content[..] != expected || message.tag as usize != expected.len() {
            ledger.torn.fetch_add(1, Ordering::Relaxed);
        }
        ledger.taken.fetch_add(1, Ordering::Relaxed);
        sweep_now_and_then(number);
    }
}

/// The members sweep, too, so that sweepers are killed as well.
fn sweep_now_and_then(number: u64) {
    if number.is_multiple_of(509) {
        manyhands::sweep_the_dead();
    }
}

fn leave_if_orphaned(parent: i32) {
    // SAFETY: neither call touches memory.
    unsafe {
        if libc::getppid() != parent {
            libc::_exit(1);
        }
    }
}

/// The four members: two producers, then two consumers. Dropping them ends those that are left.
struct Members<'a> {
    queue: &'a RawQueue,
    ledger: &'static Ledger,
    pids: [i32; 4],
    slots: [Option<ProcessId>; 4],
}

impl<'a> Members<'a> {
    fn start(queue: &'a RawQueue, ledger: &'static Ledger) -> Members<'a> {
        let mut members = Members { queue, ledger, pids: [0; 4], slots: [None; 4] };
        (0..4).for_each(|place| members.fork(place));
        members
    }

    fn fork(&mut self, place: usize) {
        let parent = std::process::id() as i32;
        let slot = Arena::get().and_then(|arena| arena.claim_process("member", Role::User)).expect("a slot");
        arena::next_child(slot);
        self.slots[place] = Some(slot);
        // SAFETY: this process has one thread; the child runs only what it inherits and leaves by `_exit`.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0, "no process left for the storm");
        if pid == 0 {
            let work = if place < 2 { produce } else { consume };
            let end = std::panic::catch_unwind(|| work(self.queue, self.ledger, parent));
            // SAFETY: ends the process.
            unsafe { libc::_exit(i32::from(end.is_err()) * 3) }
        }
        self.pids[place] = pid;
    }

    fn kill(&mut self, place: usize) {
        // SAFETY: a child of this process that it has not waited for yet, so the number is still the child's.
        unsafe { libc::kill(self.pids[place], libc::SIGKILL) };
        assert_eq!(self.wait(place), libc::SIGKILL, "a member failed before it was killed");
    }

    /// Waits for a member and gives its status, as the kernel encodes it.
    fn wait(&mut self, place: usize) -> i32 {
        let mut status = 0;
        // SAFETY: waits for a child of this process; the status is a local.
        let pid = unsafe { libc::waitpid(self.pids[place], &mut status, 0) };
        assert_eq!(pid, self.pids[place]);
        self.pids[place] = 0;
        // Killed before it took its slot, it leaves that to whoever started it.
        self.slots[place].take().into_iter().for_each(arena::abandon_child);
        status
    }

    /// Waits until more messages than `before` were taken.
    fn wait_for_progress(&self, before: u64) {
        let limit = Instant::now() + PATIENCE;
        while self.ledger.taken.load(Ordering::Relaxed) <= before {
            assert!(Instant::now() < limit, "the queue hangs: {:?}", self.queue.statistics());
            std::thread::yield_now();
        }
    }
}

impl Drop for Members<'_> {
    fn drop(&mut self) {
        for pid in self.pids.iter().filter(|pid| **pid > 0) {
            // SAFETY: children of this process that were not waited for, so the numbers are still theirs.
            unsafe {
                libc::kill(*pid, libc::SIGKILL);
                libc::waitpid(*pid, std::ptr::null_mut(), 0);
            }
        }
    }
}

fn storm(name: &str, queue: RawQueue, kills: u64, random: &mut Random) {
    let arena = Arena::get().expect("an arena");
    let ledger = ledger();
    let mut members = Members::start(&queue, ledger);
    let mut killed_consumers = 0;
    for _ in 0..kills {
        members.wait_for_progress(ledger.taken.load(Ordering::Relaxed) + random.below(200));
        let moment = random.below(3000);
        (0..moment).for_each(|_| std::hint::spin_loop());
        let place = random.below(4) as usize;
        members.kill(place);
        killed_consumers += u64::from(place >= 2);
        if random.below(4) > 0 {
            manyhands::sweep_the_dead();
        }
        members.fork(place);
    }
    members.wait_for_progress(ledger.taken.load(Ordering::Relaxed));
    ledger.stop.store(true, Ordering::Relaxed);
    manyhands::sweep_the_dead();
    assert_eq!([members.wait(0), members.wait(1)], [0, 0], "a producer failed");
    queue.close();
    assert_eq!([members.wait(2), members.wait(3)], [0, 0], "a consumer failed");
    manyhands::sweep_the_dead();

    let count = ledger.next.load(Ordering::Relaxed) as usize;
    let lost =
        ledger.messages[..count].iter().filter(|state| state.load(Ordering::Relaxed) == PUT).count() as u64;
    let (torn, twice) = (ledger.torn.load(Ordering::Relaxed), ledger.twice.load(Ordering::Relaxed));
    println!(
        "storm, {name} queue: {kills} kills ({killed_consumers} of consumers), {} of {count} messages taken, \
         {lost} lost with their takers, {torn} torn, {twice} twice",
        ledger.taken.load(Ordering::Relaxed)
    );
    assert_eq!((torn, twice), (0, 0), "messages torn, messages taken twice");
    assert!(lost <= killed_consumers, "more messages lost than the killed ones held");
    assert_eq!(queue.len(), 0);
    drop(members);
    drop(queue);
    assert_eq!(arena.blocks_held(), 0, "blocks are held though nobody lives who could hold them");
}

fn main() {
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let kills = number("MANYHANDS_STORM_KILLS").unwrap_or(100);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock after 1970");
    let seed = number("MANYHANDS_STORM_SEED").unwrap_or(now.as_nanos() as u64) | 1;
    println!("storm: MANYHANDS_STORM_SEED={seed}");
    let mut random = Random(seed);
    let queue = |limit| RawQueue::bounded(limit).expect("room for a queue");
    storm("a small", queue(64), kills - kills / 2, &mut random);
    storm("a single-slot", queue(1), kills / 4, &mut random);
    storm("a large", queue(5000), kills / 2 - kills / 4, &mut random);
}
