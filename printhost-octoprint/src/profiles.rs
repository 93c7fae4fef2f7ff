//! Printer profiles: what OctoPrint was told of the printer.

use alloc::{string::String, vec::Vec};

use printhost_core::Result;
use printhost_net::Net;

use crate::{OctoPrint, map, wire};

/// What OctoPrint was told of a printer.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct PrinterProfile {
    /// Its name for programs.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// The printer's model.
    pub model: String,
    /// In use.
    pub is_current: bool,
    /// In use unless another one is chosen.
    pub is_default: bool,
    /// There is a heated bed.
    pub heated_bed: bool,
    /// There is a heated chamber.
    pub heated_chamber: bool,
    /// How many tools there are.
    pub tools: Option<u8>,
    /// All tools end in one nozzle.
    pub shared_nozzle: bool,
    /// Diameter of the nozzle, mm.
    pub nozzle: Option<f32>,
    /// Width, depth and height of what can be printed, mm.
    pub volume: Option<[f32; 3]>,
    /// The bed is round.
    pub is_round: bool,
}

impl<N: Net> OctoPrint<N> {
    /// All printer profiles. `GET /api/printerprofiles`, permission CONNECTION.
    pub async fn printer_profiles(&self) -> Result<Vec<PrinterProfile>> {
        let all: wire::Profiles = self.get("printer profiles", "/api/printerprofiles").await?;
        Ok(all.profiles.0.into_iter().map(map::profile).collect())
    }

    /// The printer profile in use.
    pub async fn current_profile(&self) -> Result<Option<PrinterProfile>> {
        Ok(self.printer_profiles().await?.into_iter().find(|profile| profile.is_current))
    }
}
