//! Bankers whose place, private memory or the arena, is chosen when they are made.
//!
//! For bindings to other languages, and the engine inside `Banker` and `shared::Banker`. In the arena a claim belongs
//! to the process that made it. When that ends, in whatever way, the claim is closed and all it had given back, since
//! nobody else could do that. In a fork's child the parent's claims are the parent's; a private banker is copied as it
//! is, with all its claims.

use super::error::BankerError;
use super::ledger::{Head, Ledger, Refusal};
use super::row::{Claim, NAME_WORDS};
use super::safety::{MOST_CLAIMANTS, MOST_RESOURCES, Units};
use crate::arena::{
    Arena, ArenaError, Dead, Handle, Kind, Object, ProcessId, Shared, ThreadId, read_text, this_process,
    this_thread, write_text,
};
use crate::arena::{KeptBlock, keep};
use crate::platform::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::platform::{Deadline, Scope};
use crate::sync::wait::park::{WaitError, Waiting};
use crate::sync::wait::subject::Subject;
use crate::sync::wait_graph::{process_token, thread_number};

/// The whole of a banker's body in the arena; names, totals and rows stand in its block.
#[repr(C)]
pub(in crate::sync) struct BankerBody {
    head: Head,
    block: KeptBlock,
}

// SAFETY: repr(C), atomics only.
unsafe impl Shared for Head {}
// SAFETY: repr(C), atomics only.
unsafe impl Shared for BankerBody {}

/// How many words the names of the resources and the ledger have.
const fn words(resources: usize) -> usize {
    resources * NAME_WORDS + Ledger::words(resources, MOST_CLAIMANTS)
}

impl BankerBody {
    fn words(&self, arena: &Arena, resources: usize) -> Result<&'static [AtomicU64], ArenaError> {
        self.block.records(arena, words(resources))
    }

    /// A sweep's part for one banker.
    pub(in crate::sync) fn sweep(
        &'static self,
        arena: &'static Arena,
        dead: &Dead,
    ) -> Result<(), ArenaError> {
        self.block.settle(arena, dead.process);
        let resources = self.head.resources();
        let words = &self.words(arena, resources)?[resources * NAME_WORDS..];
        // A sweep waits for nothing, so it does not matter by which name.
        let subject = Subject::private(Kind::BANKER, self);
        let is_dead_thread = |owner| ThreadId::from_raw(owner).is_some_and(|thread| dead.owns(thread));
        Ledger { head: &self.head, words, subject, scope: Scope::Shared, me: 0 }
            .recover(|owner| owner == dead.process.raw(), is_dead_thread);
        Ok(())
    }

    pub(in crate::sync) fn block(&self) -> &KeptBlock {
        &self.block
    }
}

/// A claim on a banker's resources, as [`RawBanker`]'s methods need it.
#[derive(Clone, Debug)]
#[must_use = "a claim that is not closed stays until its process ends"]
pub struct RawClaim {
    claim: Claim,
    name: String,
}

impl RawClaim {
    /// The claimant's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn in_ledger(&self) -> Claim {
        self.claim
    }
}

enum Place {
    Private { names: Vec<String>, head: Head, words: Vec<AtomicU64>, process: AtomicU32 },
    Arena { names: Vec<String>, object: Object, body: &'static BankerBody, words: &'static [AtomicU64] },
}

/// Whose claims those in a private banker are.
const NOBODY_ELSE: u32 = 1;

/// Units of named resources, granted only when that leaves the state safe.
pub struct RawBanker(Place);

fn check(resources: &[(&str, u64)]) -> Result<(), BankerError> {
    let refused = |why: String| Err(BankerError::Resources { why });
    if !(1..=MOST_RESOURCES).contains(&resources.len()) {
        return refused(format!("{} were given", resources.len()));
    }
    for (at, (name, _)) in resources.iter().enumerate() {
        if name.is_empty() || name.len() > NAME_WORDS * 8 {
            return refused(format!("the name {name:?} has {} bytes", name.len()));
        }
        if resources[..at].iter().any(|(earlier, _)| earlier == name) {
            return refused(format!("the name {name:?} is given twice"));
        }
    }
    Ok(())
}

fn names_of(resources: &[(&str, u64)]) -> Vec<String> {
    resources.iter().map(|(name, _)| (*name).to_owned()).collect()
}

impl RawBanker {
    /// A banker for the threads of this process, with so many units of each resource.
    ///
    /// # Errors
    /// [`BankerError::Resources`] when there is none or more than 16, or a name is empty,
    /// longer than 32 bytes or given twice.
    pub fn private(resources: &[(&str, u64)]) -> Result<Self, BankerError> {
        check(resources)?;
        let count = Ledger::words(resources.len(), MOST_CLAIMANTS);
        let words: Vec<AtomicU64> = (0..count).map(|_| AtomicU64::new(0)).collect();
        let head = Head::default();
        Ledger::open(&head, &words, resources.iter().map(|(_, total)| *total));
        let process = AtomicU32::new(process_token());
        Ok(RawBanker(Place::Private { names: names_of(resources), head, words, process }))
    }

