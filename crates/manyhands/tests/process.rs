//! Processes of a Rust program: started from a test, without anything in `main`.
//!
//! Each test starts processes by every start method and looks at them from inside and outside: whose children they
//! are, how they end, who may wait for them. What they see they write into a file, since queues are a later matter.

mod until;
mod witness;

use manyhands::arena::Role;
use manyhands::platform::pidfd::ExitStatus;
use manyhands::spawn::{
    Failure, Instruction, Order, Process, ProcessError, Program, Share, StartMethod, start_exec,
    start_through_zygote,
};
use std::time::Duration;
use until::until;
use witness::Witness;

const METHODS: [StartMethod; 2] = [StartMethod::Zygote, StartMethod::Exec];

#[test]
fn the_childs_parent_is_whoever_asked_and_can_reap_it() {
    for method in METHODS {
        let witness = Witness::new();
        let process = Process::builder().method(method).spawn(witness::tell_parent, witness.path()).unwrap();
        assert_eq!(witness.read(), format!("{} {}", process.pid(), std::process::id()));
        process.join().unwrap();
        assert!(!process.is_alive());
        assert_eq!(process.join_timeout(Duration::ZERO), Some(Ok(())));
    }
}

#[test]
fn a_closure_and_its_argument_travel() {
    let witness = Witness::new();
    let process = Process::spawn(
        |(path, words): (String, Vec<String>)| witness::write(&path, &words.join("-")),
        (witness.path(), vec!["a".to_owned(), "b".to_owned()]),
    )
    .unwrap();
    assert_eq!(witness.read(), "a-b");
    process.join().unwrap();
}

#[test]
fn a_panic_is_told_with_its_place() {
    for method in METHODS {
        let process = Process::builder()
            .name("unlucky")
            .method(method)
            .spawn(|number: u32| assert!(number == 0, "not {number}"), 3_u32)
            .unwrap();
        let error = process.join().unwrap_err();
        let ProcessError::Failed { name, failure: Failure::Panicked { message, location }, .. } = &error
        else {
            panic!("{error}")
        };
        assert_eq!((name.as_str(), message.as_str()), ("unlucky", "not 3"));
        assert!(location.contains("tests/process.rs:"), "{location}");
    }
}

#[test]
fn exit_codes_and_signals_are_told() {
    for method in METHODS {
        let process = Process::builder()
            .method(method)
            .spawn(|code: i32| -> () { std::process::exit(code) }, 7)
            .unwrap();
        assert!(matches!(process.join(), Err(ProcessError::Exited { code: 7, .. })));
        for signal in [libc::SIGKILL, libc::SIGTERM] {
            let end = if signal == libc::SIGKILL { Process::kill } else { Process::terminate };
            let process =
                Process::builder().method(method).spawn(|(): ()| witness::sleep_for_ever(), ()).unwrap();
            assert!(process.join_timeout(Duration::from_millis(1)).is_none());
            end(&process).unwrap();
            let error = process.join().unwrap_err();
            assert!(matches!(error, ProcessError::Signaled { signal: it, .. } if it == signal), "{error}");
            // Nothing happens to one that has ended.
            end(&process).unwrap();
        }
    }
}

#[test]
fn processes_start_processes() {
    for method in METHODS {
        let witness = Witness::new();
        let argument = (witness.path(), method == StartMethod::Exec);
        let process = Process::builder()
            .method(method)
            .spawn(
                |(path, exec): (String, bool)| {
                    let method = if exec { StartMethod::Exec } else { StartMethod::Zygote };
                    let inner = Process::builder().method(method).spawn(witness::tell_parent, path).unwrap();
                    inner.join().unwrap();
                    assert!(inner.name().ends_with(":1"), "{}", inner.name());
                },
                argument,
            )
            .unwrap();
        process.join().unwrap();
        let told = witness.read();
        assert!(told.ends_with(&format!(" {}", process.pid())), "{told}");
    }
}

#[test]
fn a_forked_process_runs_what_it_is_given() {
    let witness = Witness::new();
    let path = std::ffi::CString::new(witness.path()).unwrap();
    // SAFETY: the child makes system calls only.
    let process = unsafe {
        Process::builder().fork(|| {
            let descriptor = libc::open(path.as_ptr(), libc::O_WRONLY);
            libc::write(descriptor, c"forked".as_ptr().cast(), 6);
            libc::_exit(3);
        })
    }
    .unwrap();
    assert!(matches!(process.join(), Err(ProcessError::Exited { code: 3, .. })));
    assert_eq!(witness.read(), "forked");
}

#[test]
fn many_threads_start_processes_at_once() {
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..8 {
                    Process::spawn(|(): ()| (), ()).unwrap().join().unwrap();
                }
            });
        }
    });
}

#[test]
fn a_large_argument_arrives() {
    let argument = vec![7_u8; 1 << 20];
    for method in METHODS {
        let process = Process::builder()
            .method(method)
            .spawn(
                |bytes: Vec<u8>| assert!(bytes.len() == 1 << 20 && bytes.iter().all(|byte| *byte == 7)),
                argument.clone(),
            )
            .unwrap();
        process.join().unwrap();
    }
}

#[test]
fn a_sentinel_polls_readable_at_the_end() {
    let process = Process::spawn(|(): ()| witness::sleep_for_ever(), ()).unwrap();
    assert!(!witness::is_readable(process.sentinel()));
    process.kill().unwrap();
    until("the sentinel becomes readable", || witness::is_readable(process.sentinel()));
    process.join().unwrap_err();
}

#[test]
fn bytes_that_somebody_made_up_are_not_run_as_a_function() {
    let order = |payload| Order {
        name: "odd",
        role: Role::User,
        payload,
        descriptors: &[],
        share: Share::These(&[]),
    };
    for bytes in [&[][..], &[7; 16], &[0; 64]] {
        let started = start_exec(&Program::myself(), &order(Instruction::of(bytes))).unwrap();
        assert_eq!(
            started.wait(None, &manyhands::sync::Blocking).unwrap(),
            Some(ExitStatus::Exited(1)),
            "refused in words"
        );
        let started = start_through_zygote(&Program::myself(), &order(Instruction::of(bytes))).unwrap();
        assert_eq!(started.wait(None, &manyhands::sync::Blocking).unwrap(), Some(ExitStatus::Exited(1)));
    }
}
