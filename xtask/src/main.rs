//! The rules of this repository that no compiler knows, as a program and as tests.
//!
//! `cargo run -p xtask -- check` names every place that breaks one, with the file and the line; `cargo test -p xtask`
//! does the same and also feeds each rule a sample that must fail it. `lexer` turns Rust text into tokens, `tree`
//! finds the files and says what each one is. `arrows` says which file of the engine names what of which. Every file in
//! `rules` holds one rule. Only `arrows` resolves names, as far as a rule needs it: a rule is about what is written.

mod arrows;
mod lexer;
mod rules;
mod tree;
mod words;

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("check") => check(),
        _ => {
            eprintln!("usage: cargo run -p xtask -- check");
            ExitCode::from(2)
        }
    }
}

fn check() -> ExitCode {
    let files = match tree::repository() {
        Ok(files) => files,
        Err(error) => {
            eprintln!("xtask: the repository could not be read: {error}");
            return ExitCode::from(2);
        }
    };
    let findings = rules::all(&files);
    for finding in &findings {
        eprintln!("{finding}");
    }
    println!("xtask: {} files, {} findings", files.len(), findings.len());
    if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_repository_keeps_its_own_rules() {
        let files = crate::tree::repository().expect("the repository can be read");
        assert!(files.len() > 10, "only {} files were found: the walk is broken", files.len());
        let findings: Vec<String> = crate::rules::all(&files).iter().map(ToString::to_string).collect();
        assert!(findings.is_empty(), "\n{}", findings.join("\n"));
    }
}
