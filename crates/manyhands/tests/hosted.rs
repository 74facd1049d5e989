//! A value in one process, used from others: by any number of them, after panics, and when the host or a caller is
//! killed.

use manyhands::platform::process::getpid;
use manyhands::shared::Event;
use manyhands::{Hosted, HostedError, Pool, Process, Queue};
use std::collections::BTreeMap;
use std::thread;

mod until;
use until::until;

type Counts = BTreeMap<String, u64>;

fn add(counts: &mut Counts, (word, by): (String, u64)) -> u64 {
    let count = counts.entry(word).or_default();
    *count += by;
    *count
}

fn hosted() -> Hosted<Counts> {
    Hosted::new(|()| Counts::new(), ()).unwrap()
}

fn add_many((counts, word, times): (Hosted<Counts>, String, u64)) -> u64 {
    (0..times).map(|_| counts.call(add, (word.clone(), 1)).unwrap()).max().unwrap_or(0)
}

#[test]
fn no_update_is_lost() {
    let counts = hosted();
    let pool = Pool::new(2).unwrap();
    let far: Vec<_> =
        (0..2).map(|_| pool.submit(add_many, (counts.clone(), "all".to_owned(), 200)).unwrap()).collect();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| add_many((counts.clone(), "all".to_owned(), 200)));
        }
    });
    far.into_iter().for_each(|call| assert!(call.get().unwrap() <= 800));
    assert_eq!(counts.call(add, ("all".to_owned(), 0)).unwrap(), 800);
    assert_eq!(counts.call(|counts, ()| counts.len(), ()).unwrap(), 1);
}

#[test]
fn the_value_is_made_where_it_lives_and_of_an_argument() {
    let value: Hosted<(u32, Vec<u8>)> =
        Hosted::new(|bytes: Vec<u8>| (getpid(), bytes), vec![7; 100_000]).unwrap();
    let (pid, length) = value.call(|(pid, bytes), ()| (*pid, bytes.len()), ()).unwrap();
    assert!(pid != getpid() && length == 100_000);
    let text = format!("{value:?}");
    assert!(text.starts_with("Hosted") && text.contains("Vec<u8>"), "{text}");
}

#[test]
fn a_panic_is_an_error_and_the_value_stays() {
    let counts = hosted();
    let failed = counts.call::<_, _, ()>(
        |counts, ()| {
            counts.insert("half".to_owned(), 1);
            panic!("in the midst of it");
        },
        (),
    );
    let text = failed.unwrap_err().to_string();
    assert!(text.contains("in the midst of it") && text.contains("hosted.rs"), "{text}");
    assert_eq!(counts.call(add, ("half".to_owned(), 1)).unwrap(), 2);
    let unmade = Hosted::<u8>::new(|()| panic!("cannot be made"), ()).unwrap_err().to_string();
    assert!(unmade.contains("cannot be made"), "{unmade}");
}

#[test]
fn what_it_is_given_and_gives_may_be_shared() {
    let kept: Hosted<Option<Queue<u32>>> =
        Hosted::new(|queue: Queue<u32>| Some(queue), queue_with(1)).unwrap();
    let taken = kept.call(|queue, ()| queue.as_ref().unwrap().get().unwrap(), ()).unwrap();
    assert_eq!(taken, 1);
    kept.call(|queue, other: Queue<u32>| *queue = Some(other), queue_with(2)).unwrap();
    // The host gives its only reference away.
    let back = kept.call(|queue, ()| queue.take().unwrap(), ()).unwrap();
    assert_eq!(back.get().unwrap(), 2);
}

fn queue_with(number: u32) -> Queue<u32> {
    let queue = Queue::growing().unwrap();
    queue.put(&number).unwrap();
    queue
}

fn pid_of<T: 'static>(value: &Hosted<T>) -> u32 {
    value.call(|_, ()| getpid(), ()).unwrap()
}

fn kill(pid: u32) {
    // SAFETY: a signal to a process that this test has started.
    assert_eq!(unsafe { libc::kill(pid as i32, libc::SIGKILL) }, 0);
}

fn is_gone(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.map_or(true, |stat| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z')))
}

#[test]
fn a_killed_host_is_an_error_at_once() {
    let counts = hosted();
    let host = pid_of(&counts);
    let waits = Event::new().unwrap();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            counts.call::<_, _, ()>(
                |_, waits: Event| {
                    waits.set();
                    loop {
                        thread::park();
                    }
                },
                waits.clone(),
            )
        });
        waits.wait();
        // A second call stands in the queue.
        let queued = scope.spawn(|| counts.call(add, ("a".to_owned(), 1)));
        kill(host);
        for ended in [waiting.join().unwrap(), queued.join().unwrap().map(drop)] {
            assert!(matches!(ended, Err(HostedError::HostEnded { .. })), "{ended:?}");
        }
    });
    let text = counts.call(add, ("a".to_owned(), 1)).unwrap_err().to_string();
    assert!(text.contains("has ended") && text.contains("BTreeMap"), "{text}");
}

fn call_and_wait((counts, waits, killed): (Hosted<Counts>, Event, Event)) {
    let _ = counts.call(
        |counts, (waits, killed): (Event, Event)| {
            waits.set();
            killed.wait();
            *counts.entry("called".to_owned()).or_default() += 1;
        },
        (waits, killed),
    );
}

#[test]
fn a_killed_caller_costs_its_own_call_at_most() {
    let (counts, waits, killed) = (hosted(), Event::new().unwrap(), Event::new().unwrap());
    let caller = Process::spawn(call_and_wait, (counts.clone(), waits.clone(), killed.clone())).unwrap();
    waits.wait();
    caller.kill().unwrap();
    assert!(caller.join().is_err());
    killed.set();
    assert_eq!(counts.call(add, ("called".to_owned(), 0)).unwrap(), 1, "it had begun");
}

#[test]
fn the_host_ends_with_the_last_handle() {
    let counts = hosted();
    let host = pid_of(&counts);
    let other = counts.clone();
    drop(counts);
    assert_eq!(pid_of(&other), host);
    drop(other);
    until("the host ends", || is_gone(host));
}

#[test]
fn a_call_from_within_the_value_is_refused() {
    let outer: Hosted<Option<Hosted<Counts>>> = Hosted::new(|()| None, ()).unwrap();
    let inner = hosted();
    outer.call(|outer, inner: Hosted<Counts>| *outer = Some(inner), inner.clone()).unwrap();
    // Another value may be called.
    let through =
        outer.call(|outer, ()| outer.as_ref().unwrap().call(add, ("through".to_owned(), 2)).unwrap(), ());
    assert_eq!(through.unwrap(), 2);
    let itself = inner.call(
        |_, same: Hosted<Counts>| match same.call(add, ("itself".to_owned(), 1)) {
            Err(error @ HostedError::WithinItself { .. }) => error.to_string(),
            other => panic!("{other:?}"),
        },
        inner.clone(),
    );
    assert!(itself.unwrap().contains("would wait for itself"));
}
