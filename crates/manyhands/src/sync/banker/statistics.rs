//! What is known of a banker: which claimant has what, whether the state is safe, and what would become of a request.
//!
//! All of it is of one moment, in which nothing changes, and asking changes nothing. A moment later it may be
//! different.

use super::error::BankerError;
use super::raw::{RawBanker, RawClaim};
use super::request::Judgement;
use crate::arena::{Arena, ProcessId, read_text};
use crate::platform::process::getpid;
use crate::sync::wait::park::{WaitError, Waiting};

/// What is known of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResourceStatistics {
    /// Its name.
    pub name: String,
    /// How many units there are.
    pub total: u64,
    /// How many of them are free.
    pub free: u64,
}

/// What is known of one claimant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClaimantStatistics {
    /// Its name.
    pub name: String,
    /// The pid of its process.
    pub pid: u32,
    /// The most it declared to need, of each resource.
    pub claimed: Vec<u64>,
    /// What it has.
    pub held: Vec<u64>,
    /// What it waits for, if it waits.
    pub waits_for: Option<Vec<u64>>,
}

/// What is known of a banker at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BankerStatistics {
    /// Its resources, in the order in which they were given.
    pub resources: Vec<ResourceStatistics>,
    /// Its claimants, in the order in which the safe state is looked for.
    pub claimants: Vec<ClaimantStatistics>,
}

/// What would become of a request if it were made now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The state would be safe: in this order all claimants could get all they declared.
    Safe(Vec<String>),
    /// There are enough units, but the state would be unsafe: all could come to wait for one another.
    Unsafe,
    /// There are not enough units of this resource now.
    NotFree(String),
}

impl RawBanker {
    /// What would become of a request if it were made now; nothing is taken.
    ///
    /// # Errors
    /// As [`RawBanker::try_request`].
    pub fn foresee(
        &self,
        claim: &RawClaim,
        units: &[u64],
        waiting: &dyn Waiting,
    ) -> Result<Verdict, BankerError> {
        let units = self.units(claim.name(), units)?;
        self.ledger_for(claim)?.look(waiting, |ledger| {
            let mut order = Vec::new();
            let judgement =
                ledger.foresee(claim.in_ledger(), &units, |row| order.push(ledger.name_words(row)));
            match judgement.map_err(|refusal| self.refused(claim.name(), refusal))? {
                Judgement::Safe => Ok(Verdict::Safe(order.into_iter().map(read_text).collect())),
                Judgement::Unsafe => Ok(Verdict::Unsafe),
                Judgement::NotFree { resource } => Ok(Verdict::NotFree(self.resources()[resource].clone())),
            }
        })
    }

    /// The names of the claimants in an order in which all can get all they declared. There always is one: `None` would
    /// say that the banker has failed.
    ///
    /// # Errors
    /// [`WaitError::NoOwner`] when this thread can own nothing in the arena.
    pub fn safe_order(&self, waiting: &dyn Waiting) -> Result<Option<Vec<String>>, WaitError> {
        Ok(self.ledger()?.look(waiting, |ledger| {
            let mut order = Vec::new();
            let is_safe = ledger.is_safe(|row| order.push(read_text(ledger.name_words(row))));
            is_safe.then_some(order)
        }))
    }

    /// What there is, and what each claimant declared, has and waits for.
    ///
    /// # Errors
    /// As [`RawBanker::safe_order`].
    pub fn statistics(&self, waiting: &dyn Waiting) -> Result<BankerStatistics, WaitError> {
        let is_shared = self.handle().is_some();
        let pid_of = |owner: u32| match (ProcessId::from_raw(owner), Arena::current()) {
            (Some(process), Some(arena)) if is_shared => arena.process(process).pid(),
            _ => getpid(),
        };
        Ok(self.ledger()?.look(waiting, |ledger| {
            let (totals, free) = (ledger.totals(), ledger.free());
            let resources = self.resources().iter().enumerate().map(|(at, name)| ResourceStatistics {
                name: name.clone(),
                total: totals[at],
                free: free[at],
            });
            let claimants = ledger.claimants().map(|claimant| ClaimantStatistics {
                name: read_text(ledger.name_words(claimant.row)),
                pid: pid_of(claimant.owner),
                claimed: self.listed(&claimant.maxima),
                held: self.listed(&claimant.held),
                waits_for: claimant.wanted.map(|wanted| self.listed(&wanted)),
            });
            BankerStatistics { resources: resources.collect(), claimants: claimants.collect() }
        }))
    }
}
