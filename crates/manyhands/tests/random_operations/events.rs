//! Events: set or not; setting one releases all who are blocked, also when it is cleared at once.

use manyhands::platform::Deadline;
use manyhands::sync::{Blocking, RawEvent};
use std::time::Duration;

use super::play::{Play, ok};

pub fn play(play: &mut Play, event: &'static RawEvent) {
    let waiters = || event.statistics().waiters;
    let mut is_set = false;
    while let Some(step) = play.next(9) {
        match step {
            (0..4, Some(actor)) => {
                play.ask_or_block((actor, "wait", !is_set), waiters, || ok(event.wait(None, &Blocking)));
            }
            (4, Some(actor)) => {
                let at_once = Deadline::after(Duration::ZERO);
                let got = play.ask(actor, move || ok(event.wait(at_once, &Blocking)));
                play.expect("wait in no time", got.is_ok(), is_set);
            }
            (5, _) => play.expect("is_set", event.is_set(), is_set),
            (6, _) => {
                event.clear();
                is_set = false;
            }
            (choice @ 7.., _) | (choice, None) => {
                event.set();
                is_set = choice != 8;
                if !is_set {
                    event.clear();
                }
                let blocked = play.blocked().len();
                for (_, answer) in play.released(blocked) {
                    play.expect("a wait", answer, Ok(0));
                }
            }
        }
    }
    event.set();
    let blocked = play.blocked().len();
    play.released(blocked);
}
