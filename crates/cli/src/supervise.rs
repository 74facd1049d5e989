//! One program, run to its end or to the limit, with everything it starts.
//!
//! It notes what the program wrote, how and when it ended, and which processes it left behind; those are ended, so
//! that nothing outlives the supervision. Output goes to memory files rather than pipes: a process that stays behind
//! would keep a pipe open. Only the end of the program itself stops the clock.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::MemfdFlags;
use rustix::process::{Pid, PidfdFlags};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::family::{self, LeftBehind};

/// How long a process may outlive the program before it counts as left behind. What watches over others (the standard
/// library's resource tracker, a reaper) ends after them.
const GRACE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(10);

/// What ended the supervision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The program ended.
    Own,
    /// The limit passed; the program was killed with everything it had started.
    Limit,
    /// A signal asked this process to end; the program was killed likewise.
    Interrupt,
}

/// What a program did.
#[derive(Debug)]
pub struct Outcome {
    pub ending: Ending,
    pub status: ExitStatus,
    pub elapsed: Duration,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub left_behind: Vec<LeftBehind>,
}

/// Ctrl-C and SIGTERM as something that can be waited for.
pub struct Interrupts {
    arrived: UnixStream,
}

impl Interrupts {
    /// From now on the two signals are noted instead of ending this process. A handler that was there before (that of
    /// Python, in its script) is called as well.
    pub fn catch() -> io::Result<Self> {
        let (arrived, note) = UnixStream::pair()?;
        for signal in [SIGINT, SIGTERM] {
            signal_hook::low_level::pipe::register(signal, note.try_clone()?)?;
        }
        Ok(Self { arrived })
    }
}

/// Runs `command` without standard input.
///
/// # Errors
/// When the program cannot be started, or `/proc` not be read. No process is left behind in that case either.
pub fn supervise(command: &mut Command, limit: Duration, interrupts: &Interrupts) -> io::Result<Outcome> {
    family::adopt_orphans()?;
    let others = family::descendants(None)?;
    let mut stdout = memory_file()?;
    let mut stderr = memory_file()?;
    // A group of its own: Ctrl-C reaches this process alone, which then decides.
    command.stdin(Stdio::null()).stdout(stdout.try_clone()?).stderr(stderr.try_clone()?).process_group(0);

    let started = Instant::now();
    let mut child = command.spawn()?;
    let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
    let ending = wait(pid, limit, interrupts);
    let elapsed = started.elapsed();

    if !matches!(ending, Ok(Ending::Own)) {
        family::end_all(&others, Some(pid))?;
    }
    let status = child.wait()?;
    let left_behind = left_behind(&others)?;
    Ok(Outcome {
        ending: ending?,
        status,
        elapsed,
        stdout: contents(&mut stdout)?,
        stderr: contents(&mut stderr)?,
        left_behind,
    })
}

fn wait(pid: i32, limit: Duration, interrupts: &Interrupts) -> io::Result<Ending> {
    let number = Pid::from_raw(pid).ok_or_else(|| io::Error::other("the child has no process number"))?;
    let process = rustix::process::pidfd_open(number, PidfdFlags::empty())?;
    let started = Instant::now();
    loop {
        let Some(remaining) = limit.checked_sub(started.elapsed()) else { return Ok(Ending::Limit) };
        let mut watched =
            [PollFd::new(&process, PollFlags::IN), PollFd::new(&interrupts.arrived, PollFlags::IN)];
        match poll(&mut watched, Timespec::try_from(remaining).ok().as_ref()) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) if !watched[1].revents().is_empty() => return Ok(Ending::Interrupt),
            Ok(_) => return Ok(Ending::Own),
            Err(error) => return Err(error.into()),
        }
    }
}

/// The processes that are still there after the grace period, named and then ended.
fn left_behind(others: &BTreeSet<i32>) -> io::Result<Vec<LeftBehind>> {
    let patience = Instant::now() + GRACE;
    loop {
        let left: Vec<i32> = family::descendants(None)?.difference(others).copied().collect();
        if left.is_empty() {
            return Ok(Vec::new());
        }
        if Instant::now() > patience {
            let named = left.into_iter().map(family::describe).collect();
            family::end_all(others, None)?;
            return Ok(named);
        }
        std::thread::sleep(PAUSE);
    }
}

fn memory_file() -> io::Result<File> {
    Ok(rustix::fs::memfd_create("output", MemfdFlags::CLOEXEC)?.into())
}

fn contents(file: &mut File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}
