//! Where in a Python program something happens, at the price of a few loads.
//!
//! A place is the address of the instruction that the calling frame is at, with a mark of its code: one word, which a
//! lock can keep. Where the interpreter keeps these is no part of its stable interface. So they are looked for where
//! the known versions have them, and compared with what the public interface says, before they are ever used. In all
//! other versions places are unknown.
//!
//! An address becomes file and line when a report is written, by Python code that looks for the code object around it.
//! Code that makes locks is kept alive as long as they are. Other code may be gone by then; what stands in its place
//! has another mark, so that the place is unknown.

use super::attached;
use manyhands::platform::atomic::{AtomicU8, AtomicUsize, Ordering};
use manyhands::sync::{Site, Taking, sites_are_named_by};
use pyo3::ffi;
use pyo3::prelude::*;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Where a version of the interpreter keeps these things, as offsets in bytes.
struct Layout {
    /// In the thread's state: the innermost frame, or the record that leads to it.
    in_thread: usize,
    /// In that record, if there is one: the frame.
    through: Option<usize>,
    /// In a frame: its code object, the frame that called it, the instruction it is at.
    code: usize,
    caller: usize,
    instruction: usize,
    /// In a code object: two numbers by which it differs from one that later stands at the same address.
    marks: [usize; 2],
    /// In a code object: what kind of code it is, as `co_flags` says.
    flags: usize,
}

const LAYOUTS: [Layout; 3] = [
    // 3.11, in which code has no number of its own: the first line, and the length.
    Layout {
        in_thread: 56,
        through: Some(8),
        code: 32,
        caller: 48,
        instruction: 56,
        marks: [72, 16],
        flags: 48,
    },
    // 3.12: the first line, and a version number that no other code of the process has.
    Layout {
        in_thread: 56,
        through: Some(0),
        code: 0,
        caller: 8,
        instruction: 56,
        marks: [68, 92],
        flags: 48,
    },
    // 3.13, as 3.12.
    Layout { in_thread: 72, through: None, code: 0, caller: 8, instruction: 56, marks: [68, 92], flags: 48 },
];

/// The kinds of code whose frames may pause in the midst of their work, so that another thread goes on with them:
/// generators, coroutines (also those of `types.coroutine`), asynchronous generators.
const CHANGES_THREADS: u32 = 0x20 | 0x80 | 0x100 | 0x200;

/// The lower bits of a place are the address; the 15 bits above are the mark. That leaves one for `Site`.
const ADDRESS_BITS: u32 = 48;

/// Where a frame object of any of these versions names its inner frame.
const IN_FRAME_OBJECT: usize = 24;

/// The number of the layout in force, plus one; 0 = none.
static IN_FORCE: AtomicUsize = AtomicUsize::new(0);
/// The distance from the beginning of a code object to its first instruction.
static FIRST_INSTRUCTION: AtomicUsize = AtomicUsize::new(0);
/// The type of code objects.
static CODE_TYPE: AtomicUsize = AtomicUsize::new(0);
/// The operation that a `with` begins with.
static WITH: AtomicU8 = AtomicU8::new(0);

/// # Safety
/// There is a readable word at that address.
#[inline]
unsafe fn word(base: usize, offset: usize) -> usize {
    // SAFETY: as promised by the caller.
    unsafe { ((base + offset) as *const usize).read() }
}

/// # Safety
/// As for [`word`], of a number of 32 bits.
#[inline]
unsafe fn number(base: usize, offset: usize) -> u32 {
    // SAFETY: as promised by the caller.
    unsafe { ((base + offset) as *const u32).read() }
}

impl Layout {
    /// The calling thread's innermost frame; 0 when it runs no Python code.
    ///
    /// # Safety
    /// This is the layout of this interpreter, and the thread is attached to it.
    #[inline]
    unsafe fn innermost(&self) -> usize {
        // SAFETY: the thread is attached, so it has a state, and the layout says what is there.
        unsafe {
            let found = word(ffi::PyThreadState_Get() as usize, self.in_thread);
            match self.through {
                Some(offset) if found != 0 => word(found, offset),
                _ => found,
            }
        }
    }

    /// The code that a frame runs; `None` for frames of the interpreter's own, which it puts between those of programs.
    ///
    /// # Safety
    /// As for [`Layout::innermost`], of one of this thread's frames.
    #[inline]
    unsafe fn code_of(&self, frame: usize) -> Option<usize> {
        // SAFETY: as promised by the caller; what stands there is an object, or NULL.
        unsafe {
            let code = word(frame, self.code);
            let kind = CODE_TYPE.load(Ordering::Relaxed);
            (code != 0 && ffi::Py_TYPE(code as *mut ffi::PyObject) as usize == kind).then_some(code)
        }
    }

