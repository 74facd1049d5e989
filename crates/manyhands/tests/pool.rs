//! Pools of worker processes: values, panics, deaths, endings. Deaths are real SIGKILLs of processes that a test
//! started.

use manyhands::executor::{CallError, CallFailure, SubmitError};
use manyhands::platform::pidfd::PidFd;
use manyhands::{Pool, Queue};
use std::num::NonZeroU32;
use std::sync::mpsc;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);

/// Kills a process that runs.
fn kill(pid: u32) {
    PidFd::open(pid).unwrap().signal(libc::SIGKILL).unwrap();
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < LIMIT, "{what} did not come");
        std::thread::yield_now();
    }
}

fn pids(pool: &Pool) -> Vec<u32> {
    pool.statistics().workers.iter().map(|worker| worker.1).collect()
}

/// Descriptors of the workers, for as long as which their numbers are nobody else's.
fn workers(pool: &Pool) -> Vec<PidFd> {
    // Who is still listed when its descriptor is open has not been reaped before.
    let opened: Vec<_> = pids(pool).into_iter().map(|pid| (pid, PidFd::open(pid))).collect();
    let listed = pids(pool);
    opened.into_iter().filter(|(pid, _)| listed.contains(pid)).filter_map(|(_, pidfd)| pidfd.ok()).collect()
}

/// Whether a process is left, be it to be reaped.
fn is_there(process: &PidFd) -> bool {
    process.signal(libc::SIGCONT).is_ok()
}

fn double(number: u64) -> u64 {
    number * 2
}

/// Runs until it is killed.
fn for_ever(marker: String) -> u32 {
    std::fs::write(&marker, std::process::id().to_string()).unwrap();
    loop {
        std::thread::park();
    }
}

/// Kills its own process unless the marker's file is there already.
fn killed_once(marker: String) -> u32 {
    if std::fs::exists(&marker).unwrap() {
        return 7;
    }
    std::fs::write(&marker, "").unwrap();
    kill(std::process::id());
    loop {
        std::thread::park();
    }
}

struct Marker(std::path::PathBuf);

impl Marker {
    fn new(name: &str) -> Marker {
        Marker(std::env::temp_dir().join(format!("manyhands-{name}-{}", std::process::id())))
    }

    fn path(&self) -> String {
        self.0.to_str().unwrap().to_owned()
    }

    /// The pid that a call has written there.
    fn pid(&self) -> u32 {
        let mut pid = None;
        wait_until("the call's pid", || {
            pid = std::fs::read_to_string(&self.0).ok().and_then(|text| text.parse().ok());
            pid.is_some()
        });
        pid.unwrap()
    }
}

