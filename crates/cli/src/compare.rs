//! The plan of a comparison, carried out.
//!
//! A program is run once under plain python and then once under `python -m manyhands`, with the same arguments, folder
//! and environment. What the two runs were is the verdict's business, how it looks the report's.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::process::Command;

use crate::arguments::Compare;
use crate::report;
use crate::supervise::{Ending, Interrupts, Outcome, supervise};
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
        Err(Failure::NoProgram(reason)) => {
            eprintln!("manyhands: there is nothing to compare: {reason}");
            2
        }
        Ok(None) => {
            eprintln!("manyhands: interrupted; everything that was started has been ended");
            130
        }
        Err(Failure::Io(error)) => {
            eprintln!("manyhands: {} could not be run: {error}", python.to_string_lossy());
            2
        }
    }
}

/// Why there is no comparison.
enum Failure {
    /// Python found no program to run; its own words.
    NoProgram(String),
    Io(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// `None` if it was interrupted.
fn compare(plan: &Compare, python: &OsStr) -> Result<Option<Comparison>, Failure> {
    let interrupts = Interrupts::catch()?;
    let mut plain = Command::new(python);
    plain.args(&plan.program);
    let plain = supervise(&mut plain, plan.limit, &interrupts)?;
    if plain.ending == Ending::Interrupt {
        return Ok(None);
    }
    if let Some(reason) = no_program(&plain) {
        return Err(Failure::NoProgram(reason));
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

/// What the interpreter says when it finds no program: one line, which begins with its own path, and an exit code.
fn no_program(plain: &Outcome) -> Option<String> {
    let said = std::str::from_utf8(&plain.stderr).ok()?.trim_end();
    let words = said.split_once(": ")?.1;
    let of_modules = [
        "No module named ",
        "can't find '__main__' module in ",
        "Error while finding module specification for ",
    ];
    let is_refusal = match plain.status.code()? {
        2 => words.starts_with("can't open file "),
        1 => of_modules.iter().any(|beginning| words.starts_with(beginning)),
        _ => false,
    };
    (is_refusal && plain.stdout.is_empty() && !said.contains('\n')).then(|| words.to_owned())
}
