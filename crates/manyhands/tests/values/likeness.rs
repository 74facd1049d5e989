//! What is written as one type and read as another, as `into` and `from` or `with` make it happen: it is the same as in
//! JSON.

use manyhands::Queue;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::IpAddr;

/// A value that is put as one type and got as another; `None` when it cannot be read so.
fn got_as<W, R>(written: &W) -> Option<R>
where
    W: Serialize + DeserializeOwned,
    R: Serialize + DeserializeOwned,
{
    let queue = Queue::growing().unwrap();
    queue.put(written).unwrap();
    let other: Queue<R> = serde_json::from_str(&serde_json::to_string(&queue).unwrap()).unwrap();
    other.get().ok()
}

/// Puts a value twice and gets it as another type, as JSON does, or not at all, as JSON does.
fn as_in_json<W, R>(written: W)
where
    W: Serialize + DeserializeOwned,
    R: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let text = serde_json::to_string(&written).unwrap();
    let right = serde_json::from_str::<R>(&text).ok();
    assert_eq!(got_as::<W, R>(&written), right, "{text}");
    assert_eq!(got_as::<W, R>(&written), right, "{text}, again");
}

type Map<K, V> = BTreeMap<K, V>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Fields {
    one: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    two: Option<u8>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct OneOf {
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    right: Option<(u8, u8)>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Side {
    Left(u8),
    Right(u8, u8),
    Both { a: u8 },
    Neither,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Numbered {
    #[serde(rename = "1")]
    first: u8,
    #[serde(rename = "20")]
    second: u8,
}

#[test]
fn numbers() {
    as_in_json::<u8, u64>(200);
    as_in_json::<i64, u32>(5);
    as_in_json::<i64, u32>(-5);
    as_in_json::<u64, u8>(256);
    as_in_json::<u32, f64>(7);
    as_in_json::<f64, u32>(7.0);
    as_in_json::<f32, f64>(0.5);
    as_in_json::<u128, i16>(77);
    as_in_json::<u8, u128>(77);
    as_in_json::<i128, i8>(-100);
    as_in_json::<u8, bool>(1);
    as_in_json::<u8, String>(1);
    as_in_json::<String, u8>("1".to_owned());
}

#[test]
fn texts_and_bytes() {
    as_in_json::<char, String>('ß');
    as_in_json::<String, char>("ß".to_owned());
    as_in_json::<String, char>("ss".to_owned());
    as_in_json::<IpAddr, String>("127.0.0.1".parse().unwrap());
    as_in_json::<String, IpAddr>("::1".to_owned());
    as_in_json::<ByteBuf, Vec<u8>>(ByteBuf::from([1, 200, 3]));
    as_in_json::<ByteBuf, Vec<u64>>(ByteBuf::from(vec![200; 500]));
    as_in_json::<Vec<u8>, ByteBuf>(vec![1, 200, 3]);
    as_in_json::<ByteBuf, [u8; 3]>(ByteBuf::from([1, 200, 3]));
    as_in_json::<ByteBuf, Value>(ByteBuf::from([1, 200, 3]));
}

#[test]
fn sequences() {
    as_in_json::<Vec<u8>, [u8; 3]>(vec![1, 2, 3]);
    as_in_json::<Vec<u8>, [u8; 3]>(vec![1, 2, 3, 4]);
    as_in_json::<Vec<u8>, [u8; 3]>(vec![1, 2]);
    as_in_json::<(u8, u8), Vec<i64>>((1, 255));
    as_in_json::<Vec<f64>, (f64, f32)>(vec![0.5, 1.5]);
    as_in_json::<Vec<f64>, Vec<u32>>(vec![1.0, 2.0]);
    as_in_json::<Vec<u32>, Vec<f64>>((0..200).collect());
    as_in_json::<Vec<i32>, Vec<u8>>((0..200).collect());
    as_in_json::<Vec<i32>, Vec<u8>>((-1..200).collect());
    as_in_json::<Vec<u16>, Vec<Option<u64>>>((0..200).collect());
    as_in_json::<Vec<u8>, Fields>(vec![1, 2]);
    as_in_json::<Vec<u8>, Vec<String>>(vec![1, 2]);
}

#[test]
fn structs_maps_and_variants() {
    let fields = Fields { one: 1, two: None };
    as_in_json::<Fields, Map<String, u8>>(fields.clone());
    as_in_json::<Map<String, u8>, Fields>(Map::from([("two".to_owned(), 2), ("one".to_owned(), 1)]));
    as_in_json::<Fields, Fields>(fields.clone());
    as_in_json::<Fields, Value>(fields);
    as_in_json::<Value, Fields>(serde_json::json!({"two": 2, "one": 1, "more": [{}, null]}));
    as_in_json::<Numbered, Map<u32, u8>>(Numbered { first: 1, second: 2 });
    for side in [Side::Left(1), Side::Right(1, 2), Side::Both { a: 1 }, Side::Neither] {
        as_in_json::<Side, Value>(side.clone());
        as_in_json::<Side, String>(side.clone());
        as_in_json::<Side, Map<String, u8>>(side.clone());
        as_in_json::<Side, OneOf>(side.clone());
        as_in_json::<Value, Side>(serde_json::to_value(&side).unwrap());
    }
    as_in_json::<OneOf, Side>(OneOf { left: Some(1), right: None });
    as_in_json::<OneOf, Side>(OneOf { left: None, right: Some((1, 2)) });
    as_in_json::<OneOf, Side>(OneOf { left: Some(1), right: Some((1, 2)) });
    as_in_json::<OneOf, Side>(OneOf { left: None, right: None });
    as_in_json::<String, Side>("neither".to_owned());
    as_in_json::<String, Side>("left".to_owned());
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Floats {
    one: f64,
    two: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Turned {
    #[serde(default)]
    three: Option<f64>,
    two: f32,
    one: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Small {
    one: f32,
    two: f32,
}

#[test]
fn structs_of_floats() {
    let floats = Floats { one: 0.5, two: 2.0 };
    as_in_json::<Floats, Floats>(floats.clone());
    as_in_json::<Floats, Turned>(floats.clone());
    as_in_json::<Floats, Small>(floats.clone());
    as_in_json::<Small, Floats>(Small { one: 0.5, two: 2.0 });
    as_in_json::<Floats, Fields>(floats.clone());
    as_in_json::<Fields, Floats>(Fields { one: 1, two: Some(2) });
    as_in_json::<Floats, Map<String, f64>>(floats.clone());
    as_in_json::<Floats, Map<String, Value>>(floats.clone());
    as_in_json::<Floats, Value>(floats.clone());
    as_in_json::<Floats, (f64, f64)>(floats.clone());
    as_in_json::<Floats, Side>(floats.clone());
    as_in_json::<Floats, String>(floats);
    as_in_json::<(f64, f64), Floats>((0.5, 2.0));
    as_in_json::<[f64; 3], Floats>([0.5, 2.0, 1.0]);
    as_in_json::<Turned, Floats>(Turned { three: Some(1.0), two: 0.5, one: 1.5 });
}

#[test]
fn arrays_and_tuples() {
    as_in_json::<[f64; 3], Vec<f64>>([0.5, 1.5, 2.5]);
    as_in_json::<[f64; 3], (f64, f32, f64)>([0.5, 1.5, 2.5]);
    as_in_json::<[f64; 3], [f64; 2]>([0.5, 1.5, 2.5]);
    as_in_json::<[f64; 2], [f64; 3]>([0.5, 1.5]);
    as_in_json::<(f64, f64), [f32; 2]>((0.5, 1.5));
    as_in_json::<(f32, f32), [f64; 2]>((0.5, 1.5));
    as_in_json::<(f64, f64), Value>((0.5, 1.5));
    as_in_json::<Vec<(f64, f64)>, Vec<Vec<f64>>>(vec![(0.5, 1.5); 3]);
    as_in_json::<Vec<[u8; 4]>, Vec<(u8, u16, i32, u64)>>(vec![[1, 2, 3, 200]; 3]);
    as_in_json::<Vec<Vec<u8>>, Vec<ByteBuf>>(vec![vec![1, 2, 200]; 3]);
    as_in_json::<[u8; 4], String>([1, 2, 3, 4]);
}

#[test]
fn something_and_nothing() {
    as_in_json::<Option<u8>, u8>(Some(1));
    as_in_json::<Option<u8>, u8>(None);
    as_in_json::<u8, Option<u8>>(1);
    as_in_json::<(), Option<u8>>(());
    as_in_json::<Option<u8>, ()>(None);
    as_in_json::<Option<()>, ()>(Some(()));
    as_in_json::<Option<u8>, Value>(None);
    as_in_json::<Option<Option<u8>>, Option<u8>>(Some(Some(1)));
}

#[test]
fn keys() {
    as_in_json::<Map<u32, u8>, Map<String, u8>>(Map::from([(1, 1), (1000, 2)]));
    as_in_json::<Map<i8, u8>, Value>(Map::from([(-1, 1), (100, 2)]));
    as_in_json::<Map<bool, u8>, Map<String, u8>>(Map::from([(true, 1)]));
    as_in_json::<Map<String, u8>, Map<u32, u8>>(Map::from([("1".to_owned(), 1), ("30".to_owned(), 2)]));
    as_in_json::<Map<String, u8>, Map<u32, u8>>(Map::from([("one".to_owned(), 1)]));
    as_in_json::<Map<String, u8>, Map<Side, u8>>(Map::from([("neither".to_owned(), 1)]));
    as_in_json::<Map<char, u8>, Map<String, u8>>(Map::from([('x', 1)]));
    as_in_json::<Map<u64, u8>, Map<i16, u8>>(Map::from([(7, 1)]));
}
