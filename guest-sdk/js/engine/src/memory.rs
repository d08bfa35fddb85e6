//! Global allocator, in two parts. While an extension is built, what is freed is wiped, because the
//! whole memory becomes its snapshot. An execution allocates in a region of its own after the
//! snapshot: holes between the blocks of the build would spread its writes over the whole memory,
//! and the host copies each page that is written.
#![expect(
    unsafe_code,
    reason = "an allocator works on raw memory; a bug here stays inside the guest's own sandbox"
)]

use crate::stage;
use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32;
use core::sync::atomic::{AtomicUsize, Ordering};
use talc::base::Talc;
use talc::base::binning::Binning;
use talc::cell::TalcSyncCell;
use talc::source::Source;
use talc::wasm::{WasmBinning, WasmDynamicTalc, new_wasm_dynamic_allocator};

/// Bytes of a page of linear memory (WebAssembly core specification, 4.2.8).
const PAGE_BYTES: usize = 64 * 1024;
/// Pages of the region with which an execution begins, which `adapters/javascript/src/snapshot.rs`
/// reserves: most executions need no more.
const EXECUTION_PAGES: usize = 2;
/// Upper bound of the allocator's own metadata beside an allocation.
const RECORDS_BYTES: usize = 4 * 1024;

/// First address of the region of an execution; 0 while an extension is built.
static REGION: AtomicUsize = AtomicUsize::new(0);

struct Split {
    build: WasmDynamicTalc,
    execution: TalcSyncCell<RegionThenGrow, WasmBinning>,
}

#[global_allocator]
static ALLOCATOR: Split = Split {
    build: new_wasm_dynamic_allocator(),
    execution: TalcSyncCell::new_wasm(RegionThenGrow { has_region: true }),
};

/// Returns memory behind everything else, for arguments and results of the build.
pub(crate) fn scratch(bytes: usize) -> *mut u8 {
    let before = wasm32::memory_grow::<0>(bytes.div_ceil(PAGE_BYTES));
    match before {
        usize::MAX => core::ptr::null_mut(),
        pages => (pages * PAGE_BYTES) as *mut u8,
    }
}

/// Ends the build: an execution has its region at this address.
pub(crate) fn seal(address: usize) {
    REGION.store(address, Ordering::Relaxed);
}

/// Source of memory for executions: first the region, then pages from the host.
#[derive(Debug)]
struct RegionThenGrow {
    has_region: bool,
}

// SAFETY: `acquire` works on the allocator passed to it and allocates nothing itself.
unsafe impl Source for RegionThenGrow {
    fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
        let region = REGION.load(Ordering::Relaxed);
        if core::mem::take(&mut talc.source.has_region) && region != 0 {
            // SAFETY: the snapshot's memory has these pages for this purpose; they are claimed
            // once.
            return unsafe { talc.claim(region as *mut u8, EXECUTION_PAGES * PAGE_BYTES) }
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

/// Returns whether a block is one of the build.
fn is_of_build(block: *mut u8) -> bool {
    block.addr() < REGION.load(Ordering::Relaxed)
}

// SAFETY: all calls are passed on to one of two allocators, each of which gets back its own blocks,
// or none; bytes are written only in blocks that the caller gives back.
unsafe impl GlobalAlloc for Split {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as required of the caller.
        unsafe {
            match stage::is_executing() {
                true => self.execution.alloc(layout),
                false => self.build.alloc(layout),
            }
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller gives back a block of this layout.
        unsafe {
            match (stage::is_executing(), is_of_build(block)) {
                (true, false) => self.execution.dealloc(block, layout),
                // Not reused: the snapshot is not larger for it, and its page stays unwritten.
                (true, true) => {}
                (false, _) => {
                    block.write_bytes(0, layout.size());
                    self.build.dealloc(block, layout);
                }
            }
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as required of the caller; a block that is copied is given back by `dealloc`.
        unsafe {
            if stage::is_executing() && !is_of_build(block) {
                return self.execution.realloc(block, layout, size);
            }
            let Ok(wanted) = Layout::from_size_align(size, layout.align()) else {
                return core::ptr::null_mut();
            };
            let moved = self.alloc(wanted);
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(block, layout.size().min(size));
                self.dealloc(block, layout);
            }
            moved
        }
    }
}
