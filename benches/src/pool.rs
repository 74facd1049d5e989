//! A pool of two workers that adds one to a number.
//!
//! With one call in flight: microseconds from the call to its answer. With a thousand: millions of calls a second,
//! an answer being awaited before the next call goes out. manyhands and procspawn have processes and a handle for each
//! call; rayon has threads, and one channel takes all its answers in whatever order they come.

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::Instant;

const WORKERS: usize = 2;
const IN_FLIGHT: usize = 1000;

fn add_one(number: u64) -> u64 {
    number + 1
}

/// A pool under test: `submit` hands a number in, `answer` waits for what came of it.
struct Subject<C, S: FnMut(u64) -> C, A: FnMut(C) -> u64> {
    submit: S,
    answer: A,
}

impl<C, S: FnMut(u64) -> C, A: FnMut(C) -> u64> Subject<C, S, A> {
    /// Seconds for `count` calls with at most `in_flight` of them unanswered.
    fn run(mut self, count: u64, in_flight: usize) -> f64 {
        // The workers are there and have run once.
        for call in [(self.submit)(0), (self.submit)(0)] {
            (self.answer)(call);
        }
        let mut calls = VecDeque::with_capacity(in_flight);
        let begun = Instant::now();
        let mut sum = 0;
        for number in 0..count {
            if calls.len() == in_flight {
                sum += (self.answer)(calls.pop_front().expect("calls are in flight"));
            }
            calls.push_back((self.submit)(black_box(number)));
        }
        for call in calls {
            sum += (self.answer)(call);
        }
        let seconds = begun.elapsed().as_secs_f64();
        assert_eq!(sum, count * (count + 1) / 2, "an answer was lost or doubled");
        seconds
    }
}

fn run(subject: &str, count: u64, in_flight: usize) -> Option<f64> {
    match subject {
        "manyhands" => {
            let pool = manyhands::Pool::new(WORKERS).expect("a pool");
            let submit = |number| pool.submit(add_one, number).expect("a call");
            let answer = |call: manyhands::Future<u64>| call.get().expect("an answer");
            Some(Subject { submit, answer }.run(count, in_flight))
        }
        "manyhands-threads" => {
            let pool = manyhands::Pool::threads(WORKERS).expect("a pool");
            let submit = |number| pool.submit(move || add_one(number)).expect("a call");
            let answer = |call: manyhands::Future<u64>| call.get().expect("an answer");
            Some(Subject { submit, answer }.run(count, in_flight))
        }
        "rayon" => {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(WORKERS).build().expect("a pool");
            let (sender, receiver) = std::sync::mpsc::channel();
            let submit = |number| {
                let sender = sender.clone();
                pool.spawn(move || sender.send(add_one(number)).expect("somebody waits"));
            };
            let answer = |()| receiver.recv().expect("an answer");
            Some(Subject { submit, answer }.run(count, in_flight))
        }
        "procspawn" => {
            allow_many_descriptors();
            let pool = procspawn::Pool::new(WORKERS).expect("a pool");
            let submit = |number| procspawn::spawn!(in pool, (number) || add_one(number));
            let answer = |call: procspawn::JoinHandle<u64>| call.join().expect("an answer");
            Some(Subject { submit, answer }.run(count, in_flight))
        }
        _ => None,
    }
}

/// procspawn needs four descriptors for each call in flight, and panics when they run out.
fn allow_many_descriptors() {
    // SAFETY: the limits are a plain value on this stack.
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        limit.rlim_cur = limit.rlim_max.min(65536);
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
    }
}

/// One call at a time.
pub fn one_in_flight(subject: &str, count: u64) -> Option<f64> {
    run(subject, count, 1).map(|seconds| seconds * 1e6 / count as f64)
}

/// A thousand calls at a time.
pub fn many_in_flight(subject: &str, count: u64) -> Option<f64> {
    run(subject, count, IN_FLIGHT).map(|seconds| count as f64 / seconds / 1e6)
}
