//! Why a value cannot be written or read: what the type's own code said, or what is wrong with the bytes.
//!
//! A type's own errors come here as text, since serde passes them so. A caller that passes an error on adds the name of
//! the type, which this does not know.

use std::fmt;

/// Why a value cannot be written, or bytes cannot be read as one.
///
/// One pointer, so that a result of it costs nothing on success.
#[derive(Debug)]
pub struct Error(Box<Cause>);

#[derive(Debug)]
enum Cause {
    Said(String),
    Ended,
    LeftOver(usize),
    Malformed(&'static str),
}

impl Error {
    /// The bytes end in the midst of a value.
    #[cold]
    pub(super) fn ended() -> Error {
        Error(Box::new(Cause::Ended))
    }

    /// This many elements stand there beyond those that the type takes.
    #[cold]
    pub(super) fn not_all_taken(left: usize) -> Error {
        serde::de::Error::custom(format_args!("{left} more elements stand there than the type takes"))
    }

    /// This many bytes stand behind the value.
    #[cold]
    pub(super) fn left_over(bytes: usize) -> Error {
        Error(Box::new(Cause::LeftOver(bytes)))
    }

    /// The bytes are none that the writer writes.
    #[cold]
    pub(super) fn malformed(what: &'static str) -> Error {
        Error(Box::new(Cause::Malformed(what)))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Cause::Said(text) => formatter.write_str(text),
            Cause::Ended => formatter.write_str("the bytes end in the midst of a value"),
            Cause::LeftOver(bytes) => write!(formatter, "{bytes} bytes are left over behind the value"),
            Cause::Malformed(what) => write!(formatter, "the bytes are no value: {what}"),
        }
    }
}

impl std::error::Error for Error {}

impl serde::ser::Error for Error {
    #[cold]
    fn custom<T: fmt::Display>(said: T) -> Error {
        Error(Box::new(Cause::Said(said.to_string())))
    }
}

impl serde::de::Error for Error {
    #[cold]
    fn custom<T: fmt::Display>(said: T) -> Error {
        Error(Box::new(Cause::Said(said.to_string())))
    }
}
