//! Model tests of ring and chain: every interleaving, within loom's bounds, of a few participants on tiny rings.
//!
//! A message is a number and its complement, so a torn one gives itself away when it is read. Each test ends by
//! draining the stream and filling it once more, which a slot that was lost for good would prevent. Bounded by
//! `LOOM_MAX_PREEMPTIONS`. The tests with a death are in `model_death.rs`.

use super::chain::{Chain, Ends, Link, Nothing, Refused, Rings};
use super::ring::{Payload, Ring, Slot};
use crate::platform::atomic::{AtomicU32, Ordering};
use crate::platform::model::spawn;
use crate::sync::may_die;
use loom::sync::{Arc, Mutex};

const OPEN: u32 = 0;
const LINKED: u32 = 1;
const END: u32 = 2;

/// A stream over rings of 2 and, when it grows, 4 slots.
pub(super) struct Stream {
    ends: Ends,
    rings: Vec<Vec<Slot<2>>>,
    links: Vec<AtomicU32>,
    making: Mutex<()>,
    grows: bool,
    limit: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoRing;

impl Stream {
    pub(super) fn new(slots: &[usize], limit: u64) -> Arc<Stream> {
        let rings: Vec<Vec<Slot<2>>> =
            slots.iter().map(|count| (0..*count).map(|_| Slot::new()).collect()).collect();
        for (position, slot) in rings[0].iter().enumerate() {
            slot.prepare(position as u64);
        }
        let links = (0..=slots.len()).map(|number| AtomicU32::new(if number == 0 { LINKED } else { OPEN }));
        Arc::new(Stream {
            ends: Ends::new(),
            grows: slots.len() > 1,
            links: links.collect(),
            rings,
            making: Mutex::new(()),
            limit,
        })
    }

    pub(super) fn bounded(slots: usize) -> Arc<Stream> {
        Stream::new(&[slots], 0)
    }

    pub(super) fn chain(&self) -> Chain<'_, &Stream, 2> {
        Chain::new(&self.ends, self, self.limit)
    }

    pub(super) fn put(&self, owner: u32, message: u64) -> Result<(), Refused<NoRing>> {
        self.chain().put(owner, &mut false, |payload| write(payload, message))
    }

    pub(super) fn take(&self, owner: u32) -> Result<u64, Nothing> {
        self.chain().take(owner, |payload| Some(read(payload)))
    }

    /// Puts as many of `messages` as there is room for and gives those.
    pub(super) fn put_what_fits(&self, owner: u32, messages: &[u64]) -> Vec<u64> {
        messages.iter().copied().filter(|message| self.put(owner, *message).is_ok()).collect()
    }

    /// Takes at most `tries` messages.
    pub(super) fn take_some(&self, owner: u32, tries: usize) -> Vec<u64> {
        (0..tries).filter_map(|_| self.take(owner).ok()).collect()
    }

    pub(super) fn drain(&self) -> Vec<u64> {
        std::iter::from_fn(|| self.take(99).ok()).collect()
    }

    /// Checks that what was put is what was taken and what is left, and that no slot is lost.
    pub(super) fn assert_complete(&self, put: Vec<u64>, mut taken: Vec<u64>, capacity: u64) {
        taken.extend(self.drain());
        assert_same(put, taken);
        self.assert_whole(capacity);
    }

    /// Fills the emptied stream up to `capacity` and empties it again.
    pub(super) fn assert_whole(&self, capacity: u64) {
        for message in 0..capacity {
            assert_eq!(self.put(99, 1000 + message), Ok(()), "a slot is lost for good");
        }
        assert_eq!(self.chain().len(), capacity);
        assert!(self.put(99, 1).is_err(), "more fits than may");
        assert_eq!(self.drain(), (1000..1000 + capacity).collect::<Vec<_>>());
    }
}

impl Rings<2> for &Stream {
    type Error = NoRing;

    fn ring(&self, number: usize) -> Link<'_, 2> {
        match self.links.get(number).map(|link| link.load(Ordering::Acquire)) {
            Some(LINKED) => Link::Ring(Ring::new(&self.rings[number], self.grows)),
            Some(END) => Link::End,
            _ => Link::Open,
        }
    }

    fn link(&self, number: usize, base: u64) -> Result<(), NoRing> {
        let ring = self.rings.get(number).ok_or(NoRing)?;
        let _making = self.making.lock().unwrap();
        if self.links[number].load(Ordering::Relaxed) == OPEN {
            (base..).zip(0..ring.len()).for_each(|(position, _)| {
                ring[position as usize % ring.len()].prepare(position);
            });
            self.links[number].store(LINKED, Ordering::Release);
        }
        Ok(())
    }

    fn end(&self, number: usize) {
        let _making = self.making.lock().unwrap();
        if self.links[number].load(Ordering::Relaxed) == OPEN {
            self.links[number].store(END, Ordering::Release);
        }
    }
}

pub(super) fn write(payload: &Payload<2>, message: u64) {
    payload[0].store(message, Ordering::Relaxed);
    may_die();
    payload[1].store(!message, Ordering::Relaxed);
    may_die();
}

