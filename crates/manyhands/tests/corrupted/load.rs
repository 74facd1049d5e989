//! The program whose arena is scribbled over: a bit of everything, each wait with a limit.

use super::Random;
use super::vandal::{Plan, scribble};
use manyhands::shared::Lock;
use manyhands::spawn::{Process, StartMethod};
use manyhands::{Pool, Queue};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// How long anything is waited for.
const SOON: Duration = Duration::from_secs(1);

fn talk(what: &str, error: &dyn std::fmt::Debug) {
    eprintln!("{what}: {error:?}");
}

/// What of a result can be used.
fn of<T, E: std::fmt::Debug>(what: &str, result: Result<T, E>) -> Option<T> {
    result.inspect_err(|error| talk(what, error)).ok()
}

fn length(text: String) -> usize {
    text.len()
}

fn add((lock, times): (Lock<u64>, u32)) {
    let begun = Instant::now();
    for _ in 0..times {
        if let Some(mut value) = of("a lock", lock.lock_timeout(SOON.saturating_sub(begun.elapsed()))) {
            *value += 1;
        }
    }
}

type Letters = Queue<(u64, Vec<u8>)>;

fn tell((queue, from, lengths): (Letters, u64, Vec<usize>)) {
    let begun = Instant::now();
    for length in lengths {
        of("a put", queue.put_timeout(&(from, vec![7; length]), SOON.saturating_sub(begun.elapsed())));
    }
}

/// Runs the program.
pub fn run(seed: u64, bystander: u32) {
    let mut random = Random::new(seed);
    let plan = Plan::new(&mut random, bystander);
    let _vandal = of("the vandal", Process::builder().daemon(true).spawn(scribble, plan));
    let rounds = 1 + random.below(4);
    for _ in 0..rounds {
        let goes_on = catch_unwind(AssertUnwindSafe(|| round(&mut random)));
        if goes_on.is_err() && random.below(2) == 0 {
            panic!("the program ends of it");
        }
    }
}

fn round(random: &mut Random) {
    let pool = of("a pool", Pool::new(1 + random.below(3) as usize));
    let mut calls = Vec::new();
    for _ in 0..random.below(60) {
        let size = match random.below(10) {
            0 => random.below(200_000),
            1..4 => random.below(2_000),
            _ => random.below(60),
        };
        let text = "x".repeat(size as usize);
        calls.extend(pool.as_ref().and_then(|pool| of("a call", pool.submit(length, text))));
    }
    let queue = of("a queue", Queue::bounded(1 + random.below(20)));
    let lock = of("a lock", Lock::new(0));
    let mut children = Vec::new();
    for _ in 0..random.below(3) {
        let method = if random.below(4) == 0 { StartMethod::Exec } else { StartMethod::Zygote };
        let builder = Process::builder().daemon(random.below(2) == 0).method(method);
        if let Some(queue) = &queue
            && random.below(2) == 0
        {
            let lengths = (0..random.below(20)).map(|_| random.below(5_000) as usize).collect();
            children.extend(of("a start", builder.spawn(tell, (queue.clone(), random.next(), lengths))));
        } else if let Some(lock) = &lock {
            children.extend(of("a start", builder.spawn(add, (lock.clone(), random.below(2_000) as u32))));
        }
    }
    if let Some(lock) = &lock {
        add((lock.clone(), random.below(1_000) as u32));
    }
    if let Some(queue) = &queue {
        for _ in 0..random.below(20) {
            of("a put", queue.try_put(&(1, vec![1; random.below(300) as usize])));
            of("a get", queue.get_timeout(Duration::from_millis(20)));
        }
    }
    let begun = Instant::now();
    for call in calls {
        match call.get_timeout(SOON.saturating_sub(begun.elapsed())) {
            Ok(Ok(_)) => {}
            Ok(Err(_)) => talk("a result", &"it did not come"),
            Err(error) => talk("a result", &error),
        }
    }
    for child in children {
        if child.join_timeout((2 * SOON).saturating_sub(begun.elapsed())).is_none() {
            of("an end", child.kill());
        }
    }
    if let Some(pool) = pool
        && random.below(2) == 0
    {
        pool.terminate();
    }
}
