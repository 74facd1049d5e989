//! One thread waits for several queues and goes on with whichever has something first.
//!
//! Two processes look for divisors, each at its own pace, and say what they found in queues of their own. A thread of
//! this process has a third queue, in which it puts a reminder. `Select` says which queue has something. Nobody looks
//! again and again, and no queue has to wait for another. A queue at its end stays ready, so it is removed.

use manyhands::{GetError, Process, Queue, Select};
use std::error::Error;
use std::thread;
use std::time::Duration;

/// Looks at the numbers that a process has to itself: odd ones or even ones.
fn look((number, first, found): (u32, u32, Queue<u32>)) {
    for divisor in (first..number).step_by(2) {
        if number.is_multiple_of(divisor) {
            found.put(&divisor).expect("the other process takes it");
        }
    }
    found.close();
}

fn main() -> Result<(), Box<dyn Error>> {
    let number = 30_030;
    let (odd, even, reminders) = (Queue::growing()?, Queue::growing()?, Queue::in_process());
    let processes = [(3, odd.clone()), (2, even.clone())];
    let processes = processes.map(|(first, found)| Process::spawn(look, (number, first, found)));
    let reminder = thread::spawn({
        let reminders = reminders.clone();
        move || {
            thread::sleep(Duration::from_millis(1));
            reminders.put("a millisecond has passed".to_owned())
        }
    });

    let mut select = Select::new();
    let (is_odd, is_even, is_reminder) = (select.add(&odd), select.add(&even), select.add(&reminders));
    let (mut divisors, mut at_work) = (Vec::new(), 2);
    while at_work > 0 {
        let number = select.ready()?;
        if number == is_reminder {
            // Another taker might have been quicker; here there is none.
            println!("{}", reminders.try_get()?);
            continue;
        }
        let found = if number == is_odd { &odd } else { &even };
        debug_assert!(number == is_odd || number == is_even);
        match found.try_get() {
            Ok(divisor) => divisors.push(divisor),
            Err(GetError::Closed { .. }) => {
                select.remove(number);
                at_work -= 1;
            }
            Err(error) => return Err(error.into()),
        }
    }
    divisors.sort_unstable();
    println!(
        "{} divisors of {number}, the largest of which is {}",
        divisors.len(),
        divisors[divisors.len() - 1]
    );
    reminder.join().expect("it does not panic")?;
    for process in processes {
        process?.join()?;
    }
    Ok(())
}
