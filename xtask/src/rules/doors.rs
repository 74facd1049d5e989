//! Some things come in through one door only.
//!
//! Atomics and the model checker come through `platform::atomic`, the operating system and the files of `/proc` through
//! `platform`, Python through `crates/python`, waiting through `sync::wait`, other programs through `spawn`. Test code
//! of a layer may use the raw thing; a `model` module may name the model checker.
//!
//! The standard library's `Mutex` is for what one process keeps for itself, is held for a moment, and is not waited
//! under. The arena may use it, since our own locks are built on the arena. So may spawn and executor, for their
//! records of this process's children and calls. Platform and channel may not, because their code runs in processes
//! that were cloned with a lock held; nor may sync, which is the locks. No layer uses the other things in the standard
//! library that wait (`Condvar`, `mpsc`, ...): the wait graph would not see those waits.

use super::{Finding, Modules};
use crate::lexer::{self, Kind, Token};
use crate::tree::File;

/// A path that may be written only in some folders of the engine.
struct Door {
    path: &'static [&'static str],
    layers: &'static [&'static str],
    instead: &'static str,
}

/// The layers that may use the standard library's `Mutex`.
const MUTEX: &[&str] = &["arena", "spawn", "executor"];

const WAITING: &str = "wait through crate::sync::wait";

const DOORS: [Door; 13] = [
    Door { path: &["std", "sync", "atomic"], layers: &["platform"], instead: "use crate::platform::atomic" },
    Door { path: &["core", "sync", "atomic"], layers: &["platform"], instead: "use crate::platform::atomic" },
    Door {
        path: &["loom"],
        layers: &["platform"],
        instead: "use crate::platform::atomic, or a `model` module",
    },
    Door { path: &["libc"], layers: &["platform"], instead: "give crate::platform a function for it" },
    Door { path: &["rustix"], layers: &["platform"], instead: "give crate::platform a function for it" },
    Door {
        path: &["std", "process", "Command"],
        layers: &[],
        instead: "start processes through crate::spawn",
    },
    Door { path: &["thread", "sleep"], layers: &[], instead: WAITING },
    Door { path: &["std", "sync", "Condvar"], layers: &[], instead: WAITING },
    Door { path: &["std", "sync", "Barrier"], layers: &[], instead: WAITING },
    Door { path: &["std", "sync", "mpsc"], layers: &[], instead: WAITING },
    Door { path: &["std", "sync", "RwLock"], layers: &[], instead: "use a Mutex, where one may stand" },
    Door {
        path: &["std", "sync", "Mutex"],
        layers: MUTEX,
        instead: "only arena, spawn and executor keep something under one, for a moment",
    },
    Door { path: &["pyo3"], layers: &[], instead: "the engine knows no Python; write it in crates/python" },
];

pub fn check(file: &File) -> Vec<Finding> {
    if file.path.ends_with("Cargo.toml") {
        return manifest(file);
    }
    if !file.is_rust() {
        return Vec::new();
    }
    let tokens = lexer::code(&file.text);
    let modules = Modules::of(&tokens);
    let mut findings = Vec::new();
    for index in 0..tokens.len() {
        if matches!(tokens[index].kind, Kind::Literal(text) if is_in_proc(text))
            && is_shut_but_for(file, &["platform"], modules.at(index))
        {
            let message = "a file of /proc does not belong here: give crate::platform a function for it";
            findings.push(Finding::new(file, tokens[index].line, message));
        }
        for door in &DOORS {
            if !begins_path(&tokens[index..], door.path) || is_last_of_longer(&tokens, index, door) {
                continue;
            }
            if names_a_constant(&tokens[index..]) {
                continue;
            }
            if is_shut(file, door, modules.at(index)) {
                let message = format!("`{}` does not belong here: {}", door.path.join("::"), door.instead);
                findings.push(Finding::new(file, tokens[index].line, message));
            }
        }
    }
    findings
}

fn is_shut(file: &File, door: &Door, modules: &[&str]) -> bool {
    if door.path == ["pyo3"] {
        return file.is_shipped() && !file.path.starts_with("crates/python/");
    }
    if door.path == ["loom"] {
        // Other tests than models are no reason to name it.
        let is_model = modules.contains(&"model") || file.is_model();
        return file.in_engine().is_some() && !is_open(file, door.layers) && !is_model;
    }
    is_shut_but_for(file, door.layers, modules)
}

fn is_open(file: &File, layers: &[&str]) -> bool {
    file.layer().is_some_and(|layer| layers.contains(&layer))
}

/// Whether the file is part of the engine, and neither of these layers nor test code.
fn is_shut_but_for(file: &File, layers: &[&str], modules: &[&str]) -> bool {
    let Some(inside) = file.in_engine() else { return false };
    let in_tests = modules.contains(&"tests") || modules.contains(&"model");
    let is_test = in_tests || file.is_test_module() || inside.contains("/tests/");
    !is_open(file, layers) && !is_test
}

/// Whether a literal is the path of a file of /proc, however it is quoted.
fn is_in_proc(literal: &str) -> bool {
    literal.trim_start_matches(['b', 'c', 'r', '#']).starts_with("\"/proc")
}

