//! Hints to the processor's caches: which memory this core is about to write or to read.
//!
//! A hint changes nothing that a program can see except its speed. A line that another core holds comes while there is
//! other work to do, and comes ready to be written. A plain load would fetch a copy, and the write would ask again.

/// Runs the instruction for this kind of processor with the address; on others, and in the model, there is none.
macro_rules! prefetch {
    ($place:expr, x86_64: $x86_64:literal, aarch64: $aarch64:literal) => {
        #[cfg(all(target_arch = "x86_64", not(manyhands_model)))]
        // SAFETY: a prefetch reads and writes nothing and never faults; processors that lack this one ignore it.
        unsafe {
            std::arch::asm!($x86_64, in(reg) $place, options(nostack, preserves_flags, readonly));
        }
        #[cfg(all(target_arch = "aarch64", not(manyhands_model)))]
        // SAFETY: as above.
        unsafe {
            std::arch::asm!($aarch64, in(reg) $place, options(nostack, preserves_flags, readonly));
        }
        let _ = $place;
    };
}

/// This core is about to write to `place`: get its cache line, and as the only holder.
#[inline(always)]
pub fn will_write<T>(place: &T) {
    prefetch!(place, x86_64: "prefetchw [{}]", aarch64: "prfm pstl1keep, [{}]");
}

/// This core is about to read `place`: get its cache line.
#[inline(always)]
pub fn will_read<T>(place: &T) {
    prefetch!(place, x86_64: "prefetcht0 [{}]", aarch64: "prfm pldl1keep, [{}]");
}
