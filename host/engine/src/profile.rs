//! Samples of guests: where the executions of one install spend their time.

use crate::ticker::TICK;
use fxprof_processed_profile::{
    CategoryHandle, Frame, FrameFlags, FrameInfo, ProcessHandle, Profile, ReferenceTimestamp, SamplingInterval,
    StringHandle, ThreadHandle, Timestamp,
};
use rustc_demangle::demangle;
use std::collections::HashMap;
use std::fmt::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime};
use wasmtime::{AsContext, WasmBacktrace};

/// Samples of a profile: 10 s of two guests that compute all the time. A sample of the deepest
/// stack needs a kB.
const SAMPLES: usize = 20_000;
/// Functions whose names are stored; all others have one name together.
const FUNCTIONS: usize = 10_000;
/// Characters of a function's name: names come from the guest.
const NAME_CHARACTERS: usize = 256;
const OTHERS: &str = "(other functions)";

/// Samples of guests, while they are recorded.
///
/// A guest is sampled at every tick of the epoch at which its own code runs. Only its functions
/// are in the profile: no address and no function of the host.
pub struct GuestProfile(Mutex<Option<Recording>>);

/// A finished profile.
#[derive(Debug, Default)]
pub struct FinishedProfile {
    /// The profile, as JSON of the Firefox Profiler.
    pub json: Vec<u8>,
    /// Number of samples in it.
    pub samples: usize,
    /// Number of samples that were left out, because there were too many.
    pub left_out: u64,
}

struct Recording {
    profile: Profile,
    process: ProcessHandle,
    thread: ThreadHandle,
    names: HashMap<Function, StringHandle>,
    others: StringHandle,
    started: Instant,
    samples: usize,
    left_out: u64,
}

/// The function of a frame: the address of its machine code, its place in its module, its index.
type Function = (usize, usize, u32);

impl GuestProfile {
    /// Starts a profile with the name of what is profiled.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let started = Timestamp::from_nanos_since_reference(0);
        let now = ReferenceTimestamp::from_system_time(SystemTime::now());
        let tick = u64::try_from(TICK.as_nanos()).unwrap_or(u64::MAX);
        let mut profile = Profile::new(name, now, SamplingInterval::from_nanos(tick));
        // Frames have names: a viewer has nothing to look up.
        profile.set_symbolicated(true);
        let process = profile.add_process(name, 0, started);
        let thread = profile.add_thread(process, 0, started, true);
        let others = profile.intern_string(OTHERS);
        Self(Mutex::new(Some(Recording {
            profile,
            process,
            thread,
            names: HashMap::new(),
            others,
            started: Instant::now(),
            samples: 0,
            left_out: 0,
        })))
    }

    /// Adds the present stack of a guest.
    pub(crate) fn sample(&self, store: impl AsContext) {
        let stack = WasmBacktrace::force_capture(store);
        // No step under this lock panics.
        if let Some(recording) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            recording.add(&stack);
        }
    }

    /// Ends the profile and returns it; a profile that has ended is empty.
    ///
    /// # Errors
    /// Returns the error of writing JSON, which no profile causes.
    pub fn finish(&self) -> serde_json::Result<FinishedProfile> {
        // Guests that are still sampled do not wait while the profile is written.
        let recording = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut recording) = recording else {
            return Ok(FinishedProfile::default());
        };
        let now = recording.now();
        recording.profile.set_thread_end_time(recording.thread, now);
        recording.profile.set_process_end_time(recording.process, now);
        Ok(FinishedProfile {
            json: serde_json::to_vec(&recording.profile)?,
            samples: recording.samples,
            left_out: recording.left_out,
        })
    }
}

