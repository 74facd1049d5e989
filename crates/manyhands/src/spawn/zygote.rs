//! The zygote of a Rust program: the program itself, diverted before `main`.
//!
//! A process's first start executes the program once more. An initialiser of this crate, which the C library runs
//! before `main`, sees that it was given a socket and serves instead of returning. So the user's `main` need not do
//! anything. Being exec'd it is small and has one thread, so its children cost the same whatever the requester's
//! memory. A zygote serves one process, which has one for each program that it asks for. It is replaced when it has
//! ended or when its requester's standing (user, groups, session, limits) is no longer the one that it was made with.
//! In a shared library the initialiser only puts aside what was given to it, for the library to ask for: an
//! interpreter's extension does.

use super::birth::{Forking, Loaded};
use super::child;
use super::entry::{self, Entry};
use super::error::StartError;
use super::handover::{self, Inherited, Part, Program, VARIABLE};
use super::inherit::Standing;
use super::own::{Own, locked};
use super::request::{Bequest, Order};
use super::serve::{Served, serve};
use super::started::Started;
use super::supervisor::{Refusal, Supervisor};
use super::workers::OfAPool;
use super::{leaving, reaper};
use crate::arena::{Arena, Handle};
use crate::platform::image::{Initialiser, MainProgram, initialisers_after};
use crate::platform::process::{end_at_once, program_name, set_name};
use std::ffi::{CString, c_char, c_int};
use std::sync::{Arc, Mutex};

/// How many zygotes in a row may end before they answer.
const ATTEMPTS: u32 = 3;

/// A zygote of this process: what it executes, and with which standing it was made.
struct Zygote {
    program: Program,
    standing: Standing,
    supervisor: Arc<Supervisor>,
}

/// The zygotes of this process, at most one of each program.
static ZYGOTES: Own<Mutex<Vec<Zygote>>> = Own::new();

/// Starts a process through this process's zygote.
pub(super) fn start(order: &Order<'_>) -> Result<Arc<Started>, StartError> {
    start_through(order, || myself(order.name))
}

/// Starts a process through this process's zygote, which is `program` when none has been made yet: an interpreter's,
/// whose own program is not what its children are to run.
///
/// # Errors
/// When the zygote cannot be executed, or cannot start a process.
pub fn start_through_zygote(program: &Program, order: &Order<'_>) -> Result<Arc<Started>, StartError> {
    start_through(order, || Ok(program.clone()))
}

fn start_through(
    order: &Order<'_>,
    program: impl Fn() -> Result<Program, StartError>,
) -> Result<Arc<Started>, StartError> {
    let bequest = Bequest::capture().map_err(StartError::system(order.name, "reading /proc"))?;
    for _ in 0..ATTEMPTS {
        let zygote = current(order.name, &bequest, &program)?;
        match zygote.start_with(order, &bequest) {
            Ok(started) => return Ok(started),
            Err(Refusal::Failed(error)) => return Err(error),
            Err(Refusal::Lost) => discard(&zygote),
        }
    }
    Err(StartError::ZygoteLost { name: order.name.to_owned(), times: ATTEMPTS })
}

/// This process's zygote, for keeping a pool; made when there is none that will do.
///
/// # Errors
/// When it cannot be executed.
pub fn zygote(name: &str) -> Result<Arc<Supervisor>, StartError> {
    let bequest = Bequest::capture().map_err(StartError::system(name, "reading /proc"))?;
    current(name, &bequest, || myself(name))
}

/// This process's zygote, for keeping a pool; it is `program` when none has been made yet.
///
/// # Errors
/// When it cannot be executed.
pub fn zygote_of(program: &Program, name: &str) -> Result<Arc<Supervisor>, StartError> {
    let bequest = Bequest::capture().map_err(StartError::system(name, "reading /proc"))?;
    current(name, &bequest, || Ok(program.clone()))
}

