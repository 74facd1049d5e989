//! What the rules about public items know of Rust text: what it declares, exports and calls.
//!
//! It goes by names and brackets, not by types. So a method belongs to the type that its `impl` names, or to a macro
//! that writes the same methods into several types.

use super::Modules;
use crate::lexer::{Kind, Token};
use crate::tree::File;
use std::collections::BTreeSet;

/// A public item of the engine.
pub struct Item<'a> {
    pub name: &'a str,
    pub line: usize,
    /// The type of the `impl` that it stands in.
    pub of: Option<&'a str>,
    /// Whether it stands in a macro, which writes it into several types.
    pub is_in_macro: bool,
    pub is_fully_public: bool,
    pub is_method: bool,
}

impl Item<'_> {
    /// Whether users see it, who see the `exported` names: it is one of these, a method of one, or stands in a macro
    /// beside one.
    pub fn is_seen(&self, all: &[Item<'_>], exported: &BTreeSet<&str>) -> bool {
        let is_beside = || all.iter().any(|item| !item.is_method && exported.contains(item.name));
        self.is_fully_public
            && (exported.contains(self.of.unwrap_or(self.name)) || self.is_in_macro && is_beside())
    }
}

/// The public items of a module of the engine that are no test's.
pub fn items<'a>(file: &File, tokens: &[Token<'a>]) -> Vec<Item<'a>> {
    if file.in_engine().is_none() || file.is_test_module() {
        return Vec::new();
    }
    let modules = Modules::of(tokens);
    let impls = impls(tokens);
    let macros = macros(tokens);
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
            let is_in_macro = macros.iter().any(|range| range.contains(&at));
            let is_method = of.is_some() || is_in_macro;
            found.push(Item { name, line, of, is_in_macro, is_fully_public, is_method });
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

/// Whether a name is used as a method's or a constant's of a type is: `.name(`, `.name::<`, `Type::name`.
pub fn is_called(tokens: &[Token<'_>], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|before| &tokens[before]) else { return false };
    let is_applied = |next: &Token<'_>| next.is_mark('(') || next.kind == Kind::PathSeparator;
    before.kind == Kind::PathSeparator || before.is_mark('.') && tokens.get(at + 1).is_some_and(is_applied)
}

/// The names that `pub use` statements export, apart from hidden ones.
pub fn exports<'a>(tokens: &[Token<'a>]) -> Vec<&'a str> {
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

/// The bodies of the macros that the text defines.
fn macros(tokens: &[Token<'_>]) -> Vec<std::ops::Range<usize>> {
    let begins = (0..tokens.len()).filter(|at| tokens[*at].is_word("macro_rules"));
    begins.map(|at| at..end_of_group(tokens, at)).collect()
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

pub fn is_in_tests(file: &File, modules: &Modules<'_>, at: usize) -> bool {
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
