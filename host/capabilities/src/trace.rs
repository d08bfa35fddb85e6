//! `alga:trace`: spans and attributes of the extension in the trace of its execution. Names are
//! exported behind `extension.`, so that a guest can forge none of the host's.

pub(crate) use crate::permit_state::Service;
use crate::{ExecutionContext, StoreData};
use alga_bundle::Capability;
use alga_traces::{InnermostSpan, ParentSpan, Span, SpanKind};
use wasmtime::component::{HasSelf, Linker};

wasmtime::component::bindgen!({ path: "../../wit", world: "alga:trace/imports@1.0.0" });

use alga::trace::tracer::{self, Attribute, Error};

pub(crate) const CAPABILITY: Capability = Capability {
    name: "cap:trace.emit",
    interface: "alga:trace/tracer",
    version: (1, 0, 0),
    granted_by_default: true,
    used_by_pages: false,
    sends: false,
    promise: "spans and attributes in the execution's trace; bounded in number and size",
};

/// Maximum number of spans of an execution.
const SPANS: u32 = 64;
/// Maximum number of spans in progress at the same moment.
const IN_PROGRESS: usize = 16;
/// Maximum number of attributes of an execution.
const ATTRIBUTES: usize = 64;
/// Maximum number of characters of a name.
const NAME_CHARACTERS: usize = 64;

/// The spans of one execution. Without a trace, they are counted only, so that a guest behaves in
/// the same way.
pub(crate) struct State {
    traced: Option<Traced>,
    in_progress: Vec<InProgress>,
    begun: u32,
    attributes: usize,
}

struct Traced {
    execution: ParentSpan,
    innermost: InnermostSpan,
}

struct InProgress {
    number: u32,
    span: Option<Span>,
}

impl State {
    pub(crate) fn new(execution_context: &ExecutionContext<'_>, _: &Service) -> Self {
        let traced = execution_context.innermost_span.map(|innermost| Traced {
            execution: innermost.place(),
            innermost: innermost.clone(),
        });
        Self {
            traced,
            in_progress: Vec::new(),
            begun: 0,
            attributes: 0,
        }
    }

    fn find(&mut self, number: u32) -> Result<&mut InProgress, Error> {
        let mut all = self.in_progress.iter_mut();
        let found = all.find(|span| span.number == number);
        found.ok_or_else(|| Error::InvalidInput("the span is not in progress".to_owned()))
    }

    /// Lets what the host does for the guest from now on appear inside the last span in progress.
    fn renew_innermost(&self) {
        let Some(traced) = &self.traced else { return };
        let last = self.in_progress.last().and_then(|last| last.span.as_ref());
        let place = last.map_or_else(|| traced.execution.clone(), Span::place);
        traced.innermost.set(place);
    }
}

pub(crate) fn link(linker: &mut Linker<StoreData>, state: fn(&mut StoreData) -> &mut State) -> wasmtime::Result<()> {
    tracer::add_to_linker::<StoreData, HasSelf<State>>(linker, state)
}

impl tracer::Host for State {
    fn traceparent(&mut self) -> Option<String> {
        let place = self.traced.as_ref()?.innermost.place();
        place.traceparent().to_str().map(ToOwned::to_owned).ok()
    }

    fn begin(&mut self, name: String, parent: Option<u32>) -> Result<u32, Error> {
        let name = exported(&name)?;
        let parent = match parent {
            Some(number) => self.find(number)?.span.as_ref().map(Span::place),
            None => self.traced.as_ref().map(|traced| traced.innermost.place()),
        };
        if self.begun == SPANS || self.in_progress.len() == IN_PROGRESS {
            return Err(Error::BudgetExhausted);
        }
        self.begun += 1;
        self.in_progress.push(InProgress {
            number: self.begun,
            span: parent.map(|parent| parent.child(name, SpanKind::Internal)),
        });
        self.renew_innermost();
        Ok(self.begun)
    }

    fn annotate(&mut self, span: Option<u32>, attributes: Vec<Attribute>) -> Result<(), Error> {
        let place = match span {
            Some(number) => self.find(number)?.span.as_ref().map(Span::place),
            None => self.traced.as_ref().map(|traced| traced.execution.clone()),
        };
        let total = self.attributes.saturating_add(attributes.len());
        if total > ATTRIBUTES {
            return Err(Error::BudgetExhausted);
        }
        let named = attributes.iter().map(|attribute| exported(&attribute.name));
        let names: Vec<String> = named.collect::<Result<_, _>>()?;
        self.attributes = total;
        if let Some(place) = place {
            for (name, attribute) in names.into_iter().zip(&attributes) {
                place.annotate(name, &attribute.value);
            }
        }
        Ok(())
    }

    fn end(&mut self, span: u32, failure: Option<String>) -> Result<(), Error> {
        let ended = self.find(span)?.span.take();
        if let Some((mut ended, failure)) = ended.zip(failure) {
            ended.fail_in_extension(&failure);
        }
        self.in_progress.retain(|other| other.number != span);
        self.renew_innermost();
        Ok(())
    }
}

/// Returns a name of the extension as it is exported.
fn exported(name: &str) -> Result<String, Error> {
    let characters = name.chars().count();
    if (1..=NAME_CHARACTERS).contains(&characters) && !name.chars().any(char::is_control) {
        return Ok(format!("extension.{name}"));
    }
    Err(Error::InvalidInput(format!(
        "a name has 1 to {NAME_CHARACTERS} characters, none of them a control character"
    )))
}
