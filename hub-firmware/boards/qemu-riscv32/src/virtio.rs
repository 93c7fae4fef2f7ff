//! The machine's virtio devices, and memory that they may read and write.

// Sound, in two parts:
// - `Dma`: every page of `PAGES` is handed out once, and no address translation or cache lies
//   between the processor and a device.
// - The transport: the addresses are those of the machine's eight virtio slots, and each device is
//   looked for once.
#![allow(unsafe_code)]

use core::{
    cell::UnsafeCell,
    ptr::NonNull,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use virtio_drivers::{
    BufferDirection, Hal, PAGE_SIZE, PhysAddr,
    transport::{
        DeviceType,
        mmio::{MmioTransport, VirtIOHeader},
    },
};

/// The device of that type, and the number of its interrupt. Look for each type once.
pub(crate) fn find(device: DeviceType) -> Option<(MmioTransport<'static>, u32)> {
    const FIRST: usize = 0x1000_1000;
    const SIZE: usize = 0x1000;
    (0..8).find_map(|slot| {
        let header = NonNull::new((FIRST + slot * SIZE) as *mut VirtIOHeader)?;
        // The header tells the type without a transport, whose end would reset the device.
        let found = unsafe { header.cast::<u32>().add(2).read_volatile() };
        if found != device as u32 {
            return None;
        }
        let transport = unsafe { MmioTransport::new(header, SIZE) }.ok()?;
        Some((transport, slot as u32 + 1))
    })
}

/// Memory for the devices' queues: two of the network card, one of the random number generator, each of two parts.
/// A part is a few hundred bytes, but `virtio-drivers` deals in pages.
static PAGES: Pages = Pages(UnsafeCell::new([0; 6 * PAGE_SIZE]));

/// How many bytes of [`PAGES`] are handed out.
static TAKEN: AtomicUsize = AtomicUsize::new(0);

#[repr(align(4096))]
struct Pages(UnsafeCell<[u8; 6 * PAGE_SIZE]>);

unsafe impl Sync for Pages {}

pub(crate) struct Dma;

unsafe impl Hal for Dma {
    fn dma_alloc(pages: usize, _direction: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        let size = pages * PAGE_SIZE;
        let start = TAKEN.fetch_add(size, Relaxed);
        assert!(start + size <= size_of_val(&PAGES), "pages for the network card's queues");
        let memory = unsafe { NonNull::new_unchecked(PAGES.0.get().cast::<u8>().add(start)) };
        (memory.as_ptr() as PhysAddr, memory)
    }

    unsafe fn dma_dealloc(_address: PhysAddr, _memory: NonNull<u8>, _pages: usize) -> i32 {
        // Only a stopped card frees its queues, and this one runs until the machine ends.
        0
    }

    unsafe fn mmio_phys_to_virt(address: PhysAddr, _size: usize) -> NonNull<u8> {
        NonNull::new(address as *mut u8).expect("no device is at address 0")
    }

    unsafe fn share(buffer: NonNull<[u8]>, _direction: BufferDirection) -> PhysAddr {
        buffer.as_ptr().cast::<u8>() as PhysAddr
    }

    unsafe fn unshare(_address: PhysAddr, _buffer: NonNull<[u8]>, _direction: BufferDirection) {}
}
