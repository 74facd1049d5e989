//! No circle of imports between files of the engine, nor between folders of `sync`.
//!
//! Files that use one another can only be understood together, and none of them can be tried or moved alone. What one
//! takes from another is read in [`arrows`](crate::arrows). What breaks a circle is a type moved to where it belongs,
//! an argument, or a trait that is declared lower. The few circles that stay are listed with their reasons, here and in
//! `docs/architecture.md`.

use super::Finding;
use crate::arrows::{Arrows, arrows};
use crate::tree::File;
use std::collections::BTreeMap;

/// A circle that stays: the files in it (or with a `/` at the end, all of a folder), and why.
type Allowed = (&'static [&'static str], &'static str);

/// At most five.
const ALLOWED: &[Allowed] = &[];

/// Where the reasons stand for readers.
const PAGE: &str = "docs/architecture.md";

pub fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = judge(files, ALLOWED);
    let page = files.iter().find(|file| file.path == PAGE);
    for (_, reason) in
        ALLOWED.iter().filter(|(_, reason)| page.is_some_and(|page| !page.text.contains(reason)))
    {
        findings.push(Finding {
            path: PAGE.to_owned(),
            line: 1,
            message: format!("a circle of imports is allowed, and its reason does not stand here: {reason}"),
        });
    }
    findings
}

fn judge(files: &[File], allowed: &[Allowed]) -> Vec<Finding> {
    let arrows = arrows(files);
    let mut findings = Vec::new();
    for arrows in [&between_folders_of_sync(&arrows), &arrows] {
        let is_allowed =
            |circle: &Vec<String>| allowed.iter().any(|(of, _)| circle.iter().all(|file| is_in(file, of)));
        let refused = circles(arrows).into_iter().filter(|circle| !is_allowed(circle));
        findings.extend(refused.map(|circle| finding(arrows, &circle)));
    }
    findings
}

fn is_in(file: &str, of: &[&str]) -> bool {
    of.iter().any(|entry| *entry == file || entry.ends_with('/') && file.starts_with(entry))
}

/// Names the files of a circle, and what each takes from another one of them.
fn finding(arrows: &Arrows, circle: &[String]) -> Finding {
    let mut ties = Vec::new();
    for (from, to) in circle.iter().flat_map(|from| circle.iter().map(move |to| (from, to))) {
        if let Some(names) = arrows.get(from).and_then(|taken| taken.get(to)) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            ties.push(format!("{from} takes {} from {to}", names.join(", ")));
        }
    }
    let message = format!("imports in a loop, {}: {}", circle.join(", "), ties.join("; "));
    Finding { path: format!("crates/manyhands/src/{}", circle[0]), line: 1, message }
}

/// The arrows between the folders of `sync`, a file that stands beside them counting as one.
fn between_folders_of_sync(arrows: &Arrows) -> Arrows {
    let folder = |path: &str| {
        let rest = path.strip_prefix("sync/")?;
        Some(format!("sync/{}", rest.split('/').next()?.trim_end_matches(".rs")))
    };
    let mut folders = Arrows::new();
    for (from, taken) in arrows {
        for (to, names) in taken {
            if let (Some(from), Some(to)) = (folder(from), folder(to))
                && from != to
            {
                folders.entry(from).or_default().entry(to).or_default().extend(names.iter().cloned());
            }
        }
    }
    folders
}

/// The strongly connected parts of more than one, by Tarjan's algorithm.
fn circles(arrows: &Arrows) -> Vec<Vec<String>> {
    let mut search = Search { arrows, seen: BTreeMap::new(), stack: Vec::new(), found: Vec::new() };
    for from in arrows.keys() {
        if !search.seen.contains_key(from.as_str()) {
            search.visit(from);
        }
    }
    search.found
}

struct Search<'a> {
    arrows: &'a Arrows,
    /// In which order each was reached, and the first that it reaches again.
    seen: BTreeMap<&'a str, (usize, usize)>,
    stack: Vec<&'a str>,
    found: Vec<Vec<String>>,
}

