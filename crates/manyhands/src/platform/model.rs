//! What the model tests of all layers share: a scenario under every schedule, and threads that have a part in it.
//!
//! A scenario's threads work on one value, which each of them keeps alive; so a thread that ends last frees it. What is
//! scheduled are the words of `platform::atomic` and the sleeps of `platform::futex`. Whatever else a scenario does
//! between them happens at once.

use loom::sync::Arc;
use loom::thread::{self, JoinHandle};

/// Runs `scenario`, each time at a new place, under every schedule in which a thread is interrupted at most
/// `preemptions` times.
pub(crate) fn check<T: 'static>(
    preemptions: usize,
    new: impl Fn() -> T + Sync + Send + 'static,
    scenario: impl Fn(&Arc<T>) + Sync + Send + 'static,
) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(move || scenario(&Arc::new(new())));
}

/// Starts a thread that does its part in `place`.
pub(crate) fn spawn<T: 'static, R: 'static>(
    place: &Arc<T>,
    part: impl FnOnce(&T) -> R + 'static,
) -> JoinHandle<R> {
    let place = place.clone();
    thread::spawn(move || part(&place))
}
