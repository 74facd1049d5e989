//! Values and arrays that processes share: no update is lost, a kill leaves what the documentation says, and nothing
//! stays behind.
//!
//! Children are forks of a test process that has other threads, so they use the engine and system calls only, and end
//! by a system call.

mod forked;
mod until;

use std::mem::ManuallyDrop;
use std::time::Duration;

use manyhands::arena::{Arena, ArenaError};
use manyhands::shared::{Array, ArrayGuard, Event, Lock, Shared, Value, ValueGuard};
use manyhands::{Process, Queue, WaitError};

use forked::{assert_good, child, kill, sleep_for_ever, turn};
use until::until;

/// Larger than what is written in one step.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
struct Pair {
    first: u64,
    second: u64,
}

// SAFETY: repr(C), two numbers, no padding.
unsafe impl Shared for Pair {}

fn pair(number: u64) -> Pair {
    Pair { first: number, second: number }
}

#[test]
fn no_update_of_a_value_is_lost() {
    let _turn = turn();
    let total = Value::new(0_u64).unwrap();
    let add = || (0..20_000).all(|_| total.update(|total| *total += 1).is_ok());
    let pids = [child(add), child(add)];
    assert!(add());
    pids.into_iter().for_each(assert_good);
    assert_eq!(total.get().unwrap(), 60_000);
    total.set(7).unwrap();
    assert_eq!(total.update(|total| std::mem::replace(total, 8)).unwrap(), 7);
    assert_eq!(*total.lock().unwrap(), 8);
}

#[test]
fn several_steps_are_one_change() {
    let _turn = turn();
    let value = Value::new(pair(1)).unwrap();
    let mut held: ValueGuard<'_, Pair> = value.lock().unwrap();
    held.first = 2;
    assert_eq!((held.first, held.second), (2, 1));
    held.second = 2;
    assert!(value.try_lock().unwrap().is_none());
    assert!(matches!(value.lock_timeout(Duration::from_millis(5)), Err(WaitError::TimedOut)));
    assert!(matches!(value.get(), Err(WaitError::Deadlock(_))), "this thread has it");
    assert!(value.statistics().holder.is_some());
    drop(held);
    assert_eq!(value.get().unwrap(), pair(2));
    // A guard that changes nothing.
    assert_eq!(*value.try_lock().unwrap().unwrap(), pair(2));
    assert_eq!(*value.lock_timeout(Duration::from_secs(60)).unwrap(), pair(2));
}

#[test]
fn a_change_that_panics_has_not_happened() {
    let _turn = turn();
    let value = Value::new(1_u32).unwrap();
    let array = Array::from_slice(&[1_u32]).unwrap();
    let panics = |number: &mut u32| {
        *number = 2;
        std::panic::resume_unwind(Box::new(()))
    };
    let caught = |call: &dyn Fn()| std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).is_err();
    assert!(caught(&|| value.update(panics).unwrap()));
    assert!(caught(&|| array.update(0, panics).unwrap()));
    assert_eq!((value.get().unwrap(), array.get(0).unwrap()), (1, 1));
}

#[test]
fn a_holder_killed_in_the_midst_of_a_change_has_changed_nothing() {
    let _turn = turn();
    let value = Value::new(pair(1)).unwrap();
    let amid = Event::new().unwrap();
    let pid = child(|| {
        let _ = value.set(pair(2));
        let mut held = ManuallyDrop::new(value.lock().unwrap());
        held.first = 3;
        amid.set();
        sleep_for_ever()
    });
    amid.wait();
    kill(pid);
    let held = value.lock().unwrap();
    assert_eq!(*held, pair(2), "half a change is none");
    assert_eq!(held.owner_died().unwrap().pid, pid);
    drop(held);
    assert!(value.lock().unwrap().owner_died().is_none(), "reported once");
}

#[test]
fn a_value_is_whole_whenever_its_writer_is_killed() {
    let _turn = turn();
    let value = Value::new([0_u64; 4000]).unwrap();
    for round in 0..60 {
        let pid = child(|| (0_u64..).all(|number| value.set([number; 4000]).is_ok()));
        let seen = value.get().unwrap()[0];
        until("the child to write", || value.get().unwrap()[0] != seen);
        // Other moments of what it does, from round to round.
        (0..round * 500).for_each(|_| std::hint::spin_loop());
        kill(pid);
        let all = value.get().unwrap();
        assert!(all.iter().all(|number| *number == all[0]), "torn in round {round}");
    }
}

