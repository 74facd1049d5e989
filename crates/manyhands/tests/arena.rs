//! Tests of the arena within one process and across real forks and kills. They count what the whole arena holds, so
//! they have a process to themselves and take turns in it.
//!
//! The children made here are raw forks of a test process, which has other threads; so they touch nothing but the arena
//! and end by a system call.

mod forked;

use forked::{assert_good, child, end_of, kill, sleep_for_ever};
use manyhands::arena::*;
use manyhands::channel::{Buffer, RawQueue};
use manyhands::platform::atomic::{AtomicU32, AtomicU64, Ordering};
use manyhands::platform::pidfd::{ExitStatus, PidFd};
use manyhands::sweep_the_dead;
use manyhands::sync::{Blocking, RawSemaphore};

/// What a fork's child does before the engine's own handlers run in it. Registered before the arena is made, so it is
/// first.
extern "C" fn before_the_slot_is_taken() {
    match AT_BIRTH.load(Ordering::Relaxed) {
        DIES => {
            // SAFETY: ends this process, which has done nothing yet.
            unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
        }
        WAITS => {
            // Should its test fail, it does not wait for ever.
            // SAFETY: sets a timer of this process.
            unsafe { libc::alarm(30) };
            let newborn = newborn();
            newborn.pid.store(u64::from(std::process::id()), Ordering::Release);
            while newborn.may_go_on.load(Ordering::Acquire) == 0 {
                std::thread::yield_now();
            }
        }
        _ => {}
    }
}

static AT_BIRTH: AtomicU32 = AtomicU32::new(0);
const DIES: u32 = 1;
const WAITS: u32 = 2;

/// What passes between a test and a child that waits before it takes its slot.
struct Newborn {
    pid: AtomicU64,
    may_go_on: AtomicU64,
}

fn newborn() -> &'static Newborn {
    static SHARED: std::sync::OnceLock<&'static Newborn> = std::sync::OnceLock::new();
    SHARED.get_or_init(|| {
        let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: a fresh shared map of a page, zeroed and never unmapped: two atomics.
        unsafe { &*libc::mmap(std::ptr::null_mut(), 4096, access, flags, -1, 0).cast::<Newborn>() }
    })
}

/// Forking tests take turns: the hooks' slots of one must not be seen by another's counts.
fn turn() -> std::sync::MutexGuard<'static, ()> {
    static REGISTER: std::sync::Once = std::sync::Once::new();
    REGISTER.call_once(|| {
        newborn();
        // SAFETY: a function of that type, which lives as long as the program.
        assert_eq!(unsafe { libc::pthread_atfork(None, None, Some(before_the_slot_is_taken)) }, 0);
    });
    let turn = forked::turn();
    newborn().pid.store(0, Ordering::Relaxed);
    newborn().may_go_on.store(0, Ordering::Relaxed);
    turn
}

/// A turn in an arena in which this process has its slot.
fn turn_with_arena() -> (std::sync::MutexGuard<'static, ()>, &'static Arena) {
    let turn = turn();
    this_process().unwrap();
    (turn, Arena::get().unwrap())
}

fn starting() -> usize {
    Arena::get().unwrap().starting().count()
}

/// An object of the arena: one permit of it is given for each thing that a child has done.
struct Counter(RawSemaphore);

fn counter() -> Counter {
    Counter(RawSemaphore::shared(7, 100).unwrap())
}

impl Counter {
    fn handle(&self) -> Handle {
        self.0.handle().unwrap()
    }
}

fn assert_gone(handle: Handle) {
    assert!(matches!(Object::attach(handle, Kind::SEMAPHORE), Err(ArenaError::Stale { .. })));
}

#[test]
fn an_object_lives_as_long_as_its_references() {
    let _turn = turn();
    let first = counter();
    let handle = first.handle();
    let second = first.0.clone_shared().unwrap();
    let third = Object::attach(handle, Kind::SEMAPHORE).unwrap();
    drop(first);
    drop(third);
    assert_eq!(second.value(), 7);
    assert!(matches!(Object::attach(handle, Kind::LOCK), Err(ArenaError::WrongKind { .. })));
    drop(second);
    assert_gone(handle);
}

