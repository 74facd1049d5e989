//! Rust text as a flat list of tokens, comments included, each with its line.
//!
//! It knows what a rule would otherwise trip over: nested block comments, raw and byte strings, raw identifiers, and a
//! lifetime beside a character. It does not check anything: text that is not Rust gives tokens that mean nothing.

/// What a token is. Numbers, strings and characters are all `Literal`, as they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind<'a> {
    Word(&'a str),
    PathSeparator,
    Mark(char),
    Comment(&'a str),
    Literal(&'a str),
    Lifetime,
}

/// A token and the line (counted from 1) on which it begins.
#[derive(Clone, Copy, Debug)]
pub struct Token<'a> {
    pub kind: Kind<'a>,
    pub line: usize,
}

impl Token<'_> {
    pub fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word(word)
    }

    pub fn is_mark(&self, mark: char) -> bool {
        self.kind == Kind::Mark(mark)
    }
}

/// Splits `text` into tokens.
pub fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let (length, kind) = next(rest, first);
        let (token, after) = rest.split_at(length);
        if let Some(kind) = kind {
            found.push(Token { kind, line });
        }
        line += token.bytes().filter(|byte| *byte == b'\n').count();
        rest = after;
    }
    found
}

/// The tokens without comments, for rules about code alone.
pub fn code(text: &str) -> Vec<Token<'_>> {
    let mut all = tokens(text);
    all.retain(|token| !matches!(token.kind, Kind::Comment(_)));
    all
}

fn next(rest: &str, first: char) -> (usize, Option<Kind<'_>>) {
    if first.is_whitespace() {
        return (first.len_utf8(), None);
    }
    if rest.starts_with("//") {
        let length = rest.find('\n').unwrap_or(rest.len());
        return (length, Some(Kind::Comment(&rest[..length])));
    }
    if rest.starts_with("/*") {
        let length = block_comment(rest);
        return (length, Some(Kind::Comment(&rest[..length])));
    }
    if let Some(length) = string(rest) {
        return (length, Some(Kind::Literal(&rest[..length])));
    }
    if first == '\'' {
        return quote(rest);
    }
    if first.is_ascii_digit() {
        let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        return (length, Some(Kind::Literal(&rest[..length])));
    }
    if first == '_' || first.is_alphabetic() {
        let start = if rest.starts_with("r#") { 2 } else { 0 };
        let length = rest[start..]
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .map_or(rest.len(), |end| start + end);
        return (length, Some(Kind::Word(&rest[start..length])));
    }
    if rest.starts_with("::") {
        return (2, Some(Kind::PathSeparator));
    }
    (first.len_utf8(), Some(Kind::Mark(first)))
}

fn block_comment(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let mut depth = 0;
    let mut at = 0;
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => {
                depth += 1;
                at += 2;
            }
            b"*/" => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    rest.len()
}

/// The length of the string literal that `rest` begins with, if it begins with one (`"`, `r"`, `r#"`, `b"`, `c"`, ...).
fn string(rest: &str) -> Option<usize> {
    let prefix = rest.len() - rest.trim_start_matches(['b', 'c', 'r']).len();
    if prefix > 2 {
        return None;
    }
    let body = &rest[prefix..];
    if rest[..prefix].contains('r') {
        let hashes = body.len() - body.trim_start_matches('#').len();
        let opened = body[hashes..].strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        let length = opened.find(&end).map_or(rest.len(), |at| prefix + hashes + 1 + at + end.len());
        return Some(length);
    }
    let opened = body.strip_prefix('"')?;
    Some(prefix + 1 + closing(opened, '"'))
}

/// The length up to and including the closing `end`, a backslash escaping whatever follows it.
fn closing(opened: &str, end: char) -> usize {
    let mut escaped = false;
    for (at, c) in opened.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == end {
            return at + 1;
        }
    }
    opened.len()
}

fn quote(rest: &str) -> (usize, Option<Kind<'_>>) {
    let mut after = rest[1..].chars();
    let first = after.next();
    let is_character = first == Some('\\') || after.next() == Some('\'');
    if is_character {
        let length = 1 + closing(&rest[1..], '\'');
        return (length, Some(Kind::Literal(&rest[..length])));
    }
    let length =
        rest[1..].find(|c: char| !(c.is_alphanumeric() || c == '_')).map_or(rest.len(), |end| 1 + end);
    (length.max(1), Some(Kind::Lifetime))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        tokens(text)
            .iter()
            .filter_map(|token| if let Kind::Word(word) = token.kind { Some(word) } else { None })
            .collect()
    }

    #[test]
    fn text_in_strings_and_comments_is_not_code() {
        let text = r####"let a = "unsafe { \" }"; // unsafe
            let b = r#"unsafe " "#; /* unsafe /* unsafe */ unsafe */ let c = b"unsafe"; let d = 'u'; let e = '\'';
            fn f<'unsafe_>(x: &'static str) {}"####;
        assert!(!words(text).contains(&"unsafe"), "{:?}", words(text));
        assert!(words(text).contains(&"str"));
    }

    #[test]
    fn lines_count_through_long_tokens() {
        let text = "/* a\nb */\n\"x\ny\"\nlast";
        let last = *tokens(text).last().expect("there are tokens");
        assert!(last.is_word("last"));
        assert_eq!(last.line, 5);
    }
}
