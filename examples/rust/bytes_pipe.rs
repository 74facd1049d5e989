//! A large picture goes to another process and comes back changed: a pipe of bytes.
//!
//! What is bytes already need not be serialised. The picture stands in shared memory on its way, and is copied once
//! when it is put and once when it is taken. Each side takes into room that it has, so that no memory is asked for
//! while they talk. When one side is gone, the other learns of it.

use std::error::Error;
use std::time::Instant;

use manyhands::{BytesPipe, Process, PutError};

const PIXELS: usize = 20 << 20;
const PICTURES: u8 = 5;

/// Sends back the negative of each picture.
fn develop(customer: BytesPipe) -> Result<(), PutError> {
    let mut picture = Vec::new();
    while customer.get_into(&mut picture).is_ok() {
        picture.iter_mut().for_each(|pixel| *pixel = !*pixel);
        customer.put(&picture)?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let (customer, laboratory) = BytesPipe::bounded(1)?;
    let process = Process::spawn(develop, laboratory)?;
    let begun = Instant::now();
    let mut negative = Vec::new();
    for grey in 0..PICTURES {
        customer.put(&vec![grey; PIXELS])?;
        customer.get_into(&mut negative)?;
        assert!(negative.len() == PIXELS && negative.iter().all(|pixel| *pixel == 255 - grey));
    }
    let each = begun.elapsed() / u32::from(PICTURES);
    println!("{PICTURES} pictures of {PIXELS} bytes went there and back, each in {} ms", each.as_millis());
    drop(customer);
    process.join()?;
    println!("the laboratory closed when its customer had gone");
    Ok(())
}
