//! The textbook's example, the rules of waiting, random operations against a sequential model, and threads that would
//! deadlock without a banker.

use std::env;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::platform::until::until;
use crate::sync::Semaphore;

/// A time limit of tests that would otherwise never end.
const LIMIT: Duration = Duration::from_secs(60);

fn free(banker: &Banker) -> Vec<u64> {
    banker.statistics().unwrap().resources.iter().map(|resource| resource.free).collect()
}

fn waiters(banker: &Banker) -> usize {
    banker.statistics().unwrap().claimants.iter().filter(|claimant| claimant.waits_for.is_some()).count()
}

fn texts(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Five processes, three resources: the example of Silberschatz, Galvin, Gagne, "Operating System Concepts", chapter
/// on deadlocks.
#[test]
fn the_textbooks_example() {
    let banker = Banker::new(&[("A", 10), ("B", 5), ("C", 7)]).unwrap();
    let maxima = [[7, 5, 3], [3, 2, 2], [9, 0, 2], [2, 2, 2], [4, 3, 3]];
    let claims: Vec<Claim<'_>> =
        (0..5).map(|at| banker.claim(&format!("P{at}"), &maxima[at]).unwrap()).collect();
    let allocation = [[0, 1, 0], [2, 0, 0], [3, 0, 2], [2, 1, 1], [0, 0, 2]];
    for (claim, units) in claims.iter().zip(&allocation) {
        claim.try_request(units).unwrap().expect("what the example begins with is safe").keep();
    }
    assert_eq!(free(&banker), [3, 3, 2]);
    let order = Some(texts(&["P1", "P3", "P4", "P0", "P2"]));
    assert_eq!(banker.safe_order().unwrap(), order);

    assert_eq!(claims[1].foresee(&[1, 0, 2]).unwrap(), Verdict::Safe(order.clone().unwrap()));
    claims[1].try_request(&[1, 0, 2]).unwrap().expect("safe").keep();
    assert_eq!((free(&banker), banker.safe_order().unwrap()), (vec![2, 3, 0], order));

    assert_eq!(claims[4].foresee(&[3, 3, 0]).unwrap(), Verdict::NotFree("A".to_owned()));
    assert!(claims[4].try_request(&[3, 3, 0]).unwrap().is_none());
    assert_eq!(claims[0].foresee(&[0, 2, 0]).unwrap(), Verdict::Unsafe);
    assert!(claims[0].try_request(&[0, 2, 0]).unwrap().is_none(), "there is enough, but it is unsafe");
    let in_vain = claims[0].request_timeout(&[0, 2, 0], Duration::from_millis(1)).unwrap_err();
    assert!(matches!(in_vain, BankerError::Wait(WaitError::TimedOut)));
    assert_eq!((free(&banker), waiters(&banker)), (vec![2, 3, 0], 0));

    // Once P1 has given all back it is safe, and whoever waited has it.
    let mut claims = claims.into_iter();
    let first = claims.next().unwrap();
    let second = claims.next().unwrap();
    thread::scope(|scope| {
        let first = scope.spawn(move || {
            first.request(&[0, 2, 0]).unwrap().keep();
            first.held().unwrap()
        });
        until("P0 to wait", || waiters(&banker) == 1);
        drop(second);
        assert_eq!(first.join().unwrap(), [0, 3, 0]);
    });
}

#[test]
fn the_impossible_is_refused_by_name_and_changes_nothing() {
    let banker = Banker::new(&[("memory", 8), ("licences", 3)]).unwrap();
    let refusal = banker.claim("greedy", &[2, 4]).unwrap_err();
    let beyond = "greedy declares 4 of licences, and there are 3 in all: declare no more than there are";
    assert_eq!(refusal.to_string(), beyond);
    assert_eq!(banker.statistics().unwrap().claimants, []);

    let claim = banker.claim("report", &[4, 1]).unwrap();
    let units = claim.request(&[3, 1]).unwrap();
    let before = banker.statistics().unwrap();
    let refusal = claim.request(&[2, 0]).unwrap_err().to_string();
    assert!(
        refusal.starts_with("report requests 2 of memory and has 3, but declared no more than 4"),
        "{refusal}"
    );
    let refusal = claim.request(&[u64::MAX, 0]).unwrap_err().to_string();
    assert!(refusal.contains("of memory"), "{refusal}");
    let refusal = claim.release(&[0, 2]).unwrap_err().to_string();
    assert!(refusal.starts_with("report releases 2 of licences and has 1"), "{refusal}");
    let refusal = claim.try_request(&[1]).unwrap_err().to_string();
    assert!(refusal.starts_with("1 numbers of units were given to report"), "{refusal}");
    assert_eq!(banker.statistics().unwrap(), before);
    assert_eq!(units.counts(), [3, 1]);

    let bad: [&[(&str, u64)]; 4] = [&[], &[("", 1)], &[("a", 1), ("a", 2)], &[("m", 1); 17]];
    for resources in bad {
        assert!(matches!(Banker::new(resources), Err(BankerError::Resources { .. })), "{resources:?}");
    }
}

#[test]
fn there_are_1024_claimants_at_most_and_room_again_when_one_goes() {
    let banker = Banker::new(&[("m", 1)]).unwrap();
    let mut claims: Vec<_> = (0..1024).map(|_| banker.claim("one", &[1]).unwrap()).collect();
    assert!(matches!(banker.claim("more", &[1]), Err(BankerError::TooManyClaimants { .. })));
    assert_eq!(banker.safe_order().unwrap().map(|order| order.len()), Some(1024));
    drop(claims.swap_remove(500));
    drop(banker.claim("more", &[1]).unwrap());
}

#[test]
fn requests_are_granted_in_the_order_in_which_they_were_made() {
    let banker = Banker::new(&[("m", 3)]).unwrap();
    let all = banker.claim("all", &[3]).unwrap();
    all.request(&[3]).unwrap().keep();
    let granted = std::sync::Mutex::new(Vec::new());
    thread::scope(|scope| {
        for name in ["first", "second", "third"] {
            let before = waiters(&banker);
            let (banker, granted) = (&banker, &granted);
            scope.spawn(move || {
                let claim = banker.claim(name, &[1]).unwrap();
                let units = claim.request(&[1]).unwrap();
                granted.lock().unwrap().push(name);
                // Stays with the claim, so that each release of `all` is enough for one.
                until("the others", || granted.lock().unwrap().len() == 3);
                drop(units);
            });
            until("it to wait", || waiters(banker) == before + 1);
        }
        for count in 1..=3 {
            all.release(&[1]).unwrap();
            until("one more", || granted.lock().unwrap().len() == count);
        }
    });
    assert_eq!(*granted.lock().unwrap(), ["first", "second", "third"]);
}

#[test]
fn a_large_request_is_overtaken_a_bounded_number_of_times() {
    let banker = Banker::new(&[("m", 40)]).unwrap();
    let holder = banker.claim("holder", &[2]).unwrap();
    let held = holder.request(&[1]).unwrap();
    thread::scope(|scope| {
        let large = scope.spawn(|| banker.claim("large", &[40]).unwrap().request(&[40]).map(drop));
        until("the large one to wait", || waiters(&banker) == 1);
        let small: Vec<_> = (0..40).map(|_| banker.claim("small", &[1]).unwrap()).collect();
        let granted: Vec<_> = small.iter().map_while(|claim| claim.try_request(&[1]).unwrap()).collect();
        assert_eq!(granted.len(), 16);
        // Who holds something may still have more: else it would never give back what the large one waits for.
        drop(holder.try_request(&[1]).unwrap().expect("the holder goes on"));
        drop(granted);
        assert!(
            small[0].try_request(&[1]).unwrap().is_none(),
            "it still waits, and bars those who hold nothing"
        );
        drop(held);
        large.join().unwrap().unwrap();
        assert!(small[0].try_request(&[1]).unwrap().is_some());
    });
    assert_eq!(free(&banker), [40]);
}

#[test]
fn a_request_that_is_given_up_bars_nobody() {
    let banker = Banker::new(&[("m", 2)]).unwrap();
    let (holder, other) = (banker.claim("holder", &[2]).unwrap(), banker.claim("other", &[2]).unwrap());
    let held = holder.request(&[1]).unwrap();
    for _ in 0..40 {
        assert!(other.request_timeout(&[2], Duration::ZERO).is_err());
    }
    drop(held);
    assert!(other.try_request(&[2]).unwrap().is_some());
    assert_eq!(free(&banker), [2]);
}

/// A small generator (Marsaglia's xorshift), so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    fn units(&mut self, most: [u64; 3]) -> [u64; 3] {
        most.map(|most| self.below(most + 1))
    }
}

