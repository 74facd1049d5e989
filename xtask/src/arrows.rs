//! Which file of the engine takes what from which other one.
//!
//! An arrow leads from a file to the one that declares what it names, in a `use` or in a path; re-exports are followed
//! to that file. A `mod.rs` that passes a name on takes nothing for itself. Tests take nothing. Methods are not looked
//! up: an `impl` may stand in another file than its type.

use crate::lexer::{self, Kind, Token};
use crate::rules::Modules;
use crate::tree::File;
use std::collections::{BTreeMap, BTreeSet};

/// What one file takes from another: the names, by the two files.
pub type Arrows = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// A path of modules and names, from the crate's root.
type Path = Vec<String>;

/// What is known of the engine's modules.
#[derive(Default)]
struct Crate {
    /// The file of each module that is one, or that stands in one.
    modules: BTreeMap<Path, String>,
    /// What each module declares.
    declared: BTreeSet<Path>,
    /// What each module imports, under which name, from where; `*` for all.
    imports: BTreeMap<Path, Vec<(String, Path)>>,
}

/// All arrows between files of the engine, by their paths inside it.
pub fn arrows(files: &[File]) -> Arrows {
    let rooms: Vec<(&str, Vec<Token<'_>>)> = files
        .iter()
        .filter(|file| file.is_rust() && !file.is_test_module())
        .filter_map(|file| Some((file.in_engine()?, lexer::code(&file.text))))
        .collect();
    let mut known = Crate::default();
    for (path, tokens) in &rooms {
        known.read(path, tokens);
    }
    let mut arrows = Arrows::new();
    for (path, tokens) in &rooms {
        for (module, used) in uses(path, tokens) {
            if let Some(file) = known.file_of(&known.absolute(&module, &used), 0)
                && file != *path
            {
                let taken = arrows.entry((*path).to_owned()).or_default().entry(file.to_owned()).or_default();
                taken.insert(used.last().cloned().unwrap_or_default());
            }
        }
    }
    arrows
}

impl Crate {
    fn read(&mut self, path: &str, tokens: &[Token<'_>]) {
        let modules = Modules::of(tokens);
        let module = module_of(path);
        for end in 0..module.len() {
            self.modules.entry(module[..end].to_vec()).or_default();
        }
        self.modules.insert(module, path.to_owned());
        for at in 0..tokens.len() {
            let module = inside(path, modules.at(at));
            if is_for_tests(modules.at(at)) {
                continue;
            }
            if let [Token { kind: Kind::Word(keyword), .. }, Token { kind: Kind::Word(name), .. }, ..] =
                tokens[at..]
                && ["fn", "struct", "enum", "union", "trait", "type", "static", "const"].contains(&keyword)
            {
                self.declared.insert([&module[..], &[name.to_owned()]].concat());
            }
            if let [
                Token { kind: Kind::Word("macro_rules"), .. },
                _,
                Token { kind: Kind::Word(name), .. },
                ..,
            ] = tokens[at..]
            {
                self.declared.insert([&module[..], &[name.to_owned()]].concat());
            }
            if begins_use(tokens, at) {
                let taken = tree(tokens, &mut (at + 1), &[]);
                let taken = taken.into_iter().map(|(name, path)| (name, rooted(&module, &path)));
                self.imports.entry(module.clone()).or_default().extend(taken);
            }
            self.modules.entry(module).or_insert_with(|| path.to_owned());
        }
    }

    /// A path as it is written in a module, from the root.
    fn absolute(&self, module: &[String], path: &[String]) -> Path {
        let imported = |name: &String| {
            let imports = self.imports.get(module)?;
            imports.iter().find(|(alias, _)| alias == name).map(|(_, path)| path.clone())
        };
        match path.split_first().and_then(|(first, rest)| Some((imported(first)?, rest))) {
            Some((from, rest)) => [&from[..], rest].concat(),
            None => rooted(module, path),
        }
    }

    /// The file that declares the first name of a path that is no module. Imports are followed, at most so deep.
    fn file_of(&self, path: &[String], depth: usize) -> Option<&str> {
        if depth > 12 {
            return None;
        }
        let modules = (0..path.len()).take_while(|end| self.modules.contains_key(&path[..*end])).last()?;
        let (module, rest) = path.split_at(modules);
        if self.modules.contains_key(path) {
            return None;
        }
        let name = rest.first()?;
        if self.declared.contains(&path[..=modules]) {
            return self.modules.get(module).map(String::as_str);
        }
        let imports = self.imports.get(module)?;
        imports.iter().filter(|(alias, _)| alias == name || alias == "*").find_map(|(alias, from)| {
            let behind = if alias == "*" { rest } else { &rest[1..] };
            self.file_of(&[&from[..], behind].concat(), depth + 1)
        })
    }
}

/// A path that begins with `crate`, `self` or `super`, from the root; any other as if it began with `self`.
fn rooted(module: &[String], path: &[String]) -> Path {
    let mut from = module.to_vec();
    let mut rest = path;
    while let Some((first, after)) = rest.split_first() {
        match first.as_str() {
            "crate" => from.clear(),
            "super" => drop(from.pop()),
            "self" => {}
            _ => break,
        }
        rest = after;
    }
    [&from[..], rest].concat()
}

/// Every path that a file uses, with the module in which it is written. What a `mod.rs` passes on is no use.
fn uses(path: &str, tokens: &[Token<'_>]) -> Vec<(Path, Path)> {
    let modules = Modules::of(tokens);
    let is_map = path.ends_with("mod.rs") || path == "lib.rs";
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let here = modules.at(at);
        let module = inside(path, here);
        let is_inner = at > 0 && tokens[at - 1].kind == Kind::PathSeparator;
        if is_for_tests(here) {
            at += 1;
        } else if begins_use(tokens, at) {
            let passes_on = at > 0 && (tokens[at - 1].is_word("pub") || tokens[at - 1].is_mark(')'));
            at += 1;
            let taken = tree(tokens, &mut at, &[]);
            if !(passes_on && is_map) {
                found.extend(taken.into_iter().map(|(_, path)| (module.clone(), path)));
            }
        } else if matches!(tokens[at].kind, Kind::Word(_)) && !is_inner {
            let written = written(&tokens[at..]);
            at += written.len() * 2 - 1;
            if written.len() > 1 {
                found.push((module, written));
            }
        } else {
            at += 1;
        }
    }
    found
}

/// The path that is written where the tokens begin, without a group behind it.
fn written(tokens: &[Token<'_>]) -> Path {
    let mut path = Path::new();
    for pair in tokens.chunks(2) {
        let Kind::Word(word) = pair[0].kind else { break };
        path.push(word.to_owned());
        if pair.get(1).is_none_or(|next| next.kind != Kind::PathSeparator) {
            break;
        }
    }
    path
}

fn begins_use(tokens: &[Token<'_>], at: usize) -> bool {
    tokens[at].is_word("use") && !tokens.get(at + 1).is_some_and(|next| next.is_mark('<'))
}

/// What a `use` takes, from `at` on: under which name, and the path. `at` is behind it afterwards.
fn tree(tokens: &[Token<'_>], at: &mut usize, prefix: &[String]) -> Vec<(String, Path)> {
    let mut path = prefix.to_vec();
    let mut found = Vec::new();
    while let Some(token) = tokens.get(*at) {
        *at += 1;
        match token.kind {
            Kind::Mark('{') => {
                while tokens.get(*at).is_some_and(|token| !token.is_mark('}')) {
                    found.extend(tree(tokens, at, &path));
                    *at += usize::from(tokens.get(*at).is_some_and(|token| token.is_mark(',')));
                }
                *at += 1;
                return found;
            }
            Kind::Mark('*') => return vec![("*".to_owned(), path)],
            Kind::Word(word) => {
                if word != "self" || path.is_empty() {
                    path.push(word.to_owned());
                }
                let next = tokens.get(*at).map(|token| token.kind);
                if next == Some(Kind::Word("as")) {
                    *at += 2;
                    let alias = tokens.get(*at - 1).map(|token| token.kind);
                    return match alias {
                        Some(Kind::Word(alias)) => vec![(alias.to_owned(), path)],
                        _ => Vec::new(),
                    };
                }
                if next != Some(Kind::PathSeparator) {
                    return path.last().cloned().map(|name| (name, path)).into_iter().collect();
                }
            }
            Kind::PathSeparator => {}
            _ => break,
        }
    }
    found
}

/// The module that a file is.
fn module_of(path: &str) -> Path {
    let parts = path.trim_end_matches(".rs").split('/').map(str::to_owned);
    parts.filter(|part| !["mod", "lib"].contains(&part.as_str())).collect()
}

fn inside(path: &str, inline: &[&str]) -> Path {
    module_of(path).into_iter().chain(inline.iter().map(|name| (*name).to_owned())).collect()
}

fn is_for_tests(inline: &[&str]) -> bool {
    inline.iter().any(|name| *name == "tests" || name.starts_with("model"))
}
