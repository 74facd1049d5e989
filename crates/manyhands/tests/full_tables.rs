//! An arena in which so much is made that structures no longer stand where every process has them mapped: what a process with no
//! address space left does there. In a program of its own, since nothing of that can be undone.

mod limited;
mod witness;

use limited::Steps;
use manyhands::arena::Arena;
use manyhands::{Process, Queue};
use serde_bytes::ByteBuf;
use witness::eventually;

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

fn drop_it((queue, steps): (Queue<ByteBuf>, Steps)) {
    steps.take(|| drop(queue));
}

#[test]
fn a_block_that_a_process_cannot_free_is_freed_when_it_has_ended() {
    let arena = Arena::get().unwrap();
    fill_tables();
    leave_the_chunk();
    let before = arena.blocks_held();
    let (queue, steps) = (Queue::growing().unwrap(), Steps::new());
    let child = Process::builder().daemon(true).spawn(drop_it, (queue.clone(), steps.clone())).unwrap();
    steps.begun.wait();
    let held = arena.blocks_held();
    leave_the_chunk();
    let filled = arena.blocks_held();
    // The first of its size: the entry of its block comes into a fresh chunk.
    queue.put(&bytes(5_000_000)).unwrap();
    drop(queue);
    steps.go.set();
    steps.done.wait();
    assert!(arena.blocks_held() > filled, "it could free it");
    steps.end.set();
    child.join().unwrap();
    eventually("everything was freed", || arena.blocks_held() == before + filled - held);
}
