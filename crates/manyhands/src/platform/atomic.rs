//! The one door to atomics.
//!
//! Every other module takes its atomics from here, so that a model checker can take their place: with
//! `--cfg manyhands_model` they are loom's, whose scheduler explores interleavings and weak orderings.
//! Nothing is added to either; the door is all there is.

#[cfg(not(manyhands_model))]
pub use core::sync::atomic::{
    AtomicBool, AtomicI64, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};

#[cfg(manyhands_model)]
pub use loom::sync::atomic::{
    AtomicBool, AtomicI64, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};
