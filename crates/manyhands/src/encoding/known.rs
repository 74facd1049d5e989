//! The numbers of names and shapes, as a thread remembers them.
//!
//! A field's name is a constant of the program, so it is known by its place in memory: most writers find it at the
//! first look. The arena's tables are asked once per thread and name. The names of a struct's fields are learnt from
//! the first one that is written. One with other fields is written as what it lacks and what it has more; a few times,
//! the larger set of names becomes the shape for the rest.

use super::tag::{self, NO_ROW};
use crate::arena::{Arena, Shape};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

const FRONT: usize = 64;
/// After this many names that are no constants, the memory of all is cleared.
const MOST: usize = 4096;
/// Stands for a name that has no number.
const NO_NUMBER: u16 = u16::MAX;
/// How often the shape for a kind of struct is replaced by a larger one.
const LESSONS: u8 = 8;
/// By how many names a shape may be larger than a struct that is written as one.
const SPARE: usize = 3;

/// Where a constant stands, and how long it is.
type Address = (usize, usize);
/// A kind of struct: where its name stands, and how many fields it says that it has.
pub(super) type Kind = (Address, usize);

/// What one thread knows.
pub(super) struct Known {
    names: [Cell<(Address, u16)>; FRONT],
    layouts: [Cell<(Kind, Option<Layout>)>; FRONT],
    all_names: RefCell<BTreeMap<Address, u16>>,
    all_layouts: RefCell<BTreeMap<Kind, Learnt>>,
    /// Room for the bytes of a value.
    pub(super) room: Cell<Vec<u8>>,
}

/// How structs of a kind are written.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    pub(super) shape: &'static Shape,
    /// Their first byte: [`tag::SHAPED`], or what says that all their fields are floats, as those of the first one
    /// were.
    pub(super) first: u8,
}

/// What was learnt of a kind of struct.
#[derive(Clone, Copy)]
struct Learnt {
    /// `None`: they are written with their names.
    layout: Option<Layout>,
    lessons: u8,
}

thread_local! {
    static KNOWN: Known = const {
        Known {
            names: [const { Cell::new(((0, 0), NO_NUMBER)) }; FRONT],
            layouts: [const { Cell::new((((0, 0), 0), None)) }; FRONT],
            all_names: RefCell::new(BTreeMap::new()),
            all_layouts: RefCell::new(BTreeMap::new()),
            room: Cell::new(Vec::new()),
        }
    };
}

/// Runs `write` with what the calling thread knows; with nothing, where the thread is just ending.
#[inline]
pub(super) fn with_known<R>(write: impl FnOnce(Option<&Known>) -> R) -> R {
    let mut write = Some(write);
    let mut once = |known: Option<&Known>| write.take().expect("it is run once")(known);
    match KNOWN.try_with(|known| once(Some(known))) {
        Ok(written) => written,
        Err(_) => once(None),
    }
}

/// The names of structs of a kind, as they are written.
pub(super) struct Lesson {
    kind: Kind,
    lessons: u8,
    pub(super) names: Vec<&'static str>,
    /// The kind of all fields so far, if they are floats.
    floats: Option<u8>,
    /// Where the struct begins.
    pub(super) start: usize,
    /// That of a struct around it.
    pub(super) outer: Option<Box<Lesson>>,
}

impl Known {
    /// The number of a name, if it has one.
    #[inline]
    pub(super) fn number(&self, name: &'static str) -> Option<u16> {
        let place = place_of(name);
        let (known, number) = self.names[front_of(place)].get();
        let number = if known == place { number } else { self.look_up(name, place) };
        (number != NO_NUMBER).then_some(number)
    }

    #[cold]
    fn look_up(&self, name: &'static str, place: Address) -> u16 {
        let remembered = self.all_names.borrow().get(&place).copied();
        let number = remembered.unwrap_or_else(|| {
            let arena = Arena::get().ok();
            let number = arena.and_then(|arena| arena.number_of_name(name)).unwrap_or(NO_NUMBER);
            remember(&self.all_names, place, number);
            number
        });
        self.names[front_of(place)].set((place, number));
        number
    }

