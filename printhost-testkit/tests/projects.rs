//! What the suite makes up is what others can read.

use std::{fs, process::Command};

use printhost_testkit::Project;

/// Python's `zipfile` checks every entry, and its `hashlib` what the archive says of its own plates.
const READER: &str = r#"
import hashlib, sys, xml.etree.ElementTree as ElementTree, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    assert archive.testzip() is None
    names = archive.namelist()
    for text in ("[Content_Types].xml", "_rels/.rels", "3D/3dmodel.model", "Metadata/model_settings.config"):
        ElementTree.fromstring(archive.read(text))
    info = ElementTree.fromstring(archive.read("Metadata/slice_info.config"))
    plates = [plate.find("metadata[@key='index']").get("value") for plate in info.findall("plate")]
    assert plates == sys.argv[2:], plates
    assert sorted(n for n in names if n.endswith(".gcode")) == sorted(f"Metadata/plate_{n}.gcode" for n in plates)
    for plate in plates:
        gcode = archive.read(f"Metadata/plate_{plate}.gcode")
        told = archive.read(f"Metadata/plate_{plate}.gcode.md5").decode()
        assert told == hashlib.md5(gcode).hexdigest().upper(), told
        assert f"; plate {plate}\n".encode() in gcode and gcode.count(b"G4 P250\n") == 12, gcode[:300]
        print(plate, len(gcode))
"#;

#[test]
fn project_is_an_archive_that_python_reads() {
    let folder = std::env::temp_dir().join(format!("printhost-projects-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    for (plates, ballast) in [(&["1"][..], 0), (&["2", "13"], 3_000), (&[], 0)] {
        let numbers: Vec<u16> = plates.iter().map(|plate| plate.parse().unwrap()).collect();
        let mut project = Project::with_ballast(&numbers, 4_096, 3, ballast);
        let mut bytes = vec![0; project.len() as usize];
        assert_eq!(project.fill(&mut bytes), bytes.len());
        let file = folder.join("project.gcode.3mf");
        fs::write(&file, &bytes).unwrap();
        let mut python = Command::new("python3");
        let read = python.args(["-c", READER]).arg(&file).args(plates).output().unwrap();
        assert!(read.status.success(), "{plates:?}: {}", String::from_utf8_lossy(&read.stderr));
        assert_eq!(read.stdout.iter().filter(|byte| **byte == b'\n').count(), plates.len());
    }
    fs::remove_dir_all(&folder).unwrap();
}
