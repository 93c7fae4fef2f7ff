//! How much heap this driver takes at most: declared from sizes and limits, not measured.

use printhost_core::Memory;
use printhost_net::Net;

use crate::Bambu;

impl<N: Net> Bambu<N> {
    pub(crate) fn declared(&self, _longest_path: usize) -> Option<Memory> {
        None
    }
}
