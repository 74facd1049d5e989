//! Short texts in words that others may read at any time: names of processes, threads and workers, reasons, notes.
//!
//! A text is cut where it no longer fits, between two characters, and filled up with zeros. A reader of one that is
//! being written gets a mixture of both, which is a text as well.

use crate::platform::atomic::{AtomicU64, Ordering};

/// Writes as much of a text as fits.
pub(crate) fn write_text(words: &[AtomicU64], text: &str) {
    let mut end = text.len().min(words.len() * 8);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut bytes = text.as_bytes()[..end].chunks(8);
    for word in words {
        let mut eight = [0; 8];
        if let Some(part) = bytes.next() {
            eight[..part.len()].copy_from_slice(part);
        }
        word.store(u64::from_le_bytes(eight), Ordering::Relaxed);
    }
}

/// The text that stands in such words.
pub(crate) fn read_text(words: &[AtomicU64]) -> String {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.load(Ordering::Relaxed).to_le_bytes()).collect();
    text_of(&bytes)
}

/// The text that stands in zero-filled bytes.
pub(crate) fn text_of(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_two_characters() {
        let words = [const { AtomicU64::new(u64::MAX) }; 2];
        for (text, kept) in [("", ""), ("eight it", "eight it"), ("sixteen bytes it", "sixteen bytes it")] {
            write_text(&words, text);
            assert_eq!(read_text(&words), kept);
        }
        write_text(&words, "fifteen bytes, ö");
        assert_eq!(read_text(&words), "fifteen bytes, ");
    }
}
