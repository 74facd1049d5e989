//! The program's image in memory: where it is mapped, which build it is, what else is loaded.
//!
//! An address of code in the main program is sent to another process of the same build as the distance from where the
//! program is mapped. A build is identified by the linker's note in the image, which stripping leaves in place; without
//! one, by the file itself. Uses the dynamic linker's own list; reads no symbol.

use std::ffi::{CStr, c_int, c_void};
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;

/// The main program as it is mapped here.
#[derive(Debug)]
pub struct MainProgram {
    base: usize,
    segments: Vec<(usize, usize)>,
    /// A number that two different builds do not share.
    pub build: u64,
}

impl MainProgram {
    /// The one of this process.
    pub fn get() -> &'static MainProgram {
        static MAIN: OnceLock<MainProgram> = OnceLock::new();
        MAIN.get_or_init(|| {
            let mut main = None;
            // The main program comes first.
            each_image(|image| {
                main = Some(MainProgram {
                    base: image.base(),
                    segments: image.segments().collect(),
                    build: image.build_note().unwrap_or_else(identity_of_file),
                });
                false
            });
            main.expect("the dynamic linker lists at least the main program")
        })
    }

    /// How far `address` lies from where the program is mapped; `None` when it is not the program's.
    pub fn offset_of(&self, address: usize) -> Option<u64> {
        self.contains(address).then(|| address.wrapping_sub(self.base) as u64)
    }

    /// The address at `offset`; `None` when that is not the program's.
    pub fn address_at(&self, offset: u64) -> Option<usize> {
        let address = self.base.wrapping_add(usize::try_from(offset).ok()?);
        self.contains(address).then_some(address)
    }

    fn contains(&self, address: usize) -> bool {
        self.segments.iter().any(|(start, end)| (*start..*end).contains(&address))
    }
}

/// The file of the library (or program) that `address` lies in; empty when it is unknown.
pub fn file_of(address: usize) -> String {
    let mut found = String::new();
    each_image(|image| {
        let here = image.segments().any(|(start, end)| (start..end).contains(&address));
        if here {
            found = image.name();
        }
        !here
    });
    found
}

/// The files of all loaded libraries, in the order of loading; the main program and the kernel's own are left out.
pub fn libraries() -> Vec<String> {
    let mut names = Vec::new();
    each_image(|image| {
        let name = image.name();
        if !name.is_empty() && !name.starts_with("linux-vdso") {
            names.push(name);
        }
        true
    });
    names
}

/// How many libraries were ever loaded: as long as it is the same, [`libraries`] has nothing new.
pub fn libraries_loaded() -> u64 {
    let mut loaded = 0;
    each_image(|image| {
        loaded = image.0.dlpi_adds;
        false
    });
    loaded
}

/// An entry of the list of functions that run before `main`.
pub type Initialiser = extern "C" fn(c_int, *const *const libc::c_char, *const *const libc::c_char);

/// The main program's initialisers that run after `own`.
pub fn initialisers_after(own: Initialiser) -> Vec<Initialiser> {
    let mut all: &[Option<Initialiser>] = &[];
    each_image(|image| {
        // SAFETY: the main program is mapped for ever, and the dynamic linker has relocated the list by now.
        all = unsafe { image.initialisers() };
        false
    });
    let position = all.iter().position(|entry| entry.is_some_and(|entry| entry as usize == own as usize));
    position.map_or(Vec::new(), |position| all[position + 1..].iter().copied().flatten().collect())
}

struct Image<'a>(&'a libc::dl_phdr_info);

