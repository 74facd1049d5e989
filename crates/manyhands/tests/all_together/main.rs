//! All primitives at once, private ones and shared ones, in two processes of several threads: nothing hangs, nothing is
//! lost, and nobody is told of a deadlock or suspected of one, since there is none.
//!
//! `MANYHANDS_STRESS_SECONDS` says how long (3 unless told; the full measure is 600), `MANYHANDS_SEED` repeats the
//! choices, though not the timing. Whoever makes no step for a minute ends it, with what each thread does and each
//! object says. It has a `main` of its own since it forks, which it does while it has one thread.

mod objects;
mod steps;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use manyhands::platform::fork::{Side, fork_plain};
use manyhands::platform::pidfd::{ExitStatus, PidFd, reap};
use manyhands::sync::suspicions_go_to;

use objects::{Ledger, Objects};
use steps::{NAMES, Worker};

const WORKERS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(60);
/// After so many steps a worker's thread ends, and another takes its place.
const LIFE: u64 = 50_000;

static STEPS: [AtomicU64; WORKERS] = [const { AtomicU64::new(0) }; WORKERS];
/// What each worker does just now: a number into `NAMES`.
static DOES: [AtomicU64; WORKERS] = [const { AtomicU64::new(0) }; WORKERS];

fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|number| number.parse().expect("a number"))
}

fn main() {
    // What `cargo test` asks of every test program that it lists.
    if std::env::args().any(|argument| argument == "--list") {
        return;
    }
    let seconds = number_from("MANYHANDS_STRESS_SECONDS").unwrap_or(3);
    let seed = number_from("MANYHANDS_SEED").unwrap_or_else(|| u64::from(std::process::id()) << 20 | 1);
    println!("all together for {seconds} s, MANYHANDS_SEED={seed}");
    let shared = objects::lasting(Objects::shared());
    // SAFETY: this process has one thread.
    match unsafe { fork_plain() }.expect("a second process") {
        Side::Child => {
            let good = work(1, shared, seed, Duration::from_secs(seconds));
            // SAFETY: ends the process at once; no destructor or handler runs.
            unsafe { libc::_exit(i32::from(!good)) }
        }
        Side::Parent(pid) => {
            let good = work(0, shared, seed, Duration::from_secs(seconds));
            let child = PidFd::open(pid).expect("a child that was not reaped");
            if !good {
                child.signal(libc::SIGKILL).expect("it is ours");
            }
            child.wait_dead(None).expect("it ends by itself, or its watch ends it");
            let end = reap(pid).expect("it is ours").expect("it has ended");
            assert!(good && end == ExitStatus::Exited(0), "this process is well: {good}; the other: {end:?}");
            println!("{}", shared.summary());
            shared.check();
        }
    }
}

/// Runs the workers of one process and watches them; whether all went well.
fn work(process: usize, shared: &'static Objects, seed: u64, time: Duration) -> bool {
    suspicions_go_to(|suspicion| {
        eprintln!("a false suspicion: {suspicion}");
        Ledger::get().failures.fetch_add(1, Ordering::AcqRel);
    });
    let private = objects::lasting(Objects::private());
    let workers: Vec<_> = (0..WORKERS)
        .map(|number| {
            let seed = seed.wrapping_mul(2 * (process * WORKERS + number) as u64 + 3);
            thread::spawn(move || {
                let mut worker = Worker::new(number, [private, shared], seed);
                while !worker.is_over() {
                    // A thread of its own for each stretch, so that threads and their numbers come and go.
                    worker = thread::spawn(move || worker.stretch(LIFE)).join().expect("no worker panics");
                }
            })
        })
        .collect();
    let is_well = watch(&workers, private, shared, time);
    if is_well {
        workers.into_iter().for_each(|worker| worker.join().expect("no worker panics"));
        println!(
            "process {process}: {} steps; {}",
            STEPS.iter().map(steps_of).sum::<u64>(),
            private.summary()
        );
        private.check();
    }
    is_well
}

fn steps_of(steps: &AtomicU64) -> u64 {
    steps.load(Ordering::Acquire)
}

/// Looks whether everybody makes steps, until all have ended.
fn watch(workers: &[thread::JoinHandle<()>], private: &Objects, shared: &Objects, time: Duration) -> bool {
    let (begun, ledger) = (Instant::now(), Ledger::get());
    let mut seen = [(u64::MAX, begun); WORKERS];
    while !workers.iter().all(thread::JoinHandle::is_finished) {
        thread::sleep(Duration::from_millis(20));
        if begun.elapsed() >= time {
            ledger.stop.store(1, Ordering::Release);
        }
        for (number, (steps, since)) in seen.iter_mut().enumerate() {
            let now = steps_of(&STEPS[number]);
            if now != *steps {
                (*steps, *since) = (now, Instant::now());
            }
            let stands = since.elapsed() > PATIENCE && !workers[number].is_finished();
            if stands || ledger.failures.load(Ordering::Acquire) > 0 {
                report(number, private, shared);
                return false;
            }
        }
    }
    ledger.failures.load(Ordering::Acquire) == 0 && workers.iter().all(thread::JoinHandle::is_finished)
}

fn report(stuck: usize, private: &Objects, shared: &Objects) {
    eprintln!("worker {stuck} made no step for a minute, or something failed:");
    for (number, does) in DOES.iter().enumerate() {
        let (does, steps) = (NAMES[does.load(Ordering::Acquire) as usize], steps_of(&STEPS[number]));
        eprintln!("  worker {number}, step {steps}: {does}");
    }
    eprintln!("  private: {}\n  shared: {}", private.summary(), shared.summary());
}