    /// How a struct of this name, or a variant, is written that says it has so many fields; `None`: with their names.
    #[inline(always)]
    pub(super) fn layout(&self, name: &'static str, fields: usize) -> Option<Layout> {
        let kind = (place_of(name), fields);
        match self.layouts[front_of(kind.0)].get() {
            (known, Some(layout)) if known == kind => Some(layout),
            _ => self.look_up_layout(kind),
        }
    }

    #[cold]
    fn look_up_layout(&self, kind: Kind) -> Option<Layout> {
        let learnt = self.all_layouts.borrow().get(&kind).copied()?;
        let layout = learnt.layout.filter(|layout| layout.shape.names().len() <= kind.1 + SPARE)?;
        self.layouts[front_of(kind.0)].set((kind, Some(layout)));
        Some(layout)
    }

    /// From now on each field of structs of this kind says for itself what it is.
    #[cold]
    pub(super) fn forget_floats(&self, kind: Kind) {
        self.layouts[front_of(kind.0)].set((kind, None));
        if let Some(Learnt { layout: Some(layout), .. }) = self.all_layouts.borrow_mut().get_mut(&kind) {
            layout.first = tag::SHAPED;
        }
    }

    /// The lesson of a struct that is the first of its kind.
    pub(super) fn first_lesson(&self, kind: Kind, start: usize) -> Option<Lesson> {
        let is_first = !self.all_layouts.borrow().contains_key(&kind);
        let names = || Vec::with_capacity(kind.1.min(128));
        is_first.then(|| Lesson { kind, lessons: 0, names: names(), floats: None, start, outer: None })
    }

    /// The lesson of a struct that had fields which its shape has not.
    pub(super) fn another_lesson(&self, kind: Kind, shape: &'static Shape, start: usize) -> Option<Lesson> {
        let lessons = self.all_layouts.borrow().get(&kind)?.lessons + 1;
        let (names, floats) = (|| shape.names().to_vec(), Some(NO_ROW));
        (lessons <= LESSONS).then(|| Lesson { kind, lessons, names: names(), floats, start, outer: None })
    }

    /// From now on structs of the lesson's kind are written as it was.
    #[cold]
    pub(super) fn learn(&self, lesson: &Lesson) {
        let Lesson { kind, lessons, ref names, floats, .. } = *lesson;
        let shape = Arena::get().ok().and_then(|arena| arena.shape_of(names));
        let first = match floats {
            Some(tag::F32) if names.len() > 1 => tag::SHAPED_F32,
            Some(tag::F64) if names.len() > 1 => tag::SHAPED_F64,
            _ => tag::SHAPED,
        };
        let layout = shape.map(|shape| Layout { shape, first });
        remember(&self.all_layouts, kind, Learnt { layout, lessons });
        self.layouts[front_of(kind.0)].set((kind, None));
    }
}

impl Lesson {
    /// A field that comes after all others, and whether it is a float.
    pub(super) fn add(&mut self, name: &'static str, float: u8) {
        self.names.push(name);
        if *self.floats.get_or_insert(float) != float {
            self.floats = Some(NO_ROW);
        }
    }
}

fn remember<K: Ord, V>(all: &RefCell<BTreeMap<K, V>>, key: K, value: V) {
    let mut all = all.borrow_mut();
    if all.len() >= MOST {
        all.clear();
    }
    all.insert(key, value);
}

#[inline]
pub(super) fn place_of(name: &'static str) -> Address {
    (name.as_ptr() as usize, name.len())
}

#[inline]
fn front_of((address, _): Address) -> usize {
    // The upper bits of the product depend on all bits of the address.
    (address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) as usize >> (usize::BITS - FRONT.ilog2())
}
