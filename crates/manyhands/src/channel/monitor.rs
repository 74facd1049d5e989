//! A store of items for the threads of one process: a lock around it, and gates for those who wait for it to change.
//!
//! Hoare and Brinch Hansen called this a monitor; here it has the three conditions of a queue: not empty, not full, all
//! done. Items are moved, never encoded. The store itself is the caller's, so that first come first served, last come
//! first served and whatever else a language binding needs are one algorithm. A waiter sees the number of items, not
//! the items. After a wait it enters and looks again, since another thread may have been quicker. There is no promise
//! across a fork: a thread that was inside stays inside in the child's copy.

use crate::arena::Kind;
use crate::platform::Deadline;
use crate::platform::Scope;
use crate::platform::atomic::{AtomicU32, AtomicUsize, Ordering};
use crate::sync::{Gate, PlacedGate, RawLock, Subject, WaitError, Waiting, wait_for};
use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// Items may be put and taken.
const OPEN: u32 = 0;
/// Nothing may be put any more.
const CLOSED: u32 = 1;

/// A store behind a lock, with places to wait for items, for room, and for all items to be done with.
pub struct Monitor<S> {
    lock: RawLock,
    store: UnsafeCell<S>,
    /// How many items the store has: written inside, read by those who wait.
    items: AtomicUsize,
    /// How many items it may have; 0 for as many as come.
    limit: AtomicUsize,
    /// How many items were put and not reported done.
    unfinished: AtomicUsize,
    state: AtomicU32,
    not_empty: Gate,
    not_full: Gate,
    all_done: Gate,
}

// SAFETY: the store is reached only through `Inside`, and the lock lets one of these exist at a time. It moves from
// thread to thread, and two never see it at once.
unsafe impl<S: Send> Sync for Monitor<S> {}

/// The calling thread is inside the monitor, and no other is. Dropping it leaves.
#[must_use = "who drops it at once has left"]
pub struct Inside<'a, S> {
    monitor: &'a Monitor<S>,
    /// Whether the lock keeps the others out, and not something of the caller's.
    locked: bool,
    /// Stays in the thread that entered, which the lock's word names.
    here: PhantomData<*const ()>,
}

/// More items were reported done than were put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more items are reported done than were put")]
pub struct DoneTooOften;

impl<S> Monitor<S> {
    /// A monitor around an empty store for at most `limit` items; 0 for no limit.
    pub const fn new(store: S, limit: usize) -> Self {
        Monitor {
            lock: RawLock::private(),
            store: UnsafeCell::new(store),
            items: AtomicUsize::new(0),
            limit: AtomicUsize::new(limit),
            unfinished: AtomicUsize::new(0),
            state: AtomicU32::new(OPEN),
            not_empty: Gate::new(),
            not_full: Gate::new(),
            all_done: Gate::new(),
        }
    }

