//! Counts the words of a folder's Python sources with several processes, and prints the commonest.
//!
//! The same job as `examples/python/index.py`, with the same result on the same folder. One process walks the folder
//! and feeds a bounded queue. A pool of workers counts the words of each file, one call per file. A lock guards the
//! running total that all workers add to. A word is a run of ASCII letters and underscores, without regard to case.
//!
//! ```text
//! cargo run --release --example index -- DIR
//! ```
//!
//! DIR is the current folder if it is left out. The result goes to standard output, progress and files that could not
//! be counted to standard error.

use std::collections::HashMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use manyhands::shared::Lock;
use manyhands::{Future, Pool, Process, Queue};

const COMMONEST: usize = 20;
const PROGRESS_EVERY: u64 = 500;

type Words = HashMap<String, u64>;

/// Puts every Python source under `folder` into `paths`, then closes it.
fn walk((folder, paths): (PathBuf, Queue<PathBuf>)) {
    if let Err(error) = put_sources(&folder, &paths) {
        eprintln!("not walked to the end: {error}");
    }
    paths.close();
}

fn put_sources(folder: &Path, paths: &Queue<PathBuf>) -> Result<(), Box<dyn Error>> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in &entries {
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().ends_with(b".py") && path.is_file() {
            paths.put(&path)?;
        }
    }
    for entry in entries.iter().filter(|entry| !is_of_others(entry)) {
        if entry.file_type()?.is_dir() {
            put_sources(&entry.path(), paths)?;
        }
    }
    Ok(())
}

/// What was installed beside the standard library is not part of it.
fn is_of_others(entry: &fs::DirEntry) -> bool {
    entry.file_name() == "site-packages" || entry.file_name() == "dist-packages"
}

/// The words of one file with how often each occurs, and the file's size in bytes.
fn count((path, total): (PathBuf, Lock<u64>)) -> Result<(Words, u64), String> {
    let text = fs::read(path).map_err(|error| error.to_string())?;
    let mut words = Words::new();
    let is_letter = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    for run in text.split(|byte| !is_letter(byte)).filter(|run| !run.is_empty()) {
        let word: String = run.iter().map(|byte| char::from(byte.to_ascii_lowercase())).collect();
        *words.entry(word).or_default() += 1;
    }
    *total.lock().map_err(|error| error.to_string())? += words.values().sum::<u64>();
    Ok((words, text.len() as u64))
}

/// What all answers come to.
#[derive(Default)]
struct Sum {
    words: Words,
    size: u64,
    files: u64,
    failed: u64,
}

type Call = Future<Result<(Words, u64), String>>;

/// Adds up the answers; a call that failed is reported and costs its own file only.
fn collect(calls: Vec<(PathBuf, Call)>, running: &Lock<u64>) -> Result<Sum, Box<dyn Error>> {
    let mut sum = Sum::default();
    let all = calls.len();
    for (path, call) in calls {
        let (found, size) = match call.get().map_err(|error| error.to_string()).and_then(|answer| answer) {
            Ok(answer) => answer,
            Err(error) => {
                sum.failed += 1;
                eprintln!("not counted: {}: {error}", path.display());
                continue;
            }
        };
        for (word, times) in found {
            *sum.words.entry(word).or_default() += times;
        }
        sum.size += size;
        sum.files += 1;
        if sum.files % PROGRESS_EVERY == 0 {
            eprintln!("{} of {all} files, {} words so far", sum.files, *running.lock()?);
        }
    }
    Ok(sum)
}

fn report(sum: &Sum, running: u64) {
    let mut commonest: Vec<(&String, &u64)> = sum.words.iter().collect();
    commonest.sort_by(|(word, times), (other, others)| others.cmp(times).then(word.cmp(other)));
    for (word, times) in commonest.into_iter().take(COMMONEST) {
        println!("{times:9} {word}");
    }
    let words: u64 = sum.words.values().sum();
    println!("{} files, {} bytes, {words} words, {} different", sum.files, sum.size, sum.words.len());
    println!("running total {running}");
    if sum.failed > 0 {
        println!("{} files could not be counted", sum.failed);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env::args_os().nth(1).unwrap_or_else(|| ".".into()));
    let running = Lock::new(0)?;
    let paths = Queue::bounded(100)?;
    let walker = Process::builder().name("walker").spawn(walk, (folder, paths.clone()))?;
    let pool = Pool::builder().build()?;
    let mut calls = Vec::new();
    for path in &paths {
        let path = path?;
        let call = pool.submit(count, (path.clone(), running.clone()))?;
        calls.push((path, call));
    }
    let sum = collect(calls, &running)?;
    walker.join()?;
    report(&sum, *running.lock()?);
    Ok(())
}
