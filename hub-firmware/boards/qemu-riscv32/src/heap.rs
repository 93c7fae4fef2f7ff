//! The heap, and how much of it the program uses.

// Sound: the allocator forwards to `embedded-alloc` and only counts beside it; `init` gives it
// the linker's heap region, which nothing else uses.
#![allow(unsafe_code)]

use core::{
    alloc::{GlobalAlloc, Layout},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use embedded_alloc::LlffHeap;

use crate::layout;

#[global_allocator]
static HEAP: Counting = Counting(LlffHeap::empty());

static USED: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

static SIZE: AtomicUsize = AtomicUsize::new(0);

/// Hands the heap its memory, or only half of it. Call it once, before the first allocation.
pub(crate) fn init(halved: bool) {
    let region = layout::heap();
    let size = if halved { region.len() / 2 } else { region.len() };
    SIZE.store(size, Relaxed);
    unsafe { HEAP.0.init(region.start, size) }
}

/// The bytes there are.
pub(crate) fn size() -> usize {
    SIZE.load(Relaxed)
}

/// The bytes in use, as the program asked for them: what the allocator adds is not counted.
pub(crate) fn used() -> usize {
    USED.load(Relaxed)
}

/// The most bytes that were in use at once, since boot or the last [`reset_peak`].
pub(crate) fn peak() -> usize {
    PEAK.load(Relaxed)
}

/// How many allocations were made since boot.
pub(crate) fn allocations() -> usize {
    ALLOCATIONS.load(Relaxed)
}

/// Makes [`peak`] start again from what is in use now.
pub(crate) fn reset_peak() {
    PEAK.store(used(), Relaxed);
}

struct Counting(LlffHeap);

// The provided `realloc` and `alloc_zeroed` come back to these two, so nothing goes uncounted.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let memory = unsafe { self.0.alloc(layout) };
        if !memory.is_null() {
            ALLOCATIONS.fetch_add(1, Relaxed);
            let used = USED.fetch_add(layout.size(), Relaxed) + layout.size();
            PEAK.fetch_max(used, Relaxed);
        }
        memory
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Relaxed);
        unsafe { self.0.dealloc(memory, layout) }
    }
}
