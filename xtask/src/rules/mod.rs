//! One file per rule; each is a function from a file to the places where it breaks the rule.
//!
//! A new rule is a file here, a line in `all`, and a test with a sample that fails it. A finding says what is wrong and
//! what to do instead.

mod circles;
mod doors;
mod items;
mod layers;
mod leftovers;
mod length;
mod maps;
mod margin;
mod named;
mod openings;
mod paths;
mod prose;
#[cfg(test)]
mod samples;
mod unsafety;
mod unused;

use std::fmt;

use crate::lexer::{Kind, Token};
use crate::tree::File;

/// A place that breaks a rule.
#[derive(Debug)]
pub struct Finding {
    path: String,
    line: usize,
    message: String,
}

impl Finding {
    fn new(file: &File, line: usize, message: impl Into<String>) -> Self {
        Self { path: file.path.clone(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// Everything that is wrong with `files`.
pub fn all(files: &[File]) -> Vec<Finding> {
    let mut findings = length::stale(files);
    findings.extend(circles::check(files));
    findings.extend(unused::check(files));
    findings.extend(named::check(files));
    findings.extend(paths::check(files));
    for file in files {
        findings.extend(doors::check(file));
        findings.extend(layers::check(file));
        findings.extend(leftovers::check(file));
        findings.extend(length::check(file));
        findings.extend(maps::check(file));
        findings.extend(margin::check(file));
        findings.extend(openings::check(file));
        findings.extend(prose::check(file));
        findings.extend(unsafety::check(file));
    }
    findings
}

/// For each token, the inline modules (`mod x { ... }`) it stands in, outermost first. They are kept as one list of
/// `(index, path)` changes: the path at a token is that of the last change at or before it.
pub struct Modules<'a> {
    changes: Vec<(usize, Vec<&'a str>)>,
}

impl<'a> Modules<'a> {
    pub fn of(tokens: &[Token<'a>]) -> Self {
        let mut changes = vec![(0, Vec::new())];
        let mut open: Vec<Option<&'a str>> = Vec::new();
        for (index, token) in tokens.iter().enumerate() {
            if token.is_mark('{') {
                open.push(opened_module(&tokens[..index]));
            } else if token.is_mark('}') {
                open.pop();
            } else {
                continue;
            }
            changes.push((index, open.iter().flatten().copied().collect()));
        }
        Self { changes }
    }

    pub fn at(&self, index: usize) -> &[&'a str] {
        let after = self.changes.partition_point(|(start, _)| *start <= index);
        &self.changes[after - 1].1
    }
}

fn opened_module<'a>(before: &[Token<'a>]) -> Option<&'a str> {
    match before {
        [.., keyword, Token { kind: Kind::Word(name), .. }] if keyword.is_word("mod") => Some(name),
        _ => None,
    }
}