/// A crate's name counts at the start of a path only: `foo::libc` is something else, `::libc` is not.
fn is_last_of_longer(tokens: &[Token<'_>], index: usize, door: &Door) -> bool {
    let before = &tokens[..index];
    let is_continued = matches!(before, [.., word, separator]
        if matches!(word.kind, Kind::Word(_)) && separator.kind == Kind::PathSeparator);
    door.path.len() == 1 && is_continued
}

/// The numbers of errors and signals are names, not calls: `libc::ESRCH`, `libc::SIGKILL`.
fn names_a_constant(tokens: &[Token<'_>]) -> bool {
    let name = match tokens {
        [first, _, Token { kind: Kind::Word(name), .. }, ..] if first.is_word("libc") => name,
        _ => return false,
    };
    name.starts_with(['E', 'S'])
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// Whether `tokens` begin with `path`, the last name also inside a group: `std::process::{Child, Command}`.
fn begins_path(tokens: &[Token<'_>], path: &[&str]) -> bool {
    let Some((first, rest)) = path.split_first() else { return true };
    let Some((token, after)) = tokens.split_first() else { return false };
    if !token.is_word(first) {
        return false;
    }
    match after {
        [separator, next, ..] if separator.kind == Kind::PathSeparator => {
            rest.is_empty()
                || begins_path(&after[1..], rest)
                || (next.is_mark('{') && group_has(&after[1..], rest))
        }
        _ => rest.is_empty(),
    }
}

fn group_has(group: &[Token<'_>], path: &[&str]) -> bool {
    let mut depth = 0;
    for (at, token) in group.iter().enumerate() {
        if token.is_mark('{') {
            depth += 1;
        } else if token.is_mark('}') {
            depth -= 1;
            if depth == 0 {
                return false;
            }
        } else if depth == 1
            && (group[at - 1].is_mark('{') || group[at - 1].is_mark(','))
            && begins_path(&group[at..], path)
        {
            return true;
        }
    }
    false
}

fn manifest(file: &File) -> Vec<Finding> {
    if file.path.starts_with("crates/python/") {
        return Vec::new();
    }
    let named = file.text.lines().enumerate().filter(|(_, line)| line.trim_start().starts_with("pyo3"));
    named.map(|(at, _)| Finding::new(file, at + 1, "only crates/python may depend on pyo3")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::samples::{assert_allowed, assert_refused, found};

    const RING: &str = "crates/manyhands/src/channel/ring.rs";
    const ZYGOTE: &str = "crates/manyhands/src/spawn/zygote.rs";

    #[test]
    fn what_goes_round_its_door_is_refused() {
        assert_refused(
            check,
            RING,
            &[
                "use std::sync::atomic::AtomicU64;",
                "use std::sync::{Arc, atomic::{AtomicU64, Ordering}};",
                "fn f() { core::sync::atomic::fence(x) }",
                "use loom::thread;",
                "mod tests { use loom::thread; }",
                "fn f() { ::libc::getpid(); }",
                "use rustix::fs;",
                "use std::process::{Child, Command};",
                "fn f() { std::thread::sleep(x) }",
            ],
        );
        assert_eq!(found(check, RING, "use std::sync::{Arc, Condvar, mpsc};"), 2);
        assert_eq!(found(check, RING, "use std::sync::{Mutex, RwLock};"), 2);
        assert_refused(
            check,
            ZYGOTE,
            &[
                "fn f() { unsafe { libc::fork() }; }",
                "use std::process::Command;",
                "const SELF: &CStr = c\"/proc/self/exe\";",
                "fn f() { read(format!(r#\"/proc/{pid}/stat\"#)); }",
            ],
        );
        assert_refused(check, "crates/manyhands/src/lib.rs", &["use std::sync::atomic::AtomicU64;"]);
        assert_refused(check, "crates/cli/src/lib.rs", &["use pyo3::prelude::*;"]);
        assert_refused(check, "crates/cli/Cargo.toml", &["[dependencies]\npyo3 = \"1\"\n"]);
    }

    #[test]
    fn the_doors_themselves_are_open() {
        assert_allowed(
            check,
            "crates/manyhands/src/platform/atomic.rs",
            &["pub use std::sync::atomic::fence;"],
        );
        assert_allowed(check, RING, &["mod model { use loom::thread; }"]);
        assert_allowed(check, "crates/manyhands/src/channel/model_death.rs", &["use loom::thread;"]);
        assert_allowed(
            check,
            RING,
            &[
                "mod tests { use std::sync::atomic::AtomicU64; }",
                "use std::sync::Arc; use std::process::ExitStatus;",
                "fn f() { crate::platform::libc::x() }",
                "fn f() -> i32 { libc::ESRCH }",
            ],
        );
        assert_allowed(
            check,
            ZYGOTE,
            &[
                "use std::sync::Mutex;",
                "fn f() { error(\"reading /proc\") }",
                "mod tests { use std::process::Command; const FILE: &str = \"/proc/1\"; }",
            ],
        );
        assert_allowed(
            check,
            "crates/manyhands/src/platform/maps.rs",
            &["const SELF: &CStr = c\"/proc/self\";"],
        );
        assert_allowed(check, "crates/python/src/queue.rs", &["use pyo3::prelude::*;"]);
        assert_allowed(check, "crates/python/Cargo.toml", &["pyo3 = \"1\"\n"]);
    }
}