    /// Enters, waiting while another thread is inside.
    ///
    /// # Errors
    /// When a signal handler ends the wait.
    #[inline]
    pub fn enter(&self, waiting: &dyn Waiting) -> Result<Inside<'_, S>, WaitError> {
        // A private lock's owner dies together with all that could ask.
        let _ = self.lock.acquire(None, waiting)?;
        Ok(Inside { monitor: self, locked: true, here: PhantomData })
    }

    /// Enters if no thread is inside.
    #[inline]
    pub fn try_enter(&self) -> Option<Inside<'_, S>> {
        match self.lock.try_acquire() {
            Ok(Some(_)) => Some(Inside { monitor: self, locked: true, here: PhantomData }),
            _ => None,
        }
    }

    /// Enters without the lock, which costs more than a small store does.
    ///
    /// # Safety
    /// Something of the caller's, such as Python's interpreter lock, keeps all others out of this monitor until the
    /// result is dropped, those that come by the lock among them. It also orders what they do there.
    #[inline]
    pub unsafe fn enter_alone(&self) -> Inside<'_, S> {
        Inside { monitor: self, locked: false, here: PhantomData }
    }

    /// How many items wait, as known from outside.
    #[inline]
    pub fn items(&self) -> usize {
        self.items.load(Ordering::Relaxed)
    }

    /// How many items may wait; 0 for no limit.
    #[inline]
    pub fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// Sets another limit; threads that wait for room look again.
    pub fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
        self.not_full.notify_all(Scope::Private);
    }

    /// Whether as many items wait as may.
    #[inline]
    pub fn is_full(&self) -> bool {
        let limit = self.limit();
        limit > 0 && self.items() >= limit
    }

    /// How many items were put and not reported done.
    pub fn unfinished(&self) -> usize {
        self.unfinished.load(Ordering::Relaxed)
    }

    /// Sets how many items are to be reported done; wakes nobody.
    #[inline]
    pub fn set_unfinished(&self, items: usize) {
        self.unfinished.store(items, Ordering::Relaxed);
    }

    /// Whether it was closed.
    #[inline]
    pub fn is_closed(&self) -> bool {
        self.state.load(Ordering::Relaxed) == CLOSED
    }

    /// Closes it: threads that wait for room or for items look again.
    pub fn close(&self) {
        self.state.store(CLOSED, Ordering::Relaxed);
        self.wake_all();
    }

    /// Has all waiters look again, whatever they wait for.
    pub fn wake_all(&self) {
        self.not_empty.notify_all(Scope::Private);
        self.not_full.notify_all(Scope::Private);
        self.all_done.notify_all(Scope::Private);
    }

    /// Waits until there is an item, or `enough` says not to wait for one any more.
    ///
    /// # Errors
    /// When the deadline passes first or a signal handler ends the wait.
    pub fn wait_not_empty(
        &self,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
        enough: impl Fn() -> bool + Sync,
    ) -> Result<(), WaitError>
    where
        S: Send,
    {
        let is_there = || self.items() > 0 || self.is_closed() || enough();
        // The one that leaves takes an item only afterwards, so it counts that one as still there.
        let more = || self.items() > 1 || self.is_closed() || enough();
        self.wait_at(&self.not_empty, deadline, waiting, is_there, more)
    }

    /// Where threads wait until there is an item.
    pub(super) fn gate_of_items(&self) -> PlacedGate<'_> {
        (&self.not_empty, Scope::Private)
    }

    /// What a wait here is for.
    pub(super) fn subject(&self) -> Subject {
        Subject::private(Kind::QUEUE, self)
    }

    /// Waits until there is room, or `enough` says not to wait for any more.
    ///
    /// # Errors
    /// As [`Monitor::wait_not_empty`].
    pub fn wait_not_full(
        &self,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
        enough: impl Fn() -> bool + Sync,
    ) -> Result<(), WaitError>
    where
        S: Send,
    {
        let is_there = || !self.is_full() || self.is_closed() || enough();
        let more = || {
            let limit = self.limit();
            limit == 0 || self.items() + 1 < limit || self.is_closed() || enough()
        };
        self.wait_at(&self.not_full, deadline, waiting, is_there, more)
    }

    /// Waits until all items that were put have been reported done, or `enough` says not to wait any more.
    ///
    /// # Errors
    /// As [`Monitor::wait_not_empty`].
    pub fn wait_all_done(
        &self,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
        enough: impl Fn() -> bool + Sync,
    ) -> Result<(), WaitError>
    where
        S: Send,
    {
        let is_there = || self.unfinished() == 0 || enough();
        self.wait_at(&self.all_done, deadline, waiting, is_there, || true)
    }

    /// Waits at a gate until `is_there`, of which `more` says whether it still is for one more waiter.
    fn wait_at(
        &self,
        gate: &Gate,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
        is_there: impl Fn() -> bool + Sync,
        more: impl FnMut() -> bool,
    ) -> Result<(), WaitError> {
        let ready = || is_there().then_some(());
        if ready().is_some() {
            return Ok(());
        }
        wait_for(self.subject(), &is_there, deadline, waiting, |wait| gate.wait_until(wait, ready, more))
    }
}

impl<S> Inside<'_, S> {
    /// Leaves after putting an item; there are `items` now. Wakes one thread that waits for an item.
    #[inline]
    pub fn leave_with_more(self, items: usize) {
        let monitor = self.monitor;
        self.set_items(items);
        monitor.set_unfinished(monitor.unfinished() + 1);
        drop(self);
        monitor.not_empty.notify_one(Scope::Private);
    }

    /// Leaves after taking an item; there are `items` now. Wakes one thread that waits for room.
    #[inline]
    pub fn leave_with_fewer(self, items: usize) {
        let monitor = self.monitor;
        self.set_items(items);
        let limited = monitor.limit() > 0;
        drop(self);
        if limited {
            monitor.not_full.notify_one(Scope::Private);
        }
    }

    /// Leaves after reporting `items` items done; wakes those who wait for all to be.
    ///
    /// # Errors
    /// When there were fewer to be done; nothing has changed then.
    pub fn leave_done(self, items: usize) -> Result<(), DoneTooOften> {
        let monitor = self.monitor;
        let left = monitor.unfinished().checked_sub(items).ok_or(DoneTooOften)?;
        monitor.set_unfinished(left);
        drop(self);
        if left == 0 {
            monitor.all_done.notify_all(Scope::Private);
        }
        Ok(())
    }

    /// Says how many items there are now.
    #[inline]
    pub fn set_items(&self, items: usize) {
        self.monitor.items.store(items, Ordering::Relaxed);
    }
}