impl Drop for Marker {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn functions_and_closures_run_in_other_processes() {
    let pool = Pool::new(2).unwrap();
    let here = std::process::id();
    assert_eq!(pool.submit(double, 21).unwrap().get().unwrap(), 42);
    let there = pool.submit(|(): ()| std::process::id(), ()).unwrap().get().unwrap();
    assert_ne!(there, here);
    let text = pool.submit(|(a, b): (String, usize)| a.repeat(b), ("ab".to_owned(), 100_000)).unwrap();
    assert_eq!(text.get().unwrap().len(), 200_000);
}

#[test]
fn a_panic_arrives_with_message_and_place() {
    let pool = Pool::new(1).unwrap();
    let line = line!() + 1;
    let error = pool.submit(|n: u32| -> u32 { panic!("not {n}") }, 3).unwrap().get().unwrap_err();
    let (message, location) = error.panic().unwrap();
    assert_eq!(message, "not 3");
    assert!(location.contains(&format!("pool.rs:{line}:")), "{location}");
    assert!(error.to_string().contains("panicked at"), "{error}");
    assert_eq!(pool.submit(double, 1).unwrap().get().unwrap(), 2, "the pool goes on");
}

#[test]
fn maps_in_order_as_they_come_and_without_end() {
    let pool = Pool::new(2).unwrap();
    let doubled: Vec<u64> = pool.map(double, 0..5000).unwrap().map(Result::unwrap).collect();
    assert!(doubled.iter().zip(0..).all(|(got, number)| *got == 2 * number) && doubled.len() == 5000);
    let chunked: Vec<u64> = pool.map(double, 0..5001).unwrap().chunk(32).map(Result::unwrap).collect();
    assert_eq!(chunked.len(), 5001);
    let mut any: Vec<u64> =
        pool.map(double, 0..5000).unwrap().unordered().unwrap().map(Result::unwrap).collect();
    any.sort_unstable();
    assert_eq!(any, doubled);
    let endless = pool.map(double, 0..).unwrap().map(Result::unwrap).find(|number| *number > 1000);
    assert_eq!(endless, Some(1002));
    let mut mixed = pool
        .map(|n: u32| if n == 3 { panic!("three") } else { n }, 0..6)
        .unwrap()
        .chunk(2)
        .map(|answer| answer.map_err(|error| error.panic().unwrap().0.to_owned()));
    assert_eq!(mixed.nth(2), Some(Ok(2)));
    assert_eq!(mixed.next(), Some(Err("three".to_owned())));
    assert_eq!(mixed.collect::<Vec<_>>(), [Ok(4), Ok(5)]);
}

#[test]
fn a_killed_worker_costs_its_own_call_and_is_replaced() {
    let pool = Pool::builder().workers(2).name("Counter").build().unwrap();
    let marker = Marker::new("busy");
    let lost = pool.submit(for_ever, marker.path()).unwrap();
    let others: Vec<_> = (0..100).map(|number| pool.submit(double, number).unwrap()).collect();
    let pid = marker.pid();
    kill(pid);
    let error = lost.get().unwrap_err();
    let died = error.worker_died().unwrap().clone();
    assert_eq!((died.pid, died.number), (pid, 1));
    let message = error.to_string();
    assert!(message.contains("worker Counter-"), "{message}");
    assert!(
        message.contains(&format!("(pid {pid}) was killed by SIGKILL while it ran call 1, ")),
        "{message}"
    );
    assert!(message.contains("for_ever"), "{message}");
    for (number, other) in others.into_iter().enumerate() {
        assert_eq!(other.get().unwrap(), 2 * number as u64);
    }
    wait_until("a new worker", || {
        let pids = pids(&pool);
        pids.len() == 2 && !pids.contains(&pid)
    });
}

#[test]
fn an_exit_inside_a_call_is_told_with_its_code() {
    let pool = Pool::new(1).unwrap();
    let error = pool.submit(|code: i32| -> () { std::process::exit(code) }, 3).unwrap().get().unwrap_err();
    assert!(error.to_string().contains("ended with exit code 3 while it ran call 1"), "{error}");
    assert_eq!(pool.submit(double, 1).unwrap().get().unwrap(), 2);
}

#[test]
fn with_retries_nothing_is_lost() {
    let pool = Pool::builder().workers(2).retries(1).build().unwrap();
    let marker = Marker::new("retried");
    assert_eq!(pool.submit(killed_once, marker.path()).unwrap().get().unwrap(), 7);
    let marker = Marker::new("again");
    let busy = pool.submit(for_ever, marker.path()).unwrap();
    for _ in 0..2 {
        let pid = marker.pid();
        std::fs::remove_file(&marker.0).unwrap();
        kill(pid);
    }
    assert!(busy.get().unwrap_err().worker_died().is_some(), "one retry is not two");
}

#[test]
fn an_idle_worker_s_death_is_noticed_by_nobody() {
    let pool = Pool::new(2).unwrap();
    assert_eq!(pool.submit(double, 1).unwrap().get().unwrap(), 2);
    let mut killed = Vec::new();
    for round in 0..20 {
        let mut idle = Vec::new();
        wait_until("two living workers", || {
            idle = pids(&pool);
            idle.len() == 2 && !idle.iter().any(|pid| killed.contains(pid))
        });
        let pid = idle[round % 2];
        let worker = PidFd::open(pid).unwrap();
        worker.signal(libc::SIGKILL).unwrap();
        killed.push(pid);
        // A signal that is under way stops nobody from taking a call.
        wait_until("the worker's end", || worker.is_dead());
        let answers: Result<Vec<u64>, _> = pool.map(double, 0..50).unwrap().collect();
        assert_eq!(answers.unwrap().len(), 50);
    }
}

#[test]
fn a_storm_of_kills_loses_no_call_that_may_be_retried() {
    let pool = Pool::builder().workers(3).retries(1000).build().unwrap();
    let calls: Vec<_> = (0..20_000_u64).map(|number| pool.submit(double, number).unwrap()).collect();
    let mut kills = 0;
    while kills < 30 {
        wait_until("workers", || !pids(&pool).is_empty());
        let Some(worker) = workers(&pool).into_iter().next() else { continue };
        let died = pool.statistics().workers_ended;
        if worker.signal(libc::SIGKILL).is_ok() {
            kills += 1;
            wait_until("the end of a worker", || pool.statistics().workers_ended > died);
        }
    }
    for (number, call) in calls.into_iter().enumerate() {
        assert_eq!(call.get().unwrap(), 2 * number as u64);
    }
}

#[test]
fn waiting_calls_are_cancelled_running_ones_aborted() {
    let pool = Pool::new(1).unwrap();
    let marker = Marker::new("aborted");
    let mut running = pool.submit(for_ever, marker.path()).unwrap();
    let worker = PidFd::open(marker.pid()).unwrap();
    let waiting = pool.submit(double, 1).unwrap();
    assert!(waiting.cancel());
    assert!(waiting.get().unwrap_err().is_cancelled());
    assert!(!running.cancel() && !running.is_done());
    assert!(!running.wait(Duration::from_millis(1)));
    assert!(running.abort());
    assert!(running.get().unwrap_err().is_cancelled());
    assert_eq!(pool.submit(double, 2).unwrap().get().unwrap(), 4, "a new worker takes the place");
    wait_until("the end of the aborted worker", || !is_there(&worker));
}

#[test]
fn callbacks_run_here_and_all_before_the_pool_is_gone() {
    let (told, tell) = mpsc::channel();
    let pool = Pool::new(2).unwrap();
    for number in 0..100_u64 {
        let told = told.clone();
        let here = std::process::id();
        pool.submit(double, number)
            .unwrap()
            .on_done(move |answer| {
                assert_eq!(std::process::id(), here);
                told.send(answer.unwrap()).unwrap();
                assert_ne!(number, 50, "a panic in a callback is its own");
            })
            .unwrap();
    }
    drop((pool, told));
    let mut answers: Vec<u64> = tell.try_iter().collect();
    answers.sort_unstable();
    assert_eq!(answers, (0..100).map(double).collect::<Vec<_>>());
}

#[test]
fn dropping_waits_and_leaves_no_process() {
    let pool = Pool::builder().workers(3).calls_per_worker(NonZeroU32::new(5).unwrap()).build().unwrap();
    let calls: Vec<_> = (0..100_u64).map(|number| pool.submit(double, number).unwrap()).collect();
    let workers = workers(&pool);
    drop(pool);
    assert!(calls.iter().all(manyhands::Future::is_done));
    for (number, call) in calls.into_iter().enumerate() {
        assert_eq!(call.get().unwrap(), 2 * number as u64, "an answer outlives the pool");
    }
    wait_until("the end of all workers", || !workers.iter().any(is_there));
}

#[test]
fn a_closed_pool_refuses_and_a_terminated_one_fails_what_waits() {
    let pool = Pool::new(1).unwrap();
    let marker = Marker::new("terminated");
    let running = pool.submit(for_ever, marker.path()).unwrap();
    let waiting = pool.submit(double, 1).unwrap();
    let worker = PidFd::open(marker.pid()).unwrap();
    pool.close();
    assert!(matches!(pool.submit(double, 1), Err(SubmitError::Closed)));
    pool.terminate();
    for error in [running.get().unwrap_err(), waiting.get().map(|_| 0).unwrap_err()] {
        assert!(
            matches!(error, CallError::Unanswered(CallFailure::Terminated { .. })),
            "not told of the termination: {error}"
        );
    }
    drop(pool);
    wait_until("the end of the worker", || !is_there(&worker));
}

#[test]
fn a_worker_that_dies_while_a_retry_waits_in_a_closed_pool_is_replaced() {
    let pool = Pool::builder().workers(1).retries(1).build().unwrap();
    let marker = Marker::new("closed");
    let call = pool.submit(killed_once, marker.path()).unwrap();
    pool.close();
    assert_eq!(call.get().unwrap(), 7);
}

/// The parent of a process, by the kernel's word.
fn parent_of(pid: u32) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap();
    line.trim().parse().unwrap()
}

