//! A closure that captures something cannot be sent to a worker.

fn main() {
    let more = 3;
    let pool = manyhands::Pool::new(2).unwrap();
    let _ = pool.submit(move |number: u32| number + more, 4);
}
