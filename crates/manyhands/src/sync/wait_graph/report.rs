//! A walk's findings in words: each thread, what it waits for, where, and who has that.
//!
//! Written once, by the thread that found it, while all the others in it are asleep. What the words look like is up to
//! `wait::deadlock`; this module knows records and walks.

use super::question::{Answer, Held};
use super::thread_number::this_thread_number;
use super::threads::record_of;
use super::walk::Edge;
use crate::sync::wait::deadlock::{Deadlock, DeadlockStep};
use crate::sync::wait::site::Site;

fn name_of(number: u32) -> String {
    record_of(number).map_or_else(|| "a thread that has ended".to_owned(), |record| record.name())
}

/// The deadlock of the calling thread with itself: it has the object called so and would wait for it here.
pub(in crate::sync) fn with_itself(object: String, wanted_at: Site) -> Deadlock {
    let me = name_of(this_thread_number());
    let step = DeadlockStep { thread: me.clone(), object, wanted_at, holder: me, taken_at: Site::Unknown };
    Deadlock { steps: vec![step] }
}

/// In words what a walk has found; none of the locks is touched.
pub(super) fn deadlock_of(edges: &[Edge]) -> Deadlock {
    Deadlock { steps: edges.iter().map(step_of).collect() }
}

fn step_of(edge: &Edge) -> DeadlockStep {
    let answer = edge.look.answer;
    let (object, taken_at) = match answer {
        Answer::News { .. } => {
            ("an event or other news that nobody is left to bring".to_owned(), Site::Unknown)
        }
        Answer::End { thread } => (format!("the end of thread {:?}", name_of(thread)), Site::Unknown),
        Answer::Lock(Held { is_re_entrant, made_at, taken_at, .. }) => {
            let kind = if is_re_entrant { "re-entrant lock" } else { "lock" };
            let object = match Site::from_raw(made_at) {
                Site::Unknown => format!("a {kind}"),
                made_at => format!("the {kind} made at {made_at}"),
            };
            (object, Site::from_raw(taken_at))
        }
    };
    let owner = answer.owner();
    let holder = if owner == 0 { String::new() } else { name_of(owner) };
    let wanted_at = Site::from_raw(edge.look.wanted_at);
    DeadlockStep { thread: name_of(edge.waiter), object, wanted_at, holder, taken_at }
}

/// What the thread with this number waits for without a limit, and which thread has it; `None` when it is in no such
/// wait of the engine.
pub fn wait_of(number: u32) -> Option<DeadlockStep> {
    let look = record_of(number)?.question.look()?;
    let step = step_of(&Edge { waiter: number, look });
    Some(if look.answer.is_news() {
        DeadlockStep { object: "news from another thread".to_owned(), ..step }
    } else {
        step
    })
}
