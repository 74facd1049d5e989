//! Functions as they travel between processes of one program.
//!
//! A function, or a closure that captures nothing, has a type of its own and no content. So it is sent as the place, in
//! the program's image, of a trampoline compiled for that type. The trampoline reads the arguments, calls the function,
//! and writes the answer; the build's number guards against another program. It needs no registry and works in stripped
//! binaries. Code of a shared library has no place in the program: that is refused, by name. A panic is an answer like
//! any other; what the user sees of it on standard error stays as it was.

use crate::encoding;
use crate::platform::image::{self, MainProgram};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{ExitCode, Termination};
use std::sync::Once;

/// What an entry runs: the arguments' bytes in, the answer's bytes out.
pub type Trampoline = fn(&[u8]) -> Vec<u8>;

/// A function of this program, in the form in which it travels. There is one only of what is a function: nobody outside
/// the engine can make one of a number, or read one out of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    offset: u64,
    build: u64,
}

/// Why a function cannot travel, or cannot be found.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntryError {
    /// The code is in a shared library, whose place another process does not know.
    #[error(
        "this function is code of the library {library}, and only functions of the program itself can be run in \
         another process; in a shared library (cdylib) the engine can start none"
    )]
    InLibrary {
        /// The library's file.
        library: String,
    },
    /// The entry was made by another build of the program.
    #[error(
        "this function was sent by another build of the program (build {theirs:016x}, this is {ours:016x}); run \
         the same binary on both sides"
    )]
    OtherBuild {
        /// The sender's build.
        theirs: u64,
        /// This program's.
        ours: u64,
    },
    /// The entry names no code of this program.
    #[error("no function of this program is at offset {offset:#x}")]
    NoCode {
        /// Where it should have been.
        offset: u64,
    },
}

/// Why a call in another process gave no value.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Failure {
    /// The function panicked.
    #[error("panicked at {location}: {message}")]
    Panicked {
        /// What the panic said.
        message: String,
        /// Where, as `file:line:column`.
        location: String,
    },
    /// The arguments did not read as what the function takes.
    #[error("the arguments cannot be read as {expected}: {reason}")]
    Arguments {
        /// The type that the function takes.
        expected: String,
        /// What the format says.
        reason: String,
    },
    /// The value cannot be written, or did not read as what the function gives.
    #[error("the result, a {given}, cannot be sent: {reason}")]
    Result {
        /// The type that the function gives.
        given: String,
        /// What the format says.
        reason: String,
    },
}

const OFFSET_BITS: u32 = 40;
const OFFSET: u64 = (1 << OFFSET_BITS) - 1;

/// 24 bits of a product in which each bit of both counts; they distinguish an offset that was written down from any
/// other number.
fn check_of(offset: u64, build: u64) -> u64 {
    let mixed = (offset ^ build ^ 0x6d61_6e79).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> OFFSET_BITS
}

impl Entry {
    /// The entry of a function or of a closure that captures nothing.
    ///
    /// # Errors
    /// When the code is in a shared library.
    pub fn of<F, A, R>(function: F) -> Result<Entry, EntryError>
    where
        F: Fn(A) -> R + Copy + Send + 'static,
        A: DeserializeOwned,
        R: Serialize,
    {
        const { assert_captures_nothing::<F>() };
        Entry::of_empty(function)
    }

    /// As [`Entry::of`], for callers that have asserted it: the compiler then shows the line of their caller.
    pub(crate) fn of_empty<F, A, R>(function: F) -> Result<Entry, EntryError>
    where
        F: Fn(A) -> R + Copy + Send + 'static,
        A: DeserializeOwned,
        R: Serialize,
    {
        debug_assert_eq!(size_of_val(&function), 0, "its caller asserts that it captures nothing");
        Entry::of_trampoline(run::<F, A, R>)
    }

    /// The entry of a function that is run for what it does, like a program's `main`: the answer is the exit code, a
    /// `u8`. The caller has asserted that it captures nothing.
    ///
    /// # Errors
    /// When the code is in a shared library.
    pub(super) fn of_main<F, A, T>(function: F) -> Result<Entry, EntryError>
    where
        F: Fn(A) -> T + Copy + Send + 'static,
        A: DeserializeOwned,
        T: Termination,
    {
        debug_assert_eq!(size_of_val(&function), 0, "its caller asserts that it captures nothing");
        Entry::of_trampoline(run_main::<F, A, T>)
    }

