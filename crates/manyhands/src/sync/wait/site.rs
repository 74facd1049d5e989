//! Where in a program something happened: a place in Rust source, or one that another language's binding names.
//!
//! A site fits a word, so that a lock can keep it at the cost of a store. What stands behind a binding's number only
//! the binding knows; it registers a function that names it, which is asked when a report is written, never before.

use std::fmt;
use std::panic::Location;
use std::sync::OnceLock;

type Namer = fn(usize) -> Option<String>;

static NAMER: OnceLock<Namer> = OnceLock::new();

/// A place in the user's program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Site {
    /// Nobody wrote it down.
    #[default]
    Unknown,
    /// A place in Rust source.
    Rust(&'static Location<'static>),
    /// A place that a binding knows by this number.
    Bound(usize),
}

impl Site {
    /// The caller's place.
    #[track_caller]
    #[inline]
    pub const fn here() -> Site {
        Site::Rust(Location::caller())
    }

    /// The site in a word: 0, an even address, or an odd number.
    #[inline]
    pub(in crate::sync) fn to_raw(self) -> usize {
        match self {
            Site::Unknown => 0,
            Site::Rust(location) => std::ptr::from_ref(location) as usize,
            Site::Bound(number) => number << 1 | 1,
        }
    }

    /// The site that [`Site::to_raw`] made a word of.
    pub(in crate::sync) fn from_raw(raw: usize) -> Site {
        match raw {
            0 => Site::Unknown,
            odd if odd & 1 == 1 => Site::Bound(odd >> 1),
            // SAFETY: only `to_raw` makes such words, of references that are valid for ever.
            address => Site::Rust(unsafe { &*(address as *const Location<'static>) }),
        }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Site::Unknown => formatter.write_str("an unknown place"),
            Site::Rust(location) => location.fmt(formatter),
            Site::Bound(number) => match NAMER.get().and_then(|namer| namer(*number)) {
                Some(name) => formatter.write_str(&name),
                None => formatter.write_str("an unknown place"),
            },
        }
    }
}

/// For bindings, once: `namer` gives the words, file and line or a name, that stand for a number of [`Site::Bound`].
/// Later calls change nothing. It is called while a report is written, by the thread that found the deadlock, which
/// waits then: it may not wait itself.
pub fn sites_are_named_by(namer: fn(usize) -> Option<String>) {
    let _ = NAMER.set(namer);
}
