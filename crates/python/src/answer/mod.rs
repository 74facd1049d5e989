//! An answer that is to come: the one state behind a pool's `AsyncResult` and an executor's `Future`.
//!
//! ```text
//! answered  where the answer stands and what it came to; a class over it waits, fetches and hears of it (`Answered`)
//! source    the calls of worker processes that it comes from: their answers are fetched once
//! calls     those calls, and the object that their answers make
//! outcome   an answer's bytes as an object or an exception
//! ```
//!
//! Both classes promise this:
//! - Nothing runs in this process until somebody asks. Whoever does waits on the call's own word, and makes the object
//!   of what it finds there. Threads may ask together: one makes the object, and the others get the same one.
//! - Where somebody is to hear of the answer unasked, the pool's callback thread fetches it instead.
//! - A worker's answer is made an object of once. What a signal handler raises meanwhile (Ctrl-C) is for whoever asked
//!   and is no answer: the next one who asks goes on where that attempt ended.
//! - The answer belongs to the process that submitted the call. In a fork's copy of it, whoever asks gets an error.
//! - A mutex here is never held while Python code runs.
//!
//! A result is of one call or of a map's many. It keeps its pool alive until it is there, it may be there (`ready`)
//! before an object was made of it, and with callbacks it is there once they have run. A future is of one call, which
//! may be withdrawn, and may also be answered by a thread or by the program itself. How it changes, and who hears of
//! that, is the business of `futures`.

mod answered;
mod calls;
mod outcome;
mod source;

pub use answered::{Answer, Answered};
pub use calls::{Calls, Fetched};
pub use outcome::{INTS, Outcome, RAISED, Read, of_refusal};
pub use source::Source;
