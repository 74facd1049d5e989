//! An answer that borrows cannot leave the scope with its future, and a scope cannot be kept.

fn main() {
    let pool = manyhands::Pool::threads(2).unwrap();
    let mut kept = None;
    {
        let word = "outside".to_owned();
        pool.scope(|scope| kept = Some(scope.submit(|| word.as_str()).unwrap()));
    }
    drop(kept);
    let _scope = pool.scope(|scope| scope);
}
