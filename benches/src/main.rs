//! One measurement per run: `peers CASE SUBJECT COUNT [--pinned]` prints one number, in the unit of its case.
//!
//! A process per measurement keeps the subjects out of each other's way: no warm pool, no grown heap, no thread of one
//! is there when the next is measured. `run.py` beside this crate decides what runs, how often and in which order, and
//! makes the table. With `--pinned` the two ends of a ring and the two contenders of a lock each keep to one core.
//!
//! `peers values ROUNDS [WORD]` is apart from that: it prints a table of its own.

mod lock;
mod placement;
mod pool;
mod queue;
mod ring;
mod start;
mod values;
mod wait;

use std::process::ExitCode;

use placement::Placement;

fn main() -> ExitCode {
    // The re-exec'd children of two subjects come through here as well.
    procspawn::init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["--nothing"] {
        return ExitCode::SUCCESS;
    }
    if let [case, rounds, rest @ ..] = arguments.as_slice()
        && case == "values"
        && let Ok(rounds) = rounds.parse()
    {
        values::table(rounds, rest.first().map_or("", String::as_str));
        return ExitCode::SUCCESS;
    }
    let [case, subject, count, rest @ ..] = arguments.as_slice() else {
        eprintln!("usage: peers CASE SUBJECT COUNT [--pinned]");
        return ExitCode::from(2);
    };
    let placement =
        if rest.iter().any(|word| word == "--pinned") { Placement::Pinned } else { Placement::Free };
    let Ok(count) = count.parse() else {
        eprintln!("COUNT is a number, not {count}");
        return ExitCode::from(2);
    };
    match measure(case, subject, count, placement) {
        Some(number) => {
            println!("{number}");
            ExitCode::SUCCESS
        }
        None => {
            eprintln!("there is no {subject} for {case}");
            ExitCode::from(2)
        }
    }
}

fn measure(case: &str, subject: &str, count: u64, placement: Placement) -> Option<f64> {
    match case {
        "ring-64" => ring::throughput(subject, 64, count, placement),
        "ring-1024" => ring::throughput(subject, 1024, count, placement),
        "ring-65536" => ring::throughput(subject, 65536, count, placement),
        "lock-free" => lock::free(subject, count),
        "lock-contended" => lock::contended(subject, count, placement),
        "rlock-free" => lock::free_re_entrant(subject, count),
        "condition-ping-pong" => wait::ping_pong(subject, count, placement),
        "condition-hand-over" => wait::hand_over(subject, count, placement),
        "semaphore-free" => wait::free_semaphore(subject, count),
        "event-free" => wait::free_event(subject, count),
        "semaphore-contended" => wait::contended_semaphore(subject, count, placement),
        "pool-1" => pool::one_in_flight(subject, count),
        "pool-1000" => pool::many_in_flight(subject, count),
        "threads-1" => pool::threads_one_in_flight(subject, count),
        "threads-1000" => pool::threads_many_in_flight(subject, count),
        "threads-scope" => pool::scopes(subject, count),
        "queue-1-1" => queue::throughput(subject, 1, count, placement),
        "queue-2-2" => queue::throughput(subject, 2, count, placement),
        "start-small" => start::start(subject, count, 0),
        "start-large" => start::start(subject, count, 1 << 30),
        _ => None,
    }
}
