//! Pools of threads: what only they can do. Closures that capture and borrow, pools within pools, races by the hundred
//! thousand.

use manyhands::executor::{CallError, PoolState};
use manyhands::{Event, Future, Lock, Pool, Threads, Until, as_completed, wait};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < LIMIT, "waited too long for {what}");
        std::thread::yield_now();
    }
}

/// An event that happens at the latest when this is dropped, so that a test that fails ends.
struct Gate(Arc<Event>);

impl Gate {
    fn set(&self) {
        self.0.set();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.set();
    }
}

/// A pool whose only thread is held until the event is set.
fn held() -> (Pool<Threads>, Gate, Future<()>) {
    let (pool, gate) = (Pool::threads(1).unwrap(), Gate(Arc::new(Event::new())));
    let same = gate.0.clone();
    let holding = pool.submit(move || same.wait()).unwrap();
    wait_until("the call to begin", || pool.statistics().running == 1);
    (pool, gate, holding)
}

#[test]
fn closures_move_what_they_capture_and_answer_with_anything() {
    let pool = Pool::threads(2).unwrap();
    let text = String::from("captured");
    let shared = Arc::new(Lock::new(0));
    let same = shared.clone();
    let future = pool.submit(move || {
        *same.lock().unwrap() += 1;
        (text, same)
    });
    let (text, same) = future.unwrap().get().unwrap();
    assert_eq!(text, "captured");
    assert!(Arc::ptr_eq(&shared, &same), "moved, not copied");
    assert_eq!(*shared.lock().unwrap(), 1);
}

#[test]
fn threads_are_named_and_gone_with_their_pool() {
    let pool = Pool::builder().threads(2).name("Fetcher").stack_size(1 << 20).build().unwrap();
    let names = pool.map(|_: u32| std::thread::current().name().unwrap().to_owned(), 0..20).unwrap();
    assert!(names.map(Result::unwrap).all(|name| name == "Fetcher-0" || name == "Fetcher-1"));
    let tids = || -> Vec<u32> { pool.statistics().workers.iter().map(|worker| worker.1).collect() };
    let is_there = |tid: &u32| std::fs::exists(format!("/proc/self/task/{tid}")).unwrap();
    wait_until("both threads to begin", || tids().iter().all(is_there));
    let tids = tids();
    let done = pool.submit(|| ()).unwrap();
    pool.join();
    assert!(done.is_done() && !tids.iter().any(is_there), "joined, and not only told to end");
    assert!(Pool::builder().threads(1).name("a\0b").build().unwrap_err().to_string().contains("NUL"));
}

#[test]
fn a_million_calls_of_several_threads_are_each_run_once() {
    let calls: u64 = if cfg!(debug_assertions) { 200_000 } else { 1_000_000 };
    let pool = Pool::threads(3).unwrap();
    let runs = Arc::new(AtomicU64::new(0));
    let sum: u64 = std::thread::scope(|scope| {
        let submitters: Vec<_> = (0..4)
            .map(|which| {
                let (pool, runs) = (&pool, &runs);
                scope.spawn(move || {
                    let mut under_way = VecDeque::new();
                    let mut sum = 0;
                    for number in (which..calls).step_by(4) {
                        let runs = runs.clone();
                        let call = pool.submit(move || {
                            runs.fetch_add(1, Relaxed);
                            number
                        });
                        under_way.push_back(call.unwrap());
                        if under_way.len() > 64 {
                            sum += under_way.pop_front().unwrap().get().unwrap();
                        }
                    }
                    sum + under_way.into_iter().map(|call| call.get().unwrap()).sum::<u64>()
                })
            })
            .collect();
        submitters.into_iter().map(|submitter| submitter.join().unwrap()).sum()
    });
    assert_eq!((sum, runs.load(Relaxed)), (calls * (calls - 1) / 2, calls));
    let statistics = pool.statistics();
    assert_eq!((statistics.submitted, statistics.waiting), (calls, 0));
    assert_eq!(statistics.workers.iter().map(|worker| worker.2).sum::<u64>(), calls);
}