#[test]
fn no_update_of_an_element_is_lost() {
    let _turn = turn();
    let array = Array::<u64>::zeroed(3).unwrap();
    let add = || (0..20_000).all(|number| array.update(number % 3, |element| *element += 1).is_ok());
    let pids = [child(add), child(add)];
    assert!(add());
    pids.into_iter().for_each(assert_good);
    assert_eq!(array.lock().unwrap().iter().sum::<u64>(), 60_000);
    array.set(1, 5).unwrap();
    assert_eq!(array.get(1).unwrap(), 5);
}

#[test]
fn the_guard_of_an_array_is_a_slice() {
    let _turn = turn();
    let array = Array::new(5, |index| pair(index as u64)).unwrap();
    assert_eq!((array.len(), array.is_empty()), (5, false));
    let mut held: ArrayGuard<'_, Pair> = array.lock().unwrap();
    held.reverse();
    held[0].second = 9;
    assert_eq!(held.iter().map(|pair| pair.first).collect::<Vec<_>>(), [4, 3, 2, 1, 0]);
    assert!(array.try_lock().unwrap().is_none());
    assert!(matches!(array.lock_timeout(Duration::from_millis(5)), Err(WaitError::TimedOut)));
    assert!(matches!(array.get(0), Err(WaitError::Deadlock(_))));
    assert!(array.statistics().holder.is_some());
    drop(held);
    assert_eq!(array.get(0).unwrap(), Pair { first: 4, second: 9 });
    assert_eq!(array.try_lock().unwrap().unwrap()[4], pair(0));
    let text = format!("{array:?} {:?}", Value::new(1_u8).unwrap().lock().unwrap());
    assert!(text.starts_with("Array") && text.contains("len: 5") && text.ends_with(" 1"), "{text}");
}

#[test]
fn an_array_may_have_no_elements() {
    let _turn = turn();
    let arrays =
        [Array::<u64>::zeroed(0), Array::from_slice(&[]), Array::new(0, |_| unreachable!("no element"))];
    for array in arrays {
        let array = array.unwrap();
        assert!(array.is_empty() && array.lock().unwrap().is_empty());
        let same: Array<u64> = serde_json::from_str(&serde_json::to_string(&array).unwrap()).unwrap();
        assert_eq!(same.len(), 0);
    }
}

#[test]
fn an_index_out_of_range_names_array_index_and_length() {
    let _turn = turn();
    let array = Array::from_slice(&[1_u8, 2]).unwrap();
    let text_of = |call: &dyn Fn()| {
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).unwrap_err();
        *caught.downcast::<String>().unwrap()
    };
    let expected = format!(
        "index 2 is out of range: the shared array with the number {} has 2 elements",
        array.handle().index()
    );
    assert_eq!(text_of(&|| drop(array.get(2))), expected);
    assert_eq!(text_of(&|| drop(array.set(2, 1))), expected);
    assert_eq!(text_of(&|| array.update(2, |_| ()).unwrap()), expected);
    assert!(array.try_lock().unwrap().is_some(), "nobody has it");
}

#[test]
fn a_holder_killed_in_the_midst_of_an_array_is_reported_by_the_next_guard() {
    let _turn = turn();
    let array = Array::from_slice(&[1_u64; 4]).unwrap();
    let amid = Event::new().unwrap();
    let pid = child(|| {
        let mut held = ManuallyDrop::new(array.lock().unwrap());
        held[..2].fill(2);
        amid.set();
        sleep_for_ever()
    });
    amid.wait();
    kill(pid);
    // Single elements take the lock over, and leave the news.
    assert_eq!((array.get(0).unwrap(), array.get(3).unwrap()), (2, 1));
    array.update(3, |element| *element += 4).unwrap();
    let held = array.lock().unwrap();
    assert_eq!(held[..], [2, 2, 1, 5]);
    assert_eq!(held.owner_died().unwrap().pid, pid);
    drop(held);
    assert!(array.lock().unwrap().owner_died().is_none(), "reported once");
}

const LARGE: usize = 100 << 20;

#[test]
fn a_large_array_is_written_by_two_processes() {
    let _turn = turn();
    let array = Array::<u64>::zeroed(LARGE / 8).unwrap();
    let write = |half: usize| {
        let mut held = array.lock().unwrap();
        let middle = held.len() / 2;
        let (low, high) = held.split_at_mut(middle);
        let half = [low, high].into_iter().nth(half).unwrap();
        half.iter_mut().enumerate().for_each(|(index, element)| *element += index as u64);
        true
    };
    let pid = child(|| write(0));
    write(1);
    assert_good(pid);
    let held = array.lock().unwrap();
    let half = held.len() as u64 / 2;
    assert_eq!(held.iter().sum::<u64>(), half * (half - 1));
}

