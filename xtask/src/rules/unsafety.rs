//! Unsafe code stands in few folders, and each block and each impl says why it is sound.
//!
//! The reason is a comment `// SAFETY: ...` in front of the statement (or item) which holds the `unsafe`, and it has
//! words in it. The folders are those that must call the operating system, share memory or fork, and one file lends
//! closures to threads; elsewhere unsafe means that a lower layer lacks a safe function. Tests and benches may use it
//! anywhere, with the reason.

use super::Finding;
use crate::lexer::{self, Kind, Token};
use crate::tree::File;

const PLACES: [&str; 7] = [
    "crates/manyhands/src/platform",
    "crates/manyhands/src/arena",
    "crates/manyhands/src/sync",
    "crates/manyhands/src/channel",
    "crates/manyhands/src/spawn",
    // What borrows is lent to threads that live longer, which the type system cannot follow.
    "crates/manyhands/src/executor/threads/loan",
    "crates/python/src/ffi",
];

pub fn check(file: &File) -> Vec<Finding> {
    if !file.is_rust() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let tokens = lexer::tokens(&file.text);
    for (index, token) in tokens.iter().enumerate() {
        if !token.is_word("unsafe") {
            continue;
        }
        if file.is_shipped() && !PLACES.iter().any(|place| is_under(&file.path, place)) {
            let message = "unsafe outside platform, arena, sync, channel, spawn, python/ffi and the loan of closures; ask a layer below for it";
            findings.push(Finding::new(file, token.line, message));
        }
        let what = match next_code(&tokens[index + 1..]) {
            Some(Kind::Mark('{')) => "block",
            Some(Kind::Word("impl")) => "impl",
            _ => continue,
        };
        if !has_reason(&tokens[..index]) {
            let message =
                format!("unsafe {what} without `// SAFETY: ` and the invariant it leans on, in front of it");
            findings.push(Finding::new(file, token.line, message));
        }
    }
    findings
}

fn is_under(path: &str, place: &str) -> bool {
    path.strip_prefix(place).is_some_and(|rest| rest.starts_with('/') || rest == ".rs")
}

fn next_code<'a>(tokens: &[Token<'a>]) -> Option<Kind<'a>> {
    tokens.iter().map(|token| token.kind).find(|kind| !matches!(kind, Kind::Comment(_)))
}

/// Looks for the reason back to where the statement began, and through the comments in front of it.
fn has_reason(before: &[Token<'_>]) -> bool {
    let mut following = 0;
    for token in before.iter().rev() {
        match token.kind {
            Kind::Mark(';' | '{' | '}') => return false,
            Kind::Comment(text) => match text.split_once("SAFETY:") {
                Some((_, reason)) => return following + reason.split_whitespace().count() >= 2,
                None => following += text.split_whitespace().count(),
            },
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::samples::{assert_allowed, assert_refused};

    const ARENA: &str = "crates/manyhands/src/arena/region.rs";

    #[test]
    fn unsafe_without_its_reason_is_refused() {
        assert_refused(
            check,
            ARENA,
            &[
                "fn f() { unsafe { g() } }",
                "unsafe impl Send for X {}",
                "fn f() { // SAFETY:\n unsafe { g() } }",
                "fn f() { // SAFETY: fine\n unsafe { g() } }",
            ],
        );
        let two = "fn f() {\n // SAFETY: the map lives as long as the process.\n unsafe { g() };\n unsafe { h() } }";
        assert_refused(check, ARENA, &[two]);
    }

    #[test]
    fn unsafe_in_the_wrong_place_is_refused() {
        let text = "// SAFETY: the map lives as long as the process.\nunsafe impl Send for X {}";
        assert_refused(check, "crates/manyhands/src/executor/pool.rs", &[text]);
        assert_refused(check, "crates/python/src/queue.rs", &[text]);
        assert_refused(check, "crates/cli/src/compare.rs", &["unsafe fn f() {}"]);
        assert_refused(check, "crates/manyhands/src/platformish/pool.rs", &[text]);
    }

    #[test]
    fn unsafe_with_its_reason_is_allowed() {
        let text = "fn f() {\n // SAFETY: the map lives\n // as long as the process.\n let x = g(unsafe { h() });\n }";
        assert_allowed(
            check,
            ARENA,
            &[
                text,
                "// SAFETY: no pointers, supervisor: arena.\nunsafe impl Shared for X {}",
                "pub unsafe fn f(p: unsafe extern \"C\" fn()) {}",
            ],
        );
        assert_allowed(
            check,
            "crates/manyhands/tests/kill.rs",
            &["fn f() { // SAFETY: one thread only here.\n unsafe { g() } }"],
        );
        let loan = "crates/manyhands/src/executor/threads/loan.rs";
        assert_allowed(
            check,
            loan,
            &["// SAFETY: all is back before the borrowed goes.\nunsafe impl Send for X {}"],
        );
        assert_allowed(check, "crates/python/src/ffi/slots.rs", &["unsafe extern \"C\" fn f() {}"]);
    }
}
