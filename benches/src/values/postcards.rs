//! A queue of values in postcard's encoding, made as the engine's typed queue was made while it used that.

use manyhands::arena::collect;
use manyhands::channel::{Buffer, INLINE, RawQueue};
use manyhands::sync::Blocking;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub struct Postcards(RawQueue);

impl Postcards {
    pub fn growing() -> Postcards {
        Postcards(RawQueue::growing().expect("a queue"))
    }

    pub fn put<T: Serialize>(&self, value: &T) {
        let mut small = [0; INLINE];
        let (result, handles) = collect(|| postcard::to_slice(value, &mut small).map(|bytes| bytes.len()));
        assert!(handles.is_empty(), "no handles are measured");
        let put = match result {
            Ok(length) => self.0.put(&small[..length], 0, None, &Blocking),
            Err(postcard::Error::SerializeBufferFull) => {
                let (bytes, _) = collect(|| postcard::to_allocvec(value));
                self.0.put(&bytes.expect("it can be written"), 0, None, &Blocking)
            }
            Err(error) => panic!("{error}"),
        };
        put.expect("the queue is open");
    }

    pub fn get<T: DeserializeOwned>(&self) -> T {
        let mut buffer = Buffer::new();
        let message = self.0.get(&mut buffer, None, &Blocking).expect("a value is there");
        postcard::from_bytes(&message.content).expect("it was written so")
    }
}
