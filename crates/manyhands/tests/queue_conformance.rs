//! What a queue does wherever its values stand: each behaviour stated once, run over the arena and over a process.

use manyhands::{GetError, InProcess, PutError, Queue};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_millis(5);

/// A queue of numbers, to a test. Puts give the reason alone, since only one kind gives the value back.
trait Numbers: Clone + Send + Sync + 'static {
    fn bounded(limit: usize) -> Self;
    fn growing() -> Self;
    fn put(&self, number: u64) -> Result<(), PutError>;
    fn put_timeout(&self, number: u64, time: Duration) -> Result<(), PutError>;
    fn try_put(&self, number: u64) -> Result<(), PutError>;
    fn get(&self) -> Result<u64, GetError>;
    fn get_timeout(&self, time: Duration) -> Result<u64, GetError>;
    fn try_get(&self) -> Result<u64, GetError>;
    fn all(&self) -> Vec<u64>;
    /// What is there, without waiting.
    fn all_now(&self) -> Vec<u64>;
    /// What is left, by a loop over a reference and one over the queue.
    fn rest(self) -> Vec<u64>;
    fn close(&self);
    /// How many wait, whether none and whether as many as may.
    fn look(&self) -> (usize, bool, bool);
    /// Whether it is closed, its limit, how many were ever put.
    fn facts(&self) -> (bool, Option<u64>, u64);
}

macro_rules! numbers {
    ($queue:ty, $bounded:expr, $growing:expr, |$value:ident| $put:expr) => {
        #[allow(clippy::needless_question_mark, reason = "one of the two kinds of refusal is converted")]
        impl Numbers for $queue {
            fn bounded(limit: usize) -> Self {
                $bounded(limit)
            }
            fn growing() -> Self {
                $growing()
            }
            fn put(&self, $value: u64) -> Result<(), PutError> {
                Ok(self.put($put)?)
            }
            fn put_timeout(&self, $value: u64, time: Duration) -> Result<(), PutError> {
                Ok(self.put_timeout($put, time)?)
            }
            fn try_put(&self, $value: u64) -> Result<(), PutError> {
                Ok(self.try_put($put)?)
            }
            fn get(&self) -> Result<u64, GetError> {
                self.get()
            }
            fn get_timeout(&self, time: Duration) -> Result<u64, GetError> {
                self.get_timeout(time)
            }
            fn try_get(&self) -> Result<u64, GetError> {
                self.try_get()
            }
            fn all(&self) -> Vec<u64> {
                self.iter().map(Result::unwrap).collect()
            }
            fn all_now(&self) -> Vec<u64> {
                self.try_iter().map(Result::unwrap).collect()
            }
            fn rest(self) -> Vec<u64> {
                let mut rest = Vec::new();
                for number in &self {
                    rest.push(number.unwrap());
                    if rest.len() == 1 {
                        break;
                    }
                }
                for number in self {
                    rest.push(number.unwrap());
                }
                rest
            }
            fn close(&self) {
                self.close();
            }
            fn look(&self) -> (usize, bool, bool) {
                (self.len(), self.is_empty(), self.is_full())
            }
            fn facts(&self) -> (bool, Option<u64>, u64) {
                let statistics = self.statistics();
                assert_eq!(statistics.closed, self.is_closed());
                (statistics.closed, statistics.limit, statistics.put)
            }
        }
    };
}

numbers!(Queue<u64>, |limit| Queue::bounded(limit as u64).unwrap(), || Queue::growing().unwrap(), |number| {
    &number
});
numbers!(Queue<u64, InProcess>, Queue::bounded_in_process, Queue::in_process, |number| number);

