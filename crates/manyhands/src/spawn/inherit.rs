//! What a child inherits from its parent when another process makes it.
//!
//! A child that is cloned from a zygote must find what a fork of its parent would have found at that moment.
//! Descriptors 0 to 2, working directory, umask, environment, blocked and ignored signals travel with each request.
//! Some things cannot be changed from inside: user, groups, session, namespaces, limits, scheduling, and the variables
//! that a program reads only when it begins. They make up the parent's [`standing`]: a parent whose standing differs
//! from its zygote's needs a new zygote.

use super::error::StartError;
use crate::platform::lasting::above_standard;
use crate::platform::{descriptor, signal, standing};
use serde::{Deserialize, Serialize};
use std::ffi::{OsStr, OsString};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// What a child has to take over.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Inheritance {
    umask: u32,
    blocked: u64,
    ignored: u64,
    /// Which of the descriptors 0 to 2 the parent has; those travel, in this order.
    standard: [bool; 3],
    /// Whether the working directory's descriptor travels, after them.
    directory: bool,
    /// `NAME=value`, each ended by a zero byte; `None` on the way to a supervisor that was sent the same the last time.
    environment: Option<Vec<u8>>,
}

/// The descriptors that go with an [`Inheritance`].
#[derive(Debug)]
pub struct Descriptors {
    standard: Vec<BorrowedFd<'static>>,
    directory: Option<OwnedFd>,
}

impl Descriptors {
    /// All of them, in the order in which they travel.
    pub fn all(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.standard.iter().copied().chain(self.directory.as_ref().map(AsFd::as_fd))
    }
}

impl Inheritance {
    /// What a child of the calling thread would inherit now, and the parent's standing.
    ///
    /// # Errors
    /// When /proc cannot be read.
    pub fn capture() -> io::Result<(Inheritance, Descriptors, Standing)> {
        let present = standing::Standing::present()?;
        let directory = standing::working_directory();
        let standard = descriptor::standard();
        let environment = environment();
        let standing = Standing::of(present.fixed, &environment);
        let inheritance = Inheritance {
            umask: present.umask,
            blocked: signal::blocked(),
            ignored: present.ignored,
            standard: standard.map(|descriptor| descriptor.is_some()),
            directory: directory.is_some(),
            environment: Some(environment),
        };
        let standard = standard.into_iter().flatten().collect();
        Ok((inheritance, Descriptors { standard, directory }, standing))
    }

    /// This, captured now, with what can be kept of what was captured `earlier`: all but descriptors and the directory.
    pub(super) fn dated_back_to(self, earlier: &Inheritance) -> Inheritance {
        let Inheritance { standard, directory, .. } = self;
        Inheritance { standard, directory, ..earlier.clone() }
    }

    /// What a child of the calling thread would inherit now, for pools whose workers are to find the same later on.
    ///
    /// # Errors
    /// As [`Inheritance::capture`], on behalf of what is called `name`.
    pub fn now(name: &str) -> Result<Inheritance, StartError> {
        let captured = Inheritance::capture().map_err(StartError::system(name, "reading /proc"))?;
        Ok(captured.0)
    }

    /// How many descriptors travel with this.
    pub fn descriptors(&self) -> usize {
        self.standard.iter().filter(|open| **open).count() + usize::from(self.directory)
    }

