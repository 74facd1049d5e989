//! With whom a process ends, and what is left when any of them is killed: nothing.
//!
//! Parents run in processes of their own, which the tests kill or let end; their children's numbers come through a
//! file. What watches over them (the reaper, the zygote) is killed, too.

mod until;
mod witness;

use manyhands::arena::Role;
use manyhands::spawn::{Process, ProcessError, StartMethod};
use std::time::Duration;
use until::until;
use witness::{Witness, runs, signal};

/// Starts a daemon and another child, tells their numbers, and never ends.
fn parent_of_two(path: String) {
    let daemon = Process::builder().daemon(true).spawn(|(): ()| witness::sleep_for_ever(), ()).unwrap();
    let child = Process::spawn(|(): ()| witness::sleep_for_ever(), ()).unwrap();
    witness::write(&path, &format!("{} {}", daemon.pid(), child.pid()));
    witness::sleep_for_ever();
}

fn numbers(witness: &Witness) -> Vec<u32> {
    witness.read().split_whitespace().map(|word| word.parse().unwrap()).collect()
}

#[test]
fn a_killed_parent_takes_its_children_along() {
    for how in [libc::SIGKILL, libc::SIGTERM, libc::SIGSEGV] {
        let witness = Witness::new();
        let parent = Process::spawn(parent_of_two, witness.path()).unwrap();
        let children = numbers(&witness);
        parent.signal(how).unwrap();
        assert!(matches!(parent.join(), Err(ProcessError::Signaled { signal, .. }) if signal == how));
        for child in children {
            until("the child of the killed parent has ended", || !runs(child));
        }
    }
}

#[test]
fn an_exit_without_handlers_takes_daemons_only() {
    let witness = Witness::new();
    let parent = Process::spawn(
        |path: String| {
            let daemon =
                Process::builder().daemon(true).spawn(|(): ()| witness::sleep_for_ever(), ()).unwrap();
            let child = Process::spawn(|(): ()| witness::sleep_for_ever(), ()).unwrap();
            witness::write(&path, &format!("{} {}", daemon.pid(), child.pid()));
            // SAFETY: ends this process at once.
            unsafe { libc::_exit(0) };
        },
        witness.path(),
    )
    .unwrap();
    let children = numbers(&witness);
    parent.join().unwrap();
    until("the daemon has ended", || !runs(children[0]));
    assert!(runs(children[1]));
    signal(children[1], libc::SIGKILL);
}

#[test]
fn a_child_goes_on_whose_parent_ended_at_once() {
    fn child((path, parent): (String, u32)) {
        until("the parent has ended", || !runs(parent));
        witness::write(&path, "went on");
    }
    fn starter(method: StartMethod, path: String) {
        // The child outlives the handle.
        let _ = Process::builder().method(method).spawn(child, (path, std::process::id())).unwrap();
        // SAFETY: ends this process at once.
        unsafe { libc::_exit(0) };
    }
    let starters: [fn(String); 3] = [
        |path| starter(StartMethod::Zygote, path),
        |path| starter(StartMethod::Exec, path),
        |path| {
            let parent = std::process::id();
            // SAFETY: this process has one thread.
            let _ = unsafe { Process::builder().fork(|| child((path, parent))) }.unwrap();
            // SAFETY: as above.
            unsafe { libc::_exit(0) };
        },
    ];
    for start in starters {
        for _ in 0..5 {
            let witness = Witness::new();
            // A function's address is the same in a child of the same program only when that was forked. SAFETY: the
            // child is the only thread that goes on; it allocates, which glibc's own fork handlers make safe.
            let parent = unsafe { Process::builder().fork(|| start(witness.path())) }.unwrap();
            parent.join().unwrap();
            assert_eq!(witness.read(), "went on");
        }
    }
}

#[test]
fn a_copy_that_the_program_forked_itself_is_left_alone() {
    let witness = Witness::new();
    let parent = Process::spawn(
        |path: String| {
            let child = Process::spawn(|(): ()| witness::sleep_for_ever(), ()).unwrap();
            // SAFETY: this process has one thread.
            let copy = unsafe { libc::fork() };
            if copy != 0 {
                witness::write(&path, &format!("{copy} {}", child.pid()));
            }
            witness::sleep_for_ever()
        },
        witness.path(),
    )
    .unwrap();
    let [copy, child] = numbers(&witness)[..] else { panic!("two numbers are told") };
    parent.kill().unwrap();
    parent.join().unwrap_err();
    until("the child has ended", || !runs(child));
    assert!(runs(copy));
    signal(copy, libc::SIGKILL);
}