#[test]
fn a_forked_child_keeps_what_its_parent_drops() {
    let _turn = turn();
    let object = counter();
    let handle = object.handle();
    let told = counter();
    let pid = child(|| {
        while told.0.value() != 8 {
            std::hint::spin_loop();
        }
        Object::attach(handle, Kind::SEMAPHORE).map(std::mem::forget).is_ok()
    });
    drop(object);
    assert!(Object::attach(handle, Kind::SEMAPHORE).map(drop).is_ok(), "the child's record keeps it");
    told.0.release(1).unwrap();
    assert_good(pid);
    sweep_the_dead();
    assert_gone(handle);
}

#[test]
fn blocks_of_a_killed_process_are_free_after_the_sweep() {
    let (_turn, arena) = turn_with_arena();
    let ready = counter();
    let before = arena.blocks_held();
    let pid = child(|| {
        for size in [10, 5_000, 3_000_000] {
            match arena.claim_block(size) {
                Ok(mut block) => block[0] = 1,
                Err(_) => return false,
            }
            std::mem::forget(arena.claim_block(size));
        }
        let _ = ready.0.release(1);
        sleep_for_ever()
    });
    while ready.0.value() != 8 {
        std::thread::yield_now();
    }
    let held = arena.blocks_held();
    kill(pid);
    sweep_the_dead();
    assert_eq!((held, arena.blocks_held()), (before + 3, before));
    assert!(arena.processes().all(|(_, slot)| slot.pid() != pid), "its slot is free");
}

#[test]
fn a_block_passes_from_hand_to_hand_and_is_used_again() {
    let (_turn, arena) = turn_with_arena();
    let block = arena.claim_block(1000).unwrap();
    let (id, place, queue) = (block.id(), block.as_ptr(), RawQueue::bounded(1).unwrap());
    drop(block);
    let message: Vec<u8> = b"hello".repeat(200);
    queue.put(&message, 0, None, &Blocking).unwrap();
    let mut buffer = Buffer::new();
    let taken = queue.get(&mut buffer, None, &Blocking).unwrap();
    assert_eq!(&*taken.content, message);
    assert_eq!(taken.content.as_ptr(), place, "the freed one is taken first");
    drop(taken);
    let again = arena.claim_block(1000).unwrap();
    assert_eq!(again.as_ptr(), place);
    assert_ne!(again.id(), id, "its number is another by then");
}

#[test]
fn a_payload_is_private_to_each_process() {
    let (_turn, arena) = turn_with_arena();
    let before = arena.blocks_held();
    let mut block = arena.claim_block(100_000).unwrap();
    block.fill(1);
    let payload = Payload::new(block).unwrap();
    let first = payload.as_ptr();
    let pid = child(|| {
        // SAFETY: the payload's first byte, in this process's private view.
        unsafe { first.write(2) };
        // SAFETY: as above.
        unsafe { first.read() == 2 && first.add(99_999).read() == 1 }
    });
    assert_good(pid);
    // SAFETY: the payload's first byte, which this thread alone uses.
    assert_eq!(unsafe { first.read() }, 1, "the child's write stays the child's");
    sweep_the_dead();
    assert_eq!(arena.blocks_held(), before + 1);
    drop(payload);
    assert_eq!(arena.blocks_held(), before);
}

#[test]
fn a_slot_whose_child_never_came_is_given_back() {
    let (_turn, arena) = turn_with_arena();
    let object = counter();
    let slot = arena.claim_process("never", Role::User).unwrap();
    arena.share_with(slot, &[object.handle()]);
    assert_eq!(arena.process_state(slot), Some(ProcessState::Starting));
    abandon_child(slot);
    assert_eq!(arena.process_state(slot), None);
    let handle = object.handle();
    drop(object);
    assert_gone(handle);
}

#[test]
fn a_copy_killed_before_it_took_its_slot_is_found_while_its_starter_lives() {
    let _turn = turn();
    let object = counter();
    AT_BIRTH.store(DIES, Ordering::Relaxed);
    let pid = child(|| true);
    AT_BIRTH.store(0, Ordering::Relaxed);
    PidFd::open(pid).unwrap().wait_dead(None).unwrap();
    assert_eq!(starting(), 1);
    sweep_the_dead();
    assert_eq!(starting(), 0);
    let handle = object.handle();
    drop(object);
    assert_gone(handle);
    assert_eq!(end_of(pid), ExitStatus::Signaled(libc::SIGKILL));
}

