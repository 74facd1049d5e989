//! Every wait of the engine is written down where every process of the program can read it: what the thread waits for,
//! and whose thread it is. A process of a pool looks, while threads of this one wait.

mod until;

use manyhands::platform::thread::gettid;
use manyhands::sync::{self, RawBanker, RawBarrier, RawCondition, RawEvent, RawLock, RawRLock, RawSemaphore};
use manyhands::sync::{Blocking, ThreadWait, shared};
use manyhands::{Pool, Process, Queue, Thread};
use std::sync::{Mutex, MutexGuard, PoisonError};
use until::until;

/// The waits of one thread each.
type Waits = Vec<Box<dyn FnOnce() + Send>>;

/// How many threads of a process wait for a thing of this kind in the arena, and how many for one of their own.
/// The thread `but` does not count.
fn seen((pid, but, kind): (u32, u32, String)) -> (usize, usize) {
    let is_one = |wait: &ThreadWait| wait.pid == pid && wait.tid != but && wait.kind == kind;
    let waits: Vec<_> = sync::waits().into_iter().filter(is_one).collect();
    let shared = waits.iter().filter(|wait| wait.object.is_some()).count();
    (shared, waits.len() - shared)
}

/// One at a time, since all look at the same process.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has each of the waits seen by another process, and `end` end them.
fn each_is_seen(kind: &str, expected: (usize, usize), waits: Waits, end: impl FnOnce()) {
    let observer = Pool::new(1).unwrap();
    let look =
        || observer.submit(seen, (std::process::id(), gettid(), kind.to_owned())).unwrap().get().unwrap();
    assert_eq!(look(), (0, 0), "{kind}: nobody waits yet");
    let threads: Vec<_> = waits.into_iter().map(|wait| Thread::spawn(wait).unwrap()).collect();
    until(&format!("the waits for a {kind} to be seen"), || look() == expected);
    end();
    until(&format!("the waits for a {kind} to be over"), || look() == (0, 0));
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// Both places of a primitive.
fn both<T>(private: T, shared: T) -> [&'static T; 2] {
    [leak(private), leak(shared)]
}

/// Has a wait at each of the two seen, and `end` end it.
fn both_are_seen<T: Sync>(kind: &str, both: [&'static T; 2], wait: fn(&T), end: fn(&T)) {
    let waits = both.map(|one| Box::new(move || wait(one)) as Box<dyn FnOnce() + Send>);
    each_is_seen(kind, (1, 1), waits.into(), || both.into_iter().for_each(end));
}

#[test]
fn locks() {
    let _turn = turn();
    let locks = both(RawLock::private(), RawLock::shared().unwrap());
    locks.iter().for_each(|lock| drop(lock.try_acquire().unwrap().unwrap()));
    let wait = |lock: &RawLock| drop(lock.acquire(None, &Blocking).unwrap());
    both_are_seen("lock", locks, wait, |lock| lock.release().unwrap());
}

#[test]
fn locks_with_a_limit() {
    let _turn = turn();
    let lock = leak(RawLock::private());
    drop(lock.try_acquire().unwrap().unwrap());
    let hour = manyhands::platform::Deadline::after(std::time::Duration::from_secs(3600));
    let waits: Waits = vec![Box::new(move || drop(lock.acquire(hour, &Blocking).unwrap()))];
    each_is_seen("lock", (0, 1), waits, || lock.release().unwrap());
}

#[test]
fn re_entrant_locks() {
    let _turn = turn();
    let locks = both(RawRLock::private(), RawRLock::shared().unwrap());
    locks.iter().for_each(|lock| drop(lock.try_acquire().unwrap().unwrap()));
    let wait = |lock: &RawRLock| drop(lock.acquire(None, &Blocking).unwrap());
    both_are_seen("re-entrant lock", locks, wait, |lock| lock.release().unwrap());
}

#[test]
fn semaphores_events_conditions_and_barriers() {
    let _turn = turn();
    let semaphores = both(RawSemaphore::private(0, 9), RawSemaphore::shared(0, 9).unwrap());
    let wait = |semaphore: &RawSemaphore| semaphore.acquire(None, &Blocking).unwrap();
    both_are_seen("semaphore", semaphores, wait, |semaphore| semaphore.release(1).unwrap());

    let events = both(RawEvent::private(), RawEvent::shared().unwrap());
    both_are_seen("event", events, |event| event.wait(None, &Blocking).unwrap(), RawEvent::set);

    let conditions = both(RawCondition::private(), RawCondition::shared().unwrap());
    let wait = |condition: &RawCondition| condition.enlist().unwrap().wait(None, &Blocking).unwrap();
    both_are_seen("condition", conditions, wait, |condition| assert_eq!(condition.notify_all(), 1));

    let barriers = both(RawBarrier::private(2), RawBarrier::shared(2).unwrap());
    let wait = |barrier: &RawBarrier| assert!(barrier.wait(None, &Blocking, || true).unwrap() < 2);
    both_are_seen("barrier", barriers, wait, wait);
}

#[test]
fn bankers() {
    let _turn = turn();
    let units = [("unit", 1)];
    let bankers = both(RawBanker::private(&units).unwrap(), RawBanker::shared(&units).unwrap());
    let claims = bankers.map(|banker| banker.claim("first", &[1], &Blocking).unwrap());
    for (banker, claim) in bankers.iter().zip(&claims) {
        banker.request(claim, &[1], None, &Blocking).unwrap();
    }
    let request = |banker: &'static RawBanker| {
        move || {
            let claim = banker.claim("second", &[1], &Blocking).unwrap();
            banker.request(&claim, &[1], None, &Blocking).unwrap();
        }
    };
    let waits = bankers.map(|banker| Box::new(request(banker)) as Box<dyn FnOnce() + Send>);
    each_is_seen("banker", (1, 1), waits.into(), || {
        for (banker, claim) in bankers.iter().zip(&claims) {
            banker.release(claim, &[1], &Blocking).unwrap();
        }
    });
}

#[test]
fn both_ends_of_queues() {
    let _turn = turn();
    let (empty, full) = (Queue::<u32>::bounded(1).unwrap(), Queue::<u32>::bounded(1).unwrap());
    let (own_empty, own_full) =
        (Queue::<u32, _>::bounded_in_process(1), Queue::<u32, _>::bounded_in_process(1));
    full.put(&1).unwrap();
    own_full.put(1).unwrap();
    let (getter, putter) = (empty.clone(), full.clone());
    let (own_getter, own_putter) = (own_empty.clone(), own_full.clone());
    let waits: Waits = vec![
        Box::new(move || assert_eq!(getter.get().unwrap(), 2)),
        Box::new(move || putter.put(&3).unwrap()),
        Box::new(move || assert_eq!(own_getter.get().unwrap(), 2)),
        Box::new(move || own_putter.put(3).unwrap()),
    ];
    each_is_seen("queue", (2, 2), waits, || {
        empty.put(&2).unwrap();
        own_empty.put(2).unwrap();
        assert_eq!((full.get().unwrap(), own_full.get().unwrap()), (1, 1));
    });
}

#[test]
fn answers_of_calls() {
    let _turn = turn();
    let event = shared::Event::new().unwrap();
    let (processes, threads) = (Pool::new(1).unwrap(), leak(Pool::threads(1).unwrap()));
    let (there, here) = (event.clone(), event.clone());
    let in_process = processes.submit(|event: shared::Event| event.wait(), there).unwrap();
    let in_thread = threads.submit(move || here.wait()).unwrap();
    let waits: Waits =
        vec![Box::new(move || in_process.get().unwrap()), Box::new(move || in_thread.get().unwrap())];
    each_is_seen("call", (1, 1), waits, || event.set());
}

#[test]
fn workers_without_work() {
    let _turn = turn();
    let pool = Pool::new(1).unwrap();
    pool.submit(|()| (), ()).unwrap().get().unwrap();
    let worker = pool.statistics().workers[0].1;
    until("the idle worker to be seen", || seen((worker, 0, "pool".to_owned())) == (1, 0));
}

#[test]
fn ends_of_threads() {
    let _turn = turn();
    let event = leak(sync::Event::new());
    let thread = Thread::spawn(move || event.wait()).unwrap();
    let waits: Waits = vec![Box::new(move || thread.join().unwrap())];
    each_is_seen("end of a thread", (0, 1), waits, || event.set());
}

#[test]
fn ends_of_processes() {
    let _turn = turn();
    let event = shared::Event::new().unwrap();
    let process = Process::spawn(|event: shared::Event| event.wait(), event.clone()).unwrap();
    let waits: Waits = vec![Box::new(move || process.join().unwrap())];
    each_is_seen("end of a process", (0, 1), waits, || event.set());
}
