//! A guard stays in the thread that took the lock.

fn main() {
    let lock = manyhands::shared::Lock::new(0_u64).unwrap();
    let guard = lock.lock().unwrap();
    std::thread::scope(|scope| scope.spawn(move || drop(guard)));
}