/// In a process of its own, whose zygote is nobody else's.
fn kill_the_supervisor((): ()) {
    let pool = Pool::new(2).unwrap();
    let marker = Marker::new("supervisorless");
    let lost = pool.submit(for_ever, marker.path()).unwrap();
    let worker = marker.pid();
    wait_until("workers", || pids(&pool).len() == 2);
    let before = pids(&pool);
    let supervisor = parent_of(worker);
    kill(supervisor);
    let answers: Result<Vec<u64>, _> = pool.map(double, 0..100).unwrap().collect();
    assert_eq!(answers.unwrap().len(), 100);
    kill(worker);
    assert!(lost.get().unwrap_err().worker_died().is_some());
    // The other worker goes on, and the new supervisor counts it in.
    let survivor = before.into_iter().find(|pid| *pid != worker).unwrap();
    wait_until("the new supervisor's worker", || {
        assert_eq!(pool.submit(double, 1).unwrap().get().unwrap(), 2);
        let pids = pids(&pool);
        pids.len() == 2 && pids.contains(&survivor) && !pids.contains(&worker)
    });
    // Its end is noticed by the new supervisor.
    kill(survivor);
    wait_until("two workers of the new supervisor", || {
        assert_eq!(pool.submit(double, 1).unwrap().get().unwrap(), 2);
        let pids = pids(&pool);
        pids.len() == 2 && !pids.contains(&survivor) && pids.iter().all(|pid| parent_of(*pid) != supervisor)
    });
}

