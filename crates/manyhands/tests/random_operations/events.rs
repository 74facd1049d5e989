//! Events: set or not; setting one releases all who are blocked, also when it is cleared at once.

use manyhands::platform::Deadline;
use manyhands::sync::{Blocking, RawEvent};
use std::time::Duration;

use super::play::{Play, ok};

pub fn play(play: &mut Play, event: &'static RawEvent) {
    let waiters = || event.statistics().waiters;
    let mut is_set = false;
    while play.goes_on() {
        let choice = play.below(9);
        match (choice, play.idle()) {
            (0..4, Some(actor)) => {
                let order = || ok(event.wait(None, &Blocking));
                if is_set {
                    let got = play.ask(actor, order);
                    play.expect("wait", got, Ok(0));
                } else {
                    play.block(actor, waiters, order);
                }
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
            (7.., _) | (_, None) => {
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
