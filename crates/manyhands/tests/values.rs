//! What goes through a queue or a call arrives as it was, whatever serde was told about its type.
//!
//! Each value is put twice, since the first struct of its kind is written otherwise than the next one, and is also
//! taken through JSON, so that the test is about types for which that is right.

mod values {
    pub mod attributes;
    pub mod by_hand;
    pub mod likeness;
    pub mod rows;
}

use manyhands::{GetError, Pool, PutError, Queue};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use std::fmt::Debug;
use values::attributes::{Skipping, Tagged, Untagged};

/// A value through a queue, twice.
pub fn through_queue<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let queue = Queue::growing().unwrap();
    for _ in 0..2 {
        queue.put(value).unwrap();
        assert_eq!(queue.get().unwrap(), *value);
    }
}

/// A value through JSON and through a queue.
pub fn as_in_json<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let text = serde_json::to_string(value).unwrap();
    assert_eq!(serde_json::from_str::<T>(&text).unwrap(), *value, "the test itself is wrong: {text}");
    through_queue(value);
}

/// A type that refuses to be written.
#[derive(Deserialize)]
struct Unwilling;

impl Serialize for Unwilling {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("not today"))
    }
}

#[test]
fn what_cannot_be_written_is_refused_by_name() {
    let queue = Queue::growing().unwrap();
    let refused = queue.put(&vec![Unwilling]).unwrap_err();
    assert!(matches!(refused, PutError::Encode { .. }));
    let text = refused.to_string();
    assert!(text.contains("Vec<values::Unwilling>") && text.contains("not today"), "{text}");
    assert!(queue.is_empty());
    let pool = Pool::new(1).unwrap();
    let refused = pool.submit(|_: Unwilling| (), Unwilling).map(drop).unwrap_err().to_string();
    assert!(refused.contains("values::Unwilling") && refused.contains("not today"), "{refused}");
    let lost = pool.submit(|()| Unwilling, ()).unwrap().get().map(drop).unwrap_err().to_string();
    assert!(lost.contains("values::Unwilling") && lost.contains("not today"), "{lost}");
}

#[derive(Serialize, Deserialize)]
#[serde(into = "u32", try_from = "u32")]
struct Even(u32);

impl From<Even> for u32 {
    fn from(even: Even) -> u32 {
        even.0
    }
}

impl TryFrom<u32> for Even {
    type Error = String;

    fn try_from(number: u32) -> Result<Even, String> {
        if number.is_multiple_of(2) { Ok(Even(number)) } else { Err(format!("{number} is odd")) }
    }
}

impl Clone for Even {
    fn clone(&self) -> Even {
        Even(self.0)
    }
}

#[test]
fn what_cannot_be_read_is_an_error_that_names_the_type() {
    let queue = Queue::growing().unwrap();
    queue.put(&Even(3)).unwrap();
    queue.put(&Even(4)).unwrap();
    let error = queue.get().map(drop).unwrap_err();
    assert!(matches!(error, GetError::Decode { .. }));
    let text = error.to_string();
    assert!(text.contains("values::Even") && text.contains("3 is odd"), "{text}");
    assert_eq!(queue.get().unwrap().0, 4);
}

#[test]
fn arguments_and_results_of_calls_arrive_as_they_were() {
    let given = Skipping { first: None, second: 1, third: vec![7, 0, 9], fourth: None };
    let pool = Pool::new(1).unwrap();
    for _ in 0..2 {
        let pair = (given.clone(), Tagged::Square { side: 3 });
        let came = pool.submit(|pair: (Skipping, Tagged)| pair, pair.clone()).unwrap().get().unwrap();
        assert_eq!(came, pair);
    }
    let items = (0..100).map(|number| match number % 3 {
        0 => Untagged::Number(number),
        1 => Untagged::Text(number.to_string()),
        _ => Untagged::Point { x: number, y: 1 },
    });
    let came = pool.map(|item: Untagged| item, items.clone()).unwrap().chunk(7);
    assert!(items.eq(came.map(Result::unwrap)));
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::{Map, Value};
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        // Not just any: JSON's own reader may be off by the last bit.
        any::<i32>().prop_map(|number| Value::from(f64::from(number) / 8.0)),
        ".{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 20, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..20).prop_map(Value::from),
            prop::collection::vec((".{0,9}", inner), 0..20)
                .prop_map(|entries| Value::from(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn json_values_arrive(value in json()) {
        as_in_json(&value);
    }

    #[test]
    fn numbers_arrive(
        small in any::<(u8, i8, u16, i16)>(),
        large in any::<(u32, i32, u64, i64)>(),
        huge in any::<(u128, i128)>(),
        shift in 0..128_u32,
    ) {
        as_in_json(&(small, large, huge));
        as_in_json(&(large.2 >> (shift % 64), large.3 >> (shift % 64), huge.0 >> shift, huge.1 >> shift));
    }

    #[test]
    fn floats_arrive_bit_by_bit(numbers in prop::collection::vec(any::<u64>(), 0..20)) {
        let queue = Queue::growing().unwrap();
        let sent: Vec<(f64, f32)> =
            numbers.iter().map(|bits| (f64::from_bits(*bits), f32::from_bits(*bits as u32))).collect();
        queue.put(&sent).unwrap();
        let bits = |pair: &(f64, f32)| (pair.0.to_bits(), pair.1.to_bits());
        prop_assert!(queue.get().unwrap().iter().map(bits).eq(sent.iter().map(bits)));
    }

    #[test]
    fn rows_of_numbers_arrive(length in 0..400_usize, seed in any::<u64>(), shift in 0..64_u32) {
        let number = |place: usize| seed.wrapping_mul(place as u64 | 1).rotate_left(place as u32) >> shift;
        let numbers: Vec<u64> = (0..length).map(number).collect();
        through_queue(&numbers.iter().map(|number| *number as u8).collect::<Vec<_>>());
        through_queue(&numbers.iter().map(|number| *number as i8).collect::<Vec<_>>());
        through_queue(&numbers.iter().map(|number| *number as u16).collect::<Vec<_>>());
        through_queue(&numbers.iter().map(|number| *number as i16).collect::<Vec<_>>());
        through_queue(&numbers.iter().map(|number| *number as u32).collect::<Vec<_>>());
        through_queue(&numbers.iter().map(|number| *number as i32).collect::<Vec<_>>());
        through_queue(&numbers.iter().map(|number| *number as i64).collect::<Vec<_>>());
        through_queue(&numbers.iter().map(|number| *number as f32).collect::<Vec<_>>());
        through_queue(&numbers.iter().map(|number| *number as f64).collect::<Vec<_>>());
        through_queue(&numbers.iter().map(|number| Some(*number as u8)).collect::<Vec<_>>());
        through_queue(&numbers.iter().copied().collect::<std::collections::VecDeque<_>>());
        through_queue(&Some(numbers.clone().into_boxed_slice()));
        through_queue(&numbers);
    }

    #[test]
    fn fields_that_are_left_out_at_times_arrive(values in prop::collection::vec(any::<(Option<u8>, u8, Option<bool>)>(), 1..20)) {
        let queue = Queue::growing().unwrap();
        let values: Vec<Skipping> = values
            .into_iter()
            .map(|(first, second, fourth)| Skipping { first, second, third: vec![second; second as usize % 3], fourth })
            .collect();
        for value in &values {
            queue.put(value).unwrap();
            prop_assert_eq!(&queue.get().unwrap(), value);
        }
        as_in_json(&values);
    }
}