#[test]
fn a_killed_supervisor_is_replaced_and_costs_no_call() {
    manyhands::Process::spawn(kill_the_supervisor, ()).unwrap().join().unwrap();
}

/// Lets this process's user have no more processes than it has, or as many as it likes.
fn limit_processes(soft: Option<u64>) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: reads and writes one record of ours.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NPROC, &raw mut limit), 0);
        limit.rlim_cur = soft.unwrap_or(limit.rlim_max);
        assert_eq!(libc::setrlimit(libc::RLIMIT_NPROC, &raw const limit), 0);
    }
}

/// In a process of its own: supervisor and workers are killed while no process can be made; how long a call then takes,
/// in milliseconds, that waits from before it can be.
fn wait_while_refused(user: u32) -> Result<(), String> {
    // SAFETY: changes who this process is, and that it may look at itself all the same.
    unsafe {
        assert_eq!(libc::setresuid(user, user, user), 0);
        assert_eq!(libc::prctl(libc::PR_SET_DUMPABLE, 1), 0);
    }
    let pool = Pool::new(2).unwrap();
    wait_until("workers", || pids(&pool).len() == 2);
    let all = workers(&pool);
    let supervisor = parent_of(pids(&pool)[0]);
    let (refused, waits) = std::sync::mpsc::channel::<()>();
    let lifts = std::thread::spawn(move || {
        waits.recv().unwrap();
        // For long enough that the waiter has slept for long, too.
        std::thread::sleep(Duration::from_millis(1500));
        limit_processes(None);
    });
    limit_processes(Some(1));
    kill(supervisor);
    pids(&pool).into_iter().for_each(kill);
    wait_until("their ends", || !all.iter().any(is_there));
    refused.send(()).unwrap();
    let begun = Instant::now();
    assert_eq!(pool.submit(double, 1).unwrap().get().unwrap(), 2);
    lifts.join().unwrap();
    let took = begun.elapsed();
    if took < Duration::from_millis(4500) { Ok(()) } else { Err(format!("the call waited for {took:?}")) }
}

