//! Behaviour of the queues within one process; what needs kills is in `tests/storm.rs`, what needs an arena of its
//! own in `tests/queue_memory.rs`.

use super::message::WORDS;
use super::stream::{Stop, Stream};
use super::{Buffer, Content, GetError, INLINE, PutError, Queue, RawQueue};
use crate::arena::ArenaError;
use crate::encoding;
use crate::platform::Deadline;
use crate::sync::{Blocking, Waiting};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const GENEROUS: Duration = Duration::from_secs(60);

fn put(queue: &RawQueue, bytes: &[u8], tag: u32) {
    queue.put(bytes, tag, Deadline::after(GENEROUS), &Blocking).unwrap();
}

fn get(queue: &RawQueue) -> (u32, Vec<u8>) {
    let mut buffer = Buffer::new();
    let message = queue.get(&mut buffer, Deadline::after(GENEROUS), &Blocking).unwrap();
    (message.tag, message.content.to_vec())
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|place| (place * 31 + length) as u8).collect()
}

#[test]
fn messages_of_any_size_come_out_as_they_went_in() {
    let queue = RawQueue::growing().unwrap();
    let sizes = [0, 1, 7, 8, 9, INLINE - 1, INLINE, INLINE + 1, 256, 1000, 70_000, 3 << 20];
    for (tag, size) in (7..).zip(sizes) {
        put(&queue, &pattern(size), tag);
    }
    for (tag, size) in (7..).zip(sizes) {
        assert_eq!(get(&queue), (tag, pattern(size)));
    }
    assert!(queue.is_empty());
}

#[test]
fn parts_are_put_together() {
    let queue = RawQueue::bounded(2).unwrap();
    for large in [&[9; 10][..], &[9; 5000]] {
        queue.put_parts(&[b"ab", b"", large, b"z"], u32::MAX, None, &Blocking).unwrap();
        assert_eq!(get(&queue), (u32::MAX, [b"ab", large, b"z"].concat()));
    }
}

#[test]
fn small_ones_are_copied_and_large_ones_handed_over() {
    let queue = RawQueue::growing().unwrap();
    put(&queue, &pattern(INLINE), 1);
    put(&queue, &pattern(INLINE + 1), 1);
    assert!(matches!(queue.try_get(&mut Buffer::new()).unwrap().content, Content::Inline(_)));
    assert!(matches!(queue.try_get(&mut Buffer::new()).unwrap().content, Content::Block(_)));
}

#[test]
fn a_bound_is_exact_whatever_its_size() {
    for limit in [1, 2, 3, 4, 5, 7, 8, 100, 1000, 1024, 1025, 3000] {
        let queue = RawQueue::bounded(limit).unwrap();
        for round in 0..3 {
            for number in 0..limit {
                assert_eq!((queue.len(), queue.is_full()), (number, false), "limit {limit}, round {round}");
                queue.try_put(&number.to_le_bytes(), 0).unwrap();
            }
            assert!(queue.is_full());
            assert!(
                matches!(queue.try_put(b"", 0), Err(PutError::Full { limit: found, .. }) if found == limit)
            );
            for number in 0..limit {
                assert_eq!(get(&queue).1, number.to_le_bytes());
            }
            assert!(matches!(queue.try_get(&mut Buffer::new()), Err(GetError::Empty { .. })));
        }
    }
}

#[test]
fn a_growing_queue_keeps_the_order_over_many_rings() {
    let queue = RawQueue::growing().unwrap();
    let (mut next_in, mut next_out) = (0_u32, 0_u32);
    for burst in [1, 100, 10_000, 63, 64, 65, 100_000] {
        for _ in 0..burst {
            queue.try_put(&[], next_in).unwrap();
            next_in += 1;
        }
        for _ in 0..burst - burst / 3 {
            assert_eq!(queue.try_get(&mut Buffer::new()).unwrap().tag, next_out);
            next_out += 1;
        }
    }
    assert_eq!((queue.len(), queue.messages()), (u64::from(next_in - next_out), u64::from(next_in)));
    while next_out < next_in {
        assert_eq!(queue.try_get(&mut Buffer::new()).unwrap().tag, next_out);
        next_out += 1;
    }
}

