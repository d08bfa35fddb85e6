//! Global allocator of extensions.
//!
//! Rust's default allocator for this target grows the memory at its first allocation, in every
//! request, which costs the host two system calls. This one starts in a region that is part of the
//! component's initial memory and grows the memory only when that region is exhausted.
#![expect(
    unsafe_code,
    reason = "an allocator works on raw memory; a bug here stays inside the guest's own sandbox"
)]

use core::alloc::Layout;
use core::arch::wasm32;
use talc::base::Talc;
use talc::base::binning::Binning;
use talc::cell::TalcSyncCell;
use talc::source::Source;
use talc::wasm::WasmBinning;

/// Bytes of the initial region: enough for a typical request.
const INITIAL_BYTES: usize = 32 * 1024;
/// Bytes of a page of linear memory (WebAssembly core specification, 4.2.8).
const PAGE_BYTES: usize = 64 * 1024;
/// Upper bound of the allocator's own metadata beside an allocation.
const RECORDS_BYTES: usize = 4 * 1024;

#[global_allocator]
static ALLOCATOR: TalcSyncCell<InitialThenGrow, WasmBinning> =
    TalcSyncCell::new_wasm(InitialThenGrow { has_initial: true });

static mut INITIAL: [u8; INITIAL_BYTES] = [0; INITIAL_BYTES];

/// Source of memory for the allocator: first the initial region, then pages from the host.
#[derive(Debug)]
struct InitialThenGrow {
    has_initial: bool,
}

// SAFETY: `acquire` works on the allocator passed to it and allocates nothing itself.
unsafe impl Source for InitialThenGrow {
    fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
        if core::mem::take(&mut talc.source.has_initial) {
            // SAFETY: the region is referenced only here and claimed once.
            return unsafe { talc.claim((&raw mut INITIAL).cast(), INITIAL_BYTES) }
                .map(|_| ())
                .ok_or(());
        }
        let needed = layout
            .size()
            .saturating_add(layout.align())
            .saturating_add(RECORDS_BYTES);
        let pages = needed.div_ceil(PAGE_BYTES);
        let before = wasm32::memory_grow::<0>(pages);
        if before == usize::MAX {
            return Err(());
        }
        // SAFETY: `memory_grow` has just created these pages; no other code has their address.
        unsafe { talc.claim((before * PAGE_BYTES) as *mut u8, pages * PAGE_BYTES) }
            .map(|_| ())
            .ok_or(())
    }
}