pub(super) fn read(payload: &Payload<2>) -> u64 {
    let message = payload[0].load(Ordering::Relaxed);
    assert_eq!(payload[1].load(Ordering::Relaxed), !message, "torn message");
    message
}

/// Checks that what was taken is what was put, each once.
pub(super) fn assert_same(mut put: Vec<u64>, mut taken: Vec<u64>) {
    put.sort_unstable();
    taken.sort_unstable();
    assert_eq!(put, taken, "left: put, right: taken");
}

#[test]
fn two_producers_one_consumer() {
    loom::model(|| {
        let stream = Stream::bounded(2);
        let second = spawn(&stream, |stream| stream.put_what_fits(2, &[20]));
        let consumer = spawn(&stream, |stream| stream.take_some(3, 2));
        let mut put = stream.put_what_fits(1, &[10, 11]);
        put.extend(second.join().unwrap());
        let mut taken = consumer.join().unwrap();
        taken.extend(stream.drain());
        let firsts: Vec<u64> = taken.iter().copied().filter(|message| *message < 20).collect();
        assert!(firsts.is_sorted(), "one producer's messages came out of order");
        assert_same(put, taken);
        stream.assert_whole(2);
    });
}

#[test]
fn one_producer_two_consumers() {
    loom::model(|| {
        let stream = Stream::bounded(2);
        let consumers = [2, 3].map(|owner| spawn(&stream, move |stream| stream.take_some(owner, 1)));
        let put = stream.put_what_fits(1, &[10, 11]);
        let taken: Vec<u64> = consumers.into_iter().flat_map(|consumer| consumer.join().unwrap()).collect();
        stream.assert_complete(put, taken, 2);
    });
}

#[test]
fn full_and_wrapped_around() {
    loom::model(|| {
        let stream = Stream::bounded(1);
        let consumer = spawn(&stream, |stream| stream.take_some(2, 3));
        let put = stream.put_what_fits(1, &[10, 11, 12]);
        let mut taken = consumer.join().unwrap();
        taken.extend(stream.drain());
        assert_eq!(put, taken, "left: put, right: taken");
        stream.assert_whole(1);
    });
}

#[test]
fn a_bound_below_the_number_of_slots_is_exact() {
    loom::model(|| {
        let stream = Stream::new(&[2], 1);
        let second = spawn(&stream, |stream| stream.put_what_fits(2, &[20, 21]));
        let consumer = spawn(&stream, |stream| stream.take_some(3, 1));
        let mut put = stream.put_what_fits(1, &[10]);
        put.extend(second.join().unwrap());
        let taken = consumer.join().unwrap();
        assert!(put.len() <= 1 + taken.len(), "more waited than may");
        stream.assert_complete(put, taken, 1);
    });
}

#[test]
fn a_growing_stream_goes_on_in_the_next_ring() {
    loom::model(|| {
        let stream = Stream::new(&[2, 4], 0);
        let consumer = spawn(&stream, |stream| stream.take_some(3, 2));
        let put = stream.put_what_fits(1, &[10, 11, 12]);
        assert_eq!(put, [10, 11, 12], "a growing stream was full");
        let mut taken = consumer.join().unwrap();
        taken.extend(stream.drain());
        assert_eq!(put, taken, "left: put, right: taken");
    });
}

#[test]
fn two_producers_grow_the_stream_at_once() {
    loom::model(|| {
        let stream = Stream::new(&[2, 4], 0);
        let second = spawn(&stream, |stream| stream.put_what_fits(2, &[20]));
        let mut put = stream.put_what_fits(1, &[10, 11]);
        put.extend(second.join().unwrap());
        let taken = stream.drain();
        let firsts: Vec<u64> = taken.iter().copied().filter(|message| *message < 20).collect();
        assert_eq!(firsts, [10, 11], "one producer's messages came out of order");
        assert_same(put, taken);
    });
}

/// A stream is ended while a producer goes on; a consumer that sees the end has got everything.
fn end_while_putting(slots: &'static [usize]) {
    loom::model(move || {
        let stream = Stream::new(slots, 0);
        let producer = spawn(&stream, |stream| stream.put_what_fits(2, &[20, 21]));
        stream.chain().end();
        let mut taken = Vec::new();
        let nothing = loop {
            match stream.take(1) {
                Ok(message) => taken.push(message),
                Err(nothing) => break nothing,
            }
        };
        let put = producer.join().unwrap();
        if nothing == Nothing::Yet {
            taken.extend(stream.drain());
            stream.chain().end();
        }
        assert_eq!(put, taken, "left: put, right: taken before the end");
        assert_eq!(stream.put(2, 22), Err(Refused::Ended));
    });
}

#[test]
fn whoever_sees_the_end_has_seen_all_messages() {
    end_while_putting(&[2]);
}

#[test]
fn whoever_sees_the_end_of_a_growing_stream_has_seen_all_messages() {
    end_while_putting(&[2, 4]);
}