#[test]
fn a_call_is_run_or_cancelled_and_what_it_captured_is_dropped_once() {
    struct Dropped(Arc<AtomicU32>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.fetch_add(1, Relaxed);
        }
    }
    let pool = Pool::threads(2).unwrap();
    let (runs, drops) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let mut cancelled = 0;
    for round in 0..20_000 {
        let (same, captured) = (runs.clone(), Dropped(drops.clone()));
        let future = pool.submit(move || {
            same.fetch_add(1, Relaxed);
            drop(captured);
        });
        let future = future.unwrap();
        if round % 3 == 0 {
            std::thread::yield_now();
        }
        if future.cancel() {
            cancelled += 1;
            assert!(future.get().unwrap_err().is_cancelled());
        } else {
            future.get().unwrap();
        }
    }
    assert_eq!(runs.load(Relaxed) + cancelled, 20_000);
    pool.join();
    assert_eq!(drops.load(Relaxed), 20_000);
}

#[test]
fn a_call_cancelled_in_the_midst_leaves_the_others_in_order() {
    let (pool, gate, holding) = held();
    let (sender, order) = mpsc::channel();
    let submit = |number: usize| {
        let sender = sender.clone();
        pool.submit(move || sender.send(number).unwrap()).unwrap()
    };
    let mut futures: Vec<_> = (0..8).map(submit).collect();
    assert_eq!(pool.statistics().waiting, 8);
    for number in [5, 2] {
        assert!(futures.remove(number).cancel());
    }
    futures.extend((8..12).map(submit));
    let statistics = pool.statistics();
    assert_eq!((statistics.waiting, statistics.running, statistics.submitted), (10, 1, 13));
    gate.set();
    for future in futures {
        future.get().unwrap();
    }
    holding.get().unwrap();
    assert_eq!(order.try_iter().collect::<Vec<_>>(), [0, 1, 3, 4, 6, 7, 8, 9, 10, 11]);
}

/// Whoever submits while somebody closes the pool: what is accepted is run, what is not is dropped, and each is one of
/// both.
#[test]
fn a_call_submitted_while_the_pool_closes_is_run_or_refused() {
    for _ in 0..200 {
        let pool = Pool::threads(2).unwrap();
        let (ran, accepted) = (Arc::new(AtomicU64::new(0)), AtomicU64::new(0));
        let begin = std::sync::Barrier::new(3);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    begin.wait();
                    loop {
                        let ran = ran.clone();
                        let submitted = pool.submit(move || ran.fetch_add(1, Relaxed));
                        let Ok(future) = submitted else { break };
                        drop(future);
                        accepted.fetch_add(1, Relaxed);
                    }
                });
            }
            begin.wait();
            pool.close();
        });
        let accepted = accepted.into_inner();
        assert_eq!(pool.statistics().submitted, accepted);
        drop(pool);
        assert_eq!(ran.load(Relaxed), accepted);
        assert_eq!(Arc::strong_count(&ran), 1, "a closure is left somewhere");
    }
}

#[test]
fn what_a_cancelled_call_captured_is_dropped_at_once() {
    let (_pool, gate, _holding) = held();
    let captured = Arc::new(());
    let same = captured.clone();
    let waiting = _pool.submit(move || drop(same)).unwrap();
    assert!(waiting.cancel());
    assert_eq!(Arc::strong_count(&captured), 1);
    gate.set();
}

#[test]
fn calls_may_wait_for_calls_of_their_own_full_pool() {
    fn fibonacci(pool: &Arc<Pool<Threads>>, n: u64) -> u64 {
        if n < 2 {
            return n;
        }
        let same = pool.clone();
        let one = pool.submit(move || fibonacci(&same, n - 1)).unwrap();
        let other = fibonacci(pool, n - 2);
        one.get().unwrap() + other
    }
    for threads in [1, 2] {
        let pool = Arc::new(Pool::threads(threads).unwrap());
        let same = pool.clone();
        let answer = pool.submit(move || fibonacci(&same, 15)).unwrap().get().unwrap();
        assert_eq!(answer, 610);
        // The last reference may be a call's: a thread of the pool drops it then, and does not wait for itself.
        wait_until("the calls to let go of it", || Arc::strong_count(&pool) == 1);
    }
}

