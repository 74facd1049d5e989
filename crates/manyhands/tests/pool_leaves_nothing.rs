//! After a pool no block of shared memory is held and no worker is left, whatever became of its calls and workers.
//!
//! One test, in a program of its own: it counts the blocks of the whole arena.

use manyhands::Pool;
use manyhands::arena::Arena;
use manyhands::platform::pidfd::PidFd;
use std::time::{Duration, Instant};

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what} did not come");
        std::thread::yield_now();
    }
}

/// A large answer to a large argument, so that both are blocks; every seventh call kills its worker.
fn large(argument: (u32, Vec<u8>)) -> Vec<u8> {
    let (number, bytes) = argument;
    if number % 7 == 3 {
        PidFd::open(std::process::id()).unwrap().signal(libc::SIGKILL).unwrap();
    }
    bytes
}

#[test]
fn no_block_and_no_worker_is_left() {
    let arena = Arena::get().unwrap();
    for retries in [0, 2] {
        let pool = Pool::builder().workers(3).retries(retries).build().unwrap();
        let mut lost = 0;
        let calls: Vec<_> =
            (0..120).map(|number| pool.submit(large, (number, vec![1; 20_000])).unwrap()).collect();
        for (number, call) in calls.into_iter().enumerate() {
            match number % 4 {
                0 => drop(call),
                1 => drop(call.cancel()),
                2 => call.on_done(drop).unwrap(),
                _ => match call.get() {
                    Ok(bytes) => assert_eq!(bytes.len(), 20_000),
                    Err(error) => {
                        assert!(error.worker_died().is_some(), "{error}");
                        lost += 1;
                    }
                },
            }
        }
        assert_eq!(lost, (0..120).filter(|number| number % 7 == 3 && number % 4 == 3).count());
        let one_more = pool.submit(large, (0, vec![2; 1 << 20])).unwrap();
        let numbers = || pool.statistics().workers.iter().map(|worker| worker.1).collect::<Vec<_>>();
        let opened: Vec<_> = numbers().into_iter().map(|pid| (pid, PidFd::open(pid))).collect();
        // Who is still listed when its descriptor is open has not been reaped before.
        let listed = numbers();
        let workers: Vec<PidFd> = opened
            .into_iter()
            .filter(|(pid, _)| listed.contains(pid))
            .filter_map(|(_, open)| open.ok())
            .collect();
        drop(pool);
        assert_eq!(one_more.get().unwrap().len(), 1 << 20);
        let is_there = |worker: &PidFd| worker.signal(libc::SIGCONT).is_ok();
        wait_until("the end of all workers", || !workers.iter().any(is_there));
        wait_until("the last block's return", || arena.blocks_held() == 0);
    }
}
