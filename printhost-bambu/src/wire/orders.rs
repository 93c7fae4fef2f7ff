//! What the printer is told, word for word.

use alloc::{format, string::String};
use core::fmt::{Display, Write as _};

/// Numbers of printers' own messages begin with 0, and those of Studio with 20000.
pub(crate) const FIRST_NUMBER: u32 = 30_000;

/// A message, but for its number.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    category: &'static str,
    command: &'static str,
    fields: String,
}

impl Order {
    /// A message without fields.
    pub(crate) const fn new(category: &'static str, command: &'static str) -> Self {
        Self { category, command, fields: String::new() }
    }

    /// Whether the printer wants control of this kind to be signed, unless it is in developer mode.
    pub(crate) fn is_control(&self) -> bool {
        self.category == "print"
    }

    /// What it is called; answers name it.
    pub(crate) const fn command(&self) -> &'static str {
        self.command
    }

    /// With a text.
    pub(crate) fn text(mut self, name: &str, value: &str) -> Self {
        let _ = write!(self.fields, r#","{name}":"#);
        quote(&mut self.fields, value);
        self
    }

    /// With what is JSON already: a number, `true`, a list.
    pub(crate) fn json(mut self, name: &str, value: impl Display) -> Self {
        let _ = write!(self.fields, r#","{name}":{value}"#);
        self
    }

    /// The message with its number.
    pub(crate) fn numbered(&self, number: u32) -> String {
        let Self { category, command, fields } = self;
        format!(r#"{{"{category}":{{"sequence_id":"{number}","command":"{command}"{fields}}}}}"#)
    }
}

/// Asks for everything.
pub(crate) fn push_all() -> Order {
    Order::new("pushing", "pushall").json("version", 1).json("push_target", 1)
}

/// Asks what it is made of.
pub(crate) fn get_version() -> Order {
    Order::new("info", "get_version")
}

/// `pause`, `resume`, `stop`.
pub(crate) fn steer(command: &'static str) -> Order {
    Order::new("print", command).text("param", "")
}

/// One or more lines, each with its end.
pub(crate) fn gcode_line(lines: &str) -> Order {
    Order::new("print", "gcode_line").text("param", lines)
}

/// Prints a stored G-code file.
pub(crate) fn gcode_file(path: &str) -> Order {
    Order::new("print", "gcode_file").text("param", &format!("/{path}"))
}

/// `1` to `4`.
pub(crate) fn print_speed(level: u8) -> Order {
    Order::new("print", "print_speed").text("param", &format!("{level}"))
}

/// All fields are required, also for a light that does not flash.
pub(crate) fn light(node: &str, is_on: bool) -> Order {
    Order::new("system", "ledctrl")
        .text("led_node", node)
        .text("led_mode", if is_on { "on" } else { "off" })
        .json("led_on_time", 500)
        .json("led_off_time", 500)
        .json("loop_times", 0)
        .json("interval_time", 0)
}

/// By the numbers that the slicer has given them.
pub(crate) fn skip_objects(objects: &[u32]) -> Order {
    Order::new("print", "skip_objects").json("obj_list", list(objects))
}

/// Closes the dialog of an error.
pub(crate) fn clean_print_error() -> Order {
    Order::new("print", "clean_print_error")
}

/// On models that heat their chamber.
pub(crate) fn set_chamber(celsius: u16) -> Order {
    Order::new("print", "set_ctt").json("ctt_val", celsius).json("temper_check", true)
}

/// A list of numbers.
pub(crate) fn list(numbers: &[impl Display]) -> impl Display {
    core::fmt::from_fn(move |f| {
        f.write_char('[')?;
        for (n, number) in numbers.iter().enumerate() {
            let comma = if n > 0 { "," } else { "" };
            write!(f, "{comma}{number}")?;
        }
        f.write_char(']')
    })
}

/// A text as it stands in JSON.
fn quote(to: &mut String, text: &str) {
    to.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                to.push('\\');
                to.push(c);
            }
            '\n' => to.push_str("\\n"),
            '\r' => to.push_str("\\r"),
            '\t' => to.push_str("\\t"),
            c if c < ' ' => {
                let _ = write!(to, "\\u{:04x}", u32::from(c));
            }
            c => to.push(c),
        }
    }
    to.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the protocol's descriptions have them.
    #[test]
    fn orders_are_what_printers_take() {
        let is = |order: Order, json: &str| assert_eq!(order.numbered(30_001), json);
        is(get_version(), r#"{"info":{"sequence_id":"30001","command":"get_version"}}"#);
        is(
            push_all(),
            r#"{"pushing":{"sequence_id":"30001","command":"pushall","version":1,"push_target":1}}"#,
        );
        is(steer("pause"), r#"{"print":{"sequence_id":"30001","command":"pause","param":""}}"#);
        is(print_speed(2), r#"{"print":{"sequence_id":"30001","command":"print_speed","param":"2"}}"#);
        is(
            gcode_line("G91\nG0 X1\n"),
            r#"{"print":{"sequence_id":"30001","command":"gcode_line","param":"G91\nG0 X1\n"}}"#,
        );
        is(
            gcode_file("a b.gcode"),
            r#"{"print":{"sequence_id":"30001","command":"gcode_file","param":"/a b.gcode"}}"#,
        );
        is(
            light("chamber_light", true),
            r#"{"system":{"sequence_id":"30001","command":"ledctrl","led_node":"chamber_light","led_mode":"on","led_on_time":500,"led_off_time":500,"loop_times":0,"interval_time":0}}"#,
        );
        is(
            skip_objects(&[206, 7]),
            r#"{"print":{"sequence_id":"30001","command":"skip_objects","obj_list":[206,7]}}"#,
        );
        is(
            set_chamber(45),
            r#"{"print":{"sequence_id":"30001","command":"set_ctt","ctt_val":45,"temper_check":true}}"#,
        );
    }

    #[test]
    fn no_text_breaks_out_of_its_quotes() {
        let order = Order::new("print", "x").text("a", "\"},{\\\n\u{1}ü");
        let json = order.numbered(1);
        assert_eq!(
            json,
            "{\"print\":{\"sequence_id\":\"1\",\"command\":\"x\",\"a\":\"\\\"},{\\\\\\n\\u0001ü\"}}"
        );
    }
}
