//! Which request is granted, and when: the part of the ledger that decides.
//!
//! A request stands in its claimant's row with a turn. The lock's holder looks through the requests in the order of
//! their turns and grants those that leave the state safe. So a later one may overtake an earlier one that cannot be
//! granted yet, but not for ever. One that was overtaken sixteen times by claimants that held nothing bars such
//! claimants from then on. Those that hold something must go on, since the barring one may wait for what they have.
//! Each of them gives all back after a while, and then the barring one is next. So no claimant starves, as long as none
//! that has all it declared keeps it for ever.

use super::row::{Claim, OWNER, Row};
#[cfg(not(manyhands_model))]
use super::safety::MOST_CLAIMANTS;
use super::safety::{MOST_RESOURCES, Matrix, Units, is_safe};
use crate::platform::Deadline;
use crate::platform::atomic::Ordering;
use crate::sync::banker::ledger::{Ledger, Refusal, less};
use crate::sync::wait::park::{WaitError, Waiting};
use crate::sync::wait_for::wait_for;

/// How often a request is overtaken by claimants that hold nothing before these have to wait behind it.
const PATIENCE: u64 = 16;

/// What would become of a request now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sync) enum Judgement {
    Safe,
    Unsafe,
    NotFree { resource: usize },
}

/// The ledger's rows with one claimant's as if it had `held`.
struct Supposed<'a> {
    ledger: Ledger<'a>,
    row: usize,
    held: Units,
}

impl Matrix for Supposed<'_> {
    fn resources(&self) -> usize {
        self.ledger.resources()
    }

    fn claimants(&self) -> usize {
        self.ledger.rows()
    }

    fn held(&self, claimant: usize) -> Option<Units> {
        let row = self.ledger.row(claimant);
        let seen = row.seen();
        let held = || if claimant == self.row { self.held } else { row.held(seen) };
        (seen & OWNER != 0).then(held)
    }

    fn maxima(&self, claimant: usize) -> Units {
        self.ledger.row(claimant).maxima()
    }
}

impl<'a> Ledger<'a> {
    /// Grants, in the order in which they were made, all requests that leave the state safe.
    ///
    /// One round is enough: what is unsafe stays so when another gets something. A request that was overtaken too often
    /// bars claimants that hold nothing. A claimant that holds something may still have what it waits for, and has to
    /// go on.
    pub(super) fn grant_in_turn(&self) -> bool {
        let mut waiter = self.next_waiter(None);
        if waiter.is_none() {
            return false;
        }
        let mut free = self.free();
        let (mut granted, mut barred) = (false, false);
        while let Some((at, row, seen)) = waiter {
            let turn = row.turn();
            waiter = self.next_waiter(Some(turn));
            let held = row.held(seen);
            let is_new = held.iter().all(|units| *units == 0);
            if barred && is_new {
                continue;
            }
            let wanted = row.wanted();
            if self.may_grant(at, &held, &wanted, &free) {
                if row.has(seen, &sum(&held, &wanted), true) {
                    less(&mut free, &wanted);
                    granted = true;
                    if is_new {
                        self.overtake(turn);
                    }
                }
            } else if row.overtaken() >= PATIENCE {
                barred = true;
            }
        }
        granted
    }

    /// Whether the claimant of row `at`, which has `held`, can be granted `wanted`.
    ///
    /// A claimant that could have all it declared at once is granted any part of that. It can finish first, and leaves
    /// the others a state that is as safe as the present one.
    fn may_grant(&self, at: usize, held: &Units, wanted: &Units, free: &Units) -> bool {
        let maxima = self.row(at).maxima();
        (0..self.resources()).all(|unit| maxima[unit].saturating_sub(held[unit]) <= free[unit])
            || self.judge(at, held, wanted, free, |_| ()) == Judgement::Safe
    }

    fn waiters(&self) -> impl Iterator<Item = (usize, Row<'a>, u64)> + use<'_, 'a> {
        let rows = (0..self.rows()).map(|at| (at, self.row(at), self.row(at).seen()));
        rows.filter(|(_, _, seen)| Row::is_waiting(*seen))
    }

    fn next_waiter(&self, last: Option<u64>) -> Option<(usize, Row<'a>, u64)> {
        let later = self.waiters().filter(|(_, row, _)| last.is_none_or(|last| row.turn() > last));
        later.min_by_key(|(_, row, _)| row.turn())
    }

    fn overtake(&self, turn: u64) {
        for (_, row, _) in self.waiters().filter(|(_, row, _)| row.turn() < turn) {
            row.is_overtaken_once_more();
        }
    }

    /// What granting `wanted` to the claimant of row `at`, which has `held`, would lead to; `next` as in [`is_safe`].
    fn judge(
        &self,
        at: usize,
        held: &Units,
        wanted: &Units,
        free: &Units,
        next: impl FnMut(usize),
    ) -> Judgement {
        if let Some(resource) = (0..MOST_RESOURCES).find(|at| wanted[*at] > free[*at]) {
            return Judgement::NotFree { resource };
        }
        let mut left = *free;
        less(&mut left, wanted);
        let supposed = Supposed { ledger: *self, row: at, held: sum(held, wanted) };
        if is_safe(&supposed, left, next) { Judgement::Safe } else { Judgement::Unsafe }
    }

