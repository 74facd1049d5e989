//! Model tests of consumers that sleep: the producer that claims the position they wait for wakes them, and no other
//! need look for sleepers.
//!
//! The waiting is that of `stream.rs`, over the chain and the gate that it uses. Time-outs never come in the model, so
//! where a consumer sleeps but shortly, since a producer is at its message already, it yields and looks again.

use super::chain::{Nothing, Refused};
use super::model::{NoRing, Stream, assert_same, write};
use super::ring::Await;
use crate::arena::Kind;
use crate::platform::model::spawn;
use crate::platform::{Scope, thread::yield_now};
use crate::sync::{Blocking, Gate, Outside, Subject, dies_after, wait_at_any, wait_for};
use loom::sync::Arc;

const DEAD: u32 = 1;

struct GatedStream {
    stream: Arc<Stream>,
    gate: Gate,
}

impl GatedStream {
    fn new(slots: &[usize]) -> Arc<GatedStream> {
        Arc::new(GatedStream { stream: Stream::new(slots, 0), gate: Gate::new() })
    }

    fn put(&self, owner: u32, message: u64) -> Result<(), Refused<NoRing>> {
        let mut awaited = false;
        let put = self.stream.chain().put(owner, &mut awaited, |payload| write(payload, message));
        if awaited {
            self.gate.notify_one(Scope::Private);
        }
        put
    }

    /// Takes a message, sleeping until there is one; `None` when there never will be.
    fn take(&self, owner: u32) -> Option<u64> {
        let early = || match self.stream.take(owner) {
            Err(Nothing::Yet) => None,
            end => Some(end.ok()),
        };
        let ready = || loop {
            if let Some(end) = early() {
                return Some(end);
            }
            match self.stream.chain().await_next() {
                Await::Noted => return None,
                _ => yield_now(),
            }
        };
        let more = || matches!(self.stream.chain().await_next(), Await::Something | Await::Writing);
        wait_for(Subject::private(Kind::QUEUE, self), &Outside, None, &Blocking, |wait| {
            self.gate.wait_with(wait, early, ready, more).expect("nothing ends the wait")
        })
    }

    /// Sleeps until there is a message here or in another stream, and leaves it there.
    fn look_beside(&self, other: &GatedStream) {
        let streams = [self, other];
        let gates = streams.map(|stream| (&stream.gate, Scope::Private));
        let ready = || loop {
            let looks = streams.map(|stream| stream.stream.chain().await_next());
            if looks.contains(&Await::Something) {
                return Some(());
            }
            if looks == [Await::Noted, Await::Noted] {
                return None;
            }
            // Where a producer is at a message the engine's sleep is a short one.
            yield_now();
        };
        let more = |number: usize| streams[number].stream.chain().await_next() != Await::Noted;
        wait_for(Subject::private(Kind::QUEUE, self), &Outside, None, &Blocking, |wait| {
            wait_at_any(&gates, wait, || None, ready, more).expect("nothing ends the wait")
        });
    }

    fn recover(&self) {
        self.stream.chain().sweep(DEAD);
        self.gate.recover(Scope::Private);
    }
}

/// As `loom::model`, for schedules with up to `preemptions`; looking again and again makes them long.
fn model(preemptions: usize, scenario: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 20_000;
    builder.check(scenario);
}

/// Consumers take as many as `takes` says each, of as many messages that one producer puts.
fn check(preemptions: usize, slots: &'static [usize], takes: &'static [usize]) {
    model(preemptions, move || {
        let place = GatedStream::new(slots);
        let consumers: Vec<_> = (10..)
            .zip(takes)
            .map(|(owner, count)| {
                spawn(&place, move |place| {
                    (0..*count).filter_map(|_| place.take(owner)).collect::<Vec<u64>>()
                })
            })
            .collect();
        let put: Vec<u64> = (20..).take(takes.iter().sum()).collect();
        for message in &put {
            while place.put(2, *message) == Err(Refused::Full) {
                yield_now();
            }
        }
        let taken = consumers.into_iter().flat_map(|consumer| consumer.join().unwrap()).collect();
        assert_same(put, taken);
    });
}