impl<S> Deref for Inside<'_, S> {
    type Target = S;

    #[inline]
    fn deref(&self) -> &S {
        // SAFETY: as long as `self` lives, the lock is this thread's and lets no other make an `Inside`; or the caller
        // that entered without it keeps the others out.
        unsafe { &*self.monitor.store.get() }
    }
}

impl<S> DerefMut for Inside<'_, S> {
    #[inline]
    fn deref_mut(&mut self) -> &mut S {
        // SAFETY: as in `deref`; `self` is borrowed for as long as the store is.
        unsafe { &mut *self.monitor.store.get() }
    }
}

impl<S> Drop for Inside<'_, S> {
    #[inline]
    fn drop(&mut self) {
        if self.locked {
            // Held since `enter`, and no other thread has the lock to release it.
            let _ = self.monitor.lock.release();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::Blocking;
    use std::collections::VecDeque;
    use std::sync::Arc;
    use std::time::Duration;

    fn put(monitor: &Monitor<VecDeque<u64>>, item: u64) {
        loop {
            let mut inside = monitor.enter(&Blocking).unwrap();
            if !monitor.is_full() {
                inside.push_back(item);
                let items = inside.len();
                return inside.leave_with_more(items);
            }
            drop(inside);
            monitor.wait_not_full(None, &Blocking, || false).unwrap();
        }
    }

    fn get(monitor: &Monitor<VecDeque<u64>>) -> Option<u64> {
        loop {
            let mut inside = monitor.enter(&Blocking).unwrap();
            if let Some(item) = inside.pop_front() {
                let items = inside.len();
                inside.leave_with_fewer(items);
                return Some(item);
            }
            if monitor.is_closed() {
                return None;
            }
            drop(inside);
            monitor.wait_not_empty(None, &Blocking, || false).unwrap();
        }
    }

    #[test]
    fn every_item_goes_to_one_of_many_takers() {
        for limit in [0, 1, 7] {
            let monitor = Arc::new(Monitor::new(VecDeque::new(), limit));
            let takers: Vec<_> = (0..3)
                .map(|_| {
                    let monitor = monitor.clone();
                    std::thread::spawn(move || std::iter::from_fn(|| get(&monitor)).collect::<Vec<_>>())
                })
                .collect();
            let makers: Vec<_> = (0..3)
                .map(|maker| {
                    let monitor = monitor.clone();
                    std::thread::spawn(move || (0..20_000).for_each(|n| put(&monitor, maker * 20_000 + n)))
                })
                .collect();
            for maker in makers {
                maker.join().unwrap();
            }
            monitor.close();
            let mut taken = Vec::new();
            for taker in takers {
                let of_one = taker.join().unwrap();
                for maker in 0..3 {
                    let range = maker * 20_000..(maker + 1) * 20_000_u64;
                    assert!(of_one.iter().filter(|item| range.contains(*item)).is_sorted());
                }
                taken.extend(of_one);
            }
            taken.sort_unstable();
            assert!(taken.into_iter().eq(0..60_000), "limit {limit}: an item was lost or came twice");
        }
    }

    #[test]
    fn waits_end_by_time_and_when_told_to() {
        let monitor = Monitor::new(VecDeque::from([1_u64]), 1);
        monitor.enter(&Blocking).unwrap().leave_with_more(1);
        let soon = || Deadline::after(Duration::from_millis(5));
        assert_eq!(monitor.wait_not_full(soon(), &Blocking, || false), Err(WaitError::TimedOut));
        assert_eq!(monitor.wait_all_done(soon(), &Blocking, || false), Err(WaitError::TimedOut));
        assert_eq!(monitor.wait_all_done(None, &Blocking, || true), Ok(()));
        assert_eq!(monitor.wait_not_empty(soon(), &Blocking, || false), Ok(()));
        assert_eq!(get(&monitor), Some(1));
        assert_eq!(monitor.wait_not_empty(soon(), &Blocking, || false), Err(WaitError::TimedOut));
        assert_eq!(monitor.enter(&Blocking).unwrap().leave_done(2), Err(DoneTooOften));
        assert_eq!(monitor.unfinished(), 1);
        assert_eq!(monitor.enter(&Blocking).unwrap().leave_done(1), Ok(()));
        assert_eq!(monitor.wait_all_done(None, &Blocking, || false), Ok(()));
        let inside = monitor.enter(&Blocking).unwrap();
        assert!(monitor.try_enter().is_none());
        drop(inside);
        assert!(monitor.try_enter().is_some());
    }
}