#[test]
fn a_full_pool_can_be_waited_for_in_every_way() {
    let pool = Arc::new(Pool::threads(1).unwrap());
    let same = pool.clone();
    let outer = pool.submit(move || {
        let submit = |number: u64| same.submit(move || number).unwrap();
        let awaited = pollster::block_on(submit(1)).unwrap();
        let first = wait([submit(2), submit(2)], Until::FirstDone, None);
        let first = first.done.into_iter().next().unwrap().get().unwrap();
        let failing = [submit(3), same.submit(|| panic!("on purpose")).unwrap(), submit(3)];
        let failed =
            wait(failing, Until::FirstFailed, None).done.into_iter().filter_map(|f| f.get().err()).count();
        let all: u64 = wait([submit(4), submit(4)], Until::AllDone, None)
            .done
            .into_iter()
            .map(|f| f.get().unwrap())
            .sum();
        let each: u64 = as_completed((0..10).map(submit)).map(|future| future.get().unwrap()).sum();
        let ordered: u64 = same.map(|n: u64| n, 0..10).unwrap().map(Result::unwrap).sum();
        let any: u64 = same.map(|n: u64| n, 0..10).unwrap().unordered().unwrap().map(Result::unwrap).sum();
        let scoped: u64 = same.scope(|scope| {
            let futures: Vec<_> = (0..10).map(|n| scope.submit(move || n).unwrap()).collect();
            let _unheard = scope.submit(|| ()).unwrap();
            futures.into_iter().map(|future| future.get().unwrap()).sum()
        });
        (awaited, first, failed, all, each, ordered, any, scoped)
    });
    assert_eq!(outer.unwrap().get().unwrap(), (1, 2, 1, 8, 45, 45, 45, 45));
}

#[test]
fn who_waits_runs_nothing_that_might_want_its_lock() {
    let (pool, lock) = (Arc::new(Pool::threads(2).unwrap()), Arc::new(Lock::new(())));
    let (same, locked) = (pool.clone(), lock.clone());
    let outer = pool.submit(move || {
        for _ in 0..200 {
            let _guard = locked.lock().unwrap();
            let wants_it = || {
                let locked = locked.clone();
                same.submit(move || drop(locked.lock().unwrap())).unwrap()
            };
            // Before and after the one that is waited for there are others, which would wait for the waiter.
            let before = wants_it();
            let own = same.submit(|| 1).unwrap();
            let after = wants_it();
            assert_eq!(own.get().unwrap(), 1);
            same.scope(|scope| drop(scope.submit(|| ()).unwrap()));
            drop(_guard);
            before.get().unwrap();
            after.get().unwrap();
        }
    });
    outer.unwrap().get().unwrap();
}

#[test]
fn scoped_calls_borrow_and_are_over_at_the_end() {
    let pool = Pool::threads(3).unwrap();
    let mut numbers = vec![0_u64; 1000];
    let words = ["so".to_owned(), "many".to_owned()];
    let longest = pool.scope(|scope| {
        for (number, place) in numbers.iter_mut().enumerate() {
            drop(scope.submit(move || *place = number as u64).unwrap());
        }
        let longest = scope.submit(|| words.iter().max_by_key(|word| word.len()).unwrap()).unwrap();
        longest.get().unwrap()
    });
    assert!(numbers.into_iter().eq(0..1000));
    assert_eq!(longest, "many");
}

#[test]
fn scoped_calls_submit_further_ones() {
    let (pool, count) = (Pool::threads(2).unwrap(), AtomicU32::new(0));
    pool.scope(|scope| {
        for _ in 0..10 {
            let outer = scope.submit(|| {
                for _ in 0..10 {
                    drop(scope.submit(|| count.fetch_add(1, Relaxed)).unwrap());
                }
                pool.scope(|inner| drop(inner.submit(|| count.fetch_add(1, Relaxed)).unwrap()));
            });
            drop(outer.unwrap());
        }
    });
    assert_eq!(count.into_inner(), 110);
}

