//! Which processes descend from this one, and how they are ended.
//!
//! It reads `/proc` and trusts a process's parent only. Since this process is made a subreaper, every process that a
//! program leaves behind becomes its child and stays in the family, however it hid. No process outside the family is
//! touched: a signal goes through a pidfd that was opened before the parents were read, so it cannot reach a stranger
//! that got the same number.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions};

/// How long ending everything may take before the rest is reported instead.
const ENDING: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(5);

/// A process that outlived the program which started it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftBehind {
    /// Its process id.
    pub pid: i32,
    /// Its command line, cut to a readable length.
    pub command: String,
}

/// From now on, orphans among this process's descendants become its own children.
pub fn adopt_orphans() -> io::Result<()> {
    Ok(rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?)
}

/// The living descendants of this process. Ended ones that are its children are reaped on the way, `waited_for`
/// excepted: somebody else wants that one's exit status.
pub fn descendants(waited_for: Option<i32>) -> io::Result<BTreeSet<i32>> {
    let own = rustix::process::getpid().as_raw_pid();
    let processes = processes()?;
    let mut found = BTreeSet::new();
    for (&pid, process) in &processes {
        if !descends_from(pid, own, &processes) {
            continue;
        }
        if process.has_ended {
            if process.parent == own && Some(pid) != waited_for {
                reap(pid);
            }
        } else {
            found.insert(pid);
        }
    }
    Ok(found)
}

/// The name under which a process is reported.
pub fn describe(pid: i32) -> LeftBehind {
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<String> =
        arguments.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    let mut command = words.join(" ").trim().to_owned();
    if command.is_empty() {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        command = format!("[{}]", name.trim());
    }
    if command.chars().count() > 100 {
        command = command.chars().take(97).chain("...".chars()).collect();
    }
    LeftBehind { pid, command }
}

/// Kills every descendant that is not in `spared`, and theirs, until none is left. Returns those that would not go.
pub fn end_all(spared: &BTreeSet<i32>, waited_for: Option<i32>) -> io::Result<Vec<i32>> {
    let give_up = Instant::now() + ENDING;
    loop {
        let left: Vec<i32> = descendants(waited_for)?.difference(spared).copied().collect();
        if left.is_empty() || Instant::now() > give_up {
            return Ok(left);
        }
        for pid in left {
            kill(pid)?;
        }
        std::thread::sleep(PAUSE);
    }
}

fn kill(pid: i32) -> io::Result<()> {
    let Some(number) = Pid::from_raw(pid) else { return Ok(()) };
    // A process that is gone by now needs no signal; the caller looks again anyway.
    let Ok(process) = rustix::process::pidfd_open(number, PidfdFlags::empty()) else { return Ok(()) };
    let own = rustix::process::getpid().as_raw_pid();
    if descends_from(pid, own, &processes()?) {
        let _ = rustix::process::pidfd_send_signal(process, Signal::KILL);
    }
    Ok(())
}

fn reap(pid: i32) {
    // An error means that somebody else reaped it, which is as good.
    let _ = rustix::process::waitpid(Pid::from_raw(pid), WaitOptions::NOHANG);
}

struct Process {
    parent: i32,
    has_ended: bool,
}

fn processes() -> io::Result<HashMap<i32, Process>> {
    let mut found = HashMap::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        // It may be gone since the folder was read.
        let Ok(stat) = fs::read(format!("/proc/{pid}/stat")) else { continue };
        if let Some(process) = parse(&String::from_utf8_lossy(&stat)) {
            found.insert(pid, process);
        }
    }
    Ok(found)
}

/// Reads `pid (name) state parent ...`; the name may hold anything, closing brackets too.
fn parse(stat: &str) -> Option<Process> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let has_ended = matches!(fields.next()?, "Z" | "X");
    Some(Process { parent: fields.next()?.parse().ok()?, has_ended })
}

fn descends_from(pid: i32, ancestor: i32, processes: &HashMap<i32, Process>) -> bool {
    let mut at = pid;
    // The table was not read in one moment, so a chain of parents in it might be a circle.
    for _ in 0..processes.len() {
        match processes.get(&at) {
            Some(process) if process.parent == ancestor => return true,
            Some(process) => at = process.parent,
            None => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_brackets() {
        let process = parse("12 (a) b (c)) Z 7 12 12 0").expect("it is a stat line");
        assert_eq!((process.parent, process.has_ended), (7, true));
        assert!(parse("12 (a").is_none());
    }

    #[test]
    fn a_circle_of_parents_ends() {
        let process = |parent| Process { parent, has_ended: false };
        let table = HashMap::from([(2, process(3)), (3, process(2)), (4, process(1))]);
        assert!(!descends_from(2, 1, &table));
        assert!(descends_from(4, 1, &table));
    }
}