impl Recording {
    fn now(&self) -> Timestamp {
        let nanoseconds = self.started.elapsed().as_nanos();
        Timestamp::from_nanos_since_reference(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }

    fn add(&mut self, stack: &WasmBacktrace) {
        if self.samples == SAMPLES {
            self.left_out += 1;
            return;
        }
        // Callers come first.
        let names: Vec<_> = stack.frames().iter().rev().map(|frame| self.name(frame)).collect();
        let frames = names.into_iter().map(|name| FrameInfo {
            frame: Frame::Label(name),
            category_pair: CategoryHandle::OTHER.into(),
            flags: FrameFlags::empty(),
        });
        let stack = self.profile.intern_stack_frames(self.thread, frames);
        let now = self.now();
        self.profile.add_sample(self.thread, now, stack, TICK.into(), 1);
        self.samples += 1;
    }

    fn name(&mut self, frame: &wasmtime::FrameInfo) -> StringHandle {
        let module = frame.module();
        let start = frame.module_offset().zip(frame.func_offset());
        let start = start.map_or(0, |(instruction, within)| instruction.saturating_sub(within));
        let function = (module.text().as_ptr().addr(), start, frame.func_index());
        // It ends early when the name is full.
        self.named(function, |name| match frame.func_name() {
            Some(text) => write!(name, "{:#}", demangle(text)),
            None => {
                let module = module.name().unwrap_or("module");
                write!(name, "{module} function {}", frame.func_index())
            }
        })
    }

    /// Returns the name of a function, which is written when it is seen for the first time.
    fn named(&mut self, function: Function, write: impl FnOnce(&mut ShortName) -> fmt::Result) -> StringHandle {
        if let Some(name) = self.names.get(&function) {
            return *name;
        }
        if self.names.len() == FUNCTIONS {
            return self.others;
        }
        let mut name = ShortName::default();
        write(&mut name).ok();
        let name = self.profile.intern_string(&name.0);
        self.names.insert(function, name);
        name
    }
}

/// A name of limited length. Writing ends with an error when it is full: demangling makes up to a
/// megabyte of a few hundred bytes, which a guest can choose.
#[derive(Default)]
struct ShortName(String);

impl Write for ShortName {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let left = NAME_CHARACTERS.saturating_sub(self.0.chars().count());
        self.0.extend(text.chars().take(left));
        if text.chars().nth(left).is_some() {
            return Err(fmt::Error);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_beyond_the_limit_are_counted_and_a_profile_ends_once() {
        let engine = wasmtime::Engine::default();
        let store = wasmtime::Store::new(&engine, ());
        let profile = GuestProfile::new("a");
        (0..SAMPLES + 3).for_each(|_| profile.sample(&store));
        let finished = profile.finish().unwrap();
        assert_eq!((finished.samples, finished.left_out), (SAMPLES, 3));
        profile.sample(&store);
        assert_eq!(profile.finish().unwrap().samples, 0);
    }

    #[test]
    fn functions_beyond_the_limit_have_one_name_together() {
        let profile = GuestProfile::new("a");
        let mut recording = profile.0.lock().unwrap().take().unwrap();
        let mut name = |place| recording.named((place, 0, 0), |name| write!(name, "f{place}"));
        let names: Vec<_> = (0..FUNCTIONS + 2).map(&mut name).collect();
        assert_eq!(name(FUNCTIONS - 1), names[FUNCTIONS - 1]);
        let others = recording.others;
        let with_others = names.iter().filter(|name| **name == others).count();
        assert_eq!((with_others, recording.names.len()), (2, FUNCTIONS));
    }

    #[test]
    fn writing_a_name_ends_when_it_is_full() {
        let mut name = ShortName::default();
        assert!(write!(name, "{}", "é".repeat(NAME_CHARACTERS)).is_ok());
        assert!(write!(name, "one more").is_err());
        assert_eq!(name.0.chars().count(), NAME_CHARACTERS);
        let mut name = ShortName::default();
        write!(name, "{:#}", demangle("_ZN5traps6handle17h0123456789abcdefE")).unwrap();
        assert_eq!(name.0, "traps::handle");
    }
}
