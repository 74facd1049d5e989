//! The ledger under every schedule: nobody has what another has, and no request is forgotten. This holds also when a
//! claimant stops for ever at any of its stores and a sweeper recovers, or stops midway as well.

use crate::platform::model::{check, spawn};
use loom::sync::atomic::AtomicU32 as Shown;

use super::*;
use crate::arena::Kind;
use crate::sync::wait::mortal::model::dies_after;
use crate::sync::wait::park::Blocking;

/// One resource with one unit, and room for two claimants.
struct Book {
    head: Head,
    words: Vec<AtomicU64>,
    /// How many have the unit now.
    having: Shown,
}

fn one() -> Units {
    let mut units = [0; MOST_RESOURCES];
    units[0] = 1;
    units
}

impl Book {
    fn new() -> Self {
        let words: Vec<AtomicU64> = (0..Ledger::words(1, 2)).map(|_| AtomicU64::new(0)).collect();
        let head = Head::default();
        Ledger::open(&head, &words, [1].into_iter());
        Book { head, words, having: Shown::new(0) }
    }

    fn ledger(&self, me: u32) -> Ledger<'_> {
        let subject = Subject::private(Kind::BANKER, self);
        Ledger { head: &self.head, words: &self.words, subject, scope: Scope::Private, me }
    }

    fn claim(&self, me: u32) -> Claim {
        self.ledger(me).claim(me, &one(), &Blocking, |_| ()).unwrap()
    }

    /// Takes the unit and gives it back. Dying on the way unwinds, so nothing here is undone by a drop.
    fn pass_through(&self, claim: Claim) {
        let ledger = self.ledger(claim.owner);
        ledger.request(claim, &one(), None, &Blocking).unwrap();
        assert_eq!(ledger.free()[0], 0, "granted to two");
        ledger.release(claim, &one(), &Blocking).unwrap();
    }

    fn sweep(&self, dead: u32) {
        self.ledger(0).recover(|owner| owner == dead, |owner| owner == dead);
    }

    fn check_at_rest(&self) {
        let lock = self.head.lock.seen();
        assert!(lock.owner == 0 || lock.dead, "left locked");
        assert_eq!(self.ledger(9).free()[0], 1);
    }
}

#[test]
fn model_ledger_two_claimants_of_one_unit() {
    check(2, Book::new, |book| {
        let (first, second) = (book.claim(1), book.claim(2));
        let other = spawn(book, move |book| {
            let me = book.ledger(1);
            me.request(first, &one(), None, &Blocking).unwrap();
            assert_eq!(book.having.fetch_add(1, Ordering::Relaxed), 0, "two have it");
            book.having.fetch_sub(1, Ordering::Relaxed);
            me.close(first);
        });
        let me = book.ledger(2);
        me.request(second, &one(), None, &Blocking).unwrap();
        assert_eq!(book.having.fetch_add(1, Ordering::Relaxed), 0, "two have it");
        book.having.fetch_sub(1, Ordering::Relaxed);
        me.release(second, &one(), &Blocking).unwrap();
        other.join().unwrap();
        book.check_at_rest();
    });
}

#[test]
fn model_ledger_dead_claimant_gives_back() {
    for points in 0..40 {
        let sweeps = if points % 2 == 0 { 1 } else { 2 };
        check(2, Book::new, move |book| {
            let (first, second) = (book.claim(1), book.claim(2));
            let mortal = spawn(book, move |book| {
                if dies_after(points, || book.pass_through(first)).is_none() {
                    if sweeps == 2 {
                        dies_after(points % 5, || book.sweep(1));
                    }
                    book.sweep(1);
                }
            });
            book.pass_through(second);
            mortal.join().unwrap();
            book.check_at_rest();
        });
    }
}

#[test]
fn model_ledger_withdrawn_request_bars_nobody() {
    check(2, Book::new, |book| {
        let (first, second) = (book.claim(1), book.claim(2));
        let other = spawn(book, move |book| {
            let me = book.ledger(1);
            if me.try_request(first, &one(), &Blocking).unwrap() {
                me.release(first, &one(), &Blocking).unwrap();
            }
        });
        book.pass_through(second);
        other.join().unwrap();
        book.check_at_rest();
    });
}
