//! More objects than the first segment of their table holds: who comes by one of them maps the segment, and who cannot
//! is told.

mod limited;
mod until;
mod witness;

use limited::Steps;
use manyhands::shared::Event;
use manyhands::{Process, Queue};
use std::time::Duration;
use until::until;

const MANY: usize = 20_000;
const GENEROUS: Duration = Duration::from_secs(60);

fn set_one(events: Queue<Event>) {
    events.get().unwrap().set();
}

fn take_blindly((events, told, steps): (Queue<Event>, Event, Steps)) {
    steps.take(|| match events.get() {
        Err(error) if error.to_string().contains("no address space is left") => told.set(),
        Ok(_) => panic!("it had room"),
        Err(error) => panic!("{error}"),
    });
}

#[test]
fn one_of_many_is_found_by_others() {
    let queue = Queue::growing().unwrap();
    let (told, steps) = (Event::new().unwrap(), Steps::new());
    // It has mapped the first segment only.
    let blind = (queue.clone(), told.clone(), steps.clone());
    let child = Process::builder().daemon(true).spawn(take_blindly, blind).unwrap();
    steps.begun.wait();
    let events: Vec<Event> = (0..MANY).map(|_| Event::new().unwrap()).collect();
    for event in [&events[0], &events[MANY / 2], &events[MANY - 1]] {
        queue.put(event).unwrap();
        Process::spawn(set_one, queue.clone()).unwrap().join().unwrap();
        assert!(event.is_set());
    }
    queue.put(&events[MANY - 1]).unwrap();
    steps.go.set();
    told.wait_timeout(GENEROUS).unwrap();
    steps.end.set();
    child.join().unwrap();
    let dropped = events[MANY - 2].handle();
    drop(events);
    until("what a dead process held goes", || Event::attach(dropped).is_err());
}
