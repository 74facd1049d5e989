//! Processes that limit their own address space, with a real setrlimit: what they can map they use, what they cannot is
//! an error of that operation, and is lost to nobody.
//!
//! The limit is set in children only, which have one thread; the test itself has none.

mod limited;
mod until;
mod witness;

use limited::{Steps, limit, limit_softly, mapped, raise_limit};
use manyhands::arena::{Arena, ArenaError};
use manyhands::executor::CallError;
use manyhands::shared::Event;
use manyhands::{GetError, Pool, Process, PutError, Queue, Receiver, Sender};
use serde_bytes::ByteBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use until::until;

/// The tests take turns: one counts what is held in the arena.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

const GENEROUS: Duration = Duration::from_secs(60);
/// More than a limited process may map, with the arena's tables and the program.
const TOO_LONG: usize = 400_000_000;

fn bytes(length: usize) -> ByteBuf {
    ByteBuf::from(vec![7; length])
}

fn length(bytes: ByteBuf) -> usize {
    assert!(bytes.iter().all(|byte| *byte == 7));
    bytes.len()
}

#[test]
fn a_limited_worker_does_what_it_can() {
    let _turn = turn();
    let pool = Pool::new(1).unwrap();
    pool.submit(limit, 416).unwrap().get().unwrap();
    for _ in 0..2 {
        let refused = pool.submit(length, bytes(TOO_LONG)).unwrap().get().unwrap_err();
        let CallError::Failed { failure, .. } = &refused else { panic!("{refused}") };
        assert!(failure.to_string().contains("no address space is left"), "{failure}");
        assert_eq!(pool.submit(length, bytes(20_000_000)).unwrap().get().unwrap(), 20_000_000);
        let answer = pool.submit(bytes, 20_000_000).unwrap().get().unwrap();
        assert_eq!(length(answer), 20_000_000);
    }
    // Many that wait are far apart, and more than it may map at a time.
    let calls: Vec<_> = (0..40).map(|_| pool.submit(length, bytes(20_000_000)).unwrap()).collect();
    assert!(calls.into_iter().all(|call| call.get().unwrap() == 20_000_000));
    assert_eq!(pool.statistics().workers_ended, 0);
}

fn take_all((calls, answers): (Queue<ByteBuf>, Queue<String>)) {
    limit(416);
    loop {
        let answer = match calls.get() {
            Ok(message) => length(message).to_string(),
            Err(GetError::Arena { source: ArenaError::AddressSpace { wanted }, .. }) => {
                answers.put(&format!("no room for {wanted}")).unwrap();
                return;
            }
            Err(GetError::Closed { .. }) => return,
            Err(error) => error.to_string(),
        };
        answers.put(&answer).unwrap();
    }
}

#[test]
fn a_message_that_cannot_be_mapped_stays_for_another_taker() {
    let _turn = turn();
    let (calls, answers) = (Queue::growing().unwrap(), Queue::growing().unwrap());
    let child = Process::spawn(take_all, (calls.clone(), answers.clone())).unwrap();
    for length in [10, 1000, 3_000_000, 100_000_000, TOO_LONG, 5] {
        calls.put(&bytes(length)).unwrap();
    }
    for length in ["10", "1000", "3000000", "100000000"] {
        assert_eq!(answers.get().unwrap(), length);
    }
    assert!(answers.get().unwrap().starts_with("no room for 4000000"));
    child.join().unwrap();
    assert_eq!(calls.len(), 2);
    assert_eq!(length(calls.get().unwrap()), TOO_LONG);
    assert_eq!(length(calls.get().unwrap()), 5);
}

