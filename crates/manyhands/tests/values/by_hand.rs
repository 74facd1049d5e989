//! Types whose implementations were written by hand, some of them carelessly, all of them right in JSON.

use crate::as_in_json;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, SerializeStruct, Serializer};
use std::fmt;

/// Has a struct write its fields in this order.
macro_rules! written_as {
    ($name:ident: $one:ident, $other:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut fields = serializer.serialize_struct(stringify!($name), 2)?;
                fields.serialize_field(stringify!($one), &self.$one)?;
                fields.serialize_field(stringify!($other), &self.$other)?;
                fields.end()
            }
        }
    };
}

/// Reads its fields by their names only, in any order.
#[derive(Debug, PartialEq)]
struct ByName {
    first: u8,
    second: String,
}

written_as!(ByName: first, second);

impl<'de> Deserialize<'de> for ByName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ByName, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = ByName;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("fields with names")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ByName, A::Error> {
                let (mut first, mut second) = (None, None);
                while let Some(name) = map.next_key::<String>()? {
                    match name.as_str() {
                        "first" => first = Some(map.next_value()?),
                        "second" => second = Some(map.next_value()?),
                        _ => return Err(A::Error::unknown_field(&name, &["first", "second"])),
                    }
                }
                let first = first.ok_or_else(|| A::Error::missing_field("first"))?;
                Ok(ByName { first, second: second.ok_or_else(|| A::Error::missing_field("second"))? })
            }
        }
        deserializer.deserialize_struct("ByName", &["first", "second"], Fields)
    }
}

/// Writes its fields in another order than its type lists them.
#[derive(Debug, PartialEq, serde::Deserialize)]
struct Turned {
    one: u8,
    two: u8,
}

written_as!(Turned: two, one);

/// Says that it has other numbers of elements than it has.
#[derive(Debug, PartialEq, serde::Deserialize)]
struct Miscounted(Vec<u8>, std::collections::BTreeMap<String, u8>);

impl Serialize for Miscounted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Row<'a>(&'a Miscounted);
        impl Serialize for Row<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut row = serializer.serialize_seq(Some(2))?;
                self.0.0.iter().try_for_each(|element| row.serialize_element(element))?;
                row.end()
            }
        }
        struct Map<'a>(&'a Miscounted);
        impl Serialize for Map<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(None)?;
                self.0.1.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
                map.end()
            }
        }
        let mut both = serializer.serialize_seq(Some(100))?;
        both.serialize_element(&Row(self))?;
        both.serialize_element(&Map(self))?;
        both.end()
    }
}

/// A text or a number, whichever comes.
#[derive(Debug, PartialEq)]
enum Loose {
    Text(String),
    Number(i64),
    Nothing,
}

impl Serialize for Loose {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Loose::Text(text) => serializer.collect_str(text),
            Loose::Number(number) => serializer.serialize_i64(*number),
            Loose::Nothing => serializer.serialize_none(),
        }
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Loose, D::Error> {
        struct Look;
        impl Visitor<'_> for Look {
            type Value = Loose;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text, a number or nothing")
            }

            fn visit_str<E>(self, text: &str) -> Result<Loose, E> {
                Ok(Loose::Text(text.to_owned()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Loose, E> {
                Ok(Loose::Number(number))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Loose, E> {
                i64::try_from(number).map(Loose::Number).map_err(E::custom)
            }

            fn visit_unit<E>(self) -> Result<Loose, E> {
                Ok(Loose::Nothing)
            }
        }
        deserializer.deserialize_any(Look)
    }
}

#[test]
fn fields_that_are_read_by_name_only() {
    let value = ByName { first: 1, second: "two".to_owned() };
    as_in_json(&value);
    as_in_json(&vec![Some(value), None]);
}

#[test]
fn fields_in_another_order() {
    as_in_json(&Turned { one: 1, two: 2 });
    as_in_json(&vec![Turned { one: 1, two: 2 }, Turned { one: 3, two: 4 }]);
}

#[test]
fn containers_that_do_not_hold_what_they_say() {
    for length in [0, 1, 2, 3, 20, 300] {
        let map = (0..length).map(|number| (number.to_string(), 1)).collect();
        as_in_json(&vec![Miscounted(vec![9; length], map)]);
    }
}

#[test]
fn values_that_are_read_by_their_look() {
    let long = "long".repeat(100);
    as_in_json(&vec![
        Loose::Text(String::new()),
        Loose::Text("x".to_owned()),
        Loose::Text(long),
        Loose::Number(-1),
        Loose::Number(i64::MAX),
        Loose::Nothing,
    ]);
}

/// A struct of the same name and number of fields as others, with fields of its own.
macro_rules! namesakes {
    ($($module:ident $first:ident $second:ident;)*) => {$(
        mod $module {
            #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
            pub struct Namesake {
                pub $first: u8,
                pub $second: u8,
            }
        }
    )*};
}

namesakes! {
    one a b;
    two b c;
    three d a;
}

#[test]
fn structs_of_one_name_are_not_taken_for_each_other() {
    let value = (one::Namesake { a: 1, b: 2 }, two::Namesake { b: 3, c: 4 }, three::Namesake { d: 5, a: 6 });
    as_in_json(&vec![value.clone(), value]);
}
