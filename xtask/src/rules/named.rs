//! What users of the crate see is named by a test: an item that none names is one whose promise nobody checks.
//!
//! Users see what the root and its public modules export, and the public methods of those types. A test is a file under
//! the crate's `tests`, a test module, an example in the documentation, or a program under `examples/rust`. A method
//! must be called there. The rule goes by the name alone, so a common name may hide an item that no test names.

use super::items::{exports, is_called, is_in_tests, items};
use super::{Finding, Modules};
use crate::lexer::{self, Kind, Token};
use crate::tree::File;
use std::collections::BTreeSet;

/// The modules whose exports users see.
const PUBLIC: [&str; 2] = ["lib.rs", "sync/shared.rs"];

pub fn check(files: &[File]) -> Vec<Finding> {
    let engine: Vec<(&File, Vec<Token<'_>>)> = files
        .iter()
        .filter(|file| file.is_rust() && file.in_engine().is_some())
        .map(|file| (file, lexer::code(&file.text)))
        .collect();
    let exported: BTreeSet<&str> = engine
        .iter()
        .filter(|(file, _)| file.in_engine().is_some_and(|path| PUBLIC.contains(&path)))
        .flat_map(|(_, tokens)| exports(tokens))
        .collect();
    let mut tests = Names::default();
    for file in files.iter().filter(|file| file.is_rust()) {
        if file.path.starts_with("crates/manyhands/tests/") || file.path.starts_with("examples/rust/") {
            tests.add(&lexer::code(&file.text), |_| true);
        } else if file.in_engine().is_some() {
            tests.add(&lexer::code(&documented(&file.text)), |_| true);
        }
    }
    for (file, tokens) in &engine {
        let modules = Modules::of(tokens);
        tests.add(tokens, |at| file.is_test_module() || is_in_tests(file, &modules, at));
    }
    let mut findings = Vec::new();
    for (file, tokens) in &engine {
        let all = items(file, tokens);
        for item in &all {
            let names = if item.is_method { &tests.called } else { &tests.named };
            if item.is_seen(&all, &exported) && !names.contains(item.name) {
                let message =
                    format!("no test names `{}`, which users of the crate see: write one", item.name);
                findings.push(Finding::new(file, item.line, message));
            }
        }
    }
    findings
}

/// What tests name, and what they call as one calls a method.
#[derive(Default)]
struct Names {
    named: BTreeSet<String>,
    called: BTreeSet<String>,
}

impl Names {
    fn add(&mut self, tokens: &[Token<'_>], is_test: impl Fn(usize) -> bool) {
        for (at, token) in tokens.iter().enumerate() {
            let Kind::Word(word) = token.kind else { continue };
            if is_test(at) {
                self.named.insert(word.to_owned());
                if is_called(tokens, at) {
                    self.called.insert(word.to_owned());
                }
            }
        }
    }
}

/// The code of the examples in the documentation. What is fenced as another language's is not Rust.
fn documented(text: &str) -> String {
    let mut code = String::new();
    let mut fence: Option<bool> = None;
    for line in text.lines() {
        let line = line.trim_start();
        let Some(words) = line.strip_prefix("///").or_else(|| line.strip_prefix("//!")) else {
            fence = None;
            continue;
        };
        let words = words.trim_start();
        if let Some(language) = words.strip_prefix("```") {
            fence = match fence {
                Some(_) => None,
                None => Some(!["text", "sh", "toml"].contains(&language)),
            };
        } else if fence == Some(true) {
            code.push_str(words.strip_prefix("# ").unwrap_or(words));
            code.push('\n');
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    const RING: &str = "pub struct Ring; impl Ring { pub fn put(&self) {} }";

    fn findings(engine: &str, others: &[(&str, &str)]) -> usize {
        let mut files = vec![
            File::sample("crates/manyhands/src/lib.rs", "pub use channel::Ring;"),
            File::sample("crates/manyhands/src/channel/ring.rs", engine),
        ];
        files.extend(others.iter().map(|(path, text)| File::sample(path, text)));
        check(&files).len()
    }

    #[test]
    fn what_no_test_names_is_refused() {
        assert_eq!(findings(RING, &[]), 2);
        let other = ("crates/cli/tests/one.rs", "fn f() { Ring.put(); }");
        assert_eq!(findings(RING, &[other]), 2);
        assert_eq!(findings(RING, &[("crates/manyhands/tests/one.rs", "fn put() { Ring }")]), 1);
        assert_eq!(findings("/// ```text\n/// Ring.put()\n/// ```\npub struct Ring;", &[]), 1);
        assert_eq!(findings("pub struct Ring; macro_rules! m { () => { pub fn put(&self) {} } }", &[]), 2);
    }

    #[test]
    fn what_any_test_names_is_allowed() {
        for path in
            ["crates/manyhands/tests/one.rs", "examples/rust/one.rs", "crates/manyhands/src/channel/tests.rs"]
        {
            assert_eq!(findings(RING, &[(path, "fn f() { Ring.put(); }")]), 0, "{path}");
        }
        let inside = format!("{RING} mod tests {{ fn f() {{ Ring.put(); }} }}");
        assert_eq!(findings(&inside, &[]), 0);
        let shown = format!("/// ```\n/// # use Ring;\n/// ring.put();\n/// ```\n{RING}");
        assert_eq!(findings(&shown, &[]), 0);
        assert_eq!(findings("macro_rules! m { () => { pub fn put(&self) {} } }", &[]), 0);
        assert_eq!(findings("pub struct Inside; impl Ring { pub(crate) fn put(&self) {} }", &[]), 0);
    }
}
