//! The report of a deadlock: each thread, what it waits for, where, and who has that.
//!
//! Written once, by the thread that found it, while all the others in it are asleep. A suspicion is a chain of waits
//! that nothing in this process can end, except perhaps Ctrl-C. It is reported on standard error, or to a function that
//! the program names.

use std::fmt;
use std::sync::OnceLock;

use super::site::Site;

/// Threads that wait for one another, or all for news that nobody can bring, so that none of them can go on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deadlock {
    /// The threads, each waiting for what the next one has, the last for what the first has. Or, where all threads of
    /// the process wait for ever, from the one that found it to one that waits for what nobody is left to bring.
    pub steps: Vec<DeadlockStep>,
}

/// One thread of a [`Deadlock`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadlockStep {
    /// The waiting thread's name.
    pub thread: String,
    /// What it waits for, in words.
    pub object: String,
    /// Where it waits.
    pub wanted_at: Site,
    /// The name of the thread that has it; empty when no particular thread has it.
    pub holder: String,
    /// Where that one took it; unknown for the end of a thread, which nobody takes.
    pub taken_at: Site,
}

impl fmt::Display for DeadlockStep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} waits at {} for {}", self.thread, self.wanted_at, self.object)?;
        match self.taken_at {
            Site::Unknown if self.holder.is_empty() || self.object.starts_with("the end") => Ok(()),
            taken_at => write!(formatter, ", which {:?} took at {taken_at}", self.holder),
        }
    }
}

impl fmt::Display for Deadlock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("deadlock: ")?;
        for (number, step) in self.steps.iter().enumerate() {
            let between = if number == 0 { "" } else { "; " };
            write!(formatter, "{between}{step}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Deadlock {}

static SUSPICIONS: OnceLock<fn(&Deadlock)> = OnceLock::new();

/// Has `hear` called, in place of a line on standard error, for each suspicion. That is a chain of waits that has stood
/// for a second while every thread of the process waited for ever, but that Ctrl-C or an unguarded release could end.
/// Once per program; later calls change nothing.
pub fn suspicions_go_to(hear: fn(&Deadlock)) {
    let _ = SUSPICIONS.set(hear);
}

pub(in crate::sync) fn suspect(deadlock: &Deadlock) {
    match SUSPICIONS.get() {
        Some(hear) => hear(deadlock),
        None => eprintln!(
            "manyhands: perhaps a {deadlock}; unless another thread ends one of these waits, they last for ever"
        ),
    }
}
