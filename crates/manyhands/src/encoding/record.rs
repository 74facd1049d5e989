//! Structs on their way into bytes.
//!
//! A struct is written as its shape and its values, as long as its fields are those of the shape, one after the other. A field
//! that is left out, or is not of the shape, is marked where it would stand. A kind of struct that has no shape yet is written
//! with its names.

use super::error::Error;
use super::known::{Layout, Lesson};
use super::tag;
use super::writer::{Header, STRUCT, Writer};
use serde::ser::{self, Serialize};

/// A struct, or the fields of a variant, whose first byte is written.
///
/// It is moved about while it is made, so it is kept small.
pub(super) struct Record<'w, 'a> {
    writer: &'w mut Writer<'a>,
    /// `None`: each field is written with its name.
    layout: Option<Layout>,
    name: &'static str,
    /// Which name of the layout comes next, or how many fields were written.
    next: usize,
    header: Header,
    is_partly: bool,
    lesson: Option<Box<Lesson>>,
}

impl<'w, 'a> Record<'w, 'a> {
    /// Begins a struct of a name, or the fields of a variant, that says how many it has.
    #[inline(always)]
    pub(super) fn begin(writer: &'w mut Writer<'a>, name: &'static str, fields: usize) -> Record<'w, 'a> {
        let start = writer.out.len();
        if let Some(layout) = writer.known.and_then(|known| known.layout(name, fields)) {
            writer.shape(layout.number);
            let (layout, header) = (Some(layout), Header { start, said: fields });
            return Record { writer, layout, name, next: 0, header, is_partly: false, lesson: None };
        }
        Record::begin_named(writer, name, fields)
    }

    #[cold]
    fn begin_named(writer: &'w mut Writer<'a>, name: &'static str, fields: usize) -> Record<'w, 'a> {
        let lesson = writer.known.and_then(|known| known.first_lesson(name, fields)).map(Box::new);
        let header = writer.header(STRUCT, fields);
        Record { writer, layout: None, name, next: 0, header, is_partly: false, lesson }
    }

    #[inline(always)]
    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        let next = self.layout.as_ref().and_then(|layout| layout.names.get(self.next));
        let is_next = next.is_some_and(|next| std::ptr::eq(*next, name));
        self.next += if is_next { 1 } else { self.find(name) };
        self.writer.value(value)
    }

    #[inline(always)]
    fn finish(mut self) -> Result<(), Error> {
        match self.layout {
            Some(layout) if !self.is_partly && self.next == layout.names.len() => {}
            _ => self.finish_otherwise(),
        }
        Ok(())
    }

    /// Writes what comes before the value of a field that may not be the next one of the shape. How far on in the names that
    /// is.
    #[cold]
    fn find(&mut self, name: &'static str) -> usize {
        let Some(layout) = self.layout else {
            if let Some(lesson) = &mut self.lesson {
                lesson.names.push(name);
            }
            self.writer.name(name);
            return 1;
        };
        match layout.names[self.next..].iter().position(|known| *known == name) {
            Some(0) => 1,
            Some(absent) => {
                self.writer.out.extend(std::iter::repeat_n(tag::ABSENT, absent));
                self.mark_partly();
                absent + 1
            }
            None => {
                let place = self.next;
                let lesson = match self.lesson.take() {
                    Some(lesson) => Some(lesson),
                    None => self
                        .writer
                        .known
                        .and_then(|known| known.another_lesson(self.name, self.header.said, layout))
                        .map(Box::new),
                };
                self.lesson = lesson.map(|mut lesson| {
                    let taught = lesson.names.len() - layout.names.len();
                    lesson.names.insert(place + taught, name);
                    lesson
                });
                self.writer.out.push(tag::EXTRA);
                self.writer.name(name);
                self.mark_partly();
                0
            }
        }
    }

    fn mark_partly(&mut self) {
        self.is_partly = true;
        self.writer.out[self.header.start] = tag::PARTLY_SHAPED;
    }

    #[cold]
    fn finish_otherwise(&mut self) {
        if self.layout.is_some() {
            self.mark_partly();
            self.writer.out.push(tag::END);
        } else {
            self.writer.correct(STRUCT, self.header, self.next);
        }
        if let (Some(known), Some(lesson)) = (self.writer.known, self.lesson.take()) {
            known.learn(*lesson);
        }
    }
}

impl ser::SerializeStruct for Record<'_, '_> {
    type Ok = ();
    type Error = Error;

    #[inline(always)]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        self.field(name, value)
    }

    #[inline(always)]
    fn end(self) -> Result<(), Error> {
        self.finish()
    }
}

impl ser::SerializeStructVariant for Record<'_, '_> {
    type Ok = ();
    type Error = Error;

    #[inline(always)]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        self.field(name, value)
    }

    #[inline(always)]
    fn end(self) -> Result<(), Error> {
        self.finish()
    }
}