#[test]
fn time_outs_end_waits_for_room_and_for_messages() {
    let queue = RawQueue::bounded(1).unwrap();
    let soon = || Deadline::after(Duration::from_millis(3));
    assert!(matches!(queue.get(&mut Buffer::new(), soon(), &Blocking), Err(GetError::Empty { .. })));
    put(&queue, b"x", 0);
    assert!(matches!(queue.put(b"y", 0, soon(), &Blocking), Err(PutError::Full { .. })));
    assert_eq!(get(&queue).1, b"x");
}

#[test]
fn blocked_producers_are_woken_also_by_single_takes() {
    for limit in [1, 2, 3, 10] {
        let queue = RawQueue::bounded(limit).unwrap();
        let producers: Vec<_> = (0..3_u32)
            .map(|number| {
                let queue = queue.clone();
                thread::spawn(move || (0..20).for_each(|_| put(&queue, &[], number)))
            })
            .collect();
        let mut counts = [0; 3];
        (0..60).for_each(|_| counts[get(&queue).0 as usize] += 1);
        assert_eq!(counts, [20; 3], "limit {limit}");
        producers.into_iter().for_each(|producer| producer.join().unwrap());
    }
}

#[test]
fn one_message_taken_from_a_full_queue_lets_one_in() {
    let queue = RawQueue::bounded(100).unwrap();
    (0..100).for_each(|number| put(&queue, &[], number));
    let producer = thread::spawn({
        let queue = queue.clone();
        move || put(&queue, &[], 100)
    });
    assert_eq!(get(&queue).0, 0);
    producer.join().unwrap();
    assert!(queue.is_full());
}

#[test]
fn a_closed_queue_refuses_puts_and_can_be_emptied() {
    for queue in [RawQueue::growing().unwrap(), RawQueue::bounded(3).unwrap()] {
        (0..3).for_each(|number| put(&queue, &[], number));
        queue.close();
        assert!(queue.is_closed());
        assert!(matches!(queue.try_put(b"", 0), Err(PutError::Closed { .. })));
        (0..3).for_each(|number| assert_eq!(get(&queue).0, number));
        assert!(matches!(queue.get(&mut Buffer::new(), None, &Blocking), Err(GetError::Closed { .. })));
        assert!(matches!(queue.put(b"", 0, None, &Blocking), Err(PutError::Closed { .. })));
        queue.close();
    }
}

/// Says when its wait begins to block.
struct Watched<'a>(&'a AtomicBool);

