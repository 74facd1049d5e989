//! Pools and futures: answers on their way, from threads that share memory and from processes that do not.
//!
//! `submit` returns a future at once. `as_completed` gives each future when it is done, the fastest first; `map` gives
//! the answers in the order of the calls. `on_done` registers a function that is called with the answer. In a scope
//! calls may borrow from the stack.

use std::error::Error;
use std::sync::mpsc;
use std::thread::sleep;
use std::time::Duration;

use manyhands::{Pool, as_completed};

fn is_prime(number: u32) -> bool {
    number > 1
        && (2..)
            .take_while(|divisor| divisor * divisor <= number)
            .all(|divisor| !number.is_multiple_of(divisor))
}

fn brew(drink: &'static str, milliseconds: u64) -> &'static str {
    sleep(Duration::from_millis(milliseconds));
    drink
}

fn main() -> Result<(), Box<dyn Error>> {
    let kitchen = Pool::threads(3)?;
    let orders = [("tea", 300), ("coffee", 100), ("soup", 200)];
    let futures = orders.map(|(drink, milliseconds)| kitchen.submit(move || brew(drink, milliseconds)));
    let futures = futures.into_iter().collect::<Result<Vec<_>, _>>()?;
    for future in as_completed(futures) {
        println!("as completed: {}", future.get()?);
    }

    let (sender, answers) = mpsc::channel();
    kitchen
        .submit(|| brew("cocoa", 10))?
        .on_done(move |answer| sender.send(answer).expect("the main thread listens"))?;
    println!("called back: {}", answers.recv()??);

    let words = ["borrowed".to_owned(), "from".to_owned(), "the stack".to_owned()];
    let lengths = kitchen.scope(|scope| {
        let calls = words.each_ref().map(|word| scope.submit(|| word.len()));
        calls.map(|call| call.map(|call| call.get()))
    });
    for (word, length) in words.iter().zip(lengths) {
        println!("{word}: {}", length??);
    }

    let crunchers = Pool::new(2)?;
    let answers = crunchers.map(is_prime, 0..1_000)?.collect::<Result<Vec<bool>, _>>()?;
    println!("{} primes below 1000", answers.into_iter().filter(|is_prime| *is_prime).count());
    Ok(())
}
