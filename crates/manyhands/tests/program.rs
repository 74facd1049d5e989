//! A program with a `main` of its own: it parses arguments, and starts processes without having called anything first.
//!
//! It runs itself once more as a stripped copy, under another name and with arguments that `main` refuses unless they
//! are these: so a zygote that came as far as `main` would be seen. Not run by the test harness, whose `main` knows the
//! engine no better.

use manyhands::spawn::{Process, StartMethod};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicU32, Ordering};

/// How often an initialiser of this program ran in this process.
static INITIALISED: AtomicU32 = AtomicU32::new(0);

extern "C" fn initialise() {
    INITIALISED.fetch_add(1, Ordering::Relaxed);
}

// Last in the list, so that it has not run when the engine takes over.
#[used]
#[unsafe(link_section = ".init_array.65535")]
static EARLY: extern "C" fn() = initialise;
#[used]
#[unsafe(link_section = ".init_array")]
static LATE: extern "C" fn() = initialise;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments[1..].iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["inner", "--number", number] => {
            start_processes();
            println!("number {number}");
            ExitCode::SUCCESS
        }
        ["inner", ..] => {
            eprintln!("usage: inner --number N");
            ExitCode::from(2)
        }
        // Whatever the tests were asked to run.
        _ => {
            start_processes();
            run_stripped();
            println!("a program with a main of its own ... ok");
            ExitCode::SUCCESS
        }
    }
}

fn start_processes() {
    let arguments: Vec<String> = std::env::args().collect();
    for method in [StartMethod::Zygote, StartMethod::Exec] {
        for _ in 0..2 {
            let process = Process::builder().method(method).spawn(
                |expected: Vec<String>| {
                    assert_eq!(std::env::args().collect::<Vec<_>>(), expected);
                    assert_eq!(INITIALISED.load(Ordering::Relaxed), 2);
                    let mine = std::fs::read_to_string("/proc/self/comm").unwrap();
                    let parent = std::os::unix::process::parent_id();
                    assert_eq!(mine, std::fs::read_to_string(format!("/proc/{parent}/comm")).unwrap());
                    ExitCode::from(5)
                },
                arguments.clone(),
            );
            let error = process.unwrap().join().unwrap_err();
            assert!(error.to_string().ends_with("ended with exit code 5"), "{error}");
        }
    }
    let counters = manyhands::arena::Arena::get().unwrap().counters();
    assert_eq!(counters.processes_started.load(Ordering::Relaxed), 4);
}

fn run_stripped() {
    let copy = std::env::temp_dir().join(format!("manyhands-stripped-{}", std::process::id()));
    std::fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    // Without the tool the copy is run as it is.
    let stripped = Command::new("strip").arg(&copy).status();
    let output = Command::new(&copy).args(["inner", "--number", "7"]).output().unwrap();
    std::fs::remove_file(&copy).unwrap();
    assert!(stripped.is_err() || stripped.is_ok_and(|status| status.success()));
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && told == "number 7\n",
        "{told}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
