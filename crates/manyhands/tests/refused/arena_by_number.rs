//! What stands in shared memory is reached by what owns it, not by a number.

use manyhands::arena::{Arena, Handle, Kind, Object};

fn main() {
    let arena = Arena::get().unwrap();
    let block = arena.claim_block(100).unwrap();
    let _ = arena.take_block(block.id(), 100);
    arena.free_block(block.id());
    let _: &'static u64 = Object::attach(Handle::from_raw(1), Kind::LOCK).unwrap().body();
    let _ = manyhands::platform::wipe::word(0);
}
