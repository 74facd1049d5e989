//! Structs on their way into bytes.
//!
//! A struct is written as its shape and its values, as long as its fields are those of the shape, one after the other.
//! A field that is left out, or is not of the shape, is marked where it would stand. A kind of struct that has no shape
//! yet is written with its names.

use super::containers::{Header, STRUCT};
use super::error::Error;
use super::known::{Kind, Layout, Lesson, place_of};
use super::numbers;
use super::tag::{self, NO_ROW};
use super::writer::Writer;
use serde::ser::{self, Serialize};

/// A struct, or the fields of a variant, whose first byte is written.
///
/// It is moved about while it is made, and stays in registers as long as nothing refers to it. So it is plain, and the
/// writer has functions for what is seldom done with it.
pub(super) struct Record<'w, 'a> {
    writer: &'w mut Writer<'a>,
    /// `None`: each field is written with its name.
    layout: Option<Layout>,
    name: &'static str,
    /// Which name of the shape comes next, or how many fields were written.
    next: usize,
    header: Header,
}

impl<'w, 'a> Record<'w, 'a> {
    /// Begins a struct of a name, or the fields of a variant, that says how many it has.
    #[inline(always)]
    pub(super) fn begin(writer: &'w mut Writer<'a>, name: &'static str, fields: usize) -> Record<'w, 'a> {
        let header = Header { start: writer.out.len(), said: fields };
        let layout = writer.known.and_then(|known| known.layout(name, fields));
        match layout {
            Some(layout) => writer.shape(layout.first, layout.shape),
            None => writer.begin_named((place_of(name), fields)),
        }
        Record { writer, layout, name, next: 0, header }
    }

    #[inline(always)]
    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        let float = numbers::float(value);
        if let Some(layout) = self.layout
            && let Some(next) = layout.shape.names().get(self.next)
            && std::ptr::eq(*next, name)
        {
            if let Some((kind, bytes)) = float
                && layout.first == tag::of_floats(kind)
            {
                self.next += 1;
                self.writer.out.extend_from_slice(bytes);
                return Ok(());
            }
            if layout.first == tag::SHAPED {
                self.next += 1;
                return self.writer.value(value);
            }
        }
        let float = float.map_or(NO_ROW, |(kind, _)| kind);
        let progress = Progress { layout: self.layout, next: self.next };
        let progress = self.writer.other_field(self.kind(), self.header.start, progress, name, float);
        (self.layout, self.next) = (progress.layout, progress.next);
        self.writer.value(value)
    }

    #[inline(always)]
    fn finish(self) -> Result<(), Error> {
        let first = self.writer.out[self.header.start];
        match self.layout {
            Some(layout) if self.next == layout.shape.names().len() && first == layout.first => {}
            layout => {
                self.writer.finish_otherwise(self.kind(), self.header, Progress { layout, next: self.next })
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn kind(&self) -> Kind {
        (place_of(self.name), self.header.said)
    }
}

/// How a struct is written, and which name of the shape comes next.
struct Progress {
    layout: Option<Layout>,
    next: usize,
}

impl Writer<'_> {
    #[cold]
    fn begin_named(&mut self, kind: Kind) {
        let lesson = self.known.and_then(|known| known.first_lesson(kind, self.out.len()));
        lesson.into_iter().for_each(|lesson| self.begin_lesson(lesson));
        self.header(STRUCT, kind.1);
    }

    /// Writes what comes before the value of a field that may not be the next one of the shape. Where that leads.
    #[cold]
    fn other_field(
        &mut self,
        kind: Kind,
        start: usize,
        progress: Progress,
        name: &'static str,
        float: u8,
    ) -> Progress {
        let Progress { layout: Some(layout), next } = progress else {
            if let Some(lesson) = self.lesson_of(start) {
                lesson.add(name, float);
            }
            self.name(name);
            return Progress { layout: None, next: progress.next + 1 };
        };
        let layout = self.without_floats(kind, start, layout, next);
        let next = match layout.shape.names()[next..].iter().position(|known| *known == name) {
            Some(absent) => {
                if absent > 0 {
                    self.out.extend(std::iter::repeat_n(tag::ABSENT, absent));
                    self.out[start] = tag::PARTLY_SHAPED;
                }
                next + absent + 1
            }
            None => {
                self.teach(kind, start, layout, next, name);
                self.out.push(tag::EXTRA);
                self.name(name);
                self.out[start] = tag::PARTLY_SHAPED;
                next
            }
        };
        Progress { layout: Some(layout), next }
    }

    /// Lets each of the fields that are written say for itself what it is, if none did since they were all floats.
    fn without_floats(&mut self, kind: Kind, start: usize, layout: Layout, fields: usize) -> Layout {
        let (float, size) = match layout.first {
            tag::SHAPED_F32 => (tag::F32, 4),
            tag::SHAPED_F64 => (tag::F64, 8),
            _ => return layout,
        };
        self.known.into_iter().for_each(|known| known.forget_floats(kind));
        let bytes = self.out.split_off(self.out.len() - fields * size);
        for number in bytes.chunks_exact(size) {
            self.out.push(float);
            self.out.extend_from_slice(number);
        }
        self.out[start] = tag::SHAPED;
        Layout { first: tag::SHAPED, ..layout }
    }

    /// Takes down a field that the shape has not, as the one before its field number `next`.
    fn teach(&mut self, kind: Kind, start: usize, layout: Layout, next: usize, name: &'static str) {
        if self.lesson_of(start).is_none() {
            let lesson = self.known.and_then(|known| known.another_lesson(kind, layout.shape, start));
            lesson.into_iter().for_each(|lesson| self.begin_lesson(lesson));
        }
        if let Some(lesson) = self.lesson_of(start) {
            let taught = lesson.names.len() - layout.shape.names().len();
            lesson.names.insert(next + taught, name);
        }
    }

    #[cold]
    fn finish_otherwise(&mut self, kind: Kind, header: Header, progress: Progress) {
        match progress.layout {
            Some(layout) => {
                self.without_floats(kind, header.start, layout, progress.next);
                self.out[header.start] = tag::PARTLY_SHAPED;
                self.out.push(tag::END);
            }
            None => self.correct(STRUCT, header, progress.next),
        }
        if self.lesson_of(header.start).is_some()
            && let Some(mut lesson) = self.lesson.take()
        {
            self.lesson = lesson.outer.take();
            self.known.into_iter().for_each(|known| known.learn(&lesson));
        }
    }

    fn begin_lesson(&mut self, lesson: Lesson) {
        let outer = self.lesson.take();
        self.lesson.insert(Box::new(lesson)).outer = outer;
    }

    /// The lesson of the struct that begins there, if it is one.
    fn lesson_of(&mut self, start: usize) -> Option<&mut Lesson> {
        self.lesson.as_deref_mut().filter(|lesson| lesson.start == start)
    }
}

/// Serde's names for a struct.
macro_rules! structs {
    ($($name:ident)*) => {$(
        impl ser::$name for Record<'_, '_> {
            type Ok = ();
            type Error = Error;

            #[inline(always)]
            fn serialize_field<T>(&mut self, name: &'static str, value: &T) -> Result<(), Error>
            where
                T: Serialize + ?Sized,
            {
                self.field(name, value)
            }

            #[inline(always)]
            fn end(self) -> Result<(), Error> {
                self.finish()
            }
        }
    )*};
}

structs! { SerializeStruct SerializeStructVariant }
