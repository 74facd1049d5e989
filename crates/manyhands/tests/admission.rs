//! Calls of pools that need units of a banker: run when they can have them, refused when they never can, and what a
//! killed worker had comes back.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};

use manyhands::executor::AdmissionError;
use manyhands::{Banker, Pool, shared};

fn free(banker: &shared::Banker) -> Vec<u64> {
    banker.statistics().unwrap().resources.iter().map(|resource| resource.free).collect()
}

#[test]
fn threads_run_no_more_at_once_than_there_is() {
    let banker = Arc::new(Banker::new(&[("memory", 8), ("licences", 2)]).unwrap());
    let pool = Pool::threads(4).unwrap();
    let (now, two) = (Arc::new(AtomicU32::new(0)), Arc::new(Barrier::new(2)));
    let calls: Vec<_> = (0..20)
        .map(|number| {
            let (now, two) = (now.clone(), two.clone());
            let call = move || {
                let running = now.fetch_add(1, Ordering::Relaxed) + 1;
                two.wait();
                now.fetch_sub(1, Ordering::Relaxed);
                two.wait();
                (number, running)
            };
            pool.submit_with(&banker, &[3, 0], call).unwrap()
        })
        .collect();
    for (number, call) in calls.into_iter().enumerate() {
        let (answer, running) = call.get().unwrap();
        assert!(answer == number && running <= 2, "{running} ran at once");
    }
    let refused = pool.submit_with(&banker, &[9, 0], || ()).err().unwrap();
    assert!(refused.to_string().contains("declares 9 of memory, and there are 8 in all"), "{refused}");
    let panicked = pool.submit_with(&banker, &[8, 2], || panic!("half way")).unwrap();
    assert!(panicked.get().is_err());
    pool.join();
    assert_eq!(banker.statistics().unwrap().claimants, []);
}

fn kill_me(_: ()) {
    let me = manyhands::platform::pidfd::PidFd::open(std::process::id()).unwrap();
    me.signal(libc::SIGKILL).unwrap();
    loop {
        std::thread::park();
    }
}

#[test]
fn what_a_killed_worker_had_comes_back() {
    let banker = shared::Banker::new(&[("memory", 8)]).unwrap();
    let pool = Pool::new(2).unwrap();
    let killed = pool.submit_with(&banker, &[8], kill_me, ()).unwrap();
    assert!(matches!(killed.get().unwrap_err().to_string(), text if text.contains("SIGKILL")));
    let calls: Vec<_> = (0..10)
        .map(|number| pool.submit_with(&banker, &[8], |number: u32| number + 1, number).unwrap())
        .collect();
    for (number, call) in calls.into_iter().enumerate() {
        assert_eq!(call.get().unwrap(), number as u32 + 1);
    }
    let refused = pool.submit_with(&banker, &[9], |number: u32| number, 1);
    assert!(matches!(refused, Err(AdmissionError::Impossible(_))));
    pool.join();
    manyhands::sweep_the_dead();
    assert_eq!(free(&banker), [8]);
}