    /// Which of the descriptors that came along is the standard error, if there is one.
    pub(super) fn standard_error<'a>(&self, descriptors: &'a [OwnedFd]) -> Option<&'a OwnedFd> {
        let before = self.standard[..2].iter().filter(|open| **open).count();
        descriptors.get(before).filter(|_| self.standard[2])
    }

    /// The form in which it travels to a supervisor that was last sent the environment `sent`, which is brought up to
    /// date.
    pub(super) fn for_supervisor(&self, sent: &mut Option<Vec<u8>>) -> Inheritance {
        let environment = (self.environment != *sent).then(|| self.environment.clone()).flatten();
        if environment.is_some() {
            sent.clone_from(&environment);
        }
        Inheritance { environment, ..*self }
    }

    /// In a supervisor: notes in `sent` which environment the requester has, and puts it in where it was left out.
    pub(super) fn complete(&mut self, sent: &mut Vec<u8>) {
        match &self.environment {
            Some(environment) => sent.clone_from(environment),
            None => self.environment = Some(sent.clone()),
        }
    }

    /// Whether the parent's environment is `present`, the caller's own as [`environment`] gave it.
    pub(super) fn has_environment(&self, present: &[u8]) -> bool {
        self.environment.as_deref() == Some(present)
    }

    /// Takes it over, in the child, with the descriptors that came along; the environment unless it is in place
    /// already. Signals that were blocked for the start are unblocked as the parent had them, last of all.
    ///
    /// # Errors
    /// What the kernel says to putting a descriptor in its place.
    pub(super) fn take_over(
        &self,
        descriptors: impl Iterator<Item = OwnedFd>,
        environment_in_place: bool,
    ) -> io::Result<()> {
        // None of them may stand where another belongs.
        let raised = descriptors.map(above_standard);
        let mut arrived = raised.collect::<io::Result<Vec<OwnedFd>>>()?.into_iter();
        let mut next = || arrived.next().ok_or(io::Error::from(io::ErrorKind::UnexpectedEof));
        for (number, open) in self.standard.iter().enumerate() {
            let inherited = if *open { Some(next()?) } else { None };
            descriptor::set_standard(number as i32, inherited)?;
        }
        if self.directory {
            let directory = next()?;
            // A directory that the parent may not search is where a fork would stay; here the child stays where it is.
            let _ = standing::set_working_directory(&directory);
        }
        standing::set_umask(self.umask);
        if !environment_in_place && let Some(environment) = &self.environment {
            // SAFETY: the child has one thread.
            unsafe { replace_environment(environment) };
        }
        signal::set_ignored(self.ignored);
        signal::set_blocked(self.blocked);
        Ok(())
    }
}

/// The signals that the calling process ignores, for an interpreter whose own table is older.
pub fn ignored_signals() -> Vec<i32> {
    let ignored = signal::ignored();
    (1..=signal::SIGNALS).filter(|number| ignored & signal::bit(*number) != 0).collect()
}

/// A value that changes whenever something changes that a child cannot take over from a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing(u64);

impl Standing {
    fn of(fixed: u64, environment: &[u8]) -> Standing {
        let mut hasher = DefaultHasher::new();
        fixed.hash(&mut hasher);
        for entry in environment.split(|byte| *byte == 0) {
            if READ_AT_THE_START.iter().any(|prefix| entry.starts_with(prefix)) {
                entry.hash(&mut hasher);
            }
        }
        Standing(hasher.finish())
    }
}

/// How the names of variables begin that the loader, the C library or an interpreter reads once, when a program begins.
const READ_AT_THE_START: [&[u8]; 7] =
    [b"LD_", b"LC_", b"LANG", b"TZ", b"MALLOC_", b"GLIBC_TUNABLES=", b"PYTHON"];

/// The calling process's environment, as it travels.
pub(super) fn environment() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(4096);
    for (name, value) in std::env::vars_os() {
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(b'=');
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(0);
    }
    bytes
}

fn split(entry: &[u8]) -> Option<(&OsStr, &OsStr)> {
    // A name may begin with `=`, as in the standard library.
    let equals = entry.iter().skip(1).position(|byte| *byte == b'=')? + 1;
    Some((OsStr::from_bytes(&entry[..equals]), OsStr::from_bytes(&entry[equals + 1..])))
}

/// # Safety
/// The calling process has one thread.
unsafe fn replace_environment(wanted: &[u8]) {
    let present: Vec<OsString> = std::env::vars_os().map(|(name, _)| name).collect();
    for name in present {
        // SAFETY: the caller's promise.
        unsafe { std::env::remove_var(name) };
    }
    for (name, value) in wanted.split(|byte| *byte == 0).filter_map(split) {
        let value = OsString::from_vec(value.as_bytes().to_vec());
        // SAFETY: the caller's promise.
        unsafe { std::env::set_var(name, value) };
    }
}
