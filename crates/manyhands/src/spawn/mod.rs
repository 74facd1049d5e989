//! Processes: how they start, which ones end together, how their end is noticed.
//!
//! A process is started by a *zygote* (a small process that is cloned), by exec, or by fork; in each case its parent is
//! the process that asked. What runs in it is a function of the same program ([`Entry`]). A *supervisor* is a zygote,
//! or a template forked from the program; it starts processes on request and keeps the workers of pools at their
//! number. The *reaper* notices deaths, sweeps, and ends the processes that must end with a parent. This layer knows no
//! pool: what it must know of one it gets through [`Supervised`].
//!
//! ```text
//! process, thread, entry    what a Rust program starts                   error     why it could not
//! start_exec, template      by exec, and by fork of the caller           birth     how a supervisor makes a child
//! zygote, handover          the program, diverted before `main`          inherit   what a child inherits
//! supervisor, request       a supervisor as its owner sees it            serve     its loop
//! workers, setbacks         a pool's workers at their number             reaper/   the process that notices deaths
//! started, children, here   a child, all of them, helpers                own       what a fork's child must not keep
//! child, leaving            what runs in a child, and what is done at one's own end
//! socket_name               a name that goes with the last process that has it
//! ```

mod birth;
mod child;
mod children;
pub mod entry;
mod error;
mod handover;
mod here;
mod inherit;
mod leaving;
mod own;
mod process;
pub mod reaper;
mod request;
mod serve;
mod setbacks;
mod socket_name;
mod start_exec;
mod started;
mod supervisor;
mod template;
mod thread;
mod workers;
mod zygote;

pub use birth::{Forking, Loaded, is_single_threaded};
pub use entry::{Entry, EntryError, Failure};
pub use error::{ProcessError, StartError};
#[doc(hidden)]
pub use handover::VARIABLE as HANDOVER;
pub use handover::{Inherited, Part, Program};
pub use inherit::{Inheritance, ignored_signals};
pub use process::{Builder, Process, StartMethod};
pub use request::{Instruction, Order, Predecessor, Share, StartRequest};
pub use serve::{Requester, Served, serve};
pub use setbacks::Setbacks;
pub(crate) use socket_name::LAYER;
pub use socket_name::{SocketFolder, SocketName};
pub use start_exec::start as start_exec;
pub use started::Started;
pub use supervisor::{Refusal, Supervisor};
pub use template::{Forked, ForkedSupervisor, fork_process, fork_supervisor};
pub use thread::{NewThread, Thread, ThreadBuilder, ThreadError, ThreadState};
pub(crate) use workers::OfAPool;
pub use workers::{Ended, FRUITLESS, MakeSupervised, Supervised};
pub use zygote::{start_through_zygote, zygote, zygote_of};
