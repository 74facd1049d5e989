//! Numbers side by side: in arrays, tuples, vectors of those, and structs all of whose fields are floats.

use crate::as_in_json;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, VecDeque};

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    x: f64,
    y: f64,
    z: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Small {
    x: f32,
    y: f32,
}

/// One name, and the same names of fields, for many types.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Vector<T> {
    x: T,
    y: T,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Thin {
    #[serde(skip_serializing_if = "is_nothing", default)]
    x: f64,
    #[serde(skip_serializing_if = "is_nothing", default)]
    y: f64,
    #[serde(rename = "depth", alias = "z")]
    z: f64,
}

fn is_nothing(number: &f64) -> bool {
    *number == 0.0
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Outer {
    #[serde(flatten)]
    point: Point,
    between: f64,
    #[serde(flatten)]
    size: Size,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Size {
    width: f64,
    height: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Circle { radius: f64 },
    Box { width: f64, height: f64 },
    Line(f64, f64),
    Path(Vec<[f64; 2]>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    Box { width: f64, height: f64 },
    Point(Point),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Pair(f64, f64),
    Point(Point),
    Small(Small),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Samples(Vec<f64>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "UPPERCASE")]
struct Mixed {
    place: Point,
    colour: [u8; 4],
    row: (f32, f32, f32),
    label: Option<String>,
    more: Option<Point>,
    grid: [[f64; 2]; 2],
}

/// A number that JSON keeps as it is.
fn number() -> impl Strategy<Value = f64> {
    any::<i32>().prop_map(|number| f64::from(number) / 8.0)
}

fn point() -> impl Strategy<Value = Point> {
    (number(), number(), number()).prop_map(|(x, y, z)| Point { x, y, z })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn structs_of_floats_arrive(points in prop::collection::vec(point(), 1..30)) {
        let first = points[0];
        let small = Small { x: first.x as f32, y: first.y as f32 };
        as_in_json(&first);
        as_in_json(&points);
        as_in_json(&(Some(first), small, first));
        let thin = points.iter().map(|point| Thin {
            x: if point.x > 0.0 { point.x } else { 0.0 },
            y: if point.y > 0.0 { point.y } else { 0.0 },
            z: point.z,
        });
        for thin in thin.clone() {
            as_in_json(&thin);
        }
        as_in_json(&thin.collect::<Vec<_>>());
        as_in_json(&points.iter().map(|point| (format!("{point:?}"), *point)).collect::<HashMap<_, _>>());
    }

    #[test]
    fn one_name_for_structs_of_floats_and_others_arrives(which in prop::collection::vec(0..6_u8, 1..20), x in number(), y in number()) {
        for which in which {
            match which {
                0 => as_in_json(&Vector { x, y }),
                1 => as_in_json(&Vector { x: x as f32, y: y as f32 }),
                2 => as_in_json(&Vector { x: x as i32, y: y as i32 }),
                3 => as_in_json(&Vector { x: Some(x), y: None }),
                4 => as_in_json(&Vector { x: Vector { x, y }, y: Vector { x: y, y: x } }),
                _ => as_in_json(&Vector { x: x.to_string(), y: String::new() }),
            }
        }
    }

    #[test]
    fn floats_in_other_types_arrive(point in point(), x in number(), y in number()) {
        as_in_json(&Shape::Circle { radius: x });
        as_in_json(&Shape::Box { width: x, height: y });
        as_in_json(&vec![Shape::Line(x, y), Shape::Path(vec![[x, y]; 3]), Shape::Box { width: y, height: x }]);
        as_in_json(&vec![Tagged::Box { width: x, height: y }, Tagged::Point(point)]);
        let small = Small { x: x as f32, y: y as f32 };
        as_in_json(&vec![Untagged::Point(point), Untagged::Small(small), Untagged::Pair(x, y)]);
        as_in_json(&Thin { x, y, z: point.z });
        as_in_json(&Samples(vec![x, y, x]));
        let mixed = Mixed {
            place: point,
            colour: [0, 100, 200, 255],
            row: (0.5, 1.5, -2.5),
            label: None,
            more: Some(point),
            grid: [[x, y], [y, x]],
        };
        as_in_json(&mixed);
        as_in_json(&vec![mixed; 3]);
    }

    #[test]
    fn arrays_and_tuples_of_numbers_arrive(x in number(), y in number(), byte in any::<u8>()) {
        as_in_json(&[x, y]);
        as_in_json(&[x; 32]);
        as_in_json(&[x as f32; 3]);
        as_in_json(&[byte; 32]);
        as_in_json(&[byte as i8; 2]);
        as_in_json(&[x as i64; 8]);
        as_in_json(&[x; 1]);
        as_in_json(&(x, y, x, y, x, y, x, y, x, y, x, y));
        as_in_json(&(x as f32, y as f32));
        as_in_json(&(x, y as f32, x));
        as_in_json(&vec![[x, y, x]; 20]);
        as_in_json(&vec![(x, y); 20]);
        as_in_json(&vec![(x as f32, byte); 20]);
        as_in_json(&vec![[byte; 4]; 20]);
        as_in_json(&vec![vec![byte; 5]; 20]);
        as_in_json(&VecDeque::from(vec![[x, y]; 3]));
        as_in_json(&BTreeMap::from([("one".to_owned(), vec![x, y]), ("two".to_owned(), vec![])]));
        as_in_json(&BTreeMap::from([(byte, (x, y)), (byte.wrapping_add(1), (y, x))]));
        as_in_json(&[[x, y], [y, x]]);
    }

    #[test]
    fn floats_of_any_bits_arrive(bits in any::<[u64; 3]>()) {
        let [x, y, z] = bits.map(f64::from_bits);
        let queue = manyhands::Queue::growing().unwrap();
        for _ in 0..2 {
            queue.put(&(Point { x, y, z }, [x, y], (z, y))).unwrap();
            let (point, array, tuple): (Point, [f64; 2], (f64, f64)) = queue.get().unwrap();
            let came = [point.x, point.y, point.z, array[0], array[1], tuple.0, tuple.1];
            prop_assert_eq!(came.map(f64::to_bits), [x, y, z, x, y, z, y].map(f64::to_bits));
        }
    }
}

#[test]
fn flattened_structs_of_floats_arrive() {
    let point = Point { x: 0.5, y: 1.5, z: 2.5 };
    let outer = Outer { point, between: -1.5, size: Size { width: 3.5, height: 4.5 } };
    as_in_json(&outer);
    as_in_json(&vec![outer; 3]);
}
