//! Global allocator: what is freed while an extension is built is wiped, because the whole memory
//! becomes its snapshot.
#![expect(
    unsafe_code,
    reason = "an allocator works on raw memory; a bug here stays inside the guest's own sandbox"
)]

use crate::stage;
use core::alloc::{GlobalAlloc, Layout};
use talc::wasm::{WasmDynamicTalc, new_wasm_dynamic_allocator};

struct Wiping(WasmDynamicTalc);

#[global_allocator]
static ALLOCATOR: Wiping = Wiping(new_wasm_dynamic_allocator());

// SAFETY: all calls are passed on; bytes are written only in blocks that the caller gives back.
unsafe impl GlobalAlloc for Wiping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as required of the caller.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller gives back a block of this layout.
        unsafe {
            if !stage::is_executing() {
                block.write_bytes(0, layout.size());
            }
            self.0.dealloc(block, layout);
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as required of the caller; a block that is copied is wiped by `dealloc`.
        unsafe {
            if stage::is_executing() {
                return self.0.realloc(block, layout, size);
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
