//! What may be written on the command line.
//!
//! Everything from the program on belongs to the program, options included, as with python itself. clap reports
//! mistakes, in one place and with the usage.

use std::ffi::OsString;
use std::time::Duration;

/// Run a program that uses multiprocessing on the manyhands engine.
#[derive(Debug, clap::Parser)]
#[command(name = "manyhands", version, about)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Verb,
}

#[derive(Debug, clap::Subcommand)]
pub enum Verb {
    /// Run a program: `manyhands run program.py [args]`, also `-m module` and `-c code`.
    Run {
        /// Options of the launcher, the program, and the program's arguments.
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        program: Vec<OsString>,
    },
    /// Run a program under plain python and under manyhands, and tell how the two differ.
    Compare(Compare),
}

#[derive(Debug, clap::Args)]
pub struct Compare {
    /// Seconds after which a run that has not ended is stopped, with everything it started.
    #[arg(long, value_name = "S", default_value = "60", value_parser = seconds)]
    pub limit: Duration,

    /// How the program's processes are started under manyhands, if the program does not say so itself.
    #[arg(long, value_name = "METHOD", value_parser = ["fork", "spawn", "forkserver"])]
    pub start_method: Option<String>,

    /// The interpreter for both runs.
    #[arg(long, value_name = "PATH")]
    pub python: Option<OsString>,

    /// The program and its arguments; also `-m module` and `-c code`. It is run without standard input.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub program: Vec<OsString>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "the limit must be a number of seconds".to_owned())?;
    match Duration::try_from_secs_f64(number) {
        Ok(limit) if !limit.is_zero() => Ok(limit),
        _ => Err("the limit must be a number of seconds above 0".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn compare(arguments: &[&str]) -> Result<Compare, clap::Error> {
        match Arguments::try_parse_from(arguments)?.command {
            Verb::Compare(plan) => Ok(plan),
            Verb::Run { .. } => panic!("run was not asked for"),
        }
    }

    #[test]
    fn what_follows_the_program_belongs_to_it() {
        let plan =
            compare(&["manyhands", "compare", "--limit", "2.5", "p.py", "--limit", "x", "-h"]).unwrap();
        assert_eq!(plan.limit, Duration::from_millis(2500));
        assert_eq!(plan.program, ["p.py", "--limit", "x", "-h"]);
        let plan = compare(&["manyhands", "compare", "-m", "module", "--x"]).unwrap();
        assert_eq!(plan.program, ["-m", "module", "--x"]);
    }

    #[test]
    fn a_limit_must_be_a_time() {
        for limit in ["0", "-1", "nan", "inf", "1e300", "soon", ""] {
            let argument = format!("--limit={limit}");
            assert!(compare(&["manyhands", "compare", &argument, "p.py"]).is_err(), "{limit:?} was taken");
        }
        assert!(compare(&["manyhands", "compare"]).is_err(), "a comparison needs a program");
    }
}
