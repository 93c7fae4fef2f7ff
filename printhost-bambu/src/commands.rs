//! What [`Command`] asks for.

use alloc::{format, string::String};

use printhost_core::{Axes, Command, Error, ErrorKind, HeaterId, Outcome, Result};
use printhost_net::Net;

use crate::{
    Bambu,
    jobs::rests,
    live::Live,
    wire::orders::{gcode_line, print_speed, set_chamber},
};

/// More G-code than this is a file.
const MAX_GCODE: usize = 4 << 10;
/// Colder than this no filament is moved: the firmware itself does not look.
const MELTS: f32 = 170.0;
/// The levels of speed, and what they are in percent.
const SPEEDS: [(u8, u16); 4] = [(1, 50), (2, 100), (3, 124), (4, 166)];

const AXES: [char; 3] = ['X', 'Y', 'Z'];

impl<N: Net> Bambu<N> {
    pub(crate) async fn order(&self, command: Command<'_>) -> Result<Outcome> {
        command.check()?;
        let operation = command.name();
        match command {
            Command::Pause | Command::Resume | Command::Cancel => self.steer_job(command).await,
            Command::Gcode(lines) => self.gcode(operation, lines).await,
            Command::SetTemperature { heater, celsius } => self.heat(operation, heater, celsius).await,
            Command::Home(axes) => self.home(operation, axes).await,
            Command::Jog { x, y, z, speed } => self.jog(operation, [x, y, z], speed).await,
            Command::Extrude { mm, speed } => self.extrude(operation, mm, speed).await,
            Command::SpeedFactor(percent) => self.set_speed(operation, percent).await,
            _ => Err(Error::unsupported(operation)),
        }
    }

    /// The printer takes them as one command, and what they do is theirs.
    async fn gcode(&self, operation: &'static str, lines: &str) -> Result<Outcome> {
        if lines.len() > MAX_GCODE {
            let detail = format_args!("at most {MAX_GCODE} bytes of G-code at a time");
            return Err(Error::new(ErrorKind::TooLarge, operation).with_detail(detail));
        }
        let mut text = String::with_capacity(lines.len() + 1);
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            text.push_str(line);
            text.push('\n');
        }
        self.carry_out(operation, &gcode_line(&text), None).await
    }

    async fn heat(&self, operation: &'static str, heater: HeaterId, celsius: f32) -> Result<Outcome> {
        self.admit(operation).await?;
        let no_such = || Error::unsupported(operation).with_detail("the printer has no such heater");
        // Printers take whole degrees.
        let whole = (celsius + 0.5) as u16;
        let shows = move |live: &Live| {
            let status = live.status();
            let heater = match heater {
                HeaterId::Tool(n) => status.tools.get(usize::from(n)).copied(),
                HeaterId::Bed => status.bed,
                _ => status.chamber,
            };
            heater.and_then(|h| h.target).is_some_and(|target| (target - f32::from(whole)).abs() < 0.75)
        };
        let tools = self.with_live(|live| live.status().tools.len());
        let order = match heater {
            HeaterId::Tool(0) if tools <= 1 => gcode_line(&format!("M104 S{whole}\n")),
            HeaterId::Tool(n) if usize::from(n) < tools => gcode_line(&format!("M104 S{whole} T{n}\n")),
            HeaterId::Bed => gcode_line(&format!("M140 S{whole}\n")),
            HeaterId::Chamber if self.model().is_some_and(|model| model.heats_chamber()) => {
                set_chamber(whole)
            }
            _ => return Err(no_such()),
        };
        self.carry_out(operation, &order, Some(&shows)).await
    }

    /// All axes, or none: on printers whose bed rises, homing one of them may run the nozzle into the bed.
    async fn home(&self, operation: &'static str, axes: Axes) -> Result<Outcome> {
        if axes != Axes::ALL {
            let why = "these printers home all axes together; one alone may run the nozzle into the bed";
            return Err(Error::unsupported(operation).with_detail(why));
        }
        self.move_if(operation, "G28\n", &|_| Ok(())).await
    }

    /// The firmware would move along an axis that was not homed, into whatever is there; so it is not moved where the printer
    /// does not say that it was.
    async fn jog(&self, operation: &'static str, by: [f32; 3], speed: Option<u32>) -> Result<Outcome> {
        let mut moves = String::new();
        for (axis, mm) in AXES.into_iter().zip(by).filter(|(_, mm)| *mm != 0.0) {
            moves.push_str(&format!(" {axis}{mm:.3}"));
        }
        if moves.is_empty() {
            return Ok(Outcome::accepted());
        }
        let speed = speed.unwrap_or(if by[2] != 0.0 { 600 } else { 3000 });
        let lines = format!("G91\nG0{moves} F{speed}\nG90\n");
        self.move_if(operation, &lines, &|live| are_homed(operation, live.report().home_flag, by)).await
    }

    /// The firmware would try it with a cold nozzle, too.
    async fn extrude(&self, operation: &'static str, mm: f32, speed: Option<u32>) -> Result<Outcome> {
        let lines = format!("M83\nG0 E{mm:.3} F{}\n", speed.unwrap_or(300));
        self.move_if(operation, &lines, &|live| is_hot(operation, live)).await
    }

    /// Sends G-code that moves something, unless the printer prints, calibrates itself or does who knows what. What somebody
    /// has just begun at the screen is asked for, and looked at when it is sent.
    async fn move_if(
        &self,
        operation: &'static str,
        lines: &str,
        may: &(dyn Fn(&Live) -> Result<()> + Send + Sync),
    ) -> Result<Outcome> {
        self.refresh_all(operation).await?;
        let may = |live: &mut Live, now| {
            rests(operation, live, now)?;
            may(live)
        };
        self.carry_out_if(&may, operation, &gcode_line(lines), None).await
    }

    /// There are four speeds.
    async fn set_speed(&self, operation: &'static str, percent: u16) -> Result<Outcome> {
        let Some((level, _)) = SPEEDS.into_iter().find(|(_, of)| *of == percent) else {
            let why = "the speeds there are: 50 (silent), 100 (standard), 124 (sport), 166 (ludicrous)";
            return Err(Error::new(ErrorKind::InvalidInput, operation).with_detail(why));
        };
        let shows = move |live: &Live| live.report().spd_lvl == Some(level);
        self.carry_out(operation, &print_speed(level), Some(&shows)).await
    }
}

