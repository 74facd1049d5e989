//! What is public is named somewhere else: an item that nobody uses goes.
//!
//! The compiler finds what is dead inside a crate, except behind `pub` in a module that is public, if hidden. So each
//! `pub`, `pub(crate)` and `pub(super)` item of the engine must be named in another place. That is the engine outside
//! its own tests, another crate, a test, an example or a bench. The rule goes by the name alone, so it may overlook an
//! item with a common name. It exempts what the crate's users see: the names that the root and its public modules
//! export, and the methods of those types.

use super::{Finding, Modules};
use crate::lexer::{self, Kind, Token};
use crate::tree::File;
use std::collections::BTreeSet;

/// The modules whose exports users see.
const PUBLIC: [&str; 2] = ["lib.rs", "sync/shared.rs"];

/// Items that are used in a way that no name shows.
const ALLOWED: [(&str, &str); 0] = [];

struct Item<'a> {
    name: &'a str,
    line: usize,
    /// The type of the `impl` that it stands in.
    of: Option<&'a str>,
    is_fully_public: bool,
    is_method: bool,
}

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
        for item in items(file, tokens) {
            let is_exported = item.is_fully_public && exported.contains(item.of.unwrap_or(item.name));
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

/// The public items of a module of the engine that are no test's.
fn items<'a>(file: &File, tokens: &[Token<'a>]) -> Vec<Item<'a>> {
    if file.in_engine().is_none() || file.is_test_module() {
        return Vec::new();
    }
    let modules = Modules::of(tokens);
    let impls = impls(tokens);
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        if !tokens[at].is_word("pub") || is_in_tests(file, &modules, at) || is_for_tests(&tokens[..at]) {
            continue;
        }
        let (is_fully_public, after) = match tokens.get(at + 1) {
            Some(mark) if mark.is_mark('(') => (false, end_of_group(tokens, at + 1)),
            _ => (true, at + 1),
        };
        if let Some((name, line)) = declared(&tokens[after..]) {
            let of = impls.iter().rfind(|(range, _)| range.contains(&at)).map(|(_, name)| *name);
            let is_method = of.is_some();
            found.push(Item { name, line, of, is_fully_public, is_method });
        }
    }
    found
}

/// The name that the item declares whose visibility has just been read; fields and modules are none of this.
fn declared<'a>(tokens: &[Token<'a>]) -> Option<(&'a str, usize)> {
    let mut rest = tokens.iter();
    loop {
        match rest.next()?.kind {
            Kind::Word("unsafe" | "async" | "extern") | Kind::Literal(_) => {}
            // Of a constant, or in front of a function.
            Kind::Word("const") => {
                let next = rest.clone().next()?;
                match next.kind {
                    Kind::Word("fn" | "unsafe" | "extern") => {}
                    Kind::Word(name) => return Some((name, next.line)),
                    _ => return None,
                }
            }
            Kind::Word("fn" | "struct" | "enum" | "trait" | "type" | "static") => {
                let next = rest.find(|token| !token.is_word("mut"))?;
                return if let Kind::Word(name) = next.kind { Some((name, next.line)) } else { None };
            }
            _ => return None,
        }
    }
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

/// Whether a name is used as a method's or a constant's of a type is: `.name(`, `.name::<`, `Type::name`.
fn is_called(tokens: &[Token<'_>], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|before| &tokens[before]) else { return false };
    let is_applied = |next: &Token<'_>| next.is_mark('(') || next.kind == Kind::PathSeparator;
    before.kind == Kind::PathSeparator || before.is_mark('.') && tokens.get(at + 1).is_some_and(is_applied)
}

/// The names that `pub use` statements export, apart from hidden ones.
fn exports<'a>(tokens: &[Token<'a>]) -> Vec<&'a str> {
    let mut found = Vec::new();
    for at in 1..tokens.len() {
        if tokens[at].is_word("use") && tokens[at - 1].is_word("pub") {
            let statement = tokens[at..].iter().take_while(|token| !token.is_mark(';'));
            found.extend(statement.filter_map(|token| match token.kind {
                Kind::Word(name) => Some(name),
                _ => None,
            }));
        }
    }
    found
}

/// The `impl` blocks, from their first token to their last, each with the type that it is of.
fn impls<'a>(tokens: &[Token<'a>]) -> Vec<(std::ops::Range<usize>, &'a str)> {
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        let begins = at == 0
            || matches!(tokens[at - 1].kind, Kind::Mark(';' | '}' | '{' | ']'))
            || tokens[at - 1].is_word("unsafe");
        if !tokens[at].is_word("impl") || !begins {
            continue;
        }
        let Some(open) = tokens[at..].iter().position(|token| token.is_mark('{')).map(|open| at + open)
        else {
            continue;
        };
        let head = &tokens[at + 1..open];
        let head =
            head.iter().position(|token| token.is_word("for")).map_or(head, |place| &head[place + 1..]);
        if let Some(name) = subject(head) {
            found.push((at..end_of_group(tokens, open), name));
        }
    }
    found
}

/// The last name of the first path in the head of an `impl`, behind its parameters.
fn subject<'a>(head: &[Token<'a>]) -> Option<&'a str> {
    let mut depth = 0;
    let mut name = None;
    for token in head {
        match token.kind {
            Kind::Mark('<') if name.is_some() && depth == 0 => break,
            Kind::Mark('<') => depth += 1,
            Kind::Mark('>') => depth -= 1,
            Kind::Word("where") if depth == 0 => break,
            Kind::Word(word) if depth == 0 => name = Some(word),
            _ => {}
        }
    }
    name
}

/// One past the bracket that closes what opens at `open`.
fn end_of_group(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.kind {
            Kind::Mark('(' | '{' | '[') => depth += 1,
            Kind::Mark(')' | '}' | ']') => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    tokens.len()
}

fn is_in_tests(file: &File, modules: &Modules<'_>, at: usize) -> bool {
    let modules = modules.at(at);
    file.in_engine().is_some() && (modules.contains(&"tests") || modules.contains(&"model"))
}

/// Whether the attributes right in front say that it is for tests or for the model only.
fn is_for_tests(before: &[Token<'_>]) -> bool {
    let start = before
        .iter()
        .rposition(|token| matches!(token.kind, Kind::Mark(';' | '}' | '{')))
        .map_or(0, |at| at + 1);
    let attributes = &before[start..];
    attributes.windows(3).any(|three| {
        three[0].is_word("cfg")
            && three[1].is_mark('(')
            && (three[2].is_word("test") || three[2].is_word("manyhands_model"))
    })
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
