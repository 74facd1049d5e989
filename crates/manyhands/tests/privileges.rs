//! A program that runs with more rights than whoever started it does not let that one say what it is to run.
//!
//! The test is a program in three parts: the test itself, as root; the attacker, a copy of this program that runs as nobody
//! and executes the victim as a process of its own; and the victim, a copy that is setuid root. Each says in a file what it
//! came to. The victim's `main` is the test harness, which is told to run the one test that is its part.

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

const NOBODY: u32 = 65_534;
/// A folder; where it is set, this process has a part in a test.
const FOLDER: &str = "MANYHANDS_TEST_FOLDER";

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("manyhands-{name}-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        Folder(folder)
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

fn is_root() -> bool {
    // SAFETY: asks only.
    unsafe { libc::geteuid() == 0 }
}

/// Says aloud that a test was skipped, if it must be.
fn skipped(folder: &Folder) -> bool {
    let victim = folder.copy("probe", 0o4755);
    let told = folder.run_as_nobody(&victim, "the_victim_says_who_it_is");
    let is_possible = is_root() && folder.read("victim").is_some_and(|told| told.starts_with("0 "));
    if !is_possible {
        eprintln!(
            "SKIPPED: a setuid program needs root, and a folder for it on a file system that allows it: {told}"
        );
    }
    let _ = fs::remove_file(folder.0.join("victim"));
    !is_possible
}

/// The victim's part, which is its `main`.
#[test]
fn the_victim_says_who_it_is() {
    let Some(folder) = part_of() else { return };
    // SAFETY: asks only.
    let user = unsafe { libc::geteuid() };
    let is_clear = std::env::var_os("MANYHANDS_HANDOVER").is_none();
    fs::write(folder.join("victim"), format!("{user} {is_clear}")).unwrap();
}

/// The attacker's part: starts the victim as if that were a process of its own.
#[test]
fn the_attacker_starts_the_victim() {
    let Some(folder) = part_of() else { return };
    let text = |text: &str| CString::new(text).unwrap();
    let program = Program {
        file: text(folder.join("victim-program").to_str().unwrap()),
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
        Ok(started) => format!("{:?}", started.wait(None)),
        Err(error) => error.to_string(),
    };
    fs::write(folder.join("attacker"), told).unwrap();
}

#[test]
fn a_setuid_program_does_not_believe_who_starts_it() {
    if part_of().is_some() {
        return;
    }
    for method in ["exec", "zygote"] {
        let folder = Folder::new("setuid");
        if skipped(&folder) {
            return;
        }
        folder.copy("victim-program", 0o4755);
        fs::write(folder.0.join("method"), method).unwrap();
        let attacker = folder.copy("attacker-program", 0o755);
        let told = folder.run_as_nobody(&attacker, "the_attacker_starts_the_victim");
        assert!(folder.read("attacker").is_some(), "{told}");
        // Its main ran, as the kernel would have it, and found no trace of the attempt.
        assert_eq!(folder.read("victim").as_deref(), Some("0 true"), "{method}: {told}");
    }
}

/// The part of a setuid program that starts processes itself.
#[test]
fn a_setuid_program_starts_a_process() {
    let Some(folder) = part_of() else { return };
    let told = [StartMethod::Zygote, StartMethod::Exec].map(|method| {
        match Process::builder().method(method).spawn(|(): ()| (), ()) {
            Ok(process) => format!("{:?}", process.join()),
            Err(error) => error.to_string(),
        }
    });
    fs::write(folder.join("starts"), told.join("\n")).unwrap();
}

#[test]
fn a_setuid_program_is_told_that_it_cannot_be_executed_again() {
    if part_of().is_some() {
        return;
    }
    let folder = Folder::new("setuid-starts");
    if skipped(&folder) {
        return;
    }
    let program = folder.copy("program", 0o4755);
    let told = folder.run_as_nobody(&program, "a_setuid_program_starts_a_process");
    let starts = folder.read("starts").unwrap_or(told);
    assert_eq!(starts.matches("an exec would give it more rights").count(), 2, "{starts}");
}
