//! Numbers that several processes change: one number, and a row of them.
//!
//! Each has a lock of its own, so no update is lost. Single numbers are read and changed by `get`, `set` and `update`;
//! for several steps that belong together a guard is held. A holder may be killed in the midst of them. Of a `Value`
//! the others then see nothing of what it had begun, and of an `Array` what it had written so far. Both guards report
//! it.

use std::error::Error;

use manyhands::shared::{Array, Event, Value};
use manyhands::{Process, WaitError};

/// Throws two dice, many times.
fn play((seed, sums, total): (u64, Array<u32>, Value<u64>)) -> Result<(), WaitError> {
    let mut state = seed;
    for _ in 0..1000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let sum = (state >> 33) % 6 + (state >> 50) % 6;
        sums.update(sum as usize, |times| *times += 1)?;
        total.update(|total| *total += 1)?;
    }
    Ok(())
}

/// Holds both for ever, with half of the work done.
fn hold((sums, total, amid): (Array<u32>, Value<u64>, Event)) -> Result<(), WaitError> {
    let (mut all, mut count) = (sums.lock()?, total.lock()?);
    all[0] = 0;
    *count = 0;
    amid.set();
    loop {
        std::thread::park();
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let (sums, total) = (Array::zeroed(11)?, Value::new(0)?);
    let players = [1, 2, 3].map(|seed| Process::spawn(play, (seed, sums.clone(), total.clone())));
    for player in players {
        player?.join()?;
    }
    let thrown: u32 = sums.lock()?.iter().sum();
    println!("three processes threw {thrown} times and counted {}", total.get()?);

    sums.set(0, 7)?;
    let amid = Event::new()?;
    let holder = Process::spawn(hold, (sums.clone(), total.clone(), amid.clone()))?;
    amid.wait();
    holder.kill()?;
    let (all, count) = (sums.lock()?, total.lock()?);
    println!("killed in the midst: the array has {} where 7 was, the value {} as before", all[0], *count);
    println!("reported: {}", all.owner_died().is_some() && count.owner_died().is_some());
    Ok(())
}
