//! What becomes of a queue when nobody is left on the other side: halves that are dropped, killed, exited with, under
//! way; and plain handles, of which only the last one in a process with one thread is told.

use manyhands::platform::pidfd::PidFd;
use manyhands::shared::Event;
use manyhands::{GetError, InProcess, Pool, Process, PutError, Queue, Receiver, Sender};
use std::thread;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_millis(5);

fn is_over<T>(got: Result<T, GetError>) -> bool {
    match got {
        Err(GetError::Disconnected { .. }) => true,
        Err(error) => panic!("{error}"),
        Ok(_) => false,
    }
}

fn nobody_takes(put: Result<(), PutError>) -> bool {
    match put {
        Err(PutError::Disconnected { .. }) => true,
        Err(error) => panic!("{error}"),
        Ok(()) => false,
    }
}

#[test]
fn the_last_sender_leaves_what_it_put_and_the_end() {
    let (sender, receiver) = Queue::<u32>::channel().unwrap();
    let other = sender.clone();
    sender.put(&1).unwrap();
    drop(sender);
    other.put(&2).unwrap();
    assert_eq!((receiver.get().unwrap(), receiver.try_get().unwrap()), (1, 2));
    assert!(matches!(receiver.try_get(), Err(GetError::Empty { .. })));
    assert!(matches!(receiver.get_timeout(SOON), Err(GetError::Empty { .. })));
    other.put(&3).unwrap();
    drop(other);
    let same = receiver.clone();
    assert_eq!(same.get().unwrap(), 3);
    for receiver in [&receiver, &same] {
        assert!(
            is_over(receiver.get()) && is_over(receiver.try_get()) && is_over(receiver.get_timeout(LIMIT))
        );
        assert_eq!(receiver.iter().count(), 0);
    }
    let text = receiver.get().unwrap_err().to_string();
    assert!(text.starts_with("queue ") && text.contains("nobody is left to put"), "{text}");
}

#[test]
fn the_last_receiver_leaves_nobody_to_put_for() {
    let (sender, receiver) = Queue::<u32>::bounded_channel(1).unwrap();
    let other = receiver.clone();
    drop(receiver);
    sender.put(&1).unwrap();
    assert!(matches!(sender.try_put(&2), Err(PutError::Full { .. })));
    thread::scope(|scope| {
        let waits = scope.spawn(|| nobody_takes(sender.put(&2)));
        drop(other);
        assert!(waits.join().unwrap(), "it waited for room when that was over");
    });
    assert!(nobody_takes(sender.put(&3)) && nobody_takes(sender.try_put(&3)));
    assert!(sender.is_empty(), "what nobody takes is dropped");
    let text = sender.put(&3).unwrap_err().to_string();
    assert!(text.contains("nobody is left to take"), "{text}");
}

#[test]
fn within_a_process_it_is_the_same() {
    let (sender, receiver) = Queue::bounded_channel_in_process(1);
    let item = std::sync::Arc::new(());
    sender.put(item.clone()).unwrap();
    thread::scope(|scope| {
        let waits = scope.spawn(|| sender.put(item.clone()).unwrap_err());
        drop(receiver);
        let refused = waits.join().unwrap();
        assert!(matches!(refused.reason(), PutError::Disconnected { .. }));
        assert!(std::sync::Arc::ptr_eq(&refused.into_inner(), &item));
    });
    assert_eq!(std::sync::Arc::strong_count(&item), 1, "what nobody takes is dropped");
    let (sender, receiver) = Queue::<u32, InProcess>::channel_in_process();
    let other = sender.clone();
    thread::scope(|scope| {
        let takes = scope.spawn(|| receiver.iter().map(Result::unwrap).collect::<Vec<_>>());
        sender.put(1).unwrap();
        drop(sender);
        other.put(2).unwrap();
        drop(other);
        assert_eq!(takes.join().unwrap(), [1, 2]);
    });
    assert!(is_over(receiver.get()) && is_over(receiver.try_get()));
}

/// What a process does that has one half.
fn put_two_and_wait((sender, begun): (Sender<u32>, Event)) {
    sender.put(&1).unwrap();
    sender.put(&2).unwrap();
    begun.set();
    loop {
        thread::park();
    }
}

fn take_one_and_wait((receiver, begun): (Receiver<u32>, Event)) {
    assert_eq!(receiver.get().unwrap(), 1);
    begun.set();
    loop {
        thread::park();
    }
}

fn put_and_exit(sender: Sender<u32>) {
    sender.put(&1).unwrap();
    std::process::exit(0)
}