#[test]
fn a_fork_that_made_no_child_leaves_no_slot() {
    let _turn = turn();
    this_process().unwrap();
    prepare();
    assert_eq!(starting(), 1);
    sweep_the_dead();
    assert_eq!(starting(), 1, "the fork is not over");
    in_parent();
    sweep_the_dead();
    assert_eq!(starting(), 0);
}

/// Makes a child whose own child waits before it takes its slot; the numbers of both.
fn parent_and_newborn(handle: Handle) -> (u32, u32) {
    let parent = child(|| {
        AT_BIRTH.store(WAITS, Ordering::Relaxed);
        // It may keep what its parent held.
        child(|| Object::attach(handle, Kind::SEMAPHORE).map(std::mem::forget).is_ok());
        sleep_for_ever()
    });
    while newborn().pid.load(Ordering::Acquire) == 0 {
        std::thread::yield_now();
    }
    (parent, newborn().pid.load(Ordering::Acquire) as u32)
}

#[test]
fn a_copy_whose_starter_dies_first_finds_its_slot_and_what_it_holds() {
    let _turn = turn();
    let object = counter();
    let handle = object.handle();
    let (parent, copy) = parent_and_newborn(handle);
    drop(object);
    sweep_the_dead();
    kill(parent);
    sweep_the_dead();
    assert_eq!(starting(), 1, "the copy may still come for it");
    assert!(Object::attach(handle, Kind::SEMAPHORE).map(drop).is_ok(), "the copy's record keeps it");
    let arena = Arena::get().unwrap();
    let copy = PidFd::open(copy).unwrap();
    newborn().may_go_on.store(1, Ordering::Release);
    copy.wait_dead(None).unwrap();
    assert!(arena.processes().any(|(_, slot)| slot.pid() == newborn().pid.load(Ordering::Relaxed) as u32));
    sweep_the_dead();
    assert_gone(handle);
}

#[test]
fn a_copy_that_dies_with_its_starter_leaves_nothing() {
    let _turn = turn();
    let object = counter();
    let handle = object.handle();
    let (parent, copy) = parent_and_newborn(handle);
    drop(object);
    let copy = PidFd::open(copy).unwrap();
    copy.signal(libc::SIGKILL).unwrap();
    copy.wait_dead(None).unwrap();
    kill(parent);
    sweep_the_dead();
    assert_eq!(starting(), 0);
    assert_gone(handle);
}

#[test]
fn a_thread_keeps_its_number_and_leaves_its_slot_to_the_next() {
    let (_turn, arena) = turn_with_arena();
    let main = this_thread().unwrap();
    assert_eq!(main, this_thread().unwrap());
    let other = std::thread::spawn(|| this_thread().unwrap()).join().unwrap();
    assert_ne!(main, other);
    assert_eq!(arena.process_of(other), Some(this_process().unwrap()), "whose it was is still known");
    let later = std::thread::spawn(|| this_thread().unwrap()).join().unwrap();
    assert_ne!(later, other);
}

#[test]
fn a_child_refused_its_slot_learns_it() {
    let (_turn, arena) = turn_with_arena();
    let slot = arena.claim_process("late", Role::User).unwrap();
    abandon_child(slot);
    let pid = child(|| arena.adopt_slot(slot).is_err());
    assert_good(pid);
}

#[test]
fn a_message_keeps_what_it_carries_alive() {
    let (_turn, arena) = turn_with_arena();
    let object = counter();
    let handle = object.handle();
    let ((), handles) = collect(|| note(handle));
    assert_eq!(handles, [handle]);
    let block = arena.claim_carrying_block(10, &handles).unwrap();
    assert_eq!(block.len(), 10);
    let second = arena.claim_carrying_block(300, &handles).unwrap();
    drop(object);
    drop(block);
    assert!(Object::attach(handle, Kind::SEMAPHORE).map(drop).is_ok(), "the second message carries it still");
    drop(second);
    assert_gone(handle);
}

#[test]
fn a_killed_sender_keeps_nothing_alive() {
    let (_turn, arena) = turn_with_arena();
    let object = counter();
    let handle = object.handle();
    let pid = child(|| {
        std::mem::forget(arena.claim_carrying_block(10, &[handle]));
        true
    });
    assert_good(pid);
    drop(object);
    sweep_the_dead();
    assert_gone(handle);
}
