//! Supervisors of pools: workers are kept at their number, whatever becomes of them, until nobody wants them.
//!
//! The supervisor is a template forked in a process of its own, as an interpreter's would be. The pool is a file that
//! says how many workers are wanted; what the supervisor notices it writes into another one.

mod until;
mod witness;

use manyhands::arena::{Handle, ProcessId, Role};
use manyhands::platform::pidfd::ExitStatus;
use manyhands::spawn::{
    Ended, ForkedSupervisor, Forking, Instruction, Order, Process, Served, Share, Supervised, Supervisor,
    fork_supervisor, serve,
};
use manyhands::sync::RawSemaphore;
use until::until;
use witness::{Witness, runs, signal};

/// Forks without anybody's hooks; raw clones are allowed or not.
struct PlainFork(bool);

impl Forking for PlainFork {
    fn may_clone_raw(&self) -> bool {
        self.0
    }
}

/// The files of one pool: how many workers are wanted, what workers tell, what the supervisor notices.
type Files = (String, String, String);

struct FilePool {
    wanted: String,
    log: String,
}

impl Supervised for FilePool {
    fn wanted(&self) -> usize {
        std::fs::read_to_string(&self.wanted).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
    }

    fn worker_name(&self, number: u64) -> String {
        format!("hand-{number}")
    }

    fn expect(&self, _slot: ProcessId) {}

    fn expect_no_more(&self, _slot: ProcessId) {}

    fn progress(&self) -> u64 {
        0
    }

    fn worker_ended(&self, ended: &Ended) -> bool {
        witness::write(&self.log, &format!("{} {:?}\n", ended.pid, ended.status));
        // Only a worker that was killed had done something.
        matches!(ended.status, ExitStatus::Signaled(_))
    }

    fn give_up(&self, reason: &str) {
        witness::write(&self.log, &format!("gave up: {reason}\n"));
    }
}

fn make_supervised(_: Handle, payload: &[u8]) -> Result<Box<dyn Supervised>, String> {
    let payload = std::str::from_utf8(payload).map_err(|error| error.to_string())?;
    let mut files = payload.split('\n').map(str::to_owned);
    let wanted = files.next().ok_or("no file of the number")?;
    if wanted.is_empty() {
        return Err("there is no such pool".to_owned());
    }
    let _told = files.next();
    Ok(Box::new(FilePool { wanted, log: files.next().ok_or("no file of the log")? }))
}

/// Forks a supervisor; in its workers, does what they do, and does not return.
fn supervisor(raw: bool) -> Supervisor {
    // SAFETY: the calling process has one thread.
    match unsafe { fork_supervisor("template", &mut PlainFork(raw)) }.unwrap() {
        ForkedSupervisor::Parent(supervisor) => supervisor,
        ForkedSupervisor::Child(requester) => {
            // SAFETY: as above.
            match unsafe { serve(requester, &mut PlainFork(raw), make_supervised) }.unwrap() {
                Served::End => std::process::exit(0),
                Served::Child(request) => {
                    let files = String::from_utf8(request.payload).unwrap();
                    let told = files.split('\n').nth(1).unwrap();
                    if told.is_empty() {
                        std::process::exit(3);
                    }
                    witness::write(
                        told,
                        &format!("{} {}\n", std::process::id(), std::os::unix::process::parent_id()),
                    );
                    witness::sleep_for_ever()
                }
            }
        }
    }
}

/// An object that stands for a pool: supervisors only keep it alive.
fn pool() -> RawSemaphore {
    RawSemaphore::shared(0, 1).unwrap()
}

fn workers(told: &str) -> Vec<u32> {
    let text = std::fs::read_to_string(told).unwrap();
    let pids = text.lines().filter_map(|line| line.split(' ').next()?.parse().ok());
    pids.filter(|pid| runs(*pid)).collect()
}

fn in_a_process(function: fn(Files)) -> (Witness, Witness, Witness) {
    let files = (Witness::new(), Witness::new(), Witness::new());
    let paths = (files.0.path(), files.1.path(), files.2.path());
    // SAFETY: the child is the only thread that goes on; it allocates, which glibc's own fork handlers make safe.
    let process = unsafe { Process::builder().fork(|| function(paths)) }.unwrap();
    process.join().unwrap();
    files
}

/// A supervisor, and the pool that it keeps at two workers until another number is wanted.
fn keep_two_workers(wanted: &str, told: &str, log: &str) -> (Supervisor, RawSemaphore) {
    std::fs::write(wanted, "2").unwrap();
    let (supervisor, pool) = (supervisor(true), pool());
    let payload = [wanted, told, log].join("\n");
    supervisor.keep("pool", pool.handle().unwrap(), Instruction::of(payload.as_bytes()), &[]).unwrap();
    (supervisor, pool)
}

