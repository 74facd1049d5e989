//! The plan of a comparison, carried out.
//!
//! A program is run once under plain python and then once under `python -m manyhands`, with the same arguments, folder
//! and environment. What the two runs were is the verdict's business, how it looks the report's.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::process::Command;

use crate::arguments::Compare;
use crate::report;
use crate::supervise::{Ending, Interrupts, supervise};
use crate::verdict::Comparison;

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
