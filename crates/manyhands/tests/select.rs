//! A thread waits for the first of several queues: of any kind, in turn, beside takers that sleep, and to the end.

use manyhands::channel::{RawQueue, Readiness};
use manyhands::shared::Event;
use manyhands::sync::Blocking;
use manyhands::{BytesPipe, GetError, Pipe, Process, Queue, Receiver, Select, SelectError, Selectable};
use std::collections::BTreeSet;
use std::io;
use std::thread;
use std::time::Duration;

const SOON: Duration = Duration::from_millis(5);

fn put_one((queue, begin): (Queue<u32>, Event)) {
    begin.wait();
    queue.put(&7).unwrap();
}

#[test]
fn the_one_with_something_is_ready() {
    let (arena, own) = (Queue::<u32>::growing().unwrap(), Queue::in_process());
    let (sender, receiver) = Queue::<u8>::channel().unwrap();
    let (near, far) = Pipe::<u8>::new().unwrap();
    let (taker, giver) = BytesPipe::new().unwrap();
    let mut select = Select::new();
    let numbers = [select.add(&arena), select.add(&own), select.add(&receiver), select.add(&near)];
    assert_eq!((numbers, select.add(&taker)), ([0, 1, 2, 3], 4));
    assert_eq!(select.try_ready(), Err(SelectError::TimedOut));
    assert_eq!(select.ready_timeout(SOON), Err(SelectError::TimedOut));

    own.put("moved".to_owned()).unwrap();
    assert_eq!(select.ready(), Ok(1));
    assert_eq!(select.try_ready(), Ok(1), "nothing was taken");
    assert_eq!(own.try_get().unwrap(), "moved");
    sender.put(&1).unwrap();
    assert_eq!(select.ready(), Ok(2));
    assert_eq!(receiver.get().unwrap(), 1);
    far.put(&2).unwrap();
    assert_eq!(select.ready(), Ok(3));
    assert_eq!(near.get().unwrap(), 2);
    giver.put(b"bytes").unwrap();
    assert_eq!(select.ready(), Ok(4));
    assert_eq!(taker.get().unwrap(), b"bytes");

    let begin = Event::new().unwrap();
    let process = Process::spawn(put_one, (arena.clone(), begin.clone())).unwrap();
    begin.set();
    assert_eq!(select.ready(), Ok(0));
    assert_eq!(arena.try_get().unwrap(), 7);
    process.join().unwrap();
    assert_eq!(select.try_ready(), Err(SelectError::TimedOut));
}

fn all_of(queues: &[impl Selectable]) -> Select<'_> {
    let mut select = Select::new();
    queues.iter().for_each(|queue| {
        select.add(queue);
    });
    select
}

#[test]
fn those_that_always_have_something_come_in_turn() {
    let queues: [Queue<u32>; 3] = std::array::from_fn(|_| Queue::growing().unwrap());
    queues.iter().for_each(|queue| queue.put(&1).unwrap());
    let mut select = all_of(&queues);
    let mut in_turn = || select.ready().unwrap();
    assert_eq!([in_turn(), in_turn(), in_turn(), in_turn()], [0, 1, 2, 0]);
    select.remove(1);
    let mut in_turn = || select.ready().unwrap();
    assert_eq!([in_turn(), in_turn(), in_turn()], [2, 0, 2]);
}

#[test]
#[should_panic(expected = "no queue number 1")]
fn none_is_removed_that_is_not_there() {
    let queue = Queue::<u8>::growing().unwrap();
    let mut select = Select::new();
    select.add(&queue);
    select.remove(1);
}

#[test]
#[should_panic(expected = "never ends")]
fn a_wait_for_no_queue_is_refused() {
    let _ = Select::new().ready();
}

