//! A crawler: threads that fetch pages and find more pages to fetch while they do. Producers and consumers are the
//! same.
//!
//! The pages to be fetched are in a queue. A worker takes one, fetches it, puts in the links that are new, and then
//! reports that it is done with that page. `join` returns when as many are done as were put: then the queue is empty,
//! and no worker is at a page that could bring more. The site is a small server in this program.

use std::collections::HashSet;
use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use manyhands::{Lock, Queue, Thread};

const PAGES: u32 = 60;
const WORKERS: usize = 8;
const DELAY: Duration = Duration::from_millis(50);

/// Page N links to its two children and to the first page; each takes a moment.
fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut number = [0; 4];
    stream.read_exact(&mut number)?;
    let number = u32::from_le_bytes(number);
    sleep(DELAY);
    for link in [2 * number, 2 * number + 1, 1].into_iter().filter(|link| *link <= PAGES) {
        stream.write_all(&link.to_le_bytes())?;
    }
    Ok(())
}

fn serve(listener: &TcpListener) {
    for stream in listener.incoming().flatten() {
        if let Ok(thread) = Thread::spawn(move || answer(stream)) {
            thread.detach();
        }
    }
}

fn fetch(site: SocketAddr, number: u32) -> std::io::Result<Vec<u32>> {
    let mut stream = TcpStream::connect(site)?;
    stream.write_all(&number.to_le_bytes())?;
    let mut page = Vec::new();
    stream.read_to_end(&mut page)?;
    Ok(page.as_chunks().0.iter().map(|link| u32::from_le_bytes(*link)).collect())
}

fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let site = listener.local_addr()?;
    Thread::builder().name("site").spawn(move || serve(&listener))?.detach();

    let pages = Queue::in_process();
    let seen = Arc::new(Lock::new(HashSet::from([1])));
    let begun = Instant::now();
    pages.put(1)?;
    let workers = (0..WORKERS).map(|_| {
        let (pages, seen) = (pages.clone(), seen.clone());
        Thread::spawn(move || {
            let mut fetched = 0;
            while let Ok(number) = pages.get() {
                for link in fetch(site, number).expect("the site answers") {
                    if seen.lock().expect("held for a moment only").insert(link) {
                        pages.put(link).expect("nobody has closed the queue");
                    }
                }
                fetched += 1;
                pages.task_done().expect("it was put and taken");
            }
            fetched
        })
    });
    let workers = workers.collect::<Result<Vec<_>, _>>()?;
    pages.join();
    pages.close();
    let fetched = workers.into_iter().map(Thread::join).sum::<Result<u32, _>>()?;
    println!("{fetched} pages fetched by {WORKERS} workers in {} ms", begun.elapsed().as_millis());
    Ok(())
}
