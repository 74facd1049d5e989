//! Names of fields and variants, and the shapes of structs, which all processes of the arena call by number.
//!
//! A message that says what its fields are called would be mostly names. So the first process that sends a name writes
//! it down here; a shape is the names of a struct's fields in their order. What is too long, or comes when the table is
//! full, has no number.

use super::header::{NAME_TABLE, NAME_WORDS, NAMES, SHAPE_TABLE, SHAPE_WORDS, SHAPES};
use super::once::{self, Entry, Known};
use super::region::Arena;
use super::shared::Offset;
use crate::platform::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Fills a shape's content behind its last name.
const NO_NAME: u16 = u16::MAX;
/// How often the names of a shape may stand in the program, each found at once.
const TWINS: usize = 16;

/// What this process has looked up, by number.
static KNOWN_NAMES: [Known<Box<str>>; NAMES] = [const { Known::nothing() }; NAMES];
static KNOWN_SHAPES: [Known<Shape>; SHAPES] = [const { Known::nothing() }; SHAPES];

/// The names of a struct's fields in the order in which they are written.
#[derive(Debug)]
pub struct Shape {
    number: u16,
    names: Box<[&'static str]>,
    /// Where a list stands that was found to be the same.
    same: AtomicUsize,
    is_read_by_name: AtomicBool,
    /// The same names, which stand elsewhere in the program.
    twin: Known<Shape>,
}

impl Shape {
    fn new(number: u16, names: Box<[&'static str]>) -> Shape {
        let (same, is_read_by_name) = (AtomicUsize::new(0), AtomicBool::new(false));
        Shape { number, names, same, is_read_by_name, twin: Known::nothing() }
    }

    /// Its number.
    #[inline]
    pub fn number(&self) -> u16 {
        self.number
    }

    /// The names.
    #[inline]
    pub fn names(&'static self) -> &'static [&'static str] {
        &self.names
    }

    /// One whose names are these very ones, which a writer knows by their places.
    fn spelt(&'static self, names: &[&'static str]) -> &'static Shape {
        let mut shape = self;
        for _ in 0..TWINS {
            if shape.names.iter().zip(names).all(|(known, name)| std::ptr::eq(*known, *name)) {
                break;
            }
            let twin = || shape.twin.set(Shape::new(self.number, names.into()));
            shape = shape.twin.get().unwrap_or_else(twin);
        }
        shape
    }

    /// Whether these are the names, in this order.
    #[inline]
    pub fn is(&self, names: &'static [&'static str]) -> bool {
        if names.len() != self.names.len() {
            return false;
        }
        self.same.load(Ordering::Relaxed) == names.as_ptr() as usize || self.compare(names)
    }

    #[cold]
    fn compare(&self, names: &'static [&'static str]) -> bool {
        let is_same = *self.names == *names;
        if is_same {
            self.same.store(names.as_ptr() as usize, Ordering::Relaxed);
        }
        is_same
    }

    /// Whether this process reads such structs by their fields' names, as was found to be necessary.
    #[inline]
    pub fn is_read_by_name(&self) -> bool {
        self.is_read_by_name.load(Ordering::Relaxed)
    }

    /// From now on this process reads such structs by their fields' names.
    pub fn read_by_name(&self) {
        self.is_read_by_name.store(true, Ordering::Relaxed);
    }
}

impl Arena {
    /// The number of a name, which gets one now if it has none. `None`: it has to be written out.
    pub fn number_of_name(&self, name: &str) -> Option<u16> {
        if name.len() > NAME_WORDS * 8 || name.contains('\0') {
            return None;
        }
        let mut content = [0_u64; NAME_WORDS];
        bytemuck::cast_slice_mut(&mut content)[..name.len()].copy_from_slice(name.as_bytes());
        once::number_of(self.name_table(), &content)
    }

