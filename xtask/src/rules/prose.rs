//! Prose is plain: short sentences, each with a subject that a reader can name.
//!
//! The rule reads pages (outside code and tables), and the docstrings, doc comments and comments of shipped Rust and
//! Python files and of the examples. A sentence has at most 32 words, and begins with "Who" only if it asks something.
//! The words in `REFUSED` do not occur, except in a span of code. A span of code counts as one word, a link's address
//! as none.

use super::Finding;
use crate::tree::File;
use crate::words;

const MOST: usize = 32;

/// Words that hide what is meant, and what to write instead.
const REFUSED: [(&str, &str); 2] = [
    ("whoever", "name the one who does it"),
    ("told", "say what happens: notified, woken, reported, answered"),
];

/// Words in a row that belong together, each with its line.
type Paragraph<'a> = Vec<(usize, &'a str)>;

pub fn check(file: &File) -> Vec<Finding> {
    // A fragment of news is written once, for one release.
    if file.path.starts_with("news/") {
        return Vec::new();
    }
    if !file.is_document() && !file.is_shipped() && !file.path.starts_with("examples/") {
        return Vec::new();
    }
    let paragraphs = paragraphs(words::of(file));
    paragraphs
        .iter()
        .flat_map(|words| sentences(words))
        .filter_map(|sentence| judge(file, sentence))
        .collect()
}

fn judge(file: &File, sentence: &[(usize, &str)]) -> Option<Finding> {
    let &(line, first) = sentence.first()?;
    let &(_, last) = sentence.last()?;
    let count = sentence.iter().filter(|(_, word)| word.contains(char::is_alphanumeric)).count();
    let refused = sentence.iter().find_map(|&(line, word)| Some((line, refused(word)?)));
    if let Some((line, (word, instead))) = refused {
        Some(Finding::new(file, line, format!("`{word}`: {instead}")))
    } else if bare(first) == "Who" && !last.trim_end_matches(CLOSING).ends_with('?') {
        Some(Finding::new(file, line, "begins with `Who` and asks nothing: name the subject"))
    } else if count > MOST {
        Some(Finding::new(
            file,
            line,
            format!("a sentence of {count} words: make two of it, or say it in {MOST}"),
        ))
    } else {
        None
    }
}

/// The entry of `REFUSED` that a word is, outside a span of code.
fn refused(word: &str) -> Option<(&'static str, &'static str)> {
    let word = Some(bare(word)).filter(|_| !word.contains('`'))?;
    REFUSED.into_iter().find(|(refused, _)| word.eq_ignore_ascii_case(refused))
}

/// The words of each paragraph, item of a list or heading, without code and tables.
fn paragraphs<'a>(lines: impl IntoIterator<Item = words::Line<'a>>) -> Vec<Paragraph<'a>> {
    let mut found = vec![Vec::new()];
    let (mut is_code, mut is_span) = (false, false);
    for (at, line) in lines {
        let Some(line) = line.map(str::trim) else {
            is_code = false;
            found.push(Vec::new());
            continue;
        };
        let is_fence = line.starts_with("```");
        is_code ^= is_fence;
        let is_other = ["|", "#", ">>>"].iter().any(|mark| line.starts_with(mark));
        if is_code || is_fence || line.is_empty() || is_other {
            found.push(Vec::new());
            continue;
        }
        let item = item(line);
        if item.is_some() {
            found.push(Vec::new());
        }
        if let Some(paragraph) = found.last_mut() {
            is_span &= !paragraph.is_empty();
            paragraph.extend(words(item.unwrap_or(line), &mut is_span).into_iter().map(|word| (at, word)));
        }
    }
    found
}

/// What follows the mark of an item of a list.
fn item(line: &str) -> Option<&str> {
    let numbered = || line.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix(". ");
    let is_numbered = line.starts_with(|c: char| c.is_ascii_digit());
    line.strip_prefix("* ").or_else(|| line.strip_prefix("- ")).or_else(|| numbered().filter(|_| is_numbered))
}

