//! A file holds one idea: past 800 lines it is two, past 500 it says here why it is not.
//!
//! Tests inside a file count; pages are not held to it. An entry of the list that is no longer needed is a finding,
//! too, so the list shrinks when the files do.

use super::Finding;
use crate::tree::File;

const NEVER: usize = 800;
const WITH_A_REASON: usize = 500;

/// Files of more than 500 lines, each with the reason why it is one thing.
const LONG: [(&str, &str); 0] = [];

pub fn check(file: &File) -> Vec<Finding> {
    if file.is_document() {
        return Vec::new();
    }
    let lines = file.text.lines().count();
    let is_listed = LONG.iter().any(|(path, _)| *path == file.path);
    let message = if lines > NEVER {
        format!("{lines} lines: a file of more than {NEVER} is two things; split it by idea")
    } else if lines > WITH_A_REASON && !is_listed {
        format!("{lines} lines: split it by idea, or list it in xtask/src/rules/length.rs with the reason")
    } else {
        return Vec::new();
    };
    vec![Finding::new(file, lines, message)]
}

/// Entries of the list whose file is gone or short again.
pub fn stale(files: &[File]) -> Vec<Finding> {
    let is_needed =
        |path: &str| files.iter().any(|file| file.path == path && file.text.lines().count() > WITH_A_REASON);
    let gone = LONG.iter().filter(|(path, _)| !is_needed(path));
    gone.map(|(path, _)| Finding {
        path: "xtask/src/rules/length.rs".to_owned(),
        line: 1,
        message: format!("`{path}` is listed as long and is not; remove the entry"),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_are_refused() {
        let of = |lines: usize| check(&File::sample("crates/cli/src/plan.rs", &"\n".repeat(lines))).len();
        assert_eq!(of(NEVER + 1), 1);
        assert_eq!(of(WITH_A_REASON + 1), 1);
        assert_eq!(of(WITH_A_REASON), 0);
    }
}