#[test]
fn a_queue_at_its_end_is_ready() {
    let (open, closed) = (Queue::<u8>::growing().unwrap(), Queue::<u8>::growing().unwrap());
    let (sender, receiver): (_, Receiver<u8>) = Queue::channel().unwrap();
    let own = Queue::<u8, _>::in_process();
    let mut select = Select::new();
    select.add(&open);
    let (is_closed, is_left, is_own) = (select.add(&closed), select.add(&receiver), select.add(&own));
    let closer = thread::spawn({
        let closed = closed.clone();
        move || closed.close()
    });
    assert_eq!(select.ready(), Ok(is_closed));
    closer.join().unwrap();
    assert!(matches!(closed.try_get(), Err(GetError::Closed { .. })));
    select.remove(is_closed);
    drop(sender);
    assert_eq!(select.ready(), Ok(is_left));
    assert!(matches!(receiver.try_get(), Err(GetError::Disconnected { .. })));
    select.remove(is_left);
    own.close();
    assert_eq!(select.ready(), Ok(is_own));
}

fn wait_for_ever((_sender, there): (manyhands::Sender<u8>, Event)) {
    there.set();
    loop {
        thread::park();
    }
}

#[test]
fn a_killed_sender_makes_its_receiver_ready() {
    let other = Queue::<u8>::growing().unwrap();
    let (sender, receiver) = Queue::<u8>::channel().unwrap();
    let there = Event::new().unwrap();
    let process = Process::spawn(wait_for_ever, (sender, there.clone())).unwrap();
    there.wait();
    let mut select = Select::new();
    let numbers = [select.add(&other), select.add(&receiver)];
    let killer = thread::spawn(move || {
        process.kill().unwrap();
        process.join().unwrap_err();
    });
    assert_eq!(select.ready(), Ok(numbers[1]));
    killer.join().unwrap();
    assert!(matches!(receiver.try_get(), Err(GetError::Disconnected { .. })));
}

fn select_alone(answers: Queue<bool>) {
    let (own, other) = (Queue::<u8>::growing().unwrap(), Queue::<u8, _>::in_process());
    let mut select = Select::new();
    select.add(&own);
    select.add(&other);
    answers.put(&(select.ready() == Err(SelectError::Disconnected))).unwrap();
    // Another process has this one, so there is hope; it is not waited for here.
    select.add(&answers);
    answers.put(&(select.ready() == Ok(2))).unwrap();
}

#[test]
fn a_thread_that_is_alone_with_its_queues_does_not_wait_for_ever() {
    let answers = Queue::growing().unwrap();
    let process = Process::spawn(select_alone, answers.clone()).unwrap();
    process.join().unwrap();
    assert!(answers.get().unwrap() && answers.get().unwrap());
}

const EACH: u32 = 2_000;

