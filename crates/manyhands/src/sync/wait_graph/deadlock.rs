//! What is told of a deadlock: each thread, what it waits for, where, and who has that.
//!
//! Written once, by the thread that found it, while all the others in it are asleep. A suspicion, waits that nothing in
//! this process can end but perhaps Ctrl-C, is reported on standard error, or to whom a program names.

use std::fmt;
use std::sync::OnceLock;

use super::record::Wanted;
use super::site::Site;
use super::threads::record_of;
use super::walk::Edge;
use super::watch::this_thread_number;

/// Threads that wait for one another, or all for somebody else, so that none of them can go on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deadlock {
    /// The threads, each waiting for what the next one has, the last for what the first has; or, where all threads of
    /// the process wait for ever, from the one that found it to one that waits for what nobody is left to bring.
    pub steps: Vec<DeadlockStep>,
}

/// One thread of a [`Deadlock`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadlockStep {
    /// The waiting thread's name.
    pub thread: String,
    /// What it waits for, in words.
    pub object: String,
    /// Where it waits.
    pub wanted_at: Site,
    /// The name of the thread that has it; empty when nobody in particular has.
    pub holder: String,
    /// Where that one took it; unknown for the end of a thread, which nobody takes.
    pub taken_at: Site,
}

fn name_of(number: u32) -> String {
    record_of(number).map_or_else(|| "a thread that has ended".to_owned(), |record| record.name())
}

impl Deadlock {
    /// Of the calling thread, which has the object called so and would wait for it here.
    pub(in crate::sync) fn with_itself(object: String, wanted_at: Site) -> Deadlock {
        let me = name_of(this_thread_number());
        let step =
            DeadlockStep { thread: me.clone(), object, wanted_at, holder: me, taken_at: Site::Unknown };
        Deadlock { steps: vec![step] }
    }

    /// In words what a walk has found; none of the locks is touched.
    pub(super) fn of(edges: &[Edge]) -> Deadlock {
        Deadlock { steps: edges.iter().map(DeadlockStep::of).collect() }
    }
}

impl DeadlockStep {
    fn of(edge: &Edge) -> DeadlockStep {
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
}

/// What the thread with this number waits for without a limit, and who has it; `None` when it is in no such wait of the
/// engine.
pub fn wait_of(number: u32) -> Option<DeadlockStep> {
    let look = record_of(number)?.note.look()?;
    let step = DeadlockStep::of(&Edge { waiter: number, look });
    let is_news = matches!(look.wanted, Wanted::News(..));
    Some(if is_news { DeadlockStep { object: "news from another thread".to_owned(), ..step } } else { step })
}

impl fmt::Display for DeadlockStep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} waits at {} for {}", self.thread, self.wanted_at, self.object)?;
        match self.taken_at {
            Site::Unknown if self.holder.is_empty() || self.object.starts_with("the end") => Ok(()),
            taken_at => write!(formatter, ", which {:?} took at {taken_at}", self.holder),
        }
    }
}

impl fmt::Display for Deadlock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("deadlock: ")?;
        for (number, step) in self.steps.iter().enumerate() {
            let between = if number == 0 { "" } else { "; " };
            write!(formatter, "{between}{step}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Deadlock {}

static SUSPICIONS: OnceLock<fn(&Deadlock)> = OnceLock::new();

/// Has `hear` called, in place of a line on standard error, for each chain of waits that has stood for a second while
/// every thread of the process waited for ever, but that Ctrl-C or an unguarded release could end. Once per program;
/// later calls change nothing.
pub fn suspicions_go_to(hear: fn(&Deadlock)) {
    let _ = SUSPICIONS.set(hear);
}

pub(super) fn suspect(deadlock: &Deadlock) {
    match SUSPICIONS.get() {
        Some(hear) => hear(deadlock),
        None => eprintln!(
            "manyhands: perhaps a {deadlock}; unless somebody else ends one of these waits, they last for ever"
        ),
    }
}