fn current(
    name: &str,
    bequest: &Bequest,
    program: impl Fn() -> Result<Program, StartError>,
) -> Result<Arc<Supervisor>, StartError> {
    let program = program()?;
    let mut zygotes = locked(ZYGOTES.get());
    let known = zygotes.iter().position(|zygote| zygote.program == program);
    if let Some(zygote) = known.map(|index| &zygotes[index])
        && zygote.standing == bequest.standing
        && zygote.supervisor.is_alive()
    {
        return Ok(Arc::clone(&zygote.supervisor));
    }
    let supervisor = Arc::new(Supervisor::exec(name, &program)?);
    // One that still has pools is kept by those.
    known.map(|index| zygotes.swap_remove(index));
    zygotes.push(Zygote { program, standing: bequest.standing, supervisor: Arc::clone(&supervisor) });
    Ok(supervisor)
}

/// This program, to be executed as its own zygote.
fn myself(name: &str) -> Result<Program, StartError> {
    match Entry::of_trampoline(own_code) {
        Ok(_) => Ok(Program { detached: true, ..Program::myself() }),
        Err(source) => Err(StartError::Entry { name: name.to_owned(), source }),
    }
}

fn discard(lost: &Arc<Supervisor>) {
    locked(ZYGOTES.get()).retain(|zygote| !Arc::ptr_eq(&zygote.supervisor, lost));
}

/// Stands for this crate's code when it is asked whether that is part of the program.
fn own_code(_: &[u8]) -> Vec<u8> {
    Vec::new()
}

/// Forking in a Rust zygote.
struct Plain {
    raw: bool,
    /// What children are called in the kernel's lists, as the program is.
    name: CString,
}

impl Plain {
    fn new() -> Plain {
        // For other libraries that the program is linked to we do not know whether they need fork handlers.
        const HARMLESS: [&str; 8] = [
            "/libc.so.",
            "/libgcc_s.so.",
            "/libm.so.",
            "/libpthread.so.",
            "/libdl.so.",
            "/librt.so.",
            "/ld-linux",
            "/ld.so",
        ];
        let loaded = Loaded::now();
        let raw = loaded.libraries().iter().all(|file| HARMLESS.iter().any(|known| file.contains(known)));
        Plain { raw, name: program_name() }
    }
}

impl Forking for Plain {
    fn in_child(&mut self) {
        set_name(&self.name);
    }

    fn may_clone_raw(&self) -> bool {
        self.raw
    }
}

#[used]
#[unsafe(link_section = ".init_array")]
static DIVERT: Initialiser = divert;

/// Runs before `main` in every program that uses this crate; returns at once unless it was exec'd by the engine.
extern "C" fn divert(argc: c_int, argv: *const *const c_char, environment: *const *const c_char) {
    if std::env::var_os(VARIABLE).is_none() {
        return;
    }
    if MainProgram::get().offset_of(divert as *const () as usize).is_none() {
        handover::put_aside();
        return;
    }
    // SAFETY: before `main` this process has one thread.
    let inherited = match unsafe { Inherited::take() } {
        Ok(Some(inherited)) => inherited,
        Ok(None) => return,
        Err(error) => {
            eprintln!("manyhands: a process that was started cannot join its starter: {error}");
            end_at_once(1)
        }
    };
    // We do not return to our caller, so what was to run between us and `main` runs now.
    for initialiser in initialisers_after(divert) {
        initialiser(argc, argv, environment);
    }
    match inherited.part {
        Part::Supervisor => be_zygote(inherited),
        Part::Process => match inherited.request() {
            Ok(request) => {
                set_name(&program_name());
                child::run(request)
            }
            // The starter has ended.
            Err(_) => end_at_once(1),
        },
    }
}

fn be_zygote(inherited: Inherited) -> ! {
    set_name(c"mh-zygote");
    if let Some(arena) = Arena::current() {
        // Best effort: it is tried again with each request.
        let _ = reaper::ensure(arena);
    }
    // What every child would do first is done once, here.
    leaving::register();
    entry::watch_panics();
    // SAFETY: this process has run nothing of the program's, and has one thread.
    match unsafe { serve(inherited.requester, &mut Plain::new(), Handle::supervised) } {
        Ok(Served::Child(request)) => child::run(request),
        Ok(Served::End) | Err(_) => end_at_once(0),
    }
}
