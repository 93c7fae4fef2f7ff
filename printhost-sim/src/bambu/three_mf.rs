//! Sliced projects (`.gcode.3mf`): ZIP archives with the G-code of each plate.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::bufread::DeflateDecoder;
use flate2::write::DeflateEncoder;
use md5::{Digest, compute};
use rawzip::{CompressionMethod, Error, ZipArchive, ZipArchiveWriter};

/// No plate has more, so that a small file cannot fill the memory.
const LONGEST_PLATE: u64 = 256 << 20;

const CONTENT_TYPES: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
 <Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
 <Default Extension="model" ContentType="application/vnd.ms-package.3dmanufacturing-3dmodel+xml"/>
 <Default Extension="gcode" ContentType="text/x.gcode"/>
</Types>
"#;

const RELATIONSHIPS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
 <Relationship Target="/3D/3dmodel.model" Id="rel-1" Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/>
</Relationships>
"#;

const MODEL: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<model unit="millimeter" xmlns="http://schemas.microsoft.com/3dmanufacturing/core/2015/02"><resources/><build/></model>
"#;

/// A sliced project of one plate with this G-code, which uses one filament.
///
/// # Panics
///
/// It would be longer than 4 GiB.
pub fn three_mf(gcode: &str) -> Vec<u8> {
    three_mf_of(&[(1, gcode)])
}

/// A sliced project of some plates, each with its number and G-code.
///
/// # Panics
///
/// As [`three_mf`].
pub fn three_mf_of(plates: &[(u32, &str)]) -> Vec<u8> {
    write(plates).expect("an archive in memory is written")
}

/// What cannot be printed about a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// It is no ZIP archive, or one that is damaged.
    Unreadable,
    NoSuchPlate,
}

/// The G-code of a plate, by its path in the archive.
pub(super) fn plate(archive: &[u8], path: &str) -> Result<Vec<u8>, Flaw> {
    read(archive, path).map_err(|_| Flaw::Unreadable)?.ok_or(Flaw::NoSuchPlate)
}

/// The path of the plate with the lowest number.
pub(super) fn first_plate(archive: &[u8]) -> Option<String> {
    let archive = ZipArchive::from_slice(archive).ok()?;
    let mut entries = archive.entries();
    let mut first = None;
    while let Some(entry) = entries.next_entry().ok()? {
        let path = entry.file_path();
        let number = str::from_utf8(path.as_ref()).ok().and_then(|path| {
            path.strip_prefix("Metadata/plate_")?.strip_suffix(".gcode")?.parse::<u32>().ok()
        });
        first = first.into_iter().chain(number).min();
    }
    first.map(|number| format!("Metadata/plate_{number}.gcode"))
}

fn read(archive: &[u8], path: &str) -> Result<Option<Vec<u8>>, Error> {
    let archive = ZipArchive::from_slice(archive)?;
    let mut entries = archive.entries();
    while let Some(entry) = entries.next_entry()? {
        if entry.file_path().as_ref() != path.as_bytes() {
            continue;
        }
        let method = entry.compression_method();
        let found = archive.get_entry(entry.wayfinder())?;
        let mut text = Vec::new();
        if method == CompressionMethod::DEFLATE {
            let decoder = DeflateDecoder::new(found.data());
            found.verifying_reader(decoder).take(LONGEST_PLATE).read_to_end(&mut text)
        } else {
            found.verifying_reader(found.data()).take(LONGEST_PLATE).read_to_end(&mut text)
        }?;
        return Ok(Some(text));
    }
    Ok(None)
}

fn write(plates: &[(u32, &str)]) -> Result<Vec<u8>, Error> {
    let mut output = Vec::new();
    let mut archive = ZipArchiveWriter::new(&mut output);
    let mut add = |path: &str, text: &str| -> Result<(), Error> {
        let (mut entry, config) =
            archive.new_file(path).compression_method(CompressionMethod::DEFLATE).start()?;
        let mut writer = config.wrap(DeflateEncoder::new(&mut entry, Compression::fast()));
        writer.write_all(text.as_bytes())?;
        let (encoder, descriptor) = writer.finish()?;
        encoder.finish()?;
        entry.finish(descriptor)?;
        Ok(())
    };
    add("[Content_Types].xml", CONTENT_TYPES)?;
    add("_rels/.rels", RELATIONSHIPS)?;
    add("3D/3dmodel.model", MODEL)?;
    for (number, gcode) in plates {
        add(&format!("Metadata/plate_{number}.gcode"), gcode)?;
        let digest: Digest = compute(gcode);
        add(&format!("Metadata/plate_{number}.gcode.md5"), &format!("{digest:X}"))?;
        let plate =
            r##"{"bed_type":"textured_plate","filament_colors":["#FFFFFF"],"filament_ids":[0],"version":2}"##;
        add(&format!("Metadata/plate_{number}.json"), plate)?;
    }
    add("Metadata/slice_info.config", &slice_info(plates))?;
    archive.finish()?;
    Ok(output)
}

fn slice_info(plates: &[(u32, &str)]) -> String {
    let mut text = concat!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<config>\n  <header>\n",
        "    <header_item key=\"X-BBL-Client-Type\" value=\"slicer\"/>\n  </header>\n",
    )
    .to_owned();
    for (number, _) in plates {
        text.push_str(&format!("  <plate>\n    <metadata key=\"index\" value=\"{number}\"/>\n"));
        text.push_str("    <metadata key=\"prediction\" value=\"60\"/>\n");
        text.push_str("    <metadata key=\"weight\" value=\"1.00\"/>\n");
        text.push_str("    <object identify_id=\"100\" name=\"cube\" skipped=\"false\"/>\n");
        text.push_str("    <filament id=\"1\" tray_info_idx=\"GFL99\" type=\"PLA\" color=\"#FFFFFF\" used_m=\"0.33\" used_g=\"1.00\"/>\n");
        text.push_str("  </plate>\n");
    }
    text.push_str("</config>\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plate_is_found_by_its_path_and_no_other_is() {
        let archive = three_mf_of(&[(2, "G28\n"), (5, "G1 X1\n")]);
        assert_eq!(plate(&archive, "Metadata/plate_5.gcode"), Ok(b"G1 X1\n".to_vec()));
        assert_eq!(plate(&archive, "Metadata/plate_1.gcode"), Err(Flaw::NoSuchPlate));
        assert_eq!(first_plate(&archive).as_deref(), Some("Metadata/plate_2.gcode"));
        assert_eq!(plate(&archive[..archive.len() / 2], "Metadata/plate_5.gcode"), Err(Flaw::Unreadable));
    }
}
