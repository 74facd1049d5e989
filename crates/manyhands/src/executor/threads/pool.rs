//! What a pool of threads can do: closures, maps, and calls that borrow.
//!
//! These are the signatures, which say what may be captured, borrowed and answered. The engine does the work, with
//! `loan` where a call borrows.

use super::engine::{Nest, Threads};
use super::loan::{Scope, lending};
use super::map::ToThreads;
use crate::executor::errors::SubmitError;
use crate::executor::future::Future;
use crate::executor::map::Map;
use crate::executor::pool::Pool;

impl Pool<Threads> {
    /// Has a thread call `function`.
    ///
    /// # Errors
    /// When the pool takes no more calls; the closure is dropped then.
    #[inline]
    pub fn submit<F, R>(&self, function: F) -> Result<Future<R>, SubmitError>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.engine.submit(function, std::any::type_name::<F>())
    }

    /// Has threads call `function` with each of `items`. The answers come in the order of the items, while later ones
    /// are still being worked on: see [`Map`].
    ///
    /// # Errors
    /// None for a pool of threads. Nothing is submitted before the first answer is asked for.
    pub fn map<F, I, R>(&self, function: F, items: I) -> Result<Map<'_, I::IntoIter, R>, SubmitError>
    where
        F: Fn(I::Item) -> R + Send + Sync + 'static,
        I: IntoIterator,
        I::Item: Send + 'static,
        R: Send + 'static,
    {
        Ok(Map::new(Box::new(ToThreads::new(&self.engine, function)), items.into_iter()))
    }

    /// Runs `body`, in which calls can be submitted that borrow what lives longer than the scope. Returns when all of
    /// them are done, even if `body` panics. While it waits in a thread of this very pool, that thread runs those calls
    /// of the scope that no thread has begun with. It runs nothing else, so no lock is taken a second time by chance.
    ///
    /// A panic in a call reaches the code that takes its answer, as always. If none takes it, the panic hook has
    /// reported the panic.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let pool = manyhands::Pool::threads(2)?;
    /// let mut words = vec!["so", "many", "words"];
    /// let (left, right) = words.split_at_mut(1);
    /// let longest = pool.scope(|scope| {
    ///     let left = scope.submit(|| left.iter().map(|word| word.len()).max())?;
    ///     let right = scope.submit(|| {
    ///         right.sort();
    ///         right.iter().map(|word| word.len()).max()
    ///     })?;
    ///     Ok::<_, Box<dyn std::error::Error>>(left.get()?.max(right.get()?))
    /// })?;
    /// assert_eq!((longest, words.as_slice()), (Some(5), ["so", "many", "words"].as_slice()));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// What does not live as long is refused:
    ///
    /// ```compile_fail
    /// let pool = manyhands::Pool::threads(2).unwrap();
    /// pool.scope(|scope| {
    ///     let word = "inside".to_owned();
    ///     scope.submit(|| word.len()).unwrap();
    /// });
    /// ```
    pub fn scope<'env, T>(&self, body: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env, Nest>) -> T) -> T {
        lending(Nest::of(&self.engine), Nest::run_own, body)
    }
}
