//! A deadlock, made on purpose, and its cures: an error, one order, patience, a banker.
//!
//! Two painters need a brush and a ladder, and each takes a different thing first. With a lock that only blocks they
//! would wait for good. Here the wait that closes the circle ends with an error that says which thread holds what, and
//! since where. The cures avoid the circle. All threads take things in one order; or they wait only for a while, and
//! put back what they have; or they ask a banker, who lends nothing that could lead there.

use std::error::Error;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use manyhands::{Banker, Barrier, Lock, Thread, WaitError};

const WALLS: u32 = 20;

struct Workshop {
    brush: Lock<u32>,
    ladder: Lock<u32>,
}

impl Workshop {
    fn new() -> Workshop {
        Workshop { brush: Lock::new(0), ladder: Lock::new(0) }
    }
}

/// Runs `paint` for both painters at once: is it the second one?
fn both(paint: impl Fn(bool) + Send + Sync + 'static) -> Result<(), Box<dyn Error>> {
    let paint = Arc::new(paint);
    let painters = [("Ann", false), ("Bob", true)].map(|(name, is_second)| {
        let paint = paint.clone();
        Thread::builder().name(name).spawn(move || paint(is_second))
    });
    for painter in painters {
        painter?.join()?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let (workshop, both_have_one) = (Workshop::new(), Barrier::new(2));
    both(move |is_second| {
        let (first, second) = match is_second {
            false => (&workshop.brush, &workshop.ladder),
            true => (&workshop.ladder, &workshop.brush),
        };
        let _one = first.lock().expect("nobody holds it yet");
        both_have_one.wait().expect("both come");
        match second.lock() {
            Ok(_) => println!("the other one goes on"),
            Err(WaitError::Deadlock(deadlock)) => println!("one gives up: {deadlock}"),
            Err(error) => println!("something else: {error}"),
        }
    })?;

    let workshop = Arc::new(Workshop::new());
    let shared = workshop.clone();
    both(move |_| {
        for _ in 0..WALLS {
            let mut brush = shared.brush.lock().expect("there is one order");
            let mut ladder = shared.ladder.lock().expect("there is one order");
            *brush += 1;
            *ladder += 1;
        }
    })?;
    println!("in one order: {} walls", *workshop.brush.lock()?);

    let workshop = Arc::new(Workshop::new());
    let shared = workshop.clone();
    both(move |is_second| {
        let (first, second) = match is_second {
            false => (&shared.brush, &shared.ladder),
            true => (&shared.ladder, &shared.brush),
        };
        let mut pause = if is_second { 1 } else { 2 };
        for _ in 0..WALLS {
            loop {
                let mut one = first.lock().expect("nobody waits for it without a limit");
                sleep(Duration::from_micros(200));
                if let Ok(mut other) = second.lock_timeout(Duration::from_millis(1)) {
                    *one += 1;
                    *other += 1;
                    break;
                }
                drop(one);
                // Not of the same length for both, or they would stumble over one another again and again.
                sleep(Duration::from_micros(300 * pause));
                pause = pause % 5 + 1;
            }
        }
    })?;
    println!("with patience: {} walls", *workshop.brush.lock()?);

    let walls = Arc::new(Lock::new(0));
    let counted = walls.clone();
    let banker = Banker::new(&[("brush", 1), ("ladder", 1)])?;
    both(move |is_second| {
        let claim = banker.claim(if is_second { "Bob" } else { "Ann" }, &[1, 1]).expect("there is as much");
        let (first, second) = if is_second { ([0, 1], [1, 0]) } else { ([1, 0], [0, 1]) };
        for _ in 0..WALLS {
            let _one = claim.request(&first).expect("it was declared");
            let _other = claim.request(&second).expect("it was declared");
            *counted.lock().expect("held for a moment only") += 1;
        }
    })?;
    println!("with a banker: {} walls", *walls.lock()?);
    Ok(())
}
