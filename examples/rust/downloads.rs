//! Waiting at the same time: three downloads take as long as the slowest of them, in threads and in processes.
//!
//! A download is a sleep here. Work that mostly waits gains from either; threads are the cheaper ones, and processes
//! cannot take one another down.

use std::error::Error;
use std::thread::sleep;
use std::time::{Duration, Instant};

use manyhands::{Process, Thread};

const MILLISECONDS: [u64; 3] = [300, 450, 600];

fn download(milliseconds: u64) {
    sleep(Duration::from_millis(milliseconds));
    println!("a download of {milliseconds} ms in process {}", std::process::id());
}

fn timed(name: &str, run: impl FnOnce() -> Result<(), Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
    let begun = Instant::now();
    run()?;
    println!("{name}: {} ms in all", begun.elapsed().as_millis());
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    timed("one after another", || {
        MILLISECONDS.into_iter().for_each(download);
        Ok(())
    })?;
    timed("threads", || {
        let threads: Result<Vec<_>, _> = MILLISECONDS
            .into_iter()
            .map(|milliseconds| Thread::spawn(move || download(milliseconds)))
            .collect();
        threads?.into_iter().try_for_each(|thread| thread.join().map_err(Into::into))
    })?;
    timed("processes", || {
        let processes: Result<Vec<_>, _> =
            MILLISECONDS.into_iter().map(|milliseconds| Process::spawn(download, milliseconds)).collect();
        processes?.into_iter().try_for_each(|process| process.join().map(drop).map_err(Into::into))
    })
}
