//! The threads that do the operations, one order at a time, and what the director of the play knows of them.
//!
//! An actor that an order blocks is known to be blocked; the director gives it no further order until it has answered.
//! An answer that does not come, or that nobody expected, ends the play with its seed and step.

use std::fmt::Display;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// What an operation came to: a number, or why it came to nothing.
pub type Answer = Result<u32, String>;

type Order = Box<dyn FnOnce() -> Answer + Send>;

const ACTORS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Play {
    subject: &'static str,
    seed: u64,
    random: u64,
    step: u64,
    orders: Vec<Sender<Order>>,
    answers: Receiver<(usize, Answer)>,
    blocked: Vec<usize>,
    /// Answers of blocked ones that came before they were asked for.
    early: Vec<(usize, Answer)>,
}

/// What lives until the program ends, so that every actor can use it.
pub fn lasting<T>(object: T) -> &'static T {
    Box::leak(Box::new(object))
}

pub fn ok<T>(result: Result<T, impl Display>) -> Answer {
    result.map(|_| 0).map_err(|error| error.to_string())
}

fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|number| number.parse().expect("a number"))
}

impl Play {
    pub fn new(subject: &'static str) -> Play {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let seed = number_from("MANYHANDS_SEED").unwrap_or(now.as_nanos() as u64 | 1);
        println!("{subject}: MANYHANDS_SEED={seed}");
        let (tell, answers) = channel();
        let orders = (0..ACTORS)
            .map(|actor| {
                let (send, orders) = channel::<Order>();
                let tell = tell.clone();
                thread::spawn(move || orders.into_iter().all(|order| tell.send((actor, order())).is_ok()));
                send
            })
            .collect();
        Play { subject, seed, random: seed, step: 0, orders, answers, blocked: Vec::new(), early: Vec::new() }
    }

    /// Whether there is a next step.
    pub fn goes_on(&mut self) -> bool {
        self.step += 1;
        self.step <= number_from("MANYHANDS_OPERATIONS").unwrap_or(10_000)
    }

    /// What the next step chooses, a number below `choices`, and an actor that is not blocked, if there is one.
    pub fn next(&mut self, choices: usize) -> Option<(usize, Option<usize>)> {
        self.goes_on().then(|| (self.below(choices), self.idle()))
    }

    /// A random number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as usize % limit
    }

    /// An actor that is not blocked, if there is one.
    pub fn idle(&mut self) -> Option<usize> {
        let idle: Vec<usize> = (0..ACTORS).filter(|actor| !self.blocked.contains(actor)).collect();
        (!idle.is_empty()).then(|| idle[self.below(idle.len())])
    }

    /// Those that are blocked, in the order in which they came.
    pub fn blocked(&self) -> &[usize] {
        &self.blocked
    }

    pub fn check(&self, holds: bool, what: impl Display) {
        let Play { subject, seed, step, .. } = self;
        assert!(holds, "{subject}, step {step}: {what}; MANYHANDS_SEED={seed} repeats it");
    }

    pub fn expect<T: PartialEq + std::fmt::Debug>(&self, what: &str, got: T, expected: T) {
        self.check(got == expected, format_args!("{what} gave {got:?}, its model {expected:?}"));
    }

    /// Has an actor do something that does not block it.
    pub fn ask(&mut self, actor: usize, order: impl FnOnce() -> Answer + Send + 'static) -> Answer {
        self.orders[actor].send(Box::new(order)).expect("actors live as long as the play");
        let (who, answer) = self.answer();
        self.check(who == actor, format_args!("actor {who}, which was blocked, went on unasked"));
        answer
    }

    /// Has an actor do something that does not block it, and that may have some of the blocked answer as well.
    pub fn ask_beside_waiters(
        &mut self,
        actor: usize,
        order: impl FnOnce() -> Answer + Send + 'static,
    ) -> Answer {
        self.orders[actor].send(Box::new(order)).expect("actors live as long as the play");
        loop {
            let (who, answer) = self.answer();
            if who == actor {
                return answer;
            }
            self.early.push((who, answer));
        }
    }

    /// Has an actor do something that blocks it; `waiters` says how many wait.
    pub fn block(
        &mut self,
        actor: usize,
        waiters: impl Fn() -> usize,
        order: impl FnOnce() -> Answer + Send + 'static,
    ) {
        self.orders[actor].send(Box::new(order)).expect("actors live as long as the play");
        self.blocked.push(actor);
        self.wait_for_waiters(waiters);
    }

    /// Has an actor do something that blocks it, or is well done at once; `waiters` says how many wait.
    pub fn ask_or_block(
        &mut self,
        (actor, what, blocks): (usize, &str, bool),
        waiters: impl Fn() -> usize,
        order: impl FnOnce() -> Answer + Send + 'static,
    ) {
        if blocks {
            self.block(actor, waiters, order);
        } else {
            let got = self.ask(actor, order);
            self.expect(what, got, Ok(0));
        }
    }

    /// Looks until as many wait as are blocked.
    pub fn wait_for_waiters(&self, waiters: impl Fn() -> usize) {
        let begun = Instant::now();
        while waiters() != self.blocked.len() {
            if let Ok((who, answer)) = self.answers.try_recv() {
                self.check(false, format_args!("actor {who}, which should be blocked, answered {answer:?}"));
            }
            let message = format_args!("{} wait, not {}", waiters(), self.blocked.len());
            self.check(begun.elapsed() < PATIENCE, message);
            thread::yield_now();
        }
    }

    /// So many of the blocked go on now; who, and with what answer.
    pub fn released(&mut self, count: usize) -> Vec<(usize, Answer)> {
        (0..count)
            .map(|_| {
                let (who, answer) = self.early.pop().unwrap_or_else(|| self.answer());
                self.check(self.blocked.contains(&who), format_args!("actor {who} was not blocked"));
                self.blocked.retain(|actor| *actor != who);
                (who, answer)
            })
            .collect()
    }

    fn answer(&self) -> (usize, Answer) {
        let answer = self.answers.recv_timeout(PATIENCE);
        self.check(
            answer != Err(RecvTimeoutError::Timeout),
            "nobody answered for a minute: a wake-up was lost",
        );
        answer.expect("the actors live as long as the play")
    }
}
