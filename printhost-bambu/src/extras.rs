//! What these printers can do beside what all printers can.

use alloc::format;

use printhost_core::{Error, ErrorKind, Outcome, Result};
use printhost_net::Net;

use crate::{
    Bambu,
    live::Live,
    report::{Light, Report},
    wire::orders::{clean_print_error, gcode_line, light, skip_objects},
};

/// A light.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Lamp {
    /// The chamber's.
    Chamber,
    /// The chamber's second one, on some models.
    Chamber2,
    /// That of the logo (X1).
    Work,
    /// That at the bed, on some models; the printer does not tell whether it is on.
    Bed,
}

impl Lamp {
    const fn node(self) -> &'static str {
        match self {
            Self::Chamber => "chamber_light",
            Self::Chamber2 => "chamber_light2",
            Self::Work => "work_light",
            Self::Bed => "heatbed_light",
        }
    }
}

/// A fan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Blower {
    /// The one that cools the print.
    Part,
    /// The auxiliary one.
    Auxiliary,
    /// The chamber's.
    Chamber,
}

/// The most objects that are skipped at once.
const OBJECTS: usize = 64;

impl<N: Net> Bambu<N> {
    /// Everything that the printer has reported, in its own words: filament, health messages, network, stages and much
    /// more. No older than a status: it is asked for something first.
    pub async fn report(&self) -> Result<Report> {
        self.refresh("report").await?;
        Ok(self.with_live(|live| live.report().clone()))
    }

    /// Switches a light.
    pub async fn light(&self, lamp: Lamp, is_on: bool) -> Result<Outcome> {
        let mode = if is_on { "on" } else { "off" };
        let shows = move |live: &Live| {
            let is_it = |light: &&Light| light.node.as_deref() == Some(lamp.node());
            let light = live.report().lights_report.iter().find(is_it);
            light.is_some_and(|light| light.mode.as_deref() == Some(mode))
        };
        self.carry_out("light", &light(lamp.node(), is_on), Some(&shows)).await
    }

    /// Skips objects of the running print, by the numbers (`identify_id`) that the slicer has given them in the file. What
    /// is skipped stays so.
    pub async fn skip_objects(&self, objects: &[u32]) -> Result<Outcome> {
        let operation = "skip objects";
        if objects.is_empty() || objects.len() > OBJECTS {
            let why = format!("between 1 and {OBJECTS} objects can be skipped at once");
            return Err(Error::new(ErrorKind::InvalidInput, operation).with_detail(why));
        }
        self.refresh(operation).await?;
        if !self.with_live(|live| live.status().phase.has_job()) {
            return Err(Error::new(ErrorKind::Conflict, operation).with_detail("there is no job"));
        }
        let wanted: alloc::vec::Vec<i64> = objects.iter().map(|id| i64::from(*id)).collect();
        let shows = move |live: &Live| {
            let skipped = &live.report().s_obj;
            wanted.iter().all(|id| skipped.iter().any(|is| i64::from(*is) == *id))
        };
        self.carry_out(operation, &skip_objects(objects), Some(&shows)).await
    }

    /// Closes the dialog of the error that the printer shows. What has led to it is still there.
    pub async fn clear_error(&self) -> Result<Outcome> {
        let shows = |live: &Live| live.errors().print == 0;
        self.carry_out("clear error", &clean_print_error(), Some(&shows)).await
    }

    /// Sets a fan, percent. A print sets it anew whenever it wants.
    pub async fn fan(&self, fan: Blower, percent: u8) -> Result<Outcome> {
        let operation = "fan";
        if percent > 100 {
            let why = "a fan's speed is a number of percent from 0 to 100";
            return Err(Error::new(ErrorKind::InvalidInput, operation).with_detail(why));
        }
        let number = match fan {
            Blower::Part => 1,
            Blower::Auxiliary => 2,
            Blower::Chamber => 3,
        };
        let duty = (u16::from(percent) * 255 + 50) / 100;
        // Told in fifteenths.
        let fifteenths = (u16::from(percent) * 15 + 50) / 100;
        let shows = move |live: &Live| {
            let report = live.report();
            let told = match fan {
                Blower::Part => report.cooling_fan_speed,
                Blower::Auxiliary => report.big_fan1_speed,
                Blower::Chamber => report.big_fan2_speed,
            };
            told.is_some_and(|told| {
                u16::from(told).abs_diff(fifteenths) <= 1 && (told == 0) == (percent == 0)
            })
        };
        self.carry_out(operation, &gcode_line(&format!("M106 P{number} S{duty}\n")), Some(&shows)).await
    }
}
