//! What queues take from the arena and give back. In a process of its own, so that nobody else's blocks are counted.
//!
//! One test, since the tests of one file run side by side. What kills leave behind is in `storm.rs`.

use manyhands::arena::{Arena, Handle};
use manyhands::channel::{Buffer, PutError, RawQueue};
use manyhands::sync::Blocking;
use manyhands::{GetError, Queue};

#[test]
fn queues_give_back_what_they_took() {
    let arena = Arena::get().unwrap();

    // Queues that come and go use the same memory again and again.
    drop(RawQueue::bounded(100).unwrap());
    let used = arena.used();
    for number in 0..100_000_u32 {
        let queue = RawQueue::bounded(100).unwrap();
        queue.try_put(&[0; 10], number).unwrap();
    }
    assert!(arena.used() <= used + (1 << 20), "making and dropping queues uses up the arena");
    assert_eq!(arena.blocks_held(), 0);

    // Messages that nobody took go with the queue, large ones too, and so do the rings that it grew.
    let queue = RawQueue::growing().unwrap();
    let mut buffer = Buffer::new();
    for number in 0..5000_u32 {
        queue.try_put(&vec![1; number as usize], number).unwrap();
        if number % 3 == 0 {
            queue.try_get(&mut buffer).unwrap();
        }
    }
    assert!(arena.blocks_held() > 3000);
    let handles: Vec<Handle> = vec![queue.handle()];
    let other = RawQueue::attach(handles[0]).unwrap();
    drop(queue);
    assert!(other.len() > 3000, "a queue went while somebody referred to it");
    drop(other);
    assert_eq!(arena.blocks_held(), 0);
    assert!(RawQueue::attach(handles[0]).is_err());

    // A message that is refused leaves nothing behind.
    let full = RawQueue::bounded(1).unwrap();
    full.try_put(b"", 0).unwrap();
    let held = arena.blocks_held();
    assert!(matches!(full.try_put(&[0; 5000], 0), Err(PutError::Full { .. })));
    full.close();
    assert!(matches!(full.put(&[0; 5000], 0, None, &Blocking), Err(PutError::Closed { .. })));
    assert_eq!(arena.blocks_held(), held);
    drop(full);

    // A queue inside a message inside a queue goes with the outer one.
    let outer: Queue<Queue<String>> = Queue::bounded(3).unwrap();
    let inner: Queue<String> = Queue::growing().unwrap();
    inner.put(&"x".repeat(1000)).unwrap();
    outer.put(&inner).unwrap();
    drop(inner);
    assert!(arena.blocks_held() > 4);
    drop(outer);
    assert_eq!(arena.blocks_held(), 0);

    // Messages are counted when their queue goes.
    assert!(arena.counters().messages.load(std::sync::atomic::Ordering::Relaxed) >= 105_000);
    let queue: Queue<u8> = Queue::bounded(1).unwrap();
    assert!(matches!(queue.try_get(), Err(GetError::Empty { .. })));
}