#[test]
fn more_than_there_is_memory_for_is_an_error() {
    let _turn = turn();
    for length in [usize::MAX, usize::MAX / 8, Arena::get().unwrap().size() / 8 + 1] {
        assert!(matches!(Array::<u64>::zeroed(length), Err(ArenaError::OutOfMemory { .. })), "{length}");
    }
}

#[test]
fn memory_that_was_used_before_is_zero_again() {
    let _turn = turn();
    for bytes in [10_000, 4 << 20] {
        drop(Array::new(bytes, |_| 0xff_u8).unwrap());
        let array = Array::<u8>::zeroed(bytes).unwrap();
        assert!(array.lock().unwrap().iter().all(|byte| *byte == 0));
    }
}

#[test]
fn the_kill_of_the_last_holder_frees_the_memory() {
    let _turn = turn();
    let arena = Arena::get().unwrap();
    let before = arena.blocks_held();
    let there = Event::new().unwrap();
    let pid = child(|| {
        let array = Array::<u64>::zeroed(LARGE / 8).unwrap();
        let value = Value::new([1_u64; 1000]).unwrap();
        let held = (array.lock().unwrap(), value.lock().unwrap());
        there.set();
        let _held = held;
        sleep_for_ever()
    });
    there.wait();
    assert_eq!(arena.blocks_held(), before + 2);
    kill(pid);
    // Here, or where the reaper is already at it.
    manyhands::sweep_the_dead();
    until("the memory to be free", || arena.blocks_held() == before);

    // And so does the drop of the last one, however many there were.
    let array = Array::<u8>::zeroed(LARGE).unwrap();
    let (same, handle) = (array.clone(), array.handle());
    drop(array);
    assert_eq!(same.len(), LARGE);
    assert_eq!(arena.blocks_held(), before + 1);
    drop(same);
    assert_eq!(arena.blocks_held(), before);
    assert!(matches!(Array::<u8>::attach(handle), Err(ArenaError::Stale { .. })));
}

#[test]
fn a_kill_while_arrays_are_made_and_dropped_leaves_no_memory() {
    let _turn = turn();
    let arena = Arena::get().unwrap();
    let before = arena.blocks_held();
    for round in 0..30 {
        let there = Event::new().unwrap();
        let pid = child(|| {
            loop {
                let array = Array::new(50_000, |index| index as u64).unwrap();
                let value = Value::new([1_u64; 100]).unwrap();
                there.set();
                drop((array, value));
            }
        });
        there.wait();
        (0..round * 500).for_each(|_| std::hint::spin_loop());
        kill(pid);
        manyhands::sweep_the_dead();
        until("the memory to be free", || arena.blocks_held() == before);
    }
}

#[test]
fn references_travel_and_other_types_are_refused() {
    let _turn = turn();
    let (value, array) = (Value::new(7_u64).unwrap(), Array::from_slice(&[7_u64]).unwrap());
    Value::<u64>::attach(value.handle()).unwrap().set(8).unwrap();
    Array::<u64>::attach(array.handle()).unwrap().set(0, 8).unwrap();
    assert_eq!((value.get().unwrap(), array.get(0).unwrap()), (8, 8));
    for handle in [value.handle(), array.handle()] {
        assert!(matches!(Lock::<u64>::attach(handle), Err(ArenaError::WrongValue { .. })));
        assert!(matches!(Value::<f64>::attach(handle), Err(ArenaError::WrongValue { .. })));
        assert!(matches!(Array::<f64>::attach(handle), Err(ArenaError::WrongValue { .. })));
    }
    assert!(Value::<u64>::attach(array.handle()).is_err() && Array::<u64>::attach(value.handle()).is_err());
    assert!(manyhands::sync::RawLock::attach(array.handle()).is_err(), "its guard could be undermined");

    // In a message whose sender has dropped its own.
    let queue = Queue::<(Value<u64>, Array<u64>)>::growing().unwrap();
    queue.put(&(value, array)).unwrap();
    let (value, array) = queue.get().unwrap();
    assert_eq!((value.get().unwrap(), array.get(0).unwrap()), (8, 8));
}

fn work((total, squares): (Value<u64>, Array<u64>)) {
    for index in 0..squares.len() {
        squares.set(index, (index * index) as u64).unwrap();
        total.update(|total| *total += index as u64).unwrap();
    }
}

#[test]
fn a_fresh_process_is_given_both() {
    let _turn = turn();
    let (total, squares) = (Value::new(0).unwrap(), Array::zeroed(4).unwrap());
    Process::spawn(work, (total.clone(), squares.clone())).unwrap().join().unwrap();
    assert_eq!(total.get().unwrap(), 6);
    assert_eq!(squares.lock().unwrap()[..], [0, 1, 4, 9]);
}
