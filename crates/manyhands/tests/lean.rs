//! Programs without standard streams, and without /dev: they run all the same.
//!
//! Each test runs a part of itself in a program of its own, whose streams it closes before the engine has opened
//! anything, or which has an empty /dev.

use manyhands::shared::Lock;
use manyhands::{Pool, Process, Queue, StartMethod};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file for what was found; where it is set, this process has a part in a test.
const REPORT: &str = "MANYHANDS_TEST_REPORT";

struct Report(PathBuf);

impl Report {
    fn new(name: &str) -> Report {
        Report(std::env::temp_dir().join(format!("manyhands-lean-{name}-{}", std::process::id())))
    }

    /// Runs the part of a test, with what is to stand before its command.
    fn of(&self, prefix: &[&str], part: &str) -> String {
        let program = std::env::current_exe().unwrap();
        let words = prefix.iter().map(AsRef::as_ref).chain([program.as_os_str()]);
        let words: Vec<_> = words.collect();
        let mut command = Command::new(words[0]);
        let done = command.args(&words[1..]).args(["--exact", part]).env(REPORT, &self.0).output().unwrap();
        std::fs::read_to_string(&self.0).unwrap_or_else(|_| format!("nothing: {done:?}"))
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn report() -> Option<PathBuf> {
    std::env::var_os(REPORT).map(PathBuf::from)
}

/// Writes to the numbers of the standard streams, as code does that takes them for open.
fn scribble() {
    for number in 0..3 {
        let text = "these bytes are meant for a terminal";
        // SAFETY: the kernel reads a text of ours.
        unsafe { libc::write(number, text.as_ptr().cast(), text.len()) };
    }
}

fn double(number: u32) -> u32 {
    scribble();
    2 * number
}

fn add_one((count, queue): (Lock<u32>, Queue<String>)) {
    scribble();
    *count.lock().unwrap() += 1;
    queue.put(&"from a child".to_owned()).unwrap();
}

/// Uses a bit of everything, and writes down what came of it.
fn use_everything(report: &Path) {
    scribble();
    let count = Lock::new(0).unwrap();
    let queue = Queue::growing().unwrap();
    let mut told = Vec::new();
    for method in [StartMethod::Zygote, StartMethod::Exec] {
        let child = Process::builder().method(method).spawn(add_one, (count.clone(), queue.clone())).unwrap();
        scribble();
        child.join().unwrap();
        told.push(queue.get().unwrap());
    }
    let pool = Pool::new(2).unwrap();
    scribble();
    let doubled: u32 = pool.map(double, 0..10).unwrap().map(Result::unwrap).sum();
    std::fs::write(report, format!("{} {told:?} {doubled}", *count.lock().unwrap())).unwrap();
}

const WHOLE: &str = r#"2 ["from a child", "from a child"] 90"#;

#[test]
fn part_without_streams() {
    let Some(report) = report() else { return };
    for number in 0..3 {
        // SAFETY: nobody of this process owns these numbers; what is told of the test is not looked at.
        unsafe { libc::close(number) };
    }
    use_everything(&report);
}

#[test]
fn closed_streams() {
    if report().is_none() {
        assert_eq!(Report::new("streams").of(&[], "part_without_streams"), WHOLE);
    }
}

#[test]
fn part_with_streams() {
    if let Some(report) = report() {
        use_everything(&report);
    }
}

#[test]
fn no_dev() {
    if report().is_some() {
        return;
    }
    let script = r#"mount -t tmpfs none /dev && exec "$@""#;
    let prefix = ["unshare", "--mount", "sh", "-c", script, "sh"];
    let possible = Command::new(prefix[0]).args(&prefix[1..]).arg("true").output();
    if !possible.is_ok_and(|done| done.status.success()) {
        eprintln!("SKIPPED: to have an empty /dev takes a namespace: root, and unshare(1)");
        return;
    }
    assert_eq!(Report::new("dev").of(&prefix, "part_with_streams"), WHOLE);
}
