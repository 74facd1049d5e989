//! What may not change threads cannot be captured by a call.

fn main() {
    let pool = manyhands::Pool::threads(2).unwrap();
    let word = std::rc::Rc::new("here");
    let _ = pool.submit(move || word.len());
}
