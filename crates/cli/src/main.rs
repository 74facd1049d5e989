//! The program `manyhands`, for those who build it with cargo.
//!
//! It uses the `python3` that is found first on the path. The script of the same name in the Python package does the
//! same with the interpreter it was installed for.

use std::process::ExitCode;

fn main() -> ExitCode {
    let code = manyhands_cli::main(std::env::args_os(), "python3".as_ref());
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