#[test]
fn a_mark_tells_one_put_and_is_left_again_for_who_sleeps_on() {
    model(0, || {
        let stream = Stream::new(&[2], 0);
        let is_awaited = |message| {
            let mut awaited = false;
            stream.chain().put(2, &mut awaited, |payload| write(payload, message)).unwrap();
            awaited
        };
        for lap in 0..3 {
            assert_eq!(stream.chain().await_next(), Await::Noted);
            assert_eq!((is_awaited(lap), is_awaited(lap + 10)), (true, false));
            assert_eq!(stream.take(3), Ok(lap));
            assert_eq!(stream.chain().await_next(), Await::Something, "the baton is not passed");
            assert_eq!(stream.take(3), Ok(lap + 10));
        }
    });
}

#[test]
fn a_sleeper_is_woken_by_the_message_it_waits_for() {
    check(2, &[2], &[2]);
}

#[test]
fn two_sleepers_get_a_message_each() {
    check(1, &[2], &[1, 1]);
}

#[test]
fn a_sleeper_at_a_single_slot() {
    check(2, &[1], &[2]);
}

#[test]
fn a_sleeper_follows_the_stream_into_the_next_ring() {
    check(2, &[2, 4], &[3]);
}

#[test]
fn one_that_looks_at_two_streams_is_woken_and_leaves_the_message_to_a_taker() {
    model(1, || {
        let (place, other) = (GatedStream::new(&[2]), GatedStream::new(&[2]));
        let looker = {
            let other = Arc::clone(&other);
            spawn(&place, move |place| place.look_beside(&other))
        };
        let taker = spawn(&other, |other| other.take(3));
        other.put(2, 20).unwrap();
        assert_eq!(taker.join().unwrap(), Some(20), "the wake-up has reached a thread that takes nothing");
        place.put(2, 30).unwrap();
        looker.join().unwrap();
    });
}

#[test]
fn two_producers_one_of_which_was_told() {
    model(2, || {
        let place = GatedStream::new(&[2]);
        let consumer = spawn(&place, |place| vec![place.take(3).unwrap(), place.take(3).unwrap()]);
        let other = spawn(&place, |place| place.put(2, 20).unwrap());
        place.put(4, 40).unwrap();
        other.join().unwrap();
        assert_same(vec![20, 40], consumer.join().unwrap());
    });
}

#[test]
fn a_sleeper_is_told_of_the_end() {
    for slots in [&[2][..], &[2, 4]] {
        model(2, move || {
            let place = GatedStream::new(slots);
            let consumer = spawn(&place, |place| place.take(3));
            place.stream.chain().end();
            place.gate.notify_all(Scope::Private);
            assert_eq!(consumer.join().unwrap(), None);
        });
    }
}

/// A producer stops at each of its stores, perhaps after it learned of a sleeper that it has not woken yet.
#[test]
fn a_producer_that_was_told_dies() {
    for steps in 0..6 {
        model(2, move || {
            let place = GatedStream::new(&[2]);
            let consumer =
                spawn(&place, |place| std::iter::from_fn(|| place.take(3)).find(|message| *message == 20));
            dies_after(steps, || place.put(DEAD, 10).unwrap());
            place.recover();
            while place.put(2, 20) == Err(Refused::Full) {
                yield_now();
            }
            assert_eq!(consumer.join().unwrap(), Some(20));
        });
    }
}

/// A consumer stops at each of its stores, perhaps just woken; another one sleeps on.
#[test]
fn a_consumer_that_was_woken_dies() {
    for steps in 0..7 {
        model(1, move || {
            let place = GatedStream::new(&[2]);
            let mortal = spawn(&place, move |place| {
                let lived = dies_after(steps, || place.take(DEAD)).is_some();
                place.recover();
                lived
            });
            let survivor = spawn(&place, |place| place.take(3));
            place.put(2, 20).unwrap();
            place.put(2, 21).unwrap();
            assert!(survivor.join().unwrap().is_some());
            mortal.join().unwrap();
        });
    }
}
