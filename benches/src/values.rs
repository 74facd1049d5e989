//! Values put into a queue and taken out again by one thread: the engine's own format beside postcard, which writes
//! fields one after the other and nothing else.
//!
//! Both put their bytes into the same kind of queue. A round of each follows a round of the other; what is shown is the
//! median time of a value in ns, and the median of the rounds' ratios. `peers values ROUNDS WORD` prints the rows with
//! that word, or all.

mod postcards;
mod shapes;

use std::hint::black_box;
use std::time::{Duration, Instant};

use manyhands::Queue;
use postcards::Postcards;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How long a round is meant to take.
const ROUND: Duration = Duration::from_micros(50);

/// Prints the table, each row from so many rounds: all rows with `word` in their name.
pub fn table(rounds: u64, word: &str) {
    println!("| value | postcard, ns | manyhands, ns | times |");
    println!("|---|---|---|---|");
    shapes::each(&mut Table { rounds: rounds.max(1), word });
}

/// Measures values and prints a row for each.
struct Table<'a> {
    rounds: u64,
    word: &'a str,
}

impl Table<'_> {
    fn row<T: Serialize + DeserializeOwned>(&mut self, name: &str, value: &T) {
        if !name.contains(self.word) {
            return;
        }
        let ours = Queue::growing().expect("a queue");
        let theirs = Postcards::growing();
        let mut our_trip = || {
            ours.put(black_box(value)).expect("it is open");
            drop(black_box(ours.get().expect("a value is there")));
        };
        let mut their_trip = || {
            theirs.put(black_box(value));
            drop(black_box(theirs.get::<T>()));
        };
        // What is learnt from the first values, and how many of them make a round.
        timed(100, &mut our_trip);
        let trips = (ROUND.as_nanos() as f64 / timed(100, &mut their_trip)).clamp(1.0, 1e5) as u32;
        let (mut our_times, mut their_times, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            let (theirs, ours) = (timed(trips, &mut their_trip), timed(trips, &mut our_trip));
            their_times.push(theirs);
            our_times.push(ours);
            ratios.push(ours / theirs);
        }
        let (theirs, ours, ratio) = (median(their_times), median(our_times), median(ratios));
        println!("| {name} | {theirs:.0} | {ours:.0} | {ratio:.2} |");
    }
}

/// Nanoseconds a trip.
fn timed(trips: u32, trip: &mut impl FnMut()) -> f64 {
    let begun = Instant::now();
    (0..trips).for_each(|_| trip());
    begun.elapsed().as_nanos() as f64 / f64::from(trips)
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
