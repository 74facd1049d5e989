//! A walk's findings in words: each thread, what it waits for, where, and who has that.
//!
//! Written once, by the thread that found it, while all the others in it are asleep. What the words look like is up to
//! `wait::deadlock`; this module knows records and walks.

use super::record::Wanted;
use super::threads::record_of;
use super::walk::Edge;
use super::watch::this_thread_number;
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
    let object = match edge.look.wanted {
        Wanted::News(..) => "an event or other news that nobody is left to bring".to_owned(),
        Wanted::Thread(number) => format!("the end of thread {:?}", name_of(number)),
        Wanted::Lock(_) => {
            let kind = if edge.look.is_re_entrant { "re-entrant lock" } else { "lock" };
            match Site::from_raw(edge.look.made_at) {
                Site::Unknown => format!("a {kind}"),
                made_at => format!("the {kind} made at {made_at}"),
            }
        }
    };
    DeadlockStep {
        thread: name_of(edge.waiter),
        object,
        wanted_at: Site::from_raw(edge.look.wanted_at),
        holder: if edge.look.owner == 0 { String::new() } else { name_of(edge.look.owner) },
        taken_at: Site::from_raw(edge.look.taken_at),
    }
}

/// What the thread with this number waits for without a limit, and which thread has it; `None` when it is in no such
/// wait of the engine.
pub fn wait_of(number: u32) -> Option<DeadlockStep> {
    let look = record_of(number)?.note.look()?;
    let step = step_of(&Edge { waiter: number, look });
    let is_news = matches!(look.wanted, Wanted::News(..));
    Some(if is_news { DeadlockStep { object: "news from another thread".to_owned(), ..step } } else { step })
}
