//! Espressif's esptool, which makes images out of programs and checks them.

use std::path::Path;
use std::process::Command;

use crate::python::{Environment, Pins};
use crate::steps::{self, Result};
use crate::workspace::command;

pub(crate) const ESPTOOL: Environment = Environment::new(
    "esptool",
    "5.6.0",
    &["esptool"],
    Pins::Requirements(
        "\
cffi==2.1.1
click==8.5.1
cryptography==50.0.2
esp-pylib==1.2.0
intelhex==2.3.0
markdown-it-py==4.3.0
mdurl==0.1.2
pycparser==3.12
pygments==2.21.0
pyserial==3.5
pyyaml==6.0.3
reedsolo==1.7.0
rich==15.0.0
rich-click==1.9.9
",
    ),
);

/// Makes the image of a program and lets esptool check it. Returns its size in bytes.
pub(crate) fn image(chip: &str, program: &Path, image: &Path) -> Result<u64> {
    let mut make = tool();
    make.args(["--chip", chip, "elf2image", "--flash-size", "4MB", "--output"]).arg(image).arg(program);
    steps::run(&mut make)?;
    let told = steps::output(tool().args(["--chip", chip, "image-info"]).arg(image))?;
    for line in ["Checksum:", "Validation hash:"] {
        let found = told.lines().find(|told| told.starts_with(line)).unwrap_or_default();
        println!("  {found}");
        if !found.contains("(valid)") {
            return Err(format!("esptool does not find the image valid: {line} {found:?}"));
        }
    }
    let size = image.metadata().map_err(|error| format!("{}: {error}", image.display()))?;
    Ok(size.len())
}

fn tool() -> Command {
    let mut tool = command(ESPTOOL.python());
    tool.args(["-m", "esptool"]);
    tool
}
