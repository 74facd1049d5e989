//! The banker's ledger: who declared what, has what and waits for what, and who is granted something next.
//!
//! One row per claimant, and a lock around all of them. What is free is never written down: it is the total less what
//! the rows say, so no two words can disagree. Every change is one exchange of one row's word. A process killed between
//! two of them leaves a ledger that is whole, and a lock that goes to the next that asks. The one thing left undone may
//! be to look which requests can be granted now. A flag says so, and the next thread that lets go of the lock, or
//! waits, does it. Requests are granted first come, first served among those that leave the state safe, with a bound on
//! overtaking. The safe state is Dijkstra's and Habermann's, see `safety`; the rows are this project's own.

use super::row::{Claim, OWNER, Row};
use super::safety::{MOST_CLAIMANTS, MOST_RESOURCES, Units};
use crate::platform::Scope;
use crate::platform::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use crate::sync::lock::word::LockWord;
use crate::sync::wait::bell::Bell;
use crate::sync::wait::mortal::may_die;
use crate::sync::wait::park::{WaitError, Waiting};
use crate::sync::wait::subject::Subject;
use crate::sync::wait_for::wait_for;
use std::ops::ControlFlow;

/// What a ledger has beside its words. Zeroed memory is that of a ledger without claimants.
#[repr(C)]
#[derive(Debug, Default)]
pub(in crate::sync) struct Head {
    lock: LockWord,
    /// Not 0: something was given back, or asked for, since the rows were last looked through.
    look: AtomicU32,
    pub(super) bell: Bell,
    /// The turn of the next request.
    pub(super) turn: AtomicU64,
    /// No row with this number or a higher one was ever used.
    high: AtomicU32,
    resources: AtomicU32,
}

impl Head {
    pub(super) fn resources(&self) -> usize {
        (self.resources.load(Ordering::Acquire) as usize).min(MOST_RESOURCES)
    }
}

/// Why the ledger refuses something; nothing has changed then. Resources are numbers here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    BeyondTotal {
        resource: usize,
        claimed: u64,
        total: u64,
    },
    BeyondClaim {
        resource: usize,
        wanted: u64,
        held: u64,
        claimed: u64,
    },
    NotHeld {
        resource: usize,
        released: u64,
        held: u64,
    },
    TooManyClaimants,
    /// Another thread waits with this claim.
    Busy,
    /// The claim was closed.
    Closed,
    Wait(WaitError),
}

impl From<WaitError> for Refusal {
    fn from(error: WaitError) -> Refusal {
        Refusal::Wait(error)
    }
}

/// A ledger wherever it stands, as one thread uses it.
#[derive(Clone, Copy)]
pub(super) struct Ledger<'a> {
    pub(in crate::sync) head: &'a Head,
    /// The totals, then the rows.
    pub(in crate::sync) words: &'a [AtomicU64],
    /// The banker, as its waiters name it.
    pub(in crate::sync) subject: Subject,
    /// Where it stands.
    pub(in crate::sync) scope: Scope,
    /// The calling thread, as the lock's word names it.
    pub(in crate::sync) me: u32,
}

/// Waits for the ledger's lock, which nobody holds for long: signals are dealt with later.
struct Shortly<'a>(&'a dyn Waiting);

impl Waiting for Shortly<'_> {
    fn before_block(&self) {
        self.0.before_block();
    }

    fn on_interrupt(&self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn after_block(&self) {
        self.0.after_block();
    }
}

impl<'a> Ledger<'a> {
    /// How many words the ledger of a banker with so many resources has, for so many claimants at one time.
    pub(in crate::sync) const fn words(resources: usize, claimants: usize) -> usize {
        resources + claimants * Row::words(resources)
    }

    /// How many claimants there can be.
    fn room(&self) -> usize {
        let resources = self.resources();
        ((self.words.len() - resources) / Row::words(resources)).min(MOST_CLAIMANTS)
    }

    /// Writes the totals, before any other process knows the ledger.
    pub(super) fn open(head: &Head, words: &[AtomicU64], totals: impl ExactSizeIterator<Item = u64>) {
        debug_assert!((1..=MOST_RESOURCES).contains(&totals.len()));
        head.resources.store(totals.len() as u32, Ordering::Release);
        for (word, total) in words.iter().zip(totals) {
            word.store(total, Ordering::Relaxed);
        }
    }

    pub(super) fn resources(&self) -> usize {
        self.head.resources()
    }

    pub(super) fn rows(&self) -> usize {
        (self.head.high.load(Ordering::Acquire) as usize).min(self.room())
    }

