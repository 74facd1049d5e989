//! A program that runs with more rights than whoever started it does not let that one say what it is to run.
//!
//! The test is a program in three parts: the test itself, as root; the attacker, a copy of this program that runs as
//! nobody and executes the victim as a process of its own; and the victim, a copy that is setuid root, setgid, or has
//! capabilities. Each says in a file what it came to. The victim's `main` is the test harness, which is told to run the
//! one test that is its part. The engine would not execute such a program; so the attacker executes a script, which
//! becomes the victim, as the same process, with the same environment and descriptors.

use manyhands::arena::Role;
use manyhands::spawn::{
    Instruction, Order, Process, Program, Share, StartMethod, start_exec, start_through_zygote,
};
use std::ffi::CString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

const NOBODY: u32 = 65_534;
/// A folder; where it is set, this process has a part in a test.
const FOLDER: &str = "MANYHANDS_TEST_FOLDER";

/// CAP_DAC_OVERRIDE, as a bit.
const CAPABILITY: u32 = 1 << 1;

#[derive(Clone, Copy, Debug)]
enum Kind {
    SetUid,
    SetGid,
    Capabilities,
}

impl Kind {
    /// What the victim says of itself.
    fn rights(self) -> String {
        match self {
            Kind::SetUid => format!("0 {NOBODY} "),
            Kind::SetGid => format!("{NOBODY} 0 0 "),
            Kind::Capabilities => format!("{NOBODY} {NOBODY} {CAPABILITY:x} "),
        }
    }
}

/// One test at a time: a program cannot be executed while a process that another test just forks has it open for
/// writing.
static TURN: Mutex<()> = Mutex::new(());

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("manyhands-{name}-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        Folder(folder)
    }

    /// A copy of this program that grants more than its starter has.
    fn victim(&self, kind: Kind) -> PathBuf {
        match kind {
            Kind::SetUid => self.copy("victim-program", 0o4755),
            Kind::SetGid => self.copy("victim-program", 0o2755),
            Kind::Capabilities => {
                let victim = self.copy("victim-program", 0o755);
                // Version 2 of the kernel's record, effective: one capability, in two halves of permitted and
                // inheritable.
                let words = [0x0200_0001_u32, CAPABILITY, 0, 0, 0].map(u32::to_le_bytes);
                let flags = rustix::fs::XattrFlags::empty();
                rustix::fs::setxattr(&victim, "security.capability", &words.concat(), flags).unwrap();
                victim
            }
        }
    }

    /// A copy of this program, with that mode.
    fn copy(&self, name: &str, mode: u32) -> PathBuf {
        let copy = self.0.join(name);
        fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
        fs::set_permissions(&copy, fs::Permissions::from_mode(mode)).unwrap();
        copy
    }

    /// Runs a part of a test as nobody; what it wrote to its standard output and error.
    fn run_as_nobody(&self, program: &Path, part: &str) -> String {
        let mut command = Command::new(program);
        let run = command.args(["--exact", part, "--nocapture"]).env(FOLDER, &self.0);
        let done = run.uid(NOBODY).gid(NOBODY).output().unwrap();
        let told = [done.stdout, done.stderr].concat();
        String::from_utf8_lossy(&told).into_owned()
    }

    fn read(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.0.join(file)).ok()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The folder of the test that this process has a part in.
fn part_of() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// The tests take turns; none of them runs in a program that has a part in one.
fn turn() -> Option<MutexGuard<'static, ()>> {
    part_of().is_none().then(|| TURN.lock().unwrap_or_else(PoisonError::into_inner))
}

fn is_root() -> bool {
    // SAFETY: asks only.
    unsafe { libc::geteuid() == 0 }
}

/// Says aloud that a test was skipped, if it must be.
fn skipped(folder: &Folder, kind: Kind) -> bool {
    if !is_root() {
        eprintln!("SKIPPED: a program that grants rights needs root");
        return true;
    }
    let victim = folder.victim(kind);
    let told = folder.run_as_nobody(&victim, "the_victim_says_who_it_is");
    let is_possible = folder.read("victim").is_some_and(|told| told.starts_with(&kind.rights()));
    if !is_possible {
        eprintln!("SKIPPED: {kind:?} is not granted on the file system of temporary files: {told}");
    }
    let _ = fs::remove_file(folder.0.join("victim"));
    !is_possible
}

