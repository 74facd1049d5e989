//! Nothing unfinished and nothing nameless is left behind.
//!
//! No marks that say "later" in code or comments, no macros that stand for missing code, no print for debugging. No
//! module whose name says only that it did not belong elsewhere.

use super::Finding;
use crate::lexer::{self, Kind};
use crate::tree::File;

const LATER: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
const MACROS: [&str; 3] = ["todo", "unimplemented", "dbg"];
const NAMELESS: [&str; 8] = ["util", "utils", "helper", "helpers", "common", "misc", "part2", "stuff"];

pub fn check(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, line) in file.text.lines().enumerate() {
        let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        if let Some(mark) = words.find(|word| LATER.contains(word)) {
            findings.push(Finding::new(
                file,
                at + 1,
                format!("`{mark}`: do it, or open an issue and say why here"),
            ));
        }
    }
    // The standard library chose this name; a program imports it.
    let given = file.path == "python/manyhands/multiprocessing/util.py";
    for part in file.path.split('/').filter(|_| !given) {
        let name = part.trim_end_matches(".rs").trim_end_matches(".py");
        if NAMELESS.contains(&name) {
            findings.push(Finding::new(
                file,
                1,
                format!("`{name}` says nothing; name the file after its idea"),
            ));
        }
    }
    if file.is_rust() {
        findings.extend(macros(file));
    }
    findings
}

fn macros(file: &File) -> Vec<Finding> {
    let tokens = lexer::code(&file.text);
    let pairs = tokens.windows(2).filter(|pair| pair[1].is_mark('!'));
    pairs
        .filter_map(|pair| match pair[0].kind {
            Kind::Word(word) if MACROS.contains(&word) => {
                Some(Finding::new(file, pair[0].line, format!("`{word}!` is no finished code")))
            }
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::samples::{assert_allowed, assert_refused};

    #[test]
    fn leftovers_are_refused() {
        assert_refused(check, "crates/cli/src/plan.rs", &[&format!("// {}: later", LATER[0])]);
        assert_refused(check, "python/manyhands/pool.py", &[&format!("# {} later", LATER[1])]);
        assert_refused(check, "crates/cli/src/plan.rs", &["fn f() { todo!() }", "fn f() { dbg!(1); }"]);
        assert_refused(check, "crates/cli/src/utils.rs", &[""]);
        assert_refused(check, "crates/cli/src/common/plan.rs", &[""]);
    }

    #[test]
    fn finished_code_is_allowed() {
        assert_allowed(check, "crates/cli/src/plan.rs", &["fn todo() { f(\"todo!\") }"]);
    }
}