    /// What would become of a request now; `next` is called with each claimant in the order that was found.
    #[cfg(not(manyhands_model))]
    pub(in crate::sync) fn foresee(
        &self,
        claim: Claim,
        units: &Units,
        next: impl FnMut(usize),
    ) -> Result<Judgement, Refusal> {
        let held = self.may_want(claim, self.seen(claim)?, units)?;
        Ok(self.judge(claim.row as usize, &held, units, &self.free(), next))
    }

    /// Whether the state is safe, as it always is; `next` is called with each claimant in the order that was found.
    #[cfg(not(manyhands_model))]
    pub(in crate::sync) fn is_safe(&self, next: impl FnMut(usize)) -> bool {
        let supposed = Supposed { ledger: *self, row: MOST_CLAIMANTS, held: [0; MOST_RESOURCES] };
        is_safe(&supposed, self.free(), next)
    }

    /// What the claim has, if `units` more are not beyond what it declared.
    fn may_want(&self, claim: Claim, seen: u64, units: &Units) -> Result<Units, Refusal> {
        let row = self.row_of(claim);
        let (held, maxima) = (row.held(seen), row.maxima());
        let beyond = |at: &usize| held[*at].checked_add(units[*at]).is_none_or(|sum| sum > maxima[*at]);
        match (0..MOST_RESOURCES).find(beyond) {
            None => Ok(held),
            Some(resource) => {
                let (wanted, held) = (units[resource], held[resource]);
                Err(Refusal::BeyondClaim { resource, wanted, held, claimed: maxima[resource] })
            }
        }
    }

    /// Makes a request, which is granted at once if its turn has come and that is safe.
    fn ask(&self, claim: Claim, units: &Units, waiting: &dyn Waiting) -> Result<(), Refusal> {
        self.lock(waiting);
        let asked = self.seen(claim).and_then(|seen| {
            if Row::is_waiting(seen) {
                return Err(Refusal::Busy);
            }
            self.may_want(claim, seen, units)?;
            let turn = self.head.turn.load(Ordering::Relaxed);
            self.head.turn.store(turn.wrapping_add(1), Ordering::Relaxed);
            self.row_of(claim).wait_for(seen, units, turn);
            self.given_back();
            Ok(())
        });
        self.leave();
        asked
    }

    /// Whether the request that the claim waits with was granted; `None`: not yet.
    fn granted(&self, claim: Claim) -> Option<Result<(), Refusal>> {
        match self.seen(claim) {
            Ok(seen) if Row::is_waiting(seen) => None,
            Ok(_) => Some(Ok(())),
            Err(closed) => Some(Err(closed)),
        }
    }

    /// Takes units if they are available now, safely, and without overtaking a request that must not be overtaken; says
    /// whether they were taken.
    pub(in crate::sync) fn try_request(
        &self,
        claim: Claim,
        units: &Units,
        waiting: &dyn Waiting,
    ) -> Result<bool, Refusal> {
        self.ask(claim, units, waiting)?;
        match self.granted(claim) {
            Some(granted) => granted.map(|()| true),
            None => self.withdraw(claim, waiting),
        }
    }

    /// Waits until the units can be had safely, and takes them.
    pub(in crate::sync) fn request(
        &self,
        claim: Claim,
        units: &Units,
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
    ) -> Result<(), Refusal> {
        self.ask(claim, units, waiting)?;
        let granted = || {
            self.granted(claim).or_else(|| {
                self.attend();
                self.granted(claim)
            })
        };
        let is_there = || self.may_go_on(claim);
        let bell = &self.head.bell;
        match wait_for(self.subject, &is_there, deadline, waiting, |wait| bell.wait_until(wait, granted)) {
            Ok(granted) => granted,
            Err(error) => {
                let granted = self.withdraw(claim, waiting)?;
                match error {
                    WaitError::TimedOut if granted => return Ok(()),
                    _ if granted => self.release(claim, units, waiting)?,
                    _ => (),
                }
                Err(Refusal::Wait(error))
            }
        }
    }

    /// Takes a request back; true when it was granted before that.
    fn withdraw(&self, claim: Claim, waiting: &dyn Waiting) -> Result<bool, Refusal> {
        self.lock(waiting);
        let result = self.seen(claim).and_then(|seen| {
            if !Row::is_waiting(seen) {
                return Ok(true);
            }
            if self.row_of(claim).give_up(seen) { Ok(false) } else { Err(Refusal::Closed) }
        });
        // It may have barred others.
        self.given_back();
        self.leave();
        result
    }
}

fn sum(one: &Units, other: &Units) -> Units {
    std::array::from_fn(|at| one[at] + other[at])
}