/// The victim's part, which is its `main`.
#[test]
fn the_victim_says_who_it_is() {
    let Some(folder) = part_of() else { return };
    // SAFETY: asks only.
    let (user, group) = unsafe { (libc::geteuid(), libc::getegid()) };
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
    let capabilities = u64::from_str_radix(line.trim(), 16).unwrap();
    let is_clear = std::env::var_os("MANYHANDS_HANDOVER").is_none();
    fs::write(folder.join("victim"), format!("{user} {group} {capabilities:x} {is_clear}")).unwrap();
}

/// The attacker's part: starts the victim as if that were a process of its own.
#[test]
fn the_attacker_starts_the_victim() {
    let Some(folder) = part_of() else { return };
    let text = |text: &str| CString::new(text).unwrap();
    let relay = folder.join("relay");
    let victim = folder.join("victim-program");
    fs::write(&relay, format!("#!/bin/sh\nexec '{}' \"$@\"\n", victim.display())).unwrap();
    fs::set_permissions(&relay, fs::Permissions::from_mode(0o755)).unwrap();
    let program = Program {
        file: text(relay.to_str().unwrap()),
        arguments: ["victim", "--exact", "the_victim_says_who_it_is"].map(text).into(),
        detached: false,
    };
    let order = Order {
        name: "victim",
        role: Role::User,
        payload: Instruction::of(b"made up"),
        descriptors: &[],
        share: Share::All,
    };
    let started = match fs::read_to_string(folder.join("method")).unwrap().as_str() {
        "exec" => start_exec(&program, &order),
        _ => start_through_zygote(&program, &order),
    };
    let told = match started {
        Ok(started) => format!("{:?}", started.wait(None, &manyhands::sync::Blocking)),
        Err(error) => error.to_string(),
    };
    fs::write(folder.join("attacker"), told).unwrap();
}

#[test]
fn a_program_with_more_rights_does_not_believe_who_starts_it() {
    let Some(_turn) = turn() else { return };
    for kind in [Kind::SetUid, Kind::SetGid, Kind::Capabilities] {
        for method in ["exec", "zygote"] {
            let folder = Folder::new("raised");
            if skipped(&folder, kind) {
                break;
            }
            fs::write(folder.0.join("method"), method).unwrap();
            let attacker = folder.copy("attacker-program", 0o755);
            let told = folder.run_as_nobody(&attacker, "the_attacker_starts_the_victim");
            assert!(folder.read("attacker").is_some(), "{told}");
            // Its main ran, as the kernel would have it, and found no trace of the attempt.
            let victim = folder.read("victim").unwrap_or_default();
            let is_clear = victim.starts_with(&kind.rights()) && victim.ends_with(" true");
            assert!(is_clear, "{kind:?} {method}: {victim:?}, {told}");
        }
    }
}

/// The part of a program with more rights that starts processes itself; in the end without them, which an exec would
/// give it again.
#[test]
fn a_program_with_more_rights_starts_processes() {
    let Some(folder) = part_of() else { return };
    let start = || {
        [StartMethod::Zygote, StartMethod::Exec].map(|method| {
            match Process::builder().method(method).spawn(|(): ()| (), ()) {
                Ok(process) => format!("{:?}", process.join()),
                Err(error) => error.to_string(),
            }
        })
    };
    let raised = start();
    // SAFETY: changes whose this process is, and no memory.
    let dropped = unsafe { (libc::setgid(libc::getgid()), libc::setuid(libc::getuid())) };
    assert_eq!(dropped, (0, 0));
    fs::write(folder.join("starts"), [raised, start()].concat().join("\n")).unwrap();
}

#[test]
fn a_program_with_more_rights_is_told_that_it_cannot_be_executed_again() {
    let Some(_turn) = turn() else { return };
    for kind in [Kind::SetUid, Kind::SetGid, Kind::Capabilities] {
        let folder = Folder::new("raised-starts");
        if skipped(&folder, kind) {
            continue;
        }
        let program = folder.0.join("victim-program");
        let told = folder.run_as_nobody(&program, "a_program_with_more_rights_starts_processes");
        let starts = folder.read("starts").unwrap_or(told);
        assert_eq!(starts.matches("an exec would give it more rights").count(), 4, "{kind:?}: {starts}");
    }
}
