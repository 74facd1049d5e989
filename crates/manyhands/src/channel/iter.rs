//! The values of a queue, one after the other.
//!
//! Each item is what a `get` returns, error or value. A value that cannot be read is an item, so it is not mistaken for
//! the end. The end only means that nothing more will come. An error that is not about one message, and would come
//! again at once, is the last item.

use super::error::GetError;
use std::iter::FusedIterator;

/// Whatever values are taken from: a queue, or its receiving half.
pub trait Source: sealed::Sealed {
    /// What is taken.
    type Value;
    #[doc(hidden)]
    fn take(&self, waits: bool) -> Result<Self::Value, GetError>;
}

pub(super) mod sealed {
    pub trait Sealed {}
}

/// What a `get` of this queue gives, again and again, until nothing more will come.
#[derive(Debug)]
#[must_use = "values are taken only when they are asked for"]
pub struct Iter<'a, S> {
    source: &'a S,
    is_over: bool,
}

/// As [`Iter`], with the queue in it.
#[derive(Debug)]
#[must_use = "values are taken only when they are asked for"]
pub struct IntoIter<S> {
    source: S,
    is_over: bool,
}

/// What is in this queue now: it ends where a `get` would wait.
#[derive(Debug)]
#[must_use = "values are taken only when they are asked for"]
pub struct TryIter<'a, S> {
    source: &'a S,
    is_over: bool,
}

impl<'a, S: Source> Iter<'a, S> {
    pub(super) fn of(source: &'a S) -> Self {
        Iter { source, is_over: false }
    }
}

impl<S: Source> IntoIter<S> {
    pub(super) fn of(source: S) -> Self {
        IntoIter { source, is_over: false }
    }
}

impl<'a, S: Source> TryIter<'a, S> {
    pub(super) fn of(source: &'a S) -> Self {
        TryIter { source, is_over: false }
    }
}

fn next<S: Source>(source: &S, is_over: &mut bool, waits: bool) -> Option<Result<S::Value, GetError>> {
    if *is_over {
        return None;
    }
    let taken = source.take(waits);
    if let Err(error) = &taken {
        *is_over = !error.is_of_one_message();
        if error.is_end() {
            return None;
        }
    }
    Some(taken)
}

impl<S: Source> Iterator for Iter<'_, S> {
    type Item = Result<S::Value, GetError>;

    fn next(&mut self) -> Option<Self::Item> {
        next(self.source, &mut self.is_over, true)
    }
}

impl<S: Source> Iterator for IntoIter<S> {
    type Item = Result<S::Value, GetError>;

    fn next(&mut self) -> Option<Self::Item> {
        next(&self.source, &mut self.is_over, true)
    }
}

impl<S: Source> Iterator for TryIter<'_, S> {
    type Item = Result<S::Value, GetError>;

    fn next(&mut self) -> Option<Self::Item> {
        next(self.source, &mut self.is_over, false)
    }
}

impl<S: Source> FusedIterator for Iter<'_, S> {}
impl<S: Source> FusedIterator for IntoIter<S> {}
impl<S: Source> FusedIterator for TryIter<'_, S> {}

/// The three ways to iterate, for a type that is a [`Source`] under these bounds.
macro_rules! iterates {
    ($type:ty, $value:ident: $bound:path $(, $more:path)*) => {
        impl<$value: $bound $(+ $more)*> $crate::channel::iter::sealed::Sealed for $type {}

        impl<$value: $bound $(+ $more)*> $crate::channel::iter::Source for $type {
            type Value = $value;

            fn take(&self, waits: bool) -> Result<$value, GetError> {
                if waits { self.get() } else { self.try_get() }
            }
        }

        impl<$value: $bound $(+ $more)*> $type {
            /// What `get` gives, again and again, until nothing more will come. A value that cannot be read is an `Err`
            /// among the others.
            pub fn iter(&self) -> $crate::channel::iter::Iter<'_, Self> {
                $crate::channel::iter::Iter::of(self)
            }

            /// What is there now, without waiting for more.
            pub fn try_iter(&self) -> $crate::channel::iter::TryIter<'_, Self> {
                $crate::channel::iter::TryIter::of(self)
            }
        }

        impl<'a, $value: $bound $(+ $more)*> IntoIterator for &'a $type {
            type Item = Result<$value, GetError>;
            type IntoIter = $crate::channel::iter::Iter<'a, $type>;

            fn into_iter(self) -> Self::IntoIter {
                self.iter()
            }
        }

        impl<$value: $bound $(+ $more)*> IntoIterator for $type {
            type Item = Result<$value, GetError>;
            type IntoIter = $crate::channel::iter::IntoIter<$type>;

            fn into_iter(self) -> Self::IntoIter {
                $crate::channel::iter::IntoIter::of(self)
            }
        }
    };
}

pub(super) use iterates;
