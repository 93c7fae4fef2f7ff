//! What stops motors: switches that are watched, and triggers that switches and the time pull.

/// A switch. Times are ticks since the simulator's start.
#[derive(Debug)]
pub(super) struct Endstop {
    pub(super) pin: usize,
    pub(super) watch: Option<Watch>,
    /// When the switch was found pressed, and a pause later, as the host expects it.
    pub(super) next: u64,
}

/// How a switch is watched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watch {
    pub(super) pause: u64,
    /// What to wait for.
    pub(super) pressed: bool,
    /// Which trigger it pulls.
    pub(super) trigger: u32,
    pub(super) reason: u32,
}

/// Stops motors once.
#[derive(Debug, Default)]
pub(super) struct Trigger {
    /// Which motors.
    pub(super) steppers: Vec<u32>,
    pub(super) is_set: bool,
    pub(super) reason: u32,
    /// When it goes off by itself, and with which reason.
    pub(super) expires: Option<u64>,
    pub(super) expire_reason: u32,
    /// When its state is told next, and every so many ticks.
    pub(super) report: Option<(u64, u64)>,
}

impl Endstop {
    pub(super) fn new(pin: usize) -> Self {
        Self { pin, watch: None, next: 0 }
    }
}

impl Trigger {
    pub(super) fn set(report: Option<(u64, u64)>, expire_reason: u32) -> Self {
        Self { is_set: true, report, expire_reason, ..Self::default() }
    }

    /// The motors that are to stop; none when it has gone off already.
    pub(super) fn pull(&mut self, reason: u32) -> Vec<u32> {
        if !self.is_set {
            return Vec::new();
        }
        self.is_set = false;
        self.reason = reason;
        self.expires = None;
        self.report = None;
        std::mem::take(&mut self.steppers)
    }

    /// When there will be something to do.
    pub(super) fn due(&self) -> Option<u64> {
        self.expires.into_iter().chain(self.report.map(|(at, _)| at)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trigger_goes_off_once() {
        let mut trigger = Trigger::set(Some((10, 5)), 4);
        trigger.steppers.push(7);
        trigger.expires = Some(8);
        assert_eq!(trigger.due(), Some(8));
        assert_eq!(trigger.pull(1), [7]);
        assert!(trigger.pull(2).is_empty());
        assert_eq!((trigger.reason, trigger.due()), (1, None));
    }
}
