//! What is public is named somewhere else: an item that nobody uses goes.
//!
//! The compiler finds what is dead inside a crate, except behind `pub` in a module that is public, if hidden. So each
//! `pub`, `pub(crate)` and `pub(super)` item of the engine must be named in another place. That is the engine outside
//! its own tests, another crate, a test, an example or a bench. The rule goes by the name alone, so it may overlook an
//! item with a common name. It exempts what the crate's users see: the names that the root and its public modules
//! export, and the methods of those types.

use super::items::{exports, is_called, is_in_tests, items};
use super::{Finding, Modules};
use crate::lexer::{self, Kind, Token};
use crate::tree::File;
use std::collections::BTreeSet;

/// The modules whose exports users see.
const PUBLIC: [&str; 2] = ["lib.rs", "sync/shared.rs"];

/// Items that are used in a way that no name shows.
const ALLOWED: [(&str, &str); 0] = [];

pub fn check(files: &[File]) -> Vec<Finding> {
    let rust: Vec<(&File, Vec<Token<'_>>)> =
        files.iter().filter(|file| file.is_rust()).map(|file| (file, lexer::code(&file.text))).collect();
    let exported: BTreeSet<&str> = rust
        .iter()
        .filter(|(file, _)| file.in_engine().is_some_and(|path| PUBLIC.contains(&path)))
        .flat_map(|(_, tokens)| exports(tokens))
        .collect();
    let (mut named, mut called) = (BTreeSet::new(), BTreeSet::new());
    for (file, tokens) in &rust {
        for (name, is_called) in used_names(file, tokens) {
            named.insert(name);
            if is_called {
                called.insert(name);
            }
        }
    }
    let mut findings = Vec::new();
    for (file, tokens) in &rust {
        let all = items(file, tokens);
        for item in &all {
            let is_exported = item.is_seen(&all, &exported);
            let uses = if item.is_method { &called } else { &named };
            let is_allowed = ALLOWED.iter().any(|(name, _)| *name == item.name);
            if !is_exported && !is_allowed && !uses.contains(item.name) {
                let message = format!("`{}` is used nowhere but in tests of its own: remove it", item.name);
                findings.push(Finding::new(file, item.line, message));
            }
        }
    }
    findings
}

/// Every name in a place that counts as a use, and whether it is one of a method: not where an item is declared,
/// imported, or re-exported.
fn used_names<'a>(file: &File, tokens: &[Token<'a>]) -> Vec<(&'a str, bool)> {
    if file.in_engine().is_some() && file.is_test_module() {
        return Vec::new();
    }
    let modules = Modules::of(tokens);
    let mut found = Vec::new();
    let mut is_import = false;
    for at in 0..tokens.len() {
        let Kind::Word(word) = tokens[at].kind else {
            is_import &= !tokens[at].is_mark(';');
            continue;
        };
        is_import |= word == "use" && !tokens.get(at + 1).is_some_and(|next| next.is_mark('<'));
        let is_renamed = tokens.get(at + 1).is_some_and(|next| next.is_word("as"));
        let is_declared = at > 0
            && ["fn", "struct", "enum", "trait", "type", "static", "const", "mod"]
                .iter()
                .any(|keyword| tokens[at - 1].is_word(keyword));
        if (!is_import || is_renamed) && !is_declared && !is_in_tests(file, &modules, at) {
            found.push((word, is_called(tokens, at)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(engine: &str, others: &[(&str, &str)]) -> usize {
        let mut files = vec![File::sample("crates/manyhands/src/channel/ring.rs", engine)];
        files.extend(others.iter().map(|(path, text)| File::sample(path, text)));
        check(&files).len()
    }

    #[test]
    fn what_nobody_names_is_refused() {
        assert_eq!(findings("pub fn dead() {}", &[]), 1);
        assert_eq!(findings("pub(crate) const DEAD: u32 = 1;", &[]), 1);
        assert_eq!(findings("impl Ring { pub(super) const unsafe fn dead(&self) {} }", &[]), 1);
        assert_eq!(
            findings(
                "pub struct Dead(u32);",
                &[("crates/manyhands/src/channel/mod.rs", "pub use ring::Dead;")]
            ),
            1
        );
        assert_eq!(findings("pub fn dead() {} mod tests { fn f() { dead() } }", &[]), 1);
        let tests = ("crates/manyhands/src/channel/tests.rs", "fn f() { dead() }");
        assert_eq!(findings("pub fn dead() {}", &[tests]), 1);
        assert_eq!(findings("pub fn dead() {} // dead\nconst TEXT: &str = \"dead\";", &[]), 1);
    }

    #[test]
    fn what_is_named_or_exported_is_allowed() {
        assert_eq!(findings("pub fn used() {} fn f() { used() }", &[]), 0);
        assert_eq!(findings("pub fn used() {}", &[("examples/one.rs", "fn main() { used() }")]), 0);
        assert_eq!(
            findings("pub fn used() {}", &[("crates/manyhands/tests/one.rs", "fn main() { used() }")]),
            0
        );
        let root = ("crates/manyhands/src/lib.rs", "pub use channel::Ring;");
        assert_eq!(
            findings("pub struct Ring; impl<T: Into<u8>> Ring<T> { pub fn put(&self) {} }", &[root]),
            0
        );
        assert_eq!(findings("impl Ring { pub(crate) fn put(&self) {} }", &[root]), 1);
        assert_eq!(findings("#[cfg(test)]\npub fn seen() {}", &[]), 0);
    }
}
