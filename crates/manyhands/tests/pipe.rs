//! A conversation between two sides: in both directions, to the end of either side, and with the halves apart.

use manyhands::shared::Event;
use manyhands::{GetError, Pipe, Process, PutError};
use std::time::Duration;

const SOON: Duration = Duration::from_millis(5);

fn echo(asker: Pipe<String, u32>) {
    while let Ok(number) = asker.get() {
        asker.put(&"x".repeat(number as usize)).unwrap();
    }
}

#[test]
fn each_side_gets_what_the_other_put() {
    let (asker, answerer) = Pipe::<u32, String>::new().unwrap();
    let process = Process::spawn(echo, answerer).unwrap();
    for number in [0, 5, 100_000] {
        asker.put(&number).unwrap();
        assert_eq!(asker.get().unwrap().len(), number as usize);
    }
    assert!(asker.is_empty());
    assert!(matches!(asker.try_get(), Err(GetError::Empty { .. })));
    assert!(matches!(asker.get_timeout(SOON), Err(GetError::Empty { .. })));
    drop(asker);
    process.join().unwrap();
}

#[test]
fn a_side_that_is_full_refuses_and_one_that_is_left_alone_knows() {
    let (one, other) = Pipe::<u8>::bounded(1).unwrap();
    one.try_put(&1).unwrap();
    assert!(matches!(one.try_put(&2), Err(PutError::Full { .. })));
    assert!(matches!(one.put_timeout(&2, SOON), Err(PutError::Full { .. })));
    let same = other.clone();
    drop(other);
    assert_eq!(same.len(), 1);
    assert_eq!(same.get().unwrap(), 1);
    same.put(&3).unwrap();
    drop(same);
    assert_eq!(one.get().unwrap(), 3);
    assert!(matches!(one.get(), Err(GetError::Disconnected { .. })));
    assert!(matches!(one.put(&4), Err(PutError::Disconnected { .. })));
}

fn wait_for_ever((_side, there): (Pipe<u8>, Event)) {
    there.set();
    loop {
        std::thread::park();
    }
}

#[test]
fn a_killed_side_is_the_end_for_the_other() {
    let (one, other) = Pipe::<u8>::new().unwrap();
    let there = Event::new().unwrap();
    let process = Process::spawn(wait_for_ever, (other, there.clone())).unwrap();
    there.wait();
    one.put(&1).unwrap();
    process.kill().unwrap();
    assert!(matches!(one.get(), Err(GetError::Disconnected { .. })));
    assert!(matches!(one.put(&2), Err(PutError::Disconnected { .. })));
    assert!(process.join().is_err());
}

#[test]
fn the_halves_may_be_used_apart() {
    let (one, other) = Pipe::<u8, u16>::new().unwrap();
    let (sender, receiver) = one.split();
    let answers = std::thread::spawn(move || receiver.into_iter().map(Result::unwrap).sum::<u16>());
    (1..=3).for_each(|number| sender.put(&number).unwrap());
    (0..3).for_each(|_| other.put(&(u16::from(other.get().unwrap()) * 100)).unwrap());
    drop(other);
    assert_eq!(answers.join().unwrap(), 600);
}
