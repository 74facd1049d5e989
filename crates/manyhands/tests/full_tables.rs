//! An arena in which so much is made that structures no longer stand where every process has them mapped: what a
//! process with no address space left does there. In a program of its own, since nothing of that can be undone.

mod limited;
mod until;
mod witness;

use limited::Steps;
use manyhands::arena::Arena;
use manyhands::shared::{Condition, Lock};
use manyhands::{Process, Queue};
use serde_bytes::ByteBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use until::until;

const GENEROUS: Duration = Duration::from_secs(60);

/// The tests take turns: one counts what is held in the arena.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn bytes(length: usize) -> ByteBuf {
    ByteBuf::from(vec![7; length])
}

/// Takes the room for structures that every process has mapped, for ever.
fn fill_tables() {
    let queues: Vec<_> = (0..400).map(|_| Queue::<u32>::bounded(1024).unwrap()).collect();
    std::mem::forget(queues);
}

/// What is made after this does not stand in a chunk that anybody has mapped before.
fn leave_the_chunk() {
    let filler = Queue::growing().unwrap();
    (0..160).for_each(|_| filler.put(&bytes(500_000)).unwrap());
    std::mem::forget(filler);
}

fn tell_all((changed, steps): (Condition, Steps)) {
    steps.take(|| {
        changed.notify_all();
    });
}

/// More than have room in the condition itself.
const WAITERS: usize = 40;

#[test]
fn waiters_are_told_by_a_process_that_can_map_nothing() {
    let _turn = turn();
    fill_tables();
    let (lock, changed, steps) = (Lock::new(0_u32).unwrap(), Condition::new().unwrap(), Steps::new());
    // It knows the condition before the waiters come.
    let child = Process::builder().daemon(true).spawn(tell_all, (changed.clone(), steps.clone())).unwrap();
    steps.begun.wait();
    std::thread::scope(|scope| {
        let wait = || changed.wait_timeout(lock.lock().unwrap(), GENEROUS).unwrap().1;
        let waiters: Vec<_> = (0..WAITERS).map(|_| scope.spawn(wait)).collect();
        until("all wait", || changed.statistics().waiters == WAITERS);
        steps.go.set();
        let in_time: Vec<bool> = waiters.into_iter().map(|waiter| waiter.join().unwrap()).collect();
        assert!(in_time.iter().all(|in_time| *in_time), "{in_time:?}");
    });
    steps.end.set();
    child.join().unwrap();
}

fn drop_it((queue, steps): (Queue<ByteBuf>, Steps)) {
    steps.take(|| drop(queue));
}

#[test]
fn a_block_that_a_process_cannot_free_is_freed_when_it_has_ended() {
    let _turn = turn();
    let arena = Arena::get().unwrap();
    let before = arena.blocks_held();
    let (queue, steps) = (Queue::bounded(1024).unwrap(), Steps::new());
    let child = Process::builder().daemon(true).spawn(drop_it, (queue.clone(), steps.clone())).unwrap();
    steps.begun.wait();
    let held = arena.blocks_held();
    fill_tables();
    leave_the_chunk();
    // So many of one size that the entries of later ones do not stand in the tables.
    let crowd = Queue::growing().unwrap();
    (0..5000).for_each(|_| crowd.put(&bytes(200)).unwrap());
    std::mem::forget(crowd);
    let filled = arena.blocks_held();
    (0..1000).for_each(|_| queue.put(&bytes(200)).unwrap());
    drop(queue);
    steps.go.set();
    steps.done.wait();
    assert!(arena.blocks_held() > filled, "it could free it");
    steps.end.set();
    child.join().unwrap();
    until("everything was freed", || arena.blocks_held() == before + filled - held);
}
