//! The paths on `docs/architecture.md` lead somewhere, and each module of the Python package is on that page.
//!
//! Newcomers find the place for a change there, so a file that has moved must not stand there under its old name. A
//! path is a code span with a `/` in it, or with the ending of a file of this repository. It begins at the root of the
//! repository or at the engine's `src`. Braces stand for several names: `sync/{mod,sweep}.rs` is two files. The Python
//! package has no `mod.rs` that could be its map.

use super::Finding;
use super::margin::outside_code;
use crate::tree::File;
use std::collections::BTreeSet;
use std::path::Path;

const PAGE: &str = "docs/architecture.md";

/// Where a path may begin.
const ROOTS: [&str; 2] = ["", "crates/manyhands/src/"];

const PACKAGE: &str = "python/manyhands/";

const ENDINGS: [&str; 6] = [".rs", ".py", ".pyi", ".md", ".toml", ".txt"];

pub fn check(files: &[File]) -> Vec<Finding> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let Some(page) = files.iter().find(|file| file.path == PAGE) else { return Vec::new() };
    let mut findings = missing(page, |path| root.join(path).exists());
    findings.extend(unnamed(page, files));
    findings
}

/// Paths on the page that lead nowhere.
fn missing(page: &File, is_there: impl Fn(&str) -> bool) -> Vec<Finding> {
    let is_lost = |path: &str| !ROOTS.iter().any(|root| is_there(&format!("{root}{path}")));
    let lost = paths(&page.text).into_iter().filter(|(path, _)| is_lost(path));
    lost.map(|(path, line)| {
        Finding::new(
            page,
            line,
            format!("`{path}` is not there: name the file or folder that took its place"),
        )
    })
    .collect()
}

/// Modules of the Python package that the page does not name. An `__init__.py` is named with its folder.
fn unnamed(page: &File, files: &[File]) -> Vec<Finding> {
    let named: BTreeSet<String> = paths(&page.text).into_iter().map(|(path, _)| path).collect();
    let modules = files.iter().filter(|file| file.path.starts_with(PACKAGE) && file.is_python());
    modules
        .filter(|file| !named.contains(file.path.trim_end_matches("/__init__.py")))
        .map(|file| {
            Finding::new(file, 1, format!("{PAGE} does not name this module; it is the package's map"))
        })
        .collect()
}

/// The paths that a page names, with the lines on which they stand.
fn paths(text: &str) -> Vec<(String, usize)> {
    let mut paths = Vec::new();
    let mut is_code = false;
    for (at, line) in outside_code(text.lines().enumerate()) {
        // A code span may go on in the next line, but not in the next paragraph.
        is_code &= !line.is_empty();
        for (nth, piece) in line.split('`').enumerate() {
            is_code ^= nth > 0;
            if is_code && is_path(piece) {
                paths.extend(each(piece.trim_end_matches('/')).into_iter().map(|path| (path, at + 1)));
            }
        }
    }
    paths
}

/// Whether a code span names a file or folder of the repository; what begins with a `/` is the machine's.
fn is_path(span: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || "_-./{},".contains(c);
    let has_form = span.contains('/') || ENDINGS.iter().any(|ending| span.ends_with(ending));
    has_form && !span.starts_with('/') && span.chars().all(is_name)
}

/// The paths that a span with braces stands for.
fn each(span: &str) -> Vec<String> {
    let Some((before, rest)) = span.split_once('{') else { return vec![span.to_owned()] };
    let Some((names, after)) = rest.split_once('}') else { return vec![span.to_owned()] };
    names.split(',').flat_map(|name| each(&format!("{before}{name}{after}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: [&str; 3] =
        ["docs/design.md", "crates/manyhands/src/sync/mod.rs", "crates/manyhands/src/sync"];

    fn lost(text: &str) -> usize {
        missing(&File::sample(PAGE, text), |path| TREE.contains(&path)).len()
    }

    #[test]
    fn a_path_that_leads_nowhere_is_refused() {
        assert_eq!(lost("see `docs/designs.md`"), 1);
        assert_eq!(lost("| `design.md` |"), 1);
        assert_eq!(lost("`sync/{mod,sweep,door}.rs`"), 2);
        assert_eq!(lost("`a span\nof two lines`, `sync/raw.rs`"), 1);
        assert_eq!(lost("one mark: `\n\n`sync/raw.rs`"), 1);
    }

    #[test]
    fn what_is_there_and_what_is_no_path_is_allowed() {
        assert_eq!(
            lost("`docs/design.md`, `sync/mod.rs`, `sync/`, `sync/{mod}.rs`, `crates/manyhands/src/sync`"),
            0
        );
        assert_eq!(lost("`/proc`, `Kind`, `a / b`, `arena::Kind`, and/or, docs/old.md"), 0);
        assert_eq!(lost("```text\n`sync/raw.rs`\n```\n"), 0);
    }

    #[test]
    fn a_module_of_the_package_that_is_not_on_the_page_is_refused() {
        let found = |page: &str| {
            let modules =
                ["pool.py", "futures/__init__.py", "_std.py"].map(|name| format!("{PACKAGE}{name}"));
            let mut files: Vec<File> = modules.iter().map(|path| File::sample(path, "")).collect();
            files.push(File::sample("crates/python/src/lib.rs", ""));
            unnamed(&File::sample(PAGE, page), &files).len()
        };
        assert_eq!(found("nothing"), 3);
        assert_eq!(found("`python/manyhands/{pool,_std}.py`"), 1);
        assert_eq!(found("`python/manyhands/{pool,_std}.py`, `python/manyhands/futures`"), 0);
    }
}
