//! A closure that captures something cannot be run in a process of its own.

fn main() {
    let more = 3;
    let _ = manyhands::Process::spawn(move |number: u32| assert!(number > more), 4);
}