    /// A banker for all processes of the arena, with so many units of each resource.
    ///
    /// # Errors
    /// As [`RawBanker::private`], and when the arena has no room for it, or there is no arena and none can be made.
    pub fn shared(resources: &[(&str, u64)]) -> Result<Self, BankerError> {
        check(resources)?;
        let arena = Arena::get()?;
        let count = resources.len();
        let block = arena.claim_structure(words(count) * size_of::<u64>())?;
        let all: &'static [AtomicU64] = arena.block_records(block.id(), words(count))?;
        let (names, ledger) = all.split_at(count * NAME_WORDS);
        for (words, (name, _)) in names.chunks(NAME_WORDS).zip(resources) {
            write_text(words, name);
        }
        let object = Object::create::<BankerBody>(Kind::BANKER, |_, body| {
            Ledger::open(&body.head, ledger, resources.iter().map(|(_, total)| *total));
            body.block.name(Some(&block));
            Ok(())
        })?;
        keep(arena, Some(block))?;
        Ok(Self::from_object(arena, object)?)
    }

    /// The banker in the arena that a handle names.
    ///
    /// # Errors
    /// When it is gone or no banker, or this process has no address space left for it.
    pub fn attach(handle: Handle) -> Result<Self, ArenaError> {
        Self::from_object(Arena::get()?, Object::attach(handle, Kind::BANKER)?)
    }

    fn from_object(arena: &'static Arena, object: Object) -> Result<Self, ArenaError> {
        let body: &'static BankerBody = object.body();
        let count = body.head.resources();
        let (names, words) = body.words(arena, count)?.split_at(count * NAME_WORDS);
        let names = names.chunks(NAME_WORDS).map(read_text).collect();
        Ok(RawBanker(Place::Arena { names, object, body, words }))
    }

    /// Another reference to the same banker; `None` for a private one.
    pub fn clone_shared(&self) -> Option<Self> {
        match &self.0 {
            Place::Private { .. } => None,
            Place::Arena { names, object, body, words } => {
                Some(RawBanker(Place::Arena { names: names.clone(), object: object.clone(), body, words }))
            }
        }
    }

    /// What names the banker to other processes; `None` for a private one.
    pub fn handle(&self) -> Option<Handle> {
        match &self.0 {
            Place::Private { .. } => None,
            Place::Arena { object, .. } => Some(object.handle()),
        }
    }

    /// The names of the resources, in the order in which units are counted.
    pub fn resources(&self) -> &[String] {
        match &self.0 {
            Place::Private { names, .. } | Place::Arena { names, .. } => names,
        }
    }

    /// How many units of each resource there are.
    pub fn totals(&self) -> Vec<u64> {
        self.listed(&self.read().totals())
    }

