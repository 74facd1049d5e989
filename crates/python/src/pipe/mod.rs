//! A pipe through shared memory, for a manager and those that call it.
//!
//! ```text
//! end    one side of a pipe, as Python has it           flat   messages that go without pickle
//! ```

mod end;
mod flat;

pub use end::PipeEnd;
