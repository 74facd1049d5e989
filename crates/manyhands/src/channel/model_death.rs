//! Model tests of the ring with a participant that stops for ever, at each of its stores in turn.
//!
//! The dead one's owner is swept while its peers go on; the sweeper, too, stops at each of its stores, and another
//! begins again. Afterwards: no torn message, none lost but what the dead one held, none delivered twice to the
//! living, and every slot usable.

use super::model::{Stream, assert_same, read};
use crate::platform::atomic::{AtomicU64, Ordering};
use crate::platform::model::spawn;
use crate::sync::dies_after;
use loom::sync::Arc;

/// More stores than any participant here makes.
const STORES: u32 = 7;
const DEAD: u32 = 1;

/// Sweeps the dead one, first by a sweeper that stops after `steps` stores, then by one that does not.
fn sweep(stream: &Stream, steps: u32) {
    dies_after(steps, || stream.chain().sweep(DEAD));
    stream.chain().sweep(DEAD);
}

/// A producer stops after `steps` stores; another one and a consumer go on; the sweeper stops after `sweeps`.
fn dead_producer(slots: usize, steps: u32, sweeps: u32) {
    loom::model(move || {
        let stream = Stream::bounded(slots);
        let mortal = spawn(&stream, move |stream| {
            dies_after(steps, || drop(stream.put_what_fits(DEAD, &[10]))).is_some()
        });
        let peer = spawn(&stream, |stream| {
            let put = stream.put_what_fits(2, &[20]);
            (put, stream.take_some(2, 1))
        });
        let lived = mortal.join().unwrap();
        sweep(&stream, sweeps);
        let (mut put, mut taken) = peer.join().unwrap();
        taken.extend(stream.drain());
        // Room was there for both, so only the dead one's message may be missing, and only if it died.
        if taken.contains(&10) || (lived && slots > 1) {
            put.push(10);
        }
        assert_same(put, taken);
        stream.assert_whole(slots as u64);
    });
}

/// A producer stops after `steps` stores, and its peer has put a message: the next consumer finds that without a sweep.
fn behind_a_dead_producer(steps: u32) {
    loom::model(move || {
        let stream = Stream::new(&[2, 4], 0);
        let mortal =
            spawn(&stream, move |stream| dies_after(steps, || drop(stream.put_what_fits(DEAD, &[10, 11]))));
        assert_eq!(stream.put_what_fits(2, &[20]), [20], "a growing stream was full");
        mortal.join().unwrap();
        let sweeper = spawn(&stream, |stream| stream.chain().sweep(DEAD));
        let mut taken = stream.drain();
        while !taken.contains(&20) {
            assert!(
                stream.chain().free_dead(|owner| owner == DEAD),
                "a message that was put is not to be had"
            );
            taken.extend(stream.drain());
        }
        sweeper.join().unwrap();
        taken.extend(stream.drain());
        assert_eq!(taken.iter().filter(|message| **message == 20).count(), 1);
        assert!(taken.len() <= 3 && taken.iter().all(|message| [10, 11, 20].contains(message)));
    });
}

/// A consumer stops after `steps` stores; another one goes on; the sweeper stops after `sweeps`.
fn dead_consumer(steps: u32, sweeps: u32) {
    loom::model(move || {
        let stream = Stream::bounded(2);
        let put = stream.put_what_fits(9, &[20, 21]);
        let held = Arc::new(AtomicU64::new(0));
        let mortal = spawn(&stream, {
            let held = held.clone();
            move |stream| {
                dies_after(steps, || {
                    let note = |payload: &_| Some(held.store(read(payload), Ordering::Relaxed));
                    let _ = stream.chain().take(DEAD, note);
                })
                .is_some()
            }
        });
        let peer = spawn(&stream, |stream| stream.take_some(2, 2));
        let lived = mortal.join().unwrap();
        sweep(&stream, sweeps);
        let mut taken = peer.join().unwrap();
        taken.extend(stream.drain());
        let held = held.load(Ordering::Relaxed);
        if steps == 0 {
            // It died right after its claim: what it had claimed goes to another.
            assert!(lived || taken.len() == put.len(), "the message of the dead reader is lost");
        }
        if held != 0 && !taken.contains(&held) {
            taken.push(held);
        }
        assert_same(put, taken);
        stream.assert_whole(2);
    });
}

#[test]
fn a_producer_dies_at_each_store() {
    (0..STORES).for_each(|steps| dead_producer(2, steps, STORES));
}

#[test]
fn a_producer_dies_at_each_store_of_a_single_slot() {
    (0..STORES).for_each(|steps| dead_producer(1, steps, STORES));
}

#[test]
fn what_is_behind_a_dead_producer_is_there_before_the_sweep() {
    (0..STORES).for_each(behind_a_dead_producer);
}

#[test]
fn a_consumer_dies_at_each_store() {
    (0..STORES).for_each(|steps| dead_consumer(steps, STORES));
}

#[test]
fn the_sweeper_dies_at_each_store_too() {
    for sweeps in 0..3 {
        dead_producer(2, 1, sweeps);
        dead_consumer(0, sweeps);
    }
}

/// Two sweepers at once, one of which stops, while a consumer goes on.
#[test]
fn two_sweepers_at_once() {
    for sweeps in 0..3 {
        loom::model(move || {
            let stream = Stream::bounded(2);
            let put = stream.put_what_fits(9, &[20, 21]);
            assert!(dies_after(0, || drop(stream.take(DEAD))).is_none());
            let other = spawn(&stream, move |stream| dies_after(sweeps, || stream.chain().sweep(DEAD)));
            let consumer = spawn(&stream, |stream| stream.take_some(2, 2));
            stream.chain().sweep(DEAD);
            other.join().unwrap();
            let taken = consumer.join().unwrap();
            stream.assert_complete(put, taken, 2);
        });
    }
}

/// A producer stops at each store while the stream goes on in the next ring.
#[test]
fn a_producer_dies_while_the_stream_grows() {
    for steps in 0..STORES {
        loom::model(move || {
            let stream = Stream::new(&[2, 4], 0);
            let mortal = spawn(&stream, move |stream| {
                dies_after(steps, || drop(stream.put_what_fits(DEAD, &[10, 11])))
            });
            let put = stream.put_what_fits(2, &[20]);
            assert_eq!(put, [20], "a growing stream was full");
            mortal.join().unwrap();
            sweep(&stream, STORES);
            let taken = stream.drain();
            assert_eq!(taken.iter().filter(|message| **message == 20).count(), 1);
            assert!(taken.len() <= 3 && taken.iter().all(|message| [10, 11, 20].contains(message)));
        });
    }
}
