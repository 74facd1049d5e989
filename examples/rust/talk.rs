//! Two processes talk: one asks, the other answers, until there is nothing more to ask.
//!
//! A queue goes one way, so two of them make a conversation. A queue is a value: it is sent to a process like any
//! other. When it is closed, what is in it can still be taken. After that a taker learns that nothing will come any
//! more, so the two need not agree on a word for the end.

use std::error::Error;

use manyhands::{Process, Queue};

/// A dividend and a divisor.
type Question = (u32, u32);
/// The quotient, if there is one.
type Answer = Option<u32>;

fn answer((questions, answers): (Queue<Question>, Queue<Answer>)) {
    while let Ok((dividend, divisor)) = questions.get() {
        answers.put(&dividend.checked_div(divisor)).expect("the asker listens");
    }
    answers.close();
}

fn main() -> Result<(), Box<dyn Error>> {
    let (questions, answers) = (Queue::bounded(1)?, Queue::bounded(1)?);
    let process = Process::spawn(answer, (questions.clone(), answers.clone()))?;
    for question in [(84, 2), (1, 0)] {
        questions.put(&question)?;
        println!("{question:?} is answered by {:?}", answers.get()?);
    }
    questions.close();
    if let Err(end) = answers.get() {
        println!("{end}");
    }
    process.join()?;
    Ok(())
}
