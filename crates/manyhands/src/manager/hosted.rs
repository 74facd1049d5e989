//! `Hosted`: a handle on a value that one process keeps, for any number of threads and processes.
//!
//! The functions that are called with the value travel as those of a pool do: by their place in the program. Calls run
//! one after the other, in the order in which they came. A killed caller costs nothing but its own call. When the host
//! is killed, the value is lost, and every call is an error at once.

use super::error::HostedError;
use super::host::{head, host, is_here, keep, with_value};
use crate::arena::collect;
use crate::channel::{Buffer, GetError, PutError, RawSender, raw_channel};
use crate::spawn::{Entry, Process, entry};
use crate::sync::Blocking;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::any::type_name;
use std::marker::PhantomData;

/// A value that lives in a process of its own and is used from others.
///
/// A clone is another handle on the same value, and handles travel, as arguments, answers and in queues. The value goes
/// with the last of them, or with the process that made it.
///
/// ```
/// use manyhands::{Hosted, Process};
/// use std::collections::BTreeMap;
///
/// type Counts = BTreeMap<String, u32>;
///
/// fn count(counts: &mut Counts, word: String) -> u32 {
///     let count = counts.entry(word).or_default();
///     *count += 1;
///     *count
/// }
///
/// fn walk((counts, words): (Hosted<Counts>, Vec<String>)) {
///     for word in words {
///         counts.call(count, word).unwrap();
///     }
/// }
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let counts = Hosted::new(|()| Counts::new(), ())?;
///     let words = ["a", "b", "a"].map(str::to_owned).to_vec();
///     Process::spawn(walk, (counts.clone(), words))?.join()?;
///     assert_eq!(counts.call(count, "a".to_owned())?, 3);
///     assert_eq!(counts.call(|counts, ()| counts.len(), ())?, 2);
///     Ok(())
/// }
/// ```
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Hosted<T> {
    requests: RawSender,
    value: PhantomData<fn() -> T>,
}

impl<T: 'static> Hosted<T> {
    /// Starts a process that makes the value, by calling `function` with `argument` (a tuple, where it needs several),
    /// and waits until it is made. A closure that captures something is refused when the program is built (though not
    /// by `cargo check`).
    ///
    /// # Errors
    /// When the process cannot be started, the argument cannot be sent, or the function panics.
    pub fn new<F, A>(function: F, argument: A) -> Result<Hosted<T>, HostedError>
    where
        F: Fn(A) -> T + Copy + Send + 'static,
        A: Serialize + DeserializeOwned,
    {
        const { entry::assert_captures_nothing::<F>() };
        let make = Entry::of_empty(move |argument: A| keep(function(argument)))?;
        let (requests, receiver) = raw_channel(None)?;
        Process::builder().name("host").daemon(true).spawn(host, (receiver, requests.handle()))?;
        let hosted = Hosted { requests, value: PhantomData };
        hosted.ask::<A, ()>(make, argument)?;
        Ok(hosted)
    }

    /// Has the value's process call `function` with the value and `argument`, and gives what it returns.
    ///
    /// # Errors
    /// When the host has ended, the argument or the answer cannot be sent, or the function panics: then the value is as
    /// the function left it. [`HostedError::WithinItself`] from a function that runs with this very value.
    pub fn call<F, A, R>(&self, function: F, argument: A) -> Result<R, HostedError>
    where
        F: Fn(&mut T, A) -> R + Copy + Send + 'static,
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        const { entry::assert_captures_nothing::<F>() };
        if is_here(self.requests.handle()) {
            return Err(HostedError::WithinItself { value: type_name::<T>() });
        }
        let call = Entry::of_empty(move |argument: A| with_value(|value| function(value, argument)))?;
        self.ask(call, argument)
    }

    fn ask<A: Serialize, R: DeserializeOwned>(&self, function: Entry, argument: A) -> Result<R, HostedError> {
        let (sender, answer) = raw_channel(Some(1))?;
        let (bytes, mut objects) = collect(|| entry::arguments(&argument));
        let bytes = bytes.map_err(HostedError::Failed)?;
        objects.extend(sender.objects());
        let [function, way_back] = head(function, &sender);
        let sent = self.requests.put(&[&function, &way_back, &bytes], &objects, 0, None, &Blocking);
        // Until here the objects that the argument names were its own. From here on the host alone can answer.
        drop((sender, argument));
        match sent {
            Ok(()) => {}
            Err(PutError::Disconnected { .. }) => return Err(self.host_ended()),
            Err(error) => return Err(HostedError::Put(error)),
        }
        match answer.get(&mut Buffer::new(), None, &Blocking) {
            Ok(message) => entry::answer(&message.content).map_err(HostedError::Failed),
            Err(GetError::Disconnected { .. }) => Err(self.host_ended()),
            Err(error) => Err(HostedError::Get(error)),
        }
    }

    fn host_ended(&self) -> HostedError {
        HostedError::HostEnded { value: type_name::<T>() }
    }
}

impl<T> Clone for Hosted<T> {
    fn clone(&self) -> Self {
        Hosted { requests: self.requests.clone(), value: PhantomData }
    }
}

impl<T> std::fmt::Debug for Hosted<T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Hosted").field("value", &type_name::<T>()).finish_non_exhaustive()
    }
}
