//! The examples in Rust, run as a user runs them: each must show its lesson. The main job has a test of its own.

use std::path::PathBuf;
use std::process::Command;

/// The folder of the examples' programs, which cargo puts beside that of the tests.
fn folder() -> PathBuf {
    let tests = std::env::current_exe().expect("this program has a path");
    let profile = tests.parent().and_then(std::path::Path::parent).expect("target/PROFILE/deps/THIS");
    profile.join("examples")
}

/// The lines that an example prints. It is built here if only this test was.
fn lines_of(name: &str) -> Vec<String> {
    let program = folder().join(name);
    if !program.exists() {
        let build = ["build", "--quiet", "--package", "manyhands", "--example", name];
        let built = Command::new(env!("CARGO")).args(build).status().expect("cargo runs");
        assert!(built.success(), "{name} does not build");
    }
    let run = Command::new(program).output().expect("the example runs");
    assert_eq!(String::from_utf8_lossy(&run.stderr), "", "{name}");
    assert!(run.status.success(), "{name}: {}", run.status);
    String::from_utf8(run.stdout).expect("text").lines().map(str::to_owned).collect()
}

/// The first number after `words` in one of the lines.
fn number_after(lines: &[String], words: &str) -> u64 {
    let rest = lines.iter().find_map(|line| line.split_once(words)).unwrap_or_else(|| panic!("{lines:?}")).1;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("{words}: {rest}"))
}

#[test]
fn downloads_at_once_take_as_long_as_the_longest() {
    let lines = lines_of("downloads");
    assert!(number_after(&lines, "one after another: ") >= 1350);
    let took = ["threads: ", "processes: "].map(|kind| number_after(&lines, kind));
    for milliseconds in took {
        // A machine that does other things may be slow to start them; the sum it must not be.
        assert!((600..1350).contains(&milliseconds), "{lines:?}");
    }
    let mut processes: Vec<_> =
        lines.iter().filter_map(|line| line.split_once("in process ")).map(|(_, pid)| pid).collect();
    processes.sort_unstable();
    processes.dedup();
    assert_eq!(processes.len(), 4, "this one and three others: {lines:?}");
}

#[test]
fn one_thread_hears_of_whatever_comes_first() {
    let lines = lines_of("select");
    // 30030 is the product of six primes: 64 divisors, without 1 and itself.
    assert!(lines.contains(&"62 divisors of 30030, the largest of which is 15015".to_owned()), "{lines:?}");
}

#[test]
fn a_value_in_one_process_is_used_from_three_others() {
    let lines = lines_of("hosted");
    assert_eq!(lines[0], "counted by three processes: {'a': 5, 'b': 6, 'c': 1, 'o': 1}");
    assert_eq!(lines[1], "the map lives in another process: true");
    assert!(lines[2].contains("has ended, and the value is gone"), "{lines:?}");
}

#[test]
fn an_update_is_lost_without_a_lock_and_none_with_it() {
    let lines = lines_of("lost_update");
    assert!(number_after(&lines, "without a lock: ") < 100, "{lines:?}");
    assert_eq!(number_after(&lines, "with a lock: "), 100);
}

#[test]
fn a_deadlock_is_an_error_and_has_three_cures() {
    let lines = lines_of("deadlock");
    let text = lines.join("\n");
    assert!(text.contains("one gives up: deadlock: "), "{text}");
    for name in ["Ann", "Bob"] {
        assert!(text.contains(&format!("\"{name}\" waits at ")), "{text}");
        assert!(text.contains(&format!("\"{name}\" took at ")), "{text}");
    }
    let made: Vec<_> =
        text.split("the lock made at ").skip(1).filter_map(|rest| rest.split(',').next()).collect();
    assert!(made.len() == 2 && made[0] != made[1], "two locks: {text}");
    assert!(lines.iter().any(|line| line == "the other one goes on"));
    assert_eq!(
        lines[lines.len() - 3..],
        ["in one order: 40 walls", "with patience: 40 walls", "with a banker: 40 walls"]
    );
}

#[test]
fn threads_have_states_and_an_owner() {
    assert_eq!(
        lines_of("states"),
        [
            "computing: Running",
            "computing: Dead",
            "waiting: Blocked",
            "after a join with a limit: alive true",
            "after a join: 42",
            "thread \"panicking\" panicked: no more paint",
        ]
    );
}

#[test]
fn a_crawler_finds_every_page_once() {
    let lines = lines_of("crawler");
    assert!(lines[0].starts_with("60 pages fetched by 8 workers in "), "{lines:?}");
    // One after another they would take 60 times 50 ms.
    assert!(number_after(&lines, "workers in ") < 3000, "{lines:?}");
}

#[test]
fn answers_come_when_they_are_there_or_in_order() {
    let lines = lines_of("pools");
    assert_eq!(lines[..3], ["coffee", "soup", "tea"].map(|drink| format!("as completed: {drink}")));
    assert_eq!(
        lines[3..],
        ["called back: cocoa", "borrowed: 8", "from: 4", "the stack: 9", "168 primes below 1000"]
    );
}

#[test]
fn processes_run_threads() {
    let lines = lines_of("processes_with_threads");
    assert_eq!(lines.len(), 6);
    let words: Vec<Vec<&str>> = lines.iter().map(|line| line.split(' ').collect()).collect();
    for (number, line) in words.iter().enumerate() {
        assert_eq!(line[1], number.to_string());
        assert_eq!(line[4] == words[0][4], number < 3, "three threads in each of two processes: {lines:?}");
    }
}

#[test]
fn two_processes_talk_through_two_queues() {
    let lines = lines_of("talk");
    assert_eq!(lines[..2], ["(84, 2) is answered by Some(42)", "(1, 0) is answered by None"]);
    assert_eq!(lines.len(), 3);
    assert!(lines[2].ends_with(" is closed and empty: nothing more will come"), "{lines:?}");
}

#[test]
fn values_and_arrays_are_changed_by_several_processes() {
    assert_eq!(
        lines_of("shared_values"),
        [
            "three processes threw 3000 times and counted 3000",
            "killed in the midst: the array has 0 where 7 was, the value 3000 as before",
            "reported: true",
        ]
    );
}

#[test]
fn pictures_go_through_a_pipe_of_bytes() {
    let lines = lines_of("bytes_pipe");
    assert_eq!(number_after(&lines, "5 pictures of "), 20 << 20);
    assert_eq!(lines[1..], ["the laboratory closed when its customer had gone"]);
}
