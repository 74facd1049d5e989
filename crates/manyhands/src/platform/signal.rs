//! Signals of the calling thread and process: what is blocked, what is ignored.
//!
//! Works on sets of 64 bits, one per signal, as the kernel does; async-signal-safe and without allocation, so it may be
//! used between a clone and an exec. It installs no handler of its own.

/// A set of signals: bit `n - 1` stands for signal `n`.
pub type Mask = u64;

/// How many signals there are.
pub const SIGNALS: i32 = 64;

/// Blocks every signal in the calling thread; says what was blocked before.
pub fn block_all() -> Mask {
    swap_blocked(!0)
}

/// Makes `blocked` the set of blocked signals of the calling thread.
pub fn set_blocked(blocked: Mask) {
    swap_blocked(blocked);
}

/// The set of blocked signals of the calling thread.
pub fn blocked() -> Mask {
    let mut old: Mask = 0;
    // SAFETY: without a new set the call only writes eight bytes to the place given.
    unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            std::ptr::null::<Mask>(),
            &raw mut old,
            size_of::<Mask>(),
        )
    };
    old
}

fn swap_blocked(new: Mask) -> Mask {
    let mut old: Mask = 0;
    // SAFETY: both places are eight bytes, as the size given says.
    unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw const new,
            &raw mut old,
            size_of::<Mask>(),
        )
    };
    old
}

/// The signals that the calling process ignores.
pub fn ignored() -> Mask {
    (1..=SIGNALS)
        .filter(|signal| handler(*signal) == Some(libc::SIG_IGN))
        .fold(0, |set, signal| set | bit(signal))
}

/// The signals that the calling process has a handler for.
pub fn handled() -> Mask {
    (1..=SIGNALS)
        .filter(|signal| {
            handler(*signal).is_some_and(|handler| handler != libc::SIG_IGN && handler != libc::SIG_DFL)
        })
        .fold(0, |set, signal| set | bit(signal))
}

/// Ignores the signals of `set` and no others: those that are ignored now get their default action.
pub fn set_ignored(set: Mask) {
    let changed = ignored() ^ set;
    for signal in (1..=SIGNALS).filter(|signal| changed & bit(*signal) != 0) {
        dispose(signal, if set & bit(signal) == 0 { libc::SIG_DFL } else { libc::SIG_IGN });
    }
}

/// Gives every signal that has a handler its default action, as exec does.
pub fn reset_handlers() {
    let handled = handled();
    for signal in 1..=SIGNALS {
        if handled & bit(signal) != 0 {
            dispose(signal, libc::SIG_DFL);
        }
    }
}

/// The set of this signal alone.
pub const fn bit(signal: i32) -> Mask {
    1 << (signal - 1)
}

fn action(signal: i32) -> Option<libc::sigaction> {
    // SAFETY: all zeros is a valid value of this plain record.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: without a new action the call only writes the old one.
    let code = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) };
    (code == 0).then_some(action)
}

fn handler(signal: i32) -> Option<libc::sighandler_t> {
    action(signal).map(|action| action.sa_sigaction)
}

fn dispose(signal: i32, handler: libc::sighandler_t) {
    // SAFETY: all zeros is a valid value of this plain record.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler;
    // SAFETY: SIG_IGN or SIG_DFL, so no code of ours is ever called.
    unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
}