    /// The entry of code that reads and writes bytes itself.
    ///
    /// # Errors
    /// When the code is in a shared library.
    pub fn of_trampoline(trampoline: Trampoline) -> Result<Entry, EntryError> {
        let main = MainProgram::get();
        let address = trampoline as usize;
        match main.offset_of(address) {
            Some(offset) => Ok(Entry { offset, build: main.build }),
            None => Err(EntryError::InLibrary { library: image::file_of(address) }),
        }
    }

    /// The code that the entry names.
    ///
    /// # Errors
    /// When it was made by another build.
    pub fn trampoline(self) -> Result<Trampoline, EntryError> {
        let main = MainProgram::get();
        if self.build != main.build {
            return Err(EntryError::OtherBuild { theirs: self.build, ours: main.build });
        }
        let address = main.address_at(self.offset).ok_or(EntryError::NoCode { offset: self.offset })?;
        // SAFETY: an entry is made of a trampoline, or in the engine of what it wrote down of one (`written`,
        // `offset`). Processes on one arena trust each other; the same build has the same code at the same distance
        // from its base.
        Ok(unsafe { std::mem::transmute::<*const (), Trampoline>(address as *const ()) })
    }

    /// Calls the function with arguments' bytes; the answer is for [`answer`] to read.
    ///
    /// # Errors
    /// When the entry was made by another build.
    pub fn call(self, arguments: &[u8]) -> Result<Vec<u8>, EntryError> {
        Ok(self.trampoline()?(arguments))
    }

    /// The shortest form for members of one arena and build: where the code is in the program, in 40 bits, and a check
    /// of that. The number stands in shared memory, and any other place is code that was never meant to be called.
    pub fn number(self) -> u64 {
        self.offset & OFFSET | check_of(self.offset & OFFSET, self.build) << OFFSET_BITS
    }

    /// The entry of a number that [`Entry::number`] gave in a process of the same build.
    ///
    /// # Errors
    /// When something else has written over the number.
    pub(crate) fn of_number(number: u64) -> Result<Entry, EntryError> {
        let (offset, build) = (number & OFFSET, MainProgram::get().build);
        let entry = Entry { offset, build };
        if entry.number() == number { Ok(entry) } else { Err(EntryError::NoCode { offset: number }) }
    }

    /// The entry and, behind it, the bytes of arguments, for [`Entry::read`] in another process.
    pub(crate) fn written(self, arguments: &[u8]) -> Vec<u8> {
        let (offset, build) = (self.offset.to_ne_bytes(), self.build.to_ne_bytes());
        [&offset, &build, arguments].concat()
    }

    /// What [`Entry::written`] wrote. The caller knows that the bytes are from there.
    pub(super) fn read(written: &[u8]) -> Option<(Entry, &[u8])> {
        let (offset, rest) = written.split_first_chunk()?;
        let (build, arguments) = rest.split_first_chunk()?;
        Some((Entry { offset: u64::from_ne_bytes(*offset), build: u64::from_ne_bytes(*build) }, arguments))
    }
}

/// To be asked in a `const` block of each method that takes a user's function. The compiler asks when it makes code for
/// the method with that function, so a build fails and a mere check does not. Stable Rust has no bound for "captures
/// nothing"; a function pointer, which only such closures become, has lost the name that messages show.
pub(crate) const fn assert_captures_nothing<F>() {
    assert!(
        size_of::<F>() == 0,
        "only a function, or a closure that captures nothing, can run in another process: \
         hand over what it needs as its argument"
    );
}

const VALUE: u8 = 0;
const FAILURE: u8 = 1;
/// Bytes for most values, so that they are not moved as they grow.
const ROOM: usize = 96;