fn put_all(calls: Queue<ByteBuf>) {
    let arena = Arena::get().unwrap();
    let small = bytes(30_000_000);
    // The value itself has to be there first.
    let large = bytes(TOO_LONG / 2);
    limit(564);
    calls.put(&small).unwrap();
    let held = arena.blocks_held();
    match calls.put(&large) {
        Err(PutError::Arena { source: ArenaError::AddressSpace { .. }, .. }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(arena.blocks_held(), held, "what was not put is held by nobody");
    calls.put(&small).unwrap();
}

#[test]
fn a_put_that_cannot_be_mapped_puts_nothing() {
    let _turn = turn();
    let calls = Queue::growing().unwrap();
    let child = Process::spawn(put_all, calls.clone()).unwrap();
    child.join().unwrap();
    assert_eq!(calls.len(), 2);
    assert!((0..2).all(|_| length(calls.get().unwrap()) == 30_000_000));
}

/// For a child: the sender that it is to drop, where nobody else has one, and what it hears and says.
type Blind = (Queue<Sender<u32>>, Steps);

fn drop_blindly((parcels, steps): Blind) {
    let sender = parcels.get().unwrap();
    steps.take(|| drop(sender));
}

/// Has a process drop the last sender while it cannot see who else may have one: the process, the receiver, the steps.
fn drop_unseen(part: impl Fn(Blind) + Copy + Send + 'static) -> (Process, Receiver<u32>, Steps) {
    let (sender, receiver) = Queue::<u32>::channel().unwrap();
    let (parcels, steps) = (Queue::growing().unwrap(), Steps::new());
    parcels.put(&sender).unwrap();
    drop(sender);
    let child = Process::builder().daemon(true).spawn(part, (parcels.clone(), steps.clone())).unwrap();
    steps.begun.wait();
    // It might carry the sender, so far as can be told by a process that cannot map it.
    let elsewhere = Queue::growing().unwrap();
    elsewhere.put(&(bytes(2_000_000), parcels)).unwrap();
    steps.go.set();
    steps.done.wait();
    assert!(matches!(receiver.try_get(), Err(GetError::Empty { .. })), "it could see");
    (child, receiver, steps)
}

#[test]
fn what_a_process_cannot_see_to_unmake_is_unmade_when_it_has_ended() {
    let _turn = turn();
    let (child, receiver, steps) = drop_unseen(drop_blindly);
    steps.end.set();
    child.join().unwrap();
    assert!(matches!(receiver.get_timeout(GENEROUS), Err(GetError::Disconnected { .. })));
}

#[test]
fn what_a_process_could_not_see_to_unmake_is_unmade_when_it_can() {
    fn drop_it((parcels, steps): Blind) {
        let sender = parcels.get().unwrap();
        steps.begun.set();
        steps.go.wait();
        limit_softly(1 << 20);
        drop(sender);
        steps.done.set();
        // It ticks while it waits.
        steps.end.wait();
    }
    let _turn = turn();
    let (child, receiver, steps) = drop_unseen(drop_it);
    raise_limit(child.pid());
    assert!(matches!(receiver.get_timeout(GENEROUS), Err(GetError::Disconnected { .. })));
    steps.end.set();
    child.join().unwrap();
}

/// Messages enough for a ring that stands where it has to be mapped.
const MANY: u32 = 10_000;

#[test]
fn a_sender_that_cannot_map_the_queue_is_gone_all_the_same() {
    fn drop_it((sender, steps): (Sender<u32>, Steps)) {
        steps.take(|| drop(sender));
    }
    let _turn = turn();
    let (sender, receiver) = Queue::<u32>::channel().unwrap();
    let steps = Steps::new();
    let child = Process::builder().daemon(true).spawn(drop_it, (sender.clone(), steps.clone())).unwrap();
    steps.begun.wait();
    (0..MANY).for_each(|number| sender.put(&number).unwrap());
    drop(sender);
    steps.go.set();
    steps.done.wait();
    assert!((0..MANY).all(|number| receiver.get().unwrap() == number));
    assert!(matches!(receiver.get_timeout(GENEROUS), Err(GetError::Disconnected { .. })));
    steps.end.set();
    child.join().unwrap();
}

#[test]
fn a_receiver_that_cannot_map_the_queue_is_gone_all_the_same() {
    fn drop_it((receiver, steps): (Receiver<u32>, Steps)) {
        steps.take(|| drop(receiver));
    }
    let _turn = turn();
    let (sender, receiver) = Queue::<u32>::bounded_channel(u64::from(MANY)).unwrap();
    let steps = Steps::new();
    let child = Process::builder().daemon(true).spawn(drop_it, (receiver, steps.clone())).unwrap();
    steps.begun.wait();
    (0..MANY).for_each(|number| sender.put(&number).unwrap());
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| sender.put_timeout(&MANY, GENEROUS));
        steps.go.set();
        assert!(matches!(waits.join().unwrap(), Err(PutError::Disconnected { .. })));
    });
    assert_eq!(sender.len(), MANY as usize, "it could map the queue");
    steps.end.set();
    child.join().unwrap();
    until("what nobody takes is dropped", || sender.is_empty());
}

#[test]
fn a_pool_whose_workers_cannot_map_its_calls_breaks() {
    const CALLS: u32 = 10_000;
    fn wait_for(event: Event) {
        event.wait();
    }
    fn request((): ()) {
        // The supervisor and the workers have room for what they allocate, but for none of the shared memory.
        limit_softly(mapped() + (30 << 20));
        let pool = Pool::new(1).unwrap();
        let all_are_there = Event::new().unwrap();
        let first = pool.submit(wait_for, all_are_there.clone()).unwrap();
        limit_softly(libc::RLIM_INFINITY);
        let calls: Vec<_> = (0..CALLS).map(|number| pool.submit(u32::count_ones, number).unwrap()).collect();
        all_are_there.set();
        first.get().unwrap();
        let ends: Vec<_> = calls.into_iter().map(|call| call.get()).collect();
        let last = ends.last().unwrap().as_ref().unwrap_err();
        assert!(last.to_string().contains("workers in a row ended"), "{last}");
    }
    let _turn = turn();
    Process::spawn(request, ()).unwrap().join().unwrap();
}