    /// The name that has a number.
    #[inline]
    pub fn name(&self, number: u16) -> Option<&'static str> {
        match KNOWN_NAMES.get(usize::from(number))?.get() {
            Some(name) => Some(name),
            None => self.look_up_name(number),
        }
    }

    #[cold]
    fn look_up_name(&self, number: u16) -> Option<&'static str> {
        let content = once::content_of(self.name_table(), number)?;
        let bytes: &[u8] = bytemuck::cast_slice(&content);
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        let name = std::str::from_utf8(&bytes[..end]).ok()?;
        Some(KNOWN_NAMES[usize::from(number)].set(name.into()))
    }

    /// The shape of these names, which gets a number now if it has none. `None`: its names have to be written one by
    /// one.
    pub fn shape_of(&self, names: &[&'static str]) -> Option<&'static Shape> {
        let mut content = [u64::MAX; SHAPE_WORDS];
        let numbers: &mut [u16] = bytemuck::cast_slice_mut(&mut content);
        if names.is_empty() || names.len() > numbers.len() {
            return None;
        }
        for (number, name) in numbers.iter_mut().zip(names) {
            *number = self.number_of_name(name)?;
        }
        let number = once::number_of(self.shape_table(), &content)?;
        let known = &KNOWN_SHAPES[usize::from(number)];
        let shape = known.get().unwrap_or_else(|| known.set(Shape::new(number, names.into())));
        Some(shape.spelt(names))
    }

    /// The shape that has a number.
    #[inline]
    pub fn shape(&self, number: u16) -> Option<&'static Shape> {
        match KNOWN_SHAPES.get(usize::from(number))?.get() {
            Some(shape) => Some(shape),
            None => self.look_up_shape(number),
        }
    }

    #[cold]
    fn look_up_shape(&self, number: u16) -> Option<&'static Shape> {
        let content = once::content_of(self.shape_table(), number)?;
        let numbers: &[u16] = bytemuck::cast_slice(&content);
        let names = numbers.iter().take_while(|name| **name != NO_NAME).map(|name| self.name(*name));
        let names = names.collect::<Option<Box<[_]>>>()?;
        Some(KNOWN_SHAPES[usize::from(number)].set(Shape::new(number, names)))
    }

    fn name_table(&self) -> &'static [Entry<NAME_WORDS>] {
        self.slice(Offset::new(NAME_TABLE), NAMES)
    }

    fn shape_table(&self) -> &'static [Entry<SHAPE_WORDS>] {
        self.slice(Offset::new(SHAPE_TABLE), SHAPES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number() {
        let arena = Arena::get().unwrap();
        let first = arena.number_of_name("a name of this test").unwrap();
        let second = arena.number_of_name("another name of this test").unwrap();
        assert_ne!(first, second);
        assert_eq!(arena.number_of_name("a name of this test"), Some(first));
        assert_eq!(arena.name(first), Some("a name of this test"));
        assert_eq!(arena.name(second), Some("another name of this test"));
    }

    #[test]
    fn what_does_not_fit_has_no_number() {
        let arena = Arena::get().unwrap();
        assert_eq!(arena.number_of_name(&"n".repeat(57)), None);
        assert_eq!(arena.number_of_name("in the\0midst"), None);
        assert!(arena.number_of_name(&"n".repeat(56)).is_some());
        assert_eq!(arena.name(NAMES as u16 - 1), None);
        assert_eq!(arena.name(u16::MAX), None);
        assert!(arena.shape_of(&[]).is_none());
        assert!(arena.shape_of(&["n"; 125]).is_none());
        assert!(arena.shape_of(&["n"; 124]).is_some());
        assert_eq!(arena.shape(u16::MAX).map(Shape::names), None);
    }

    #[test]
    fn a_shape_is_its_names_in_their_order() {
        let arena = Arena::get().unwrap();
        let number_of = |names: &[&'static str]| arena.shape_of(names).unwrap().number();
        let number = number_of(&["one", "two"]);
        assert_ne!(number_of(&["two", "one"]), number);
        assert_ne!(number_of(&["one"]), number);
        assert_eq!(number_of(&["one", "two"]), number);
        let shape = arena.shape(number).unwrap();
        assert!(shape.is(&["one", "two"]) && !shape.is(&["two", "one"]) && !shape.is(&["one"]));
    }
}
