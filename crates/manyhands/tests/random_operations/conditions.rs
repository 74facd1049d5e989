//! Conditions: a queue of those that wait, which notifications leave in the order in which they came.
//!
//! Each actor waits with a lock of its own, so that the queue alone decides. A place in the queue that is given up
//! without a wait passes its notification on, if it had one.

use manyhands::platform::Deadline;
use manyhands::sync::{Blocking, Enlisted, RawCondition, RawLock};
use std::time::Duration;

use super::play::{Play, ok};

/// Who stands in the queue.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Actor(usize),
    /// A place that the director has taken, by its number.
    Director(u32),
}

pub fn play(play: &mut Play, condition: &'static RawCondition) {
    let mut queue: Vec<Place> = Vec::new();
    let mut taken: Vec<(u32, Enlisted<'static>)> = Vec::new();
    let mut next = 0;
    while play.goes_on() {
        let choice = play.below(10);
        let waiters = || condition.statistics().waiters;
        match (choice, play.idle()) {
            (0..3, Some(actor)) => {
                queue.push(Place::Actor(actor));
                let standing = queue.len();
                // As if only actors waited: those that the director has placed do not count.
                let placed = standing - play.blocked().len() - 1;
                play.block(
                    actor,
                    || waiters().wrapping_sub(placed),
                    || {
                        let lock = RawLock::private();
                        let _ = lock.acquire(None, &Blocking).unwrap();
                        let regained = condition.wait(&lock, None, &Blocking).unwrap();
                        ok(regained.waited.and(regained.lock))
                    },
                );
            }
            (3, Some(actor)) => {
                let got = play.ask(actor, || {
                    let (lock, at_once) = (RawLock::private(), Deadline::after(Duration::ZERO));
                    let _ = lock.acquire(None, &Blocking).unwrap();
                    ok(condition.wait(&lock, at_once, &Blocking).unwrap().waited)
                });
                play.expect("wait in no time", got.is_ok(), false);
            }
            (4, _) if taken.len() < 3 => {
                taken.push((next, condition.enlist().unwrap()));
                queue.push(Place::Director(next));
                next += 1;
            }
            (5, _) if !taken.is_empty() => {
                // Told or not, it says so at once, and leaves.
                let (number, enlisted) = taken.remove(play.below(taken.len()));
                let waits = queue.contains(&Place::Director(number));
                let heard = enlisted.wait(Deadline::after(Duration::ZERO), &Blocking).is_ok();
                play.expect("a placed wait", heard, !waits);
                queue.retain(|place| *place != Place::Director(number));
            }
            (6, _) if !taken.is_empty() => {
                // Leaves without having asked: what it was told goes to the next.
                let (number, enlisted) = taken.remove(play.below(taken.len()));
                let waits = queue.contains(&Place::Director(number));
                drop(enlisted);
                queue.retain(|place| *place != Place::Director(number));
                if !waits {
                    leave(play, &mut queue, 1);
                }
            }
            (7, _) => play.expect("waiters", waiters(), queue.len()),
            (9, _) | (_, None) => {
                let told = condition.notify_all() as usize;
                play.expect("notify_all", told, queue.len());
                leave(play, &mut queue, told);
            }
            _ => {
                let count = 1 + play.below(3);
                let told = condition.notify(count as u32) as usize;
                play.expect("notify", told, count.min(queue.len()));
                leave(play, &mut queue, told);
            }
        }
    }
    taken.clear();
    condition.notify_all();
    let blocked = play.blocked().len();
    play.released(blocked);
}

/// The first of the queue leave it; the actors among them answer.
fn leave(play: &mut Play, queue: &mut Vec<Place>, count: usize) {
    let gone: Vec<Place> = queue.drain(..count.min(queue.len())).collect();
    let actors = gone.iter().filter(|place| matches!(place, Place::Actor(_))).count();
    for (actor, answer) in play.released(actors) {
        play.expect("a wait", answer, Ok(0));
        play.check(gone.contains(&Place::Actor(actor)), "somebody was told before who came later");
    }
}
