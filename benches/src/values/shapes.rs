//! The values that are measured: small ones of every shape that serde knows, and rows of them.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::Table;

#[derive(Clone, Serialize, Deserialize)]
struct Mixed {
    id: u32,
    parent: Option<u32>,
    weight: f64,
    is_open: bool,
    retries: u8,
    size: u64,
}

#[derive(Clone, Serialize, Deserialize)]
struct Labelled {
    id: u32,
    label: String,
    weight: f64,
}

#[derive(Clone, Serialize, Deserialize)]
struct Point {
    x: f64,
    y: f64,
    z: f64,
}

#[derive(Clone, Serialize, Deserialize)]
struct Matrix {
    a: f64,
    b: f64,
    c: f64,
    d: f64,
    e: f64,
    f: f64,
    g: f64,
    h: f64,
}

#[derive(Clone, Serialize, Deserialize)]
struct Body {
    place: Point,
    speed: Point,
    state: Event,
}

#[derive(Clone, Serialize, Deserialize)]
struct Pair {
    near: Whole,
    far: Whole,
}

#[derive(Clone, Serialize, Deserialize)]
struct Whole {
    width: u32,
    height: u32,
}

#[derive(Clone, Serialize, Deserialize)]
enum Event {
    Nothing,
    Moved { x: f64, y: f64 },
    Key(u32),
    Drag(f64, f64),
}

#[derive(Clone, Serialize, Deserialize)]
struct Distance(f64);

pub fn each(table: &mut Table<'_>) {
    let point = Point { x: 0.5, y: 1.5, z: -2.25 };
    let whole = |width| Whole { width, height: 480 };
    let labelled = Labelled { id: 4711, label: "a label".to_owned(), weight: 0.5 };
    table.row("`()`", &());
    table.row("`u64`", &4711_u64);
    table.row("`f64`", &0.5_f64);
    table.row("a newtype of `f64`", &Distance(0.5));
    table.row("`(u64, u64)`", &(4711_u64, 12_u64));
    table.row("`(f64, f64)`", &(0.5_f64, 1.5_f64));
    table.row("a text of 20 bytes", &"a text of 20 bytes..".to_owned());
    table.row("`(u32, f64, String)`", &(4711_u32, 0.5_f64, "a label".to_owned()));
    table.row(
        "a struct of six fields: integers, a float, a bool, an option",
        &Mixed { id: 4711, parent: Some(12), weight: 0.5, is_open: true, retries: 3, size: 1 << 20 },
    );
    table.row("a struct of an integer, a text, a float", &labelled);
    table.row("a struct of three floats", &point);
    table.row(
        "a struct of eight floats",
        &Matrix { a: 0.5, b: 1.5, c: 2.5, d: 3.5, e: 4.5, f: 5.5, g: 6.5, h: 7.5 },
    );
    table.row("`Option` of a struct of three floats", &Some(point.clone()));
    table.row("`[f64; 3]`", &[0.5_f64; 3]);
    table.row("`[f64; 8]`", &[0.5_f64; 8]);
    table.row("`[f64; 12]`", &[0.5_f64; 12]);
    table.row("`[[f64; 3]; 3]`", &[[0.5_f64; 3]; 3]);
    table.row("a struct of two structs of integers", &Pair { near: whole(640), far: whole(1920) });
    table.row(
        "a struct of two structs of floats and an enum",
        &Body { place: point.clone(), speed: point.clone(), state: Event::Moved { x: 0.5, y: 1.5 } },
    );
    table.row("an enum's variant without content", &Event::Nothing);
    table.row("an enum's variant with an integer", &Event::Key(4711));
    table.row("an enum's variant with two elements", &Event::Drag(0.5, 1.5));
    table.row("an enum's variant with two fields", &Event::Moved { x: 0.5, y: 1.5 });
    let texts: Vec<String> = ["one", "two", "three", "four"].map(str::to_owned).to_vec();
    let counts: HashMap<String, u32> = texts.iter().take(3).cloned().zip(1..).collect();
    table.row("`Vec<String>` of four", &texts);
    table.row("`HashMap<String, u32>` of three", &counts);
    table.row("`Vec<u8>` of 64 bytes", &vec![200_u8; 64]);
    table.row("`Vec` of 50 structs with a text", &vec![labelled; 50]);
    table.row("`Vec` of 200 structs of three floats", &vec![point; 200]);
    table.row("`Vec` of 200 structs of two integers", &vec![whole(640); 200]);
    table.row("`Vec` of 200 `(f64, f64)`", &vec![(0.5_f64, 1.5_f64); 200]);
    table.row("`Vec` of 200 `[f64; 3]`", &vec![[0.5_f64; 3]; 200]);
    table.row("`Vec` of 200 enums", &vec![Event::Moved { x: 0.5, y: 1.5 }; 200]);
    table.row("`Vec<u8>` of 64 KiB", &vec![200_u8; 1 << 16]);
    table.row("`Vec<f64>` of 64 KiB", &vec![0.5_f64; 1 << 13]);
    table.row("`Vec<i32>` of 64 KiB", &vec![4711_i32; 1 << 14]);
    table.row("`ByteBuf` of 64 KiB", &ByteBuf::from(vec![200; 1 << 16]));
}
