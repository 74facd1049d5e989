//! A shared library that would use the engine, for a program that does not know of it: see `tests/library.rs`.

use std::ffi::{CString, c_char};

fn double(number: u64) -> u64 {
    number * 2
}

fn nothing((): ()) {}

/// What starting a process says. The text is never freed.
#[unsafe(no_mangle)]
pub extern "C" fn start_a_process() -> *const c_char {
    told(manyhands::Process::spawn(nothing, ()).map(drop))
}

/// What a pool says. The text is never freed.
#[unsafe(no_mangle)]
pub extern "C" fn make_a_pool() -> *const c_char {
    told(manyhands::Pool::new(1).map(|pool| drop(pool.submit(double, 4))))
}

/// Adds one to a lock's value, which the program made with its own copy of the engine; what it was. The text is never
/// freed.
#[unsafe(no_mangle)]
pub extern "C" fn add_one(lock: u64) -> *const c_char {
    let added = manyhands::shared::Lock::<u64>::attach(manyhands::arena::Handle::from_raw(lock))
        .map_err(|error| error.to_string())
        .and_then(|lock| lock.lock().map(|mut value| *value += 1).map_err(|error| error.to_string()));
    told(added)
}

fn told<E: std::fmt::Display>(result: Result<(), E>) -> *const c_char {
    let text = result.map_or_else(|error| error.to_string(), |()| "it was done".to_owned());
    CString::new(text).expect("no message has a zero byte").into_raw()
}
