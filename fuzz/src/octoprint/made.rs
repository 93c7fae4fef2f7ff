//! Answers as OctoPrint could give them: well-typed, with values that it never has.

use libfuzzer_sys::arbitrary::{Result, Unstructured};

const FLAGS: [&str; 10] = [
    "operational",
    "printing",
    "cancelling",
    "pausing",
    "resuming",
    "finishing",
    "closedOrError",
    "error",
    "paused",
    "sdReady",
];
const TEXTS: [&str; 10] = [
    "Operational",
    "Printing",
    "Starting print from SD",
    "Paused",
    "Connecting",
    "Opening serial connection",
    "Offline",
    "Offline after error",
    "Error: MINTEMP",
    "",
];
const NUMBERS: [&str; 9] = ["null", "0", "1", "18.35", "100", "100.5", "-1", "1e30", "4294967296"];
const STRINGS: [&str; 7] =
    ["null", "\"\"", "\"a.gcode\"", "\"sub/ü b.gcode\"", "\"folder\"", "\"machinecode\"", "\"x\\n\""];

/// `GET /api/printer`
pub fn printer(u: &mut Unstructured<'_>) -> Result<String> {
    Ok(format!("{{\"temperature\": {}, \"state\": {}}}", temperatures(u)?, state(u)?))
}

/// `GET /api/job`
pub fn job(u: &mut Unstructured<'_>) -> Result<String> {
    let (text, error) = (u.choose(&TEXTS)?, u.choose(&STRINGS)?);
    Ok(format!(
        "{{\"job\": {}, \"progress\": {}, \"state\": \"{text}\", \"error\": {error}}}",
        file_of_job(u)?,
        progress(u)?
    ))
}

/// An entry of `GET /api/files/local`
pub fn file(u: &mut Unstructured<'_>) -> Result<String> {
    let path = u.choose(&STRINGS[1..])?;
    let (kind, size, date) = (u.choose(&STRINGS)?, whole(u)?, u.choose(&NUMBERS)?);
    let hash = match u.int_in_range(0..=3)? {
        0 => "null".to_owned(),
        n => {
            let mut digits = String::new();
            for _ in 0..u.choose(&[39, 40, 40, 40, 41])? - usize::from(n > 2) {
                digits.push(char::from(*u.choose(b"0123456789abcdefABCDEF")?));
            }
            format!("\"{digits}{}\"", if n > 2 { u.choose(&["+", "-", " ", "g", "7"])? } else { "" })
        }
    };
    Ok(format!(
        "{{\"path\": {path}, \"type\": {kind}, \"size\": {size}, \"date\": {date}, \"hash\": {hash}}}"
    ))
}

/// `GET /api/files/local`
pub fn listing(u: &mut Unstructured<'_>) -> Result<String> {
    let mut files = Vec::new();
    for _ in 0..u.int_in_range(0..=9)? {
        files.push(file(u)?);
    }
    Ok(format!("{{\"files\": [{}], \"free\": 1, \"total\": 2}}", files.join(", ")))
}

/// Messages of the push connection, one a line.
pub fn push(u: &mut Unstructured<'_>) -> Result<String> {
    let mut lines = Vec::new();
    for _ in 0..u.int_in_range(1..=6)? {
        lines.push(match u.int_in_range(0..=2)? {
            0 => {
                let kind = u.choose(&[
                    "PrintStarted",
                    "PrintPaused",
                    "PrintResumed",
                    "PrintDone",
                    "PrintCancelled",
                    "PrintFailed",
                    "Home",
                ])?;
                let (path, reason) = (u.choose(&STRINGS)?, u.choose(&STRINGS)?);
                format!("{{\"event\": {{\"type\": \"{kind}\", \"payload\": {{\"path\": {path}, \"reason\": {reason}}}}}}}")
            }
            kind => {
                let kind = if kind == 1 { "current" } else { "history" };
                let mut temps = Vec::new();
                for _ in 0..u.int_in_range(0..=3)? {
                    temps.push(temperatures(u)?);
                }
                let (state, file, progress) = (state(u)?, file_of_job(u)?, progress(u)?);
                format!(
                    "{{\"{kind}\": {{\"state\": {state}, \"job\": {file}, \"progress\": {progress}, \"temps\": [{}]}}}}",
                    temps.join(", ")
                )
            }
        });
    }
    Ok(lines.join("\n"))
}

fn state(u: &mut Unstructured<'_>) -> Result<String> {
    let mut flags = Vec::new();
    for name in FLAGS {
        if u.ratio(2, 5)? {
            flags.push(format!("\"{name}\": {}", u.ratio(3, 4)?));
        }
    }
    let (text, error) = (u.choose(&TEXTS)?, u.choose(&STRINGS)?);
    Ok(format!("{{\"text\": \"{text}\", \"flags\": {{{}}}, \"error\": {error}}}", flags.join(", ")))
}

fn file_of_job(u: &mut Unstructured<'_>) -> Result<String> {
    let path = u.choose(&STRINGS)?;
    Ok(format!("{{\"file\": {{\"path\": {path}, \"size\": {}}}, \"filament\": null}}", whole(u)?))
}

fn progress(u: &mut Unstructured<'_>) -> Result<String> {
    let (done, time, left) = (u.choose(&NUMBERS)?, u.choose(&NUMBERS)?, u.choose(&NUMBERS)?);
    Ok(format!(
        "{{\"completion\": {done}, \"printTime\": {time}, \"printTimeLeft\": {left}, \"filepos\": 7}}"
    ))
}

fn temperatures(u: &mut Unstructured<'_>) -> Result<String> {
    let mut members = vec!["\"time\": 1".to_owned()];
    for name in ["bed", "tool0", "chamber", "tool1", "tool15", "tool16", "toolx"] {
        if u.arbitrary()? {
            let (actual, target) = (u.choose(&NUMBERS)?, u.choose(&NUMBERS)?);
            members.push(format!("\"{name}\": {{\"actual\": {actual}, \"target\": {target}}}"));
        }
    }
    Ok(format!("{{{}}}", members.join(", ")))
}

fn whole(u: &mut Unstructured<'_>) -> Result<&'static str> {
    Ok(u.choose(&["null", "0", "4", "1008", "18446744073709551615"])?)
}
