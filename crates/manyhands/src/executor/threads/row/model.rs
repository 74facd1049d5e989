//! Model tests of the row: jobs are put while another thread closes it, searches it or falls asleep at it.
//!
//! What must hold: exactly one thread takes an accepted job, none takes a refused one, and no thread sleeps for ever.
//! The queue without locks has tests of its own. Its stand-in here orders less: a thread that finds it empty has
//! synchronised with no other. What the row needs beyond that, it has to bring along.

use super::Row;
use crate::platform::atomic::{AtomicUsize, Ordering};
use crate::platform::model::spawn;
use loom::sync::Arc;
pub(super) use loom::sync::{Mutex, MutexGuard};
use std::collections::VecDeque;

/// Stands in for crossbeam's queue.
pub(super) struct Coming<T> {
    items: Mutex<VecDeque<T>>,
    count: AtomicUsize,
}

impl<T> Coming<T> {
    pub(super) fn new() -> Self {
        Coming { items: Mutex::new(VecDeque::new()), count: AtomicUsize::new(0) }
    }

    fn change<R>(&self, change: impl FnOnce(&mut VecDeque<T>) -> R) -> R {
        let mut items = self.items.lock().unwrap();
        let result = change(&mut items);
        self.count.store(items.len(), Ordering::Relaxed);
        result
    }

    pub(super) fn push(&self, item: T) {
        self.change(|items| items.push_back(item));
    }

    pub(super) fn pop(&self) -> Option<T> {
        if self.is_empty() { None } else { self.change(VecDeque::pop_front) }
    }

    pub(super) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// All jobs that come until the row is closed and empty.
fn take_all(row: &Row<u64>) -> Vec<u64> {
    std::iter::from_fn(|| row.next()).collect()
}

#[test]
fn model_a_job_is_taken_or_refused_when_the_row_is_closed() {
    loom::model(|| {
        let row = Arc::new(Row::new());
        let putter = spawn(&row, |row| row.put(7).is_ok());
        let closer = spawn(&row, |row| row.close());
        let taken = take_all(&row);
        let accepted = putter.join().unwrap();
        closer.join().unwrap();
        assert_eq!(taken, vec![7; usize::from(accepted)]);
        assert_eq!(row.counts(), (0, u64::from(accepted)));
    });
}

#[test]
fn model_a_search_hides_no_job_from_who_falls_asleep() {
    loom::model(|| {
        let row = Arc::new(Row::new());
        assert_eq!((row.put(1), row.put(2)), (Ok(1), Ok(2)));
        let searcher = spawn(&row, |row| row.take_out(2));
        let first = row.next().unwrap();
        let found = searcher.join().unwrap();
        assert!((first, found) == (1, Some(2)) || (first, found) == (2, None), "{first}, {found:?}");
    });
}

#[test]
fn model_a_search_hides_no_job_from_the_last_to_leave() {
    loom::model(|| {
        let row = Arc::new(Row::new());
        assert_eq!((row.put(1), row.put(2)), (Ok(1), Ok(2)));
        row.close();
        let searcher = spawn(&row, |row| row.take_out(2));
        let mut taken = take_all(&row);
        taken.extend(searcher.join().unwrap());
        taken.sort_unstable();
        assert_eq!(taken, [1, 2]);
    });
}

#[test]
fn model_two_sleepers_get_a_job_each() {
    loom::model(|| {
        let row = Arc::new(Row::new());
        let other = spawn(&row, |row| row.next().unwrap());
        let putter = spawn(&row, |row| [row.put(1).unwrap(), row.put(2).unwrap()]);
        let mut taken = [row.next().unwrap(), other.join().unwrap()];
        putter.join().unwrap();
        taken.sort_unstable();
        assert_eq!(taken, [1, 2]);
    });
}