#[test]
fn a_killed_sender_is_gone() {
    let (sender, receiver) = Queue::channel().unwrap();
    let begun = Event::new().unwrap();
    let process = Process::spawn(put_two_and_wait, (sender, begun.clone())).unwrap();
    begun.wait();
    let killer = thread::spawn(move || {
        while receiver.get().unwrap() != 2 {}
        is_over(receiver.get())
    });
    process.kill().unwrap();
    assert!(killer.join().unwrap());
}

#[test]
fn a_killed_receiver_is_gone() {
    let (sender, receiver) = Queue::bounded_channel(1).unwrap();
    let begun = Event::new().unwrap();
    let process = Process::spawn(take_one_and_wait, (receiver, begun.clone())).unwrap();
    sender.put(&1).unwrap();
    begun.wait();
    sender.put(&2).unwrap();
    let waits = thread::spawn(move || nobody_takes(sender.put(&3)));
    process.kill().unwrap();
    assert!(waits.join().unwrap());
}

#[test]
fn a_sender_that_exits_is_gone_and_one_elsewhere_is_not() {
    let (sender, receiver) = Queue::channel().unwrap();
    let process = Process::spawn(put_and_exit, sender.clone()).unwrap();
    process.join().unwrap();
    assert_eq!(receiver.get().unwrap(), 1);
    manyhands::sweep_the_dead();
    assert!(matches!(receiver.get_timeout(SOON), Err(GetError::Empty { .. })), "one is here");
    drop(sender);
    assert!(is_over(receiver.get()));
}

#[test]
fn a_half_under_way_is_not_gone() {
    let halves = Queue::<Sender<u32>>::channel().unwrap();
    let (sender, receiver) = Queue::<u32>::channel().unwrap();
    halves.0.put(&sender).unwrap();
    drop(sender);
    assert!(matches!(receiver.get_timeout(SOON), Err(GetError::Empty { .. })));
    let arrived = halves.1.get().unwrap();
    arrived.put(&7).unwrap();
    assert_eq!(receiver.get().unwrap(), 7);
    halves.0.put(&arrived).unwrap();
    drop(arrived);
    // Nobody will take the message, and with it goes the last sender.
    drop(halves.1);
    assert!(is_over(receiver.get()));
}

fn put_all((sender, numbers): (Sender<u32>, u32)) {
    (0..numbers).for_each(|number| sender.put(&number).unwrap());
}

#[test]
fn calls_of_a_pool_have_halves_until_they_are_done() {
    let pool = Pool::new(2).unwrap();
    let (sender, receiver) = Queue::bounded_channel(4).unwrap();
    let calls = [100, 50].map(|numbers| pool.submit(put_all, (sender.clone(), numbers)).unwrap());
    drop(sender);
    let waits = thread::spawn(move || receiver.into_iter().map(Result::unwrap).map(u64::from).sum::<u64>());
    for call in calls {
        call.get().unwrap();
    }
    assert_eq!(waits.join().unwrap(), (0..100).sum::<u64>() + (0..50).sum::<u64>());
}

fn is_killed(_: Queue<u32>) {
    let me = PidFd::open(std::process::id()).unwrap();
    me.signal(libc::SIGKILL).unwrap();
}

/// In a process with one thread: whether each wait for nobody ends.
fn alone(told: Queue<(bool, bool, bool)>) {
    let queue = Queue::<u32>::bounded(1).unwrap();
    let at_once = is_over(queue.get());
    let process = Process::spawn(is_killed, queue.clone()).unwrap();
    let other = queue.clone();
    drop(other);
    let after_a_kill = is_over(queue.get());
    let _ = process.join();
    queue.put(&1).unwrap();
    let full = nobody_takes(queue.put(&2));
    assert_eq!(queue.get().unwrap(), 1);
    told.put(&(at_once, after_a_kill, full)).unwrap();
}

#[test]
fn the_only_handle_of_the_only_thread_waits_for_nobody() {
    let told = Queue::bounded(1).unwrap();
    let process = Process::spawn(alone, told.clone()).unwrap();
    assert_eq!(told.get_timeout(LIMIT).unwrap(), (true, true, true));
    process.join().unwrap();
}

#[test]
fn a_handle_that_threads_share_waits_on() {
    let queue = Queue::<u32>::bounded(1).unwrap();
    thread::scope(|scope| {
        let takes = scope.spawn(|| queue.get().unwrap());
        assert!(matches!(queue.get_timeout(SOON), Err(GetError::Empty { .. })));
        queue.put(&1).unwrap();
        assert_eq!(takes.join().unwrap(), 1);
    });
}
