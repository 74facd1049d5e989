//! The command line of manyhands: arguments, then a plan, then a report.
//!
//! `run` gives way to Python's own launcher; `compare` runs a program under plain python and under manyhands and shows
//! how they differ. It is a library because two programs use it: the binary of this crate, and the `manyhands` script
//! of the Python package through the extension. It knows neither the engine nor Python's C API: it starts programs,
//! watches them, and reads `/proc`.
//!
//! | module | what it holds |
//! |---|---|
//! | `arguments` | what may be written on the command line |
//! | `compare` | the plan of a comparison, carried out |
//! | `verdict` | what two runs were, and whether they agree |
//! | `supervise` | one program, run to its end or to the limit, with everything it starts |
//! | `family` | which processes descend from this one, and how they are ended |
//! | `difference` | where two outputs part |
//! | `report` | the comparison as text |

mod arguments;
mod compare;
mod difference;
mod family;
mod report;
mod supervise;
mod verdict;

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::process::Command;

use clap::Parser;

/// Does what `arguments` ask (the first is the name of the program, as in `std::env::args_os`) and returns the exit
/// code. `python` is the interpreter to use where the arguments name none.
///
/// Exit codes: 0 the comparison found no difference, 1 it found one, 2 the arguments were wrong or a program could not
/// be started, 130 it was interrupted. `run` does not return unless the interpreter cannot be started.
///
/// ```no_run
/// let code = manyhands_cli::main(std::env::args_os(), "python3".as_ref());
/// std::process::exit(code);
/// ```
pub fn main(arguments: impl IntoIterator<Item = OsString>, python: &OsStr) -> i32 {
    match arguments::Arguments::try_parse_from(arguments) {
        Ok(parsed) => match parsed.command {
            arguments::Verb::Run { program } => run(python, &program),
            arguments::Verb::Compare(plan) => compare::main(&plan, python),
        },
        Err(message) => {
            // Help and version go to standard output and are no error; clap knows which is which.
            let _ = message.print();
            message.exit_code()
        }
    }
}

fn run(python: &OsStr, program: &[OsString]) -> i32 {
    let error = Command::new(python).args(["-m", "manyhands"]).args(program).exec();
    eprintln!("manyhands: {} could not be started: {error}", python.to_string_lossy());
    2
}
