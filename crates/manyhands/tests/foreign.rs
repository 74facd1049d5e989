//! An arena that is not for this process: refused, with what is wrong, and nothing of it is used.
//!
//! The test's own process has no arena, else every other one would be refused for that alone. A child makes a real one
//! and passes on its first page; here one field after another is changed in it.

use manyhands::arena::{Arena, ArenaError, ProcessId};
use manyhands::platform::memory;
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::process::{Command, Stdio};

const MAKER: &str = "MANYHANDS_TEST_MAKES_AN_ARENA";
const PAGE: usize = 4096;

/// The first page of a real arena, and its size.
fn real() -> (Vec<u8>, u64) {
    let program = std::env::current_exe().unwrap();
    let mut maker = Command::new(program);
    maker.args(["--exact", "an_arena_is_made", "--nocapture"]).env(MAKER, "1").stdin(Stdio::null());
    let output = maker.stderr(Stdio::piped()).stdout(Stdio::null()).output().unwrap().stderr;
    let (size, page) = output.split_at(8);
    (page[..PAGE].to_vec(), u64::from_le_bytes(size.try_into().unwrap()))
}

/// In the child that [`real`] starts: tells size and first page of its arena on standard error.
#[test]
fn an_arena_is_made() {
    if std::env::var_os(MAKER).is_none() {
        return;
    }
    let file = File::from(Arena::get().unwrap().memfd().unwrap().try_clone_to_owned().unwrap());
    let mut page = vec![0; PAGE];
    file.read_exact_at(&mut page, 0).unwrap();
    let mut told = std::io::stderr();
    told.write_all(&file.metadata().unwrap().len().to_le_bytes()).unwrap();
    told.write_all(&page).unwrap();
    std::process::exit(0);
}

fn refusal(page: &[u8], size: u64) -> String {
    let memory = memory::memory_file("foreign", size).unwrap();
    File::from(memory.try_clone().unwrap()).write_all_at(page, 0).unwrap();
    let doorbell: OwnedFd = rustix::pipe::pipe().unwrap().0;
    // SAFETY: nobody else has it.
    match unsafe { Arena::adopt(memory, doorbell, ProcessId::from_raw(1).unwrap()) } {
        Err(ArenaError::Foreign { reason }) => reason,
        Err(error) => panic!("refused for another reason: {error}"),
        Ok(_) => panic!("it was taken"),
    }
}

#[test]
fn an_arena_of_a_foreign_version_is_refused() {
    let (page, size) = real();
    let with = |at: usize, change: u8| {
        let mut changed = page.clone();
        changed[at] ^= change;
        refusal(&changed, size)
    };
    assert!(with(0, 1).contains("magic number"));
    let version = with(8, 64);
    assert!(
        version.contains("its format is version") && version.contains("this engine's is version"),
        "{version}"
    );
    assert!(with(16, 1).contains("another build"));
    assert!(with(24, 1).contains("another pid namespace"));
    assert!(Arena::current().is_none(), "nothing of them is in use");
}
