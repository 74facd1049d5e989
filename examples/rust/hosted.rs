//! A value that lives in one process and is used from others: no lock, and no update is lost.
//!
//! Three processes count in one map. They send functions to it, which run there one after the other. What they cannot
//! do is hold the map and forget to give it back. When the process that keeps the map ends, every call is an error.

use std::collections::BTreeMap;
use std::error::Error;

use manyhands::{Hosted, HostedError, Process};

type Counts = BTreeMap<char, u32>;

/// Runs where the map is.
fn count(counts: &mut Counts, letter: char) {
    *counts.entry(letter).or_default() += 1;
}

fn walk((counts, text): (Hosted<Counts>, String)) -> Result<(), HostedError> {
    text.chars().try_for_each(|letter| counts.call(count, letter))
}

fn main() -> Result<(), Box<dyn Error>> {
    let counts = Hosted::new(|()| Counts::new(), ())?;
    let walkers =
        ["abba", "baobab", "cab"].map(|text| Process::spawn(walk, (counts.clone(), text.to_owned())));
    for walker in walkers {
        walker?.join()?;
    }
    let all = counts.call(|counts, ()| counts.clone(), ())?;
    println!("counted by three processes: {all:?}");

    let host = counts.call(|_, ()| std::process::id(), ())?;
    println!("the map lives in another process: {}", host != std::process::id());
    if let Err(error) = counts.call::<_, _, ()>(|_, ()| std::process::exit(1), ()) {
        println!("{error}");
    }
    Ok(())
}
