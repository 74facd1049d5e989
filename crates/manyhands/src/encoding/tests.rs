//! The bytes: how few they are, and that none of them make the reader panic.

use super::{read, write, write_spelt_out};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    number: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    table: Option<u8>,
    dishes: Vec<Dish>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Dish {
    Soup,
    Fish { weight: f64 },
    Other(String, BTreeMap<u8, i64>),
    Cake { height: f64, width: f64 },
}

fn bytes_of<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(value, &mut bytes).unwrap();
    bytes
}

fn order(table: Option<u8>) -> Order {
    let dishes = vec![
        Dish::Soup,
        Dish::Fish { weight: 0.5 },
        Dish::Other("eel".to_owned(), BTreeMap::from([(1, -1), (2, i64::MAX)])),
        Dish::Cake { height: 0.5, width: -2.0 },
    ];
    Order { number: 4711, table, dishes }
}

#[test]
fn small_values_are_few_bytes() {
    assert_eq!(bytes_of(&()).len(), 1);
    assert_eq!(bytes_of(&7_u64).len(), 1);
    assert_eq!(bytes_of(&-3_i64).len(), 1);
    assert_eq!(bytes_of(&1000_u64).len(), 3);
    assert_eq!(bytes_of("text").len(), 5);
    assert_eq!(bytes_of(&Some(3_u8)).len(), 1);
    assert_eq!(bytes_of(&vec![1.5_f64; 4]).len(), 35);
    assert_eq!(bytes_of(&vec![1_u64; 40]).len(), 49);
    assert_eq!(bytes_of(&vec![1_u64; 200]).len(), 3 + 1600);
    #[derive(Serialize)]
    struct Point {
        across: f64,
        up: f64,
    }
    let point = Point { across: 0.5, up: 1.5 };
    bytes_of(&point);
    assert!(bytes_of(&point).len() <= 4 + 16, "the shape and two floats");
    assert_eq!(bytes_of(&[0.5_f64; 12]).len(), 3 + 96);
    assert_eq!(bytes_of(&(0.5_f32, 1.5_f32)).len(), 3 + 8);
    assert_eq!(bytes_of(&vec![[1_u8; 16]; 2]).len(), 1 + 2 * (3 + 16));
    assert_eq!(bytes_of(&vec![vec![1_u8; 50]; 2]).len(), 1 + 2 * (3 + 50));
}

#[test]
fn a_struct_is_one_of_floats_as_long_as_all_its_fields_are() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Pair<A, B> {
        one: A,
        two: B,
    }
    fn check<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) -> usize {
        let bytes = bytes_of(value);
        assert_eq!(read::<T>(&bytes).as_ref().unwrap(), value);
        for end in 0..bytes.len() {
            assert!(read::<T>(&bytes[..end]).is_err());
        }
        bytes.len()
    }
    let floats = Pair { one: 0.5_f64, two: 1.5_f64 };
    check(&floats);
    let of_floats = check(&floats);
    assert!(of_floats <= 4 + 16);
    // The same name and the same fields: the second is found to be no float, or the first, or one of another kind.
    check(&Pair { one: 0.5_f64, two: "text".to_owned() });
    assert_eq!(check(&floats), of_floats + 2, "each says that it is a float, from then on");
    check(&Pair { one: 1_u8, two: 0.5_f64 });
    check(&Pair { one: 0.5_f32, two: 0.5_f64 });
    check(&Pair { one: floats, two: Pair { one: (), two: Some(0.5_f64) } });
}

#[test]
fn a_struct_is_written_as_its_shape_from_the_second_on() {
    for table in [None, Some(1), None, Some(2)] {
        assert_eq!(read::<Order>(&bytes_of(&order(table))).unwrap(), order(table));
    }
    let mut spelt_out = Vec::new();
    write_spelt_out(&order(None), &mut spelt_out).unwrap();
    assert!(bytes_of(&order(None)).len() < spelt_out.len());
    assert_eq!(read::<Order>(&spelt_out).unwrap(), order(None));
}

#[test]
fn bytes_left_over_and_bytes_that_lack_are_errors() {
    fn check<T: Serialize + DeserializeOwned>(value: &T) {
        let bytes = bytes_of(value);
        for end in 0..bytes.len() {
            assert!(read::<T>(&bytes[..end]).is_err());
        }
        let more = [&bytes[..], &[0]].concat();
        let error = read::<T>(&more).map(drop).unwrap_err().to_string();
        assert_eq!(error, "1 bytes are left over behind the value");
    }
    check(&order(None));
    check(&order(Some(1)));
    check(&(vec![1.5_f32; 3], "x".repeat(300), vec![1_u16; 300], (1_u128 << 100, -1_i8)));
}

#[test]
fn values_written_within_a_value_do_not_disturb_it() {
    struct Nested;
    impl Serialize for Nested {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            super::with_room(|room| {
                room.write(&order(None)).unwrap();
                assert_eq!(read::<Order>(room).unwrap(), order(None));
            });
            serializer.serialize_u8(1)
        }
    }
    super::with_room(|room| {
        room.write(&(Nested, "x", Nested)).unwrap();
        assert_eq!(read::<(u8, String, u8)>(room).unwrap(), (1, "x".to_owned(), 1));
    });
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = read::<Order>(&bytes);
        let _ = read::<serde_json::Value>(&bytes);
        let _ = read::<Vec<Option<u64>>>(&bytes);
        let _ = read::<(Vec<f64>, Dish, char, String)>(&bytes);
        let _ = read::<BTreeMap<String, Dish>>(&bytes);
        let _ = read::<BTreeMap<u32, serde::de::IgnoredAny>>(&bytes);
    }

    #[test]
    fn bytes_with_a_fault_make_no_reader_panic(place in 0..200_usize, byte in any::<u8>(), table in any::<Option<u8>>()) {
        let mut bytes = bytes_of(&order(table));
        let place = place % bytes.len();
        bytes[place] = byte;
        let _ = read::<Order>(&bytes);
        let _ = read::<serde_json::Value>(&bytes);
    }
}