impl<'a> Search<'a> {
    /// The first on the stack that can be reached from here.
    fn visit(&mut self, node: &'a str) -> usize {
        let order = self.seen.len();
        self.seen.insert(node, (order, order));
        self.stack.push(node);
        let mut lowest = order;
        for next in self.arrows.get(node).into_iter().flat_map(BTreeMap::keys) {
            if !self.seen.contains_key(next.as_str()) {
                lowest = lowest.min(self.visit(next));
            } else if self.stack.contains(&next.as_str()) {
                lowest = lowest.min(self.seen[next.as_str()].0);
            }
        }
        if lowest == order {
            let start = self.stack.iter().position(|other| *other == node).unwrap_or_default();
            let mut circle: Vec<String> = self.stack.drain(start..).map(str::to_owned).collect();
            circle.sort();
            if circle.len() > 1 {
                self.found.push(circle);
            }
        }
        lowest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(files: &[(&str, &str)], allowed: &[Allowed]) -> Vec<String> {
        let files: Vec<File> = files
            .iter()
            .map(|(path, text)| File::sample(&format!("crates/manyhands/src/{path}"), text))
            .collect();
        judge(&files, allowed).iter().map(ToString::to_string).collect()
    }

    const RING: &str = "use super::queue::LIMIT; pub struct Ring;";

    #[test]
    fn a_circle_is_refused_however_it_is_written() {
        let of = |queue: &str| findings(&[("channel/ring.rs", RING), ("channel/queue.rs", queue)], &[]).len();
        assert_eq!(of("use super::ring::Ring; pub const LIMIT: u32 = 1;"), 1);
        assert_eq!(
            of("use crate::channel::{self, ring}; pub const LIMIT: u32 = 1; fn f(_: ring::Ring) {}"),
            1
        );
        assert_eq!(of("pub const LIMIT: u32 = 1; fn f() { crate::channel::ring::Ring::new(); }"), 1);
        assert_eq!(of("pub const LIMIT: u32 = 1; mod public { pub use super::super::ring::Ring as R; }"), 1);
    }

    #[test]
    fn a_circle_through_other_files_and_re_exports_is_refused() {
        let planted = [
            ("channel/mod.rs", "mod ring; mod queue; mod chain; pub use {ring::Ring, queue::*};"),
            ("channel/ring.rs", "use super::LIMIT; pub struct Ring;"),
            ("channel/queue.rs", "use super::chain::link; pub const LIMIT: u32 = 1;"),
            ("channel/chain.rs", "use crate::channel::Ring; pub fn link() {}"),
        ];
        let found = findings(&planted, &[]);
        assert_eq!(found.len(), 1, "{found:?}");
        for tie in [
            "channel/chain.rs takes Ring from channel/ring.rs",
            "channel/queue.rs takes link from channel/chain.rs",
            "channel/ring.rs takes LIMIT from channel/queue.rs",
        ] {
            assert!(found[0].contains(tie), "{found:?}");
        }
    }

    #[test]
    fn a_circle_of_folders_is_refused_in_sync() {
        let planted = [
            ("sync/lock/word.rs", "pub struct Word;"),
            ("sync/lock/raw.rs", "use crate::sync::wait::gate::Gate;"),
            ("sync/wait/gate.rs", "pub struct Gate;"),
            ("sync/wait/park.rs", "use crate::sync::lock::word::Word;"),
        ];
        assert_eq!(findings(&planted, &[]).len(), 1);
        let elsewhere =
            planted.map(|(path, text)| (path.replace("sync", "spawn"), text.replace("sync", "spawn")));
        let elsewhere: Vec<(&str, &str)> = elsewhere.iter().map(|(path, text)| (&**path, &**text)).collect();
        assert_eq!(findings(&elsewhere, &[]).len(), 0);
    }

    #[test]
    fn what_runs_one_way_is_allowed() {
        let of = |queue: &str| findings(&[("channel/ring.rs", RING), ("channel/queue.rs", queue)], &[]).len();
        assert_eq!(of("pub const LIMIT: u32 = 1;"), 0);
        assert_eq!(of("pub const LIMIT: u32 = 1; // use super::ring::Ring;"), 0);
        assert_eq!(of("pub const LIMIT: u32 = 1; mod tests { use super::super::ring::Ring; }"), 0);
        assert_eq!(of("pub const LIMIT: u32 = 1; struct Ring; fn f() { Ring::new(); }"), 0);
        let map = ("channel/mod.rs", "mod ring; mod queue; pub use ring::Ring; pub use queue::LIMIT;");
        let queue = ("channel/queue.rs", "pub const LIMIT: u32 = 1;");
        assert_eq!(
            findings(&[map, queue, ("channel/ring.rs", "use super::LIMIT; pub struct Ring;")], &[]).len(),
            0
        );
    }

    #[test]
    fn a_listed_circle_is_allowed_and_no_larger_one() {
        let queue = ("channel/queue.rs", "use super::ring::Ring; pub const LIMIT: u32 = 1;");
        let files = [("channel/ring.rs", RING), queue];
        assert_eq!(findings(&files, &[(&["channel/queue.rs", "channel/ring.rs"], "")]).len(), 0);
        assert_eq!(findings(&files, &[(&["channel/"], "")]).len(), 0);
        assert_eq!(findings(&files, &[(&["channel/queue.rs"], "")]).len(), 1);
    }

    #[test]
    fn the_list_is_short_and_stands_on_the_page() {
        assert!(ALLOWED.len() <= 5);
        let page = |text: &str| check(&[File::sample(PAGE, text)]).len();
        let reasons: Vec<&str> = ALLOWED.iter().map(|(_, reason)| *reason).collect();
        assert_eq!(page(&reasons.join("\n")), 0);
        assert_eq!(page(""), ALLOWED.len());
    }
}
