//! Words that every fork's child finds zeroed: process-local caches which need no fork handler.
//!
//! One anonymous page is marked MADV_WIPEONFORK, so the kernel itself clears it in a child, whether that came of
//! `fork` or of a raw clone. A word there may hold what is true of this process only, such as its slot in the
//! arena; zero means "not known yet".

use super::atomic::{AtomicPtr, AtomicU32, Ordering};
use super::memory::reserve_private;
use std::io;

/// How many words the page has.
pub const WORDS: usize = 1024;

static PAGE: AtomicPtr<[AtomicU32; WORDS]> = AtomicPtr::new(std::ptr::null_mut());

/// Word `index` of the page; `None` before [`prepare`] has succeeded once.
#[inline]
pub fn word(index: usize) -> Option<&'static AtomicU32> {
    let page = PAGE.load(Ordering::Acquire);
    // SAFETY: a pointer that is not null was put there by `prepare`: zeroed page-aligned memory of that size, atomics
    // for ever, never unmapped.
    unsafe { page.as_ref() }.map(|page| &page[index])
}

/// Makes the page, once.
///
/// # Errors
/// ENOMEM, or EINVAL on kernels before 4.14, which have no MADV_WIPEONFORK.
pub fn prepare() -> io::Result<()> {
    if !PAGE.load(Ordering::Acquire).is_null() {
        return Ok(());
    }
    let page = reserve_private(size_of::<[AtomicU32; WORDS]>())?;
    // SAFETY: the range is the fresh private map just made, which nobody else knows.
    let marked = unsafe {
        rustix::mm::madvise(
            page.as_ptr().cast(),
            size_of::<[AtomicU32; WORDS]>(),
            rustix::mm::Advice::LinuxWipeOnFork,
        )
    };
    if let Err(error) = marked {
        // SAFETY: as above.
        unsafe { super::memory::unmap(page, size_of::<[AtomicU32; WORDS]>()) };
        return Err(error.into());
    }
    // The loser of a race leaves its page unused: 4 KiB, once.
    let _ = PAGE.compare_exchange(
        std::ptr::null_mut(),
        page.as_ptr().cast(),
        Ordering::AcqRel,
        Ordering::Acquire,
    );
    Ok(())
}
