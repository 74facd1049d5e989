//! Values from thread to thread, in millions a second.
//!
//! As many producers as consumers, a number at a time through a queue with room for a thousand, both moved and not
//! encoded. The clock runs from the first put until all threads have ended, so their start is in it.

use std::time::Instant;

use crate::placement::Placement;

const CAPACITY: usize = 1024;

/// Sends `count` numbers from `pairs` threads to as many.
pub fn throughput(subject: &str, pairs: u64, count: u64, placement: Placement) -> Option<f64> {
    let seconds = match subject {
        "manyhands" => {
            let queue = manyhands::Queue::bounded_in_process(CAPACITY);
            let other = queue.clone();
            let put = move |number| queue.put(number).expect("the queue is open");
            between_threads(pairs, count, placement, put, move || other.get().expect("the queue is open"))
        }
        "crossbeam-channel" => {
            let (sender, receiver) = crossbeam_channel::bounded(CAPACITY);
            let put = move |number| sender.send(number).expect("the channel is open");
            between_threads(pairs, count, placement, put, move || {
                receiver.recv().expect("the channel is open")
            })
        }
        "std" if pairs == 1 => {
            let (sender, receiver) = std::sync::mpsc::sync_channel(CAPACITY);
            let receiver = std::sync::Mutex::new(receiver);
            let put = move |number| sender.send(number).expect("the channel is open");
            let get = move || receiver.lock().expect("nobody panics").recv().expect("the channel is open");
            between_threads(pairs, count, placement, put, get)
        }
        _ => return None,
    };
    Some(count as f64 / seconds / 1e6)
}

fn between_threads(
    pairs: u64,
    count: u64,
    placement: Placement,
    put: impl Fn(u64) + Sync,
    get: impl Fn() -> u64 + Sync,
) -> f64 {
    let each = count / pairs;
    let begun = Instant::now();
    let sum: u64 = std::thread::scope(|scope| {
        let (put, get) = (&put, &get);
        let mut takers = Vec::new();
        for _ in 0..pairs {
            scope.spawn(move || {
                placement.settle(0);
                (0..each).for_each(put);
            });
            takers.push(scope.spawn(move || {
                placement.settle(1);
                (0..each).map(|_| get()).sum::<u64>()
            }));
        }
        takers.into_iter().map(|taker| taker.join().expect("it does not panic")).sum()
    });
    let seconds = begun.elapsed().as_secs_f64();
    assert_eq!(sum, pairs * (each * each.saturating_sub(1) / 2), "a value was lost or doubled");
    seconds
}
