//! Where two outputs part, as an excerpt in the manner of a unified diff.
//!
//! It shows the first place only, with a few lines before it and from it on. It does not look for a smallest set of
//! changes: that two outputs differ, and where first, is what one wants to know.

use std::fmt::Write;

const BEFORE: usize = 3;
const FROM_THERE: usize = 5;
/// So many bytes of a line are shown.
const WIDTH: usize = 160;
/// So many of them stand before the first difference, in a line that is cut.
const CONTEXT: usize = 40;

/// The excerpt, or `None` if the two are the same to the byte. `names` stand for the two in the heading.
pub fn excerpt(names: [&str; 2], left: &[u8], right: &[u8]) -> Option<String> {
    if left == right {
        return None;
    }
    let left = lines(left);
    let right = lines(right);
    let same = left.iter().zip(&right).take_while(|(a, b)| a == b).count();
    let start = same.saturating_sub(BEFORE);
    let mut text = format!("--- {}\n+++ {}\n@@ line {} @@\n", names[0], names[1], same + 1);
    for line in &left[start..same] {
        let _ = writeln!(text, " {}", shown(line, 0));
    }
    let first = |all: &[&[u8]]| all.get(same).copied().unwrap_or_default().to_vec();
    let column = first(&left).iter().zip(first(&right)).take_while(|(a, b)| *a == b).count();
    for (mark, all) in [('-', &left), ('+', &right)] {
        let rest = &all[same..];
        for (number, line) in rest.iter().take(FROM_THERE).enumerate() {
            let _ = writeln!(text, "{mark}{}", shown(line, if number == 0 { column } else { 0 }));
        }
        if rest.len() > FROM_THERE {
            let _ = writeln!(text, "{mark}... {} more lines", rest.len() - FROM_THERE);
        }
    }
    Some(text)
}

fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').collect()
}

/// A line without its end; a missing end is said, since it may be all the difference. What a terminal would act upon is
/// escaped. A long line is cut, so that the byte numbered `column` is seen.
fn shown(line: &[u8], column: usize) -> String {
    let (content, end) = match line.strip_suffix(b"\n") {
        Some(content) => (content, ""),
        None => (line, " (no end of line)"),
    };
    let start = if column < WIDTH { 0 } else { column - CONTEXT };
    let cut = &content[start.min(content.len())..content.len().min(start + WIDTH)];
    let before = if start > 0 { format!("(from byte {start}) ... ") } else { String::new() };
    let after = if start + cut.len() < content.len() { " ..." } else { "" };
    before + &printable(cut) + after + end
}

/// Text as it is, but for control characters, which are escaped.
pub fn printable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for character in String::from_utf8_lossy(bytes).chars() {
        if character.is_control() && character != '\t' {
            text.extend(character.escape_default());
        } else {
            text.push(character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(left: &str, right: &str) -> Option<String> {
        excerpt(["plain", "ours"], left.as_bytes(), right.as_bytes())
    }

    #[test]
    fn the_same_is_no_difference() {
        assert_eq!(of("a\nb\n", "a\nb\n"), None);
        assert_eq!(of("", ""), None);
    }

    #[test]
    fn the_first_different_line_is_shown_with_what_precedes_it() {
        let text = of("1\n2\n3\n4\n5\n6\n", "1\n2\n3\n4\nfive\n6\n").expect("they differ");
        assert_eq!(text, "--- plain\n+++ ours\n@@ line 5 @@\n 2\n 3\n 4\n-5\n-6\n+five\n+6\n");
    }

    #[test]
    fn a_missing_end_and_a_long_rest_are_said() {
        assert!(of("a\n", "a").expect("they differ").contains("+a (no end of line)"));
        assert!(of("", &"x\n".repeat(9)).expect("they differ").ends_with("+... 4 more lines\n"));
    }

    #[test]
    fn what_a_terminal_would_act_upon_is_escaped() {
        let text = excerpt(["plain", "ours"], b"\x1b[2Ja\tb\r\n", b"\x00\xff\n").expect("they differ");
        assert!(text.ends_with("-\\u{1b}[2Ja\tb\\r\n+\\u{0}\u{fffd}\n"), "{text:?}");
    }

    #[test]
    fn a_long_line_is_cut_where_it_differs() {
        let long = "x".repeat(5000);
        let text = of(&format!("{long}a{long}\n{long}\n"), &format!("{long}b\n")).expect("they differ");
        let lines: Vec<&str> = text.lines().skip(3).collect();
        let same = "x".repeat(CONTEXT);
        assert_eq!(lines[0], format!("-(from byte 4960) ... {same}a{} ...", "x".repeat(WIDTH - CONTEXT - 1)));
        assert_eq!(lines[1], format!("-{} ...", "x".repeat(WIDTH)));
        assert_eq!(lines[2], format!("+(from byte 4960) ... {same}b"));
    }
}
