//! Locks: a holder or none, and for the re-entrant kind how often it holds it.
//!
//! Which of the blocked gets a lock that is released is open; that exactly one does is not.

use manyhands::platform::Deadline;
use manyhands::sync::{Blocking, RawLock, RawRLock, Site, Yields};
use std::time::Duration;

use super::play::{Play, ok};

fn at_once() -> Option<Deadline> {
    Deadline::after(Duration::ZERO)
}

pub fn play(play: &mut Play, lock: &'static RawLock) {
    let waiters = || lock.statistics().waiters;
    let mut held = false;
    while let Some(step) = play.next(8) {
        match step {
            (0..3, Some(actor)) => {
                play.ask_or_block((actor, "acquire", held), waiters, || ok(lock.acquire(None, &Blocking)));
                held = true;
            }
            (3, Some(actor)) => {
                let got = play.ask(actor, || Ok(u32::from(lock.try_acquire().unwrap().is_some())));
                play.expect("try_acquire", got, Ok(u32::from(!held)));
                held = true;
            }
            (4, Some(actor)) => {
                let got = play.ask(actor, || ok(lock.acquire(at_once(), &Blocking)));
                play.expect("acquire in no time", got.is_ok(), !held);
                held = true;
            }
            (5, _) => play.expect("is_held", lock.is_held(), held),
            // Anybody releases it, the director as well.
            (6.., _) | (_, None) => {
                play.expect("release", lock.release().is_ok(), held);
                if held && !play.blocked().is_empty() {
                    let got = play.released(1);
                    play.expect("a wait", got[0].1.clone(), Ok(0));
                    play.wait_for_waiters(waiters);
                } else {
                    held = false;
                }
            }
        }
    }
    let _ = held.then(|| lock.release());
    while !play.blocked().is_empty() {
        play.released(1);
        lock.release().unwrap();
    }
}

pub fn play_re_entrant(play: &mut Play, lock: &'static RawRLock) {
    let waiters = || lock.statistics().waiters;
    let mut holder: Option<(usize, u32)> = None;
    while play.goes_on() {
        let choice = play.below(9);
        let Some(actor) = play.idle() else { unreachable!("the holder is never blocked") };
        let mine = holder.filter(|(holder, _)| *holder == actor);
        match choice {
            0..3 => {
                let order = || ok(lock.acquire(None, &Blocking));
                if holder.is_some() && mine.is_none() {
                    play.block(actor, waiters, order);
                } else {
                    let got = play.ask(actor, order);
                    play.expect("acquire", got, Ok(0));
                    holder = Some((actor, mine.map_or(1, |(_, depth)| depth + 1)));
                }
            }
            3 => {
                let got = play.ask(actor, || Ok(u32::from(lock.try_acquire().unwrap().is_some())));
                let expected = holder.is_none() || mine.is_some();
                play.expect("try_acquire", got, Ok(u32::from(expected)));
                if expected {
                    holder = Some((actor, mine.map_or(1, |(_, depth)| depth + 1)));
                }
            }
            4 => {
                let got = play.ask(actor, || Ok(lock.depth()));
                play.expect("depth", got, Ok(mine.map_or(0, |(_, depth)| depth)));
            }
            // With others blocked one of them might get it in between, and this one be blocked.
            5 if play.blocked().is_empty() => {
                let got = play.ask(actor, || {
                    let held = lock.give_up().map_err(|error| error.to_string())?;
                    ok(lock.regain(held, &Blocking, Site::Unknown))?;
                    Ok(held.depth)
                });
                play.expect("release_save", got.ok(), mine.map(|(_, depth)| depth));
            }
            5 => {}
            _ => {
                let got = play.ask_beside_waiters(actor, || ok(lock.release()));
                let expected = match (mine, holder) {
                    (Some(_), _) => Ok(0),
                    (None, Some(_)) => Err("held by another thread"),
                    (None, None) => Err("not held"),
                };
                let as_expected = match (&got, expected) {
                    (Ok(_), Ok(_)) => true,
                    (Err(got), Err(expected)) => got.contains(expected),
                    _ => false,
                };
                play.check(as_expected, format_args!("release gave {got:?}, its model {expected:?}"));
                holder = match mine {
                    None => holder,
                    Some((_, depth)) if depth > 1 => Some((actor, depth - 1)),
                    Some(_) if play.blocked().is_empty() => None,
                    Some(_) => {
                        let got = play.released(1);
                        play.expect("a wait", got[0].1.clone(), Ok(0));
                        play.wait_for_waiters(waiters);
                        Some((got[0].0, 1))
                    }
                };
            }
        }
    }
    while let Some((actor, depth)) = holder {
        for _ in 0..depth {
            assert_eq!(play.ask_beside_waiters(actor, || ok(lock.release())), Ok(0));
        }
        holder = (!play.blocked().is_empty()).then(|| (play.released(1)[0].0, 1));
    }
}
