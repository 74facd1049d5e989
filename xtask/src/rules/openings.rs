//! Every module opens with words: what it is, what it promises, what it does not do.
//!
//! A shipped Rust module needs at least three lines of `//!` at its top, tests and examples one; a Python module needs
//! a docstring. An opening that goes on for more than a screen is a document and belongs in `docs/`, except in the
//! crate roots, where it is the front page.

use super::Finding;
use crate::tree::File;

const FEWEST: usize = 3;
const MOST: usize = 24;

pub fn check(file: &File) -> Vec<Finding> {
    let message = if file.is_rust() {
        rust(file)
    } else if file.is_python() {
        python(file)
    } else {
        None
    };
    message.map(|message| Finding::new(file, 1, message)).into_iter().collect()
}

fn rust(file: &File) -> Option<String> {
    let opening = file.text.lines().skip_while(|line| line.trim().is_empty() || line.starts_with("#!"));
    let lines = opening.take_while(|line| line.starts_with("//!")).filter(|line| line.len() > 3).count();
    let fewest = if file.is_shipped() { FEWEST } else { 1 };
    let is_front_page = file.path.ends_with("/lib.rs");
    if lines < fewest {
        Some(format!(
            "opens with {lines} lines of `//!`; say in {fewest} to 10 what it is, promises and does not do"
        ))
    } else if lines > MOST && !is_front_page {
        Some(format!("opens with {lines} lines of `//!`; more than {MOST} is a document: move it to docs/"))
    } else {
        None
    }
}

fn python(file: &File) -> Option<String> {
    let first = file.text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    let text = first.unwrap_or_default().trim_start_matches('r');
    let quoted = text.strip_prefix("\"\"\"").or_else(|| text.strip_prefix("'''"));
    match quoted {
        Some(words) if words.len() > 3 => None,
        _ => Some("has no docstring; say what the module is, promises and does not do".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::samples::{assert_allowed, assert_refused};

    #[test]
    fn a_rust_module_without_words_is_refused() {
        let park = "crates/manyhands/src/sync/wait/park.rs";
        assert_refused(
            check,
            park,
            &[
                "pub fn park() {}",
                "//! Parks.\npub fn park() {}",
                "//! Parks.\n//!\n//!\n//!\npub fn park() {}",
                "use x;\n//! One.\n//! Two.\n//! Three.",
                &"//! Words.\n".repeat(MOST + 1),
            ],
        );
        assert_refused(check, "crates/manyhands/tests/kill.rs", &["fn main() {}"]);
    }

    #[test]
    fn a_python_module_without_words_is_refused() {
        assert_refused(check, "python/manyhands/pool.py", &["import os\n\"\"\"Too late.\"\"\"", ""]);
        assert_refused(check, "tests/python/test_pool.py", &["def test(): pass"]);
    }

    #[test]
    fn words_are_enough() {
        assert_allowed(
            check,
            "crates/manyhands/src/sync/wait/park.rs",
            &["//! One.\n//! Two.\n//! Three.\n"],
        );
        assert_allowed(check, "crates/manyhands/tests/kill.rs", &["//! One.\n"]);
        assert_allowed(check, "crates/manyhands/src/sync/wait/park/model.rs", &["//! One.\n"]);
        assert_allowed(check, "python/manyhands/pool.py", &["#!/usr/bin/env python3\n\"\"\"A pool.\"\"\"\n"]);
    }
}
