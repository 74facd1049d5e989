//! A folder's `mod.rs` is its map: the opening names every module that stands in it.
//!
//! A newcomer finds the place for a change by the names of folders and files, and by one line about each. Tests and
//! models need none, nor the one function with which tests wait; they stand beside what they are about.

use super::Finding;
use crate::lexer::{self, Kind};
use crate::tree::File;

pub fn check(file: &File) -> Vec<Finding> {
    if !(file.path.starts_with("crates/") && file.path.contains("/src/") && file.path.ends_with("/mod.rs")) {
        return Vec::new();
    }
    let opening: String = file.text.lines().filter(|line| line.starts_with("//!")).collect();
    let is_named = |name: &str| {
        opening
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .any(|word| word.trim_end_matches('_') == name)
    };
    modules(file)
        .into_iter()
        .filter(|(name, _)| {
            !["tests", "until"].contains(name) && !name.starts_with("model") && !is_named(name)
        })
        .map(|(name, line)| {
            Finding::new(file, line, format!("the opening does not name `{name}`; it is the folder's map"))
        })
        .collect()
}

/// The modules that are files of their own, with the lines on which they are declared.
fn modules(file: &File) -> Vec<(&str, usize)> {
    let tokens = lexer::code(&file.text);
    let declared = tokens.windows(3).filter(|three| three[0].is_word("mod") && three[2].is_mark(';'));
    declared
        .filter_map(|three| match three[1].kind {
            Kind::Word(name) => Some((name, three[1].line)),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> usize {
        check(&File::sample("crates/manyhands/src/sync/mod.rs", text)).len()
    }

    #[test]
    fn a_module_that_is_not_on_the_map_is_refused() {
        assert_eq!(findings("//! gate: sleep.\n\nmod gate;\nmod bell;\n"), 1);
    }

    #[test]
    fn a_whole_map_and_modules_within_are_allowed() {
        assert_eq!(findings("//! gate, bell\n\nmod gate;\npub mod bell;\nmod tests;\nmod model_death;\n"), 0);
        assert_eq!(findings("//! gate\n\nmod gate;\nmod public { pub use super::gate::Gate; }\n"), 0);
    }
}
