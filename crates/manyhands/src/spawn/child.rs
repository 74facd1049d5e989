//! What runs in a process that was started for a function of this program.
//!
//! It reads what it is to call, settles which of its parent's references are its own, calls it, and ends with the exit
//! code that the answer says. A failure is written down for the parent to read.

use super::entry::{self, Entry, Failure};
use super::leaving;
use super::request::StartRequest;
use crate::arena::{Arena, ArenaError};
use crate::platform::memory;

/// The exit code of a process whose function panicked, as that of a program whose `main` did.
pub(super) const PANICKED: i32 = 101;
/// The exit code of a process whose function could not be called.
const NOT_CALLED: i32 = 1;

/// The life of a process that was started for a function of this program.
pub(super) fn run(request: StartRequest) -> ! {
    leaving::register();
    let report = request.descriptors.into_iter().next();
    let call = if request.is_entry { Entry::read(&request.payload) } else { None };
    let answer = call
        .ok_or_else(|| "what it was told names no function of this program".to_owned())
        .and_then(|(entry, arguments)| {
            entry::when_arguments_are_read(settle_references);
            entry.call(arguments).map_err(|error| error.to_string())
        });
    let code = match answer.as_deref().map(|answer| (answer, entry::failure(answer))) {
        Ok((answer, None)) => entry::answer::<u8>(answer).map_or(0, i32::from),
        Ok((answer, Some(failure))) => {
            if let Some(report) = report {
                let _ = memory::write_note(report, answer);
            }
            match failure {
                // The panic's own message stands on standard error already.
                Failure::Panicked { .. } => PANICKED,
                failure => not_called(&failure.to_string()),
            }
        }
        Err(reason) => not_called(reason),
    };
    std::process::exit(code)
}

fn not_called(reason: &str) -> i32 {
    let name = this_name().unwrap_or_default();
    eprintln!("manyhands: process {name} failed: {reason}");
    NOT_CALLED
}

fn this_name() -> Result<String, ArenaError> {
    Ok(Arena::get()?.process(crate::arena::this_process()?).name())
}

/// The child was given a reference to all that its parent held, before it existed; what its arguments do not name goes.
fn settle_references() {
    if let Some(arena) = Arena::current() {
        arena.drop_unused_references();
    }
}