#[test]
fn a_panic_in_a_scope_waits_for_what_borrows() {
    for threads in [1, 3] {
        let pool = Pool::threads(threads).unwrap();
        let mut numbers = vec![0; 100];
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            pool.scope(|scope| {
                for place in &mut numbers {
                    drop(scope.submit(move || *place = 1).unwrap());
                }
                let fails = scope.submit(|| panic!("in a call")).unwrap();
                assert_eq!(fails.get().unwrap_err().panic().unwrap().0, "in a call");
                panic!("in the scope");
            })
        }));
        assert_eq!(*panicked.unwrap_err().downcast::<&str>().unwrap(), "in the scope");
        assert!(numbers.into_iter().all(|number| number == 1));
    }
}

#[test]
fn a_scope_of_a_terminated_pool_ends() {
    let (pool, gate, holding) = held();
    let text = "borrowed".to_owned();
    let error = pool.scope(|scope| {
        let waiting = scope.submit(|| text.len()).unwrap();
        pool.terminate();
        assert!(scope.submit(|| text.len()).is_err());
        waiting.get().unwrap_err()
    });
    assert!(matches!(error, CallError::Unanswered(_)), "{error}");
    assert_eq!(pool.statistics().state, PoolState::Terminated);
    gate.set();
    holding.get().unwrap();
}

#[test]
fn a_callback_of_a_call_that_is_not_run_hears_of_it_and_may_panic() {
    let (pool, gate, _holding) = held();
    let (sender, answer) = mpsc::channel();
    pool.submit(|| ()).unwrap().on_done(|_| panic!("a callback, on purpose")).unwrap();
    pool.submit(|| ()).unwrap().on_done(move |answer| sender.send(answer).unwrap()).unwrap();
    pool.terminate();
    assert!(matches!(answer.recv_timeout(LIMIT).unwrap(), Err(CallError::Unanswered(_))));
    gate.set();
}

#[test]
fn a_future_need_not_be_heard() {
    let pool = Pool::threads(1).unwrap();
    let (sender, done) = mpsc::channel();
    for number in 0..10 {
        let sender = sender.clone();
        drop(pool.submit(move || sender.send(number).unwrap()).unwrap());
    }
    drop((pool, sender));
    assert!(done.into_iter().eq(0..10), "in the order of submission");
}

#[test]
fn a_panic_while_something_is_dropped_costs_no_thread() {
    struct Clumsy;
    impl Drop for Clumsy {
        fn drop(&mut self) {
            panic!("in a drop, on purpose");
        }
    }
    let pool = Pool::threads(1).unwrap();
    // The answer is dropped by the thread, since nobody has the future any more.
    let (sender, go_on) = mpsc::channel::<()>();
    let unheard = pool.submit(move || {
        go_on.recv().unwrap();
        Clumsy
    });
    drop(unheard.unwrap());
    sender.send(()).unwrap();
    assert_eq!(pool.submit(|| 7).unwrap().get().unwrap(), 7);
}

#[test]
fn a_task_hears_of_a_withdrawn_call() {
    let (pool, gate, _holding) = held();
    let mut waiting = std::pin::pin!(pool.submit(|| ()).unwrap());
    let (sender, woken) = mpsc::channel();
    struct Tells(mpsc::Sender<()>);
    impl std::task::Wake for Tells {
        fn wake(self: Arc<Self>) {
            self.0.send(()).unwrap();
        }
    }
    let waker = Arc::new(Tells(sender)).into();
    let mut context = std::task::Context::from_waker(&waker);
    assert!(std::future::Future::poll(waiting.as_mut(), &mut context).is_pending());
    assert!(woken.try_recv().is_err() && waiting.cancel());
    woken.recv_timeout(LIMIT).unwrap();
    match std::future::Future::poll(waiting.as_mut(), &mut context) {
        std::task::Poll::Ready(Err(error)) => assert!(error.is_cancelled()),
        other => panic!("{other:?}"),
    }
    gate.set();
}

/// What is not `Send` stays where it is; this compiles since nothing of it gets into a call.
#[test]
fn scopes_give_what_their_body_gives() {
    let pool = Pool::threads(1).unwrap();
    let here = Rc::new(5);
    let given = pool.scope(|scope| {
        let two = scope.submit(|| 2).unwrap();
        Rc::new(*here + two.get().unwrap())
    });
    assert_eq!(*given, 7);
}
