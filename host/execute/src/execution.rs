//! An execution in progress, in its request's task or on the guest threads.

use crate::Usage;
use alga_errors::Problem;
use std::fmt;
use std::future::pending;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tracing::{Instrument, Span};

/// The end of an execution: its usage, and the failure that made its response incomplete.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) usage: Usage,
    pub(crate) result: Result<(), Problem>,
}

type Work = Pin<Box<dyn Future<Output = Ended> + Send>>;

/// An execution in progress. It owns everything that it uses, so that it can move to another task;
/// dropping it cancels the guest.
pub(crate) struct Execution {
    place: Place,
    threads: Handle,
    /// True if it is moved when its guest computes for longer than a slice.
    may_move: bool,
}

enum Place {
    /// Polled by the request's task.
    Here(Work),
    /// A task of its own on the guest threads.
    There(JoinHandle<Ended>),
}

impl Execution {
    pub(crate) fn new(work: impl Future<Output = Ended> + Send + 'static, threads: Handle, may_move: bool) -> Self {
        Self {
            place: Place::Here(Box::pin(work)),
            threads,
            may_move,
        }
    }

    /// Moves the execution to the guest threads, unless it is there.
    pub(crate) fn move_there(&mut self) {
        if let Place::Here(work) = &mut self.place {
            let work = std::mem::replace(work, Box::pin(pending()));
            self.place = Place::There(self.threads.spawn(work.instrument(Span::current())));
        }
    }

    /// Moves an execution whose guest computes, if there are threads for it; returns true if it was
    /// moved.
    pub(crate) fn move_if_allowed(&mut self) -> bool {
        let moves = self.may_move && !self.is_there();
        if moves {
            self.move_there();
        }
        moves
    }

    pub(crate) fn is_there(&self) -> bool {
        matches!(self.place, Place::There(_))
    }

    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Ended> {
        match &mut self.place {
            Place::Here(work) => work.as_mut().poll(context),
            Place::There(task) => Pin::new(task).poll(context).map(|ended| {
                ended.unwrap_or_else(|error| Ended {
                    usage: Default::default(),
                    result: Err(Problem::internal(error)),
                })
            }),
        }
    }

    /// Lets the execution continue after its response is complete.
    pub(crate) fn detach(mut self) {
        self.move_there();
        self.place = Place::Here(Box::pin(pending()));
    }
}

impl fmt::Debug for Execution {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Execution")
            .field("is_there", &self.is_there())
            .finish()
    }
}

impl Drop for Execution {
    fn drop(&mut self) {
        if let Place::There(task) = &self.place {
            task.abort();
        }
    }
}