impl Waiting for Watched<'_> {
    fn before_block(&self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn closing_ends_all_waits() {
    let full = RawQueue::bounded(2).unwrap();
    let empty = RawQueue::growing().unwrap();
    (0..2).for_each(|number| put(&full, &[], number));
    let blocked: [AtomicBool; 4] = Default::default();
    thread::scope(|scope| {
        for watch in &blocked[..2] {
            let (full, watched) = (full.clone(), Watched(watch));
            scope.spawn(move || {
                assert!(matches!(full.put(b"", 0, None, &watched), Err(PutError::Closed { .. })));
            });
        }
        for watch in &blocked[2..] {
            let (empty, watched) = (empty.clone(), Watched(watch));
            scope.spawn(move || {
                assert!(matches!(
                    empty.get(&mut Buffer::new(), None, &watched),
                    Err(GetError::Closed { .. })
                ));
            });
        }
        while !blocked.iter().all(|watch| watch.load(Ordering::Acquire)) {
            thread::yield_now();
        }
        full.close();
        empty.close();
    });
    assert_eq!((get(&full).0, get(&full).0), (0, 1));
    assert!(matches!(full.try_get(&mut Buffer::new()), Err(GetError::Closed { .. })));
}

#[test]
fn many_threads_lose_and_double_nothing() {
    for queue in [RawQueue::bounded(5).unwrap(), RawQueue::bounded(64).unwrap(), RawQueue::growing().unwrap()]
    {
        const EACH: u32 = 20_000;
        let producers: Vec<_> = (0..3_u32)
            .map(|number| {
                let queue = queue.clone();
                thread::spawn(move || {
                    (0..EACH).for_each(|message| put(&queue, &message.to_le_bytes(), number));
                })
            })
            .collect();
        let consumers: Vec<_> = (0..3)
            .map(|_| {
                let queue = queue.clone();
                thread::spawn(move || {
                    let mut seen = [Vec::new(), Vec::new(), Vec::new()];
                    let mut buffer = Buffer::new();
                    while let Ok(message) = queue.get(&mut buffer, None, &Blocking) {
                        let bytes: [u8; 4] = message.content[..].try_into().unwrap();
                        seen[message.tag as usize].push(u32::from_le_bytes(bytes));
                    }
                    seen
                })
            })
            .collect();
        producers.into_iter().for_each(|producer| producer.join().unwrap());
        queue.close();
        let mut all = [Vec::new(), Vec::new(), Vec::new()];
        for consumer in consumers {
            for (seen, all) in consumer.join().unwrap().into_iter().zip(&mut all) {
                assert!(seen.is_sorted(), "one producer's messages came out of order");
                all.extend(seen);
            }
        }
        for mut seen in all {
            seen.sort_unstable();
            assert!(seen.iter().copied().eq(0..EACH), "messages lost or doubled");
        }
    }
}

/// As many consumers as this, each with a message that it cannot take.
fn refuse(stream: &Stream<WORDS>, consumers: u32) {
    let refused = stream.take_now(|_| {
        if consumers > 1 {
            refuse(stream, consumers - 1);
        }
        None::<u64>
    });
    assert!(matches!(refused, Err(Stop::Arena(_))), "{refused:?}");
}

#[test]
fn what_could_not_be_taken_is_taken_first_and_in_order() {
    let stream: Stream<WORDS> = Stream::create(Some(4)).unwrap();
    let put = |number| stream.try_put(|payload| payload[0].store(number, Ordering::Relaxed)).unwrap();
    let take = || stream.take_now(|payload| Some(payload[0].load(Ordering::Relaxed))).unwrap();
    (0..4).for_each(put);
    assert_eq!((take(), take()), (0, 1));
    // The next ones stand before those that came first.
    (4..6).for_each(put);
    refuse(&stream, 4);
    assert_eq!(stream.len(), 4);
    assert_eq!(take(), 2);
    put(6);
    assert_eq!(std::array::from_fn(|_| take()), [3, 4, 5, 6]);
}

#[test]
fn a_stale_handle_is_an_error() {
    let queue = RawQueue::bounded(4).unwrap();
    let handle = queue.handle();
    drop(queue);
    assert!(matches!(RawQueue::attach(handle), Err(ArenaError::Stale { .. })));
}

#[test]
fn values_of_any_type_go_through() {
    let queue: Queue<(String, Vec<u64>, Option<bool>)> = Queue::bounded(10).unwrap();
    let small = ("small".to_owned(), vec![1], None);
    let large = ("large".to_owned(), (0..10_000).collect(), Some(true));
    queue.put(&small).unwrap();
    queue.put(&large).unwrap();
    assert_eq!(queue.len(), 2);
    assert_eq!(queue.get().unwrap(), small);
    assert_eq!(queue.get_timeout(GENEROUS).unwrap(), large);
    assert!(matches!(queue.try_get(), Err(GetError::Empty { .. })));
}

#[test]
fn a_queue_on_its_way_through_a_queue_lives() {
    let letters: Queue<String> = Queue::growing().unwrap();
    let queues: Queue<Queue<String>> = Queue::growing().unwrap();
    letters.put(&"inside".to_owned()).unwrap();
    let handle = letters.handle();
    queues.put(&letters).unwrap();
    drop(letters);
    let letters = queues.get().unwrap();
    assert_eq!(letters.handle(), handle);
    assert_eq!(letters.get().unwrap(), "inside");
    drop(letters);
    assert!(matches!(RawQueue::attach(handle), Err(ArenaError::Stale { .. })));
}

#[test]
fn iteration_ends_with_the_queue() {
    let queue: Queue<u32> = Queue::growing().unwrap();
    (0..5).for_each(|number| queue.put(&number).unwrap());
    queue.close();
    assert_eq!(queue.iter().map(Result::unwrap).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
}

#[test]
fn a_message_that_is_no_value_of_the_type_is_an_error() {
    let numbers: Queue<Vec<u8>> = Queue::growing().unwrap();
    numbers.put(&vec![255; 3]).unwrap();
    let mut bytes = Vec::new();
    encoding::write(&numbers, &mut bytes).unwrap();
    let texts: Queue<String> = encoding::read(&bytes).unwrap();
    assert!(matches!(texts.get(), Err(GetError::Decode { .. })));
}
