//! A pipe of bytes: messages of any size come as they were put, a killed side is the end for the other, and nothing is
//! paid for what a pipe of values does besides.

use manyhands::shared::Event;
use manyhands::{BytesPipe, GetError, Pipe, Process, PutError};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_millis(5);
const PATIENTLY: Duration = Duration::from_secs(60);

/// Bytes of which each part looks different.
fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index * 7 + index / 251) as u8).collect()
}

fn echo(asker: BytesPipe) {
    while let Ok(message) = asker.get() {
        asker.put(&message).unwrap();
    }
}

#[test]
fn messages_of_any_size_come_back_as_they_were() {
    let (asker, answerer) = BytesPipe::new().unwrap();
    let process = Process::spawn(echo, answerer).unwrap();
    let mut room = Vec::new();
    for length in [0, 1, 104, 105, 4096, 1 << 20] {
        let message = bytes(length);
        asker.put(&message).unwrap();
        assert!(asker.get().unwrap() == message, "{length}");
        asker.put(&message).unwrap();
        asker.get_into(&mut room).unwrap();
        assert!(room == message, "{length}");
    }
    drop(asker);
    process.join().unwrap();
}

#[test]
fn messages_keep_their_borders_and_their_order() {
    let (one, other) = BytesPipe::new().unwrap();
    for message in [&b"ab"[..], b"", b"c"] {
        one.put(message).unwrap();
    }
    assert_eq!((other.len(), one.is_empty()), (3, true));
    assert_eq!(other.get().unwrap(), b"ab");
    assert_eq!(other.get_timeout(PATIENTLY).unwrap(), b"");
    assert_eq!(other.try_get().unwrap(), b"c");
    other.put_timeout(b"d", PATIENTLY).unwrap();
    let mut room = b"what was there".to_vec();
    one.get_into_timeout(&mut room, PATIENTLY).unwrap();
    assert_eq!(room, b"d");
}

#[test]
fn fifty_megabytes_go_through_into_the_same_room() {
    let (asker, answerer) = BytesPipe::bounded(1).unwrap();
    let process = Process::spawn(echo, answerer).unwrap();
    let message = bytes(50 << 20);
    let mut room = Vec::with_capacity(message.len());
    let place = room.as_ptr();
    for _ in 0..3 {
        asker.put(&message).unwrap();
        asker.get_into(&mut room).unwrap();
        assert!(room == message);
        assert_eq!(room.as_ptr(), place, "no other memory was needed");
    }
    drop(asker);
    process.join().unwrap();
}

#[test]
fn a_side_that_is_full_refuses_and_one_that_is_left_alone_knows() {
    let (one, other) = BytesPipe::bounded(1).unwrap();
    let mut room = b"as it was".to_vec();
    assert!(matches!(one.try_get(), Err(GetError::Empty { .. })));
    assert!(matches!(one.get_timeout(SOON), Err(GetError::Empty { .. })));
    assert!(matches!(one.try_get_into(&mut room), Err(GetError::Empty { .. })));
    assert!(matches!(one.get_into_timeout(&mut room, SOON), Err(GetError::Empty { .. })));
    one.try_put(b"1").unwrap();
    assert!(matches!(one.try_put(b"2"), Err(PutError::Full { .. })));
    assert!(matches!(one.put_timeout(b"2", SOON), Err(PutError::Full { .. })));
    let same = other.clone();
    drop(other);
    assert_eq!(same.get().unwrap(), b"1");
    same.put(b"3").unwrap();
    drop(same);
    assert_eq!(one.get().unwrap(), b"3");
    assert!(matches!(one.get(), Err(GetError::Disconnected { .. })));
    assert!(matches!(one.get_into(&mut room), Err(GetError::Disconnected { .. })));
    assert!(matches!(one.put(b"4"), Err(PutError::Disconnected { .. })));
    assert_eq!(room, b"as it was");
}

fn put_and_wait((side, there): (BytesPipe, Event)) {
    side.put(&bytes(1 << 20)).unwrap();
    there.set();
    loop {
        std::thread::park();
    }
}

#[test]
fn a_killed_side_is_the_end_for_the_other_after_what_it_put() {
    let (one, other) = BytesPipe::new().unwrap();
    let there = Event::new().unwrap();
    let process = Process::spawn(put_and_wait, (other, there.clone())).unwrap();
    there.wait();
    one.put(b"never taken").unwrap();
    process.kill().unwrap();
    assert!(one.get().unwrap() == bytes(1 << 20), "what it put is there");
    assert!(matches!(one.get(), Err(GetError::Disconnected { .. })));
    assert!(matches!(one.put(b"2"), Err(PutError::Disconnected { .. })));
    assert!(process.join().is_err());
}

fn put_for_ever((side, there): (BytesPipe, Event)) {
    let message = bytes(1 << 20);
    side.put(&message).unwrap();
    there.set();
    while side.put(&message).is_ok() {}
}

#[test]
fn a_side_killed_while_it_puts_leaves_whole_messages() {
    for round in 0..10 {
        let (one, other) = BytesPipe::bounded(2).unwrap();
        let there = Event::new().unwrap();
        let process = Process::spawn(put_for_ever, (other, there.clone())).unwrap();
        there.wait();
        (0..round).for_each(|_| assert!(one.get().unwrap() == bytes(1 << 20)));
        process.kill().unwrap();
        loop {
            match one.get() {
                Ok(message) => assert!(message == bytes(1 << 20), "round {round}"),
                Err(end) => break assert!(matches!(end, GetError::Disconnected { .. }), "{end}"),
            }
        }
        assert!(process.join().is_err());
    }
}

fn send_back((bytes, values): (BytesPipe, Pipe<Vec<u8>>)) {
    let mut room = Vec::new();
    while bytes.get_into(&mut room).is_ok() {
        bytes.put(&room).unwrap();
    }
    while let Ok(message) = values.get() {
        values.put(&message).unwrap();
    }
}

/// The shortest of a few, since other work on the machine only ever adds to it.
fn shortest(mut round_trip: impl FnMut()) -> Duration {
    (0..7)
        .map(|_| {
            let begun = Instant::now();
            round_trip();
            begun.elapsed()
        })
        .min()
        .unwrap()
}

#[test]
fn bytes_are_not_slower_than_values() {
    let (bytes_here, bytes_there) = BytesPipe::new().unwrap();
    let (values_here, values_there) = Pipe::<Vec<u8>>::new().unwrap();
    let process = Process::spawn(send_back, (bytes_there, values_there)).unwrap();
    let message = bytes(4 << 20);
    let mut room = Vec::new();
    let of_bytes = shortest(|| {
        bytes_here.put(&message).unwrap();
        bytes_here.get_into(&mut room).unwrap();
    });
    drop(bytes_here);
    let of_values = shortest(|| {
        values_here.put(&message).unwrap();
        room = values_here.get().unwrap();
    });
    drop(values_here);
    process.join().unwrap();
    println!("4 MiB there and back: {of_bytes:?} as bytes, {of_values:?} as values");
    assert!(of_bytes <= of_values);
}