#[test]
fn a_parent_that_ends_waits_for_its_children_and_ends_its_daemons() {
    let witness = Witness::new();
    let gate = Witness::new();
    let parent = Process::spawn(
        |(path, gate): (String, String)| {
            let daemon =
                Process::builder().daemon(true).spawn(|(): ()| witness::sleep_for_ever(), ()).unwrap();
            let child = Process::spawn(
                |gate: String| {
                    until("the gate opens", || !std::fs::read(&gate).unwrap().is_empty());
                },
                gate,
            )
            .unwrap();
            witness::write(&path, &format!("{} {}", daemon.pid(), child.pid()));
        },
        (witness.path(), gate.path()),
    )
    .unwrap();
    let children = numbers(&witness);
    until("the daemon has ended", || !runs(children[0]));
    assert!(parent.join_timeout(Duration::from_millis(50)).is_none(), "the parent waits for its child");
    assert!(runs(children[1]));
    witness::write(&gate.path(), "open");
    parent.join().unwrap();
    assert!(!runs(children[1]));
}

#[test]
fn a_killed_zygote_is_replaced() {
    let process = Process::spawn(
        |(): ()| {
            for _ in 0..3 {
                Process::spawn(|(): ()| (), ()).unwrap().join().unwrap();
                let zygote = witness::my_helper(Role::Supervisor).expect("a zygote runs");
                signal(zygote, libc::SIGKILL);
                until("the zygote has ended", || !runs(zygote));
                let next = Process::spawn(|(): ()| (), ()).unwrap();
                next.join().unwrap();
                assert_ne!(witness::my_helper(Role::Supervisor), Some(zygote));
            }
        },
        (),
    )
    .unwrap();
    process.join().unwrap();
}

#[test]
fn a_stopped_then_killed_zygote_fails_no_start() {
    let process = Process::spawn(
        |(): ()| {
            Process::spawn(|(): ()| (), ()).unwrap().join().unwrap();
            let zygote = witness::my_helper(Role::Supervisor).expect("a zygote runs");
            signal(zygote, libc::SIGSTOP);
            let killer = std::thread::spawn(move || {
                // The request waits in the socket meanwhile.
                std::thread::yield_now();
                signal(zygote, libc::SIGKILL);
            });
            Process::spawn(|(): ()| (), ()).unwrap().join().unwrap();
            killer.join().unwrap();
        },
        (),
    )
    .unwrap();
    process.join().unwrap();
}

/// Runs this test program once more, with one hidden test that plays a program of its own.
fn program(name: &str, path: &str) -> std::process::Child {
    std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture"])
        .env("MANYHANDS_TEST_WITNESS", path)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "a program that other tests run"]
fn program_with_children() {
    let path = std::env::var("MANYHANDS_TEST_WITNESS").unwrap();
    let daemon = Process::builder().daemon(true).spawn(|(): ()| witness::sleep_for_ever(), ()).unwrap();
    let stubborn = Process::spawn(
        |(): ()| {
            // SAFETY: this process has one thread.
            unsafe { libc::signal(libc::SIGTERM, libc::SIG_IGN) };
            witness::sleep_for_ever();
        },
        (),
    )
    .unwrap();
    let exec =
        Process::builder().method(StartMethod::Exec).spawn(|(): ()| witness::sleep_for_ever(), ()).unwrap();
    let nested = Witness::new();
    let parent = Process::spawn(parent_of_two, nested.path()).unwrap();
    let inner = nested.read();
    drop(nested);
    let helpers = witness::all_in_arena();
    witness::write(
        &path,
        &format!("{} {} {} {} {inner} {helpers}", daemon.pid(), stubborn.pid(), exec.pid(), parent.pid()),
    );
    witness::sleep_for_ever();
}

#[test]
fn a_killed_program_leaves_nothing_behind() {
    let witness = Witness::new();
    let mut root = program("program_with_children", &witness.path());
    let all = numbers(&witness);
    assert!(all.len() >= 9, "{all:?}");
    root.kill().unwrap();
    root.wait().unwrap();
    for process in all {
        until("every process of the killed program has ended", || !runs(process));
    }
}

#[test]
fn a_killed_reaper_is_replaced() {
    let witness = Witness::new();
    let mut root = program("program_without_reaper", &witness.path());
    let all = numbers(&witness);
    root.kill().unwrap();
    root.wait().unwrap();
    for process in all {
        until("every process of the killed program has ended", || !runs(process));
    }
}

#[test]
#[ignore = "a program that other tests run"]
fn program_without_reaper() {
    let path = std::env::var("MANYHANDS_TEST_WITNESS").unwrap();
    let mut last = None;
    for _ in 0..3 {
        let process = Process::spawn(|(): ()| (), ()).unwrap();
        process.join().unwrap();
        let mut reaper = None;
        until("there is a reaper", || {
            reaper = witness::with_role(Role::Reaper).filter(|reaper| Some(*reaper) != last && runs(*reaper));
            reaper.is_some()
        });
        let reaper = reaper.unwrap();
        signal(reaper, libc::SIGKILL);
        until("the reaper has ended", || !runs(reaper));
        last = Some(reaper);
    }
    let child = Process::spawn(|(): ()| witness::sleep_for_ever(), ()).unwrap();
    until("there is a reaper", || {
        witness::with_role(Role::Reaper).is_some_and(|reaper| Some(reaper) != last && runs(reaper))
    });
    witness::write(&path, &format!("{} {}", child.pid(), witness::all_in_arena()));
    witness::sleep_for_ever();
}