/// The sequential model: it tries all orders, and keeps no book but what everybody has.
#[derive(Clone, Copy)]
struct Seat {
    maxima: [u64; 3],
    held: [u64; 3],
}

const TOTALS: [u64; 3] = [5, 4, 3];

fn left(seats: &[Option<Seat>]) -> [i64; 3] {
    let taken = |at: usize| seats.iter().flatten().map(|seat| seat.held[at] as i64).sum::<i64>();
    std::array::from_fn(|at| TOTALS[at] as i64 - taken(at))
}

fn some_order_works(seats: &mut Vec<Seat>, free: [i64; 3]) -> bool {
    if free.iter().any(|units| *units < 0) {
        return false;
    }
    for at in 0..seats.len() {
        let seat = seats[at];
        if (0..3).all(|unit| (seat.maxima[unit] - seat.held[unit]) as i64 <= free[unit]) {
            let gone = seats.remove(at);
            let works =
                some_order_works(seats, std::array::from_fn(|unit| free[unit] + gone.held[unit] as i64));
            seats.insert(at, gone);
            if works {
                return true;
            }
        }
    }
    seats.is_empty()
}

#[test]
fn random_operations_agree_with_a_sequential_model() {
    let operations = env::var("MANYHANDS_BANKER_OPERATIONS").map_or(200_000, |text| text.parse().unwrap());
    let banker = Banker::new(&[("a", TOTALS[0]), ("b", TOTALS[1]), ("c", TOTALS[2])]).unwrap();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut seats: [Option<Seat>; 5] = [None; 5];
    let mut claims: [Option<Claim<'_>>; 5] = [const { None }; 5];
    let (mut granted, mut unsafe_ones) = (0, 0);
    for operation in 0..operations {
        let at = random.below(5) as usize;
        match (&claims[at], seats[at].as_mut()) {
            (Some(_), _) if random.below(20) == 0 => (claims[at], seats[at]) = (None, None),
            (Some(claim), Some(seat)) if random.below(3) == 0 => {
                let units = random.units(seat.held);
                claim.release(&units).unwrap();
                seat.held = std::array::from_fn(|unit| seat.held[unit] - units[unit]);
            }
            (Some(claim), Some(seat)) => {
                let units = random.units(std::array::from_fn(|unit| seat.maxima[unit] - seat.held[unit]));
                let before = *seat;
                seat.held = std::array::from_fn(|unit| seat.held[unit] + units[unit]);
                let free = left(&seats);
                let works = some_order_works(&mut seats.iter().flatten().copied().collect(), free);
                let taken = claim.try_request(&units).unwrap().map(Units::keep).is_some();
                assert_eq!(
                    taken,
                    works,
                    "operation {operation}, {units:?} for {before:?}",
                    before = before.held
                );
                granted += usize::from(taken);
                if !taken {
                    seats[at] = Some(before);
                    unsafe_ones += usize::from(free.iter().all(|units| *units >= 0));
                }
            }
            _ => {
                let maxima = random.units(TOTALS);
                claims[at] = Some(banker.claim(&at.to_string(), &maxima).unwrap());
                seats[at] = Some(Seat { maxima, held: [0; 3] });
            }
        }
        let expected = left(&seats).map(|units| units as u64);
        assert_eq!(free(&banker), expected, "after operation {operation}");
    }
    assert!(banker.is_safe().unwrap());
    assert!(granted > operations / 10 && unsafe_ones > operations / 1000, "{granted} {unsafe_ones}");
}

/// Three resources, one unit of each for each thread, taken one after the other, each thread in another order.
const ORDERS: [[usize; 3]; 8] =
    [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 2, 1], [1, 0, 2], [2, 1, 0], [0, 1, 2], [1, 2, 0]];
