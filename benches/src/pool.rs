//! A pool of two workers that adds one to a number.
//!
//! With one call in flight: microseconds from the call to its answer. With a thousand: millions of calls a second, an
//! answer being awaited before the next call goes out. manyhands and procspawn have processes and a handle for each
//! call; rayon has threads, and one channel takes all its answers in whatever order they come. The cases of threads
//! compare our pool of threads with that.

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

/// The same with threads: closures, and a future for each call or rayon's channel.
fn run_threads(subject: &str, count: u64, in_flight: usize) -> Option<f64> {
    match subject {
        "manyhands" => {
            let pool = manyhands::Pool::threads(WORKERS).expect("a pool");
            let submit = |number| pool.submit(move || add_one(number)).expect("a call");
            let answer = |call: manyhands::Future<u64>| call.get().expect("an answer");
            Some(Subject { submit, answer }.run(count, in_flight))
        }
        "rayon" => run(subject, count, in_flight),
        _ => None,
    }
}

/// Seconds for `count` calls in scopes of a thousand, each of which writes its answer into a place of the caller's.
fn run_scopes(subject: &str, count: u64) -> Option<f64> {
    let mut places = [0_u64; IN_FLIGHT];
    let mut sum = 0;
    let rounds = count.div_ceil(IN_FLIGHT as u64);
    let mut timed = |run: &mut dyn FnMut(&mut [u64])| {
        run(&mut places);
        let begun = Instant::now();
        for _ in 0..rounds {
            run(black_box(&mut places));
            sum += places.iter().sum::<u64>();
        }
        begun.elapsed().as_secs_f64()
    };
    let seconds = match subject {
        "manyhands" => {
            let pool = manyhands::Pool::threads(WORKERS).expect("a pool");
            timed(&mut |places| {
                pool.scope(|scope| {
                    for (number, place) in (0..).zip(places) {
                        drop(scope.submit(move || *place = add_one(number)).expect("a call"));
                    }
                });
            })
        }
        "rayon" => {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(WORKERS).build().expect("a pool");
            timed(&mut |places| {
                // Not `pool.scope`, whose body runs in the pool: these calls come from outside as well.
                pool.in_place_scope(|scope| {
                    for (number, place) in (0..).zip(places) {
                        scope.spawn(move |_| *place = add_one(number));
                    }
                });
            })
        }
        _ => return None,
    };
    assert_eq!(sum, rounds * (IN_FLIGHT * (IN_FLIGHT + 1) / 2) as u64, "an answer was lost or doubled");
    Some(seconds)
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

/// One call of a pool of threads at a time.
pub fn threads_one_in_flight(subject: &str, count: u64) -> Option<f64> {
    run_threads(subject, count, 1).map(|seconds| seconds * 1e6 / count as f64)
}

/// A thousand calls of a pool of threads at a time.
pub fn threads_many_in_flight(subject: &str, count: u64) -> Option<f64> {
    run_threads(subject, count, IN_FLIGHT).map(|seconds| count as f64 / seconds / 1e6)
}

/// A thousand calls in each scope.
pub fn scopes(subject: &str, count: u64) -> Option<f64> {
    run_scopes(subject, count).map(|seconds| count as f64 / seconds / 1e6)
}