    /// A mark of 15 bits, by which the code at this address differs from code that may stand there later.
    ///
    /// # Safety
    /// This is the layout of this interpreter, and a code object stands there.
    #[inline]
    unsafe fn mark_of(&self, code: usize) -> usize {
        let [first, second] = self.marks;
        // SAFETY: as promised by the caller.
        let (first, second) = unsafe { (number(code, first), number(code, second)) };
        // Two odd factors without a pattern; the highest bits depend on all of both numbers.
        let mixed = first.wrapping_mul(0x85eb_ca6b) ^ second.wrapping_mul(0x9e37_79b1);
        (mixed >> 17) as usize
    }

    /// The instruction that a frame is at, with the mark of its code.
    ///
    /// # Safety
    /// As for [`Layout::code_of`], of which the code was the answer.
    #[inline]
    unsafe fn site(&self, frame: usize, code: usize) -> Site {
        // SAFETY: as promised by the caller.
        unsafe { Site::Bound(word(frame, self.instruction) | self.mark_of(code) << ADDRESS_BITS) }
    }
}

#[inline]
fn in_force() -> Option<&'static Layout> {
    match IN_FORCE.load(Ordering::Relaxed) {
        0 => None,
        number => Some(&LAYOUTS[number - 1]),
    }
}

/// The place in the program where the calling thread is; it is attached to the interpreter.
#[inline]
pub fn here(py: Python<'_>) -> Site {
    behind(py, 0)
}

/// As [`here`], but `callers` frames further out.
#[inline]
pub fn behind(_py: Python<'_>, callers: u32) -> Site {
    let Some(layout) = in_force() else { return Site::Unknown };
    // SAFETY: the layout was found to be this interpreter's, and the token says that the thread is attached.
    unsafe {
        let mut frame = layout.innermost();
        for _ in 0..callers {
            if frame != 0 {
                frame = word(frame, layout.caller);
            }
        }
        if frame == 0 {
            return Site::Unknown;
        }
        layout.code_of(frame).map_or(Site::Unknown, |code| layout.site(frame, code))
    }
}

/// As [`here`], for a method that `with` calls at its beginning. It also says whether a `with` called it, in a frame
/// that only this thread can go on with. The answer is no where places are unknown, and for an instruction that a
/// debugger has replaced. That is the safe side: such a hold is never part of a certain deadlock.
#[inline]
pub fn entering(_py: Python<'_>) -> Taking {
    let bare = Taking { site: Site::Unknown, guarded: false };
    let Some(layout) = in_force() else { return bare };
    // SAFETY: as in `behind`; the frame's instruction is one of its code's, which stands there as long as the frame
    // does.
    unsafe {
        let frame = layout.innermost();
        let Some(code) = (if frame == 0 { None } else { layout.code_of(frame) }) else { return bare };
        let operation = (word(frame, layout.instruction) as *const u8).read();
        let guarded =
            operation == WITH.load(Ordering::Relaxed) && number(code, layout.flags) & CHANGES_THREADS == 0;
        Taking { site: layout.site(frame, code), guarded }
    }
}

/// A code object, and how many of the things that it made still exist.
struct Kept {
    code: Py<PyAny>,
    objects: usize,
}

/// The code objects that made something which still exists, by address.
static KEPT: Mutex<BTreeMap<usize, Kept>> = Mutex::new(BTreeMap::new());

/// Keeps the code alive that made an object, so that its place can be named.
pub struct MadeIn(usize);

/// The place where the calling thread is, for an object that it makes there.
pub fn made_here(py: Python<'_>) -> (Site, MadeIn) {
    let site = here(py);
    let (Some(layout), Site::Bound(_)) = (in_force(), site) else { return (Site::Unknown, MadeIn(0)) };
    // SAFETY: as in `behind`; the frame exists, since the site is known.
    let Some(code) = (unsafe { layout.code_of(layout.innermost()) }) else {
        return (Site::Unknown, MadeIn(0));
    };
    // SAFETY: an object, as seen above, held by the frame that runs it.
    let object = unsafe { Borrowed::<PyAny>::from_ptr(py, code as *mut ffi::PyObject) };
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = kept.entry(code).or_insert_with(|| Kept { code: object.to_owned().unbind(), objects: 0 });
    kept.objects += 1;
    (site, MadeIn(code))
}

impl Drop for MadeIn {
    fn drop(&mut self) {
        if self.0 == 0 {
            return;
        }
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = match kept.get_mut(&self.0) {
            Some(kept) if kept.objects > 1 => {
                kept.objects -= 1;
                None
            }
            _ => kept.remove(&self.0),
        };
        // Dropping the last reference to code may run any Python code, which may make or drop a lock and so come here
        // again. So the map is unlocked first.
        drop(kept);
        drop(gone);
    }
}