macro_rules! conformance {
    ($($behaviour:ident),+ $(,)?) => {
        mod in_the_arena { $(#[test] fn $behaviour() { super::$behaviour::<manyhands::Queue<u64>>(); })+ }
        mod in_process {
            $(#[test] fn $behaviour() { super::$behaviour::<manyhands::Queue<u64, manyhands::InProcess>>(); })+
        }
    };
}

conformance!(
    values_come_in_order_and_are_counted,
    a_full_queue_refuses_in_time_and_is_as_before,
    an_empty_queue_refuses_in_time,
    a_closed_queue_gives_what_it_has,
    closing_wakes_who_waits,
    who_waits_for_room_gets_it,
    every_value_goes_to_one_of_many_takers,
    errors_name_the_queue_and_say_what_to_do,
    one_can_iterate_over_what_is_there_and_what_will_come,
);

fn values_come_in_order_and_are_counted<Q: Numbers>() {
    let queue = Q::growing();
    assert_eq!((queue.look(), queue.facts()), ((0, true, false), (false, None, 0)));
    for number in 0..3000 {
        queue.put(number).unwrap();
    }
    assert_eq!((queue.look(), queue.facts()), ((3000, false, false), (false, None, 3000)));
    let other = queue.clone();
    assert!((0..3000).all(|number| other.get().unwrap() == number));
    assert_eq!(queue.facts(), (false, None, 3000));
}

fn a_full_queue_refuses_in_time_and_is_as_before<Q: Numbers>() {
    for limit in [1, 3, 8] {
        let queue = Q::bounded(limit);
        (0..limit as u64).for_each(|number| queue.try_put(number).unwrap());
        for refused in [queue.try_put(9), queue.put_timeout(9, Duration::ZERO), queue.put_timeout(9, SOON)] {
            let error = refused.unwrap_err();
            assert!(matches!(error, PutError::Full { limit: told, .. } if told == limit as u64), "{error}");
        }
        assert_eq!((queue.look(), queue.facts().1), ((limit, false, true), Some(limit as u64)));
        assert!((0..limit as u64).all(|number| queue.get().unwrap() == number));
        queue.put(7).unwrap();
        assert_eq!(queue.get().unwrap(), 7);
    }
}

fn an_empty_queue_refuses_in_time<Q: Numbers>() {
    let queue = Q::bounded(2);
    for refused in [queue.try_get(), queue.get_timeout(Duration::ZERO), queue.get_timeout(SOON)] {
        assert!(matches!(refused, Err(GetError::Empty { .. })));
    }
    queue.put(1).unwrap();
    assert_eq!(queue.get_timeout(SOON).unwrap(), 1);
}

fn a_closed_queue_gives_what_it_has<Q: Numbers>() {
    let queue = Q::bounded(4);
    queue.put(1).unwrap();
    queue.put(2).unwrap();
    queue.close();
    queue.close();
    for refused in [queue.put(3), queue.try_put(3), queue.put_timeout(3, SOON)] {
        assert!(matches!(refused, Err(PutError::Closed { .. })));
    }
    assert_eq!(queue.all(), [1, 2]);
    for refused in [queue.get(), queue.try_get(), queue.get_timeout(SOON)] {
        assert!(matches!(refused, Err(GetError::Closed { .. })));
    }
    assert!(queue.facts().0);
}

fn closing_wakes_who_waits<Q: Numbers>() {
    let (empty, full) = (Q::bounded(1), Q::bounded(1));
    full.put(1).unwrap();
    std::thread::scope(|scope| {
        let takers = [0, 1].map(|_| scope.spawn(|| empty.get()));
        let putters = [0, 1].map(|_| scope.spawn(|| full.put(2)));
        // With both orders of the close and of the wait this has to end.
        std::thread::yield_now();
        empty.close();
        full.close();
        for taker in takers {
            assert!(matches!(taker.join().unwrap(), Err(GetError::Closed { .. })));
        }
        for putter in putters {
            assert!(matches!(putter.join().unwrap(), Err(PutError::Closed { .. })));
        }
    });
    assert_eq!(full.all(), [1]);
}

fn who_waits_for_room_gets_it<Q: Numbers>() {
    let queue = Q::bounded(1);
    queue.put(0).unwrap();
    let is_put = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            queue.put_timeout(1, LIMIT).unwrap();
            is_put.store(true, SeqCst);
        });
        assert!(!is_put.load(SeqCst), "there is no room");
        assert_eq!(queue.get().unwrap(), 0);
        assert_eq!(queue.get_timeout(LIMIT).unwrap(), 1);
    });
}

fn every_value_goes_to_one_of_many_takers<Q: Numbers>() {
    const EACH: u64 = 50_000;
    for limit in [0, 1, 64] {
        let queue = if limit == 0 { Q::growing() } else { Q::bounded(limit) };
        let each = if limit == 1 { EACH / 10 } else { EACH };
        let mut taken: Vec<u64> = std::thread::scope(|scope| {
            let takers = [0, 1, 2].map(|_| scope.spawn(|| queue.all()));
            let makers = [0, 1, 2].map(|maker| {
                let queue = &queue;
                scope.spawn(move || (0..each).for_each(|n| queue.put(maker * each + n).unwrap()))
            });
            makers.into_iter().for_each(|maker| maker.join().unwrap());
            queue.close();
            let taken = takers.map(|taker| taker.join().unwrap());
            for of_one in &taken {
                for maker in 0..3 {
                    let range = maker * each..(maker + 1) * each;
                    assert!(
                        of_one.iter().filter(|number| range.contains(number)).is_sorted(),
                        "out of order"
                    );
                }
            }
            taken.concat()
        });
        taken.sort_unstable();
        assert!(taken.into_iter().eq(0..3 * each), "limit {limit}: a value was lost or came twice");
    }
}