/// Takes all that comes from two queues by select.
fn take_all(queues: [Queue<u32>; 2]) -> Vec<u32> {
    let mut taken = Vec::new();
    let mut select = all_of(&queues);
    let mut left = 2;
    while left > 0 {
        let number = select.ready().unwrap();
        match queues[number].try_get() {
            Ok(value) => taken.push(value),
            Err(GetError::Empty { .. }) => {}
            Err(GetError::Closed { .. }) => {
                select.remove(number);
                left -= 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    taken
}

/// Two threads select, and at each queue two more sleep in `get`: each value reaches one of them.
#[test]
fn no_value_waits_while_a_taker_sleeps() {
    let queues: [Queue<u32>; 2] = std::array::from_fn(|_| Queue::bounded(4).unwrap());
    let selecting: Vec<_> = (0..2)
        .map(|_| {
            let queues = queues.clone();
            thread::spawn(move || take_all(queues))
        })
        .collect();
    let taking: Vec<_> = queues
        .iter()
        .chain(&queues)
        .map(|queue| {
            let queue = queue.clone();
            thread::spawn(move || queue.into_iter().map(Result::unwrap).collect::<Vec<u32>>())
        })
        .collect();
    let putting: Vec<_> = (0..4)
        .map(|maker: u32| {
            let queue = queues[maker as usize % 2].clone();
            thread::spawn(move || {
                for value in maker * EACH..(maker + 1) * EACH {
                    queue.put(&value).unwrap();
                    if value % 16 == 0 {
                        // Lets all takers fall asleep now and then.
                        thread::sleep(Duration::from_micros(100));
                    }
                }
            })
        })
        .collect();
    putting.into_iter().for_each(|thread| thread.join().unwrap());
    queues.iter().for_each(Queue::close);
    let taken: Vec<u32> =
        selecting.into_iter().chain(taking).flat_map(|thread| thread.join().unwrap()).collect();
    assert_eq!(taken.len(), 4 * EACH as usize, "a value was lost or came twice");
    assert_eq!(taken.into_iter().collect::<BTreeSet<_>>().len(), 4 * EACH as usize);
}

/// More than the kernel waits for at once.
#[test]
fn two_hundred_queues_at_once() {
    let queues: Vec<Queue<u8>> = (0..200).map(|_| Queue::growing().unwrap()).collect();
    let mut select = Select::new();
    for (number, queue) in queues.iter().enumerate() {
        assert_eq!(select.add(queue), number);
    }
    for number in [0, 199, 125, 126] {
        let queue = queues[number].clone();
        let putter = thread::spawn(move || {
            thread::sleep(SOON);
            queue.put(&1).unwrap();
        });
        assert_eq!(select.ready(), Ok(number));
        assert_eq!(queues[number].try_get().unwrap(), 1);
        putter.join().unwrap();
    }
}

/// Whether the descriptor can be read within this time.
fn is_readable(readiness: &Readiness, time: Duration) -> bool {
    let mut polled = libc::pollfd { fd: readiness.number(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one entry, which lives here.
    let ready = unsafe { libc::poll(&raw mut polled, 1, time.as_millis() as i32) };
    assert!(ready >= 0, "{}", io::Error::last_os_error());
    ready == 1
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_descriptor_is_readable_while_there_is_something() {
    let [one, other] = [(); 2].map(|()| RawQueue::growing().unwrap());
    let readiness = Readiness::of(vec![one.clone(), other.clone()]).unwrap();
    assert!(!is_readable(&readiness, SOON));
    let mut buffer = manyhands::channel::Buffer::new();
    for queue in [&one, &other, &one] {
        queue.put(b"1", 0, None, &Blocking).unwrap();
        queue.put(b"2", 0, None, &Blocking).unwrap();
        assert!(is_readable(&readiness, LONG));
        assert!(queue.try_get(&mut buffer).is_ok());
        readiness.refresh();
        assert!(is_readable(&readiness, Duration::ZERO), "there is one more");
        assert!(queue.try_get(&mut buffer).is_ok());
        readiness.refresh();
        assert!(!is_readable(&readiness, Duration::ZERO));
    }
    other.close();
    assert!(is_readable(&readiness, LONG), "one at its end is ready");
}

/// Threads put and take while one waits for the descriptor: it never sleeps while something is there.
#[test]
fn no_value_waits_behind_a_descriptor_that_is_not_readable() {
    let queue = RawQueue::bounded(8).unwrap();
    let readiness = Readiness::of(vec![queue.clone()]).unwrap();
    let putter = thread::spawn({
        let queue = queue.clone();
        move || {
            for value in 0..5_000_u32 {
                queue.put(&value.to_le_bytes(), 0, None, &Blocking).unwrap();
                if value % 7 == 0 {
                    thread::sleep(Duration::from_micros(50));
                }
            }
        }
    });
    let mut buffer = manyhands::channel::Buffer::new();
    let mut taken = 0;
    while taken < 5_000 {
        assert!(is_readable(&readiness, LONG), "{taken} were taken, and {} wait", queue.len());
        while queue.try_get(&mut buffer).is_ok() {
            taken += 1;
        }
        readiness.refresh();
    }
    putter.join().unwrap();
    drop(readiness);
    assert!(queue.is_empty());
}