/// [`ErrorKind::Conflict`] unless every axis that is to be moved is known to have been homed.
fn are_homed(operation: &'static str, flags: Option<u32>, by: [f32; 3]) -> Result<()> {
    for (n, (axis, _)) in AXES.into_iter().zip(by).enumerate().filter(|(_, (_, mm))| *mm != 0.0) {
        let why = match flags {
            Some(flags) if flags & 1 << n != 0 => continue,
            Some(_) => format!("axis {axis} was not homed"),
            None => format!("the printer does not say whether axis {axis} was homed"),
        };
        return Err(Error::new(ErrorKind::Conflict, operation).with_detail(why));
    }
    Ok(())
}

/// [`ErrorKind::Conflict`] unless the nozzle that is fed is known to melt what it is fed: of two, the one in use.
fn is_hot(operation: &'static str, live: &Live) -> Result<()> {
    let tools = live.status().tools;
    let in_use = match tools.len() {
        0 | 1 => Some(0),
        _ => live.report().device.extruder_in_use(),
    };
    let why = match in_use.map(|n| tools.get(usize::from(n)).and_then(|tool| tool.actual)) {
        Some(Some(celsius)) if celsius >= MELTS => return Ok(()),
        Some(_) => format!("the nozzle is colder than {MELTS} °C"),
        None => "the printer does not say which of its nozzles is in use".into(),
    };
    Err(Error::new(ErrorKind::Conflict, operation).with_detail(why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filament_is_fed_only_to_a_nozzle_in_use_that_is_hot() {
        let mut live = Live::new(None, 1 << 20);
        let mut is_hot = |message: &str| {
            live.begin_message();
            live.take_piece(message.as_bytes());
            live.end_message();
            is_hot("extrude", &live).is_ok()
        };
        let one = |celsius: u32| format!(r#"{{"print":{{"msg":0,"nozzle_temper":{celsius}}}}}"#);
        assert!(is_hot(&one(200)) && !is_hot(&one(60)) && !is_hot(r#"{"print":{"msg":0}}"#));
        // The right one is hot, and the left one cold.
        let two = |state: &str| {
            format!(
                r#"{{"print":{{"msg":0,"device":{{"extruder":{{"info":[{{"id":0,"temp":220}},{{"id":1,"temp":30}}]{state}}}}}}}}}"#
            )
        };
        for (state, hot) in [("0x002", true), ("0x112", false), ("0x102", false), ("0x012", false)] {
            let number = u32::from_str_radix(&state[2..], 16).unwrap();
            assert_eq!(is_hot(&two(&format!(r#","state":{number}"#))), hot, "{state}");
        }
        assert!(!is_hot(&two("")));
    }

    #[test]
    fn axis_is_moved_only_where_the_printer_says_that_it_was_homed() {
        let kind = |flags, by| are_homed("jog", flags, by).map_err(|e| e.kind());
        let z = [0.0, 0.0, 1.0];
        assert_eq!(kind(Some(4), z), Ok(()));
        assert_eq!((kind(Some(3), z), kind(None, z)), (Err(ErrorKind::Conflict), Err(ErrorKind::Conflict)));
        assert_eq!(kind(Some(7), [1.0, -1.0, 0.0]), Ok(()));
        assert_eq!(kind(Some(5), [1.0, -1.0, 0.0]), Err(ErrorKind::Conflict));
        assert_eq!(kind(None, [0.0; 3]), Ok(()));
    }
}