const PERMITS: [u64; 3] = [3, 3, 2];

#[test]
fn eight_threads_on_three_resources_never_deadlock() {
    let seconds = env::var("MANYHANDS_BANKER_SECONDS").map_or(1.0, |text| text.parse().unwrap());
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let banker = Banker::new(&[("a", PERMITS[0]), ("b", PERMITS[1]), ("c", PERMITS[2])]).unwrap();
    let having = [const { AtomicU64::new(0) }; 3];
    let rounds: Vec<u64> = thread::scope(|scope| {
        let threads = ORDERS.map(|order| {
            let (banker, having) = (&banker, &having);
            scope.spawn(move || {
                let claim = banker.claim("thread", &[1, 1, 1]).unwrap();
                let mut rounds = 0;
                while Instant::now() < end {
                    for at in order {
                        let units: [u64; 3] = std::array::from_fn(|unit| u64::from(unit == at));
                        // The limit only ends a test that would not; a deadlock would reach it.
                        claim.request_timeout(&units, LIMIT).expect("no deadlock").keep();
                        assert!(
                            having[at].fetch_add(1, Ordering::Relaxed) < PERMITS[at],
                            "more than there are"
                        );
                        thread::yield_now();
                    }
                    for at in order {
                        having[at].fetch_sub(1, Ordering::Relaxed);
                    }
                    claim.release(&[1, 1, 1]).unwrap();
                    rounds += 1;
                }
                rounds
            })
        });
        threads.map(|thread| thread.join().unwrap()).to_vec()
    });
    assert!(rounds.iter().all(|rounds| *rounds > 0), "somebody starved: {rounds:?}");
    assert_eq!(free(&banker), PERMITS);
}

