//! A call of a scope cannot borrow what ends with the scope's body.

fn main() {
    let pool = manyhands::Pool::threads(2).unwrap();
    pool.scope(|scope| {
        let word = "inside".to_owned();
        let _ = scope.submit(|| word.len());
    });
}
