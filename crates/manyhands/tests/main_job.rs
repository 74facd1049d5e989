//! The main job in Rust, `examples/rust/index.rs`: its totals are those of a count made one file after the other.
//!
//! The example runs as a program, since that is what a user does with it. The count here shares no code with it.

mod built;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const MODULES: usize = 60;

/// A small tree with what a walk can trip over: sub-folders, an empty file, bytes that are no text, other files.
fn tree() -> PathBuf {
    let root = std::env::temp_dir().join(format!("manyhands-main-job-{}", std::process::id()));
    for number in 0..MODULES {
        let folder = root.join(format!("package_{}/inner", number % 7));
        fs::create_dir_all(&folder).expect("a folder");
        let text = format!("def word_{}(Self):\n    return 'it is'\n", "x".repeat(number % 25));
        fs::write(folder.join(format!("module_{number}.py")), text).expect("a file");
    }
    fs::write(root.join("empty.py"), "").expect("a file");
    fs::write(root.join("bytes.py"), (0..=255).collect::<Vec<u8>>()).expect("a file");
    fs::write(root.join("notes.txt"), "not counted").expect("a file");
    fs::create_dir_all(root.join("site-packages")).expect("a folder");
    fs::create_dir_all(root.join("folder.py")).expect("a folder");
    fs::write(root.join("site-packages/other.py"), "not counted either").expect("a file");
    root
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.ends_with("site-packages") {
            found.extend(sources(&path));
        } else if path.is_file() && path.extension().is_some_and(|extension| extension == "py") {
            found.push(path);
        }
    }
    found
}

/// What the example should print.
fn expected(root: &Path) -> String {
    let texts: Vec<Vec<u8>> = sources(root).iter().map(|path| fs::read(path).expect("a file")).collect();
    let mut words: HashMap<String, u64> = HashMap::new();
    for text in &texts {
        let text: String =
            text.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { ' ' }).collect();
        let letters = text.to_lowercase();
        for word in
            letters.split(|c: char| !(c.is_ascii_lowercase() || c == '_')).filter(|word| !word.is_empty())
        {
            *words.entry(word.to_owned()).or_default() += 1;
        }
    }
    let mut commonest: Vec<(&String, &u64)> = words.iter().collect();
    commonest.sort_by_key(|(word, times)| (u64::MAX - **times, (*word).clone()));
    let mut lines: Vec<String> =
        commonest.iter().take(20).map(|(word, times)| format!("{times:9} {word}")).collect();
    let (size, all) = (texts.iter().map(Vec::len).sum::<usize>(), words.values().sum::<u64>());
    lines.push(format!("{} files, {size} bytes, {all} words, {} different", texts.len(), words.len()));
    lines.push(format!("running total {all}\n"));
    lines.join("\n")
}

#[test]
fn the_totals_are_those_of_a_sequential_count() {
    let root = tree();
    let run = Command::new(built::example("index", "index")).arg(&root).output().expect("the example runs");
    assert_eq!(String::from_utf8_lossy(&run.stderr), "");
    assert!(run.status.success());
    assert_eq!(String::from_utf8_lossy(&run.stdout), expected(&root));
    fs::remove_dir_all(&root).expect("the tree goes away");
}
