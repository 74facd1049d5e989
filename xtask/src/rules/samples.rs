//! The form of the rules' tests: texts that a rule refuses, and texts that it allows.
//!
//! Each text stands for a file at the path that is given with it. A refused text breaks the rule once; what breaks it
//! more often is counted with `found`.

use super::Finding;
use crate::tree::File;

type Check = fn(&File) -> Vec<Finding>;

/// How much a rule finds in a file with this path and text.
pub fn found(check: Check, path: &str, text: &str) -> usize {
    check(&File::sample(path, text)).len()
}

/// Checks that a rule finds one thing in each of these texts.
pub fn assert_refused(check: Check, path: &str, texts: &[&str]) {
    for text in texts {
        assert_eq!(found(check, path, text), 1, "{path}: {text}");
    }
}

/// Checks that a rule finds nothing in any of these texts.
pub fn assert_allowed(check: Check, path: &str, texts: &[&str]) {
    for text in texts {
        assert_eq!(found(check, path, text), 0, "{path}: {text}");
    }
}
