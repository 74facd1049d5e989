//! The states of threads, their names, joins with a limit, and panics.
//!
//! A thread made here has an owner: dropping it joins it, unless it is detached. Its state is that of the moment of the
//! question.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use manyhands::{Event, Thread, ThreadState};

/// Asks until the thread is in that state.
fn until<T>(thread: &Thread<T>, state: ThreadState) {
    while thread.state() != state {
        std::thread::yield_now();
    }
    println!("{}: {state:?}", thread.name());
}

fn main() -> Result<(), Box<dyn Error>> {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let computing = Thread::builder().name("computing").spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    })?;
    until(&computing, ThreadState::Running);
    stop.store(true, Ordering::Relaxed);
    until(&computing, ThreadState::Dead);
    computing.join()?;

    let gate = Arc::new(Event::new());
    let waited_for = gate.clone();
    let waiting = Thread::builder().name("waiting").spawn(move || {
        waited_for.wait();
        42
    })?;
    until(&waiting, ThreadState::Blocked);
    let waiting = match waiting.join_timeout(Duration::from_millis(20))? {
        Ok(answer) => return Err(format!("it ended with {answer} though nobody opened the gate").into()),
        Err(still) => still,
    };
    println!("after a join with a limit: alive {}", waiting.is_alive());
    gate.set();
    println!("after a join: {}", waiting.join()?);

    std::panic::set_hook(Box::new(|_| {}));
    let panicking = Thread::builder().name("panicking").spawn(|| {
        if true {
            panic!("no more paint");
        }
    })?;
    if let Err(error) = panicking.join() {
        println!("{error}");
    }
    Ok(())
}
