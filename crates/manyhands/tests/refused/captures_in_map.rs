//! A closure that captures something cannot be mapped over items by workers.

fn main() {
    let more = 3;
    let pool = manyhands::Pool::new(2).unwrap();
    let _ = pool.map(move |number: u32| number + more, 0..4);
}