/// The code objects that are kept alive because of what they made.
#[pyfunction]
pub fn kept_code(py: Python<'_>) -> Vec<Py<PyAny>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner).values().map(|kept| kept.code.clone_ref(py)).collect()
}

/// The mark by which a code object differs from others that may stand at its address later; 0 where places are unknown.
#[pyfunction]
pub fn mark_of_code(code: &Bound<'_, PyAny>) -> usize {
    match in_force() {
        Some(layout) if code.get_type_ptr() as usize == CODE_TYPE.load(Ordering::Relaxed) => {
            // SAFETY: the layout was found to be this interpreter's, and this is a code object.
            unsafe { layout.mark_of(code.as_ptr() as usize) }
        }
        _ => 0,
    }
}

/// Whether the numbers that make up a code object's mark are where they are looked for.
fn are_marks_known(layout: &Layout, code: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = code.py();
    let line: u32 = code.getattr("co_firstlineno")?.extract()?;
    let length = code.getattr("co_code")?.len()?;
    let compile = |text: &str| py.import("builtins")?.call_method1("compile", (text, "", "eval"));
    let (one, next) = (compile("1")?, compile("2")?);
    let seen = |code: &Bound<'_, PyAny>| {
        let at = code.as_ptr() as usize;
        // SAFETY: a code object is longer than that, and is not changed while the interpreter lock is held.
        unsafe { (number(at, layout.marks[0]), number(at, layout.marks[1])) }
    };
    let second = match py.version_info().minor {
        // 3.11 counts in units of two bytes.
        11 => seen(code).1 as usize * 2 == length,
        // Later versions number code in the order in which it is made.
        _ => seen(&one).1 > seen(code).1 && seen(&next).1 > seen(&one).1,
    };
    Ok(seen(code).0 == line && second)
}

/// Finds out whether the interpreter keeps places where they are looked for. A `with` must call it at its beginning, so
/// that the caller's instruction is known.
#[pyfunction]
pub fn learn_places(py: Python<'_>) -> PyResult<bool> {
    let version = py.version_info();
    let version_at = match (version.major, version.minor) {
        (3, minor @ 11..=13) => usize::from(minor - 11),
        _ => return Ok(false),
    };
    // A free-threaded build has other layouts.
    if py.import("sys")?.getattr("abiflags")?.contains("t")? {
        return Ok(false);
    }
    let layout = &LAYOUTS[version_at];
    // SAFETY: the thread is attached; a borrowed reference, or NULL.
    let frame = unsafe { Bound::from_borrowed_ptr_or_opt(py, ffi::PyEval_GetFrame().cast()) };
    let Some(frame) = frame else { return Ok(false) };
    let code = frame.getattr("f_code")?;
    let last: usize = frame.getattr("f_lasti")?.extract()?;
    let address = code.as_ptr() as usize;
    // SAFETY: a frame object, and the thread's state, are larger than what is read of them. Only what was found to be
    // the frame of that object is followed. While there is an interpreter lock, the inner structures do not change
    // within a version.
    let (at, its_code) = unsafe {
        let inner = word(frame.as_ptr() as usize, IN_FRAME_OBJECT);
        if layout.innermost() != inner {
            return Ok(false);
        }
        (word(inner, layout.instruction), word(inner, layout.code))
    };
    let first = at.wrapping_sub(address).wrapping_sub(last);
    // SAFETY: as in `are_marks_known`.
    let flags = unsafe { number(address, layout.flags) };
    let are_flags_known = flags == code.getattr("co_flags")?.extract::<u32>()?;
    if its_code != address
        || first == 0
        || first > 1024
        || !are_flags_known
        || !are_marks_known(layout, &code)?
    {
        return Ok(false);
    }
    WITH.store(code.getattr("co_code")?.get_item(last)?.extract()?, Ordering::Relaxed);
    FIRST_INSTRUCTION.store(first, Ordering::Relaxed);
    CODE_TYPE.store(code.get_type().as_ptr() as usize, Ordering::Relaxed);
    IN_FORCE.store(version_at + 1, Ordering::Release);
    sites_are_named_by(name);
    Ok(true)
}

/// File and line of a place, for a report. It may run in a thread that has given the interpreter lock up.
fn name(place: usize) -> Option<String> {
    let (address, mark) = (place & ((1 << ADDRESS_BITS) - 1), place >> ADDRESS_BITS);
    attached(|py| {
        let first = FIRST_INSTRUCTION.load(Ordering::Relaxed);
        let places = py.import("manyhands._places");
        let found = places.and_then(|places| places.call_method1("name", (address, first, mark)));
        found.and_then(|name| name.extract()).ok()
    })
}
