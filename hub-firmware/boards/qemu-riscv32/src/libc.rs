//! What mbedTLS wants from a C library. Its memory comes from the heap of this board, and counts.

// Sound: the names and signatures are C's. A block of `calloc` begins with its size, so that `free`
// can tell it to the allocator; the rest read only up to what C says, a length or a zero.
#![allow(unsafe_code)]

use alloc::alloc::{alloc_zeroed, dealloc};
use core::{
    alloc::Layout,
    ffi::{CStr, c_char, c_int, c_void},
    ptr::null_mut,
};

/// Before each block; as large as the strictest alignment.
const HEADER: usize = 8;

fn layout(size: usize) -> Option<Layout> {
    Layout::from_size_align(size.checked_add(HEADER)?, HEADER).ok()
}

#[unsafe(no_mangle)]
extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    let Some((size, layout)) = count.checked_mul(size).and_then(|size| Some((size, layout(size)?))) else {
        return null_mut();
    };
    unsafe {
        let block = alloc_zeroed(layout);
        if block.is_null() {
            return null_mut();
        }
        block.cast::<usize>().write(size);
        block.add(HEADER).cast()
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn free(memory: *mut c_void) {
    if memory.is_null() {
        return;
    }
    unsafe {
        let block = memory.cast::<u8>().sub(HEADER);
        let size = block.cast::<usize>().read();
        dealloc(block, Layout::from_size_align_unchecked(size + HEADER, HEADER));
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memchr(memory: *const c_void, byte: c_int, len: usize) -> *mut c_void {
    let from = memory.cast::<u8>().cast_mut();
    (0..len)
        .map(|at| unsafe { from.add(at) })
        .find(|at| unsafe { at.read() } == byte as u8)
        .map_or(null_mut(), <*mut u8>::cast)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn strcmp(a: *const c_char, b: *const c_char) -> c_int {
    let (a, b) = unsafe { (CStr::from_ptr(a), CStr::from_ptr(b)) };
    a.cmp(b) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn strchr(text: *const c_char, byte: c_int) -> *mut c_char {
    let len = unsafe { CStr::from_ptr(text) }.count_bytes();
    // The zero at the end can be looked for, too.
    unsafe { memchr(text.cast(), byte, len + 1) }.cast()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn strstr(text: *const c_char, wanted: *const c_char) -> *mut c_char {
    let (bytes, wanted) = unsafe { (CStr::from_ptr(text).to_bytes(), CStr::from_ptr(wanted).to_bytes()) };
    let is_there = |at: &usize| bytes[*at..].starts_with(wanted);
    match (0..=bytes.len()).find(is_there) {
        Some(at) => unsafe { text.add(at) }.cast_mut(),
        None => null_mut(),
    }
}

// Only words for people are formatted, and nobody reads them here. C passes variable arguments in the
// same registers as others, so these may ignore them.

#[unsafe(no_mangle)]
unsafe extern "C" fn snprintf(into: *mut c_char, len: usize, _format: *const c_char) -> c_int {
    if len > 0 {
        unsafe { into.write(0) }
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn vsnprintf(
    into: *mut c_char,
    len: usize,
    format: *const c_char,
    _arguments: *const c_void,
) -> c_int {
    unsafe { snprintf(into, len, format) }
}

#[unsafe(no_mangle)]
extern "C" fn printf(_format: *const c_char) -> c_int {
    0
}

#[unsafe(no_mangle)]
extern "C" fn puts(_text: *const c_char) -> c_int {
    0
}
