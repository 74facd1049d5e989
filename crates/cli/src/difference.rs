//! Where two outputs part, as an excerpt in the manner of a unified diff.
//!
//! It shows the first place only, with a few lines before it and from it on. It does not look for a smallest set of
//! changes: that two outputs differ, and where first, is what one wants to know.

use std::fmt::Write;

const BEFORE: usize = 3;
const FROM_THERE: usize = 5;

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
        let _ = writeln!(text, " {}", shown(line));
    }
    for (mark, all) in [('-', &left), ('+', &right)] {
        let rest = &all[same..];
        for line in rest.iter().take(FROM_THERE) {
            let _ = writeln!(text, "{mark}{}", shown(line));
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

/// A line without its end; a missing end is said, since it may be all the difference.
fn shown(line: &[u8]) -> String {
    match line.strip_suffix(b"\n") {
        Some(text) => String::from_utf8_lossy(text).into_owned(),
        None => format!("{} (no end of line)", String::from_utf8_lossy(line)),
    }
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
}
