//! The children that the program asked for, until each has been reaped.
//!
//! A process that ends by itself deals with those that are left ([`leaving`](super::leaving)). A fork's child has none
//! of its parent's ([`Own`]).

use super::here::here;
use super::own::{Own, locked};
use super::started::Started;
use std::sync::{Arc, Mutex};

static CHILDREN: Own<Mutex<Vec<Arc<Started>>>> = Own::new();

/// Takes charge of a child until it has been reaped.
pub(super) fn add(child: &Arc<Started>) {
    locked(CHILDREN.get()).push(Arc::clone(child));
}

/// The children that have not ended; those that have are reaped.
pub(super) fn living() -> Vec<Arc<Started>> {
    let Some(children) = CHILDREN.present() else { return Vec::new() };
    let mut children = locked(children);
    children.retain(|child| child.status().is_none());
    children.clone()
}

/// Reaps what has ended: children that nobody joined, and helpers that were given up.
pub(super) fn reap() {
    living();
    here().reap();
}
