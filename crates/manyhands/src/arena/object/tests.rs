//! Records that were given back are made objects of again, at once and whatever was killed in between.

use super::*;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The tests take turns, since each counts what is used.
static TURN: Mutex<()> = Mutex::new(());

/// No layer's: such an object holds nothing outside its body.
const TRIED: Kind = Kind::of::<[u8; 8]>(255, "thing of a test");

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn make() -> Object {
    Object::create::<[u8; 8]>(TRIED, |_, _| Ok(())).unwrap()
}

/// Other tests of this program make a few objects at the same time.
const OTHERS: u32 = 1000;
const MANY: usize = 60_000;

#[test]
fn what_was_given_back_anywhere_is_used_before_fresh_records() {
    let _turn = turn();
    let mut objects: Vec<Object> = (0..MANY).map(|_| make()).collect();
    let high = Arena::get().unwrap().record_numbers().unwrap().end;
    let mut random = 7_u32;
    objects.retain(|_| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        random >> 31 == 0
    });
    let left = objects.len();
    objects.extend((left..MANY).map(|_| make()));
    let more = Arena::get().unwrap().record_numbers().unwrap().end - high;
    assert!(more < OTHERS, "{more} fresh records for {} that were given back", MANY - left);
}

/// As if a process had been killed between the bit and the record, or the record and the bit.
#[test]
fn a_sweep_finds_records_whose_bit_was_lost() {
    let _turn = turn();
    let arena = Arena::get().unwrap();
    let objects: Vec<Object> = (0..MANY).map(|_| make()).collect();
    let numbers: Vec<usize> = objects.iter().map(|object| object.handle().index() as usize).collect();
    drop(objects);
    while arena.free().objects.take().is_some() {}
    let free = |index: &&usize| arena.free().objects.has(**index);
    assert_eq!(numbers.iter().filter(free).count(), 0);
    arena.settle_records_of(ProcessId::from_raw(0xff_fff1).unwrap()).unwrap();
    let found = numbers.iter().filter(free).count();
    assert!(found > MANY - OTHERS as usize, "{found} of {MANY} were found again");
}
