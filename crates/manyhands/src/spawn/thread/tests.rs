//! Threads: results, panics, states, and joins that would never end.

use std::sync::Arc;

use super::*;
use crate::platform::until::until;
use crate::sync::Lock;

#[test]
fn a_thread_gives_its_result_or_its_panic() {
    assert_eq!(Thread::spawn(|| 6 * 7).unwrap().join().unwrap(), 42);
    let thread = Thread::builder().name("clumsy").spawn(|| panic!("on {}", "purpose")).unwrap();
    match thread.join() {
        Err(ThreadError::Panicked { name, message, .. }) => {
            assert_eq!((name.as_str(), message.as_str()), ("clumsy", "on purpose"));
        }
        other => panic!("{other:?}"),
    }
    assert!(Thread::builder().name("a\0b").spawn(|| ()).is_err());
}

#[test]
fn states_follow_what_the_thread_does() {
    let (lock, go_on) = (Arc::new(Lock::new(())), Arc::new(crate::platform::atomic::AtomicU32::new(0)));
    let guard = lock.lock().unwrap();
    let thread = Thread::spawn({
        let (lock, go_on) = (lock.clone(), go_on.clone());
        move || {
            drop(lock.lock().unwrap());
            while go_on.load(Ordering::Relaxed) == 0 {}
        }
    })
    .unwrap();
    until("it to wait for the lock", || thread.state() == ThreadState::Blocked);
    assert!(thread.is_alive());
    drop(guard);
    until("it to run", || thread.state() == ThreadState::Running);
    let thread = thread.join_timeout(Duration::ZERO).unwrap().unwrap_err();
    assert_ne!(thread.native_id(), Some(gettid()));
    go_on.store(1, Ordering::Relaxed);
    until("its end", || thread.state() == ThreadState::Dead);
    thread.join().unwrap();
}

#[test]
fn a_thread_is_new_until_it_is_started() {
    let ran = Arc::new(Event::new());
    let same = ran.clone();
    let new = Thread::builder().name("later").prepare(move || same.set());
    assert_eq!(new.state(), ThreadState::New);
    assert!(!ran.is_set());
    new.start().unwrap().join().unwrap();
    assert!(ran.is_set());
    let captured = Arc::new(());
    let same = captured.clone();
    drop(Thread::builder().prepare(move || drop(same)));
    assert_eq!(Arc::strong_count(&captured), 1, "never started, and gone");
}

#[test]
fn a_blocked_thread_tells_what_it_waits_for() {
    let told = |thread: &Thread<()>, object: &str| {
        // A thread that has just been started has its name when it has begun.
        until("it to wait", || thread.waits_for().is_some_and(|step| step.object.contains(object)));
        assert_eq!(thread.state(), ThreadState::Blocked);
        let step = thread.waits_for().unwrap();
        assert_eq!(step.thread, thread.name(), "{step}");
        step
    };
    let (lock, event) = (Arc::new(Lock::new(())), Arc::new(Event::new()));
    let guard = lock.lock().unwrap();
    let same = lock.clone();
    let for_lock = Thread::builder().name("wants").spawn(move || drop(same.lock().unwrap())).unwrap();
    let step = told(&for_lock, "the lock made at");
    assert!(
        step.wanted_at.to_string().contains("tests.rs") && step.taken_at.to_string().contains("tests.rs")
    );
    let same = event.clone();
    let for_event = Thread::spawn(move || same.wait()).unwrap();
    told(&for_event, "news");
    let (sender, receiver) = std::sync::mpsc::channel();
    let for_thread = Thread::spawn(move || {
        let inner = Thread::builder().name("inner").spawn(move || receiver.recv().unwrap()).unwrap();
        inner.join().unwrap();
    });
    let for_thread = for_thread.unwrap();
    told(&for_thread, "the end of thread \"inner\"");

    // Outside the engine the kernel knows that it sleeps, and nobody for what.
    let (other_sender, other) = std::sync::mpsc::channel::<()>();
    let outside = Thread::spawn(move || other.recv().unwrap()).unwrap();
    until("it to sleep", || outside.state() == ThreadState::Blocked);
    assert!(outside.waits_for().is_none());

    drop(guard);
    event.set();
    sender.send(()).unwrap();
    other_sender.send(()).unwrap();
    for thread in [&for_lock, &for_event, &for_thread, &outside] {
        until("its end", || thread.state() == ThreadState::Dead);
        assert!(thread.waits_for().is_none());
    }
}

#[test]
fn joining_who_waits_for_ones_lock_is_a_deadlock() {
    for _ in 0..50 {
        let lock = Arc::new(Lock::new(()));
        let guard = lock.lock().unwrap();
        let thread = Thread::spawn({
            let lock = lock.clone();
            move || lock.lock().map(drop)
        })
        .unwrap();
        // Whoever begins to wait last is told, and nobody hangs.
        match thread.join() {
            Err(ThreadError::Wait(WaitError::Deadlock(told))) => assert_eq!(told.steps.len(), 2),
            Ok(Err(WaitError::Deadlock(told))) => assert_eq!(told.steps.len(), 2),
            other => panic!("{other:?}"),
        }
        drop(guard);
    }
}

#[test]
fn a_dropped_thread_is_joined() {
    let ended = Arc::new(Event::new());
    let same = ended.clone();
    drop(Thread::spawn(move || same.set()).unwrap());
    assert!(ended.is_set());
}
