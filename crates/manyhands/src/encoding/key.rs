//! Keys: what a struct's fields, a map's entries and variants are called.
//!
//! A name is a text that may be read as whatever its text says: a number, a `bool`, a variant. A map's key is any
//! value; a number may also be read as a text, since that is what it would be in JSON.

use super::error::Error;
use super::reader::Reader;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error as _, Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use std::fmt;

/// A name, as a key.
pub(super) struct Name<'de>(pub(super) &'de str);

/// Methods that ask for something that the text may say.
macro_rules! said {
    ($($method:ident $visit:ident $type:ty;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.0.parse::<$type>() {
                Ok(value) => visitor.$visit(value),
                Err(_) => Err(Error::invalid_type(Unexpected::Str(self.0), &visitor)),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Name<'de> {
    type Error = Error;

    said! {
        deserialize_bool visit_bool bool;
        deserialize_i8 visit_i8 i8;
        deserialize_i16 visit_i16 i16;
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
        deserialize_i128 visit_i128 i128;
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
        deserialize_u128 visit_u128 u128;
        deserialize_f32 visit_f32 f32;
        deserialize_f64 visit_f64 f64;
    }

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str(self.0)
    }

    transparent! { option newtype_struct }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_bytes(self.0.as_bytes())
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(self)
    }

    fn is_human_readable(&self) -> bool {
        true
    }

    forward_to_deserialize_any! {
        char str string unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> EnumAccess<'de> for Name<'de> {
    type Error = Error;
    type Variant = NoContent;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, NoContent), Error> {
        Ok((seed.deserialize(self)?, NoContent))
    }
}

/// The content of a variant that is a name only.
pub(super) struct NoContent;

impl NoContent {
    fn lacks<T>(wanted: &'static str) -> Result<T, Error> {
        Err(Error::invalid_type(Unexpected::UnitVariant, &wanted))
    }
}

impl<'de> VariantAccess<'de> for NoContent {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, _: S) -> Result<S::Value, Error> {
        NoContent::lacks("newtype variant")
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Error> {
        NoContent::lacks("tuple variant")
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Error> {
        NoContent::lacks("struct variant")
    }
}

/// The key of a map's entry.
pub(super) struct Key<'r, 'de>(pub(super) &'r mut Reader<'de>);

/// A number or a `bool`, as a text.
struct Said(String);

impl<'de> Deserialize<'de> for Said {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Said, D::Error> {
        struct Speaker;
        impl Visitor<'_> for Speaker {
            type Value = Said;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text, a number or a bool")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Said, E> {
                Ok(Said(value.to_string()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Said, E> {
                Ok(Said(value.to_string()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Said, E> {
                Ok(Said(value.to_string()))
            }

            fn visit_u128<E>(self, value: u128) -> Result<Said, E> {
                Ok(Said(value.to_string()))
            }

            fn visit_i128<E>(self, value: i128) -> Result<Said, E> {
                Ok(Said(value.to_string()))
            }

            fn visit_f32<E>(self, value: f32) -> Result<Said, E> {
                Ok(Said(format!("{value:?}")))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Said, E> {
                Ok(Said(format!("{value:?}")))
            }
        }
        deserializer.deserialize_any(Speaker)
    }
}

impl<'de> Key<'_, 'de> {
    fn text<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0.text_if_next()? {
            Some(text) => visitor.visit_borrowed_str(text),
            None => visitor.visit_string(Said::deserialize(self.0)?.0),
        }
    }
}

/// Methods which a text answers as a [`Name`], and anything else as a value does.
macro_rules! by_name_or_value {
    ($($method:ident ($($argument:ident: $type:ty),*);)*) => {$(
        fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, Error> {
            match self.0.text_if_next()? {
                Some(text) => Name(text).$method($($argument,)* visitor),
                None => self.0.$method($($argument,)* visitor),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Key<'_, 'de> {
    type Error = Error;

    by_name_or_value! {
        deserialize_any();
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_i128();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_u128();
        deserialize_f32();
        deserialize_f64();
        deserialize_char();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_seq();
        deserialize_tuple(length: usize);
        deserialize_tuple_struct(name: &'static str, length: usize);
        deserialize_map();
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_ignored_any();
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.text(visitor)
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.text(visitor)
    }

    #[inline]
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.text(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.none_if_next()? { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    transparent! { newtype_struct }

    fn is_human_readable(&self) -> bool {
        true
    }
}
