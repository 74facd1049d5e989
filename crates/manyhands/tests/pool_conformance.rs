//! What a pool does whatever its engine: each behaviour stated once, run over processes and over threads.
//!
//! Calls are functions with one argument here, which both engines run. A worker is held by a call that takes from a
//! queue of processes, which threads can use as well.

use manyhands::executor::{CallError, Engine, SubmitError};
use manyhands::{Future, Pool, Processes, Queue, Threads, Until, as_completed, wait};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::mpsc;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// What travels.
trait Value: Serialize + DeserializeOwned + Send + 'static {}
impl<T: Serialize + DeserializeOwned + Send + 'static> Value for T {}

/// An engine, to a test.
trait Backend: Engine {
    fn pool(workers: usize) -> Pool<Self>;
    fn submit<A: Value, R: Value>(
        pool: &Pool<Self>,
        function: impl Fn(A) -> R + Copy + Send + Sync + 'static,
        argument: A,
    ) -> Result<Future<R>, SubmitError>;
    fn map<A: Value, R: Value>(
        pool: &Pool<Self>,
        function: impl Fn(A) -> R + Copy + Send + Sync + 'static,
        items: impl Iterator<Item = A> + 'static,
        shape: Shape,
    ) -> Box<dyn Iterator<Item = Result<R, CallError>> + '_>;
}

/// How a map is asked for.
#[derive(Clone, Copy)]
struct Shape {
    chunk: usize,
    window: usize,
    in_order: bool,
}

const PLAIN: Shape = Shape { chunk: 1, window: 8, in_order: true };

macro_rules! backend {
    ($backend:ty, $new:path, |$pool:ident, $function:ident, $argument:ident| $submit:expr) => {
        impl Backend for $backend {
            fn pool(workers: usize) -> Pool<Self> {
                $new(workers).unwrap()
            }

            fn submit<A: Value, R: Value>(
                $pool: &Pool<Self>,
                $function: impl Fn(A) -> R + Copy + Send + Sync + 'static,
                $argument: A,
            ) -> Result<Future<R>, SubmitError> {
                $submit
            }

            fn map<A: Value, R: Value>(
                pool: &Pool<Self>,
                function: impl Fn(A) -> R + Copy + Send + Sync + 'static,
                items: impl Iterator<Item = A> + 'static,
                shape: Shape,
            ) -> Box<dyn Iterator<Item = Result<R, CallError>> + '_> {
                let map = pool.map(function, items).unwrap().chunk(shape.chunk).window(shape.window);
                if shape.in_order { Box::new(map) } else { Box::new(map.unordered().unwrap()) }
            }
        }
    };
}

backend!(Processes, Pool::new, |pool, function, argument| pool.submit(function, argument));
backend!(Threads, Pool::threads, |pool, function, argument| pool.submit(move || function(argument)));

