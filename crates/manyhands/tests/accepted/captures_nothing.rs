//! Functions and closures that capture nothing are sent to workers; what they need comes as an argument.

fn add((more, number): (u32, u32)) -> u32 {
    number + more
}

fn main() {
    let more = 3;
    let pool = manyhands::Pool::new(2).unwrap();
    assert_eq!(pool.submit(add, (more, 4)).unwrap().get().unwrap(), 7);
    assert_eq!(pool.submit(|(more, number): (u32, u32)| number * more, (more, 4)).unwrap().get().unwrap(), 12);
}
