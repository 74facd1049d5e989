//! A tally in the arena, for bindings to other languages.
//!
//! A process counts what it has; when it is killed, that is lost, and its name is known. What a process had that ended
//! in good order is forgotten.

use super::word::Records;
use crate::arena::{Arena, ArenaError, Dead, Handle, KeptBlock, Kind, Object, Shared, keep, this_process};
use crate::platform::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::sync::lock::holder::{DeadOwner, DeadRecord};

/// How many processes a tally can count for at a time.
const RECORDS: usize = 256;

/// The body of a tally.
#[repr(C)]
pub(in crate::sync) struct TallyBody {
    /// The killed process that the record of the dead is about; 0 for none.
    named: AtomicU32,
    unused: AtomicU32,
    pub(in crate::sync) block: KeptBlock,
    dead: DeadRecord,
}

// SAFETY: repr(C), atomics only.
unsafe impl Shared for TallyBody {}

impl TallyBody {
    fn records(&'static self, arena: &Arena) -> Result<Records<'static>, ArenaError> {
        self.block.records(arena, RECORDS).map(Records)
    }

    /// A sweep's part for one tally.
    pub(in crate::sync) fn sweep(&'static self, arena: &Arena, dead: &Dead) -> Result<(), ArenaError> {
        let (records, owner) = (self.records(arena)?, dead.process.raw());
        // Named first, while it has something: a sweeper that is killed in between leaves both to be done again.
        if !dead.clean && records.has(owner) {
            let named = self.named.compare_exchange(0, owner, Ordering::AcqRel, Ordering::Acquire);
            if named.is_ok() || named == Err(owner) {
                self.dead.write(arena, owner, dead);
            }
        }
        records.sweep(owner, !dead.clean);
        Ok(())
    }
}

/// What killed processes had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// How much, together.
    pub count: u32,
    /// The first of them.
    pub first: DeadOwner,
}

/// A reference to a tally.
pub struct RawTally {
    object: Object,
    records: Records<'static>,
    /// Where this process's record was last.
    hint: AtomicU32,
}

impl RawTally {
    /// A tally of nothing.
    ///
    /// # Errors
    /// When the arena has no room for it, or there is no arena and none can be made.
    pub fn new() -> Result<RawTally, ArenaError> {
        let arena = Arena::get()?;
        let mut block = arena.claim_structure(RECORDS * size_of::<AtomicU64>())?;
        block.fill(0);
        let block = Some(block);
        let object = Object::create::<TallyBody>(Kind::TALLY, |_, body| {
            body.block.name(block.as_ref());
            Ok(())
        })?;
        keep(arena, block)?;
        RawTally::from_object(arena, object)
    }

    /// The tally that a handle names.
    ///
    /// # Errors
    /// When it is gone or no tally, or this process has no address space left for it.
    pub fn attach(handle: Handle) -> Result<RawTally, ArenaError> {
        RawTally::from_object(Arena::get()?, Object::attach(handle, Kind::TALLY)?)
    }

    fn from_object(arena: &Arena, object: Object) -> Result<RawTally, ArenaError> {
        let body: &'static TallyBody = object.body();
        Ok(RawTally { records: body.records(arena)?, object, hint: AtomicU32::new(0) })
    }

    /// What names the tally to other processes; it keeps nothing alive.
    pub fn handle(&self) -> Handle {
        self.object.handle()
    }

    /// The calling process has one more. It is not counted when 256 other processes count here.
    #[inline]
    pub fn add(&self) {
        if let Ok(process) = this_process() {
            self.records.add(process.raw(), &self.hint);
        }
    }

    /// There is one less: of what the calling process has, or else of what is lost, or else of what any other has.
    #[inline]
    pub fn subtract(&self) {
        let owner = this_process().map_or(0, |process| process.raw());
        self.records.subtract(owner, &self.hint);
        let named = &self.object.body::<TallyBody>().named;
        if named.load(Ordering::Relaxed) != 0 && self.records.lost() == 0 {
            // The next one that is killed is named.
            named.store(0, Ordering::Release);
        }
    }

    /// What killed processes had, as far as their ends have been noticed.
    pub fn lost(&self) -> Option<Lost> {
        let count = self.records.lost();
        let body: &'static TallyBody = self.object.body();
        (count > 0).then(|| Lost { count, first: body.dead.read(body.named.load(Ordering::Acquire)) })
    }
}

impl std::fmt::Debug for RawTally {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("RawTally").field("lost", &self.lost()).finish_non_exhaustive()
    }
}