macro_rules! conformance {
    ($($behaviour:ident),+ $(,)?) => {
        mod processes { $(#[test] fn $behaviour() { super::$behaviour::<manyhands::Processes>(); })+ }
        mod threads { $(#[test] fn $behaviour() { super::$behaviour::<manyhands::Threads>(); })+ }
    };
}

conformance!(
    values_come_back_whoever_is_asked_first,
    a_panic_arrives_with_message_and_place,
    maps_give_what_the_items_give,
    a_map_looks_no_further_ahead_than_its_window,
    a_panic_in_a_map_costs_its_item,
    a_closed_pool_takes_no_more_and_finishes,
    a_terminated_pool_fails_what_waits,
    what_waits_can_be_cancelled_and_what_runs_cannot,
    a_limited_wait_leaves_the_future_as_it_was,
    callbacks_get_the_answer_and_their_panics_stop_nothing,
    futures_are_waited_for_together,
    futures_come_as_they_are_done,
    futures_can_be_awaited,
    a_future_outlives_its_pool,
    a_dropped_pool_has_done_everything,
    statistics_count,
    many_threads_submit,
);

/// Holds a worker until something is put into the queue.
fn hold(gate: Queue<u32>) -> u32 {
    gate.get().unwrap()
}

/// A queue that is closed at the latest when this is dropped, so that a test that fails ends.
struct Gate(Queue<u32>);

impl std::ops::Deref for Gate {
    type Target = Queue<u32>;

    fn deref(&self) -> &Queue<u32> {
        &self.0
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.close();
    }
}

/// A pool with one worker, which is held by a call until the queue gets a value.
fn held<E: Backend>() -> (Pool<E>, Gate, Future<u32>) {
    let (pool, gate) = (E::pool(1), Gate(Queue::growing().unwrap()));
    let holding = E::submit(&pool, hold, gate.clone()).unwrap();
    wait_until("the call to begin", || pool.statistics().running == 1);
    (pool, gate, holding)
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !condition() {
        assert!(start.elapsed() < LIMIT, "waited too long for {what}");
        std::thread::yield_now();
    }
}

fn double(number: u64) -> u64 {
    number * 2
}

fn values_come_back_whoever_is_asked_first<E: Backend>() {
    let pool = E::pool(2);
    let futures: Vec<_> = (0..300).map(|number| E::submit(&pool, double, number).unwrap()).collect();
    assert!(futures.iter().map(Future::number).eq(1..=300));
    for (number, future) in futures.into_iter().enumerate().rev() {
        assert_eq!(future.get().unwrap(), 2 * number as u64);
    }
    let text = E::submit(&pool, |(a, b): (String, usize)| a.repeat(b), ("ab".to_owned(), 100_000)).unwrap();
    assert_eq!(text.get().unwrap().len(), 200_000);
}

fn a_panic_arrives_with_message_and_place<E: Backend>() {
    let pool = E::pool(1);
    let line = line!() + 1;
    let error = E::submit(&pool, |n: u32| -> u32 { panic!("not {n}") }, 3).unwrap().get().unwrap_err();
    let (message, location) = error.panic().unwrap();
    assert_eq!(message, "not 3");
    assert!(location.contains(&format!("pool_conformance.rs:{line}:")), "{location}");
    assert!(error.to_string().contains("panicked at"), "{error}");
    assert_eq!(E::submit(&pool, double, 1).unwrap().get().unwrap(), 2, "the pool goes on");
}

fn maps_give_what_the_items_give<E: Backend>() {
    let pool = E::pool(2);
    for (chunk, window) in [(1, 1), (1, 64), (7, 3)] {
        let shape = Shape { chunk, window, in_order: true };
        let doubled: Vec<u64> = E::map(&pool, double, 0..1000, shape).map(Result::unwrap).collect();
        assert!(doubled.iter().copied().eq((0..1000).map(double)));
        let any = Shape { in_order: false, ..shape };
        let mut unordered: Vec<u64> = E::map(&pool, double, 0..1000, any).map(Result::unwrap).collect();
        unordered.sort_unstable();
        assert_eq!(unordered, doubled);
    }
    assert_eq!(E::map(&pool, double, std::iter::empty(), PLAIN).count(), 0);
    let found = E::map(&pool, double, 0.., PLAIN).map(Result::unwrap).find(|number| *number > 100);
    assert_eq!(found, Some(102), "items without end");
}

fn a_map_looks_no_further_ahead_than_its_window<E: Backend>() {
    let pool = E::pool(2);
    for in_order in [true, false] {
        let (taken, items) = mpsc::channel();
        let counted = (0_u64..).inspect(move |number| taken.send(*number).unwrap_or(()));
        let mut answers = E::map(&pool, double, counted, Shape { chunk: 3, window: 5, in_order });
        for _ in 0..10 {
            answers.next().unwrap().unwrap();
        }
        let most = items.try_iter().count();
        assert!(most <= 10 + 3 * 5, "{most} items were taken for 10 answers");
    }
}

fn a_panic_in_a_map_costs_its_item<E: Backend>() {
    let pool = E::pool(2);
    let function = |n: u32| if n == 3 { panic!("three") } else { n };
    let shape = Shape { chunk: 2, ..PLAIN };
    let answers: Vec<_> = E::map(&pool, function, 0..6, shape)
        .map(|answer| answer.map_err(|error| error.panic().unwrap().0.to_owned()))
        .collect();
    assert_eq!(answers, [Ok(0), Ok(1), Ok(2), Err("three".to_owned()), Ok(4), Ok(5)]);
}

fn a_closed_pool_takes_no_more_and_finishes<E: Backend>() {
    let (pool, gate, holding) = held::<E>();
    let waiting = E::submit(&pool, double, 4).unwrap();
    pool.close();
    let refused = E::submit(&pool, double, 5).unwrap_err();
    assert!(matches!(refused, SubmitError::Closed), "{refused}");
    let mut refused = E::map(&pool, double, 0..1, PLAIN);
    assert!(matches!(refused.next(), Some(Err(CallError::NotSubmitted(SubmitError::Closed)))));
    assert!(refused.next().is_none(), "told once");
    gate.put(&9).unwrap();
    assert_eq!((holding.get().unwrap(), waiting.get().unwrap()), (9, 8));
    drop(refused);
    pool.join();
}

fn a_terminated_pool_fails_what_waits<E: Backend>() {
    let (pool, gate, holding) = held::<E>();
    let waiting = E::submit(&pool, double, 4).unwrap();
    pool.terminate();
    let error = waiting.get().unwrap_err();
    assert!(error.to_string().contains("was terminated before call 2"), "{error}");
    let refused = E::submit(&pool, double, 5).unwrap_err();
    assert!(matches!(refused, SubmitError::Terminated), "{refused}");
    // A process is killed, a thread goes on.
    gate.put(&9).unwrap();
    pool.join();
    assert!(holding.is_done());
}

fn what_waits_can_be_cancelled_and_what_runs_cannot<E: Backend>() {
    let (pool, gate, holding) = held::<E>();
    let waiting = E::submit(&pool, double, 4).unwrap();
    assert!(!holding.cancel() && !holding.is_done());
    assert!(waiting.cancel() && waiting.cancel() && waiting.is_done());
    let error = waiting.get().unwrap_err();
    assert!(error.is_cancelled(), "{error}");
    assert_eq!(error.to_string(), "call 2 was cancelled");
    gate.put(&9).unwrap();
    assert_eq!(holding.get().unwrap(), 9);
    let done = E::submit(&pool, double, 1).unwrap();
    assert!(done.wait(LIMIT) && !done.cancel());
    assert_eq!(done.get().unwrap(), 2);
}

fn a_limited_wait_leaves_the_future_as_it_was<E: Backend>() {
    let (_pool, gate, holding) = held::<E>();
    assert!(!holding.wait(Duration::ZERO) && !holding.wait(Duration::from_millis(5)));
    let holding = holding.get_timeout(Duration::from_millis(5)).unwrap().unwrap_err();
    gate.put(&9).unwrap();
    assert_eq!(holding.get_timeout(LIMIT).unwrap().unwrap(), 9);
}

fn callbacks_get_the_answer_and_their_panics_stop_nothing<E: Backend>() {
    let (pool, gate, holding) = held::<E>();
    let (sender, answers) = mpsc::channel();
    let tell = |sender: &mpsc::Sender<_>| {
        let sender = sender.clone();
        move |answer: Result<u64, CallError>| sender.send(answer.map_err(|error| error.to_string())).unwrap()
    };
    E::submit(&pool, double, 1).unwrap().on_done(|_| panic!("a callback, on purpose")).unwrap();
    E::submit(&pool, double, 2).unwrap().on_done(tell(&sender)).unwrap();
    E::submit(&pool, |_: u64| panic!("a call, on purpose"), 3).unwrap().on_done(tell(&sender)).unwrap();
    assert!(answers.try_recv().is_err(), "the worker is held");
    gate.put(&9).unwrap();
    // In any order: whoever runs the callbacks may find both answers there at once.
    let mut both = [answers.recv_timeout(LIMIT).unwrap(), answers.recv_timeout(LIMIT).unwrap()];
    both.sort();
    assert_eq!(both[0], Ok(4));
    assert!(both[1].as_ref().unwrap_err().contains("a call, on purpose"));
    let done = E::submit(&pool, double, 4).unwrap();
    assert!(done.wait(LIMIT));
    done.on_done(tell(&sender)).unwrap();
    assert_eq!(answers.recv_timeout(LIMIT).unwrap(), Ok(8), "of one that was done before");
    assert_eq!(holding.get().unwrap(), 9);
}

fn futures_are_waited_for_together<E: Backend>() {
    let pool = E::pool(2);
    let gate = Gate(Queue::growing().unwrap());
    let holding = || E::submit(&pool, hold, gate.clone()).unwrap();
    let soon = || E::submit(&pool, |number: u32| number, 7).unwrap();
    let fails = || E::submit(&pool, |_: u32| -> u32 { panic!("on purpose") }, 7).unwrap();

    let waited = wait([holding(), soon()], Until::FirstDone, None);
    assert_eq!((waited.done.len(), waited.not_done.len()), (1, 1));
    assert_eq!(waited.done.into_iter().next().unwrap().get().unwrap(), 7);
    let waited = wait(waited.not_done, Until::FirstDone, Some(Duration::from_millis(5)));
    assert_eq!((waited.done.len(), waited.not_done.len()), (0, 1), "the time was over");
    let mut futures = waited.not_done;
    futures.extend([soon(), fails(), soon()]);
    let waited = wait(futures, Until::FirstFailed, None);
    assert!(!waited.not_done.is_empty(), "one is held");
    let failed: Vec<_> = waited.done.into_iter().filter_map(|future| future.get().err()).collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].panic().unwrap().0, "on purpose", "read once before, and still there");
    let late = wait(waited.not_done, Until::AllDone, Some(Duration::from_millis(5)));
    assert!(!late.not_done.is_empty());
    gate.put(&9).unwrap();
    let all = wait(late.done.into_iter().chain(late.not_done), Until::AllDone, None);
    assert!(all.not_done.is_empty() && all.done.iter().all(Future::is_done));
    let none_fails = wait([soon(), soon()], Until::FirstFailed, None);
    assert!(none_fails.not_done.is_empty());
    assert!(wait(Vec::<Future<u32>>::new(), Until::FirstDone, None).done.is_empty());
}

fn futures_come_as_they_are_done<E: Backend>() {
    let (pool, gate, holding) = held::<E>();
    let done = E::submit(&pool, |number: u32| number, 4).unwrap();
    let cancelled = E::submit(&pool, |number: u32| number, 5).unwrap();
    assert!(cancelled.cancel());
    let mut completed = as_completed([holding, done, cancelled]);
    assert!(completed.next().unwrap().get().unwrap_err().is_cancelled());
    assert!(completed.next_timeout(Duration::from_millis(5)).is_err());
    gate.put(&9).unwrap();
    assert_eq!(completed.next().unwrap().get().unwrap(), 9);
    assert_eq!(completed.next_timeout(LIMIT).unwrap().unwrap().get().unwrap(), 4);
    assert!(completed.next().is_none());
    let many = (0..200).map(|number| E::submit(&pool, double, number).unwrap());
    let mut answers: Vec<u64> = as_completed(many).map(|future| future.get().unwrap()).collect();
    answers.sort_unstable();
    assert!(answers.into_iter().eq((0..200).map(double)));
}

fn futures_can_be_awaited<E: Backend>() {
    let (pool, gate, holding) = held::<E>();
    let waiting = E::submit(&pool, double, 4).unwrap();
    let opener = std::thread::spawn({
        let gate = gate.clone();
        move || gate.put(&9).unwrap()
    });
    let both = async { (holding.await.unwrap(), waiting.await.unwrap()) };
    assert_eq!(pollster::block_on(both), (9, 8));
    opener.join().unwrap();

    // Two tasks of one thread: while one waits for its call, the other lets that call go on.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let holding = E::submit(&pool, hold, gate.clone()).unwrap();
    let after = E::submit(&pool, |_: u32| -> u32 { panic!("on purpose") }, 0).unwrap();
    runtime.block_on(async {
        let waits = holding;
        let (opens, cancels) = (async { gate.put(&3).unwrap() }, async { after.await.unwrap_err() });
        let tasks = async {
            let mut waits = std::pin::pin!(waits);
            let first = std::future::poll_fn(|context| {
                std::task::Poll::Ready(std::future::Future::poll(waits.as_mut(), context).is_pending())
            });
            assert!(first.await, "nothing was put yet");
            opens.await;
            waits.await.unwrap()
        };
        assert_eq!(tasks.await, 3);
        assert_eq!(cancels.await.panic().unwrap().0, "on purpose");
    });
}

fn a_future_outlives_its_pool<E: Backend>() {
    let pool = E::pool(1);
    let (taken, told) = (E::submit(&pool, double, 4).unwrap(), E::submit(&pool, double, 5).unwrap());
    let awaited = E::submit(&pool, double, 6).unwrap();
    pool.join();
    assert_eq!(taken.get().unwrap(), 8);
    let (sender, answer) = mpsc::channel();
    told.on_done(move |answer| sender.send(answer.unwrap()).unwrap()).unwrap();
    assert_eq!(answer.recv_timeout(LIMIT).unwrap(), 10);
    assert_eq!(pollster::block_on(awaited).unwrap(), 12);
}

fn a_dropped_pool_has_done_everything<E: Backend>() {
    let (pool, done) = (E::pool(2), Queue::growing().unwrap());
    for number in 0..100 {
        let unheard =
            E::submit(&pool, |(done, n): (Queue<u32>, u32)| done.put(&n).unwrap(), (done.clone(), number));
        drop(unheard.unwrap());
    }
    drop(pool);
    assert_eq!(done.len(), 100);
}

fn statistics_count<E: Backend>() {
    let (pool, gate, holding) = held::<E>();
    let waiting = [1, 2, 3].map(|number| E::submit(&pool, double, number).unwrap());
    let now = pool.statistics();
    assert_eq!((now.workers_wanted, now.running, now.waiting, now.submitted), (1, 1, 3, 4));
    assert_eq!((now.workers.len(), now.workers[0].2), (1, 1));
    gate.put(&9).unwrap();
    assert!(wait(waiting, Until::AllDone, None).not_done.is_empty());
    wait_until("the worker to be idle", || pool.statistics().running == 0);
    assert_eq!((pool.statistics().waiting, pool.statistics().submitted), (0, 4));
    drop(holding);
}

fn many_threads_submit<E: Backend>() {
    let pool = E::pool(2);
    let sum: u64 = std::thread::scope(|scope| {
        let submitters = [0_u64, 1, 2].map(|which| {
            let pool = &pool;
            scope.spawn(move || {
                let mut under_way = std::collections::VecDeque::new();
                let mut sum = 0;
                for number in 0..40_000 {
                    under_way.push_back(E::submit(pool, double, 3 * number + which).unwrap());
                    if under_way.len() > 100 {
                        sum += under_way.pop_front().unwrap().get().unwrap();
                    }
                }
                sum + under_way.into_iter().map(|future| future.get().unwrap()).sum::<u64>()
            })
        });
        submitters.map(|submitter| submitter.join().unwrap()).iter().sum()
    });
    assert_eq!(sum, 120_000 * 119_999);
}
