//! The lost update, and its cure: a hundred visitors pass a gate, and the counter must not forget any.
//!
//! Counting is to read, to think, and to write. Even if each read and each write is atomic, a thread that reads while
//! another thinks writes an old number plus one. A lock holds the number inside, so that the only way to it is through
//! the lock.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::Duration;

use manyhands::{Event, Lock, Thread};

const VISITORS: u32 = 100;
const THINKING: Duration = Duration::from_millis(3);

/// Makes all visitors count at once.
fn pass_all(count: impl Fn() + Send + Sync + 'static) -> Result<(), Box<dyn Error>> {
    let (gate, count) = (Arc::new(Event::new()), Arc::new(count));
    let visitors = (0..VISITORS).map(|_| {
        let (gate, count) = (gate.clone(), count.clone());
        Thread::spawn(move || {
            gate.wait();
            count();
        })
    });
    let visitors = visitors.collect::<Result<Vec<_>, _>>()?;
    gate.set();
    for visitor in visitors {
        visitor.join()?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let seen = Arc::new(AtomicU32::new(0));
    let counter = seen.clone();
    pass_all(move || {
        let before = counter.load(Ordering::SeqCst);
        sleep(THINKING);
        counter.store(before + 1, Ordering::SeqCst);
    })?;
    println!("without a lock: {} of {VISITORS}", seen.load(Ordering::SeqCst));

    let seen = Arc::new(Lock::new(0));
    let counter = seen.clone();
    pass_all(move || {
        let mut number = counter.lock().expect("nobody waits in a circle");
        let before = *number;
        sleep(THINKING);
        *number = before + 1;
    })?;
    println!("with a lock: {} of {VISITORS}", *seen.lock()?);
    Ok(())
}
