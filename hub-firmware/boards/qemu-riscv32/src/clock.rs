//! embassy's clock and timers on the core-local timer, which counts at 10 MHz.

use core::{cell::RefCell, task::Waker};

use critical_section::Mutex;
use embassy_time_driver::{Driver, time_driver_impl};
use embassy_time_queue_utils::Queue;
use riscv::interrupt::Interrupt;

use crate::registers::{TIME_HIGH, TIME_LOW, TIMER_COMPARE_HIGH, TIMER_COMPARE_LOW};

/// Ticks of 100 ns since the machine started.
pub(crate) fn now() -> u64 {
    loop {
        let high = TIME_HIGH.read();
        let low = TIME_LOW.read();
        // Read again: the low half may have overflowed between the two.
        if TIME_HIGH.read() == high {
            return u64::from(high) << 32 | u64::from(low);
        }
    }
}

time_driver_impl!(static CLOCK: Clock = Clock { timers: Mutex::new(RefCell::new(Queue::new())) });

struct Clock {
    timers: Mutex<RefCell<Queue>>,
}

impl Driver for Clock {
    fn now(&self) -> u64 {
        now()
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|section| {
            let mut timers = self.timers.borrow_ref_mut(section);
            if timers.schedule_wake(at, waker) {
                arm_next(&mut timers);
            }
        });
    }
}

#[riscv_rt::core_interrupt(Interrupt::MachineTimer)]
fn on_timer() {
    critical_section::with(|section| arm_next(&mut CLOCK.timers.borrow_ref_mut(section)));
}

/// Wakes the timers that are due and arms the interrupt for the next one.
fn arm_next(timers: &mut Queue) {
    loop {
        let next = timers.next_expiration(now());
        interrupt_at(next);
        if next > now() {
            return;
        }
    }
}

fn interrupt_at(time: u64) {
    // With the high half at its maximum, the half-written time cannot lie in the past.
    TIMER_COMPARE_HIGH.write(u32::MAX);
    TIMER_COMPARE_LOW.write(time as u32);
    TIMER_COMPARE_HIGH.write((time >> 32) as u32);
}
