//! Listings as `ls -l` writes them.

use std::time::{SystemTime, UNIX_EPOCH};

use super::super::store::{File, Store, parent};

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// What is older is listed with its year instead of the time of day.
const HALF_A_YEAR: i64 = 182 * DAY;
const DAY: i64 = 24 * 3600;

/// What is in a folder, or a file by itself.
pub(super) fn lines(store: &Store, path: &str) -> String {
    let now = seconds(SystemTime::now());
    let entries = entries(store, path);
    entries.iter().map(|(name, file)| line(name, file.as_ref(), now)).collect()
}

pub(super) fn names(store: &Store, path: &str, whole_paths: bool) -> String {
    let folder = if store.is_folder(path) { path } else { parent(path) };
    let prefix = match (whole_paths, folder) {
        (false, _) => String::new(),
        (true, "") => "/".to_owned(),
        (true, folder) => format!("/{folder}/"),
    };
    entries(store, path).iter().map(|(name, _)| format!("{prefix}{name}\r\n")).collect()
}

fn entries(store: &Store, path: &str) -> Vec<(String, Option<File>)> {
    match store.file(path) {
        Some(file) => {
            let name = path.rsplit('/').next().unwrap_or_default();
            vec![(name.to_owned(), Some(file.clone()))]
        }
        None => store.list(path),
    }
}

fn line(name: &str, file: Option<&File>, now: i64) -> String {
    let (mode, links, size, changed) = match file {
        Some(file) => ("-rw-r--r--", 1, file.size, seconds(file.changed)),
        None => ("drwxr-xr-x", 2, 4096, now),
    };
    let (year, month, day) = date(changed);
    let month = MONTHS[month as usize - 1];
    let of_day = changed.rem_euclid(DAY);
    let time = if now - changed > HALF_A_YEAR {
        format!(" {year}")
    } else {
        format!("{:02}:{:02}", of_day / 3600, of_day / 60 % 60)
    };
    format!("{mode} {links:>4} 1000     1000     {size:>8} {month} {day:02} {time} {name}\r\n")
}

/// As `MDTM` answers.
pub(super) fn stamp(time: SystemTime) -> String {
    let time = seconds(time);
    let ((year, month, day), of_day) = (date(time), time.rem_euclid(DAY));
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
}

fn seconds(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().cast_signed())
}

/// Year, month and day of a time since 1970, in the calendar of today; by Howard Hinnant's method.
fn date(seconds: i64) -> (i64, i64, i64) {
    let days = seconds.div_euclid(DAY) + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let of_era_year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * of_era_year + of_era_year / 4 - of_era_year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (of_era_year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_the_dates_of_the_calendar() {
        assert_eq!(date(0), (1970, 1, 1));
        assert_eq!(date(951_782_400), (2000, 2, 29));
        assert_eq!(date(1_781_654_400), (2026, 6, 17));
    }
}