/// The words of a line. A span of code is one word; the address behind a link's text belongs to its last word.
/// `is_span` says whether a span is open: one may go on in the next line.
fn words<'a>(line: &'a str, is_span: &mut bool) -> Vec<&'a str> {
    let parts = line.split(|c: char| {
        *is_span ^= c == '`';
        c.is_whitespace() && !*is_span
    });
    parts.filter(|word| !word.is_empty()).collect()
}

fn sentences<'a, 'b>(words: &'b [(usize, &'a str)]) -> Vec<&'b [(usize, &'a str)]> {
    let mut found = Vec::new();
    let mut start = 0;
    for (at, (_, word)) in words.iter().enumerate() {
        let is_end = word.trim_end_matches(CLOSING).ends_with(['.', '?', '!']);
        let goes_on = words.get(at + 1).is_some_and(|(_, next)| next.starts_with(char::is_lowercase));
        if is_end && !goes_on {
            found.push(&words[start..=at]);
            start = at + 1;
        }
    }
    found.push(&words[start..]);
    found
}

const CLOSING: [char; 6] = [')', '"', '*', '_', ']', '\''];

/// A word without the marks around it.
fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = "crates/cli/src/plan.rs";

    fn findings(path: &str, text: &str) -> usize {
        check(&File::sample(path, text)).len()
    }

    #[test]
    fn long_sentences_are_refused() {
        let long = format!("It {}ends.", "goes on and ".repeat(11));
        assert_eq!(findings(PLAN, &format!("//! {long}\n")), 1);
        assert_eq!(findings("docs/design.md", &format!("Short one.\n{long} Short one.\n")), 1);
        assert_eq!(
            findings("docs/design.md", &format!("* {}\n  {}x.\n", "word ".repeat(20), "word ".repeat(20))),
            1
        );
    }

    #[test]
    fn a_subject_without_a_name_is_refused() {
        assert_eq!(findings(PLAN, "/// Who waits is woken.\nfn f() {}"), 1);
        assert_eq!(findings(PLAN, "/// The lock goes to whoever\n/// asks.\nfn f() {}"), 1);
        assert_eq!(findings("docs/design.md", "It ends. *Whoever* waits is woken.\n"), 1);
        assert_eq!(findings("docs/design.md", "All that wait are told.\n"), 1);
    }

    #[test]
    fn comments_and_docstrings_are_read() {
        let long = format!("It {}ends.", "goes on and ".repeat(11));
        let python = "python/manyhands/plan.py";
        assert_eq!(findings(PLAN, &format!("fn f() {{\n    // {long}\n}}")), 1);
        assert_eq!(findings(python, &format!("\"\"\"A plan.\n\n{long}\n\"\"\"\n")), 1);
        assert_eq!(findings(python, "def f():\n    \"\"\"Who waits is woken.\"\"\"\n"), 1);
        assert_eq!(findings(python, "x = 1  # for whoever asks\n"), 1);
        assert_eq!(findings("README.md", "It is for whoever asks.\n"), 1);
        assert_eq!(findings("examples/rust/plan.rs", "//! Who waits is woken.\n"), 1);
        assert_eq!(findings("docs/guide/banker.md", "Who waits is woken.\n"), 1);
        assert_eq!(findings(python, &format!("x = \"\"\"{long}\"\"\"\ny = '# whoever'\n")), 0);
        assert_eq!(findings("tests/python/test_plan.py", "# whoever asks\n"), 0);
    }

    #[test]
    fn plain_prose_is_allowed() {
        let long = "word ".repeat(40);
        assert_eq!(findings(PLAN, &format!("/// Who waits for it?\nfn f() {{}} // {long}whoever")), 0);
        assert_eq!(findings("docs/design.md", &format!("| {long} |\n```text\n{long}\n```\n# Whoever\n")), 0);
        assert_eq!(findings("docs/design.md", &format!("A `{long}` is short.\n")), 0);
        assert_eq!(
            findings("docs/design.md", &format!("{}x.\n* {}x.\n", "word ".repeat(20), "word ".repeat(20))),
            0
        );
        assert_eq!(findings("docs/design.md", "The field `told` is set.\n"), 0);
        assert_eq!(findings("news/one.md", &format!("{long}\n")), 0);
        assert_eq!(findings("crates/cli/src/plan/tests.rs", &format!("//! {long}\n")), 0);
    }
}
