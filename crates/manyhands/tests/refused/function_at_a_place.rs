//! No place in the program can be run that is not a function.

use manyhands::spawn::Entry;

fn main() {
    let right = Entry::of(|(): ()| 7_u32).unwrap();
    let _ = Entry::of_number(right.number() + 1);
}
