//! The process that keeps a hosted value: it runs the calls one after the other, in one thread.
//!
//! It ends when nobody has a handle on the value any more, or when the process that made the value ends. A request is
//! the number of a function, the handle of the sender for the answer, and the argument's bytes. It is read while the
//! message is there, which keeps alive what it names; so is an answer.

use crate::arena::Handle;
use crate::channel::{Buffer, Message, RawReceiver, RawSender};
use crate::executor::{Answered, take_carried};
use crate::spawn::{Entry, Failure, entry};
use crate::sync::Blocking;
use std::any::Any;
use std::cell::{Cell, RefCell};

thread_local! {
    /// In a host: the value.
    static VALUE: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
    /// In a host: what names its requests.
    static REQUESTS: Cell<Option<Handle>> = const { Cell::new(None) };
}

/// Whether this thread is the one that would run a call sent there.
pub(super) fn is_here(requests: Handle) -> bool {
    REQUESTS.get() == Some(requests)
}

/// In a host: keeps the value.
pub(super) fn keep<T: 'static>(value: T) {
    VALUE.set(Some(Box::new(value)));
}

/// In a host: calls a function with the value.
pub(super) fn with_value<T: 'static, R>(function: impl FnOnce(&mut T) -> R) -> Answered<R> {
    VALUE.with_borrow_mut(|value| {
        let value = value.as_mut().and_then(|value| value.downcast_mut());
        Answered(function(value.expect("a host has the value that its handles are for")))
    })
}

/// The parts of a request but the argument.
pub(super) fn head(function: Entry, answer: &RawSender) -> [[u8; 8]; 2] {
    [function.number().to_le_bytes(), answer.handle().to_raw().to_le_bytes()]
}

/// The life of a host; `name` is what its handles know the requests by.
pub(super) fn host((requests, name): (RawReceiver, Handle)) {
    REQUESTS.set(Some(name));
    let mut buffer = Buffer::new();
    // The first request makes the value. Without one there is nothing that another could be called with.
    let mut goes_on = requests.get(&mut buffer, None, &Blocking).is_ok_and(answer);
    while goes_on {
        match requests.get(&mut buffer, None, &Blocking) {
            Ok(request) => {
                answer(request);
            }
            Err(_) => goes_on = false,
        }
    }
}

/// Runs a call and sends its answer; whether it gave a value.
fn answer(request: Message<'_>) -> bool {
    let Some((function, rest)) = request.content.split_first_chunk::<8>() else { return false };
    let Some((answer, argument)) = rest.split_first_chunk::<8>() else { return false };
    let Ok(answer) = RawSender::attach(Handle::from_raw(u64::from_le_bytes(*answer))) else { return false };
    let called = Entry::of_number(u64::from_le_bytes(*function)).and_then(|function| function.call(argument));
    let bytes = called.unwrap_or_else(|error| {
        entry::failed(&Failure::Result { given: "call".to_owned(), reason: error.to_string() })
    });
    let carried = take_carried();
    // A caller that has ended needs no answer.
    if let Err(error) = answer.put(&[&bytes], &carried.objects, 0, None, &Blocking) {
        let failure = Failure::Result { given: "answer".to_owned(), reason: error.to_string() };
        // Where there is no room for that either, the caller learns that no answer comes.
        let _ = answer.put(&[&entry::failed(&failure)], &[], 0, None, &Blocking);
    }
    entry::failure(&bytes).is_none()
}
