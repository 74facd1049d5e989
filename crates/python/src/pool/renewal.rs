//! A pool's template, made anew from the program as it is now.
//!
//! A forked worker that replaces another should see the program as it is by then. Only the program's own threads can
//! fork it. So a thread that submits does that, if a worker has ended since the last template was made or may end over
//! what is submitted. The new template's supervisor takes the old one's place, which stays with its workers until they
//! end. Where a new one cannot be made, the old one goes on. A template that was killed is replaced in the same way, by
//! a thread that submits or waits, and its workers are counted in as well.

use super::shared::{Shared, Supervised, locked};
use manyhands::executor::{PoolState, Turn};
use manyhands::platform::Deadline;
use manyhands::spawn::{Refusal, Supervisor};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// That a pool has no template.
const NONE: u64 = u64::MAX;

/// When a pool's template was made, and those that it had before.
pub struct Renewal {
    /// How many workers had ended when the template was made.
    made_at: AtomicU64,
    earlier: Mutex<Vec<Arc<Supervisor>>>,
}

impl Default for Renewal {
    fn default() -> Renewal {
        Renewal { made_at: AtomicU64::new(NONE), earlier: Mutex::default() }
    }
}

impl Renewal {
    /// Waits for the supervisors that the pool had before.
    pub fn wait_for_earlier(&self, until: Deadline) {
        for supervisor in std::mem::take(&mut *locked(&self.earlier)) {
            supervisor.wait_ended(until);
        }
    }
}

impl Shared {
    /// Whether a template should be made anew before so many calls are submitted; then it is the caller's turn to.
    #[inline]
    pub fn turn_to_renew(&self, calls: usize) -> Option<Turn<'_>> {
        let made_at = self.renewal.made_at.load(Ordering::Relaxed);
        if made_at == NONE || made_at == self.raw.workers_ended() && !self.raw.may_retire_within(calls) {
            return None;
        }
        if self.raw.is_supervisor_lost() {
            // The thread that looks after it has just had to put it off.
            return None;
        }
        self.raw.turn()
    }

    /// Whether the pool's workers come from a template.
    pub fn has_template(&self) -> bool {
        self.renewal.made_at.load(Ordering::Relaxed) != NONE
    }

    /// A template could not be made. If the pool has lost the one that it had, that is noted.
    pub fn note_no_template(&self, reason: &str) {
        if !matches!(&*locked(&self.kept), Supervised::ByTemplate(supervisor) if supervisor.is_alive()) {
            self.raw.note_no_supervisor(reason);
        }
    }

    /// How many workers have ended, to be asked before a template is forked.
    pub fn ended_before(&self) -> u64 {
        self.raw.workers_ended()
    }

    /// Has a template's supervisor start the workers from now on, unless the pool has one that goes on because this one
    /// cannot.
    ///
    /// # Errors
    /// When the pool's first template cannot.
    pub fn keep_by(&self, supervisor: Supervisor, name: &str, ended_before: u64) -> Result<(), Refusal> {
        let earlier = match &*locked(&self.kept) {
            Supervised::ByTemplate(supervisor) => Some(Arc::clone(supervisor)),
            _ => None,
        };
        let supervisor = Arc::new(supervisor);
        let Some(earlier) = earlier else {
            supervisor.keep(name, self.raw.handle(), Default::default(), &[])?;
            self.raw.set_supervisor(supervisor.slot());
            *locked(&self.kept) = Supervised::ByTemplate(supervisor);
            self.renewal.made_at.store(ended_before, Ordering::Relaxed);
            return Ok(());
        };
        match earlier.stand_down(name) {
            Ok(left) => {
                if supervisor.succeed(left, name, self.raw.handle()).is_err() {
                    earlier.go_on();
                    return Ok(());
                }
            }
            // It was killed.
            Err(_) => {
                earlier.end();
                supervisor.succeed(self.raw.left_by_supervisor(), name, self.raw.handle())?;
            }
        }
        self.raw.set_supervisor(supervisor.slot());
        {
            let mut kept = locked(&self.kept);
            if matches!(&*kept, Supervised::ByTemplate(_)) {
                *kept = Supervised::ByTemplate(Arc::clone(&supervisor));
            }
        }
        self.renewal.made_at.store(ended_before, Ordering::Relaxed);
        earlier.dismiss();
        let mut all = locked(&self.renewal.earlier);
        all.retain(|supervisor| supervisor.is_alive());
        all.push(earlier);
        drop(all);
        // It may have been closed or ended since it was looked at.
        if self.raw.state() != PoolState::Open {
            self.dismiss_supervisor();
        }
        Ok(())
    }
}
