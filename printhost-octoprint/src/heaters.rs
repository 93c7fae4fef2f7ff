//! Heaters, their offsets, and the tools they belong to.

use alloc::{format, vec::Vec};

use printhost_core::{Error, ErrorKind, Heater, HeaterId, Outcome, Result};
use printhost_net::Net;

use crate::{
    OctoPrint, wire,
    wire::{OfTool, Order},
};

/// A heater as OctoPrint sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct HeaterState {
    /// Which one.
    pub id: HeaterId,
    /// Measured and target.
    pub heater: Heater,
    /// What OctoPrint adds to the targets in a file, °C.
    pub offset: f32,
}

/// Filament a print takes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct FilamentUse {
    /// mm
    pub length: Option<f32>,
    /// cm³
    pub volume: Option<f32>,
}

impl<N: Net> OctoPrint<N> {
    /// The tools' heaters in order, then bed and chamber where there are any. `GET /api/printer`, permission STATUS.
    ///
    /// [`ErrorKind::Conflict`] when the printer is not connected. Right after it was connected the list is empty, until
    /// the printer has told its temperatures.
    pub async fn heaters(&self) -> Result<Vec<HeaterState>> {
        let printer: wire::PrinterTemperatures = self.get("heaters", "/api/printer?exclude=sd,state").await?;
        let all = printer.temperature;
        let state = |id, t: &wire::Temperature| HeaterState {
            id,
            heater: Heater::new(t.actual, t.target),
            offset: t.offset.unwrap_or_default(),
        };
        let tools = (0..).zip(&all.tools).map(|(n, t)| state(HeaterId::Tool(n), t));
        let others = [(HeaterId::Bed, all.bed), (HeaterId::Chamber, all.chamber)];
        let others =
            others.iter().filter_map(|(id, t)| Some(state(*id, &(*t).filter(|t| t.actual.is_some())?)));
        Ok(tools.chain(others).collect())
    }

    /// Makes OctoPrint add so many °C to a heater's targets in files, from -50 to 50. `POST /api/printer/tool`, `bed` or
    /// `chamber`, permission CONTROL. The printer's present target stays.
    ///
    /// [`ErrorKind::InvalidInput`] for another number, before anything is sent; [`ErrorKind::Unsupported`] for a heater
    /// the printer's profile lacks; [`ErrorKind::Conflict`] when the printer is not connected.
    pub async fn set_temperature_offset(&self, heater: HeaterId, celsius: f32) -> Result<Outcome> {
        let operation = "temperature offset";
        if !(-50.0..=50.0).contains(&celsius) {
            return Err(Error::new(ErrorKind::InvalidInput, operation)
                .with_detail("an offset is a number of °C from -50 to 50"));
        }
        let order = Order::new("offset");
        match heater {
            HeaterId::Tool(n) => {
                let tool = format!("tool{n}");
                let offsets = Some(OfTool(&tool, celsius));
                self.once(operation, "/api/printer/tool", Order { offsets, ..order }.json()).await
            }
            HeaterId::Bed => {
                self.once(operation, "/api/printer/bed", Order { offset: Some(celsius), ..order }.json())
                    .await
            }
            HeaterId::Chamber => {
                self.once(operation, "/api/printer/chamber", Order { offset: Some(celsius), ..order }.json())
                    .await
            }
            _ => Err(Error::unsupported(operation)),
        }
    }
}
