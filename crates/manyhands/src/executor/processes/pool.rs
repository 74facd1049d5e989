//! What a pool of processes can do: functions with an argument that travels, retries, maps.
//!
//! These are the signatures, which say what may be captured, sent and answered. They write the call's argument; the
//! work is done by the engine, and that of maps by `map`.

use super::answered::Answered;
use super::engine::{Processes, with_call};
use super::map::ToProcesses;
use crate::executor::errors::SubmitError;
use crate::executor::future::Future;
use crate::executor::map::{Chunk, Map};
use crate::executor::pool::Pool;
use crate::spawn::{Entry, entry};
use serde::Serialize;
use serde::de::DeserializeOwned;

impl Pool<Processes> {
    /// Has a worker call `function` with `argument` (a tuple, where it needs several). A closure that captures
    /// something is refused when the program is built (though not by `cargo check`).
    ///
    /// # Errors
    /// When the pool takes no more calls, the argument cannot be written, or shared memory has run out. Nothing was
    /// submitted then.
    #[inline]
    pub fn submit<F, A, R>(&self, function: F, argument: A) -> Result<Future<R>, SubmitError>
    where
        F: Fn(A) -> R + Copy + Send + 'static,
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        const { entry::assert_captures_nothing::<F>() };
        self.submit_entry(self.engine.retries, function, argument)
    }

    /// As [`Pool::submit`], for a call that may be run again `retries` times when its worker dies.
    ///
    /// # Errors
    /// As there.
    pub fn submit_retrying<F, A, R>(
        &self,
        retries: u32,
        function: F,
        argument: A,
    ) -> Result<Future<R>, SubmitError>
    where
        F: Fn(A) -> R + Copy + Send + 'static,
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        const { entry::assert_captures_nothing::<F>() };
        self.submit_entry(retries, function, argument)
    }

    #[inline]
    fn submit_entry<F, A, R>(&self, retries: u32, function: F, argument: A) -> Result<Future<R>, SubmitError>
    where
        F: Fn(A) -> R + Copy + Send + 'static,
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        let entry = Entry::of_empty(move |argument: A| Answered(function(argument)))?;
        let call = with_call(entry, retries, &argument, |call| self.engine.raw.submit(call))?;
        // Until here the objects that the argument names were its own.
        drop(argument);
        Ok(Future::of_process(call, std::any::type_name::<F>()))
    }

    /// Has workers call `function` with each of `items`. The answers come in the order of the items, while later ones
    /// are still being worked on: see [`Map`].
    ///
    /// # Errors
    /// When the function cannot run in another process. Nothing is submitted before the first answer is asked for.
    pub fn map<'a, F, I, R>(&'a self, function: F, items: I) -> Result<Map<'a, I::IntoIter, R>, SubmitError>
    where
        F: Fn(I::Item) -> R + Copy + Send + 'static,
        I: IntoIterator,
        I::Item: Serialize + DeserializeOwned + 'a,
        R: Serialize + DeserializeOwned + 'a,
    {
        const { entry::assert_captures_nothing::<F>() };
        // It captures the function alone, so it is as empty as that.
        let each = move |items: Vec<I::Item>| {
            let answers = items.into_iter().map(|item| entry::caught(|| function(item)));
            Answered(answers.collect::<Chunk<R>>())
        };
        let Processes { raw, retries, .. } = &self.engine;
        let sender = ToProcesses::new(raw, Entry::of_empty(each)?, std::any::type_name::<F>(), *retries);
        Ok(Map::new(Box::new(sender), items.into_iter()))
    }
}
