//! `GET /server/files/metadata`

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use printhost_core::PrintHost as _;

use super::{answer, bound, driver, model, network};
use crate::{
    host::{response, settle},
    json::Json,
    memory,
};

pub fn run(data: &[u8]) {
    judge(data, false);
    if let Ok(made) = made(&mut Unstructured::new(data)) {
        judge(made.as_bytes(), true);
    }
}

/// The driver may refuse what is read here; but not what was made for it.
fn judge(data: &[u8], made: bool) {
    let answer = |head: &str| answer(head, |_, _| response("200 OK", data));
    let net = network(&answer);
    let told = memory::within(bound(data, &net), || settle(driver(&net).file_info("a b/x.gcode")));
    let told = told.expect("an end");
    let expected = Json::parse(data).map(|json| model::details("a b", "x.gcode", json.get("result")?));
    if let Some(Ok(expected)) = expected
        && (made || told.is_ok())
    {
        assert_eq!(told, Ok(expected));
    }
}

const NUMBERS: [&str; 9] = ["null", "0", "1", "32", "152.5", "-1", "1e30", "1795207604.5205247", "1e-12"];
const PATHS: [&str; 5] =
    ["null", "\"\"", "\".thumbs/x-32x32.png\"", "\"\\u00fc/../x.png\"", "\".thumbs/x \\\"1\\\".png\""];

/// As Moonraker could give it: well-typed, with values that it never has.
fn made(u: &mut Unstructured<'_>) -> Result<String> {
    let mut members = vec!["\"filename\": \"a b/x.gcode\"".to_owned()];
    for name in ["size", "modified", "estimated_time", "filament_total", "print_start_time", "layer_height"] {
        if u.ratio(3, 4)? {
            members.push(format!("\"{name}\": {}", u.choose(&NUMBERS)?));
        }
    }
    if u.arbitrary()? {
        members.push("\"file_processors\": [\"preprocess_cancellation\", null]".into());
    }
    if u.ratio(3, 4)? {
        let mut pictures = Vec::new();
        for _ in 0..u.int_in_range(0..=3)? {
            let (wide, high, path) = (u.choose(&NUMBERS)?, u.choose(&NUMBERS)?, u.choose(&PATHS)?);
            pictures.push(format!(
                "{{\"width\": {wide}, \"height\": {high}, \"size\": 102, \"relative_path\": {path}}}"
            ));
        }
        members.push(format!("\"thumbnails\": [{}]", pictures.join(", ")));
    }
    Ok(format!("{{\"result\": {{{}}}}}", members.join(", ")))
}