    pub(super) fn row(&self, at: usize) -> Row<'a> {
        let (resources, length) = (self.resources(), Row::words(self.resources()));
        Row::new(&self.words[resources + at * length..][..length], resources)
    }

    pub(super) fn totals(&self) -> Units {
        let mut totals = [0; MOST_RESOURCES];
        for (total, word) in totals.iter_mut().zip(&self.words[..self.resources()]) {
            *total = word.load(Ordering::Relaxed);
        }
        totals
    }

    /// What is free: the totals less what the claimants have.
    pub(in crate::sync) fn free(&self) -> Units {
        let mut free = self.totals();
        for at in 0..self.rows() {
            let row = self.row(at);
            let seen = row.seen();
            if seen & OWNER != 0 {
                less(&mut free, &row.held(seen));
            }
        }
        free
    }

    /// The words of a claimant's name.
    #[cfg(not(manyhands_model))]
    pub(in crate::sync) fn name_words(&self, row: usize) -> &'a [AtomicU64] {
        self.row(row).name()
    }

    /// All claimants; under the lock all of one moment.
    #[cfg(not(manyhands_model))]
    pub(super) fn claimants(&self) -> impl Iterator<Item = Claimant> {
        let ledger = *self;
        (0..self.rows()).filter_map(move |at| {
            let row = ledger.row(at);
            let seen = row.seen();
            let wanted = Row::is_waiting(seen).then(|| row.wanted());
            let owner = (seen & OWNER) as u32;
            (owner != 0).then(|| Claimant {
                row: at,
                owner,
                maxima: row.maxima(),
                held: row.held(seen),
                wanted,
            })
        })
    }

    /// Takes the lock, whichever thread had it before: rows are whole at every instant.
    pub(super) fn lock(&self, waiting: &dyn Waiting) {
        if !self.enters() {
            let lock = &self.head.lock;
            let is_free = || lock.seen().owner == 0;
            let taken = wait_for(self.subject, &is_free, None, &Shortly(waiting), |wait| {
                lock.acquire_slowly(self.me, wait)
            });
            taken.expect("nothing else ends such a wait");
        }
    }

    /// Runs `look` while nobody changes anything.
    #[cfg(not(manyhands_model))]
    pub(in crate::sync) fn look<R>(&self, waiting: &dyn Waiting, look: impl FnOnce(&Self) -> R) -> R {
        self.lock(waiting);
        let found = look(self);
        self.leave();
        found
    }

    /// Lets go of the lock, having granted what can be granted.
    pub(super) fn leave(&self) {
        loop {
            let granted = self.head.look.swap(0, Ordering::AcqRel) != 0 && self.grant_in_turn();
            may_die();
            self.head.lock.release_mine(self.me, self.scope);
            may_die();
            if granted {
                self.head.bell.ring(self.scope);
            }
            fence(Ordering::SeqCst); // lets go before it looks; pairs with the fence of `attend`
            if self.head.look.load(Ordering::Relaxed) == 0 || !self.enters() {
                return;
            }
        }
    }

    fn enters(&self) -> bool {
        self.head.lock.try_acquire(self.me).is_some()
    }

    /// Looks which requests can be granted, if that is to be done; or leaves it to the lock's holder.
    pub(super) fn attend(&self) {
        fence(Ordering::SeqCst); // says that somebody is to look before it tries the lock
        if self.head.look.load(Ordering::Relaxed) != 0 && self.enters() {
            self.leave();
        }
    }

    /// Whether there is so much at all.
    pub(super) fn admits(&self, maxima: &Units) -> Result<(), Refusal> {
        let totals = self.totals();
        match (0..MOST_RESOURCES).find(|at| maxima[*at] > totals[*at]) {
            None => Ok(()),
            Some(resource) => {
                let (claimed, total) = (maxima[resource], totals[resource]);
                Err(Refusal::BeyondTotal { resource, claimed, total })
            }
        }
    }

    /// A claim of `owner` for at most `maxima`. `name` fills the words of the claimant's name.
    pub(in crate::sync) fn claim(
        &self,
        owner: u32,
        maxima: &Units,
        waiting: &dyn Waiting,
        name: impl FnOnce(&[AtomicU64]),
    ) -> Result<Claim, Refusal> {
        self.admits(maxima)?;
        self.lock(waiting);
        let rows = self.rows();
        let free = (0..rows).find(|at| self.row(*at).seen() & OWNER == 0);
        let Some(at) = free.or_else(|| (rows < self.room()).then_some(rows)) else {
            self.leave();
            return Err(Refusal::TooManyClaimants);
        };
        let row = self.row(at);
        if at == rows {
            row.prepare();
            self.head.high.store(rows as u32 + 1, Ordering::Release);
        }
        let seen = row.seen();
        name(row.name());
        row.claim(seen, owner, maxima);
        self.leave();
        Ok(Claim { row: at as u32, generation: Row::generation(seen), owner })
    }

    pub(super) fn row_of(&self, claim: Claim) -> Row<'a> {
        self.row(claim.row as usize)
    }

    /// The row's word, if the claim stands.
    pub(super) fn seen(&self, claim: Claim) -> Result<u64, Refusal> {
        let seen = self.row_of(claim).seen();
        if Row::is_of(seen, claim) { Ok(seen) } else { Err(Refusal::Closed) }
    }

    /// What the claim has now.
    pub(in crate::sync) fn held(&self, claim: Claim) -> Result<Units, Refusal> {
        self.seen(claim).map(|seen| self.row_of(claim).held(seen))
    }

    /// Gives all back that the claim has, and the claim up. Does nothing when that was done before.
    pub(super) fn close(&self, claim: Claim) {
        while let Ok(seen) = self.seen(claim) {
            if self.row_of(claim).free(seen) {
                self.given_back();
                self.attend();
                // A thread that waits with this claim is woken.
                self.head.bell.ring(self.scope);
                return;
            }
        }
    }

    pub(super) fn given_back(&self) {
        // An exchange: a store would hide from the next that looks what another one did before its own.
        self.head.look.swap(1, Ordering::AcqRel);
        may_die();
    }

    /// Gives units back.
    pub(in crate::sync) fn release(
        &self,
        claim: Claim,
        units: &Units,
        waiting: &dyn Waiting,
    ) -> Result<(), Refusal> {
        self.lock(waiting);
        let result = self.seen(claim).and_then(|seen| {
            let row = self.row_of(claim);
            let mut held = row.held(seen);
            if let Some(resource) = (0..MOST_RESOURCES).find(|at| units[*at] > held[*at]) {
                let (released, held) = (units[resource], held[resource]);
                return Err(Refusal::NotHeld { resource, released, held });
            }
            less(&mut held, units);
            if row.has(seen, &held, false) { Ok(()) } else { Err(Refusal::Closed) }
        });
        self.given_back();
        self.leave();
        result
    }

    /// Whether one who waits with this claim has what it waits for, or may find it when it looks.
    pub(super) fn may_go_on(&self, claim: Claim) -> bool {
        let waits = self.seen(claim).is_ok_and(Row::is_waiting);
        !waits || self.head.look.load(Ordering::Relaxed) != 0
    }

    /// In a fork's child the lock may belong to a thread that is not there: then it goes to the next that asks. `first`
    /// says whether that has not been done before.
    #[cfg(not(manyhands_model))]
    pub(super) fn settle_in_copy(&self, first: impl FnOnce() -> bool) {
        let holder = self.head.lock.seen().owner;
        if first() {
            self.head.lock.mark_dead(self.scope, |owner, _| owner == holder, |_| ());
            self.given_back();
        }
    }

    /// For sweeps: frees the rows of an owner that `is_dead`, passes the lock to the next that asks when
    /// `is_dead_thread` holds it, and has all waiters look. May be repeated, and finished by another process.
    pub(in crate::sync) fn recover(
        &self,
        is_dead: impl Fn(u32) -> bool,
        is_dead_thread: impl Fn(u32) -> bool,
    ) {
        for at in 0..self.rows() {
            let row = self.row(at);
            let mut seen = row.seen();
            while seen & OWNER != 0 && is_dead((seen & OWNER) as u32) && !row.free(seen) {
                seen = row.seen();
            }
        }
        self.head.lock.mark_dead(self.scope, |owner, _| is_dead_thread(owner), |_| ());
        self.given_back();
        fence(Ordering::SeqCst);
        self.head.bell.recover(self.scope);
    }
}

/// One claimant, as statistics report it.
#[cfg(not(manyhands_model))]
pub(super) struct Claimant {
    pub(in crate::sync) row: usize,
    pub(in crate::sync) owner: u32,
    pub(in crate::sync) maxima: Units,
    pub(in crate::sync) held: Units,
    pub(in crate::sync) wanted: Option<Units>,
}

pub(super) fn less(from: &mut Units, units: &Units) {
    for (left, taken) in from.iter_mut().zip(units) {
        *left = left.saturating_sub(*taken);
    }
}

#[cfg(all(test, manyhands_model))]
mod model;
