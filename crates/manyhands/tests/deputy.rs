//! Nobody is ended because a member of the arena says so who may not end that one itself.
//!
//! A child gives up its rights and writes slots of processes that are none of the arena's. The test plays the
//! bystanders' part: they live on, and the slots are taken back. Where the test is not root the child keeps its rights,
//! and the rest is the same.

mod forger;
mod until;
mod witness;

use manyhands::Pool;
use manyhands::arena::{Arena, ProcessId, ProcessState, Role};
use manyhands::spawn::{Process, ProcessError, StartMethod};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use until::until;
use witness::{Witness, runs};

const NOBODY: u32 = 65_534;

/// A process that has nothing to do with the arena.
struct Bystander(Child);

impl Bystander {
    fn new() -> Bystander {
        Bystander(Command::new("sleep").arg("1000000").spawn().unwrap())
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }

    fn lives(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn is_root() -> bool {
    // SAFETY: asks only.
    unsafe { libc::geteuid() == 0 }
}

/// Becomes nobody, if that can be.
fn give_up_rights() {
    if is_root() {
        // SAFETY: changes whose this process is, and no memory.
        let done = unsafe { (libc::setgid(NOBODY), libc::setuid(NOBODY)) };
        assert_eq!(done, (0, 0));
    }
}

/// Whether the slot is no longer that of a process that lives.
fn is_over(slot: ProcessId) -> bool {
    matches!(Arena::get().unwrap().process_state(slot), None | Some(ProcessState::Free))
}

/// Makes slots up for a process, of each kind in turn, and waits until each has been dealt with.
fn make_slots_up(pid: u32) {
    give_up_rights();
    for role in [Role::Worker, Role::Daemon, Role::Supervisor] {
        for mapped_at in [0, forger::mapped_at(), u64::MAX, 1] {
            let slot = forger::plant(pid, role, mapped_at);
            until("the slot is taken back, or its process has ended", || is_over(slot) || !runs(pid));
        }
    }
}

#[test]
fn a_stranger_whose_slot_was_made_up_lives_on() {
    if !is_root() {
        eprintln!("SKIPPED in part: giving up rights needs root; the child keeps them");
    }
    let mut bystander = Bystander::new();
    let done = Process::spawn(make_slots_up, bystander.pid()).unwrap().join();
    assert!(bystander.lives(), "a stranger was ended: {done:?}");
    done.unwrap();
}

fn stay((): ()) {
    witness::sleep_for_ever();
}

#[test]
fn a_pool_that_is_terminated_does_not_end_a_stranger() {
    let mut bystander = Bystander::new();
    for _ in 0..5 {
        let pool = Pool::new(1).unwrap();
        let busy = pool.submit(stay, ()).unwrap();
        until("the worker is busy", || pool.statistics().running == 1);
        let worker = pool.statistics().workers[0].1;
        let arena = Arena::get().unwrap();
        let (slot, _) = arena.processes().find(|(_, slot)| slot.pid() == worker).unwrap();
        forger::Slot::of(slot).set_pid(bystander.pid());
        pool.terminate();
        drop(busy);
        assert!(bystander.lives(), "a stranger was ended");
        // Its own supervisor knows it otherwise.
        until("the worker has ended", || !runs(worker));
    }
}

/// As nobody, with the descriptor of the arena that came along: says what happens to the arena's file.
fn open_anew((): ()) {
    give_up_rights();
    let open = |path: &Path| std::fs::OpenOptions::new().read(true).write(true).open(path).map(drop);
    let listed: Vec<_> =
        std::fs::read_dir("/proc/self/fd").unwrap().map(|entry| entry.unwrap().path()).collect();
    let is_the_arena = |path: &&PathBuf| {
        std::fs::read_link(path).is_ok_and(|name| name.to_string_lossy().starts_with("/memfd:manyhands-"))
    };
    let memory = listed.iter().find(is_the_arena).unwrap();
    assert_eq!(open(memory).unwrap_err().kind(), ErrorKind::PermissionDenied);
    // What came along works on; and what is closed cannot be had again.
    let queue = manyhands::Queue::<u32>::bounded(4).unwrap();
    Process::spawn(|queue: manyhands::Queue<u32>| queue.put(&7).unwrap(), queue.clone())
        .unwrap()
        .join()
        .unwrap();
    assert_eq!(queue.get().unwrap(), 7);
    // SAFETY: closes what the engine has opened, as a daemon does that closes all that it does not know.
    unsafe { libc::close_range(3, libc::c_uint::MAX, 0) };
    queue.put(&8).unwrap();
    assert_eq!(queue.get().unwrap(), 8);
    let refused = Process::builder().method(StartMethod::Exec).spawn(|(): ()| (), ()).unwrap_err();
    assert!(format!("{refused:?}").contains("closed the engine's descriptors"), "{refused:?}");
}

#[test]
fn another_user_cannot_open_the_arena_anew() {
    if !is_root() {
        eprintln!("SKIPPED: giving up rights needs root");
        return;
    }
    Process::spawn(open_anew, ()).unwrap().join().unwrap();
}

/// A process that is nobody's from its first moment on, and tells its number.
fn fallen(path: String) {
    give_up_rights();
    witness::write(&path, &std::process::id().to_string());
    witness::sleep_for_ever();
}

fn parent_of_fallen(path: String) {
    Process::builder().daemon(true).spawn(fallen, path).unwrap();
    witness::sleep_for_ever();
}

#[test]
fn a_daemon_that_gave_up_its_rights_ends_with_its_parent() {
    let witness = Witness::new();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    std::fs::set_permissions(witness.path(), open).unwrap();
    let parent = Process::spawn(parent_of_fallen, witness.path()).unwrap();
    let daemon: u32 = witness.read().parse().unwrap();
    parent.kill().unwrap();
    assert!(matches!(parent.join(), Err(ProcessError::Signaled { .. })));
    until("the daemon of the killed parent has ended", || !runs(daemon));
}
