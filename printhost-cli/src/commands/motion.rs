//! `printhost home`, `jog`, `extrude` and `tool`.

use clap::{Args, ValueEnum};
use printhost::{Axes, Command, Net};
use serde_json::json;

use crate::{
    args::parse_pair,
    commands::send_to,
    failure::{Code, Failure},
    targets::{Printer, Session},
};

/// The arguments of `home`.
#[derive(Debug, Args)]
pub(crate) struct Home {
    /// The printer.
    printer: Printer,
    /// Only these axes.
    #[arg(value_name = "AXIS", value_enum, ignore_case = true)]
    axes: Vec<Axis>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Axis {
    X,
    Y,
    Z,
}

/// The arguments of `jog`.
#[derive(Debug, Args)]
pub(crate) struct Jog {
    /// The printer.
    printer: Printer,
    /// How far on which axis, in mm: x=10 y=-5 z=0.2; and how fast, in mm/min: speed=3000.
    #[arg(required = true, value_name = "AXIS=MM", value_parser = parse_move)]
    moves: Vec<Move>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Move {
    By(Axis, f32),
    Speed(u32),
}

/// The arguments of `extrude`.
#[derive(Debug, Args)]
pub(crate) struct Extrude {
    /// The printer.
    printer: Printer,
    /// How much filament, in mm; a negative number pulls it back.
    #[arg(allow_negative_numbers = true)]
    mm: f32,
    /// How fast, in mm/min.
    #[arg(long)]
    speed: Option<u32>,
}

/// The arguments of `tool`.
#[derive(Debug, Args)]
pub(crate) struct Tool {
    /// The printer.
    printer: Printer,
    /// Its number, from 0.
    number: u8,
}

/// Homes all axes, or those that were named.
pub(crate) async fn home<N: Net + Clone>(session: &Session<N>, args: &Home) -> Result<Code, Failure> {
    let has = |axis| args.axes.is_empty() || args.axes.contains(&axis);
    let axes = Axes { x: has(Axis::X), y: has(Axis::Y), z: has(Axis::Z) };
    let names: Vec<&str> = [(axes.x, "x"), (axes.y, "y"), (axes.z, "z")]
        .into_iter()
        .filter_map(|(homed, name)| homed.then_some(name))
        .collect();
    let told = ("homed", json!({ "axes": names }));
    send_to(session, &args.printer, Command::Home(axes), ("Homing", &names.join(" ")), told).await
}

/// Moves the print head.
pub(crate) async fn jog<N: Net + Clone>(session: &Session<N>, args: &Jog) -> Result<Code, Failure> {
    let along = |axis| {
        let part = |m: &Move| match m {
            Move::By(other, mm) if *other == axis => Some(*mm),
            _ => None,
        };
        args.moves.iter().filter_map(part).next_back().unwrap_or(0.0)
    };
    let speed = args.moves.iter().rev().find_map(|m| match m {
        Move::Speed(speed) => Some(*speed),
        Move::By(..) => None,
    });
    let (x, y, z) = (along(Axis::X), along(Axis::Y), along(Axis::Z));
    if [x, y, z] == [0.0; 3] {
        return Err(Failure::usage("there is nothing to move", "Name an axis and a way, such as x=10."));
    }
    let text = format!("by x={x} y={y} z={z} mm");
    let told = ("jogged", json!({ "x": x, "y": y, "z": z, "speed": speed }));
    send_to(session, &args.printer, Command::Jog { x, y, z, speed }, ("Moving", &text), told).await
}

/// Feeds filament.
pub(crate) async fn extrude<N: Net + Clone>(session: &Session<N>, args: &Extrude) -> Result<Code, Failure> {
    let (mm, speed) = (args.mm, args.speed);
    let told = ("extruded", json!({ "mm": mm, "speed": speed }));
    let text = format!("{mm} mm of filament");
    send_to(session, &args.printer, Command::Extrude { mm, speed }, ("Feeding", &text), told).await
}

/// Selects a tool.
pub(crate) async fn tool<N: Net + Clone>(session: &Session<N>, args: &Tool) -> Result<Code, Failure> {
    let told = ("tool", json!({ "tool": args.number }));
    let text = format!("number {}", args.number);
    send_to(session, &args.printer, Command::SelectTool(args.number), ("Tool", &text), told).await
}

fn parse_move(text: &str) -> Result<Move, String> {
    let (name, number) = parse_pair(text)?;
    match name {
        "x" | "X" => Ok(Move::By(Axis::X, number)),
        "y" | "Y" => Ok(Move::By(Axis::Y, number)),
        "z" | "Z" => Ok(Move::By(Axis::Z, number)),
        "speed" if (1.0..=1_000_000.0).contains(&number) => Ok(Move::Speed(number as u32)),
        "speed" => Err("a speed is a number of mm/min above 0".into()),
        _ => Err(format!("{name} is no axis; known are x, y, z, and speed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_are_read_by_axis_and_nonsense_is_refused() {
        assert_eq!(parse_move("x=10"), Ok(Move::By(Axis::X, 10.0)));
        assert_eq!(parse_move("Z=-0.2"), Ok(Move::By(Axis::Z, -0.2)));
        assert_eq!(parse_move("speed=3000"), Ok(Move::Speed(3000)));
        for bad in ["e=1", "x", "x=", "speed=0", "speed=-1", "x=nan"] {
            assert!(parse_move(bad).is_err(), "{bad}");
        }
    }
}