#[test]
fn dead_workers_are_replaced_until_nobody_wants_them() {
    let (_wanted, told, log) = in_a_process(|(wanted, told, log)| {
        let (supervisor, _pool) = keep_two_workers(&wanted, &told, &log);
        for _ in 0..5 {
            until("two workers run", || workers(&told).len() == 2);
            let worker = workers(&told)[0];
            signal(worker, libc::SIGKILL);
            until("it has ended", || !runs(worker));
        }
        until("two workers run", || workers(&told).len() == 2);
        std::fs::write(&wanted, "4").unwrap();
        supervisor.look();
        until("four workers run", || workers(&told).len() == 4);
        std::fs::write(&wanted, "0").unwrap();
        supervisor.look();
        for worker in workers(&told) {
            signal(worker, libc::SIGKILL);
        }
        until("no worker runs", || workers(&told).is_empty());
        assert!(supervisor.is_alive());
        let pid = supervisor.pid();
        drop(supervisor);
        until("the supervisor has ended", || !runs(pid));
    });
    assert_eq!(told.read().lines().count(), 2 + 5 + 2);
    assert_eq!(log.read().matches("Signaled(9)").count(), 5 + 4);
    // A worker's parent is the supervisor, which reaps it.
    let parents: Vec<String> =
        told.read().lines().map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect();
    assert!(parents.iter().all(|parent| *parent == parents[0]));
}

#[test]
fn a_process_of_a_supervisor_is_its_requesters_child_however_it_is_made() {
    for raw in [true, false] {
        let told = Witness::new();
        let path = told.path();
        // SAFETY: the child is the only thread that goes on; it allocates, which glibc's own fork handlers make safe.
        let process = unsafe {
            Process::builder().fork(|| {
                let supervisor = supervisor(raw);
                let files = ["", &path, ""].join("\n");
                let payload = Instruction::of(files.as_bytes());
                for name in ["first", "second"] {
                    let order =
                        Order { name, role: Role::User, payload, descriptors: &[], share: Share::These(&[]) };
                    let started = supervisor.start(&order).unwrap();
                    let mine = format!("{} {}\n", started.pid(), std::process::id());
                    until("it tells", || std::fs::read_to_string(&path).unwrap().contains(&mine));
                    started.signal(libc::SIGKILL).unwrap();
                    assert_eq!(
                        started.wait(None, &manyhands::sync::Blocking).unwrap(),
                        Some(ExitStatus::Signaled(libc::SIGKILL))
                    );
                }
                // Orphans are nobody's business again.
                let mut subreaper = 0;
                libc::prctl(libc::PR_GET_CHILD_SUBREAPER, &raw mut subreaper);
                assert_eq!(subreaper, 0);
            })
        }
        .unwrap();
        process.join().unwrap();
    }
}

#[test]
fn workers_that_die_at_once_are_given_up() {
    let (_wanted, _told, log) = in_a_process(|(wanted, _told, log)| {
        let (supervisor, pool) = keep_two_workers(&wanted, "", &log);
        until("the supervisor gives up", || std::fs::read_to_string(&log).unwrap().contains("gave up"));
        // It still serves another pool.
        assert!(supervisor.is_alive());
        let error =
            format!("{:?}", supervisor.keep("none", pool.handle().unwrap(), Instruction::default(), &[]));
        assert!(error.contains("there is no such pool"), "{error}");
    });
    let log = log.read();
    assert!(log.contains("gave up: 8 workers in a row ended before they had taken a call"), "{log}");
    assert!(log.contains("ended with exit code 3"), "{log}");
}

#[test]
fn workers_end_with_their_program() {
    let files = (Witness::new(), Witness::new(), Witness::new());
    let paths = (files.0.path(), files.1.path(), files.2.path());
    // SAFETY: the child is the only thread that goes on; it allocates, which glibc's own fork handlers make safe.
    let process = unsafe {
        Process::builder().fork(|| {
            std::fs::write(&paths.0, "3").unwrap();
            let supervisor = supervisor(true);
            let pool = pool();
            let payload = [paths.0.as_str(), &paths.1, &paths.2].join("\n");
            supervisor
                .keep("pool", pool.handle().unwrap(), Instruction::of(payload.as_bytes()), &[])
                .unwrap();
            witness::sleep_for_ever()
        })
    }
    .unwrap();
    until("three workers run", || workers(&paths.1).len() == 3);
    let mut all = workers(&paths.1);
    all.extend(witness::with_role(Role::Supervisor));
    process.kill().unwrap();
    process.join().unwrap_err();
    for worker in all.into_iter().take(3) {
        until("the worker of the killed program has ended", || !runs(worker));
    }
}

#[test]
fn a_killed_supervisor_is_lost_and_says_so() {
    in_a_process(|(wanted, told, log)| {
        std::fs::write(&wanted, "1").unwrap();
        let supervisor = supervisor(true);
        let pool = pool();
        let payload = [wanted.as_str(), &told, &log].join("\n");
        supervisor.keep("pool", pool.handle().unwrap(), Instruction::of(payload.as_bytes()), &[]).unwrap();
        signal(supervisor.pid(), libc::SIGKILL);
        until("the supervisor has ended", || !supervisor.is_alive());
        let refusal =
            supervisor.keep("pool", pool.handle().unwrap(), Instruction::of(payload.as_bytes()), &[]);
        assert!(matches!(refusal, Err(manyhands::spawn::Refusal::Lost)), "{refusal:?}");
    });
}
