//! The compiled half of the Python package: `manyhands._engine`.
//!
//! Each file is one group of names:
//!
//! * `lock`, `condition`, `semaphore`, `event`, `barrier`, `queue`, `banker`: what processes share;
//! * `threading`, `thread_queue` (with `items`, the objects that wait in it): the same for the threads of one process;
//! * `queue_reader`: descriptors for queues between processes, and waiting for several; `tally`: who has taken what;
//! * `own_hold`: what a fork copies of a lock; `guarded`: attributes of values in shared memory;
//! * `lease`, `pipe`: whether a manager is there, and how it is called;
//! * `child` (processes that this one starts), `process` (this one), `socket_name` (what goes with it);
//! * `pool`, `futures`, `thread_pool`; `answer` (the state of an answer to come, which results and futures share);
//! * `value` (what travels without pickle), `pickled` (what pickle ships), `errors` (the engine's as exceptions);
//! * `as_made` (classes whose methods a program may replace), `later` (what is there once `__init__` has run),
//!   `patience` (time-outs), `command` (subcommands of the command line).
//!
//! The crate translates and decides nothing: the engine is the crate `manyhands`. All unsafe code, which the
//! interpreter's raw interface needs, is in `ffi`.

mod answer;
mod as_made;
mod banker;
mod barrier;
mod child;
mod command;
mod condition;
mod errors;
mod event;
mod ffi;
mod futures;
mod guarded;
mod items;
mod later;
mod lease;
mod lock;
mod own_hold;
mod patience;
mod pickled;
mod pipe;
mod pool;
mod process;
mod queue;
mod queue_reader;
mod semaphore;
mod socket_name;
mod tally;
mod thread_pool;
mod thread_queue;
mod threading;
mod value;

use pyo3::prelude::*;

/// The functions and classes that the Python package uses; private to it.
#[pymodule(gil_used = false)]
mod _engine {
    use pyo3::prelude::*;
    use pyo3::types::PyString;

    #[pymodule_export]
    use super::as_made::{note_future_class, note_queue_class};
    #[pymodule_export]
    use super::banker::{Banker, Claim};
    #[pymodule_export]
    use super::barrier::Barrier;
    #[pymodule_export]
    use super::child::{
        Child, exec_child, fork_child, is_stranger, serve_zygote, take_request, zygote_child,
    };
    #[pymodule_export]
    use super::command::command_line;
    #[pymodule_export]
    use super::condition::Condition;
    #[pymodule_export]
    use super::errors::raised_refused_by;
    #[pymodule_export]
    use super::event::Event;
    #[pymodule_export]
    use super::ffi::{SharedBuffer, SharedMemory, note_shared, read_message, write_message};
    #[pymodule_export]
    use super::ffi::{keep_own_waits, kept_code, learn_places, mark_of_code, trust_with, waits_for};
    #[pymodule_export]
    use super::futures::Future;
    #[pymodule_export]
    use super::guarded::GuardedAttribute;
    #[pymodule_export]
    use super::lease::Lease;
    #[pymodule_export]
    use super::lock::{Lock, RLock};
    #[pymodule_export]
    use super::pipe::PipeEnd;
    #[pymodule_export]
    use super::pool::{AsyncResult, ExecutorBase, HasWorkers, MapResult, PoolBase, PoolCore, Worker};
    #[pymodule_export]
    use super::process::{
        count_thread, count_threads, environment, ignored_signals, leave, leave_note, own_name, set_own_name,
        statistics,
    };
    #[pymodule_export]
    use super::queue::{Queue, SimpleQueue};
    #[pymodule_export]
    use super::queue_reader::{QueueReader, Readiness, wait_for_queues};
    #[pymodule_export]
    use super::semaphore::Semaphore;
    #[pymodule_export]
    use super::socket_name::{SocketFolder, SocketName};
    #[pymodule_export]
    use super::tally::Tally;
    #[pymodule_export]
    use super::thread_pool::{ThreadPool, ThreadPoolCore, ThreadWorker};
    #[pymodule_export]
    use super::thread_queue::{ThreadQueue, ThreadSimpleQueue};
    #[pymodule_export]
    use super::threading::{
        ThreadBarrier, ThreadCondition, ThreadEvent, ThreadLife, ThreadSemaphore, enter_thread, kernel_state,
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("ThreadLock", module.py().get_type::<super::threading::ThreadLock>())?;
        module.add("ThreadRLock", module.py().get_type::<super::threading::ThreadRLock>())?;
        super::ffi::install_with::<Lock>(&module.py().get_type::<Lock>())?;
        super::ffi::install_with::<RLock>(&module.py().get_type::<RLock>())?;
        super::ffi::install_queue::<ThreadQueue>(&module.py().get_type::<ThreadQueue>())?;
        super::ffi::install_queue::<ThreadSimpleQueue>(&module.py().get_type::<ThreadSimpleQueue>())?;
        // These classes are written in Python in the standard library; this is what they are called there.
        let py = module.py();
        for (class, name, place) in [
            (py.get_type::<ThreadQueue>(), "Queue", "queue"),
            (py.get_type::<ThreadCondition>(), "Condition", "threading"),
            (py.get_type::<ThreadSemaphore>(), "Semaphore", "threading"),
            (py.get_type::<ThreadEvent>(), "Event", "threading"),
            (py.get_type::<ThreadBarrier>(), "Barrier", "threading"),
            (py.get_type::<Future>(), "Future", "concurrent.futures._base"),
            (py.get_type::<ThreadPool>(), "ThreadPoolExecutor", "concurrent.futures.thread"),
            (py.get_type::<ExecutorBase>(), "ProcessPoolExecutor", "concurrent.futures.process"),
            (py.get_type::<PoolBase>(), "Pool", "multiprocessing.pool"),
            (py.get_type::<AsyncResult>(), "ApplyResult", "multiprocessing.pool"),
            (py.get_type::<Queue>(), "Queue", "multiprocessing.queues"),
            (py.get_type::<SimpleQueue>(), "SimpleQueue", "multiprocessing.queues"),
            (py.get_type::<Condition>(), "Condition", "multiprocessing.synchronize"),
            (py.get_type::<Event>(), "Event", "multiprocessing.synchronize"),
            (py.get_type::<Barrier>(), "Barrier", "multiprocessing.synchronize"),
        ] {
            super::ffi::look_like_functions(&class, &PyString::new(py, name), &PyString::new(py, place))?;
        }
        // Classes that take a parameter in annotations.
        for class in [
            py.get_type::<Future>(),
            py.get_type::<AsyncResult>(),
            py.get_type::<Queue>(),
            py.get_type::<SimpleQueue>(),
            py.get_type::<ThreadQueue>(),
            py.get_type::<ThreadSimpleQueue>(),
        ] {
            class.setattr("__class_getitem__", super::value::generic(py)?)?;
        }
        // The engine took the variable out of the C library's environment when the module was loaded. The interpreter
        // still has its copy of it.
        if let Ok(os) = py.import("sys")?.getattr("modules")?.get_item("os") {
            os.getattr("environ")?.call_method1("pop", (manyhands::spawn::HANDOVER, py.None()))?;
        }
        super::ffi::prepare_forks(module.py(), &module.getattr("keep_own_waits")?)?;
        super::threading::prepare(module)
    }
}
