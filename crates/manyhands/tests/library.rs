//! A shared library cannot start processes: other processes do not know where its code is. It says so, and whose code
//! it is.
//!
//! What needs no code elsewhere works: its copy of the engine shares the arena of the program's own.
//!
//! The library is loaded by name, as programs in other languages do, by a program that has no part in the engine's
//! work.

mod built;

use manyhands::shared::Lock;
use std::ffi::{CStr, CString, c_char, c_void};
use std::path::PathBuf;
use std::process::Command;

/// The library, which cargo puts where examples go. It is built here if only this test was.
fn library() -> PathBuf {
    built::example("in_library", "libin_library.so")
}

/// Where a function of the library stands, which is loaded if it is not yet.
fn place(function: &CStr) -> *mut c_void {
    let file = CString::new(library().into_os_string().into_encoded_bytes()).expect("a path");
    // SAFETY: both names are strings that end; the library runs nothing when it is loaded but the engine's entry, which
    // returns at once.
    let place = unsafe { libc::dlsym(libc::dlopen(file.as_ptr(), libc::RTLD_NOW), function.as_ptr()) };
    assert!(!place.is_null(), "the library has no {function:?}");
    place
}

/// Calls a function of the library that is given a number and gives a text.
fn ask(function: &CStr, number: u64) -> String {
    // SAFETY: the library's functions take a number or nothing and return a text that is never freed.
    let told = unsafe {
        let call: extern "C" fn(u64) -> *const c_char = std::mem::transmute(place(function));
        CStr::from_ptr(call(number))
    };
    told.to_str().expect("text").to_owned()
}

#[test]
fn processes_and_pools_are_refused_with_the_reason_and_the_librarys_name() {
    for function in [c"start_a_process", c"make_a_pool"] {
        let told = ask(function, 0);
        assert!(told.contains("libin_library.so"), "{told}");
        assert!(told.contains("in a shared library (cdylib) the engine can start none"), "{told}");
    }
}

/// The names of the arenas that this process has mapped as a whole.
fn arenas() -> Vec<String> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let names =
        maps.lines().filter(|line| line.contains(" rw-s ")).filter_map(|line| line.split_once("/memfd:"));
    names.map(|(_, name)| name.to_owned()).filter(|name| name.starts_with("manyhands-")).collect()
}

#[test]
fn two_copies_of_the_engine_in_a_process_share_one_arena() {
    let lock = Lock::new(1_u64).unwrap();
    let handle = lock.handle();
    assert_eq!(ask(c"add_one", handle.to_raw()), "it was done");
    assert_eq!(*lock.lock().unwrap(), 2);
    let arenas = arenas();
    assert!(
        arenas.len() == 2 && arenas[0] == arenas[1],
        "each copy has its own map of one memory: {arenas:?}"
    );
    assert_eq!(ask(c"add_one", handle.to_raw()), "it was done", "the reference that it dropped was its own");
    assert_eq!(*lock.lock().unwrap(), 3);
    drop(lock);
    assert!(ask(c"add_one", handle.to_raw()).contains("is gone"));
}

#[test]
#[ignore = "has a process to itself: run by the test below"]
fn two_copies_need_an_arena_in_the_same_instant() {
    place(c"add_one");
    let start = std::sync::Barrier::new(2);
    let lock = std::thread::scope(|scope| {
        scope.spawn(|| {
            start.wait();
            ask(c"add_one", 0)
        });
        start.wait();
        Lock::new(1_u64).unwrap()
    });
    assert_eq!(ask(c"add_one", lock.handle().to_raw()), "it was done");
    assert_eq!(*lock.lock().unwrap(), 2);
}

#[test]
fn two_copies_that_need_an_arena_in_the_same_instant_do_not_miss_each_other() {
    for _ in 0..40 {
        let alone = ["--exact", "two_copies_need_an_arena_in_the_same_instant", "--ignored"];
        let ran = Command::new(std::env::current_exe().unwrap()).args(alone).output().unwrap();
        let told = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success() && told.contains("1 passed"), "{told}");
    }
}
