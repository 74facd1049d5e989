//! The plan of a comparison, and its verdict.
//!
//! A program is run once under plain python and then once under `python -m manyhands`, with the same arguments, folder
//! and environment. The two agree if they wrote the same to standard output, ended in the same way before the limit,
//! and manyhands left no process behind.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::process::Command;
use std::time::Duration;

use crate::arguments::Compare;
use crate::report;
use crate::supervise::{Ending, Interrupts, Outcome, supervise};

/// Both outcomes, and the limit that held for each.
pub struct Comparison {
    pub plain: Outcome,
    pub ours: Outcome,
    pub limit: Duration,
}

impl Comparison {
    fn agrees(&self) -> bool {
        self.plain.stdout == self.ours.stdout
            && self.plain.status == self.ours.status
            && self.ours.ending == Ending::Own
            && self.plain.ending == Ending::Own
            && self.ours.left_behind.is_empty()
    }
}

/// Carries out `plan` and prints the report; returns the exit code.
pub fn main(plan: &Compare, python: &OsStr) -> i32 {
    let python = plan.python.as_deref().unwrap_or(python);
    match compare(plan, python) {
        Ok(Some(comparison)) => {
            // A reader that has gone away (`| head`) is no reason for another verdict.
            let _ = io::stdout().write_all(report::text(&comparison).as_bytes());
            i32::from(!comparison.agrees())
        }
        Ok(None) => {
            eprintln!("manyhands: interrupted; everything that was started has been ended");
            130
        }
        Err(error) => {
            eprintln!("manyhands: {} could not be run: {error}", python.to_string_lossy());
            2
        }
    }
}

/// `None` if it was interrupted.
fn compare(plan: &Compare, python: &OsStr) -> io::Result<Option<Comparison>> {
    let interrupts = Interrupts::catch()?;
    let mut plain = Command::new(python);
    plain.args(&plan.program);
    let plain = supervise(&mut plain, plan.limit, &interrupts)?;
    if plain.ending == Ending::Interrupt {
        return Ok(None);
    }

    let mut ours = Command::new(python);
    ours.args(["-m", "manyhands"]);
    if let Some(method) = &plan.start_method {
        ours.args(["--start-method", method]);
    }
    ours.args(&plan.program);
    let ours = supervise(&mut ours, plan.limit, &interrupts)?;
    if ours.ending == Ending::Interrupt {
        return Ok(None);
    }
    Ok(Some(Comparison { plain, ours, limit: plan.limit }))
}