    /// The ledger for one who changes nothing in it and takes no lock.
    fn read(&self) -> Ledger<'_> {
        match &self.0 {
            Place::Private { head, words, .. } => {
                let subject = Subject::private(Kind::BANKER, self);
                Ledger { head, words, subject, scope: Scope::Private, me: 0 }
            }
            Place::Arena { object, body, words, .. } => {
                let subject = Subject::shared(Kind::BANKER, object.handle());
                Ledger { head: &body.head, words, subject, scope: Scope::Shared, me: 0 }
            }
        }
    }

    pub(super) fn ledger(&self) -> Result<Ledger<'_>, WaitError> {
        Ok(match &self.0 {
            Place::Private { process, .. } => {
                let (ledger, seen) = (self.read(), process.load(Ordering::Relaxed));
                let now = process_token();
                if seen != now {
                    ledger.settle_in_copy(|| {
                        process.compare_exchange(seen, now, Ordering::AcqRel, Ordering::Relaxed).is_ok()
                    });
                }
                Ledger { me: thread_number(), ..ledger }
            }
            Place::Arena { .. } => {
                let me = this_thread().map_err(|_| WaitError::NoOwner)?.raw();
                Ledger { me, ..self.read() }
            }
        })
    }

    fn owner(&self) -> Result<u32, WaitError> {
        match &self.0 {
            Place::Private { .. } => Ok(NOBODY_ELSE),
            Place::Arena { .. } => this_process().map(ProcessId::raw).map_err(|_| WaitError::NoOwner),
        }
    }

    pub(super) fn listed(&self, units: &Units) -> Vec<u64> {
        units[..self.resources().len()].to_vec()
    }

    pub(super) fn units(&self, claimant: &str, units: &[u64]) -> Result<Units, BankerError> {
        let resources = self.resources().len();
        if units.len() != resources {
            return Err(BankerError::Count { claimant: claimant.to_owned(), given: units.len(), resources });
        }
        let mut all = [0; MOST_RESOURCES];
        all[..resources].copy_from_slice(units);
        Ok(all)
    }

    pub(super) fn refused(&self, claimant: &str, refusal: Refusal) -> BankerError {
        let claimant = claimant.to_owned();
        let name = |at: usize| self.resources()[at].clone();
        match refusal {
            Refusal::BeyondTotal { resource, claimed, total } => {
                BankerError::BeyondTotal { claimant, resource: name(resource), claimed, total }
            }
            Refusal::BeyondClaim { resource, wanted: requested, held, claimed } => {
                BankerError::BeyondClaim { claimant, resource: name(resource), requested, held, claimed }
            }
            Refusal::NotHeld { resource, released, held } => {
                BankerError::NotHeld { claimant, resource: name(resource), released, held }
            }
            Refusal::TooManyClaimants => BankerError::TooManyClaimants { claimant },
            Refusal::Busy => BankerError::Busy { claimant },
            Refusal::Closed => BankerError::Closed { claimant },
            Refusal::Wait(error) => BankerError::Wait(error),
        }
    }

    /// Whether so much could ever be claimed, without claiming it.
    ///
    /// # Errors
    /// [`BankerError::BeyondTotal`] when there is not so much, [`BankerError::Count`].
    pub fn admits(&self, claimant: &str, units: &[u64]) -> Result<(), BankerError> {
        let units = self.units(claimant, units)?;
        self.read().admits(&units).map_err(|refusal| self.refused(claimant, refusal))
    }

    /// A claim, under a name, for at most so many units of each resource.
    ///
    /// # Errors
    /// [`BankerError::BeyondTotal`] when there are not so many, [`BankerError::Count`],
    /// [`BankerError::TooManyClaimants`], and [`WaitError::NoOwner`] when this thread can own nothing in the arena.
    pub fn claim(&self, name: &str, units: &[u64], waiting: &dyn Waiting) -> Result<RawClaim, BankerError> {
        let maxima = self.units(name, units)?;
        let claim = self.ledger()?.claim(self.owner()?, &maxima, waiting, |words| write_text(words, name));
        claim.map(|claim| RawClaim { claim, name: name.to_owned() }).map_err(|why| self.refused(name, why))
    }

    /// Gives all back that a claim has, and the claim up. Does nothing when that was done before, and in a fork's child
    /// with a copy of its parent's.
    pub fn close(&self, claim: &RawClaim) {
        if self.owner() == Ok(claim.claim.owner)
            && let Ok(ledger) = self.ledger()
        {
            ledger.close(claim.claim);
        }
    }

    /// The ledger, if the claim is this process's.
    pub(super) fn ledger_for(&self, claim: &RawClaim) -> Result<Ledger<'_>, BankerError> {
        if self.owner()? == claim.claim.owner {
            Ok(self.ledger()?)
        } else {
            Err(BankerError::Closed { claimant: claim.name.clone() })
        }
    }

    /// Takes units, asleep until that can be done safely; first come, first served among those whose grant is safe.
    ///
    /// # Errors
    /// [`BankerError::BeyondClaim`] when the claimant declared less, [`BankerError::Busy`], [`BankerError::Closed`],
    /// [`BankerError::Count`]; [`BankerError::Wait`] when the deadline passes first, or a signal handler ends the wait.
    pub fn request(
        &self,
        claim: &RawClaim,
        units: &[u64],
        deadline: Option<Deadline>,
        waiting: &dyn Waiting,
    ) -> Result<(), BankerError> {
        let units = self.units(&claim.name, units)?;
        let ledger = self.ledger_for(claim)?;
        let result = ledger.request(claim.claim, &units, deadline, waiting);
        result.map_err(|refusal| self.refused(&claim.name, refusal))
    }

    /// Takes units if that can be done at once, safely, and without overtaking a request that must not be overtaken;
    /// says whether it was done.
    ///
    /// # Errors
    /// As [`RawBanker::request`], but for the wait's.
    pub fn try_request(
        &self,
        claim: &RawClaim,
        units: &[u64],
        waiting: &dyn Waiting,
    ) -> Result<bool, BankerError> {
        let units = self.units(&claim.name, units)?;
        let taken = self.ledger_for(claim)?.try_request(claim.claim, &units, waiting);
        taken.map_err(|refusal| self.refused(&claim.name, refusal))
    }

    /// Gives units back.
    ///
    /// # Errors
    /// [`BankerError::NotHeld`] when the claim does not have so many, [`BankerError::Closed`], [`BankerError::Count`].
    pub fn release(&self, claim: &RawClaim, units: &[u64], waiting: &dyn Waiting) -> Result<(), BankerError> {
        let units = self.units(&claim.name, units)?;
        let released = self.ledger_for(claim)?.release(claim.claim, &units, waiting);
        released.map_err(|refusal| self.refused(&claim.name, refusal))
    }

    /// What the claim has.
    ///
    /// # Errors
    /// [`BankerError::Closed`].
    pub fn held(&self, claim: &RawClaim, waiting: &dyn Waiting) -> Result<Vec<u64>, BankerError> {
        let ledger = self.ledger_for(claim)?;
        let held = ledger.look(waiting, |ledger| ledger.held(claim.claim));
        held.map(|held| self.listed(&held)).map_err(|refusal| self.refused(&claim.name, refusal))
    }
}
