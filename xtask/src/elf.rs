//! How a program uses a microcontroller's memory, as its linker laid it out.

use std::ops::Range;
use std::path::Path;

use crate::steps::{self, Result};
use crate::workspace::command;

/// RAM of the ESP32-C3, where data and code see it at different addresses, and of C5 and C6.
const RAM: [Range<u64>; 3] = [0x3FC8_0000..0x3FCE_0000, 0x4037_C000..0x403E_0000, 0x4080_0000..0x4088_0000];

/// Sections in RAM that are not used by what they name: the stack is what is left, the bootloader's memory becomes a
/// part of the heap, and on the C3 code keeps its place free among the data.
const NOT_USED: [&str; 3] = [".stack", ".dram2_uninit", ".rwdata_dummy"];

/// RAM by what it is for, in bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Variables, and code that runs from RAM.
    pub(crate) statics: u64,
    pub(crate) heap: u64,
    pub(crate) stack: u64,
}

/// Reads the memory of an ESP32's program.
pub(crate) fn memory(program: &Path) -> Result<Memory> {
    let sections = steps::output(command("readelf").args(["--sections", "--wide"]).arg(program))?;
    let symbols =
        steps::output(command("nm").args(["--demangle", "--print-size", "--radix=x"]).arg(program))?;
    Ok(count(&sections, &symbols))
}

/// The bytes of a program that are loaded: code, constants and the first values of variables.
pub(crate) fn loaded(program: &Path) -> Result<u64> {
    let sections = steps::output(command("readelf").args(["--sections", "--wide"]).arg(program))?;
    match loaded_of(&sections) {
        0 => Err(format!("readelf names nothing of {} that is loaded", program.display())),
        size => Ok(size),
    }
}

fn loaded_of(sections: &str) -> u64 {
    let loaded = sections.lines().filter(|line| line.contains("PROGBITS"));
    loaded.filter_map(section).map(|(.., size)| size).sum()
}

fn count(sections: &str, symbols: &str) -> Memory {
    let mut memory = Memory { statics: 0, heap: 0, stack: 0 };
    for (name, address, size) in sections.lines().filter_map(section) {
        match name {
            ".stack" => memory.stack += size,
            name if NOT_USED.contains(&name) => {}
            _ if RAM.iter().any(|ram| ram.contains(&address)) => memory.statics += size,
            _ => {}
        }
    }
    for (address, size) in symbols.lines().filter_map(heap) {
        memory.heap += size;
        if !in_bootloader(sections, address) {
            memory.statics -= size;
        }
    }
    memory
}

/// Whether a piece of the heap lies where the bootloader was, which is not among the variables.
fn in_bootloader(sections: &str, at: u64) -> bool {
    sections
        .lines()
        .filter_map(section)
        .any(|(name, address, size)| name == ".dram2_uninit" && (address..address + size).contains(&at))
}

/// Name, address and size of a line of `readelf` about a section that exists at run time.
fn section(line: &str) -> Option<(&str, u64, u64)> {
    let (_, line) = line.split_once(']')?;
    let words: Vec<&str> = line.split_whitespace().collect();
    let [name, _kind, address, _offset, size, _entry, flags, ..] = words[..] else { return None };
    let hex = |text| u64::from_str_radix(text, 16).ok();
    flags.contains('A').then_some((name, hex(address)?, hex(size)?))
}

/// Address and size of a line of `nm` about a piece of the heap: what `esp_alloc::heap_allocator!` calls `HEAP`.
fn heap(line: &str) -> Option<(u64, u64)> {
    let mut words = line.splitn(4, ' ');
    let (address, size, _, name) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let piece = name.ends_with("::HEAP") && !name.starts_with("esp_alloc::");
    let hex = |text| u64::from_str_radix(text, 16).ok();
    piece.then_some((hex(address)?, hex(size)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECTIONS: &str = "\
  [ 2] .rwtext           PROGBITS        40800000 0017bc 000100 00  AX  0   0  4
  [ 6] .bss              NOBITS          40817b08 018b08 003000 00  WA  0   0  8
  [13] .text             PROGBITS        42030020 039020 0d5aae 00  AX  0   0  4
  [18] .rtc_fast.persistent NOBITS       50000000 115000 000204 00  WA  0   0  4
  [19] .stack            NOBITS          408566e8 1156e8 000f28 00  WA  0   0  4
  [20] .dram2_uninit     NOBITS          4086e610 116610 010000 00  WA  0   0  4
  [21] .debug_abbrev     PROGBITS        00000000 1046ee 00da7c 00      0   0  1
  [24] .comment          PROGBITS        40800000 1046ee 00da7c 01  MS  0   0  1
";
    const SYMBOLS: &str = "\
4086e610 00010000 b hub_esp32::memory::init::HEAP
40821a28 00002000 b hub_esp32::memory::init::HEAP
4081aa28 00000100 d esp_alloc::HEAP
408566e8 A _stack_end
";

    #[test]
    fn what_is_loaded_is_neither_zeroed_nor_for_the_debugger() {
        assert_eq!(loaded_of(SECTIONS), 0x100 + 0xd_5aae);
        assert_eq!(loaded_of("no sections\n"), 0);
    }

    #[test]
    fn the_heap_is_not_counted_among_the_variables() {
        assert_eq!(count(SECTIONS, SYMBOLS), Memory { statics: 0x1100, heap: 0x12000, stack: 0xf28 });
    }
}
