//! Comments and documents keep to a margin, as the code does by itself.
//!
//! `cargo fmt` leaves comments as they are, and nobody formats documents. Tables, code and lines that are one long word
//! have no other way, so they may be longer.

use super::Finding;
use crate::tree::File;

const MARGIN: usize = 120;

pub fn check(file: &File) -> Vec<Finding> {
    let lines = file.text.lines().enumerate();
    let long = |(_, line): &(usize, &str)| line.chars().count() > MARGIN;
    let words: Vec<_> = if file.is_rust() {
        lines.filter(long).filter(|(_, line)| is_comment(line)).collect()
    } else if file.is_document() {
        outside_code(lines).filter(long).filter(|(_, line)| is_text(line)).collect()
    } else {
        Vec::new()
    };
    let message = format!("longer than {MARGIN} characters: break the line");
    words.into_iter().map(|(at, _)| Finding::new(file, at + 1, message.clone())).collect()
}

fn is_comment(line: &str) -> bool {
    let Some(words) = line.trim_start().strip_prefix("//") else { return false };
    is_text(words.trim_start_matches(['/', '!']))
}

/// Not a row of a table, nor a single word that cannot be broken.
fn is_text(line: &str) -> bool {
    let line = line.trim();
    !line.starts_with('|') && line.contains(' ')
}

/// The lines of a page that are not in fenced code.
pub(super) fn outside_code<'a>(
    lines: impl Iterator<Item = (usize, &'a str)>,
) -> impl Iterator<Item = (usize, &'a str)> {
    let mut is_code = false;
    lines.filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::samples::{assert_allowed, assert_refused};

    #[test]
    fn long_words_are_refused() {
        let long = "word ".repeat(25);
        assert_refused(check, "crates/cli/src/plan.rs", &[&format!("/// {long}\nfn f() {{}}")]);
        assert_refused(check, "docs/design.md", &[&format!("{long}\n")]);
    }

    #[test]
    fn tables_code_and_short_lines_are_allowed() {
        let long = "word ".repeat(25);
        assert_allowed(
            check,
            "crates/cli/src/plan.rs",
            &[&format!("/// | {long} |\nconst TEXT: &str = \"{long}\";")],
        );
        assert_allowed(
            check,
            "docs/design.md",
            &[&format!("| {long} |\n```text\n{long}\n```\nshort\n"), &"x".repeat(200)],
        );
    }
}
