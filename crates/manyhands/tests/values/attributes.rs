//! A type for each of serde's attributes, and for each of its shapes.

use crate::{as_in_json, through_queue};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Skipping {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<u8>,
    pub second: u8,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub third: Vec<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fourth: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Tagged {
    Nothing,
    RoundThing { radius: f64 },
    Square { side: u32 },
    Inner(Skipping),
    Map(BTreeMap<String, u8>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Untagged {
    Number(u32),
    Text(String),
    Point { x: u32, y: u32 },
    Bytes(ByteBuf),
    Pair(bool, char),
    Address(IpAddr),
    Nothing,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    Unit,
    Newtype(u64),
    Tuple(u8, String),
    Struct {
        one: Option<u8>,
        #[serde(rename = "two-and-a-half")]
        two: f32,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum External {
    Unit,
    #[serde(rename = "new")]
    Newtype(Box<External>),
    Tuple(u8, i64),
    Struct {
        one: u8,
        #[serde(skip)]
        forgotten: u8,
    },
    #[serde(alias = "another")]
    Aliased(Vec<External>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum WithOther {
    Known,
    #[serde(other)]
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Flattened {
    first: u32,
    #[serde(flatten)]
    inner: Skipping,
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct FlattenedTag {
    first: u32,
    #[serde(flatten)]
    tagged: Tagged,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Renamed {
    first_field: u8,
    #[serde(
        rename(serialize = "secondField", deserialize = "secondField"),
        alias = "second",
        alias = "zwei"
    )]
    second: u8,
    #[serde(rename = "first")]
    third_field: u8,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Defaulted {
    given: u8,
    #[serde(skip_serializing)]
    not_written: u8,
    #[serde(skip_deserializing)]
    not_read: u8,
    #[serde(skip)]
    neither: u8,
    last: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Transparent {
    inner: Vec<f64>,
}

mod as_text {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        number.to_string().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct With {
    #[serde(with = "as_text")]
    as_text: u64,
    #[serde(serialize_with = "as_text::serialize", deserialize_with = "as_text::deserialize")]
    so_too: u64,
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
    #[serde(serialize_with = "serde_bytes::serialize")]
    written_as_bytes: Vec<u8>,
    #[serde(deserialize_with = "serde_bytes::deserialize")]
    read_as_bytes: Vec<u8>,
    borrowed: Cow<'static, str>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Newtype(Vec<u8>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Tuple(u8, f32, Unit, Option<Unit>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Empty {}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
enum Side {
    Left,
    Right,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Keys {
    numbers: HashMap<u64, String>,
    signed: BTreeMap<i8, ()>,
    characters: BTreeMap<char, u8>,
    sides: BTreeMap<Side, u8>,
    bools: BTreeMap<bool, u8>,
    huge: BTreeMap<u128, u8>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Tree {
    name: Cow<'static, str>,
    left: Option<Box<Tree>>,
    shared: Arc<str>,
    more: Vec<Arc<Tree>>,
}

fn skipping(first: Option<u8>, fourth: Option<bool>) -> Skipping {
    Skipping { first, second: 1, third: vec![7, 0, 9], fourth }
}

#[test]
fn fields_that_are_left_out() {
    for value in [skipping(None, None), skipping(Some(3), None), skipping(None, Some(true))] {
        as_in_json(&value);
    }
    let full = Defaulted { given: 1, last: "x".to_owned(), ..Defaulted::default() };
    as_in_json(&full);
}

#[test]
fn enums_however_tagged() {
    let map = BTreeMap::from([("one".to_owned(), 1)]);
    as_in_json(&vec![
        Tagged::Nothing,
        Tagged::RoundThing { radius: 0.5 },
        Tagged::Square { side: 1 },
        Tagged::Inner(skipping(None, None)),
        Tagged::Map(map),
    ]);
    as_in_json(&vec![
        Untagged::Number(1),
        Untagged::Text("two".to_owned()),
        Untagged::Point { x: 3, y: 4 },
        Untagged::Bytes(ByteBuf::from([5, 6, 200])),
        Untagged::Pair(true, 'ß'),
        Untagged::Nothing,
    ]);
    as_in_json(&vec![
        Adjacent::Unit,
        Adjacent::Newtype(u64::MAX),
        Adjacent::Tuple(1, "2".to_owned()),
        Adjacent::Struct { one: None, two: 2.5 },
    ]);
    as_in_json(&vec![
        External::Unit,
        External::Newtype(Box::new(External::Newtype(Box::new(External::Unit)))),
        External::Tuple(1, -2),
        External::Struct { one: 1, forgotten: 0 },
        External::Aliased(vec![External::Unit, External::Tuple(3, 4)]),
    ]);
    as_in_json(&vec![WithOther::Known, WithOther::Unknown]);
}

#[test]
fn what_says_nothing_of_its_type_is_read_by_its_look() {
    // JSON itself has addresses as texts, and so has this; a text comes first.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Either {
        Address(IpAddr),
        Duration(Duration),
        Text(String),
    }
    as_in_json(&vec![
        Either::Address("127.0.0.1".parse().unwrap()),
        Either::Address("::1".parse().unwrap()),
        Either::Duration(Duration::new(1, 2)),
        Either::Text("127".to_owned()),
    ]);
}

#[test]
fn flattened_fields() {
    let rest = BTreeMap::from([
        ("other".to_owned(), serde_json::json!({"deep": [1, null, -2.5]})),
        ("empty".to_owned(), serde_json::json!("")),
    ]);
    as_in_json(&Flattened { first: 1, inner: skipping(None, Some(false)), rest });
    for tagged in [Tagged::Nothing, Tagged::Square { side: 2 }] {
        as_in_json(&FlattenedTag { first: 1, tagged });
    }
}

#[test]
fn names_defaults_and_other_ways_to_write() {
    as_in_json(&Renamed { first_field: 1, second: 2, third_field: 3 });
    as_in_json(&Transparent { inner: vec![1.5, -2.5] });
    as_in_json(&With {
        as_text: u64::MAX,
        so_too: 0,
        bytes: vec![0, 255],
        written_as_bytes: vec![1, 254],
        read_as_bytes: vec![2, 253],
        borrowed: Cow::Borrowed("text"),
    });
}

#[test]
fn small_shapes() {
    as_in_json(&(Unit, Newtype(vec![1, 200]), Empty {}));
    as_in_json(&Tuple(1, 0.5, Unit, None));
    through_queue(&Tuple(1, 0.5, Unit, Some(Unit)));
    through_queue(&[Some(Some(Some(1_u8))), Some(Some(None)), Some(None), None]);
    through_queue(&[Some(()), None]);
    through_queue(&vec![Some(vec![1.5_f64, 2.5]), None, Some(vec![])]);
    as_in_json(&(String::new(), 'x', '\u{10ffff}', "ä".repeat(20), "ö".repeat(200), "z".repeat(70_000)));
    as_in_json(&([0.5_f64; 20], [u64::MAX; 12], [[1_u8; 3]; 4]));
    as_in_json(&(VecDeque::from([1, 2]), BTreeSet::from(["a".to_owned()]), (0..300).collect::<Vec<u16>>()));
    as_in_json(&vec![Duration::from_nanos(1_234_567_890); 3]);
    as_in_json(&Result::<u8, String>::Err("no".to_owned()));
}

#[test]
fn maps_with_other_keys_than_texts() {
    as_in_json(&Keys {
        numbers: HashMap::from([(1, "one".to_owned()), (u64::MAX, String::new())]),
        signed: BTreeMap::from([(-1, ()), (100, ())]),
        characters: BTreeMap::from([('a', 1), ('ß', 2)]),
        sides: BTreeMap::from([(Side::Left, 1), (Side::Right, 2)]),
        bools: BTreeMap::from([(true, 1)]),
        huge: BTreeMap::from([(u128::MAX, 1)]),
    });
    // Which JSON cannot have.
    through_queue(&BTreeMap::from([((1_u8, "x".to_owned()), 1_u8), ((2, "y".to_owned()), 2)]));
    through_queue(&BTreeMap::from([(Some(Side::Left), 1_u8), (None, 2)]));
    through_queue(&BTreeMap::from([(vec![1_u8, 2], Unit), (vec![], Unit)]));
    through_queue(&(0..100_u32).map(|number| (number, number.to_string())).collect::<HashMap<_, _>>());
}

#[test]
fn what_is_behind_pointers() {
    let leaf = Tree { name: "leaf".into(), left: None, shared: "s".into(), more: vec![] };
    let more = vec![Arc::new(leaf.clone()), Arc::new(leaf.clone())];
    as_in_json(&Tree { name: "root".into(), left: Some(Box::new(leaf)), shared: "".into(), more });
    as_in_json(&(Rc::<str>::from("text"), Rc::new(vec![1.5])));
}

#[test]
fn values_of_json() {
    use serde_json::{json, value::RawValue};
    as_in_json(
        &json!({"numbers": [1, -1, 1.5, u64::MAX], "text": "x", "none": null, "yes": true, "map": {}}),
    );
    let queue = manyhands::Queue::growing().unwrap();
    for _ in 0..2 {
        let raw = RawValue::from_string(r#"{"as": ["it",  "stands"]}"#.to_owned()).unwrap();
        queue.put(&(1_u8, raw)).unwrap();
        assert_eq!(queue.get().unwrap().1.get(), r#"{"as": ["it",  "stands"]}"#);
    }
}