#[test]
fn a_killed_supervisor_that_cannot_be_replaced_yet_is_replaced_soon_after_it_can() {
    // SAFETY: asks who this process is.
    if unsafe { libc::geteuid() } != 0 {
        eprintln!("skipped: only root can become a user whose processes nobody else counts");
        return;
    }
    // The machine may be busy: one of some runs counts.
    let soon = (0..3).any(|run| {
        let user = 61_000 + std::process::id() % 1_000 + run;
        manyhands::Process::spawn(wait_while_refused, user).unwrap().join().is_ok()
    });
    assert!(soon, "each time the call waited for long");
}

/// Makes a pool with busy workers, tells their pids, and never ends.
fn pool_for_ever(markers: (String, String)) {
    let pool = Pool::new(2).unwrap();
    let calls = [markers.0, markers.1].map(|marker| pool.submit(for_ever, marker).unwrap());
    for call in calls {
        let _ = call.get();
    }
}

#[test]
fn busy_workers_end_with_a_killed_parent() {
    let markers = [Marker::new("orphan-a"), Marker::new("orphan-b")];
    let parent = manyhands::Process::spawn(pool_for_ever, (markers[0].path(), markers[1].path())).unwrap();
    let workers = [markers[0].pid(), markers[1].pid()].map(|pid| PidFd::open(pid).unwrap());
    parent.kill().unwrap();
    assert!(parent.join().is_err());
    wait_until("the end of the workers", || !workers.iter().any(is_there));
}

fn queue_of(number: u64) -> Queue<u64> {
    let queue = Queue::growing().unwrap();
    queue.put(&number).unwrap();
    queue
}

#[test]
fn queues_travel_with_calls_and_answers() {
    let pool = Pool::new(2).unwrap();
    let queue = Queue::growing().unwrap();
    let put = |(queue, number): (Queue<u64>, u64)| queue.put(&number).unwrap();
    for number in 0..20 {
        pool.submit(put, (queue.clone(), number)).unwrap().get().unwrap();
        assert_eq!(queue.get().unwrap(), number);
    }
    // The requester's own reference goes before the worker has looked at the call, and the worker's before the answer
    // is read.
    let passed_on = pool.submit(|queue: Queue<u64>| queue, queue_of(7)).unwrap();
    assert_eq!(passed_on.get().unwrap().try_get().unwrap(), 7);
    for queue in pool.map(queue_of, 0..20).unwrap().chunk(3).enumerate() {
        let (number, queue) = queue;
        assert_eq!(queue.unwrap().try_get().unwrap(), number as u64);
    }
}

/// In a process of its own with one thread, which may fork.
fn fork_with_a_pool((): ()) {
    let pool = Pool::new(1).unwrap();
    let call = pool.submit(double, 21).unwrap();
    let in_child = || {
        let refused = matches!(pool.submit(double, 1), Err(SubmitError::OtherProcess { .. }));
        assert!(refused && !call.cancel(), "a copy of a pool did something");
    };
    // SAFETY: this process has one thread, and the child ends without unwinding into what it copied.
    let child = unsafe { manyhands::Process::builder().fork(in_child) }.unwrap();
    child.join().unwrap();
    assert_eq!(call.get().unwrap(), 42, "the pool is the parent's and goes on");
}

#[test]
fn a_forked_copy_of_a_pool_does_nothing() {
    manyhands::Process::spawn(fork_with_a_pool, ()).unwrap().join().unwrap();
}