fn errors_name_the_queue_and_say_what_to_do<Q: Numbers>() {
    let queue = Q::bounded(1);
    let empty = queue.try_get().unwrap_err().to_string();
    queue.put(1).unwrap();
    let full = queue.try_put(1).unwrap_err().to_string();
    queue.close();
    let closed = queue.put(1).unwrap_err().to_string();
    let name = full.split(" is full").next().unwrap();
    assert!(name.starts_with("queue ") && name.split(' ').nth(1).unwrap().parse::<u32>().is_ok(), "{full}");
    assert!(full.ends_with("take some out, or allow more time"), "{full}");
    assert!(empty.starts_with(name) && empty.ends_with("close it when nothing more comes"), "{empty}");
    assert!(closed.starts_with(name) && closed.contains("is closed"), "{closed}");
}

fn one_can_iterate_over_what_is_there_and_what_will_come<Q: Numbers>() {
    let queue = Q::growing();
    assert_eq!(queue.all_now(), []);
    (0..3).for_each(|number| queue.put(number).unwrap());
    assert_eq!(queue.all_now(), [0, 1, 2]);
    let taker = std::thread::spawn({
        let queue = queue.clone();
        move || queue.rest()
    });
    (3..6).for_each(|number| queue.put(number).unwrap());
    queue.close();
    assert_eq!(taker.join().unwrap(), [3, 4, 5]);
    assert_eq!((queue.all(), queue.all_now()), (vec![], vec![]));
}

/// A number that is refused when it is read, if it is odd.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "u64", into = "u64")]
struct Even(u64);

impl TryFrom<u64> for Even {
    type Error = String;

    fn try_from(number: u64) -> Result<Even, String> {
        if number.is_multiple_of(2) { Ok(Even(number)) } else { Err(format!("{number} is odd")) }
    }
}

impl From<Even> for u64 {
    fn from(even: Even) -> u64 {
        even.0
    }
}

#[test]
fn what_cannot_be_read_is_told_and_is_not_the_end() {
    let queue = Queue::growing().unwrap();
    let put = || [0, 1, 2, 3, 4].iter().for_each(|number| queue.put(&Even(*number)).unwrap());
    let check = |items: Vec<Result<Even, GetError>>| {
        assert_eq!(items.len(), 5);
        for (number, item) in items.into_iter().enumerate() {
            match item {
                Ok(even) => assert_eq!(even, Even(number as u64)),
                Err(GetError::Decode { reason, .. }) => {
                    assert!(reason.contains("odd") || number % 2 == 1, "{reason}")
                }
                Err(error) => panic!("{error}"),
            }
        }
    };
    put();
    check(queue.try_iter().collect());
    put();
    queue.close();
    check(queue.iter().collect());
    assert_eq!(queue.iter().count(), 0);
    let queue = Queue::growing().unwrap();
    [0, 1, 2, 3, 4].iter().for_each(|number| queue.put(&Even(*number)).unwrap());
    queue.close();
    check(queue.into_iter().collect());
}

#[test]
fn within_a_process_values_are_moved_and_come_back_when_refused() {
    let queue = Queue::bounded_in_process(1);
    let (first, second) = (Box::new(1), Box::new(2));
    let (at_first, at_second) = (std::ptr::from_ref(&*first), std::ptr::from_ref(&*second));
    queue.put(first).unwrap();
    let refused = queue.try_put(second).unwrap_err();
    assert!(matches!(refused.reason(), PutError::Full { .. }) && refused.to_string().contains("is full"));
    assert!(std::ptr::eq(&*refused.into_inner(), at_second));
    assert!(std::ptr::eq(&*queue.get().unwrap(), at_first));
    queue.close();
    assert_eq!(*queue.put(Box::new(3)).unwrap_err().into_inner(), 3);
}

#[test]
fn within_a_process_what_was_taken_can_be_reported_done() {
    let queue = Queue::in_process();
    queue.join();
    (0..1000).for_each(|number| queue.put(number).unwrap());
    assert!(queue.join_timeout(SOON).is_err());
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| queue.iter().flatten().for_each(|_| queue.task_done().unwrap()));
        }
        queue.join();
        assert_eq!(queue.len(), 0);
        queue.close();
    });
    let error = queue.task_done().unwrap_err();
    assert!(error.to_string().contains("more items"), "{error}");
    queue.join();
}

#[test]
fn within_a_process_what_is_left_goes_with_the_last_reference() {
    let item = std::sync::Arc::new(());
    let queue = Queue::in_process();
    let other = queue.clone();
    queue.put(item.clone()).unwrap();
    drop(queue);
    assert_eq!(std::sync::Arc::strong_count(&item), 2);
    drop(other);
    assert_eq!(std::sync::Arc::strong_count(&item), 1);
}