/// The bytes of arguments, for [`Entry::call`].
///
/// # Errors
/// When the value refuses to be written.
pub fn arguments<A: Serialize>(value: &A) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::with_capacity(ROOM);
    match encoding::write(value, &mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) => Err(Failure::Arguments {
            expected: std::any::type_name::<A>().to_owned(),
            reason: error.to_string(),
        }),
    }
}

/// Reads what [`Entry::call`] gave.
///
/// # Errors
/// The failure that stands there, or that nothing readable does.
pub fn answer<R: DeserializeOwned>(bytes: &[u8]) -> Result<R, Failure> {
    let unreadable =
        |reason: String| Failure::Result { given: std::any::type_name::<R>().to_owned(), reason };
    match bytes.split_first() {
        Some((&VALUE, value)) => encoding::read(value).map_err(|error| unreadable(error.to_string())),
        Some((&FAILURE, failure)) => {
            Err(encoding::read(failure).unwrap_or_else(|error| unreadable(error.to_string())))
        }
        _ => Err(unreadable("no answer stands there".to_owned())),
    }
}

/// The failure that stands in an answer, if one does.
pub fn failure(bytes: &[u8]) -> Option<Failure> {
    bytes.strip_prefix(&[FAILURE]).and_then(|failure| encoding::read(failure).ok())
}

/// Has this thread's next call run `settle` between reading its arguments and calling the function.
pub(super) fn when_arguments_are_read(settle: fn()) {
    ARGUMENTS_READ.set(Some(settle));
}

/// The bytes of an answer that is a failure.
pub fn failed(failure: &Failure) -> Vec<u8> {
    tagged(FAILURE, failure).unwrap_or_else(|_| vec![FAILURE])
}

fn tagged<T: Serialize>(tag: u8, value: &T) -> Result<Vec<u8>, encoding::Error> {
    let mut bytes = Vec::with_capacity(ROOM);
    bytes.push(tag);
    encoding::write(value, &mut bytes)?;
    Ok(bytes)
}

/// The trampoline of a function: the only code whose place depends on the function.
fn run<F, A, R>(arguments: &[u8]) -> Vec<u8>
where
    F: Fn(A) -> R + Copy + Send + 'static,
    A: DeserializeOwned,
    R: Serialize,
{
    // SAFETY: reached only through `Entry::of_empty`, which had a value of the function's type, whose emptiness was
    // asserted.
    unsafe { called::<F, A, R>(arguments, |value| tagged(VALUE, &value)) }
}

/// The trampoline of a function that is run like a program's `main`.
fn run_main<F, A, T>(arguments: &[u8]) -> Vec<u8>
where
    F: Fn(A) -> T + Copy + Send + 'static,
    A: DeserializeOwned,
    T: Termination,
{
    // SAFETY: reached only through `Entry::of_main`, which had a value of the function's type, whose emptiness was
    // asserted.
    unsafe {
        called::<F, A, T>(arguments, |value| {
            let code = value.report();
            // The code itself cannot be read, only compared.
            let code = (0..=u8::MAX).find(|number| ExitCode::from(*number) == code);
            tagged(VALUE, &code.unwrap_or(u8::MAX))
        })
    }
}

/// # Safety
/// The caller had a value of type `F`, which has no content.
unsafe fn called<F, A, R>(
    arguments: &[u8],
    answer: impl FnOnce(R) -> Result<Vec<u8>, encoding::Error>,
) -> Vec<u8>
where
    F: Fn(A) -> R + Copy + Send + 'static,
    A: DeserializeOwned,
{
    let arguments = match encoding::read::<A>(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            return failed(&Failure::Arguments {
                expected: std::any::type_name::<A>().to_owned(),
                reason: error.to_string(),
            });
        }
    };
    if let Some(settle) = ARGUMENTS_READ.take() {
        settle();
    }
    let called = caught(|| {
        // SAFETY: a type without content, of which there is a value, as the caller promises, and which may be copied:
        // this is a copy.
        let function: F = unsafe { std::ptr::NonNull::dangling().read() };
        answer(function(arguments))
    });
    match called {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) => failed(&Failure::Result {
            given: std::any::type_name::<R>().to_owned(),
            reason: error.to_string(),
        }),
        Err(failure) => failed(&failure),
    }
}

