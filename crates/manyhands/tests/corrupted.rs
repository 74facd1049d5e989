//! A program whose arena somebody scribbles over ends, harms nobody outside, and leaves nobody behind.
//!
//! A program does a bit of everything (calls, queues, locks, starts) while a member of its arena writes random bytes
//! and words over the header, the tables and the blocks, at random moments. Whatever comes of it (success, errors, a
//! panic, an abort) is right, as long as it comes soon; that no process reads or writes outside its maps; that a
//! bystander, whose number is planted in slots, lives on; and that in the end no process is there any more.
//!
//! `MANYHANDS_CORRUPT_RUNS` says how many programs (12 unless told), `MANYHANDS_CORRUPT_SEED` repeats the choices of
//! one, though not its timing. It has a `main` of its own, since every process of the program's becomes this one's
//! child in the end, and it ends only processes that it started.

#[path = "corrupted/load.rs"]
mod load;
#[path = "corrupted/vandal.rs"]
mod vandal;

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a program may take to end, and all its processes.
const PATIENCE: Duration = Duration::from_secs(75);
const SEED: &str = "MANYHANDS_CORRUPT_SEED";
/// The number of the bystander; where it is set, this process is a program whose arena is scribbled over.
const BYSTANDER: &str = "MANYHANDS_CORRUPT_BYSTANDER";
/// The file in which a process notes that it has touched what is not mapped.
const FAULTS: &str = "MANYHANDS_CORRUPT_FAULTS";

#[derive(Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 11) % limit.max(1)
    }
}

/// Runs before `main`, and before a zygote begins to serve: in every process of a program, its supervisors and
/// children.
#[used]
#[unsafe(link_section = ".init_array")]
static WATCH_FAULTS: extern "C" fn() = watch_faults;

extern "C" fn watch_faults() {
    if std::env::var_os(FAULTS).is_none() {
        return;
    }
    // SAFETY: installs a handler that makes system calls only.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = note_fault as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESETHAND | libc::SA_NODEFER;
        for signal in [libc::SIGSEGV, libc::SIGBUS] {
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        }
    }
}

extern "C" fn note_fault(signal: libc::c_int, info: *const libc::siginfo_t, _: *const libc::c_void) {
    use std::io::Write;
    let mut line = [0_u8; 80];
    let mut rest = &mut line[..];
    // SAFETY: the kernel hands over a record that says where it was.
    let address = unsafe { (*info).si_addr() } as usize;
    let _ = writeln!(rest, "process {} at {address:x}", std::process::id());
    let length = 80 - rest.len();
    // SAFETY: system calls; the names stand in the environment, which nobody changes any more.
    unsafe {
        let file = libc::getenv(c"MANYHANDS_CORRUPT_FAULTS".as_ptr());
        let file = libc::open(file, libc::O_WRONLY | libc::O_APPEND);
        libc::write(file, line.as_ptr().cast(), length);
        if !libc::getenv(c"MANYHANDS_CORRUPT_STOP".as_ptr()).is_null() {
            libc::raise(libc::SIGSTOP);
        }
        libc::raise(signal);
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn main() {
    if let Some(bystander) = number(BYSTANDER) {
        load::run(number(SEED).unwrap(), bystander as u32);
        return;
    }
    // SAFETY: changes an attribute of this process and no memory.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) }, 0);
    let first = number(SEED);
    let runs = if first.is_some() { 1 } else { number("MANYHANDS_CORRUPT_RUNS").unwrap_or(12) };
    let from = first.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        u64::from(now.subsec_nanos()) << 20
    });
    for seed in from..from + runs {
        let begun = Instant::now();
        let told = one_program(seed);
        println!("seed {seed}: {told}, {} ms", begun.elapsed().as_millis());
    }
}

/// Runs one program, and tells how it ended.
fn one_program(seed: u64) -> String {
    let mut bystander = Command::new("sleep").arg("1000000").process_group(0).spawn().unwrap();
    let faults = std::env::temp_dir().join(format!("manyhands-faults-{}-{seed}", std::process::id()));
    std::fs::write(&faults, "").unwrap();
    let silent = std::env::var_os("MANYHANDS_CORRUPT_TALK").is_none();
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.env(SEED, seed.to_string()).env(BYSTANDER, bystander.id().to_string()).env(FAULTS, &faults);
    if silent {
        program.env("RUST_BACKTRACE", "0").stdout(Stdio::null()).stderr(Stdio::null());
    }
    let program = program.process_group(0).spawn().unwrap().id();
    let mut ended = Vec::new();
    let limit = Instant::now() + PATIENCE;
    // All that the program leaves behind falls to this process.
    let left = loop {
        match reap() {
            Reaped::Child(pid, status) if pid == bystander.id() => {
                panic!("seed {seed}: a stranger was ended: {status}");
            }
            Reaped::Child(pid, status) => ended.push((pid, status)),
            Reaped::Nobody if Instant::now() > limit => break children(),
            Reaped::Nobody => {
                if children() == [bystander.id()] {
                    break Vec::new();
                }
                std::thread::yield_now();
            }
        }
    };
    let left: Vec<u32> = left.into_iter().filter(|pid| *pid != bystander.id()).collect();
    let status = ended.iter().find(|(pid, _)| *pid == program).map(|(_, status)| *status);
    if !left.is_empty() {
        let names: Vec<String> = left.iter().map(|pid| described(*pid)).collect();
        eprintln!("seed {seed}: after {PATIENCE:?} there are still: {}", names.join(", "));
        if std::env::var_os("MANYHANDS_CORRUPT_STOP").is_some() {
            std::process::exit(1);
        }
        end_all(bystander.id());
        panic!("seed {seed}: processes are left; the program: {status:?}");
    }
    bystander.kill().unwrap();
    bystander.wait().unwrap();
    let noted = std::fs::read_to_string(&faults).unwrap();
    std::fs::remove_file(&faults).unwrap();
    let is_fault = |status: &ExitStatus| matches!(status.signal(), Some(libc::SIGSEGV | libc::SIGBUS));
    let faulty: Vec<u32> = ended.iter().filter(|(_, status)| is_fault(status)).map(|(pid, _)| *pid).collect();
    assert!(noted.is_empty() && faulty.is_empty(), "seed {seed}: outside the map: {noted:?} {faulty:?}");
    status.map_or_else(|| "unknown".to_owned(), |status| status.to_string())
}

enum Reaped {
    Child(u32, ExitStatus),
    Nobody,
}

fn reap() -> Reaped {
    let mut status = 0;
    // SAFETY: writes a number to the place given.
    match unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG | libc::__WALL) } {
        pid @ 1.. => Reaped::Child(pid as u32, ExitStatus::from_raw(status)),
        _ => Reaped::Nobody,
    }
}

/// The children of this process.
fn children() -> Vec<u32> {
    let path = format!("/proc/self/task/{0}/children", std::process::id());
    let listed = std::fs::read_to_string(path).unwrap();
    listed.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

fn described(pid: u32) -> String {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
    format!("{} {pid} (stat {})", read("comm").trim(), read("stat").chars().take(60).collect::<String>())
}

/// Ends what a program has left, as long as there is any.
fn end_all(spared: u32) {
    loop {
        let left: Vec<u32> = children().into_iter().filter(|pid| *pid != spared).collect();
        if left.is_empty() {
            return;
        }
        for pid in left {
            // SAFETY: a child of this process that nobody else reaps.
            unsafe {
                libc::kill(pid as i32, libc::SIGKILL);
                libc::waitpid(pid as i32, std::ptr::null_mut(), libc::__WALL);
            }
        }
    }
}
