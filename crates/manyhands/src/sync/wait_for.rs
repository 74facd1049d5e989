//! The one way to wait: every sleep of the engine begins here, and is written down while it lasts.
//!
//! A caller says what it waits for (the subject), how others can ask whether that is there (the question), until when,
//! and which hooks to call. It gets a [`Wait`], which is the only way to a [`Parker`](super::Parker), and so to sleep.
//! What is waited for then stands in the thread's slot of the arena, for all processes to read. A wait without a limit
//! for what only this process can bring is part of the wait graph as well, so that a deadlock is found.
//!
//! Nothing is written before the first sleep: a wait that a few yields see through costs what it cost without this.

use super::wait::park::{Wait, Waiting};
use super::wait::subject::Subject;
use super::wait_graph::Question;
use crate::platform::Deadline;
use cfg_if::cfg_if;

cfg_if! {
    if #[cfg(manyhands_model)] {
        /// In the model nothing is written down.
        pub(crate) fn wait_for<Q: Question, R>(
            _subject: Subject,
            _question: &Q,
            deadline: Option<Deadline>,
            waiting: &dyn Waiting,
            how: impl FnOnce(&Wait<'_>) -> R,
        ) -> R {
            how(&Wait::private(deadline, waiting))
        }
    } else {
        use super::wait::note::Note;
        use super::wait::park::{WaitError, Watching};
        use super::wait::site::Site;
        use super::wait_graph::{Ask, Wanted, Watch};
        use std::time::Duration;

        /// Has `how` wait for a subject, at a primitive of [`wait`](super::wait).
        ///
        /// `question` is asked by other threads while the wait lasts, so it must be quick, and may not wait. It says
        /// what the caller waits for too: a closure, for what any thread may bring, says whether that is there.
        #[inline]
        pub(crate) fn wait_for<Q: Question, R>(
            subject: Subject,
            question: &Q,
            deadline: Option<Deadline>,
            waiting: &dyn Waiting,
            how: impl FnOnce(&Wait<'_>) -> R,
        ) -> R {
            wait_for_at(subject, question, deadline, waiting, || waiting.site(), how)
        }

        /// As [`wait_for`], with another way to learn at which place of the program the wait is.
        #[inline]
        pub(crate) fn wait_for_at<Q: Question, R>(
            subject: Subject,
            question: &Q,
            deadline: Option<Deadline>,
            waiting: &dyn Waiting,
            site: impl FnOnce() -> Site,
            how: impl FnOnce(&Wait<'_>) -> R,
        ) -> R {
            let wait = if subject.is_private() {
                Wait::private(deadline, waiting)
            } else {
                Wait::arena(deadline, waiting)
            };
            // Another process may end a wait for an object of the arena, and time one with a limit.
            let is_in_graph = Q::WANTED != Wanted::Outside && subject.is_private() && deadline.is_none();
            let watch = if is_in_graph { Watch::new(Ask::of(question), site()) } else { None };
            how(&wait.watched_by(&Written { note: Note::new(subject), watch }))
        }

        /// A wait while it is written down.
        struct Written {
            note: Note,
            watch: Option<Watch>,
        }

        impl Watching for Written {
            fn write(&self) {
                self.note.write();
                self.watch.iter().for_each(Watch::open);
            }

            fn erase(&self) {
                self.watch.iter().for_each(Watch::close);
                self.note.erase();
            }

            fn look(&self) -> Result<(), WaitError> {
                self.watch.as_ref().map_or(Ok(()), Watch::look)
            }

            fn period(&self) -> Duration {
                self.watch.as_ref().map_or(Duration::MAX, Watch::period)
            }
        }
    }
}