/// The same threads, the same units, taken from semaphores: they deadlock. The test sees that all eight wait and
/// nothing is left to give, and ends it by giving more than there is.
#[test]
fn the_same_threads_deadlock_without_a_banker() {
    let semaphores = PERMITS.map(|permits| Semaphore::new(permits as u32));
    let all_have_one = Barrier::new(ORDERS.len());
    let through = AtomicU64::new(0);
    thread::scope(|scope| {
        // As many begin with each resource as it has units.
        for (thread, order) in [0, 1, 2, 0, 1, 2, 0, 1].into_iter().zip(ORDERS) {
            assert_eq!(order[0], thread);
            let (semaphores, all_have_one, through) = (&semaphores, &all_have_one, &through);
            scope.spawn(move || {
                let first = semaphores[order[0]].acquire();
                all_have_one.wait();
                let rest = order[1..].iter().map(|at| semaphores[*at].acquire_timeout(LIMIT).unwrap());
                let rest: Vec<_> = rest.collect();
                through.fetch_add(1, Ordering::Relaxed);
                drop((first, rest));
            });
        }
        let statistics = || semaphores.each_ref().map(Semaphore::statistics);
        until("all to wait", || statistics().iter().map(|semaphore| semaphore.waiters).sum::<usize>() == 8);
        assert!(statistics().iter().all(|semaphore| semaphore.free == 0), "somebody could go on");
        assert_eq!(through.load(Ordering::Relaxed), 0, "somebody went on");
        for semaphore in &semaphores {
            semaphore.release(8).unwrap();
        }
    });
    assert_eq!(through.load(Ordering::Relaxed), 8);
}
