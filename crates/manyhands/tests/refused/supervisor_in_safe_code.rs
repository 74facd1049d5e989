//! A process is copied, and its environment taken apart, only where somebody answers for its other threads.

use manyhands::spawn::{Forking, Inherited, serve};

struct Plain;

impl Forking for Plain {
    fn may_clone_raw(&self) -> bool {
        false
    }
}

fn main() {
    if let Ok(Some(inherited)) = Inherited::take() {
        let _ = serve(inherited.requester, &mut Plain, manyhands::MAKE_SUPERVISED);
    }
}
