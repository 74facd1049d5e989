//! The permits used by one thread: counts, maxima, records that run out and those of the dead.

use super::*;

fn with(count: u32, maximum: u32, records: usize, test: impl FnOnce(Permits<'_>)) {
    let state = AtomicU64::new(u64::from(count));
    let records: Vec<AtomicU64> = (0..records).map(|_| AtomicU64::new(0)).collect();
    test(Permits { state: &state, records: &records, maximum });
}

#[test]
fn permits_are_taken_until_none_is_left_and_given_up_to_the_maximum() {
    with(2, 3, 0, |permits| {
        assert!(permits.take() && permits.take());
        assert!(!permits.take());
        assert!(permits.give(3));
        assert!(!permits.give(1), "more than the maximum");
        assert_eq!(permits.count(), 3);
    });
}

#[test]
fn a_record_gives_its_permit_back_once() {
    with(1, 9, 2, |permits| {
        assert_eq!(permits.take_for(5), Some(TakenFor::Record(0)));
        assert_eq!(permits.take_for(5), None);
        assert_eq!(permits.held_by(5), Some(0));
        assert!(!permits.give_back(0, 6), "not this owner's");
        assert!(permits.give_back(0, 5));
        assert!(!permits.give_back(0, 5), "given back already");
        assert_eq!((permits.count(), permits.held()), (1, 0));
    });
}

#[test]
fn a_dead_owner_gets_nothing_and_keeps_nothing() {
    with(3, 3, 4, |permits| {
        permits.take_for(5).unwrap();
        permits.take_for(6).unwrap();
        permits.take_for(5).unwrap();
        permits.recover(5);
        permits.recover(5);
        assert_eq!((permits.count(), permits.held()), (2, 1));
    });
}

#[test]
fn without_a_record_a_permit_is_nobodys() {
    with(2, 2, 1, |permits| {
        assert_eq!(permits.take_for(5), Some(TakenFor::Record(0)));
        assert_eq!(permits.take_for(5), Some(TakenFor::Nobody));
        permits.recover(5);
        assert_eq!(permits.count(), 1);
    });
}
