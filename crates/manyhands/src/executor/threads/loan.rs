//! Work that borrows, lent to threads that live longer than what it borrows.
//!
//! The compiler does not know that a thread of a pool is done with a closure before what it borrows is gone. This
//! module makes sure of it: [`lending`] waits until every piece of work that was lent in it has been run, or dropped
//! without being run. Only then does it return or let a panic pass. That is `std::thread::scope`'s idea, for threads
//! that were there before. The caller decides what is lent, and which thread runs it.

use crate::arena::Kind;
use crate::sync::{Blocking, Countdown, Subject, wait_for};
use std::marker::PhantomData;
use std::sync::Arc;

/// A scope in which work may be lent that borrows what lives longer than the scope. `T` is the caller's part of it.
///
/// `'scope` is the time in which lent work may run, `'env` that of what is borrowed.
pub struct Scope<'scope, 'env: 'scope, T> {
    /// What the caller needs to know in the scope.
    pub(super) inside: T,
    out: Arc<Countdown>,
    // Neither time may be taken for a shorter one, as in `std::thread::Scope`.
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

type Work<A> = Box<dyn FnOnce(A) + Send>;

/// A piece of lent work, to be run once, with an `A`. Dropped, it is given back without having run.
pub(super) struct Loan<A> {
    // Declared before `back`, so that it is gone when that says so, even if its drop panics.
    work: Work<A>,
    back: Back,
}

/// Says, when it is dropped, that a piece of work is back.
struct Back(Arc<Countdown>);

impl Drop for Back {
    fn drop(&mut self) {
        self.0.give_back();
    }
}

impl<A> Loan<A> {
    /// Runs the work and gives it back, also when it panics.
    pub(super) fn run(self, argument: A) {
        let Loan { work, back } = self;
        let _back = back;
        work(argument);
    }
}

impl<'scope, 'env, T> Scope<'scope, 'env, T> {
    /// Lends a piece of work.
    pub(super) fn lend<A: 'static>(&'scope self, work: Box<dyn FnOnce(A) + Send + 'scope>) -> Loan<A> {
        self.out.lend();
        let back = Back(Arc::clone(&self.out));
        // SAFETY: only the lifetime changes. The work is reached through the loan alone, which runs or drops it before
        // it gives it back, and `lending` keeps `'scope` from ending before all are back.
        let work = unsafe { std::mem::transmute::<Box<dyn FnOnce(A) + Send + 'scope>, Work<A>>(work) };
        Loan { work, back }
    }
}

/// Waits, when it is dropped, until all is back.
struct UntilBack<'a>(&'a Countdown);

impl Drop for UntilBack<'_> {
    fn drop(&mut self) {
        let UntilBack(out) = *self;
        let are_back = || out.are_back();
        if !are_back() {
            wait_for(Subject::private(Kind::WORK, out), &are_back, None, &Blocking, |wait| out.wait(wait));
        }
    }
}

/// Runs `body` with a scope, then `before_waiting`, even if `body` panics; there a caller can do some of the work. Then
/// it waits until all that was lent is back.
pub(super) fn lending<'env, T, R>(
    inside: T,
    before_waiting: impl Fn(&T),
    body: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env, T>) -> R,
) -> R {
    struct Helps<'a, T, F: Fn(&T)>(&'a T, F);
    impl<T, F: Fn(&T)> Drop for Helps<'_, T, F> {
        fn drop(&mut self) {
            (self.1)(self.0);
        }
    }
    let scope = Scope { inside, out: Arc::default(), scope: PhantomData, env: PhantomData };
    // Dropped last, whatever panics before.
    let _until_back = UntilBack(&scope.out);
    let _helps = Helps(&scope.inside, before_waiting);
    body(&scope)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::mpsc;
    use std::thread;

    /// A thread that runs, or with `false` only drops, what it is sent.
    fn with_worker<R>(runs: bool, body: impl FnOnce(mpsc::Sender<Loan<u32>>) -> R) -> R {
        let (sender, receiver) = mpsc::channel::<Loan<u32>>();
        let worker = thread::spawn(move || {
            for loan in receiver {
                // So that a scope that does not wait is found out.
                (0..100).for_each(|_| thread::yield_now());
                if runs {
                    let _ = catch_unwind(AssertUnwindSafe(|| loan.run(7)));
                }
            }
        });
        let result = body(sender);
        worker.join().unwrap();
        result
    }

    #[test]
    fn what_was_lent_is_back_at_the_end_also_after_a_panic() {
        for (runs, panics) in [(true, false), (true, true), (false, false), (false, true)] {
            let mut numbers = vec![0; 8];
            let caught = with_worker(runs, |sender| {
                catch_unwind(AssertUnwindSafe(|| {
                    lending(
                        (),
                        |()| {},
                        |scope| {
                            for number in &mut numbers {
                                sender.send(scope.lend(Box::new(move |n| *number += n))).ok().unwrap();
                            }
                            sender.send(scope.lend(Box::new(|_| panic!("on purpose")))).ok().unwrap();
                            assert!(!panics, "on purpose as well");
                        },
                    );
                }))
            });
            assert_eq!(caught.is_err(), panics);
            assert_eq!(numbers, [if runs { 7 } else { 0 }; 8]);
        }
    }
}
