//! Where the words are in a file: the lines that a person reads as prose, each with its number and without its marks.
//!
//! A page is prose as a whole, Rust has doc comments and comments on lines of their own, Python docstrings and
//! comments. Code gives `None`, and so does the border between two comments that do not belong together.

use crate::tree::File;

/// A line's number, and its words if it has any.
pub type Line<'a> = (usize, Option<&'a str>);

pub fn of(file: &File) -> Vec<Line<'_>> {
    let lines = file.text.lines().enumerate().map(|(at, line)| (at + 1, line));
    if file.is_document() {
        lines.map(|(at, line)| (at, Some(line))).collect()
    } else if file.is_rust() {
        lines.flat_map(|(at, line)| rust(at, line)).collect()
    } else if file.is_python() {
        let mut python = Python::default();
        lines.flat_map(|(at, line)| python.line(at, line)).collect()
    } else {
        Vec::new()
    }
}

/// Documentation does not go on in a comment beside it, so the kind of each comment begins with a border of its own.
fn rust(at: usize, line: &str) -> Vec<Line<'_>> {
    let line = line.trim_start();
    let Some(text) = line.strip_prefix("//") else { return vec![(at, None)] };
    let marks = text.len() - text.trim_start_matches(['/', '!']).len();
    match (marks, &text[marks..]) {
        (0 | 1, words) => vec![(at, Some(words))],
        _ => vec![(at, None)],
    }
}

/// Reads Python line by line. A string in three quotes may go on over lines; it is a docstring when its statement
/// begins with it.
#[derive(Default)]
struct Python {
    open: Option<Open>,
}

#[derive(Clone, Copy)]
struct Open {
    quotes: &'static str,
    is_documentation: bool,
}

impl Python {
    fn line<'a>(&mut self, at: usize, line: &'a str) -> Vec<Line<'a>> {
        let mut found = Vec::new();
        let mut rest = line;
        loop {
            let is_first = rest.len() == line.len();
            if let Some(Open { quotes, is_documentation }) = self.open {
                let (inside, after) = rest.split_once(quotes).map_or((rest, None), |(a, b)| (a, Some(b)));
                found.push((at, Some(inside).filter(|_| is_documentation)));
                let Some(after) = after else { return found };
                self.open = None;
                found.push((at, None));
                rest = after;
                continue;
            }
            match next_mark(rest) {
                Mark::Comment(words) => {
                    // A comment behind code stands alone.
                    let is_alone = !rest.trim_start().starts_with('#') || !is_first;
                    found.push((at, Some(words)));
                    found.extend(is_alone.then_some((at, None)));
                    return found;
                }
                Mark::Quotes(quotes, before, after) => {
                    let is_documentation = is_first && matches!(before.trim(), "" | "r");
                    found.push((at, None));
                    self.open = Some(Open { quotes, is_documentation });
                    rest = after;
                }
                Mark::End => {
                    found.push((at, None));
                    return found;
                }
            }
        }
    }
}

enum Mark<'a> {
    Comment(&'a str),
    Quotes(&'static str, &'a str, &'a str),
    End,
}

/// What comes first in a line of code: a comment, or a string in three quotes. Other strings are passed over.
fn next_mark(line: &str) -> Mark<'_> {
    let mut at = 0;
    while let Some(step) = line[at..].find(['#', '"', '\'']) {
        let start = at + step;
        let rest = &line[start..];
        if let Some(words) = rest.strip_prefix('#') {
            return Mark::Comment(words);
        }
        for quotes in ["\"\"\"", "'''"] {
            if let Some(after) = rest.strip_prefix(quotes) {
                return Mark::Quotes(quotes, &line[..start], after);
            }
        }
        at = start + string(rest);
    }
    Mark::End
}

/// The length of the string that `text` begins with, or of all of `text` when it does not end.
fn string(text: &str) -> usize {
    let mut characters = text.char_indices();
    let Some((_, quote)) = characters.next() else { return 0 };
    let mut is_escaped = false;
    for (at, character) in characters {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if character == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(path: &str, text: &str) -> Vec<String> {
        let file = File::sample(path, text);
        let found = of(&file).into_iter().filter_map(|(at, words)| Some((at, words?.trim())));
        found.filter(|(_, words)| !words.is_empty()).map(|(at, words)| format!("{at} {words}")).collect()
    }

    #[test]
    fn python_has_docstrings_and_comments() {
        let text = "def f():\n    \"\"\"One.\n\n    Two.\n    \"\"\"\n    x = \"# no\"  # three\n    # four\n    return '''five\n# six'''\n";
        assert_eq!(words("a.py", text), ["2 One.", "4 Two.", "6 three", "7 four"]);
        assert_eq!(
            words("a.py", "x = 'it\\'s # no'\ny = \"'\"  # yes\n\"\"\"One.\"\"\"\n"),
            ["2 yes", "3 One."]
        );
    }

    #[test]
    fn rust_has_documentation_and_comments() {
        let text = "//! One.\n/// Two.\n//// no\nlet x = 1; // no\n// three\n";
        assert_eq!(words("a.rs", text), ["1 One.", "2 Two.", "5 three"]);
    }

    #[test]
    fn a_page_is_all_words() {
        assert_eq!(words("a.md", "One.\n\nTwo.\n"), ["1 One.", "3 Two."]);
    }
}
