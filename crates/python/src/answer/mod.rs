//! An answer that is to come: the one state behind a pool's `AsyncResult` and an executor's `Future`.
//!
//! ```text
//! answered  where the answer stands and what it came to; a class over it waits for it and fetches it (`Answered`)
//! source    the calls of worker processes that it comes from: their answers are fetched once
//! calls     those calls, and the object that their answers make
//! outcome   an answer's bytes as an object or an exception
//! ```
//!
//! Both classes promise this:
//! - Nothing runs in this process until a thread asks. That thread waits on the call's own word, and makes the object
//!   of what it finds there. Threads may ask together: one makes the object, and the others get the same one.
//! - Where a callback is to be called, the pool's callback thread fetches the answer instead.
//! - A worker's answer is made an object of once. What a signal handler raises meanwhile (Ctrl-C) is for the thread
//!   that asked, and is no answer: the next thread that asks goes on where that attempt ended. One that waits is woken.
//! - The answer belongs to the process that submitted the call. To ask for it in a fork's copy is an error.
//! - A mutex here is never held while Python code runs.
//!
//! A result is of one call or of a map's many. It keeps its pool alive until it is there. It may be there (`ready`)
//! before an object was made of it; with callbacks it is there once they have run. A future is of one call, which may
//! be withdrawn, and which a thread or the program itself may answer as well. How a future changes, and what is called
//! then, is the business of `futures`.

mod answered;
mod calls;
mod outcome;
mod source;

pub use answered::{Answer, Answered};
pub use calls::{Calls, Fetched};
pub use outcome::{INTS, Outcome, RAISED, Read, of_refusal};
pub use source::Source;