thread_local! {
    /// What is to be done when the arguments of this thread's next call have been read.
    static ARGUMENTS_READ: Cell<Option<fn()>> = const { Cell::new(None) };
    /// Where the panic that this thread is going through began.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Has the panic hook note where each panic begins, before it does what it did.
pub(super) fn watch_panics() {
    static WATCHING: Once = Once::new();
    WATCHING.call_once(|| {
        let earlier = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let place = panic.location().map(ToString::to_string);
            let _ = PLACE.try_with(|cell| cell.replace(place));
            earlier(panic);
        }));
    });
}

/// Runs `code`; a panic becomes a [`Failure`] with its message and place, after the panic hook has reported it to the
/// user.
///
/// # Errors
/// The panic.
pub fn caught<R>(code: impl FnOnce() -> R) -> Result<R, Failure> {
    watch_panics();
    catch_unwind(AssertUnwindSafe(code)).map_err(|panic| {
        let message = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
            (Some(text), _) => (*text).to_owned(),
            (None, Some(text)) => text.clone(),
            (None, None) => "a value that is no text".to_owned(),
        };
        // Its drop is user code, which might panic again.
        std::mem::forget(panic);
        let location = PLACE.take().unwrap_or_else(|| "an unknown place".to_owned());
        Failure::Panicked { message, location }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn double(number: u32) -> u32 {
        number * 2
    }

    fn call<F, A, R>(function: F, argument: A) -> Result<R, Failure>
    where
        F: Fn(A) -> R + Copy + Send + 'static,
        A: DeserializeOwned + Serialize,
        R: Serialize + DeserializeOwned,
    {
        let entry = Entry::of(function).unwrap();
        assert_eq!(Entry::of_number(entry.number()), Ok(entry));
        for bit in 0..64 {
            assert!(Entry::of_number(entry.number() ^ 1 << bit).is_err(), "bit {bit}");
        }
        let written = entry.written(&arguments(&argument).unwrap());
        let (read, arguments) = Entry::read(&written).unwrap();
        assert_eq!(read, entry);
        answer(&read.call(arguments).unwrap())
    }

    #[test]
    fn functions_and_closures_are_called_by_their_place() {
        assert_eq!(call(double, 21), Ok(42));
        assert_eq!(call(|(a, b): (String, u8)| format!("{a}{b}"), ("x".to_owned(), 7)), Ok("x7".to_owned()));
        assert_eq!(call(|(): ()| (), ()), Ok(()));
    }

    #[test]
    fn a_panic_arrives_with_message_and_place() {
        let line = line!() + 1;
        let failure = call(|number: u32| -> u32 { panic!("not {number}") }, 3).unwrap_err();
        let Failure::Panicked { message, location } = failure else { panic!("{failure}") };
        assert_eq!(message, "not 3");
        assert!(location.contains("entry.rs") && location.contains(&format!(":{line}:")), "{location}");
    }

    #[test]
    fn bytes_that_are_no_arguments_fail_the_call_only() {
        let entry = Entry::of(|text: String| text.len()).unwrap();
        let failure = answer::<usize>(&entry.call(&[200, 1, 2]).unwrap()).unwrap_err();
        assert!(matches!(failure, Failure::Arguments { .. }), "{failure}");
    }

    #[test]
    fn code_of_a_library_is_refused_by_name() {
        // SAFETY: never called; both are pointers to code.
        let foreign = unsafe { std::mem::transmute::<*const (), Trampoline>(libc::getpid as *const ()) };
        let error = Entry::of_trampoline(foreign).unwrap_err();
        assert!(matches!(&error, EntryError::InLibrary { library } if library.contains("libc")), "{error}");
    }

    #[test]
    fn another_build_and_a_foreign_place_are_refused() {
        let entry = Entry::of(double).unwrap();
        let other = Entry { build: entry.build ^ 1, ..entry };
        assert!(matches!(other.call(&[]), Err(EntryError::OtherBuild { .. })));
        let nowhere = Entry { offset: u64::MAX / 2, ..entry };
        assert!(matches!(nowhere.call(&[]), Err(EntryError::NoCode { .. })));
    }
}
