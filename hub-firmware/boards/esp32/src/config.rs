//! The configuration in flash: the partition `hub` of `partitions.csv`.

use alloc::{boxed::Box, vec, vec::Vec};

use esp_bootloader_esp_idf::partitions::{PARTITION_TABLE_MAX_LEN, read_partition_table};
use esp_hal::peripherals::FLASH;
use esp_storage::FlashStorage;
use hub_firmware::Config;

const PARTITION: &str = "hub";
/// As much of the partition as is read.
const SIZE: u32 = 4096;

/// Reads the configuration; `None` when there is no such partition or its content is not UTF-8. Call it once: what is
/// read stays in memory.
pub(crate) fn read(flash: FLASH<'static>) -> Option<Config<'static>> {
    let mut flash = FlashStorage::new(flash);
    let mut table = vec![0; PARTITION_TABLE_MAX_LEN];
    let table = read_partition_table(&mut flash, &mut table).ok()?;
    let partition = table.iter().find(|partition| partition.label_as_str() == PARTITION)?;
    let mut content: Vec<u8> = vec![0xFF; partition.len().min(SIZE) as usize];
    partition.as_flash_region(&mut flash).read(0, &mut content).ok()?;
    let end = content.iter().position(|byte| matches!(byte, 0 | 0xFF)).unwrap_or(content.len());
    content.truncate(end);
    Config::parse(Box::leak(content.into_boxed_slice()))
}
