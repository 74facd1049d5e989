//! Processes with threads inside: a process per share of the orders, and in each a few threads that wait for things.
//!
//! All threads of all processes put their answers into one queue. A panic in a thread of a process costs that process
//! only; the others go on.

use std::error::Error;
use std::thread::sleep;
use std::time::Duration;

use manyhands::{Process, Queue, Thread};

const PROCESSES: u32 = 2;
const THREADS: u32 = 3;

/// An order's number, and the process that served it.
type Answer = (u32, u32);

fn serve((first, answers): (u32, Queue<Answer>)) {
    let threads: Vec<_> = (first..first + THREADS)
        .map(|order| {
            let answers = answers.clone();
            let serve_one = move || {
                sleep(Duration::from_millis(20));
                answers.put(&(order, std::process::id())).expect("the queue is open");
            };
            Thread::spawn(serve_one).expect("there is room for a thread")
        })
        .collect();
    for thread in threads {
        thread.join().expect("it put its answer");
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let answers = Queue::growing()?;
    let processes = (0..PROCESSES).map(|number| Process::spawn(serve, (number * THREADS, answers.clone())));
    let processes = processes.collect::<Result<Vec<_>, _>>()?;
    for process in processes {
        process.join()?;
    }
    answers.close();
    let mut got = Vec::new();
    while let Ok(answer) = answers.get() {
        got.push(answer);
    }
    got.sort_unstable();
    for (order, process) in got {
        println!("order {order} by process {process}");
    }
    Ok(())
}
