//! A layer of the engine uses itself and the layers before it, never one after it.
//!
//! The rule reads every path that begins with `crate::` or climbs with `super::` to the crate's root, inside groups as
//! well (`use crate::{arena, sync::park}`). A name at the root that is no layer hides which layer it comes from, so it
//! is refused, too. A lower layer declares what it needs of a later one as a trait, which the later one, or the root,
//! implements.

use super::{Finding, Modules};
use crate::lexer::{self, Kind, Token};
use crate::tree::{File, LAYERS};

pub fn check(file: &File) -> Vec<Finding> {
    let Some(layer) = file.layer() else { return Vec::new() };
    let tokens = lexer::code(&file.text);
    let modules = Modules::of(&tokens);
    let depth = module_depth(file);
    let mut findings = Vec::new();
    for index in 0..tokens.len() {
        let inline = modules.at(index).len();
        let Some(after) = root_path(&tokens, index, depth + inline) else { continue };
        for name in first_names(&tokens, after) {
            let Kind::Word(word) = name.kind else { continue };
            if let Some(message) = objection(layer, word) {
                findings.push(Finding::new(file, name.line, message));
            }
        }
    }
    findings
}

fn objection(layer: &str, used: &str) -> Option<String> {
    let place = |name: &str| LAYERS.iter().position(|known| *known == name);
    match place(used) {
        Some(later) if Some(later) > place(layer) => Some(format!(
            "layer `{layer}` uses `{used}`, which comes after it; let `{used}` come to it through a trait instead"
        )),
        Some(_) => None,
        None => Some(format!(
            "layer `{layer}` uses `crate::{used}`, which hides the layer it comes from; write `crate::LAYER::...`"
        )),
    }
}

/// How many modules deep the file is: 1 for `sync/mod.rs`, 2 for `sync/sweep.rs`.
fn module_depth(file: &File) -> usize {
    let inside = file.in_engine().unwrap_or_default();
    let parts = inside.split('/').count();
    if inside.ends_with("/mod.rs") { parts - 1 } else { parts }
}

/// If a path to the crate's root begins at `index`, where it goes on: `crate::HERE`, `super::super::HERE`.
fn root_path(tokens: &[Token<'_>], index: usize, depth: usize) -> Option<usize> {
    let continues = |at: usize| tokens.get(at).is_some_and(|token| token.kind == Kind::PathSeparator);
    if index > 0 && tokens[index - 1].kind == Kind::PathSeparator {
        return None;
    }
    if tokens[index].is_word("crate") {
        return continues(index + 1).then_some(index + 2);
    }
    let mut climbed = 0;
    let mut at = index;
    while tokens.get(at).is_some_and(|token| token.is_word("super")) && continues(at + 1) {
        climbed += 1;
        at += 2;
    }
    (climbed > 0 && climbed >= depth).then_some(at)
}

/// The first name of a path, or of each path of a group that stands in its place.
fn first_names<'t, 'a>(tokens: &'t [Token<'a>], at: usize) -> Vec<&'t Token<'a>> {
    match tokens.get(at) {
        Some(token) if token.is_mark('{') => group_names(tokens, at),
        Some(token) => vec![token],
        None => Vec::new(),
    }
}

fn group_names<'t, 'a>(tokens: &'t [Token<'a>], open: usize) -> Vec<&'t Token<'a>> {
    let mut names = Vec::new();
    let mut depth = 0;
    for at in open..tokens.len() {
        let token = &tokens[at];
        let starts = tokens[at.saturating_sub(1)].is_mark('{') || tokens[at.saturating_sub(1)].is_mark(',');
        if token.is_mark('{') {
            depth += 1;
        } else if token.is_mark('}') {
            depth -= 1;
            if depth == 0 {
                break;
            }
        } else if depth == 1 && starts {
            names.push(token);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::samples::{assert_allowed, assert_refused, found};

    #[test]
    fn a_later_layer_is_refused_however_it_is_written() {
        let sweep = "crates/manyhands/src/sync/sweep.rs";
        assert_refused(check, sweep, &["use crate::channel::Queue;"]);
        assert_eq!(found(check, sweep, "use crate::{arena::Arena, channel::{Queue, ring}, executor};"), 2);
        assert_refused(
            check,
            sweep,
            &[
                "fn f() { crate::spawn::reaper::start(); }",
                "use super::super::channel;",
                "mod tests { use super::super::super::channel; }",
            ],
        );
        assert_refused(check, "crates/manyhands/src/sync/mod.rs", &["use super::channel;"]);
        assert_refused(check, "crates/manyhands/src/platform/futex.rs", &["pub use crate::arena::Offset;"]);
        assert_refused(check, "crates/manyhands/src/arena.rs", &["use super::sync;"]);
    }

    #[test]
    fn a_name_that_hides_its_layer_is_refused() {
        let sweep = "crates/manyhands/src/sync/sweep.rs";
        assert_refused(
            check,
            sweep,
            &["use crate::Queue;", "mod tests { fn f() { crate::sweep_the_dead(); } }"],
        );
    }

    #[test]
    fn earlier_layers_are_allowed() {
        let sweep = "crates/manyhands/src/sync/sweep.rs";
        assert_allowed(
            check,
            sweep,
            &[
                "use crate::{arena, platform::futex}; use super::channel; use super::super::arena;",
                "mod tests { use super::super::channel; }",
                "// crate::channel\nconst TEXT: &str = \"crate::channel::x\";",
            ],
        );
        assert_allowed(check, "crates/manyhands/src/lib.rs", &["pub use crate::executor::Pool;"]);
    }
}