/// Calls `look` with each image until it answers `false`.
fn each_image(mut look: impl FnMut(Image<'_>) -> bool) {
    unsafe extern "C" fn visit<F: FnMut(Image<'_>) -> bool>(
        info: *mut libc::dl_phdr_info,
        _: libc::size_t,
        look: *mut c_void,
    ) -> c_int {
        // SAFETY: the dynamic linker hands us a valid record for the time of the call.
        let info = unsafe { &*info };
        // SAFETY: the pointer below is to a live `F` that nobody else uses meanwhile.
        let look = unsafe { &mut *look.cast::<F>() };
        c_int::from(!look(Image(info)))
    }
    fn call<F: FnMut(Image<'_>) -> bool>(look: &mut F) {
        // SAFETY: `visit::<F>` gets back the pointer to the `F` that stands here until the call is over; it does not
        // unwind, since what we do with images does not panic.
        unsafe { libc::dl_iterate_phdr(Some(visit::<F>), (&raw mut *look).cast()) };
    }
    call(&mut look);
}

const NOTE_BUILD_ID: u32 = 3;
const DYNAMIC_INIT_ARRAY: u64 = 25;
const DYNAMIC_INIT_ARRAY_SIZE: u64 = 27;

impl Image<'_> {
    fn base(&self) -> usize {
        self.0.dlpi_addr as usize
    }

    fn name(&self) -> String {
        if self.0.dlpi_name.is_null() {
            return String::new();
        }
        // SAFETY: a string of the dynamic linker's, which lives as long as the image.
        unsafe { CStr::from_ptr(self.0.dlpi_name) }.to_string_lossy().into_owned()
    }

    fn headers(&self) -> &[libc::Elf64_Phdr] {
        if self.0.dlpi_phdr.is_null() {
            return &[];
        }
        // SAFETY: pointer and count as the dynamic linker gives them, valid for the life of this record.
        unsafe { std::slice::from_raw_parts(self.0.dlpi_phdr, usize::from(self.0.dlpi_phnum)) }
    }

    fn parts(&self, kind: u32) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.headers().iter().filter(move |header| header.p_type == kind).map(|header| {
            let start = self.base().wrapping_add(header.p_vaddr as usize);
            (start, start + header.p_memsz as usize)
        })
    }

    fn segments(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.parts(libc::PT_LOAD)
    }

    /// The linker's build note, hashed to 64 bits.
    fn build_note(&self) -> Option<u64> {
        self.parts(libc::PT_NOTE).find_map(|(start, end)| {
            // SAFETY: a note segment lies inside a loaded one and is only read.
            let mut notes = unsafe { std::slice::from_raw_parts(start as *const u8, end - start) };
            loop {
                // Each note: length of the name, length of the contents, kind, then both padded to four bytes.
                let word = |at: usize| Some(u32::from_ne_bytes(notes.get(at..at + 4)?.try_into().ok()?));
                let (name_length, length, kind) = (word(0)? as usize, word(4)? as usize, word(8)?);
                let contents = 12 + name_length.next_multiple_of(4);
                if kind == NOTE_BUILD_ID && notes.get(12..16)? == b"GNU\0" {
                    return Some(hash(notes.get(contents..contents + length)?));
                }
                notes = notes.get(contents + length.next_multiple_of(4)..)?;
            }
        })
    }

    /// # Safety
    /// The image stays mapped for as long as the list is used, and is relocated.
    unsafe fn initialisers<'a>(&self) -> &'a [Option<Initialiser>] {
        let (mut start, mut bytes) = (0, 0);
        for (from, to) in self.parts(libc::PT_DYNAMIC) {
            // SAFETY: the dynamic section is an array of pairs of words in a loaded segment.
            let entries = unsafe { std::slice::from_raw_parts(from as *const [u64; 2], (to - from) / 16) };
            for [tag, value] in entries.iter().take_while(|[tag, _]| *tag != 0) {
                match *tag {
                    DYNAMIC_INIT_ARRAY => start = self.base().wrapping_add(*value as usize),
                    DYNAMIC_INIT_ARRAY_SIZE => bytes = *value as usize,
                    _ => {}
                }
            }
        }
        if start == 0 {
            return &[];
        }
        // SAFETY: place and size as the linker wrote them; an entry is a function or null.
        unsafe { std::slice::from_raw_parts(start as *const Option<Initialiser>, bytes / size_of::<usize>()) }
    }
}

fn identity_of_file() -> u64 {
    let Ok(file) = std::fs::metadata("/proc/self/exe") else { return 0 };
    let numbers = [file.dev(), file.ino(), file.size(), file.mtime() as u64, file.mtime_nsec() as u64];
    hash(&numbers.map(u64::to_ne_bytes).concat())
}

/// FNV-1a.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_code_has_an_offset_and_a_librarys_has_none() {
        let main = MainProgram::get();
        let own = hash as *const () as usize;
        assert_eq!(main.address_at(main.offset_of(own).unwrap()), Some(own));
        let foreign = libc::getpid as *const () as usize;
        assert_eq!(main.offset_of(foreign), None);
        assert!(file_of(foreign).contains("libc"), "{}", file_of(foreign));
        assert_eq!(main.address_at(u64::MAX / 2), None);
    }

    #[test]
    fn the_c_library_is_listed() {
        assert!(libraries().iter().any(|library| library.contains("libc.so")), "{:?}", libraries());
        assert!(libraries_loaded() > 0);
    }
}
