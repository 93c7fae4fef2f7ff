//! The firmware images that can be built here: made, checked, measured, and compared with their budgets.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::budgets::{Budget, Line, check};
use crate::elf;
use crate::esptool::{self, ESPTOOL};
use crate::portable;
use crate::sizes;
use crate::steps::{Result, Steps, alone};
use crate::workspace::{self, create_dir};

/// The hub on ESP32 chips; a workspace of its own.
pub(crate) const HUB: &str = "hub-firmware/boards/esp32";
/// The smallest firmware that uploads a file; a workspace of its own.
pub(crate) const EXAMPLE: &str = "examples/esp32";

const IMAC: &str = "riscv32imac-unknown-none-elf";
const IMC: &str = "riscv32imc-unknown-none-elf";
/// A folder of their own, so that the emulated board need not wait for them.
const BUILDS: &str = "chips";

/// An image for an ESP32.
struct Image {
    /// Its name in the budgets, and of its files.
    name: &'static str,
    folder: &'static str,
    package: &'static str,
    chip: &'static str,
    features: &'static str,
    target: &'static str,
}

const IMAGES: [Image; 4] = [
    hub("esp32c6", IMAC),
    hub("esp32c5", IMAC),
    hub("esp32c3", IMC),
    Image {
        name: "esp32-example",
        folder: EXAMPLE,
        package: "upload-esp32",
        chip: "esp32c6",
        features: "",
        target: IMAC,
    },
];

const fn hub(chip: &'static str, target: &'static str) -> Image {
    Image { name: chip, folder: HUB, package: "hub-esp32", chip, features: chip, target }
}

/// Builds the images, or only those of some names.
pub(crate) fn firmware(names: &[&str]) -> Option<bool> {
    if names.iter().any(|name| !IMAGES.iter().any(|image| image.name == *name)) {
        return None;
    }
    Some(alone(|steps| run(steps, names)))
}

/// The steps of [`firmware`]; without names, everything.
pub(crate) fn run(steps: &mut Steps, names: &[&str]) -> Result {
    ESPTOOL.step(steps)?;
    for folder in [HUB, EXAMPLE] {
        let manifest = format!("{folder}/Cargo.toml");
        let fmt = ["fmt", "--check", "--manifest-path", &manifest];
        steps.command(format!("formatting of {folder}"), &mut workspace::cargo(fmt))?;
    }
    for image in &IMAGES {
        if names.is_empty() || names.contains(&image.name) {
            make(steps, image)?;
        }
    }
    Ok(())
}

fn make(steps: &mut Steps, image: &Image) -> Result {
    let name = image.name;
    steps.command(format!("firmware {name}"), &mut build(image))?;
    let (program, file) = (kept(image, "elf"), kept(image, "bin"));
    let flash = steps.run(format!("image {name}"), || {
        let built = workspace::target_dir().join(BUILDS).join(image.target).join("release");
        create_dir(&folder())?;
        // Kept apart: the same board is built for several chips.
        fs::copy(built.join(image.package), &program)
            .map_err(|error| format!("{}: {error}", program.display()))?;
        esptool::image(image.chip, &program, &file)
    })?;
    steps.run(format!("sizes of {name} by crate"), || sizes::print(&program))?;
    let lines = steps.run(format!("budget of {name}"), || {
        let (budget, memory) = (Budget::of(name)?, elf::memory(&program)?);
        let heap = budget.get("heap")? + budget.get("radio-heap")?;
        let lines = [
            Line::used("flash", flash, budget.get("flash")?),
            Line::used("static RAM", memory.statics, budget.get("static-ram")?),
            Line::left("heap", memory.heap, heap),
            Line::left("stack", memory.stack, budget.get("stack")?),
        ];
        check(&lines).map(|()| lines)
    })?;
    steps.run(format!("control: {name} fails in a budget one byte tighter"), || {
        lines.into_iter().map(Line::tightened).try_for_each(|line| match check(&[line]) {
            Ok(()) => Err("it was accepted".to_owned()),
            Err(_) => Ok(()),
        })
    })
}

fn build(image: &Image) -> Command {
    let mut cargo = portable::debian_cargo("build", BUILDS);
    cargo.args(["--release", "--locked", "--target", image.target, "--features", image.features]);
    // rustup's compilers bring a linker for these targets, Debian's does not.
    for target in [IMAC, IMC] {
        let name = target.to_uppercase().replace('-', "_");
        cargo.env(format!("CARGO_TARGET_{name}_LINKER"), "ld.lld");
    }
    cargo.current_dir(workspace::root().join(image.folder));
    cargo
}

fn folder() -> PathBuf {
    workspace::target_dir().join("firmware")
}

fn kept(image: &Image, kind: &str) -> PathBuf {
    folder().join(image.name).with_extension(kind)
}
